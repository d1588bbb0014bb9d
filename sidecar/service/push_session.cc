// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/push_session.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/embedding/text_check.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/chunk_halver.h"
#include "sidecar/service/document_renderer.h"
#include "sidecar/service/embedding_task.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/util/utf8.h"
#include "versioning/commit.h"
#include "versioning/commit_builder.h"
#include "versioning/document.h"
#include "versioning/store.h"

namespace copse {
namespace {

// Failures that the message of DOCUMENTS_FAILED names; all are in failures().
constexpr size_t kNamedFailureCountMax = 3;

// Batches that wait for their vectors, whatever the profile allows.
constexpr size_t kWaitingCountMax = 18;

// How often progress is told while a batch is waited for.
constexpr absl::Duration kProgressInterval = absl::Milliseconds(100);

// What the database says of a commit is kept as given, up to this.
constexpr size_t kCommitTextSizeBytesMax = size_t{64} << 10;

absl::Status CheckLength(absl::string_view field, absl::string_view text) {
  if (text.size() <= kCommitTextSizeBytesMax) {
    return absl::OkStatus();
  }
  return FieldInvalidError(
      field, absl::StrCat(text.size(), " bytes long"),
      absl::StrCat("at most ", kCommitTextSizeBytesMax, " bytes"));
}

// Returns about the memory of `document`.
size_t SizeOf(const Document& document) {
  size_t size_bytes =
      sizeof(Document) + document.id.size() + document.type.size();
  if (document.text.has_value()) {
    size_bytes += document.text->size();
  }
  if (document.vector.has_value()) {
    size_bytes += document.vector->size() * sizeof(float);
  }
  for (const auto& [name, value] : document.attributes) {
    size_bytes += sizeof(AttributeValue) + name.size();
    if (const auto* text = std::get_if<std::string>(&value)) {
      size_bytes += text->size();
    }
  }
  return size_bytes;
}

// Returns whether there is nothing that a vector could be made of.
bool IsEmptyDocument(const Document& document) {
  return !document.vector.has_value() &&
         (!document.text.has_value() || document.text->empty());
}

// Names a document in an error, however long or strange its ID is.
std::string Quoted(absl::string_view document_id) {
  constexpr size_t kSizeBytesMax = 200;
  const absl::string_view cut = CutUtf8(document_id, kSizeBytesMax);
  return absl::StrCat("'", cut, cut.size() < document_id.size() ? "..." : "",
                      "'");
}

// Returns why a document cannot be in a domain; an empty one only fails.
absl::Status CheckUpsert(const Document& document,
                         const DomainOptions& domain) {
  COPSE_RETURN_IF_ERROR(CheckDocumentId(document.id));
  if (IsEmptyDocument(document)) {
    return absl::OkStatus();
  }
  // Before CheckDocument(), which does not know what the domain wants.
  if (document.vector.has_value()) {
    const absl::Status status =
        CheckVectorOfDomain(domain.metric, domain.dimension, *document.vector);
    if (!status.ok()) {
      return AnnotateStatus(status,
                            absl::StrCat("document ", Quoted(document.id)));
    }
  }
  return CheckDocument(document);
}

absl::Status AbortedError(const AbortOperation& operation,
                          int64_t operation_number) {
  const absl::string_view message =
      CutUtf8(operation.message, PushSession::kFailureMessageSizeBytesMax);
  return WithReason(absl::CancelledError(absl::StrCat(
                        "the push was aborted by operation ", operation_number,
                        message.empty() ? "" : ": ", message)),
                    "PUSH_ABORTED",
                    {{"operation", absl::StrCat(operation_number)},
                     {"message", std::string(message)}});
}

// Whether the vectors of a text are the same in all roles.
bool HasOneRole(const Embedder& embedder) {
  return embedder.profile().dialect == EmbeddingDialect::kBuiltin;
}

std::optional<PushPhase> ToPushPhase(CommitPhase phase) {
  switch (phase) {
    case CommitPhase::kAppending:
      return PushPhase::kAppending;
    case CommitPhase::kSyncing:
      return PushPhase::kSyncing;
    case CommitPhase::kFolding:
      return PushPhase::kIndexing;
    case CommitPhase::kPublishing:
      return PushPhase::kPublishing;
    case CommitPhase::kDone:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

absl::Status CheckPushOptions(const PushOptions& options) {
  const CommitOptions& commit = options.commit;
  if (commit.expected_branch_commit.has_value() && commit.branch.empty()) {
    return FieldInvalidError("expected_branch_commit", "set",
                             "to be unset without branch");
  }
  COPSE_RETURN_IF_ERROR(CheckLength("author", commit.author));
  return CheckLength("message", commit.message);
}

absl::Status CreatePushDomain(const PushServices& services,
                              const PushOptions& options,
                              const CallContext& context) {
  const CommitOptions& commit = options.commit;
  if (!options.create_domain.has_value()) {
    return absl::OkStatus();
  }
  // First what could fail without the domain, so that none is left behind.
  COPSE_RETURN_IF_ERROR(CheckName("commit", commit.commit));
  if (!commit.branch.empty()) {
    COPSE_RETURN_IF_ERROR(CheckName("branch", commit.branch));
  }
  return services.domains
      ->GetOrCreate(commit.domain, *options.create_domain, context)
      .status();
}

absl::Status CheckPushOperationCount(std::optional<int64_t> announced,
                                     int64_t arrived) {
  if (!announced.has_value() || *announced == arrived) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrFormat(
          "finish.operation_count is %d, but %d operations arrived", *announced,
          arrived)),
      "OPERATION_COUNT_DIFFERS",
      {{"field", "finish.operation_count"},
       {"found", absl::StrCat(*announced)},
       {"wanted", absl::StrCat(arrived)}});
}

absl::Status CheckPushOperation(const PushOperation& operation,
                                const DomainOptions& domain,
                                int64_t operation_number) {
  absl::Status status;
  if (const auto* upsert = std::get_if<UpsertOperation>(&operation)) {
    status = CheckUpsert(upsert->document, domain);
  } else if (const auto* erase = std::get_if<DeleteOperation>(&operation)) {
    status = CheckDocumentId(erase->document_id);
  } else if (const auto* error = std::get_if<ErrorOperation>(&operation)) {
    status = CheckDocumentId(error->document_id);
  } else {
    return AbortedError(std::get<AbortOperation>(operation), operation_number);
  }
  return status.ok() ? status : WithOperationNumber(status, operation_number);
}

absl::StatusOr<std::unique_ptr<PushSession>> PushSession::Begin(
    const PushServices& services, const PushOptions& options,
    const CallContext& context, ProgressCallback on_progress,
    std::shared_ptr<CommitClaim> claim) {
  COPSE_RETURN_IF_ERROR(context.Check());
  COPSE_RETURN_IF_ERROR(CheckPushOptions(options));
  COPSE_RETURN_IF_ERROR(CreatePushDomain(services, options, context));
  COPSE_ASSIGN_OR_RETURN(
      std::unique_ptr<CommitBuilder> builder,
      services.store->BeginCommit(options.commit, std::move(claim)));
  COPSE_ASSIGN_OR_RETURN(DocumentRenderer renderer,
                         DocumentRenderer::Make(builder->domain_options()));
  // Now that the commit is claimed: what is refused changes nothing.
  if (options.store_clustering) {
    COPSE_RETURN_IF_ERROR(
        services.store->StoreClustering(options.commit.domain).status());
  }
  return std::unique_ptr<PushSession>(
      new PushSession(services, options, context, std::move(on_progress),
                      std::move(builder), std::move(renderer)));
}

PushSession::PushSession(const PushServices& services,
                         const PushOptions& options, const CallContext& context,
                         ProgressCallback on_progress,
                         std::unique_ptr<CommitBuilder> builder,
                         DocumentRenderer renderer)
    : services_(services),
      options_(options),
      renderer_(std::move(renderer)),
      context_(context),
      on_progress_(std::move(on_progress)),
      builder_(std::move(builder)) {}

PushSession::PushSession(const PushServices& services,
                         std::unique_ptr<CommitBuilder> builder,
                         const CallContext& context,
                         ProgressCallback on_progress)
    : services_(services),
      options_({.commit = builder->options()}),
      context_(context),
      on_progress_(std::move(on_progress)),
      builder_(std::move(builder)) {}

PushSession::~PushSession() = default;

absl::Status PushSession::Add(PushOperation operation) {
  COPSE_RETURN_IF_ERROR(ended_);
  COPSE_CHECK(builder_ != nullptr, "Add() after Finish()");
  absl::Status status = context_.Check();
  if (status.ok()) {
    ++progress_.operation_count;
    status = Apply(std::move(operation));
  }
  return status.ok() ? status : End(status);
}

void PushSession::MoveTo(CallContext context, ProgressCallback on_progress) {
  is_held_back_ = false;
  context_ = std::move(context);
  on_progress_ = std::move(on_progress);
}

absl::StatusOr<CommitInfo> PushSession::Finish(
    std::optional<int64_t> operation_count,
    std::function<StoredJob()> make_job_record) {
  COPSE_RETURN_IF_ERROR(ended_);
  COPSE_CHECK(builder_ != nullptr, "Finish() was called before");
  if (const absl::Status counted =
          CheckPushOperationCount(operation_count, progress_.operation_count);
      !counted.ok()) {
    return End(counted);
  }
  absl::Status status = EnterPhase(PushPhase::kEmbedding);
  if (status.ok()) {
    status = Launch();
  }
  while (status.ok() && !waiting_.empty()) {
    status = Land();
  }
  if (status.ok() && !failures_.empty() && !options_.skip_failed_documents) {
    status = FailuresError();
  }
  if (!status.ok()) {
    return End(status);
  }
  CommitSummary summary = MakeSummary();
  summary.make_job_record = std::move(make_job_record);
  absl::StatusOr<CommitInfo> info =
      builder_->Commit(summary, [this](CommitPhase phase) {
        const std::optional<PushPhase> push_phase = ToPushPhase(phase);
        return push_phase.has_value() ? EnterPhase(*push_phase)
                                      : absl::OkStatus();
      });
  if (!info.ok()) {
    return End(info.status());
  }
  builder_ = nullptr;
  return info;
}

std::vector<DocumentFailure> PushSession::failures() const {
  std::vector<DocumentFailure> failures;
  failures.reserve(failures_.size());
  for (const auto& [document_id, failure] : failures_) {
    failures.push_back(
        {document_id, failure.operation_number, failure.message});
  }
  std::ranges::sort(failures, {}, &DocumentFailure::operation_number);
  return failures;
}

absl::Status PushSession::Apply(PushOperation operation) {
  COPSE_RETURN_IF_ERROR(CheckPushOperation(
      operation, builder_->domain_options(), progress_.operation_count));
  absl::Status status;
  if (auto* upsert = std::get_if<UpsertOperation>(&operation)) {
    status = ApplyUpsert(std::move(*upsert));
  } else if (auto* erase = std::get_if<DeleteOperation>(&operation)) {
    status = ApplyDelete(erase->document_id);
  } else {
    status = ApplyError(std::get<ErrorOperation>(operation));
  }
  COPSE_RETURN_IF_ERROR(status);
  if (IsBatchFull() && !is_held_back_) {
    return Launch();
  }
  return absl::OkStatus();
}

absl::Status PushSession::ApplyUpsert(UpsertOperation operation) {
  const int64_t number = progress_.operation_count;
  Document& document = operation.document;
  ForgetFailure(document.id);
  Supersede(document.id);
  if (const absl::Status rendered = renderer_.Render(operation);
      !rendered.ok()) {
    return Fail(document.id, number, rendered.message());
  }
  if (IsEmptyDocument(document)) {
    return Fail(document.id, number, "the document has no text and no vector");
  }
  COPSE_ASSIGN_OR_RETURN(const bool unchanged,
                         builder_->TryUpsertUnchanged(document));
  if (unchanged) {
    ++progress_.unchanged_document_count;
    return absl::OkStatus();
  }
  batch_->size_bytes += SizeOf(document);
  places_[document.id] = {.batch = batch_.get(),
                          .index = batch_->documents.size()};
  batch_->documents.push_back(
      {.document = std::move(document), .operation_number = number});
  return absl::OkStatus();
}

absl::Status PushSession::ApplyDelete(const std::string& document_id) {
  ForgetFailure(document_id);
  if (Supersede(document_id)) {
    // The ID was there, so the delete is not one of an unknown ID, even if the
    // builder has never heard of it.
    COPSE_ASSIGN_OR_RETURN(const bool contained,
                           builder_->Contains(document_id));
    if (!contained) {
      return absl::OkStatus();
    }
  }
  return builder_->Delete(document_id);
}

absl::Status PushSession::ApplyError(const ErrorOperation& operation) {
  ForgetFailure(operation.document_id);
  Supersede(operation.document_id);
  return Fail(operation.document_id, progress_.operation_count,
              operation.message.empty() ? "the database reports an error"
                                        : operation.message);
}

absl::Status PushSession::End(const absl::Status& status) {
  ended_ = status;
  builder_ = nullptr;
  waiting_.clear();
  batch_ = std::make_unique<Batch>();
  places_.clear();
  return ended_;
}

bool PushSession::Supersede(absl::string_view document_id) {
  const auto found = places_.find(document_id);
  if (found == places_.end()) {
    return false;
  }
  const Place place = found->second;
  Pending& pending = place.batch->documents[place.index];
  // The place stays and still counts, so that a batch of one ID over and over
  // ends, too; what it held goes, unless an embedder reads it.
  if (place.batch == batch_.get()) {
    pending.document = Document();
  }
  pending.superseded = true;
  places_.erase(found);
  return true;
}

absl::Status PushSession::Fail(const std::string& document_id,
                               int64_t operation_number,
                               absl::string_view message) {
  COPSE_RETURN_IF_ERROR(builder_->Keep(document_id));
  Failure failure{operation_number,
                  std::string(CutUtf8(message, kFailureMessageSizeBytesMax))};
  failure_size_bytes_ +=
      document_id.size() + failure.message.size() + sizeof(Failure);
  failures_.insert_or_assign(document_id, std::move(failure));
  progress_.failed_document_count = std::max(
      progress_.failed_document_count, static_cast<int64_t>(failures_.size()));
  if (failure_size_bytes_ > kFailureSizeBytesMax) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrFormat(
            "%d documents failed, more than can be listed; the last is %s: %s",
            failures_.size(), Quoted(document_id), message)),
        "TOO_MANY_FAILURES",
        {{"failed_document_count", absl::StrCat(failures_.size())}});
  }
  return absl::OkStatus();
}

void PushSession::ForgetFailure(absl::string_view document_id) {
  const auto found = failures_.find(document_id);
  if (found == failures_.end()) {
    return;
  }
  failure_size_bytes_ -=
      found->first.size() + found->second.message.size() + sizeof(Failure);
  failures_.erase(found);
}

absl::string_view PushSession::ChunkText(const Document& document,
                                         std::span<const ChunkPlace> places,
                                         size_t chunk) {
  return places.empty() ? absl::string_view(*document.text)
                        : TextAt(*document.text, places[chunk]);
}

int64_t PushSession::Batch::done_count() const {
  if (task == nullptr) {
    return 0;
  }
  const auto done = static_cast<size_t>(task->done_count());
  return std::ranges::upper_bound(text_ends, done) - text_ends.begin();
}

absl::Status PushSession::Embedding::status() const {
  for (const EmbeddingOutcome& outcome : outcomes) {
    COPSE_RETURN_IF_ERROR(outcome.status());
  }
  return absl::OkStatus();
}

absl::Status PushSession::Launch() {
  const std::unique_ptr<Batch> full =
      std::exchange(batch_, std::make_unique<Batch>());
  auto part = std::make_unique<Batch>();
  size_t chunk_count = 0;
  for (Pending& pending : full->documents) {
    if (pending.superseded) {
      continue;
    }
    if (pending.has_text()) {
      COPSE_RETURN_IF_ERROR(Cut(pending));
      chunk_count += pending.chunk_count();
    }
    part->size_bytes += SizeOf(pending.document);
    part->documents.push_back(std::move(pending));
    if (chunk_count >= kPartChunkCountMax) {
      COPSE_RETURN_IF_ERROR(
          Start(std::exchange(part, std::make_unique<Batch>())));
      chunk_count = 0;
    }
  }
  return Start(std::move(part));
}

absl::Status PushSession::Cut(Pending& pending) {
  COPSE_RETURN_IF_ERROR(PrepareEmbedder());
  absl::StatusOr<std::vector<ChunkPlace>> places =
      cutter_->Cut(*pending.document.text);
  pending.cut_status = places.status();
  if (places.ok()) {
    pending.places = *std::move(places);
  }
  return absl::OkStatus();
}

absl::Status PushSession::PrepareEmbedder() {
  if (embedder_ != nullptr) {
    return absl::OkStatus();
  }
  const DomainOptions& domain = builder_->domain_options();
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Embedder> embedder,
                         services_.embedders->Get(domain, context_));
  COPSE_ASSIGN_OR_RETURN(TextCutter cutter, services_.embedders->MakeCutter(
                                                domain, embedder->profile()));
  cutter_.emplace(std::move(cutter));
  embedder_ = std::move(embedder);
  return absl::OkStatus();
}

absl::Status PushSession::Start(std::unique_ptr<Batch> batch) {
  std::vector<absl::string_view> texts;
  std::vector<absl::string_view> first_texts;
  for (size_t i = 0; i < batch->documents.size(); ++i) {
    Pending& pending = batch->documents[i];
    places_[pending.document.id] = {.batch = batch.get(), .index = i};
    if (!pending.has_text() || !pending.cut_status.ok()) {
      continue;
    }
    pending.text_index = texts.size();
    pending.clustering_index = first_texts.size();
    first_texts.push_back(ChunkText(pending.document, pending.places, 0));
    for (size_t chunk = 0; chunk < pending.chunk_count(); ++chunk) {
      texts.push_back(ChunkText(pending.document, pending.places, chunk));
    }
    batch->text_ends.push_back(texts.size());
  }
  if (!texts.empty()) {
    batch->task =
        std::make_unique<EmbeddingTask>(embedder_, std::move(texts), context_);
    if (stores_clustering() && !HasOneRole(*embedder_)) {
      batch->clustering_task =
          std::make_unique<EmbeddingTask>(embedder_, std::move(first_texts),
                                          context_, EmbeddingRole::kClustering);
    }
  }
  waiting_size_bytes_ += batch->size_bytes;
  waiting_.push_back(std::move(batch));
  const size_t waiting_count_max = WaitingCountMax();
  while (!waiting_.empty() && (waiting_.size() > waiting_count_max ||
                               waiting_size_bytes_ > kWaitingSizeBytesMax ||
                               waiting_.front()->HasLanded())) {
    COPSE_RETURN_IF_ERROR(Land());
  }
  return absl::OkStatus();
}

size_t PushSession::WaitingCountMax() const {
  if (embedder_ == nullptr ||
      embedder_->profile().dialect == EmbeddingDialect::kBuiltin) {
    return 1;
  }
  // Twice as many as are in requests, since batches that began together end
  // together, and the next requests must be there before the next batches are.
  const EmbeddingProfileOptions& profile = embedder_->profile();
  const size_t text_count = size_t{profile.concurrency_max} *
                            profile.batch_text_count_max.value_or(256);
  return std::min(2 * text_count / kBatchDocumentCountMax + 2,
                  kWaitingCountMax);
}

absl::Status PushSession::Land() {
  const std::unique_ptr<Batch> batch = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_size_bytes_ -= batch->size_bytes;
  std::vector<EmbeddingOutcome> outcomes;
  if (batch->task != nullptr) {
    COPSE_ASSIGN_OR_RETURN(outcomes, AwaitOutcomes(*batch));
  }
  std::vector<EmbeddingOutcome> clustering;
  if (batch->clustering_task != nullptr) {
    COPSE_ASSIGN_OR_RETURN(clustering, AwaitClustering(*batch));
  }
  COPSE_RETURN_IF_ERROR(
      Write(*batch, std::move(outcomes), std::move(clustering)));
  ReportEmbedded();
  return context_.Check();
}

absl::StatusOr<std::vector<EmbeddingOutcome>> PushSession::AwaitOutcomes(
    Batch& batch) {
  EmbeddingTask& task = *batch.task;
  const int64_t before = embedded_count_;
  while (!task.WaitFor(kProgressInterval)) {
    embedded_count_ = before + batch.done_count();
    ReportEmbedded();
    // If a later one has failed, no more need be paid for this one.
    for (const std::unique_ptr<Batch>& other : waiting_) {
      if (other->task != nullptr && other->task->HasFailed()) {
        AddCosts(other->task->statistics());
        ReportProgress();
        return ToCallStatus(context_, other->task->TakeOutcomes().status());
      }
    }
  }
  embedded_count_ = before + batch.done_count();
  AddCosts(task.statistics());
  absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes = task.TakeOutcomes();
  if (!outcomes.ok()) {
    ReportProgress();  // What it cost is worth knowing all the more.
    return ToCallStatus(context_, outcomes.status());
  }
  progress_.text_count += static_cast<int64_t>(outcomes->size());
  COPSE_CHECK(outcomes->size() == batch.text_ends.back());
  return outcomes;
}

absl::StatusOr<std::vector<EmbeddingOutcome>> PushSession::AwaitClustering(
    Batch& batch) {
  EmbeddingTask& task = *batch.clustering_task;
  while (!task.WaitFor(kProgressInterval)) {
    ReportEmbedded();
  }
  AddCosts(task.statistics());
  absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes = task.TakeOutcomes();
  return outcomes.ok() ? std::move(outcomes)
                       : ToCallStatus(context_, outcomes.status());
}

std::vector<float> PushSession::ClusteringVectorOf(
    const Pending& pending, const Embedding& embedding,
    std::vector<EmbeddingOutcome>& clustering) const {
  if (!stores_clustering() || !pending.has_text()) {
    return {};
  }
  if (clustering.empty()) {
    // All roles are one, so the first chunk has the vector.
    const EmbeddingOutcome& first = embedding.outcomes.front();
    return first.ok() ? *first : std::vector<float>();
  }
  EmbeddingOutcome& outcome = clustering[pending.clustering_index];
  // One that is refused in this role only is left out of clusterings.
  return outcome.ok() ? *std::move(outcome) : std::vector<float>();
}

absl::Status PushSession::Write(const Batch& batch,
                                std::vector<EmbeddingOutcome> outcomes,
                                std::vector<EmbeddingOutcome> clustering) {
  std::vector<Embedding> embeddings;
  embeddings.reserve(batch.documents.size());
  for (const Pending& pending : batch.documents) {
    if (pending.superseded) {
      continue;
    }
    places_.erase(pending.document.id);
    if (!pending.cut_status.ok()) {
      COPSE_RETURN_IF_ERROR(Fail(pending.document.id, pending.operation_number,
                                 pending.cut_status.message()));
      continue;
    }
    Embedding& embedding = embeddings.emplace_back();
    embedding.pending = &pending;
    embedding.places = pending.places;
    if (pending.has_text()) {
      const auto first = std::make_move_iterator(
          outcomes.begin() + static_cast<ptrdiff_t>(pending.text_index));
      embedding.outcomes.assign(
          first, first + static_cast<ptrdiff_t>(pending.chunk_count()));
      embedding.clustering_vector =
          ClusteringVectorOf(pending, embedding, clustering);
      COPSE_RETURN_IF_ERROR(HalveRefused(embedding));
    }
  }
  return Stage(embeddings);
}

absl::Status PushSession::HalveRefused(Embedding& embedding) {
  if (!embedding.has_text() || !cutter_->may_halve() ||
      !MayBeTooLong(embedding.status())) {
    return absl::OkStatus();
  }
  ChunkHalver halver(*embedding.pending->document.text, embedding.places,
                     std::move(embedding.outcomes));
  const absl::Status status =
      halver.Run([this](const std::vector<absl::string_view>& texts) {
        return EmbedTexts(texts);
      });
  if (halver.has_cut()) {
    embedding.places = halver.places();
  }
  embedding.outcomes = halver.TakeOutcomes();
  return status;
}

absl::Status PushSession::Stage(std::span<const Embedding> group) {
  std::vector<EmbeddedDocument> embedded;
  std::vector<std::vector<EmbeddedChunk>> chunks(group.size());
  for (size_t i = 0; i < group.size(); ++i) {
    const Embedding& embedding = group[i];
    const Pending& pending = *embedding.pending;
    absl::Status status = embedding.status();
    if (status.ok() && embedding.places.size() > kChunkCountMax) {
      status = absl::InvalidArgumentError(
          absl::StrCat("the text has ", embedding.places.size(),
                       " chunks, expected at most ", kChunkCountMax));
    }
    if (!status.ok()) {
      COPSE_RETURN_IF_ERROR(Fail(pending.document.id, pending.operation_number,
                                 status.message()));
      continue;
    }
    EmbeddedDocument& document = embedded.emplace_back();
    document.document = &pending.document;
    document.clustering_vector = embedding.clustering_vector;
    if (!embedding.has_text()) {
      document.vector = *pending.document.vector;
      ++embedded_count_;
    } else if (embedding.places.empty()) {
      document.vector = *embedding.outcomes.front();
    }
    for (size_t chunk = 0; chunk < embedding.places.size(); ++chunk) {
      chunks[i].push_back(
          {*embedding.outcomes[chunk], embedding.places[chunk]});
    }
    // Halves of overlapping chunks may overtake each other.
    std::ranges::stable_sort(chunks[i], {}, [](const EmbeddedChunk& chunk) {
      return chunk.place.first_byte;
    });
    document.chunks = chunks[i];
  }
  return embedded.empty() ? absl::OkStatus() : builder_->Upsert(embedded);
}

absl::StatusOr<std::vector<EmbeddingOutcome>> PushSession::EmbedTexts(
    const std::vector<absl::string_view>& texts) {
  EmbeddingTask task(embedder_, texts, context_);
  while (!task.WaitFor(kProgressInterval)) {
    ReportEmbedded();
  }
  AddCosts(task.statistics());
  absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes = task.TakeOutcomes();
  return outcomes.ok() ? std::move(outcomes)
                       : ToCallStatus(context_, outcomes.status());
}

void PushSession::AddCosts(const EmbedStatistics& statistics) {
  progress_.cache_hit_count += statistics.cache_hit_count;
  progress_.token_count += statistics.token_count;
  progress_.request_count += statistics.request_count;
}

void PushSession::ReportEmbedded() {
  int64_t count = embedded_count_;
  for (const std::unique_ptr<Batch>& batch : waiting_) {
    count += batch->done_count();
  }
  progress_.embedded_document_count =
      std::max(progress_.embedded_document_count, count);
  ReportProgress();
}

absl::Status PushSession::FailuresError() const {
  const std::vector<DocumentFailure> all = failures();
  std::string message = absl::StrFormat(
      "%d %s failed and skip_failed_documents is not set: ", all.size(),
      all.size() == 1 ? "document" : "documents");
  for (size_t i = 0; i < std::min(all.size(), kNamedFailureCountMax); ++i) {
    absl::StrAppend(&message, i == 0 ? "" : "; ", "operation ",
                    all[i].operation_number, ", document ",
                    Quoted(all[i].document_id), ": ",
                    CutUtf8(all[i].message, 200));
  }
  if (all.size() > kNamedFailureCountMax) {
    absl::StrAppend(&message, "; and ", all.size() - kNamedFailureCountMax,
                    " more");
  }
  return WithReason(absl::InvalidArgumentError(message), "DOCUMENTS_FAILED",
                    {{"failed_document_count", absl::StrCat(all.size())},
                     {"operation", absl::StrCat(all[0].operation_number)},
                     {"document_id", all[0].document_id}});
}

CommitSummary PushSession::MakeSummary() const {
  CommitSummary summary;
  summary.token_count = progress_.token_count;
  for (const auto& [document_id, failure] : failures_) {
    summary.skipped_documents.push_back({document_id, failure.message});
  }
  std::ranges::sort(summary.skipped_documents, {},
                    &SkippedDocument::document_id);
  return summary;
}

absl::Status PushSession::EnterPhase(PushPhase phase) {
  progress_.phase = phase;
  ReportProgress();
  return context_.Check();
}

void PushSession::ReportProgress() {
  if (on_progress_ != nullptr) {
    on_progress_(progress_);
  }
}

}  // namespace copse
