// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The jobs by kind and state, for Prometheus.
//
//   metrics.Add(std::make_shared<JobMetrics>(engine.jobs()));

#ifndef COPSE_SIDECAR_JOB_METRICS_H_
#define COPSE_SIDECAR_JOB_METRICS_H_

#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

#include "sidecar/service/job_runner.h"

namespace copse {

// Thread safety: any number of threads may use one JobMetrics.
class JobMetrics : public prometheus::Collectable {
 public:
  // `runner` must outlive this.
  explicit JobMetrics(const JobRunner& runner) : runner_(runner) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const JobRunner& runner_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_JOB_METRICS_H_
