// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What CollectGarbage has removed since the start, for Prometheus.
//
//   metrics.Add(std::make_shared<GarbageMetrics>(engine.garbage_keeper()));

#ifndef COPSE_SIDECAR_GARBAGE_METRICS_H_
#define COPSE_SIDECAR_GARBAGE_METRICS_H_

#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

#include "sidecar/service/garbage_keeper.h"

namespace copse {

// Thread safety: any number of threads may use one GarbageMetrics.
class GarbageMetrics : public prometheus::Collectable {
 public:
  // `keeper` must outlive this.
  explicit GarbageMetrics(const GarbageKeeper& keeper) : keeper_(keeper) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const GarbageKeeper& keeper_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_GARBAGE_METRICS_H_
