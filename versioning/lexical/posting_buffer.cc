// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/posting_buffer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "xxhash.h"

#include "versioning/attribute_term.h"
#include "versioning/document.h"
#include "versioning/keys.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/meta_database.h"

namespace copse {
namespace {

// What a key takes beside its term, with the block around its postings and what
// a batch adds.
constexpr size_t kEntrySizeBytes = 24;

// What a row, or a position, takes in a block, about.
constexpr size_t kRowSizeBytes = 2;

}  // namespace

uint64_t DigestOf(TermKind kind, absl::string_view term, uint32_t count,
                  std::span<const uint32_t> positions) {
  const uint64_t seed = uint64_t{count} << 8 | static_cast<uint8_t>(kind);
  return XXH3_64bits_withSeed(
      positions.data(), positions.size_bytes(),
      XXH3_64bits_withSeed(term.data(), term.size(), seed));
}

void PostingBuffer::AddRow(Ordinal ordinal, absl::string_view text,
                           LexicalAnalyzer& analyzer) {
  const uint32_t word_count =
      analyzer.ForEach(text, [&](const LexicalTerm& term) {
        Add(ordinal, term.kind, term.term, 1,
            term.kind == TermKind::kWord ? &term.position : nullptr);
      });
  if (word_count > 0) {
    Add(ordinal, TermKind::kLength, "", word_count, nullptr);
  }
}

void PostingBuffer::AddAttributes(Ordinal ordinal, const Attributes& attributes,
                                  uint32_t row_count) {
  for (const auto& [name, value] : attributes) {
    Add(ordinal, TermKind::kAttribute, AttributeTerm(name, value), row_count,
        nullptr);
  }
}

void PostingBuffer::Add(Ordinal ordinal, TermKind kind, absl::string_view term,
                        uint32_t count, const uint32_t* position) {
  key_.assign(1, static_cast<char>(kind));
  key_.append(term.data(), term.size());
  const auto [entry, is_new] = terms_.try_emplace(key_);
  Rows& rows = entry->second;
  if (is_new) {
    size_bytes_ += term.size() + kEntrySizeBytes;
  }
  if (rows.rows.empty() || rows.rows.back().ordinal != ordinal) {
    rows.rows.push_back({.ordinal = ordinal});
    size_bytes_ += kRowSizeBytes;
  }
  Row& row = rows.rows.back();
  row.count += count;
  if (position != nullptr && row.count <= kPositionCountMax) {
    rows.positions.push_back(*position);
    size_bytes_ += kRowSizeBytes;
  }
}

void PostingBuffer::ForEach(
    absl::FunctionRef<void(const RowTerm&)> visit) const {
  for (const auto& [key, rows] : terms_) {
    const auto kind = static_cast<TermKind>(key.front());
    std::span<const uint32_t> rest = rows.positions;
    for (const Row& row : rows.rows) {
      const size_t count =
          kind == TermKind::kWord ? std::min(row.count, kPositionCountMax) : 0;
      visit({.kind = kind,
             .term = absl::string_view(key).substr(1),
             .ordinal = row.ordinal,
             .count = row.count,
             .positions = rest.first(count)});
      rest = rest.subspan(count);
    }
  }
}

void PostingBuffer::MoveTo(uint32_t domain_number, MetaBatch& batch) {
  PostingKeyParts key;
  PostingList list;
  const auto write = [&] {
    if (!list.postings.empty()) {
      batch.MergePostings(PostingKey(domain_number, key), EncodePostings(list));
    }
    list.postings.clear();
    list.positions.clear();
  };
  ForEach([&](const RowTerm& row) {
    const uint32_t bucket = row.ordinal >> kPostingBucketBits;
    const auto kind = static_cast<uint8_t>(row.kind);
    if (key.term_kind != kind || key.term != row.term || key.bucket != bucket) {
      write();
      key = {
          .term_kind = kind, .term = std::string(row.term), .bucket = bucket};
    }
    list.has_positions = row.kind == TermKind::kWord;
    list.Add({.offset = row.ordinal % kPostingBucketSize, .count = row.count},
             row.positions);
  });
  write();
  Clear();
}

void PostingBuffer::Clear() {
  terms_.clear();
  size_bytes_ = 0;
}

}  // namespace copse
