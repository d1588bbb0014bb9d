// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Makes the families that a collector returns.

#ifndef COPSE_SIDECAR_UTIL_METRIC_FAMILIES_H_
#define COPSE_SIDECAR_UTIL_METRIC_FAMILIES_H_

#include <string>
#include <utility>
#include <vector>

#include "prometheus/client_metric.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"

namespace copse {

// One value of a family, with at most one label.
struct LabeledValue {
  std::string label;  // Empty for none.
  std::string label_value;
  double value = 0;
};

inline prometheus::MetricFamily MakeFamily(
    prometheus::MetricType type, std::string name, std::string help,
    const std::vector<LabeledValue>& values) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  for (const LabeledValue& value : values) {
    prometheus::ClientMetric metric;
    if (!value.label.empty()) {
      metric.label.push_back({value.label, value.label_value});
    }
    metric.gauge.value = value.value;
    metric.counter.value = value.value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

// What goes up and down.
inline prometheus::MetricFamily GaugeFamily(std::string name, std::string help,
                                            double value) {
  return MakeFamily(prometheus::MetricType::Gauge, std::move(name),
                    std::move(help), {{"", "", value}});
}

// What only grows while the process runs; `name` ends in "_total".
inline prometheus::MetricFamily CounterFamily(std::string name,
                                              std::string help, double value) {
  return MakeFamily(prometheus::MetricType::Counter, std::move(name),
                    std::move(help), {{"", "", value}});
}

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_METRIC_FAMILIES_H_
