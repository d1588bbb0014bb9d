// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/duplicate_finder.h"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/metric.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/filter_warnings.h"
#include "sidecar/service/request_errors.h"
#include "versioning/commit_reader.h"

namespace copse {
namespace {

constexpr absl::Duration kProgressInterval = absl::Seconds(1);

absl::Status CheckRequest(const DuplicateRequest& request) {
  if (!std::isfinite(request.max_distance)) {
    return FieldInvalidError("max_distance",
                             absl::StrFormat("%g", request.max_distance),
                             "a finite number");
  }
  if (request.count_max < 0) {
    return FieldInvalidError("count_max", absl::StrCat(request.count_max),
                             "at least 0");
  }
  return absl::OkStatus();
}

// A threshold that nothing can reach finds nothing, which would pass a check.
absl::Status CheckReach(double max_distance, Metric metric) {
  if (max_distance >= 0 || metric == Metric::kDotProduct) {
    return absl::OkStatus();
  }
  return FieldInvalidError("max_distance", absl::StrFormat("%g", max_distance),
                           "at least 0, as no distance of the domain is less");
}

// Tells the listener of types and IDs that no document has.
absl::Status Warn(const DuplicateRequest& request, const ResolvedCommit& at,
                  const DuplicateListener& listener) {
  if (listener.on_warning == nullptr) {
    return absl::OkStatus();
  }
  std::vector<std::string> types = request.scope.types;
  types.insert(types.end(), request.target.types.begin(),
               request.target.types.end());
  std::vector<std::string> ids = request.scope.document_ids;
  ids.insert(ids.end(), request.target.document_ids.begin(),
             request.target.document_ids.end());
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> warnings,
                         FindFilterWarnings(at, types, ids));
  for (const std::string& warning : warnings) {
    COPSE_RETURN_IF_ERROR(listener.on_warning(warning));
  }
  return absl::OkStatus();
}

// One of the searches that run, as long as it lives.
class Place {
 public:
  explicit Place(std::atomic<uint32_t>& running_count)
      : running_count_(running_count), number_(++running_count) {}
  ~Place() { --running_count_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  uint32_t number() const { return number_; }

 private:
  std::atomic<uint32_t>& running_count_;
  const uint32_t number_;
};

// Hands what is found to the listener, until it is enough.
class Relay {
 public:
  Relay(const DuplicateRequest& request, const CallContext& context,
        const DuplicateListener& listener)
      : request_(request), context_(context), listener_(listener) {}

  DuplicateVisitor Visitor() {
    return {.on_pair =
                [this](const DuplicatePair& pair) {
                  return Pass(listener_.on_pair(pair));
                },
            .on_cluster =
                [this](const DuplicateCluster& cluster) {
                  return Pass(listener_.on_cluster(cluster));
                },
            .on_progress = [this](int64_t count) { return Progress(count); }};
  }

  bool has_enough() const { return has_enough_; }

 private:
  absl::Status Pass(const absl::Status& status) {
    COPSE_RETURN_IF_ERROR(status);
    COPSE_RETURN_IF_ERROR(context_.Check());
    has_enough_ = ++visited_count_ == request_.count_max;
    return has_enough_ ? absl::CancelledError("enough") : absl::OkStatus();
  }

  absl::Status Progress(int64_t found_count) {
    const absl::Time now = absl::Now();
    if (listener_.on_progress == nullptr ||
        now < last_progress_ + kProgressInterval) {
      return absl::OkStatus();
    }
    last_progress_ = now;
    return listener_.on_progress(found_count);
  }

  const DuplicateRequest& request_;
  const CallContext& context_;
  const DuplicateListener& listener_;
  absl::Time last_progress_ = absl::Now();
  int64_t visited_count_ = 0;
  bool has_enough_ = false;
};

}  // namespace

absl::Status DuplicateFinder::Find(const DuplicateRequest& request,
                                   const CallContext& context,
                                   const DuplicateListener& listener) {
  COPSE_RETURN_IF_ERROR(CheckRequest(request));
  COPSE_RETURN_IF_ERROR(context.Check());
  const Place place(running_count_);
  if (place.number() > options_.concurrency_max) {
    return WithReason(absl::ResourceExhaustedError(absl::StrFormat(
                          "%d searches for duplicates run already, as many as "
                          "duplicates.concurrency_max allows: try again later",
                          options_.concurrency_max)),
                      "DUPLICATES_BUSY",
                      {{"setting", "duplicates.concurrency_max"},
                       {"wanted", absl::StrCat(options_.concurrency_max)}});
  }
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         ResolveCommit(store_, request.domain, request.at));
  COPSE_RETURN_IF_ERROR(
      CheckReach(request.max_distance, at.reader->domain_options().metric));
  std::optional<ResolvedCommit> since;
  std::optional<AnsweringCommit> since_answered_by;
  if (request.since.has_value()) {
    COPSE_ASSIGN_OR_RETURN(
        since, ResolveCommit(store_, request.domain, *request.since));
    since_answered_by = {since->commit, since->lag};
  }
  COPSE_RETURN_IF_ERROR(Warn(request, at, listener));
  if (listener.on_begin != nullptr) {
    COPSE_RETURN_IF_ERROR(
        listener.on_begin({at.commit, at.lag}, since_answered_by));
  }
  Relay relay(request, context, listener);
  const absl::Status status = FindDuplicates(
      *at.reader,
      {.distance_max = static_cast<float>(request.max_distance),
       .zero_distance_max = request.zero_distance_max,
       .exact = request.exact,
       .scope = request.scope,
       .target = request.target,
       .since = since.has_value() ? since->reader.get() : nullptr,
       .pair_count_max = request.count_max,
       .clustering = request.clustering,
       .spill_size_bytes_max = options_.spill_size_bytes_max,
       .thread_count = options_.thread_count,
       .check = [&context] { return context.Check(); }},
      relay.Visitor());
  return relay.has_enough() ? absl::OkStatus() : status;
}

}  // namespace copse
