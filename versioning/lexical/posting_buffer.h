// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Collects the terms of rows, and writes them as postings.
//
//   PostingBuffer buffer;
//   buffer.AddRow(ordinal, text, analyzer);
//   buffer.MoveTo(domain_number, batch);

#ifndef COPSE_VERSIONING_LEXICAL_POSTING_BUFFER_H_
#define COPSE_VERSIONING_LEXICAL_POSTING_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

#include "index/vector_source.h"
#include "versioning/document.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/meta_database.h"

namespace copse {

// Returns a hash of what is stored of a term in a row but the ordinal. The sum
// of them over all its terms tells whether a row is indexed as its text says.
uint64_t DigestOf(TermKind kind, absl::string_view term, uint32_t count,
                  std::span<const uint32_t> positions);

// Thread safety: one thread at a time.
class PostingBuffer {
 public:
  // Of a term in a row: how often it stands there, and where, if it is of a
  // kind that has positions.
  struct RowTerm {
    TermKind kind = TermKind::kWord;
    absl::string_view term;
    Ordinal ordinal = 0;
    uint32_t count = 0;
    std::span<const uint32_t> positions;
  };

  // Adds the attributes of a document of `row_count` rows, of which `ordinal`
  // is the first. REQUIRES: as AddRow().
  void AddAttributes(Ordinal ordinal, const Attributes& attributes,
                     uint32_t row_count);

  // Adds all terms of `text`, and its length unless it has no word. REQUIRES:
  // `ordinal` is greater than those before it, `text` is valid UTF-8.
  void AddRow(Ordinal ordinal, absl::string_view text,
              LexicalAnalyzer& analyzer);

  // Calls `visit` with each term of each row, in no particular order.
  void ForEach(absl::FunctionRef<void(const RowTerm&)> visit) const;

  // Adds everything to `batch`, and is empty then.
  void MoveTo(uint32_t domain_number, MetaBatch& batch);

  // Forgets everything.
  void Clear();

  bool empty() const { return terms_.empty(); }

  // About what MoveTo() adds to a batch.
  size_t size_bytes() const { return size_bytes_; }

 private:
  struct Row {
    Ordinal ordinal = 0;
    uint32_t count = 0;
  };
  struct Rows {
    std::vector<Row> rows;
    std::vector<uint32_t> positions;  // See PostingList.
  };

  void Add(Ordinal ordinal, TermKind kind, absl::string_view term,
           uint32_t count, const uint32_t* position);

  // By the kind, one byte, and the term.
  absl::flat_hash_map<std::string, Rows> terms_;
  size_t size_bytes_ = 0;
  std::string key_;  // Kept for its memory.
};

}  // namespace copse

#endif  // COPSE_VERSIONING_LEXICAL_POSTING_BUFFER_H_
