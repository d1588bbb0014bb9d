// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/garbage_keeper.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr absl::Duration kProgressInterval = absl::Seconds(1);

GarbageProgress ToProgress(const std::string& domain, GarbagePhase phase,
                           const GarbageReport& report) {
  GarbageProgress progress = {.domain = domain, .phase = phase};
  for (const GarbageCount* count :
       {&report.rows, &report.pages, &report.live_sets}) {
    progress.examined_count += count->kept_count + count->removed_count;
    progress.removed_count += count->removed_count;
  }
  return progress;
}

}  // namespace

absl::Status GarbageKeeper::Collect(const GarbageRequest& request,
                                    const CallContext& call,
                                    const GarbageListener& listener) {
  return request.domain.empty()
             ? CollectAll(request, call, listener)
             : CollectDomain(request.domain, request, call, listener);
}

absl::Status GarbageKeeper::CollectAll(const GarbageRequest& request,
                                       const CallContext& call,
                                       const GarbageListener& listener) {
  ListOptions options;
  do {
    COPSE_ASSIGN_OR_RETURN(const Page<DomainInfo> page,
                           store_.ListDomains(options));
    for (const DomainInfo& domain : page.items) {
      const absl::Status status =
          CollectDomain(domain.options.domain, request, call, listener);
      // Otherwise it was deleted since it was listed.
      if (!absl::IsNotFound(status)) {
        COPSE_RETURN_IF_ERROR(status);
      }
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return absl::OkStatus();
}

absl::Status GarbageKeeper::CollectDomain(const std::string& domain,
                                          const GarbageRequest& request,
                                          const CallContext& call,
                                          const GarbageListener& listener) {
  std::optional<GarbagePhase> last_phase;
  absl::Time last_time;
  const auto on_progress = [&](GarbagePhase phase,
                               const GarbageReport& report) -> absl::Status {
    COPSE_RETURN_IF_ERROR(call.Check());
    const absl::Time now = absl::Now();
    if (phase == last_phase && now < last_time + kProgressInterval) {
      return absl::OkStatus();
    }
    last_phase = phase;
    last_time = now;
    return listener.on_progress(ToProgress(domain, phase, report));
  };
  const absl::StatusOr<GarbageReport> report =
      store_.CollectGarbage(domain, {.is_dry_run = request.is_dry_run,
                                     .retention = request.retention,
                                     .on_progress = on_progress});
  if (!request.is_dry_run) {
    Count(report);
  }
  COPSE_RETURN_IF_ERROR(report.status());
  return listener.on_result(domain, *report);
}

void GarbageKeeper::Count(const absl::StatusOr<GarbageReport>& report) {
  MutexLock lock(mutex_);
  ++totals_.collection_count;
  if (!report.ok()) {
    ++totals_.failure_count;
    return;
  }
  totals_.removed_commit_count += report->commits.removed_count;
  totals_.removed_row_count += report->rows.removed_count;
  totals_.removed_page_count += report->pages.removed_count;
  // A counter does not fall: pushes may have written more meanwhile.
  totals_.freed_size_bytes += std::max<int64_t>(report->freed_size_bytes(), 0);
}

GarbageTotals GarbageKeeper::totals() const {
  MutexLock lock(mutex_);
  return totals_;
}

}  // namespace copse
