// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Collects the garbage of one domain or of all, tells what it is at, and keeps
// count for the metrics.

#ifndef COPSE_SIDECAR_SERVICE_GARBAGE_KEEPER_H_
#define COPSE_SIDECAR_SERVICE_GARBAGE_KEEPER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"
#include "sidecar/service/call_context.h"
#include "versioning/store.h"

namespace copse {

struct GarbageRequest {
  std::string domain = {};  // Empty: all.
  bool is_dry_run = false;
  std::optional<RetentionPolicy> retention = {};  // Unset: the domain's.
};

struct GarbageProgress {
  std::string domain;
  GarbagePhase phase = GarbagePhase::kExpiring;
  int64_t examined_count = 0;  // Rows, pages and live sets.
  int64_t removed_count = 0;   // Of these.
};

// Where a collection reports; what a function returns ends it.
struct GarbageListener {
  // When a phase begins, and about every second.
  std::function<absl::Status(const GarbageProgress&)> on_progress;

  // At the end of each domain.
  std::function<absl::Status(const std::string& domain, const GarbageReport&)>
      on_result;
};

// Since the start, dry runs apart.
struct GarbageTotals {
  int64_t collection_count = 0;
  int64_t failure_count = 0;
  int64_t removed_commit_count = 0;
  int64_t removed_row_count = 0;
  int64_t removed_page_count = 0;
  int64_t freed_size_bytes = 0;
};

// Thread safety: any number of threads may use one GarbageKeeper.
class GarbageKeeper {
 public:
  // `store` must outlive this.
  explicit GarbageKeeper(Store& store) : store_(store) {}

  // Fails as Store::CollectGarbage(), and with why `call` should end. Of all
  // domains, those that are deleted meanwhile are passed over.
  absl::Status Collect(const GarbageRequest& request, const CallContext& call,
                       const GarbageListener& listener);

  GarbageTotals totals() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Status CollectDomain(const std::string& domain,
                             const GarbageRequest& request,
                             const CallContext& call,
                             const GarbageListener& listener);
  absl::Status CollectAll(const GarbageRequest& request,
                          const CallContext& call,
                          const GarbageListener& listener);
  void Count(const absl::StatusOr<GarbageReport>& report)
      ABSL_LOCKS_EXCLUDED(mutex_);

  Store& store_;
  mutable Mutex mutex_;
  GarbageTotals totals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_GARBAGE_KEEPER_H_
