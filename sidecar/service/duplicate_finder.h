// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds the documents of a commit that are near each other, a few requests at a
// time: each takes memory, disk and processors (versioning/duplicates.h).
//
//   COPSE_RETURN_IF_ERROR(finder.Find(
//       request, context, {.on_begin = ..., .on_pair = ...}));

#ifndef COPSE_SIDECAR_SERVICE_DUPLICATE_FINDER_H_
#define COPSE_SIDECAR_SERVICE_DUPLICATE_FINDER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"

#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "versioning/duplicates.h"
#include "versioning/store.h"

namespace copse {

struct DuplicateRequest {
  std::string domain;
  CommitSelector at;

  // If set, of each pair a document is new or changed since then.
  std::optional<CommitSelector> since;

  double max_distance = 0;  // Finite.
  bool exact = false;
  float zero_distance_max = 0;  // See DuplicateOptions.
  DuplicateScope scope;
  DuplicateScope target;
  DuplicateOptions::Clustering clustering = DuplicateOptions::Clustering::kNone;

  // How many pairs or clusters are visited at most, at least 0; 0 for all.
  int64_t count_max = 0;
};

// What is not set is not told; a status that is not OK ends the search.
struct DuplicateListener {
  // Before all else, for each name of a filter that no document has
  // (filter_warnings.h).
  std::function<absl::Status(const std::string& warning)> on_warning = nullptr;

  // Once, before what is found.
  std::function<absl::Status(const AnsweringCommit& answered_by,
                             const std::optional<AnsweringCommit>& since)>
      on_begin = nullptr;

  // About every second until the first pair or cluster: how many pairs of
  // chunks have been found, some of them twice.
  std::function<absl::Status(int64_t found_count)> on_progress = nullptr;

  std::function<absl::Status(const DuplicatePair&)> on_pair = nullptr;
  std::function<absl::Status(const DuplicateCluster&)> on_cluster = nullptr;
};

struct DuplicateFinderOptions {
  // How many searches run at the same time, at least 1.
  uint32_t concurrency_max = 2;

  // The disk that each may take.
  int64_t spill_size_bytes_max = int64_t{4} << 30;

  // Threads of each, in [1, 256].
  uint32_t thread_count = 1;
};

// Thread safety: any number of threads may use one DuplicateFinder.
class DuplicateFinder {
 public:
  // `store` must outlive this.
  DuplicateFinder(Store& store, const DuplicateFinderOptions& options)
      : store_(store), options_(options) {}

  // Fails with kInvalidArgument, FIELD_INVALID, for a request out of range, the
  // errors of ResolveCommit() and FindDuplicates(), and
  // kResourceExhausted, DUPLICATES_BUSY, if too many run already.
  absl::Status Find(const DuplicateRequest& request, const CallContext& context,
                    const DuplicateListener& listener);

 private:
  Store& store_;
  const DuplicateFinderOptions options_;
  std::atomic<uint32_t> running_count_ = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_DUPLICATE_FINDER_H_
