// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/backup_metrics.h"

#include <vector>

#include "absl/time/time.h"
#include "prometheus/metric_family.h"

#include "sidecar/service/backup_keeper.h"
#include "sidecar/util/metric_families.h"

namespace copse {

std::vector<prometheus::MetricFamily> BackupMetrics::Collect() const {
  const BackupTotals totals = keeper_.totals();
  std::vector<prometheus::MetricFamily> families = {
      CounterFamily("copse_backups_total", "Backups that were asked for.",
                    static_cast<double>(totals.backup_count)),
      CounterFamily("copse_backup_failures_total",
                    "Those that failed or were stopped.",
                    static_cast<double>(totals.failure_count))};
  if (totals.last.id == 0) {
    return families;
  }
  families.push_back(GaugeFamily(
      "copse_backup_last_timestamp_seconds",
      "When the last one that succeeded was begun.",
      absl::ToDoubleSeconds(totals.last.create_time - absl::UnixEpoch())));
  families.push_back(GaugeFamily("copse_backup_last_duration_seconds",
                                 "How long it took.",
                                 absl::ToDoubleSeconds(totals.last_duration)));
  families.push_back(GaugeFamily("copse_backup_last_size_bytes",
                                 "Bytes of all that it needs.",
                                 static_cast<double>(totals.last.size_bytes)));
  families.push_back(
      GaugeFamily("copse_backup_last_new_size_bytes",
                  "Bytes that the backup folder did not have before.",
                  static_cast<double>(totals.last.new_size_bytes)));
  return families;
}

}  // namespace copse
