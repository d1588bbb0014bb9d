// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/metrics_registry.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "prometheus/client_metric.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "prometheus/text_serializer.h"

#include "index/util/mutex.h"

namespace copse {

void MetricsRegistry::Add(
    std::shared_ptr<const prometheus::Collectable> collector) {
  MutexLock lock(mutex_);
  collectors_.push_back(std::move(collector));
}

void MetricsRegistry::ClearCollectors() {
  MutexLock lock(mutex_);
  collectors_.clear();
}

std::string MetricsRegistry::Serialize() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  {
    MutexLock lock(mutex_);
    for (const auto& collector : collectors_) {
      std::ranges::move(collector->Collect(), std::back_inserter(families));
    }
  }
  // The library keeps both in hash tables, and a stable order compares well.
  std::ranges::sort(families, {}, &prometheus::MetricFamily::name);
  for (prometheus::MetricFamily& family : families) {
    std::ranges::sort(family.metric, std::ranges::less(),
                      &prometheus::ClientMetric::label);
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace copse
