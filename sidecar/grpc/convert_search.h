// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Searches, their filters and what they find and explain, and suggestions;
// convert_common.h says how conversions are named and fail.

#ifndef COPSE_SIDECAR_GRPC_CONVERT_SEARCH_H_
#define COPSE_SIDECAR_GRPC_CONVERT_SEARCH_H_

#include "absl/status/statusor.h"

#include "copse/v1/search_service.pb.h"
#include "index/forest.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/searcher.h"
#include "versioning/commit_reader.h"

namespace copse {

// Fails with FILTER_INVALID for a condition or value that is not set.
absl::StatusOr<SearchSettings> ToSearchSettings(
    const v1::SearchSettings& message);
absl::StatusOr<SearchRequest> ToSearchRequest(const v1::SearchRequest& message);
absl::StatusOr<SearchRequest> ToSearchRequest(
    const v1::FindSimilarRequest& message);

void Fill(SearchNeighbor&& neighbor, const DocumentMask& mask,
          v1::Neighbor& message);
void Fill(const SearchWork& work, v1::SearchWork& message);
// `distance` is that of the neighbor.
void Fill(NeighborExplanation&& explanation, const SearchExplanation& search,
          double distance, v1::Explanation& message);
void Fill(const SearchExplanation& explanation, v1::SearchExplanation& message);
void Fill(TermSuggestion&& suggestion, v1::TermSuggestion& message);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_CONVERT_SEARCH_H_
