// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What MeasureRecall found last in each domain, for Prometheus.
//
//   metrics.Add(std::make_shared<RecallCollector>(engine.recall_meter()));

#ifndef COPSE_SIDECAR_RECALL_COLLECTOR_H_
#define COPSE_SIDECAR_RECALL_COLLECTOR_H_

#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

#include "sidecar/service/recall_meter.h"

namespace copse {

// The label is the domain; the meter bounds how many there are.
//
// Thread safety: any number of threads may use one RecallCollector.
class RecallCollector : public prometheus::Collectable {
 public:
  // `meter` must outlive this.
  explicit RecallCollector(const RecallMeter& meter) : meter_(meter) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const RecallMeter& meter_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_RECALL_COLLECTOR_H_
