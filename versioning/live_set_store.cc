// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/live_set_store.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "versioning/keys.h"
#include "versioning/live_set.h"
#include "versioning/meta_database.h"
#include "versioning/record_codec.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;

// Below this, differences may outweigh their snapshot: many snapshots of a
// few rows would cost more than they save.
constexpr int64_t kChainSizeBytesMin = 4096;

// A chain of one row replaced again and again never outgrows its snapshot.
constexpr uint32_t kDepthMax = uint32_t{1} << 30;

constexpr int64_t kRowCountMax = int64_t{1} << 32;

// Returns the depth that a difference at `depth` refers to.
constexpr uint32_t BaseDepth(uint32_t depth) { return depth & (depth - 1); }

std::string NameOf(uint64_t number) {
  return absl::StrFormat("live set %d", number);
}

// Puts the difference in `record` before the one in (`added`, `removed`), so
// that they become one to the base of the record.
void Compose(const LiveSetRecord& record, LiveSet& added, LiveSet& removed) {
  // A row that comes back, or goes again, leaves no trace.
  LiveSet all_added = LiveSet::Difference(record.added, removed);
  LiveSet all_removed = LiveSet::Difference(record.removed, added);
  all_added.AddAll(LiveSet::Difference(added, record.removed));
  all_removed.AddAll(LiveSet::Difference(removed, record.added));
  added = std::move(all_added);
  removed = std::move(all_removed);
}

}  // namespace

std::string LiveSetRecord::Encode() const {
  RecordWriter writer(RecordKind::kLiveSet, kVersion);
  writer.U32(depth);
  writer.U64(base);
  writer.I64(row_count);
  writer.I64(chain_size_bytes);
  writer.I64(snapshot_size_bytes);
  writer.Text(added.Encode());
  writer.Text(depth == 0 ? "" : removed.Encode());
  return std::move(writer).Finish();
}

absl::StatusOr<LiveSetRecord> LiveSetRecord::Parse(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kLiveSet, kVersion));
  LiveSetRecord record;
  record.depth = reader.U32("depth", kDepthMax);
  record.base = reader.U64("base");
  if (reader.ok() && (record.base == 0) != (record.depth == 0)) {
    reader.Fail("base", absl::StrFormat("is %d at depth %d", record.base,
                                        record.depth));
  }
  record.row_count = reader.Count("row count");
  if (record.row_count > kRowCountMax) {
    reader.Fail("row count", absl::StrFormat("is %d, expected at most %d",
                                             record.row_count, kRowCountMax));
  }
  record.chain_size_bytes = reader.Count("chain size");
  record.snapshot_size_bytes = reader.Count("snapshot size");
  const absl::string_view added = reader.Bytes("added", kRecordSizeBytesMax);
  const absl::string_view removed =
      reader.Bytes("removed", record.depth == 0 ? 0 : kRecordSizeBytesMax);
  COPSE_RETURN_IF_ERROR(reader.Finish());
  COPSE_ASSIGN_OR_RETURN(record.added, LiveSet::Parse(added));
  if (record.depth > 0) {
    COPSE_ASSIGN_OR_RETURN(record.removed, LiveSet::Parse(removed));
  }
  return record;
}

LiveSetStore::LiveSetStore(MetaDatabase& database, uint32_t domain_number)
    : database_(database),
      domain_number_(domain_number),
      numbers_(database, {.kind = CounterKind::kLiveSet,
                          .domain_number = domain_number}) {}

absl::StatusOr<LiveSetRecord> LiveSetStore::ReadRecord(uint64_t number) const {
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      database_.Get(MetaTable::kLiveSets, LiveSetKey(domain_number_, number)));
  if (!bytes.has_value()) {
    return DataDamagedError(NameOf(number), "it is missing");
  }
  absl::StatusOr<LiveSetRecord> record = LiveSetRecord::Parse(*bytes);
  if (!record.ok()) {
    return AnnotateStored(record.status(), NameOf(number));
  }
  return record;
}

absl::StatusOr<LiveSet> LiveSetStore::Load(uint64_t number) const {
  if (number == 0) {
    return LiveSet();
  }
  std::vector<LiveSetRecord> chain;
  for (uint64_t next = number; next != 0;) {
    COPSE_ASSIGN_OR_RETURN(LiveSetRecord record, ReadRecord(next));
    // Depths that fall bound the walk, whatever the records say.
    if (!chain.empty() && record.depth != BaseDepth(chain.back().depth)) {
      return DataDamagedError(
          NameOf(next),
          absl::StrFormat("depth is %d, expected %d", record.depth,
                          BaseDepth(chain.back().depth)));
    }
    next = record.base;
    chain.push_back(std::move(record));
  }
  const int64_t row_count = chain.front().row_count;
  LiveSet rows = std::move(chain.back().added);
  chain.pop_back();
  while (!chain.empty()) {
    rows.RemoveAll(chain.back().removed);
    rows.AddAll(chain.back().added);
    chain.pop_back();
  }
  if (rows.row_count() != row_count) {
    return DataDamagedError(NameOf(number),
                            absl::StrFormat("it has %d rows, expected %d",
                                            rows.row_count(), row_count));
  }
  return rows;
}

absl::StatusOr<std::vector<uint64_t>> LiveSetStore::ListChain(
    uint64_t number) const {
  std::vector<uint64_t> chain;
  uint32_t depth = kDepthMax;
  for (uint64_t next = number; next != 0;) {
    COPSE_ASSIGN_OR_RETURN(const LiveSetRecord record, ReadRecord(next));
    if (!chain.empty() && record.depth >= depth) {
      return DataDamagedError(
          NameOf(next), absl::StrFormat("depth is %d, expected less than %d",
                                        record.depth, depth));
    }
    chain.push_back(next);
    depth = record.depth;
    next = record.base;
  }
  return chain;
}

absl::StatusOr<WrittenLiveSet> LiveSetStore::Write(const LiveSetChange& change,
                                                   MetaBatch& batch) {
  COPSE_CHECK(change.added != nullptr && change.removed != nullptr);
  if (change.parent == 0) {
    return WriteSnapshot(change, batch);
  }
  COPSE_ASSIGN_OR_RETURN(LiveSetRecord base, ReadRecord(change.parent));
  if (change.added->empty() && change.removed->empty()) {
    return WrittenLiveSet{.number = change.parent, .row_count = base.row_count};
  }
  LiveSetRecord record;
  record.depth = base.depth + 1;
  record.base = change.parent;
  record.row_count =
      base.row_count + change.added->row_count() - change.removed->row_count();
  if (record.row_count < 0 || record.row_count > kRowCountMax) {
    return absl::InternalError(absl::StrFormat(
        "change of live set %d: %d rows plus %d minus %d", change.parent,
        base.row_count, change.added->row_count(),
        change.removed->row_count()));
  }
  if (record.row_count == 0) {
    return WrittenLiveSet{};
  }
  record.added = *change.added;
  record.removed = *change.removed;
  while (base.depth > BaseDepth(record.depth)) {
    Compose(base, record.added, record.removed);
    record.base = base.base;
    COPSE_ASSIGN_OR_RETURN(base, ReadRecord(record.base));
  }
  record.snapshot_size_bytes = base.snapshot_size_bytes;
  record.chain_size_bytes =
      base.chain_size_bytes +
      static_cast<int64_t>(record.added.Encode().size() +
                           record.removed.Encode().size());
  if (record.chain_size_bytes >
          std::max(record.snapshot_size_bytes, kChainSizeBytesMin) ||
      record.depth >= kDepthMax) {
    return WriteSnapshot(change, batch);
  }
  return PutRecord(record, batch);
}

absl::StatusOr<WrittenLiveSet> LiveSetStore::WriteSnapshot(
    const LiveSetChange& change, MetaBatch& batch) {
  LiveSetRecord record;
  if (change.parent_set != nullptr) {
    record.added = *change.parent_set;
  } else {
    COPSE_ASSIGN_OR_RETURN(record.added, Load(change.parent));
  }
  if (record.added.Intersects(*change.added) ||
      !record.added.ContainsAll(*change.removed)) {
    return absl::InternalError(absl::StrFormat(
        "change of live set %d does not fit it", change.parent));
  }
  record.added.RemoveAll(*change.removed);
  record.added.AddAll(*change.added);
  record.row_count = record.added.row_count();
  if (record.row_count == 0) {
    return WrittenLiveSet{};
  }
  record.snapshot_size_bytes =
      static_cast<int64_t>(record.added.Encode().size());
  return PutRecord(record, batch);
}

absl::StatusOr<WrittenLiveSet> LiveSetStore::PutRecord(
    const LiveSetRecord& record, MetaBatch& batch) {
  COPSE_ASSIGN_OR_RETURN(const uint64_t number, numbers_.Allocate(1));
  const std::string bytes = record.Encode();
  batch.Put(MetaTable::kLiveSets, LiveSetKey(domain_number_, number), bytes);
  return WrittenLiveSet{.number = number,
                        .row_count = record.row_count,
                        .size_bytes = static_cast<int64_t>(bytes.size())};
}

}  // namespace copse
