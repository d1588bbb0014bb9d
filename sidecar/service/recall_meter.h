// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How well searches of a commit do: for sampled documents or given vectors,
// compares what a search with certain settings finds with what comparing every
// row finds, and times both.
//
//   absl::StatusOr<RecallReport> report = meter.Measure(request, context);

#ifndef COPSE_SIDECAR_SERVICE_RECALL_METER_H_
#define COPSE_SIDECAR_SERVICE_RECALL_METER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/searcher.h"
#include "versioning/store.h"

namespace copse {

inline constexpr int64_t kRecallQueryCountMax = 1000;
inline constexpr int64_t kRecallQueryCountDefault = 100;

struct RecallRequest {
  std::string domain;
  CommitSelector at;

  // How to search. `exact`, `max_distance` and `mask` are not used.
  SearchSettings settings;

  // The queries, at most kRecallQueryCountMax. If there are none, the vectors
  // of `sample_count` documents of the commit are taken, drawn by `seed`, which
  // then do not find themselves; 0 means kRecallQueryCountDefault.
  std::vector<std::vector<float>> queries;
  int64_t sample_count = 0;
  uint64_t seed = 0;
};

struct RecallReport {
  AnsweringCommit answered_by;
  int64_t neighbor_count = 0;
  int64_t query_count = 0;

  // The share of the true neighbors found: found neighbors that are at most as
  // far as the last true one, over the true ones. 1 if there are none.
  double recall = 0;

  // Means for a query.
  double rows_scanned = 0;
  double rows_reranked = 0;

  // Times of a search, and of comparing every row, in microseconds.
  double p50_us = 0;
  double p99_us = 0;
  double exact_p50_us = 0;
  double exact_p99_us = 0;
};

// The last report of a domain.
struct MeasuredRecall {
  std::string domain;
  RecallReport report;
};

// Thread safety: any number of threads may use one RecallMeter.
class RecallMeter {
 public:
  // `store` must outlive this.
  explicit RecallMeter(Store& store) : store_(store) {}

  // Fails with kInvalidArgument, naming the field, for a request out of range
  // or a vector that the domain cannot take, and kNotFound for an unknown
  // domain, branch or commit.
  absl::StatusOr<RecallReport> Measure(const RecallRequest& request,
                                       const CallContext& context)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns the last report of each domain that exists, ascending by name; of
  // the first kRememberedCountMax domains that were measured.
  std::vector<MeasuredRecall> LastReports() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static constexpr size_t kRememberedCountMax = 1000;

  void ForgetDeletedDomains() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Store& store_;
  mutable Mutex mutex_;
  mutable std::map<std::string, RecallReport> reports_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_RECALL_METER_H_
