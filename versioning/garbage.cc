// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/domain.h"
#include "versioning/garbage_collector.h"
#include "versioning/garbage_report.h"
#include "versioning/retention.h"
#include "versioning/store_impl.h"

namespace copse {

absl::StatusOr<GarbageReport> StoreImpl::CollectGarbage(
    absl::string_view domain_name, const GarbageOptions& options) {
  if (options.retention.has_value()) {
    COPSE_RETURN_IF_ERROR(CheckRetention(*options.retention));
  }
  if (!options.is_dry_run) {
    // What is not removed now is removed the next time.
    registry_.RemoveReplaced().IgnoreError();
  }
  return WithDomain(domain_name,
                    [&](const std::shared_ptr<Domain>& domain)
                        -> absl::StatusOr<GarbageReport> {
                      absl::StatusOr<GarbageReport> report =
                          CollectDomainGarbage(*domain, options);
                      if (!report.ok()) {
                        return domain->ExplainError(report.status());
                      }
                      return report;
                    });
}

}  // namespace copse
