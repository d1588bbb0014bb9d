// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The backups since the start, and what the last one is, for Prometheus.
//
//   metrics.Add(std::make_shared<BackupMetrics>(engine.backup_keeper()));

#ifndef COPSE_SIDECAR_BACKUP_METRICS_H_
#define COPSE_SIDECAR_BACKUP_METRICS_H_

#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

#include "sidecar/service/backup_keeper.h"

namespace copse {

// Thread safety: any number of threads may use one BackupMetrics.
class BackupMetrics : public prometheus::Collectable {
 public:
  // `keeper` must outlive this.
  explicit BackupMetrics(const BackupKeeper& keeper) : keeper_(keeper) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const BackupKeeper& keeper_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_BACKUP_METRICS_H_
