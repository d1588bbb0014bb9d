// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The figures of a store, looked up when they are asked for: what it holds,
// what it takes on disk and how its pool does.

#ifndef COPSE_SIDECAR_UTIL_STORE_COLLECTOR_H_
#define COPSE_SIDECAR_UTIL_STORE_COLLECTOR_H_

#include <vector>

#include "absl/status/status.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

#include "versioning/store.h"

namespace copse {

// Returns OK, or why the store takes no push now: what its write_status() says,
// or that the disk has too little space.
absl::Status CheckWritable(Store& store);

// If the store cannot say, only copse_store_up, 0, and copse_store_writable
// are returned: no figure is better than an old one.
//
// Thread safety: any number of threads may use one StoreCollector.
class StoreCollector : public prometheus::Collectable {
 public:
  // `store` must outlive this.
  explicit StoreCollector(Store& store) : store_(store) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  Store& store_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_UTIL_STORE_COLLECTOR_H_
