// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds for each document of one set the nearest of another and, if it is
// wanted, the other way round, as far as they are within a distance: candidates
// for the same thing in two collections.
//
//   COPSE_RETURN_IF_ERROR(MatchSets(finder, request, context, listener));
//
// The pairs come from a DuplicateFinder, the nearest first, so of each document
// the first ones count, and no more than a number for each is remembered.

#ifndef COPSE_SIDECAR_SERVICE_SET_MATCHER_H_
#define COPSE_SIDECAR_SERVICE_SET_MATCHER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"

#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/duplicate_finder.h"
#include "versioning/duplicates.h"

namespace copse {

inline constexpr int64_t kMatchCountMax = 10'000;
inline constexpr int64_t kMatchCountDefault = 5;

struct MatchRequest {
  std::string domain = {};
  CommitSelector at = {};
  DuplicateScope set = {};     // Empty: all documents.
  DuplicateScope target = {};  // Empty: the set.

  // Of each document, in [1, kMatchCountMax]; 0 means kMatchCountDefault.
  int64_t match_count = 0;

  // How far the matches of a document of the set, and of one of the target, are
  // at most; finite. Unset for the target: as for the set.
  double max_distance = 0;
  std::optional<double> target_max_distance = {};

  bool exact = false;

  // Whether there are no matches of documents of the target.
  bool is_one_way = false;

  float zero_distance_max = 0;  // See DuplicateOptions.
};

struct SetMatch {
  const DuplicateDocument& document;
  const DuplicateDocument& match;
  float distance = 0;
  bool is_from_target = false;  // `document`; `match` is then of the set.
};

struct MatchListener {
  // As of a DuplicateListener. May be null.
  std::function<absl::Status(const std::string& warning)> on_warning = nullptr;

  // Once, before the matches. May be null.
  std::function<absl::Status(const AnsweringCommit& answered_by)> on_begin =
      nullptr;

  // Ascending by distance; of each document ascending by (distance, ID).
  std::function<absl::Status(const SetMatch&)> on_match = nullptr;
};

// Fails with kInvalidArgument, FIELD_INVALID, for a request out of range, and
// as DuplicateFinder::Find().
absl::Status MatchSets(DuplicateFinder& finder, const MatchRequest& request,
                       const CallContext& context,
                       const MatchListener& listener);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_SET_MATCHER_H_
