// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/warm_job.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/chunk_halver.h"
#include "sidecar/service/document_renderer.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_job.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/push_spool.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/service/text_cutter.h"
#include "versioning/document.h"
#include "versioning/job_record.h"
#include "versioning/store.h"

namespace copse {
namespace {

// What is embedded at once: enough to keep all requests of a profile busy.
constexpr size_t kChunkCountAtOnce = 8192;
constexpr size_t kSizeBytesAtOnce = size_t{8} << 20;

constexpr absl::string_view kPhaseName = "embedding";

bool NeedsEmbedding(const Document& document) {
  return !document.vector.has_value() && document.text.has_value() &&
         !document.text->empty();
}

absl::Status CheckIsCached(const Embedder& embedder, absl::string_view domain) {
  if (embedder.profile().dialect != EmbeddingDialect::kBuiltin) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "domain '", domain, "' has embedding profile '", embedder.name(),
          "', which is computed inside copse and not cached, so there is "
          "nothing to warm")),
      "EMBEDDINGS_NOT_CACHED",
      {{"domain", std::string(domain)},
       {"embedding_profile", std::string(embedder.name())}});
}

class WarmWork final : public JobWork {
 public:
  explicit WarmWork(const PushServices& services) : services_(services) {}

  absl::Status Run(Job& job, const CallContext& context) override {
    const JobRecord record = job.record();
    COPSE_RETURN_IF_ERROR(CheckSameDomain(*services_.store, record));
    COPSE_ASSIGN_OR_RETURN(const DomainInfo domain,
                           services_.store->GetDomain(record.domain));
    COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Embedder> embedder,
                           services_.embedders->Get(domain.options, context));
    COPSE_ASSIGN_OR_RETURN(
        TextCutter cutter,
        services_.embedders->MakeCutter(domain.options, embedder->profile()));
    COPSE_ASSIGN_OR_RETURN(DocumentRenderer renderer,
                           DocumentRenderer::Make(domain.options));
    TextWarmer warmer(std::move(embedder), std::move(cutter),
                      std::move(renderer), job, context);
    int64_t number = 0;
    COPSE_RETURN_IF_ERROR(ReadPushSpool(
        services_.store->jobs(), job.id(), record,
        [&](PushOperation operation) {
          ++number;
          auto* upsert = std::get_if<UpsertOperation>(&operation);
          return upsert == nullptr ? absl::OkStatus()
                                   : warmer.Add(std::move(*upsert), number);
        }));
    return warmer.Finish();
  }

 private:
  const PushServices services_;
};

}  // namespace

// ---- WarmIntake ------------------------------------------------------------

absl::StatusOr<std::unique_ptr<WarmIntake>> WarmIntake::Begin(
    const PushServices& services, JobRunner& runner, absl::string_view domain,
    const CallContext& context) {
  COPSE_RETURN_IF_ERROR(context.Check());
  COPSE_ASSIGN_OR_RETURN(DomainInfo info, services.store->GetDomain(domain));
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Embedder> embedder,
                         services.embedders->Get(info.options, context));
  COPSE_RETURN_IF_ERROR(CheckIsCached(*embedder, domain));
  COPSE_RETURN_IF_ERROR(services.store->jobs().CheckFreeSpace());
  return std::unique_ptr<WarmIntake>(
      new WarmIntake(services, runner, context, std::move(info)));
}

WarmIntake::WarmIntake(const PushServices& services, JobRunner& runner,
                       const CallContext& context, DomainInfo domain)
    : services_(services),
      runner_(runner),
      context_(context),
      domain_(std::move(domain)),
      job_id_(runner.NewId()),
      spool_(services.store->jobs(), job_id_) {}

absl::Status WarmIntake::Add(PushOperation operation) {
  COPSE_RETURN_IF_ERROR(context_.Check());
  ++progress_.operation_count;
  COPSE_RETURN_IF_ERROR(CheckPushOperation(operation, domain_.options,
                                           progress_.operation_count));
  const absl::Status status = spool_.Add(operation);
  return absl::IsInvalidArgument(status)
             ? WithOperationNumber(status, progress_.operation_count)
             : status;
}

absl::StatusOr<std::shared_ptr<Job>> WarmIntake::Accept(
    std::optional<int64_t> operation_count) {
  COPSE_RETURN_IF_ERROR(
      CheckPushOperationCount(operation_count, progress_.operation_count));
  COPSE_RETURN_IF_ERROR(context_.Check());
  COPSE_RETURN_IF_ERROR(spool_.Finish());
  JobRecord record;
  record.kind = JobKind::kWarm;
  record.domain = domain_.options.domain;
  record.domain_number = domain_.domain_number;
  record.phase = std::string(kPhaseName);
  record.progress.total_count = progress_.operation_count;
  record.has_payload_file = spool_.has_file();
  record.payload = spool_.TakeInline();
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Job> job,
                         runner_.Submit(job_id_, std::move(record),
                                        std::make_unique<WarmWork>(services_)));
  spool_.Keep();
  return job;
}

// ---- TextWarmer ------------------------------------------------------------

TextWarmer::TextWarmer(std::shared_ptr<Embedder> embedder, TextCutter cutter,
                       DocumentRenderer renderer, Job& job,
                       const CallContext& context)
    : embedder_(std::move(embedder)),
      cutter_(std::move(cutter)),
      renderer_(std::move(renderer)),
      job_(job),
      context_(context) {
  progress_.total_count = job.summary().progress.total_count;
}

absl::Status TextWarmer::Add(UpsertOperation operation,
                             int64_t operation_number) {
  COPSE_RETURN_IF_ERROR(context_.Check());
  progress_.done_count = operation_number - 1;
  Document& document = operation.document;
  if (!NeedsEmbedding(document)) {
    return absl::OkStatus();
  }
  const absl::Status rendered = renderer_.Render(operation);
  Pending pending = {.document_id = std::move(document.id),
                     .text = *std::move(document.text),
                     .operation_number = operation_number};
  if (!rendered.ok()) {
    Fail(pending, rendered.message());
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<ChunkPlace>> places = cutter_.Cut(pending.text);
  if (!places.ok()) {
    Fail(pending, places.status().message());
    return absl::OkStatus();
  }
  pending.places = *std::move(places);
  if (pending.places.empty()) {
    pending.places.push_back(
        {.size_bytes = static_cast<uint32_t>(pending.text.size())});
  }
  chunk_count_ += pending.places.size();
  pending_size_bytes_ += pending.text.size();
  pending_.push_back(std::move(pending));
  return chunk_count_ < kChunkCountAtOnce &&
                 pending_size_bytes_ < kSizeBytesAtOnce
             ? absl::OkStatus()
             : EmbedPending();
}

absl::Status TextWarmer::Finish() {
  COPSE_RETURN_IF_ERROR(EmbedPending());
  progress_.done_count = progress_.total_count;
  Report();
  job_.Update(
      [this](JobRecord& record) { record.failures = std::move(failures_); });
  return absl::OkStatus();
}

absl::Status TextWarmer::EmbedPending() {
  std::vector<absl::string_view> texts;
  for (const Pending& document : pending_) {
    for (const ChunkPlace& place : document.places) {
      texts.push_back(TextAt(document.text, place));
    }
  }
  if (!texts.empty()) {
    COPSE_ASSIGN_OR_RETURN(std::vector<EmbeddingOutcome> outcomes,
                           EmbedTexts(texts));
    auto next = std::make_move_iterator(outcomes.begin());
    for (const Pending& document : pending_) {
      const auto end = next + static_cast<ptrdiff_t>(document.places.size());
      COPSE_RETURN_IF_ERROR(Settle(document, {next, end}));
      next = end;
    }
  }
  pending_.clear();
  chunk_count_ = 0;
  pending_size_bytes_ = 0;
  Report();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<EmbeddingOutcome>> TextWarmer::EmbedTexts(
    const std::vector<absl::string_view>& texts) {
  EmbedStatistics statistics;
  EmbedContext embed_context = ToEmbedContext(context_);
  embed_context.statistics = &statistics;
  absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes =
      embedder_->Embed(texts, EmbeddingRole::kDocument, embed_context);
  progress_.cache_hit_count += statistics.cache_hit_count;
  progress_.token_count += statistics.token_count;
  progress_.request_count += statistics.request_count;
  if (!outcomes.ok()) {
    return ToCallStatus(context_, outcomes.status());
  }
  progress_.chunk_count += static_cast<int64_t>(texts.size());
  return outcomes;
}

absl::Status TextWarmer::Settle(const Pending& document,
                                std::vector<EmbeddingOutcome> outcomes) {
  if (cutter_.may_halve()) {
    ChunkHalver halver(document.text, document.places, std::move(outcomes));
    COPSE_RETURN_IF_ERROR(
        halver.Run([this](const std::vector<absl::string_view>& texts) {
          return EmbedTexts(texts);
        }));
    outcomes = halver.TakeOutcomes();
  }
  const auto failed = std::ranges::find_if(
      outcomes, [](const EmbeddingOutcome& outcome) { return !outcome.ok(); });
  if (failed != outcomes.end()) {
    Fail(document, failed->status().message());
  }
  return absl::OkStatus();
}

void TextWarmer::Fail(const Pending& document, absl::string_view message) {
  ++progress_.failed_count;
  failures_size_bytes_ += document.document_id.size() + message.size();
  if (failures_size_bytes_ <= kJobFailuresSizeBytesMax) {
    failures_.push_back({document.document_id, document.operation_number,
                         std::string(message)});
  }
}

void TextWarmer::Report() { job_.SetProgress(kPhaseName, progress_); }

// ---- WarmJobHandler --------------------------------------------------------

absl::StatusOr<std::unique_ptr<JobWork>> WarmJobHandler::Prepare(
    const JobId& /*id*/, const JobRecord& /*record*/) {
  return std::make_unique<WarmWork>(services_);
}

void WarmJobHandler::BeforeResume(const JobRecord& record) {
  EndEmbeddingPause(services_, record);
}

void WarmJobHandler::Discard(const JobId& id) {
  // If it fails, the next start does it.
  RemovePushSpool(services_.store->jobs(), id).IgnoreError();
}

}  // namespace copse
