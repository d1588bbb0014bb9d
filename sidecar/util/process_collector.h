// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the operating system says about this process, under the names that all
// Prometheus clients use, and which build of copse it is.

#ifndef COPSE_SIDECAR_UTIL_PROCESS_COLLECTOR_H_
#define COPSE_SIDECAR_UTIL_PROCESS_COLLECTOR_H_

#include <string>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace copse {

// Reads /proc/self; a figure that cannot be read is left out.
//
// Thread safety: any number of threads may use one ProcessCollector.
class ProcessCollector : public prometheus::Collectable {
 public:
  explicit ProcessCollector(std::string version);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::string version_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_PROCESS_COLLECTOR_H_
