// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/involved_documents.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/pair_join.h"
#include "index/util/status_macros.h"
#include "versioning/domain.h"
#include "versioning/row_reader.h"
#include "versioning/row_record.h"

namespace copse {

absl::Status InvolvedDocuments::Learn(std::span<const RowPair> pairs) {
  std::vector<Ordinal> unknown;
  for (const RowPair& pair : pairs) {
    for (const Ordinal row : {pair.first, pair.second}) {
      if (!document_of_.contains(row)) {
        unknown.push_back(row);
      }
    }
  }
  std::sort(unknown.begin(), unknown.end());
  unknown.erase(std::unique(unknown.begin(), unknown.end()), unknown.end());
  COPSE_ASSIGN_OR_RETURN(
      std::vector<RowRecord> records,
      ReadRows(domain_.database(), domain_.number(), unknown));
  for (size_t i = 0; i < records.size(); ++i) {
    const Ordinal document = unknown[i] - records[i].chunk;
    document_of_[unknown[i]] = document;
    const auto place = static_cast<uint32_t>(documents_.size());
    if (places_.try_emplace(document, place).second) {
      documents_.push_back({.id = std::move(records[i].document_id),
                            .type = std::move(records[i].type),
                            .ordinal = document});
    }
  }
  return absl::OkStatus();
}

void InvolvedDocuments::ForgetAllBut(std::span<const Ordinal> rows) {
  absl::flat_hash_map<Ordinal, Ordinal> document_of;
  absl::flat_hash_map<Ordinal, uint32_t> places;
  std::vector<Document> documents;
  for (const Ordinal row : rows) {
    const Ordinal document = document_of_.at(row);
    document_of[row] = document;
    const auto place = static_cast<uint32_t>(documents.size());
    if (places.try_emplace(document, place).second) {
      documents.push_back(std::move(documents_[places_.at(document)]));
    }
  }
  document_of_ = std::move(document_of);
  places_ = std::move(places);
  documents_ = std::move(documents);
}

void InvolvedDocuments::Rank() {
  document_of_ = {};
  std::sort(documents_.begin(), documents_.end(),
            [](const Document& left, const Document& right) {
              return left.id < right.id;
            });
  for (uint32_t i = 0; i < documents_.size(); ++i) {
    places_[documents_[i].ordinal] = i;
  }
}

}  // namespace copse
