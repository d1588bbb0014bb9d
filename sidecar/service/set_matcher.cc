// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/set_matcher.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/duplicate_finder.h"
#include "sidecar/service/request_errors.h"
#include "versioning/duplicates.h"

namespace copse {
namespace {

absl::Status CheckRequest(const MatchRequest& request) {
  if (request.match_count < 0 || request.match_count > kMatchCountMax) {
    return FieldInvalidError("match_count", absl::StrCat(request.match_count),
                             absl::StrCat("1 to ", kMatchCountMax));
  }
  const double target = request.target_max_distance.value_or(0);
  if (!std::isfinite(target)) {
    return FieldInvalidError("target_max_distance",
                             absl::StrFormat("%g", target), "a finite number");
  }
  return absl::OkStatus();  // The finder checks the other distance.
}

// Makes matches of pairs that come in ascending order.
class Matching {
 public:
  Matching(const MatchRequest& request, const MatchListener& listener)
      : listener_(listener),
        match_count_(request.match_count == 0 ? kMatchCountDefault
                                              : request.match_count),
        is_one_way_(request.is_one_way),
        // As the finder rounds it.
        set_distance_max_(static_cast<float>(request.max_distance)),
        target_distance_max_(static_cast<float>(
            request.target_max_distance.value_or(request.max_distance))) {}

  double distance_max() const {
    return is_one_way_ ? set_distance_max_
                       : std::max(set_distance_max_, target_distance_max_);
  }

  absl::Status Add(const DuplicatePair& pair) {
    COPSE_RETURN_IF_ERROR(AddFrom(pair.first, pair.second, pair.distance));
    return AddFrom(pair.second, pair.first, pair.distance);
  }

 private:
  using Counts = absl::flat_hash_map<std::string, int64_t>;

  absl::Status AddFrom(const DuplicateDocument& document,
                       const DuplicateDocument& match, float distance) {
    if (document.is_in_scope && match.is_in_target &&
        distance <= set_distance_max_ && TakePlace(set_counts_, document.id)) {
      COPSE_RETURN_IF_ERROR(
          listener_.on_match({document, match, distance, false}));
    }
    if (!is_one_way_ && document.is_in_target && match.is_in_scope &&
        distance <= target_distance_max_ &&
        TakePlace(target_counts_, document.id)) {
      return listener_.on_match({document, match, distance, true});
    }
    return absl::OkStatus();
  }

  bool TakePlace(Counts& counts, const std::string& id) const {
    int64_t& count = counts[id];
    return count < match_count_ && ++count > 0;
  }

  const MatchListener& listener_;
  const int64_t match_count_;
  const bool is_one_way_;
  const float set_distance_max_;
  const float target_distance_max_;
  Counts set_counts_;
  Counts target_counts_;
};

}  // namespace

absl::Status MatchSets(DuplicateFinder& finder, const MatchRequest& request,
                       const CallContext& context,
                       const MatchListener& listener) {
  COPSE_RETURN_IF_ERROR(CheckRequest(request));
  Matching matching(request, listener);
  DuplicateListener pairs;
  pairs.on_warning = listener.on_warning;
  if (listener.on_begin != nullptr) {
    pairs.on_begin = [&listener](const AnsweringCommit& answered_by,
                                 const std::optional<AnsweringCommit>&) {
      return listener.on_begin(answered_by);
    };
  }
  pairs.on_pair = [&matching](const DuplicatePair& pair) {
    return matching.Add(pair);
  };
  DuplicateRequest join;
  join.domain = request.domain;
  join.at = request.at;
  join.max_distance = matching.distance_max();
  join.exact = request.exact;
  join.zero_distance_max = request.zero_distance_max;
  join.scope = request.set;
  join.target = request.target;
  return finder.Find(join, context, pairs);
}

}  // namespace copse
