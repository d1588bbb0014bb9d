// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Everything that Prometheus reads: counters that the code keeps, and figures
// that collectors look up when they are asked for.
//
//   MetricsRegistry metrics;
//   RequestMetrics request_metrics(metrics.registry());
//   metrics.Add(std::make_unique<StoreCollector>(store));
//   std::string text = metrics.Serialize();  // The text format 0.0.4.
//
// README.md lists the names.

#ifndef COPSE_SIDECAR_UTIL_METRICS_REGISTRY_H_
#define COPSE_SIDECAR_UTIL_METRICS_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "prometheus/collectable.h"
#include "prometheus/registry.h"

#include "index/util/mutex.h"

namespace copse {

// Thread safety: any number of threads may use one MetricsRegistry.
class MetricsRegistry {
 public:
  MetricsRegistry() = default;
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // What the code counts registers here; it lives as long as this does.
  prometheus::Registry& registry() { return registry_; }

  // Asks `collector` at each Serialize() from now on.
  void Add(std::shared_ptr<const prometheus::Collectable> collector)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Forgets all collectors. When it returns none of them is being asked, so
  // that what they look at may go.
  void ClearCollectors() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns all families, ascending by name and labels.
  std::string Serialize() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  prometheus::Registry registry_;
  mutable Mutex mutex_;  // Held while collectors are asked.
  std::vector<std::shared_ptr<const prometheus::Collectable>> collectors_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_METRICS_REGISTRY_H_
