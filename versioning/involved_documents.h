// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The documents of rows that are in pairs: what a search for duplicates knows
// of them while pairs come, and how their IDs are ordered.
//
//   InvolvedDocuments documents(domain);
//   COPSE_RETURN_IF_ERROR(documents.Learn(pairs));
//   const Ordinal document = documents.DocumentOf(pair.first);
//   ...
//   documents.Rank();
//   const uint32_t rank = documents.RankOf(document);

#ifndef COPSE_VERSIONING_INVOLVED_DOCUMENTS_H_
#define COPSE_VERSIONING_INVOLVED_DOCUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "index/pair_join.h"
#include "index/vector_source.h"

namespace copse {

class Domain;

// A document is named by the ordinal of its first row.
//
// Thread safety: none.
class InvolvedDocuments {
 public:
  // `domain` is not owned.
  explicit InvolvedDocuments(const Domain& domain) : domain_(domain) {}

  // Makes the documents of the rows of `pairs` known, reading those that are
  // not. Fails with kDataLoss.
  absl::Status Learn(std::span<const RowPair> pairs);

  // Forgets all rows and documents but those of `rows`. REQUIRES: these are
  // known, and Rank() was not called
  void ForgetAllBut(std::span<const Ordinal> rows);

  // Returns the document of `row`. REQUIRES: it is known, and Rank() was not
  // called
  Ordinal DocumentOf(Ordinal row) const { return document_of_.at(row); }

  // REQUIRES: the document is known
  const std::string& IdOf(Ordinal document) const {
    return documents_[places_.at(document)].id;
  }

  // Numbers the documents in the order of their IDs, from 0.
  void Rank();

  // REQUIRES: Rank() was called
  uint32_t RankOf(Ordinal document) const { return places_.at(document); }
  const std::string& IdAt(uint32_t rank) const { return documents_[rank].id; }
  const std::string& TypeAt(uint32_t rank) const {
    return documents_[rank].type;
  }

  size_t size() const { return documents_.size(); }
  size_t row_count() const { return document_of_.size(); }

 private:
  struct Document {
    std::string id;
    std::string type;
    Ordinal ordinal = 0;
  };

  const Domain& domain_;
  absl::flat_hash_map<Ordinal, Ordinal> document_of_;  // By row.
  absl::flat_hash_map<Ordinal, uint32_t> places_;      // By document.
  std::vector<Document> documents_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_INVOLVED_DOCUMENTS_H_
