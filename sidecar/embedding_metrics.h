// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Counts what embedding costs, for Prometheus, and logs what went wrong with
// it. Stands here because it is what `embedding` and `util` have in common.

#ifndef COPSE_SIDECAR_EMBEDDING_METRICS_H_
#define COPSE_SIDECAR_EMBEDDING_METRICS_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "prometheus/registry.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/embedding_observer.h"
#include "sidecar/util/logger.h"

namespace copse {

// The labels are names of profiles, which the configuration bounds, HTTP status
// codes, and words that the code has.
//
// Thread safety: any number of threads may use one EmbeddingMetrics.
class EmbeddingMetrics : public EmbeddingObserver {
 public:
  // Both must outlive this. REQUIRES: one EmbeddingMetrics for a registry.
  EmbeddingMetrics(prometheus::Registry& registry, Logger& logger);
  ~EmbeddingMetrics() override;
  EmbeddingMetrics(const EmbeddingMetrics&) = delete;
  EmbeddingMetrics& operator=(const EmbeddingMetrics&) = delete;

  void OnRequest(const EmbeddingRequestEvent& event) override;
  void OnRetry(absl::string_view profile, absl::Duration delay) override;
  void OnWait(absl::string_view profile, absl::string_view wait,
              absl::Duration duration) override;
  void OnFlow(const EmbeddingFlowEvent& event) override;
  void OnCacheLookup(absl::string_view profile, int64_t hit_count,
                     int64_t miss_count) override;
  void OnCacheFailure(absl::string_view profile, absl::string_view operation,
                      absl::string_view failure) override;

 private:
  struct Families;

  // Returns whether this is news about `profile`.
  bool NoteOpen(const std::string& profile, bool is_open);

  const std::unique_ptr<Families> families_;
  Logger& logger_;

  Mutex mutex_;
  std::set<std::string> open_profiles_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_METRICS_H_
