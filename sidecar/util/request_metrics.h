// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Counts and times requests, by method and code, for Prometheus.
//
//   request_metrics.Start("copse.v1.SearchService/Search");
//   ...
//   request_metrics.Finish("copse.v1.SearchService/Search",
//                          absl::StatusCode::kOk, seconds);
//
// Method names come from our own code, never from a peer: an unknown method is
// counted by the caller under a name of its own, so the number of series stays
// bounded whatever is sent.

#ifndef COPSE_SIDECAR_UTIL_REQUEST_METRICS_H_
#define COPSE_SIDECAR_UTIL_REQUEST_METRICS_H_

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "prometheus/registry.h"

#include "index/util/mutex.h"

namespace copse {

// Thread safety: any number of threads may use one RequestMetrics.
class RequestMetrics {
 public:
  // Methods beyond this number are counted together as "other".
  static constexpr size_t kMethodCountMax = 256;

  // `registry` must outlive this. REQUIRES: one RequestMetrics for a registry.
  explicit RequestMetrics(prometheus::Registry& registry);
  ~RequestMetrics();
  RequestMetrics(const RequestMetrics&) = delete;
  RequestMetrics& operator=(const RequestMetrics&) = delete;

  // Counts a request of `method` as in flight until Finish() is called.
  void Start(absl::string_view method) ABSL_LOCKS_EXCLUDED(mutex_);

  // Counts a request that ended with `code` after `seconds`. grpc::StatusCode
  // has the same numbers as absl::StatusCode. REQUIRES: Start(method) before.
  void Finish(absl::string_view method, absl::StatusCode code, double seconds)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // The codes of gRPC are 0 to 16.
  static constexpr size_t kCodeCount = 17;

  struct Families;
  struct MethodMetrics;

  MethodMetrics& MetricsOf(absl::string_view method)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<Families> families_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, std::unique_ptr<MethodMetrics>> methods_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_REQUEST_METRICS_H_
