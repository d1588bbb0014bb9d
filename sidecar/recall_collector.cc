// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/recall_collector.h"

#include <utility>
#include <vector>

#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"

#include "sidecar/service/recall_meter.h"
#include "sidecar/util/metric_families.h"

namespace copse {

std::vector<prometheus::MetricFamily> RecallCollector::Collect() const {
  std::vector<LabeledValue> recalls;
  std::vector<LabeledValue> rows;
  std::vector<LabeledValue> seconds;
  for (const MeasuredRecall& measured : meter_.LastReports()) {
    const RecallReport& report = measured.report;
    recalls.push_back({"domain", measured.domain, report.recall});
    rows.push_back({"domain", measured.domain, report.rows_scanned});
    seconds.push_back({"domain", measured.domain, report.p99_us / 1e6});
  }
  if (recalls.empty()) {
    return {};
  }
  using prometheus::MetricType;
  return {MakeFamily(MetricType::Gauge, "copse_measured_recall",
                     "Share of the true neighbors found, by the last "
                     "MeasureRecall of the domain.",
                     recalls),
          MakeFamily(MetricType::Gauge, "copse_measured_scanned_rows",
                     "Mean rows scanned for a query of it.", rows),
          MakeFamily(MetricType::Gauge, "copse_measured_search_p99_seconds",
                     "Time that 99 % of its searches took at most.", seconds)};
}

}  // namespace copse
