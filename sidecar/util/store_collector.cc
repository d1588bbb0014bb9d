// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/store_collector.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"

#include "index/util/status_macros.h"
#include "sidecar/util/metric_families.h"
#include "versioning/job_table.h"
#include "versioning/store.h"

namespace copse {
namespace {

double Number(int64_t value) { return static_cast<double>(value); }

void AppendPoolFamilies(const PoolStatistics& pool,
                        std::vector<prometheus::MetricFamily>& families) {
  families.push_back(CounterFamily("copse_pool_hits_total",
                                   "Commits that were loaded when asked for.",
                                   Number(pool.hit_count)));
  families.push_back(CounterFamily("copse_pool_misses_total",
                                   "Commits that had to be loaded.",
                                   Number(pool.miss_count)));
  families.push_back(CounterFamily("copse_pool_evictions_total",
                                   "Commits unloaded to make room.",
                                   Number(pool.eviction_count)));
  families.push_back(GaugeFamily("copse_pool_commits", "Commits loaded now.",
                                 Number(pool.loaded_commit_count)));
  families.push_back(GaugeFamily("copse_pool_bytes",
                                 "Memory of the commits loaded now.",
                                 Number(pool.loaded_size_bytes)));
  families.push_back(GaugeFamily("copse_pool_budget_bytes",
                                 "The setting pool_size_bytes.",
                                 Number(pool.budget_size_bytes)));
}

}  // namespace

absl::Status CheckWritable(Store& store) {
  COPSE_RETURN_IF_ERROR(store.write_status());
  return store.jobs().CheckFreeSpace();
}

std::vector<prometheus::MetricFamily> StoreCollector::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  families.push_back(
      GaugeFamily("copse_store_writable",
                  "1 unless the store refuses writes, also for want "
                  "of space on the disk.",
                  CheckWritable(store_).ok() ? 1 : 0));
  const absl::StatusOr<StoreStatistics> statistics = store_.GetStatistics();
  families.push_back(GaugeFamily("copse_store_up",
                                 "1 if the store could say its figures.",
                                 statistics.ok() ? 1 : 0));
  if (!statistics.ok()) {
    return families;
  }
  families.push_back(GaugeFamily("copse_domains", "Domains.",
                                 Number(statistics->domain_count)));
  families.push_back(GaugeFamily("copse_commits",
                                 "Complete commits of all domains.",
                                 Number(statistics->commit_count)));
  families.push_back(GaugeFamily("copse_pushes_in_flight",
                                 "Commits being built now.",
                                 Number(statistics->in_flight_count)));
  families.push_back(
      MakeFamily(prometheus::MetricType::Gauge, "copse_disk_used_bytes",
                 "Bytes on disk: metadata, pages and texts (meta), and vector "
                 "segments (vectors).",
                 {{"kind", "meta", Number(statistics->meta_size_bytes)},
                  {"kind", "vectors", Number(statistics->vector_size_bytes)}}));
  families.push_back(MakeFamily(
      prometheus::MetricType::Gauge, "copse_memory_used_bytes",
      "Memory with budgets of its own: metadata (meta: write buffers, caches, "
      "filters) and types of rows (types); for commits see copse_pool_bytes.",
      {{"kind", "meta", Number(statistics->meta_memory_size_bytes)},
       {"kind", "types", Number(statistics->type_filter_size_bytes)}}));
  families.push_back(GaugeFamily("copse_disk_free_bytes",
                                 "Free bytes of the disk of the data folder.",
                                 Number(statistics->free_size_bytes)));
  AppendPoolFamilies(statistics->pool, families);
  families.push_back(GaugeFamily("copse_folds_pending",
                                 "Folds that run or wait now.",
                                 Number(statistics->folds.running_count +
                                        statistics->folds.waiting_count)));
  families.push_back(MakeFamily(
      prometheus::MetricType::Counter, "copse_folds_total",
      "Folds in the background, by how they ended.",
      {{"outcome", "done", Number(statistics->folds.done_count)},
       {"outcome", "failed", Number(statistics->folds.failed_count)}}));
  return families;
}

}  // namespace copse
