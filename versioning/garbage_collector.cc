// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/garbage_collector.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "versioning/collection_record.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/domain.h"
#include "versioning/garbage_mark.h"
#include "versioning/garbage_report.h"
#include "versioning/keys.h"
#include "versioning/lexical/lexical_index.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/meta_database.h"
#include "versioning/retention.h"
#include "versioning/row_record.h"
#include "versioning/storage_errors.h"
#include "versioning/store_errors.h"
#include "versioning/text_guard.h"
#include "versioning/vector_segments.h"

namespace copse {
namespace {

// How large a batch of deletions grows before it is written. Pushes that have
// texts wait for one at most.
constexpr size_t kBatchSizeBytesMax = size_t{64} << 10;

// How often progress is told, in entries of a table.
constexpr int64_t kEntriesPerNotice = 1024;

// A table is compacted when one in so many of its entries was deleted since:
// that reads and writes all of the domain in it.
constexpr int64_t kCompactionDivisor = 16;

// How many terms are rewritten at once. Pushes wait for it.
constexpr size_t kPostingKeysPerWrite = 64;

constexpr std::chrono::milliseconds kNoticeInterval(100);

// Calls `visit` with each key and value, as the table is now.
absl::Status Scan(const MetaDatabase& database, MetaTable table,
                  const KeyRange& range,
                  const std::function<absl::Status(absl::string_view,
                                                   absl::string_view)>& visit) {
  MetaCursor cursor = database.NewCursor(table, range, CacheUse::kSpare);
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    COPSE_RETURN_IF_ERROR(visit(cursor.key(), cursor.value()));
  }
  return cursor.status();
}

class Collector {
 public:
  Collector(Domain& domain, const GarbageOptions& options)
      : domain_(domain),
        options_(options),
        range_(PrefixRange(DomainPrefix(domain.number()))),
        batch_(domain.database()) {}

  absl::StatusOr<GarbageReport> Run();

 private:
  absl::Status BeginPhase(GarbagePhase phase) {
    phase_ = phase;
    return Tell();
  }
  absl::Status Tell() const {
    COPSE_RETURN_IF_ERROR(domain_.CheckExists());
    return options_.on_progress == nullptr
               ? absl::OkStatus()
               : options_.on_progress(phase_, report_);
  }
  absl::Status TellNowAndThen() {
    return ++step_count_ % kEntriesPerNotice == 0 ? Tell() : absl::OkStatus();
  }

  absl::Status MeasureBefore();
  absl::Status MeasureAfter();
  absl::Status Expire();
  absl::Status Mark();

  // Counts what is garbage, and deletes it unless this is a dry run.
  absl::Status SweepForests();
  absl::Status SweepNumbered(
      MetaTable table, GarbageCount& count,
      const std::function<absl::StatusOr<bool>(absl::string_view key)>& keeps);
  absl::Status SweepRows();
  absl::Status SweepRow(absl::string_view key, absl::string_view value);
  absl::Status SweepText(const ContentHash& content_hash);
  absl::Status SweepPostings();
  // Takes the rows that go out of the postings under `keys`.
  absl::Status RewritePostings(const std::vector<std::string>& keys);
  // Puts what stays of `value` into the batch.
  absl::Status PutKept(absl::string_view key, absl::string_view value);
  PostingList KeptPostings(Ordinal first, const PostingList& list) const;
  // Writes the batch, with the deletion of texts.
  absl::Status WriteRows();
  absl::Status WriteBatch();
  absl::Status RewriteSegments();

  // Reads and writes the CollectionRecord.
  absl::Status BeginSweep();
  absl::Status Compact();
  absl::Status CompactTable(MetaTable table);
  absl::Status PutRecord();

  Domain& domain_;
  const GarbageOptions& options_;
  const KeyRange range_;
  GarbageReport report_;
  GarbagePhase phase_ = GarbagePhase::kExpiring;
  int64_t step_count_ = 0;

  absl::flat_hash_set<std::string> expired_;
  GarbageMark mark_;
  CollectionRecord record_;
  bool was_cut_short_ = false;

  MetaBatch batch_;
  std::vector<ContentHash> batch_texts_;  // To be deleted with it.
  absl::flat_hash_set<uint64_t> removed_texts_;
};

// ---- Commits ---------------------------------------------------------------

absl::Status Collector::Expire() {
  COPSE_RETURN_IF_ERROR(BeginPhase(GarbagePhase::kExpiring));
  if (!options_.is_dry_run) {
    COPSE_RETURN_IF_ERROR(domain_.DeleteExpiredLeases());
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<RetainedCommit> commits,
                         domain_.ListExpired(options_.retention));
  for (const RetainedCommit& commit : commits) {
    if (options_.is_dry_run) {
      // As when it is deleted: what only the pool holds open is not in use,
      // what a call holds is. A search of it loads it anew.
      domain_.context().pool.Erase({domain_.number(), commit.commit});
      expired_.insert(commit.commit);
      ++report_.commits.removed_count;
      continue;
    }
    COPSE_RETURN_IF_ERROR(Tell());
    COPSE_ASSIGN_OR_RETURN(const bool was_deleted,
                           domain_.DeleteExpired(commit));
    if (was_deleted) {
      domain_.context().pool.Erase({domain_.number(), commit.commit});
      ++report_.commits.removed_count;
    }
  }
  return absl::OkStatus();
}

absl::Status Collector::Mark() {
  COPSE_RETURN_IF_ERROR(BeginPhase(GarbagePhase::kMarking));
  COPSE_ASSIGN_OR_RETURN(
      mark_, MarkDomain(domain_, {.is_dry_run = options_.is_dry_run,
                                  .expired_commits = expired_,
                                  .check = [this] { return Tell(); }}));
  report_.commits.kept_count = mark_.commit_count;
  return absl::OkStatus();
}

// ---- Sweeping --------------------------------------------------------------

absl::Status Collector::BeginSweep() {
  COPSE_RETURN_IF_ERROR(BeginPhase(GarbagePhase::kSweeping));
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      domain_.database().Get(MetaTable::kDomains,
                             CollectionKey(domain_.number())));
  if (bytes.has_value()) {
    absl::StatusOr<CollectionRecord> record = CollectionRecord::Parse(*bytes);
    if (!record.ok()) {
      return AnnotateStored(record.status(), "record of the last collection");
    }
    record_ = *std::move(record);
    was_cut_short_ = record_.is_sweeping;
  }
  record_.start_time = domain_.context().options.clock();
  record_.is_sweeping = true;
  return absl::OkStatus();
}

absl::Status Collector::SweepForests() {
  report_.forests.kept_count = mark_.forest_count;
  for (const uint64_t number : mark_.condemned_forests) {
    const std::string key = ForestKey(domain_.number(), number);
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                           domain_.database().Get(MetaTable::kForests, key));
    ++report_.forests.removed_count;
    report_.forests.removed_size_bytes += static_cast<int64_t>(
        key.size() + (value.has_value() ? value->size() : 0));
    batch_.Delete(MetaTable::kForests, key);
  }
  if (options_.is_dry_run) {
    batch_.Clear();
    return absl::OkStatus();
  }
  // Synced: after it, and after the deletion of commits before it, whatever
  // else is garbage cannot be reached.
  batch_.Put(MetaTable::kDomains, CollectionKey(domain_.number()),
             record_.Encode());
  COPSE_RETURN_IF_ERROR(domain_.Write(batch_, Durability::kSynced));
  batch_.Clear();
  return absl::OkStatus();
}

absl::Status Collector::SweepNumbered(
    MetaTable table, GarbageCount& count,
    const std::function<absl::StatusOr<bool>(absl::string_view key)>& keeps) {
  const auto sweep = [&](absl::string_view key,
                         absl::string_view value) -> absl::Status {
    COPSE_RETURN_IF_ERROR(TellNowAndThen());
    COPSE_ASSIGN_OR_RETURN(const bool is_kept, keeps(key));
    if (is_kept) {
      ++count.kept_count;
      return absl::OkStatus();
    }
    ++count.removed_count;
    count.removed_size_bytes += static_cast<int64_t>(key.size() + value.size());
    batch_.Delete(table, key);
    return batch_.size_bytes() < kBatchSizeBytesMax ? absl::OkStatus()
                                                    : WriteBatch();
  };
  COPSE_RETURN_IF_ERROR(Scan(domain_.database(), table, range_, sweep));
  return WriteBatch();
}

absl::Status Collector::WriteBatch() {
  if (!options_.is_dry_run && !batch_.empty()) {
    COPSE_RETURN_IF_ERROR(domain_.Write(batch_, Durability::kUnsynced));
  }
  batch_.Clear();
  return absl::OkStatus();
}

absl::Status Collector::SweepRows() {
  COPSE_RETURN_IF_ERROR(
      Scan(domain_.database(), MetaTable::kRows, range_,
           [this](absl::string_view key, absl::string_view value) {
             const absl::Status status = TellNowAndThen();
             return status.ok() ? SweepRow(key, value) : status;
           }));
  return WriteRows();
}

absl::Status Collector::SweepRow(absl::string_view key,
                                 absl::string_view value) {
  COPSE_ASSIGN_OR_RETURN(const Ordinal ordinal, ParseRowKey(key));
  if (mark_.KeepsRow(ordinal)) {
    ++report_.rows.kept_count;
    return absl::OkStatus();
  }
  ++report_.rows.removed_count;
  report_.rows.removed_size_bytes +=
      static_cast<int64_t>(key.size() + value.size());
  batch_.Delete(MetaTable::kRows, key);
  const absl::StatusOr<RowRecord> row = RowRecord::Parse(value);
  // The document of a damaged row is not known any more; it harms nobody.
  if (row.ok() && row->chunk == 0) {
    const std::string document =
        DocumentKey(domain_.number(), row->document_id, ordinal);
    const DocumentRecord record = {.chunk_count = row->chunk_count};
    report_.rows.removed_size_bytes +=
        static_cast<int64_t>(document.size() + record.Encode().size());
    batch_.Delete(MetaTable::kDocuments, document);
    if (row->has_text && !mark_.KeepsText(row->content_hash)) {
      COPSE_RETURN_IF_ERROR(SweepText(row->content_hash));
    }
  }
  return batch_.size_bytes() < kBatchSizeBytesMax ? absl::OkStatus()
                                                  : WriteRows();
}

absl::Status Collector::SweepText(const ContentHash& content_hash) {
  if (!removed_texts_.insert(ShortHash(content_hash)).second) {
    return absl::OkStatus();
  }
  const std::string key = TextKey(domain_.number(), content_hash);
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                         domain_.database().Get(MetaTable::kTexts, key));
  if (value.has_value()) {
    ++report_.texts.removed_count;
    report_.texts.removed_size_bytes +=
        static_cast<int64_t>(key.size() + value->size());
    batch_texts_.push_back(content_hash);
  }
  return absl::OkStatus();
}

absl::Status Collector::WriteRows() {
  const auto write = [this](const TextGuard::Hashes& noted) -> absl::Status {
    for (const ContentHash& content_hash : batch_texts_) {
      // Otherwise a push has just written it again.
      if (!noted.contains(content_hash)) {
        batch_.Delete(MetaTable::kTexts,
                      TextKey(domain_.number(), content_hash));
      }
    }
    return WriteBatch();
  };
  COPSE_RETURN_IF_ERROR(domain_.text_guard().Sweep(write));
  batch_texts_.clear();
  return absl::OkStatus();
}

// Rows go after their postings, so that a collection that ends between the two
// is made up for by the next one.
absl::Status Collector::SweepPostings() {
  std::vector<std::string> keys;
  const auto rewrite = [&]() -> absl::Status {
    COPSE_RETURN_IF_ERROR(RewritePostings(keys));
    keys.clear();
    return absl::OkStatus();
  };
  const auto sweep = [&](absl::string_view key,
                         absl::string_view value) -> absl::Status {
    COPSE_RETURN_IF_ERROR(TellNowAndThen());
    COPSE_ASSIGN_OR_RETURN(const PostingKeyParts parts, ParsePostingKey(key));
    const absl::StatusOr<PostingList> list =
        ReadPostings(parts, value, PostingParts::kCounts);
    if (!list.ok()) {
      // Whether it is in use is not known any more.
      ++report_.postings.kept_count;
      return absl::OkStatus();
    }
    const Ordinal first = parts.bucket << kPostingBucketBits;
    const auto kept = static_cast<size_t>(
        std::ranges::count_if(list->postings, [&](const Posting& posting) {
          return mark_.KeepsRow(first + posting.offset);
        }));
    report_.postings.kept_count += static_cast<int64_t>(kept);
    report_.postings.removed_count +=
        static_cast<int64_t>(list->postings.size() - kept);
    if (kept == list->postings.size()) {
      return absl::OkStatus();
    }
    if (uint64_t{first} + kPostingBucketSize <= mark_.ends.ordinal_end) {
      // Nobody writes rows of this bucket any more.
      COPSE_RETURN_IF_ERROR(PutKept(key, value));
      return batch_.size_bytes() < kBatchSizeBytesMax ? absl::OkStatus()
                                                      : WriteBatch();
    }
    keys.emplace_back(key);
    return keys.size() < kPostingKeysPerWrite ? absl::OkStatus() : rewrite();
  };
  COPSE_RETURN_IF_ERROR(
      Scan(domain_.database(), MetaTable::kPostings, range_, sweep));
  return rewrite();
}

absl::Status Collector::RewritePostings(const std::vector<std::string>& keys) {
  COPSE_RETURN_IF_ERROR(WriteBatch());
  // Read again: a push may have added to them since.
  MutexLock lock(domain_.lexical().write_mutex());
  for (const std::string& key : keys) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                           domain_.database().Get(MetaTable::kPostings, key));
    COPSE_RETURN_IF_ERROR(PutKept(key, value.value_or("")));
  }
  return WriteBatch();
}

absl::Status Collector::PutKept(absl::string_view key,
                                absl::string_view value) {
  COPSE_ASSIGN_OR_RETURN(const PostingKeyParts parts, ParsePostingKey(key));
  COPSE_ASSIGN_OR_RETURN(
      const PostingList list,
      ReadPostings(parts, value, PostingParts::kCountsAndPositions));
  const PostingList kept =
      KeptPostings(parts.bucket << kPostingBucketBits, list);
  report_.postings.removed_size_bytes += static_cast<int64_t>(value.size());
  if (kept.postings.empty()) {
    report_.postings.removed_size_bytes += static_cast<int64_t>(key.size());
    batch_.Delete(MetaTable::kPostings, key);
    return absl::OkStatus();
  }
  const std::string block = EncodePostings(kept);
  report_.postings.removed_size_bytes -= static_cast<int64_t>(block.size());
  batch_.Put(MetaTable::kPostings, key, block);
  return absl::OkStatus();
}

PostingList Collector::KeptPostings(Ordinal first,
                                    const PostingList& list) const {
  PostingList kept = {.has_positions = list.has_positions};
  ForEachPosting(
      list, [&](const Posting& posting, std::span<const uint32_t> positions) {
        if (mark_.KeepsRow(first + posting.offset)) {
          kept.Add(posting, positions);
        }
      });
  return kept;
}

// ---- The disk --------------------------------------------------------------

absl::Status Collector::RewriteSegments() {
  COPSE_RETURN_IF_ERROR(BeginPhase(GarbagePhase::kRewriting));
  const std::vector<Ordinal> kept = mark_.rows.ToVector();
  COPSE_ASSIGN_OR_RETURN(const std::vector<VectorSegments::Garbage> segments,
                         domain_.vectors().FindGarbage(
                             kept, mark_.ends.ordinal_end, mark_.next_ordinal));
  int64_t freed_size_bytes = 0;
  for (const VectorSegments::Garbage& segment : segments) {
    if (!options_.is_dry_run) {
      COPSE_RETURN_IF_ERROR(domain_.context().backup_gate.Rewrite(
          [this] { return Tell(); },
          [&] {
            return domain_.RewriteSegment(segment.segment_number, kept,
                                          mark_.ends.ordinal_end);
          }));
    }
    ++report_.rewritten_segment_count;
    freed_size_bytes += segment.freed_size_bytes;
    COPSE_RETURN_IF_ERROR(Tell());
  }
  report_.vector_size_bytes_after =
      report_.vector_size_bytes_before - freed_size_bytes;
  return absl::OkStatus();
}

absl::Status Collector::PutRecord() {
  MetaBatch batch(domain_.database());
  batch.Put(MetaTable::kDomains, CollectionKey(domain_.number()),
            record_.Encode());
  return domain_.Write(batch, Durability::kSynced);
}

absl::Status Collector::Compact() {
  COPSE_RETURN_IF_ERROR(BeginPhase(GarbagePhase::kCompacting));
  record_.row_count += report_.rows.removed_count;
  record_.text_count += report_.texts.removed_count;
  record_.page_count += report_.pages.removed_count;
  record_.live_set_count += report_.live_sets.removed_count;
  struct Part {
    int64_t& removed_count;
    int64_t kept_count;
    std::vector<MetaTable> tables;
  };
  // Texts have no count of their own; most rows have one.
  const std::vector<Part> parts = {
      {record_.text_count, report_.rows.kept_count, {MetaTable::kTexts}},
      {record_.page_count, report_.pages.kept_count, {MetaTable::kPages}},
      {record_.row_count,
       report_.rows.kept_count,
       {MetaTable::kRows, MetaTable::kDocuments, MetaTable::kPostings}},
      {record_.live_set_count,
       report_.live_sets.kept_count,
       {MetaTable::kLiveSets, MetaTable::kForests}}};
  bool any_compacted = false;
  for (const Part& part : parts) {
    if (!was_cut_short_ &&
        (part.removed_count == 0 ||
         part.removed_count < part.kept_count / kCompactionDivisor)) {
      continue;
    }
    bool is_damaged = false;
    for (const MetaTable table : part.tables) {
      const absl::Status status = CompactTable(table);
      if (!absl::IsDataLoss(status)) {
        COPSE_RETURN_IF_ERROR(status);
        continue;
      }
      is_damaged = true;
      report_.compaction_status.Update(
          AnnotateStatus(status, absl::StrCat("table ", MetaTableName(table))));
    }
    // What could not be compacted is for the next collection.
    part.removed_count = is_damaged ? part.removed_count : 0;
    any_compacted = true;
  }
  record_.is_sweeping = false;
  COPSE_RETURN_IF_ERROR(PutRecord());
  // The log still has what the tables have lost.
  return any_compacted ? domain_.database().Flush() : absl::OkStatus();
}

// While progress is told, so that it can be stopped.
absl::Status Collector::CompactTable(MetaTable table) {
  std::atomic<bool> stop = false;
  std::future<absl::Status> running = std::async(std::launch::async, [&] {
    return domain_.database().CompactRange(table, range_, &stop);
  });
  absl::Status told;
  while (running.wait_for(kNoticeInterval) != std::future_status::ready) {
    if (told.ok()) {
      told = Tell();
      stop.store(!told.ok());
    }
  }
  absl::Status status = running.get();
  COPSE_RETURN_IF_ERROR(told);
  return status;
}

absl::Status Collector::MeasureBefore() {
  COPSE_ASSIGN_OR_RETURN(report_.vector_size_bytes_before,
                         domain_.vectors().AllocatedSizeBytes());
  COPSE_ASSIGN_OR_RETURN(const MetaStatistics meta,
                         domain_.database().GetStatistics());
  report_.meta_size_bytes_before = meta.disk_size_bytes;
  return absl::OkStatus();
}

absl::Status Collector::MeasureAfter() {
  if (options_.is_dry_run) {
    report_.meta_size_bytes_after = report_.meta_size_bytes_before;
    for (const GarbageCount* count :
         {&report_.live_sets, &report_.forests, &report_.pages, &report_.rows,
          &report_.texts, &report_.postings}) {
      report_.meta_size_bytes_after -= count->removed_size_bytes;
    }
    // Tables are compressed, entries are not.
    report_.meta_size_bytes_after =
        std::max<int64_t>(report_.meta_size_bytes_after, 0);
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(report_.vector_size_bytes_after,
                         domain_.vectors().AllocatedSizeBytes());
  COPSE_ASSIGN_OR_RETURN(const MetaStatistics meta,
                         domain_.database().GetStatistics());
  report_.meta_size_bytes_after = meta.disk_size_bytes;
  return absl::OkStatus();
}

absl::StatusOr<GarbageReport> Collector::Run() {
  COPSE_RETURN_IF_ERROR(MeasureBefore());
  COPSE_RETURN_IF_ERROR(Expire());
  COPSE_RETURN_IF_ERROR(Mark());
  COPSE_RETURN_IF_ERROR(BeginSweep());
  COPSE_RETURN_IF_ERROR(SweepForests());
  COPSE_RETURN_IF_ERROR(SweepNumbered(
      MetaTable::kPages, report_.pages,
      [this](absl::string_view key) -> absl::StatusOr<bool> {
        COPSE_ASSIGN_OR_RETURN(const PageId page_id, ParsePageKey(key));
        return mark_.KeepsPage(page_id);
      }));
  COPSE_RETURN_IF_ERROR(SweepNumbered(
      MetaTable::kLiveSets, report_.live_sets,
      [this](absl::string_view key) -> absl::StatusOr<bool> {
        COPSE_ASSIGN_OR_RETURN(const uint64_t number, ParseLiveSetKey(key));
        return mark_.KeepsLiveSet(number);
      }));
  COPSE_RETURN_IF_ERROR(SweepPostings());
  COPSE_RETURN_IF_ERROR(SweepRows());
  COPSE_RETURN_IF_ERROR(RewriteSegments());
  if (!options_.is_dry_run) {
    COPSE_RETURN_IF_ERROR(Compact());
  }
  COPSE_RETURN_IF_ERROR(MeasureAfter());
  return report_;
}

// Ends the collection of a domain, however it ends.
class CollectionScope {
 public:
  explicit CollectionScope(Domain& domain)
      : domain_(domain), is_begun_(domain.BeginCollection()) {}
  ~CollectionScope() {
    if (is_begun_) {
      domain_.EndCollection();
    }
  }
  CollectionScope(const CollectionScope&) = delete;
  CollectionScope& operator=(const CollectionScope&) = delete;

  bool is_begun() const { return is_begun_; }

 private:
  Domain& domain_;
  const bool is_begun_;
};

}  // namespace

absl::StatusOr<GarbageReport> CollectDomainGarbage(
    Domain& domain, const GarbageOptions& options) {
  const CollectionScope scope(domain);
  if (!scope.is_begun()) {
    return CollectionInFlightError(domain.name());
  }
  return Collector(domain, options).Run();
}

}  // namespace copse
