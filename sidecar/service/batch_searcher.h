// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Many searches of one commit by meaning in one request: texts are embedded
// together, and the index reads what several queries want once.
//
//   COPSE_ASSIGN_OR_RETURN(
//       BatchSearchResponse response,
//       SearchBatch(store, embedders, request, context));

#ifndef COPSE_SIDECAR_SERVICE_BATCH_SEARCHER_H_
#define COPSE_SIDECAR_SERVICE_BATCH_SEARCHER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

#include "index/forest.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/domain_embedders.h"
#include "sidecar/service/searcher.h"
#include "versioning/store.h"

namespace copse {

inline constexpr size_t kBatchQueryCountMax = 1000;

// Neighbors that all queries may ask for together.
inline constexpr int64_t kBatchNeighborCountMax = 100'000;

struct BatchSearchRequest {
  using Query = std::variant<std::monostate, TextQuery, VectorQuery>;

  std::string domain;
  CommitSelector at;
  std::vector<Query> queries;  // 1 to kBatchQueryCountMax.

  // `start` and `with_snippets` must not be set.
  SearchSettings settings;
};

struct BatchSearchResponse {
  AnsweringCommit answered_by;
  std::vector<std::vector<SearchNeighbor>> results;  // By query.
  SearchWork work;                                   // Of all.
  std::vector<std::string> warnings = {};            // See filter_warnings.h.
};

// Fails as Searcher::Search(), naming the query, and with kInvalidArgument,
// FIELD_INVALID, for too many queries or neighbors.
absl::StatusOr<BatchSearchResponse> SearchBatch(
    Store& store, DomainEmbedders& embedders, const BatchSearchRequest& request,
    const CallContext& context);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_BATCH_SEARCHER_H_
