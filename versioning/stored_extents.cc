// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/stored_extents.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/page_store.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "versioning/document.h"
#include "versioning/domain.h"
#include "versioning/forest_record.h"
#include "versioning/garbage_mark.h"
#include "versioning/garbage_pins.h"
#include "versioning/keys.h"
#include "versioning/live_set_store.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/row_record.h"
#include "versioning/storage_errors.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

class ExtentReader {
 public:
  ExtentReader(Domain& domain, const std::function<absl::Status()>& check)
      : domain_(domain),
        check_(check),
        vector_size_bytes_(domain.vectors().stored_row_size_bytes()) {}

  absl::StatusOr<StoredExtents> Run() {
    COPSE_RETURN_IF_ERROR(ReadManifests());
    COPSE_RETURN_IF_ERROR(ReadRows());
    COPSE_RETURN_IF_ERROR(ReadTexts());
    COPSE_RETURN_IF_ERROR(ReadPages());
    COPSE_RETURN_IF_ERROR(ReadLiveSets());
    COPSE_RETURN_IF_ERROR(ReadForests());
    return std::move(extents_);
  }

 private:
  using Visit =
      std::function<absl::Status(absl::string_view, absl::string_view)>;

  // Calls `visit` with each entry of the domain, and adds its size.
  absl::Status Scan(MetaTable table, const KeyRange& range, const Visit& visit);
  absl::Status ReadManifests();
  absl::Status ReadManifest(absl::string_view key, absl::string_view value);
  absl::Status ReadRows();
  absl::Status ReadRow(absl::string_view key, absl::string_view value);
  absl::Status ReadTexts();
  absl::Status ReadPages();
  absl::Status ReadLiveSets();
  absl::Status ReadForests();

  Domain& domain_;
  const std::function<absl::Status()>& check_;
  const int64_t vector_size_bytes_;  // With its check.
  StoredExtents extents_;
  absl::flat_hash_map<uint64_t, uint32_t> text_positions_;  // By ShortHash().
};

int64_t EntrySize(absl::string_view key, absl::string_view value) {
  return static_cast<int64_t>(key.size() + value.size());
}

absl::Status ExtentReader::Scan(MetaTable table, const KeyRange& range,
                                const Visit& visit) {
  MetaCursor cursor =
      domain_.database().NewCursor(table, range, CacheUse::kSpare);
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    COPSE_RETURN_IF_ERROR(check_());
    extents_.size_bytes += EntrySize(cursor.key(), cursor.value());
    COPSE_RETURN_IF_ERROR(visit(cursor.key(), cursor.value()));
  }
  return cursor.status();
}

absl::Status ExtentReader::ReadManifests() {
  extents_.pin = domain_.pins().Open();
  COPSE_RETURN_IF_ERROR(
      Scan(MetaTable::kCommits, CommitRange(domain_.number()),
           [this](absl::string_view key, absl::string_view value) {
             return ReadManifest(key, value);
           }));
  std::vector<PinnedState> states;
  states.reserve(extents_.commits.size());
  for (const CommitExtent& commit : extents_.commits) {
    states.push_back({.live_set_number = commit.live_set_number,
                      .forest_number = commit.forest_number});
  }
  extents_.pin.Hold(std::move(states));
  std::ranges::stable_sort(extents_.commits, {},
                           &CommitExtent::live_set_number);
  return absl::OkStatus();
}

absl::Status ExtentReader::ReadManifest(absl::string_view key,
                                        absl::string_view value) {
  COPSE_ASSIGN_OR_RETURN(std::string commit, ParseCommitKey(key));
  const absl::StatusOr<Manifest> manifest = Manifest::Parse(value);
  if (!manifest.ok()) {
    return AnnotateStored(
        manifest.status(),
        absl::StrCat("manifest of commit '", ShownName(commit), "'"));
  }
  if (manifest->is_skeleton) {
    return absl::OkStatus();
  }
  const auto time_key_size = static_cast<int64_t>(
      CommitTimeKey(domain_.number(), manifest->create_time, commit).size());
  extents_.size_bytes += time_key_size;
  extents_.commits.push_back(
      {.commit = std::move(commit),
       .create_time = manifest->create_time,
       .live_set_number = manifest->live_set_number,
       .forest_number = manifest->preferred_forest,
       .manifest_size_bytes = EntrySize(key, value) + time_key_size});
  return absl::OkStatus();
}

absl::Status ExtentReader::ReadRows() {
  return Scan(MetaTable::kRows, PrefixRange(DomainPrefix(domain_.number())),
              [this](absl::string_view key, absl::string_view value) {
                return ReadRow(key, value);
              });
}

absl::Status ExtentReader::ReadRow(absl::string_view key,
                                   absl::string_view value) {
  COPSE_ASSIGN_OR_RETURN(const Ordinal ordinal, ParseRowKey(key));
  const absl::StatusOr<RowRecord> record = RowRecord::Parse(value);
  if (!record.ok()) {
    return AnnotateStored(record.status(), absl::StrCat("row ", ordinal));
  }
  int64_t other_size = vector_size_bytes_;
  if (record->chunk == 0) {
    const DocumentRecord document = {.chunk_count = record->chunk_count};
    other_size += static_cast<int64_t>(
        DocumentKey(domain_.number(), record->document_id, ordinal).size() +
        document.Encode().size());
  }
  extents_.size_bytes += other_size;
  RowExtent& row = extents_.rows[ordinal];
  row.extent.size_bytes =
      static_cast<uint32_t>(EntrySize(key, value) + other_size);
  if (record->has_text) {
    row.text = text_positions_
                   .try_emplace(ShortHash(record->content_hash),
                                static_cast<uint32_t>(text_positions_.size()))
                   .first->second;
  }
  return absl::OkStatus();
}

absl::Status ExtentReader::ReadTexts() {
  extents_.texts.resize(text_positions_.size());
  return Scan(MetaTable::kTexts, PrefixRange(DomainPrefix(domain_.number())),
              [this](absl::string_view key, absl::string_view value) {
                ContentHash hash = {};
                const size_t prefix_size = key.size() - hash.size();
                std::memcpy(hash.data(), key.data() + prefix_size, hash.size());
                const auto text = text_positions_.find(ShortHash(hash));
                if (text != text_positions_.end()) {
                  extents_.texts[text->second].extent.size_bytes =
                      static_cast<uint32_t>(EntrySize(key, value));
                }
                return absl::OkStatus();
              });
}

absl::Status ExtentReader::ReadPages() {
  return Scan(
      MetaTable::kPages, PrefixRange(DomainPrefix(domain_.number())),
      [this](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const PageId page_id, ParsePageKey(key));
        extents_.pages[page_id].size_bytes =
            static_cast<uint32_t>(EntrySize(key, value));
        return absl::OkStatus();
      });
}

absl::Status ExtentReader::ReadLiveSets() {
  return Scan(
      MetaTable::kLiveSets, PrefixRange(DomainPrefix(domain_.number())),
      [this](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const uint64_t number, ParseLiveSetKey(key));
        const absl::StatusOr<LiveSetRecord> record =
            LiveSetRecord::Parse(value);
        if (!record.ok()) {
          return AnnotateStored(record.status(),
                                absl::StrCat("live set ", number));
        }
        LiveSetExtent& live_set = extents_.live_sets[number];
        live_set.extent.size_bytes =
            static_cast<uint32_t>(EntrySize(key, value));
        live_set.base = record->base;
        return absl::OkStatus();
      });
}

absl::Status ExtentReader::ReadForests() {
  return Scan(
      MetaTable::kForests, PrefixRange(DomainPrefix(domain_.number())),
      [this](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const uint64_t number, ParseForestKey(key));
        absl::StatusOr<ForestRecord> record = ForestRecord::Parse(value);
        if (!record.ok()) {
          return AnnotateStored(record.status(),
                                absl::StrCat("forest ", number));
        }
        ForestExtent& forest = extents_.forests[number];
        forest.extent.size_bytes = static_cast<uint32_t>(EntrySize(key, value));
        forest.record = *std::move(record);
        return absl::OkStatus();
      });
}

}  // namespace

absl::StatusOr<StoredExtents> ReadStoredExtents(
    Domain& domain, const std::function<absl::Status()>& check) {
  return ExtentReader(domain, check).Run();
}

}  // namespace copse
