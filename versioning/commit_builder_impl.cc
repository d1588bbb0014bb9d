// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/commit_builder_impl.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/fingerprint.h"
#include "versioning/forest_record.h"
#include "versioning/index_catalog.h"
#include "versioning/keys.h"
#include "versioning/live_set.h"
#include "versioning/live_set_store.h"
#include "versioning/query_sample.h"
#include "versioning/row_record.h"
#include "versioning/store_errors.h"
#include "versioning/vector_check.h"

namespace copse {
namespace {

// Documents that are looked up before any is written.
constexpr size_t kBatchDocumentCount = 256;

// Rows of which the vectors are in memory twice.
constexpr size_t kBatchRowCount = 256;

// How large a batch of rows and texts grows before it is written.
constexpr size_t kBatchSizeBytesMax = size_t{1} << 20;

// What the list of skipped documents may take of a manifest.
constexpr size_t kSkippedSizeBytesMax = size_t{4} << 20;

// Returns `status` with the document named in message and reason.
absl::Status AnnotateDocument(const absl::Status& status,
                              absl::string_view document_id) {
  const std::string shown = ShownName(document_id);
  absl::Status annotated =
      AnnotateStatus(status, absl::StrCat("document '", shown, "'"));
  std::optional<ErrorReason> reason = ReasonOf(annotated);
  if (!reason.has_value()) {
    return annotated;
  }
  reason->metadata.emplace_back("document_id", shown);
  return WithReason(annotated, reason->reason, reason->metadata);
}

// Returns what the manifest can hold of `skipped`. A message that is cut still
// says what is wrong; a list of megabytes is nobody's help, and the commit must
// not fail for it at its very end.
std::vector<SkippedDocument> BoundSkippedDocuments(
    const std::vector<SkippedDocument>& skipped) {
  std::vector<SkippedDocument> bounded;
  size_t size_bytes = 0;
  for (const SkippedDocument& document : skipped) {
    SkippedDocument entry = {
        .document_id = CutText(document.document_id, kDocumentIdSizeBytesMax),
        .message = CutText(document.message, kSkippedMessageSizeBytesMax)};
    size_bytes +=
        entry.document_id.size() + entry.message.size() + 2 * sizeof(uint32_t);
    if (size_bytes > kSkippedSizeBytesMax) {
      SkippedDocument& last = bounded.back();
      last.message = CutText(last.message, kSkippedMessageSizeBytesMax - 64);
      absl::StrAppend(&last.message, " (", skipped.size() - bounded.size(),
                      " more are not listed)");
      break;
    }
    bounded.push_back(std::move(entry));
  }
  return bounded;
}

// Gives `manifest` what `replayed` says of its place in the history, and of
// what its push did.
void RestoreHistory(const Manifest& replayed, Manifest& manifest) {
  manifest.parent_commits = replayed.parent_commits;
  manifest.parent_fingerprints = replayed.parent_fingerprints;
  manifest.branch = replayed.branch;
  manifest.inserted_count = replayed.inserted_count;
  manifest.replaced_count = replayed.replaced_count;
  manifest.deleted_count = replayed.deleted_count;
  manifest.unknown_delete_count = replayed.unknown_delete_count;
  manifest.skipped_documents = replayed.skipped_documents;
}

LiveSet ToLiveSet(const std::vector<Ordinal>& ordinals) {
  LiveSet set;
  for (const Ordinal ordinal : ordinals) {
    set.Add(ordinal);
  }
  return set;
}

absl::Status ChunksInvalidError(absl::string_view message) {
  return WithReason(absl::InvalidArgumentError(message), "CHUNKS_INVALID",
                    {{"field", "chunks"}});
}

// Whether no character of UTF-8 goes on at `offset`.
bool IsCharacterStart(absl::string_view text, size_t offset) {
  return offset == text.size() ||
         (static_cast<unsigned char>(text[offset]) & 0xc0) != 0x80;
}

// Returns kInvalidArgument unless `document` has chunks that are in order and
// in its text, or none, and divide no character.
absl::Status CheckChunks(const EmbeddedDocument& document) {
  const absl::string_view text = document.document->text.has_value()
                                     ? *document.document->text
                                     : absl::string_view();
  if (document.chunks.size() > kChunkCountMax) {
    return ChunksInvalidError(
        absl::StrCat("chunks are ", document.chunks.size(),
                     ", expected at most ", kChunkCountMax));
  }
  uint64_t first_byte_min = 0;
  for (size_t i = 0; i < document.chunks.size(); ++i) {
    const ChunkPlace& place = document.chunks[i].place;
    const uint64_t end = uint64_t{place.first_byte} + place.size_bytes;
    if (place.first_byte < first_byte_min || end > text.size()) {
      return ChunksInvalidError(absl::StrCat(
          "chunk ", i, " is bytes ", place.first_byte, " to ", end,
          ", expected bytes between ", first_byte_min, " and ", text.size()));
    }
    if (!IsCharacterStart(text, place.first_byte) ||
        !IsCharacterStart(text, static_cast<size_t>(end))) {
      return ChunksInvalidError(absl::StrCat("chunk ", i, " is bytes ",
                                             place.first_byte, " to ", end,
                                             ", which divide a character"));
    }
    first_byte_min = place.first_byte;
  }
  return absl::OkStatus();
}

absl::Status BeginPhase(
    const std::function<absl::Status(CommitPhase)>& on_phase,
    CommitPhase phase) {
  return on_phase == nullptr ? absl::OkStatus() : on_phase(phase);
}

}  // namespace

CommitBuilderImpl::CommitBuilderImpl(
    std::shared_ptr<Domain> domain, CommitOptions options,
    std::shared_ptr<DomainClaim> claim,
    std::shared_ptr<const CommitReaderImpl> parent,
    std::string seen_branch_commit, GarbagePin pin)
    : domain_(std::move(domain)),
      domain_options_(domain_->options()),
      options_(std::move(options)),
      parent_(std::move(parent)),
      no_rows_(&domain_->context().index_memory),
      parent_live_(parent_ == nullptr ? no_rows_ : parent_->live()),
      seen_branch_commit_(std::move(seen_branch_commit)),
      pin_(std::move(pin)),
      claim_(std::move(claim)),
      parent_finder_(domain_->database(), domain_->number()),
      batch_(domain_->database()),
      analyzer_(domain_->lexical().options()) {}

CommitBuilderImpl::~CommitBuilderImpl() { Release(); }

void CommitBuilderImpl::Release() {
  claim_ = nullptr;
  pin_ = GarbagePin();
}

// ---- Operations ------------------------------------------------------------

CommitBuilderImpl::IdHash CommitBuilderImpl::HashId(
    absl::string_view document_id) {
  id_hash_.Update(document_id);
  const auto digest = id_hash_.Finish();
  IdHash hash;
  std::memcpy(hash.data(), digest.data(), sizeof(hash));
  return hash;
}

absl::Status CommitBuilderImpl::CheckUsable() const {
  COPSE_RETURN_IF_ERROR(broken_);
  return domain_->CheckWritable();
}

absl::StatusOr<std::optional<LiveDocument>> CommitBuilderImpl::FindInParent(
    absl::string_view document_id) {
  return parent_finder_.Find(document_id, parent_live_);
}

absl::StatusOr<bool> CommitBuilderImpl::TryUpsertUnchanged(
    const Document& document) {
  COPSE_RETURN_IF_ERROR(CheckUsable());
  const absl::Status checked = CheckDocument(document);
  if (!checked.ok()) {
    return AnnotateDocument(checked, document.id);
  }
  COPSE_ASSIGN_OR_RETURN(const std::optional<LiveDocument> parent,
                         FindInParent(document.id));
  const ContentHash content_hash = HashContent(document);
  const OrdinalRange parent_rows =
      parent.has_value() ? parent->rows() : OrdinalRange();
  OrdinalRange rows = parent_rows;
  if (!parent.has_value() || parent->record.content_hash != content_hash) {
    COPSE_ASSIGN_OR_RETURN(rows, FindInDonors(document.id, content_hash));
    if (rows.count == 0) {
      return false;
    }
  }
  outcomes_[HashId(document.id)] = {
      .parent_rows = parent_rows, .rows = rows, .was_pushed = true};
  return true;
}

absl::StatusOr<OrdinalRange> CommitBuilderImpl::FindInDonors(
    absl::string_view document_id, const ContentHash& content_hash) {
  if (!replayed_.has_value()) {
    return OrdinalRange();
  }
  for (const auto& donor : replayed_->donors) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<LiveDocument> found,
                           parent_finder_.Find(document_id, donor->live()));
    if (found.has_value() && found->record.content_hash == content_hash) {
      return found->rows();
    }
  }
  return OrdinalRange();
}

absl::Status CommitBuilderImpl::Upsert(
    std::span<const EmbeddedDocument> documents) {
  COPSE_RETURN_IF_ERROR(CheckUsable());
  while (!documents.empty()) {
    const size_t count = std::min(documents.size(), kBatchDocumentCount);
    const absl::Status status = UpsertBatch(documents.first(count));
    if (!status.ok()) {
      broken_ = domain_->ExplainError(status);
      return broken_;
    }
    documents = documents.subspan(count);
  }
  return absl::OkStatus();
}

absl::Status CommitBuilderImpl::Delete(absl::string_view document_id) {
  COPSE_RETURN_IF_ERROR(CheckUsable());
  COPSE_RETURN_IF_ERROR(CheckDocumentId(document_id));
  const auto [entry, is_new] = outcomes_.try_emplace(HashId(document_id));
  Outcome& outcome = entry->second;
  if (is_new) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<LiveDocument> parent,
                           FindInParent(document_id));
    outcome.parent_rows = parent.has_value() ? parent->rows() : OrdinalRange();
  }
  outcome.rows = {};
  outcome.is_unknown_delete =
      outcome.parent_rows.count == 0 && !outcome.was_pushed;
  return absl::OkStatus();
}

absl::Status CommitBuilderImpl::Keep(absl::string_view document_id) {
  COPSE_RETURN_IF_ERROR(CheckUsable());
  outcomes_.erase(HashId(document_id));
  return absl::OkStatus();
}

absl::StatusOr<bool> CommitBuilderImpl::Contains(
    absl::string_view document_id) {
  COPSE_RETURN_IF_ERROR(CheckUsable());
  if (document_id.empty() || document_id.size() > kDocumentIdSizeBytesMax) {
    return false;
  }
  const auto outcome = outcomes_.find(HashId(document_id));
  if (outcome != outcomes_.end()) {
    return outcome->second.rows.count != 0;
  }
  COPSE_ASSIGN_OR_RETURN(const std::optional<LiveDocument> parent,
                         FindInParent(document_id));
  return parent.has_value();
}

// ---- Rows ------------------------------------------------------------------

absl::Status CommitBuilderImpl::CheckDocuments(
    std::span<const EmbeddedDocument> documents) const {
  for (const EmbeddedDocument& document : documents) {
    absl::Status status = CheckDocument(*document.document);
    if (status.ok()) {
      status = CheckChunks(document);
    }
    if (status.ok() && document.chunks.empty()) {
      status = CheckMetricVector(domain_->metric(), document.vector,
                                 domain_->dimension());
    }
    if (status.ok() && !document.clustering_vector.empty()) {
      status = CheckMetricVector(domain_->metric(), document.clustering_vector,
                                 domain_->dimension());
    }
    for (size_t i = 0; i < document.chunks.size() && status.ok(); ++i) {
      status = CheckMetricVector(domain_->metric(), document.chunks[i].vector,
                                 domain_->dimension());
    }
    if (!status.ok()) {
      return AnnotateDocument(status, document.document->id);
    }
  }
  return absl::OkStatus();
}

uint32_t CommitBuilderImpl::NewVersion::row_count() const {
  return std::max(static_cast<uint32_t>(document->chunks.size()), 1U);
}

std::span<const float> CommitBuilderImpl::NewVersion::vector(
    uint32_t chunk) const {
  return document->chunks.empty() ? document->vector
                                  : document->chunks[chunk].vector;
}

absl::Status CommitBuilderImpl::UpsertBatch(
    std::span<const EmbeddedDocument> documents) {
  COPSE_RETURN_IF_ERROR(CheckDocuments(documents));
  std::vector<NewVersion> versions;
  versions.reserve(documents.size());
  for (const EmbeddedDocument& document : documents) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<LiveDocument> parent,
                           FindInParent(document.document->id));
    const NewVersion version = {.document = &document,
                                .content_hash = HashContent(*document.document),
                                .id_hash = HashId(document.document->id)};
    Outcome& outcome = outcomes_[version.id_hash];
    outcome = {
        .parent_rows = parent.has_value() ? parent->rows() : OrdinalRange(),
        .rows = outcome.rows,
        .was_pushed = true};
    if (parent.has_value() &&
        parent->record.content_hash == version.content_hash) {
      outcome.rows = parent->rows();
      // An earlier one of this call is not the last one.
      std::erase_if(versions, [&version](const NewVersion& earlier) {
        return earlier.id_hash == version.id_hash;
      });
    } else {
      versions.push_back(version);
    }
  }
  return versions.empty() ? absl::OkStatus() : AppendVersions(versions);
}

absl::Status CommitBuilderImpl::AppendVersions(
    std::span<const NewVersion> versions) {
  uint32_t row_count = 0;
  for (const NewVersion& version : versions) {
    row_count += version.row_count();
  }
  COPSE_ASSIGN_OR_RETURN(const uint64_t first_number,
                         domain_->ordinals().Allocate(row_count));
  auto first = static_cast<Ordinal>(first_number);
  COPSE_RETURN_IF_ERROR(AppendVectors(versions, {first, row_count}));
  for (const NewVersion& version : versions) {
    COPSE_RETURN_IF_ERROR(PutVersion(version, first));
    first += version.row_count();
  }
  return absl::OkStatus();
}

absl::Status CommitBuilderImpl::AppendVectors(
    std::span<const NewVersion> versions, OrdinalRange range) {
  const size_t dimension = domain_->dimension();
  std::vector<float> matrix;
  matrix.reserve(std::min<size_t>(range.count, kBatchRowCount) * dimension);
  Ordinal next = range.first;
  const auto append = [&]() -> absl::Status {
    COPSE_RETURN_IF_ERROR(domain_->AppendVectors(next, matrix));
    next += static_cast<Ordinal>(matrix.size() / dimension);
    written_size_bytes_ += static_cast<int64_t>(matrix.size() * sizeof(float));
    matrix.clear();
    return absl::OkStatus();
  };
  for (const NewVersion& version : versions) {
    for (uint32_t chunk = 0; chunk < version.row_count(); ++chunk) {
      const std::span<const float> vector = version.vector(chunk);
      matrix.insert(matrix.end(), vector.begin(), vector.end());
      if (domain_->metric() == Metric::kCosine) {
        const absl::Status status =
            NormalizeVector(std::span(matrix).last(vector.size()));
        if (!status.ok()) {
          return AnnotateDocument(status, version.document->document->id);
        }
      }
      if (matrix.size() == kBatchRowCount * dimension) {
        COPSE_RETURN_IF_ERROR(append());
      }
    }
  }
  if (!matrix.empty()) {
    COPSE_RETURN_IF_ERROR(append());
  }
  if (!ranges_.empty() &&
      ranges_.back().first + ranges_.back().count == range.first) {
    ranges_.back().count += range.count;
  } else {
    ranges_.push_back(range);
  }
  return absl::OkStatus();
}

absl::Status CommitBuilderImpl::PutVersion(const NewVersion& version,
                                           Ordinal first) {
  const EmbeddedDocument& embedded = *version.document;
  const Document& document = *embedded.document;
  const uint32_t number = domain_->number();
  RowRecord record = {.document_id = document.id,
                      .content_hash = version.content_hash,
                      .type = document.type,
                      .attributes = document.attributes,
                      .has_text = document.text.has_value(),
                      .chunk_count = version.row_count(),
                      .clustering_vector = {embedded.clustering_vector.begin(),
                                            embedded.clustering_vector.end()}};
  batch_.Put(MetaTable::kDocuments, DocumentKey(number, document.id, first),
             DocumentRecord{.content_hash = version.content_hash,
                            .chunk_count = record.chunk_count}
                 .Encode());
  if (document.text.has_value()) {
    domain_->texts().Put(version.content_hash, *document.text, batch_);
    batch_texts_.push_back(version.content_hash);
  }
  if (domain_->has_attribute_index()) {
    postings_.AddAttributes(first, document.attributes, record.chunk_count);
  }
  for (; record.chunk < record.chunk_count; ++record.chunk) {
    if (record.chunk_count > 1) {
      record.place = embedded.chunks[record.chunk].place;
    }
    batch_.Put(MetaTable::kRows, RowKey(number, first + record.chunk),
               record.Encode());
    // Only the first row has them: they may be large, and chunks are many.
    record.attributes.clear();
    record.clustering_vector.clear();
    if (document.text.has_value()) {
      PutWords(first + record.chunk, TextOfRow(*document.text, record));
    }
    if (batch_.size_bytes() + postings_.size_bytes() >= kBatchSizeBytesMax) {
      COPSE_RETURN_IF_ERROR(Flush());
    }
  }
  outcomes_[version.id_hash].rows = {first, record.chunk_count};
  return absl::OkStatus();
}

void CommitBuilderImpl::PutWords(Ordinal ordinal, absl::string_view text) {
  if (domain_->lexical().options().is_enabled) {
    postings_.AddRow(ordinal, text, analyzer_);
  }
}

absl::Status CommitBuilderImpl::Flush() {
  if (batch_.empty()) {
    return absl::OkStatus();
  }
  COPSE_RETURN_IF_ERROR(domain_->context().CheckFreeSpace());
  postings_.MoveTo(domain_->number(), batch_);
  written_size_bytes_ += static_cast<int64_t>(batch_.size_bytes());
  const TextGuard::Write write = domain_->text_guard().BeginWrite(batch_texts_);
  COPSE_RETURN_IF_ERROR(domain_->WritePostings(batch_));
  batch_.Clear();
  batch_texts_.clear();
  return absl::OkStatus();
}

void CommitBuilderImpl::Merge(MergedRows rows, const CommitInfo& theirs) {
  merged_ = std::move(rows);
  theirs_commit_ = theirs.commit;
  theirs_fingerprint_ = theirs.fingerprint;
}

void CommitBuilderImpl::Replay(ReplayedCommit replayed) {
  std::erase(replayed.donors, nullptr);
  replayed_ = std::move(replayed);
}

// ---- The commit ------------------------------------------------------------

absl::StatusOr<CommitInfo> CommitBuilderImpl::Commit(
    const CommitSummary& summary,
    const std::function<absl::Status(CommitPhase)>& on_phase) {
  COPSE_RETURN_IF_ERROR(CheckUsable());
  absl::StatusOr<CommitInfo> info = CommitClaimed(summary, on_phase);
  Release();
  if (!info.ok()) {
    broken_ = domain_->ExplainError(info.status());
    return broken_;
  }
  broken_ = CommitExistsError(domain_->name(), options_.commit);
  // Nothing can stop it any more.
  BeginPhase(on_phase, CommitPhase::kDone).IgnoreError();
  return info;
}

absl::StatusOr<CommitInfo> CommitBuilderImpl::CommitClaimed(
    const CommitSummary& summary,
    const std::function<absl::Status(CommitPhase)>& on_phase) {
  COPSE_RETURN_IF_ERROR(BeginPhase(on_phase, CommitPhase::kAppending));
  COPSE_RETURN_IF_ERROR(Flush());
  COPSE_RETURN_IF_ERROR(BeginPhase(on_phase, CommitPhase::kSyncing));
  if (!ranges_.empty()) {
    COPSE_RETURN_IF_ERROR(domain_->vectors().Sync(ranges_));
  }
  COPSE_ASSIGN_OR_RETURN(Changes changes, CollectChanges(summary));
  Manifest& manifest = changes.manifest;
  COPSE_ASSIGN_OR_RETURN(manifest.live_set_number, PutLiveSet(changes, batch_));
  std::optional<Fold> fold;
  COPSE_ASSIGN_OR_RETURN(ForestChoice choice,
                         PrepareForest(changes, on_phase, fold));
  if (fold.has_value()) {
    PutFold(*domain_, *fold, batch_);
    written_size_bytes_ += fold->record.written_size_bytes;
  }
  manifest.preferred_forest =
      choice.forest == nullptr ? 0 : choice.forest->number();
  manifest.written_size_bytes =
      written_size_bytes_ + static_cast<int64_t>(batch_.size_bytes());
  COPSE_RETURN_IF_ERROR(BeginPhase(on_phase, CommitPhase::kPublishing));
  if (summary.make_job_record != nullptr) {
    const StoredJob job = summary.make_job_record();
    batch_.Put(MetaTable::kJobs, JobKey(job.id), job.record.Encode());
  }
  Publication publication = {
      .commit = options_.commit,
      .manifest = manifest,
      .branch = options_.branch,
      .expected_branch_commit = options_.expected_branch_commit,
      .seen_branch_commit = seen_branch_commit_,
      .branch_watch = claim_->branch_watch(),
      .replayed_create_time =
          replayed_.has_value()
              ? std::optional<absl::Time>(replayed_->manifest.create_time)
              : std::nullopt,
      .ordinal_end =
          changes.live->empty() ? 0 : uint64_t{changes.live->Last()} + 1,
      .batch = &batch_};
  COPSE_ASSIGN_OR_RETURN(Manifest published,
                         domain_->Publish(std::move(publication)));
  batch_.Clear();
  domain_->catalog().AddRows(published.live_set_number, changes.live);
  if (fold.has_value()) {
    domain_->catalog().AddForest(fold->forest);
  }
  auto reader = std::make_shared<const CommitReaderImpl>(
      domain_, options_.commit, std::move(published), changes.live,
      std::move(choice));
  CommitInfo info = reader->info();
  const PoolKey key = {domain_->number(), options_.commit};
  domain_->context().pool.Put(key, reader);
  if (domain_->is_deleted()) {
    domain_->context().pool.Erase(key);
  }
  reader->RequestFold();
  return info;
}

absl::StatusOr<CommitBuilderImpl::Changes> CommitBuilderImpl::CollectChanges(
    const CommitSummary& summary) {
  Changes changes;
  Manifest& manifest = changes.manifest;
  changes.added = merged_.added;
  changes.removed = merged_.removed;
  manifest.inserted_count = merged_.inserted_count;
  manifest.replaced_count = merged_.replaced_count;
  manifest.deleted_count = merged_.deleted_count;
  const auto append = [](OrdinalRange range, std::vector<Ordinal>& rows) {
    for (uint32_t i = 0; i < range.count; ++i) {
      rows.push_back(range.first + i);
    }
  };
  for (const auto& [hash, outcome] : outcomes_) {
    const bool is_in_parent = outcome.parent_rows.count != 0;
    const bool is_present = outcome.rows.count != 0;
    manifest.unknown_delete_count += outcome.is_unknown_delete ? 1 : 0;
    if (is_in_parent && is_present &&
        outcome.rows.first == outcome.parent_rows.first) {
      continue;
    }
    manifest.inserted_count += !is_in_parent && is_present ? 1 : 0;
    manifest.replaced_count += is_in_parent && is_present ? 1 : 0;
    manifest.deleted_count += is_in_parent && !is_present ? 1 : 0;
    append(outcome.rows, changes.added);
    append(outcome.parent_rows, changes.removed);
  }
  std::sort(changes.added.begin(), changes.added.end());
  std::sort(changes.removed.begin(), changes.removed.end());
  changes.live = std::make_shared<const RowSet>(
      parent_live_.Edit(changes.added, changes.removed));
  if (!options_.parent_commit.empty()) {
    manifest.AddParent(options_.parent_commit, parent_->info().fingerprint);
  }
  if (!theirs_commit_.empty() && theirs_commit_ != options_.parent_commit) {
    manifest.AddParent(theirs_commit_, theirs_fingerprint_);
  }
  manifest.branch = options_.branch;
  manifest.commit_time = options_.commit_time;
  manifest.author = options_.author;
  manifest.message = options_.message;
  manifest.document_count =
      (parent_ == nullptr ? 0 : parent_->manifest().document_count) +
      manifest.inserted_count - manifest.deleted_count;
  manifest.vector_count = changes.live->row_count();
  manifest.token_count = summary.token_count;
  manifest.profile_hash = domain_options_->profile_hash;
  manifest.skipped_documents = BoundSkippedDocuments(summary.skipped_documents);
  if (replayed_.has_value()) {
    RestoreHistory(replayed_->manifest, manifest);
  }
  COPSE_RETURN_IF_ERROR(SumFingerprint(changes, manifest.fingerprint_sum));
  return changes;
}

absl::Status CommitBuilderImpl::SumFingerprint(const Changes& changes,
                                               FingerprintSum& sum) {
  if (parent_ != nullptr) {
    sum = parent_->manifest().fingerprint_sum;
  }
  const auto for_each_row =
      [this](
          std::span<const Ordinal> ordinals,
          const std::function<void(const RowRecord&)>& visit) -> absl::Status {
    while (!ordinals.empty()) {
      const size_t count = std::min(ordinals.size(), kBatchDocumentCount);
      COPSE_ASSIGN_OR_RETURN(const std::vector<RowRecord> rows,
                             ReadRows(domain_->database(), domain_->number(),
                                      ordinals.first(count)));
      std::for_each(rows.begin(), rows.end(), visit);
      ordinals = ordinals.subspan(count);
    }
    return absl::OkStatus();
  };
  COPSE_RETURN_IF_ERROR(
      for_each_row(changes.removed, [&sum](const RowRecord& row) {
        sum.Remove(row.document_id, row.chunk, row.content_hash);
      }));
  return for_each_row(changes.added, [&sum](const RowRecord& row) {
    sum.Add(row.document_id, row.chunk, row.content_hash);
  });
}

absl::StatusOr<uint64_t> CommitBuilderImpl::PutLiveSet(const Changes& changes,
                                                       MetaBatch& batch) {
  const LiveSet added = ToLiveSet(changes.added);
  const LiveSet removed = ToLiveSet(changes.removed);
  const uint64_t parent =
      parent_ == nullptr ? 0 : parent_->manifest().live_set_number;
  COPSE_ASSIGN_OR_RETURN(
      const WrittenLiveSet written,
      domain_->live_sets().Write(
          {.parent = parent, .added = &added, .removed = &removed}, batch));
  return written.number;
}

absl::StatusOr<ForestChoice> CommitBuilderImpl::PrepareForest(
    const Changes& changes,
    const std::function<absl::Status(CommitPhase)>& on_phase,
    std::optional<Fold>& fold) {
  const uint64_t preferred =
      parent_ == nullptr ? 0 : parent_->manifest().preferred_forest;
  COPSE_ASSIGN_OR_RETURN(ForestChoice choice,
                         ChooseForest(*domain_, *changes.live, preferred));
  if (!choice.fold_is_due || domain_->context().options.fold_mode ==
                                 StoreOptions::FoldMode::kInBackground) {
    return choice;
  }
  COPSE_RETURN_IF_ERROR(BeginPhase(on_phase, CommitPhase::kFolding));
  COPSE_RETURN_IF_ERROR(domain_->context().CheckFreeSpace());
  COPSE_ASSIGN_OR_RETURN(fold, RunFold(choice.forest.get(), changes, on_phase));
  return ForestChoice{.forest = fold->forest};
}

// A fold of a large domain takes minutes, during which somebody waits.
absl::StatusOr<Fold> CommitBuilderImpl::RunFold(
    const DomainForest* base, const Changes& changes,
    const std::function<absl::Status(CommitPhase)>& on_phase) {
  std::atomic<bool> stop = false;
  std::future<absl::StatusOr<Fold>> running =
      std::async(std::launch::async, [&] {
        return FoldForest(*domain_, base, *changes.live,
                          changes.manifest.live_set_number, stop);
      });
  const std::chrono::nanoseconds interval = absl::ToChronoNanoseconds(
      domain_->context().options.fold_notice_interval);
  absl::Status told;
  while (running.wait_for(interval) != std::future_status::ready) {
    if (told.ok()) {
      told = BeginPhase(on_phase, CommitPhase::kFolding);
      stop = !told.ok();
    }
  }
  absl::StatusOr<Fold> fold = running.get();
  COPSE_RETURN_IF_ERROR(told);
  return fold;
}

}  // namespace copse
