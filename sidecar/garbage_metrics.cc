// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/garbage_metrics.h"

#include <vector>

#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"

#include "sidecar/service/garbage_keeper.h"
#include "sidecar/util/metric_families.h"

namespace copse {

std::vector<prometheus::MetricFamily> GarbageMetrics::Collect() const {
  const GarbageTotals totals = keeper_.totals();
  return {
      CounterFamily("copse_garbage_collections_total",
                    "Collections of garbage, each of one domain.",
                    static_cast<double>(totals.collection_count)),
      CounterFamily("copse_garbage_failures_total",
                    "Those that failed or were stopped.",
                    static_cast<double>(totals.failure_count)),
      MakeFamily(
          prometheus::MetricType::Counter, "copse_garbage_removed_total",
          "What they removed.",
          {{"kind", "commits",
            static_cast<double>(totals.removed_commit_count)},
           {"kind", "rows", static_cast<double>(totals.removed_row_count)},
           {"kind", "pages", static_cast<double>(totals.removed_page_count)}}),
      CounterFamily("copse_garbage_freed_bytes_total",
                    "Bytes of disk that they gave back.",
                    static_cast<double>(totals.freed_size_bytes))};
}

}  // namespace copse
