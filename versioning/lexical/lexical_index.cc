// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/lexical_index.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/keys.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/meta_database.h"
#include "versioning/storage_errors.h"

namespace copse {

absl::StatusOr<PostingList> ReadPostings(const PostingKeyParts& key,
                                         absl::string_view value,
                                         PostingParts parts) {
  absl::StatusOr<PostingList> list = ParsePostings(value, parts);
  if (!list.ok()) {
    return AnnotateStored(
        list.status(),
        absl::StrCat("term '", absl::Utf8SafeCHexEscape(key.term), "' (kind ",
                     static_cast<int>(key.term_kind), ", bucket ", key.bucket,
                     ")"));
  }
  return list;
}

absl::Status LexicalIndex::ForEachBucket(TermKind kind, absl::string_view term,
                                         PostingParts parts,
                                         VisitBucket visit) const {
  return database_.ForEach(
      MetaTable::kPostings,
      PostingRange(domain_number_, static_cast<uint8_t>(kind), term),
      [&](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const PostingKeyParts place,
                               ParsePostingKey(key));
        COPSE_ASSIGN_OR_RETURN(const PostingList list,
                               ReadPostings(place, value, parts));
        return visit(place.bucket << kPostingBucketBits, list);
      });
}

absl::Status LexicalIndex::ForEachTerm(TermKind kind, absl::string_view prefix,
                                       PostingParts parts,
                                       VisitTerm visit) const {
  return database_.ForEach(
      MetaTable::kPostings,
      PostingPrefixRange(domain_number_, static_cast<uint8_t>(kind), prefix),
      [&](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const PostingKeyParts place,
                               ParsePostingKey(key));
        COPSE_ASSIGN_OR_RETURN(const PostingList list,
                               ReadPostings(place, value, parts));
        return visit(place.term, place.bucket << kPostingBucketBits, list);
      });
}

absl::Status LexicalIndex::LoadLengths(const RowSet& rows) {
  MutexLock lock(load_mutex_);
  std::vector<Ordinal> unknown;
  RowSet::Compare(rows, known_, &unknown, nullptr);
  size_t next = 0;
  while (next < unknown.size()) {
    const PostingKeyParts key = {
        .term_kind = static_cast<uint8_t>(TermKind::kLength),
        .term = "",
        .bucket = unknown[next] >> kPostingBucketBits};
    COPSE_ASSIGN_OR_RETURN(
        const std::optional<std::string> value,
        database_.Get(MetaTable::kPostings, PostingKey(domain_number_, key)));
    COPSE_ASSIGN_OR_RETURN(
        const PostingList list,
        ReadPostings(key, value.value_or(""), PostingParts::kCounts));
    const Ordinal first = key.bucket << kPostingBucketBits;
    // Also of rows that are not asked for: a length never changes.
    for (const Posting& posting : list.postings) {
      lengths_.Set(first + posting.offset, posting.count);
    }
    while (next < unknown.size() &&
           unknown[next] >> kPostingBucketBits == key.bucket) {
      ++next;
    }
  }
  known_ = known_.Edit(unknown, {});
  return absl::OkStatus();
}

LexicalStatistics LexicalIndex::StatisticsOf(const RowSet& rows) const {
  LexicalStatistics statistics;
  rows.ForEach([&](Ordinal ordinal) {
    const uint32_t length = lengths_.Get(ordinal);
    statistics.row_count += length > 0 ? 1 : 0;
    statistics.word_count += length;
  });
  return statistics;
}

}  // namespace copse
