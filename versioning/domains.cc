// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/domain.h"
#include "versioning/domain_registry.h"
#include "versioning/retention.h"
#include "versioning/store_impl.h"

namespace copse {

absl::StatusOr<DomainInfo> StoreImpl::CreateDomain(
    const DomainOptions& options) {
  return registry_.Create(options);
}

absl::StatusOr<DomainInfo> StoreImpl::GetDomain(absl::string_view domain_name) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  return domain->GetInfo();
}

absl::StatusOr<Page<DomainInfo>> StoreImpl::ListDomains(
    const ListOptions& options) {
  return registry_.List(options);
}

absl::StatusOr<DomainInfo> StoreImpl::UpdateDomain(
    absl::string_view domain_name, absl::string_view description) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  COPSE_RETURN_IF_ERROR(CheckDomainDescription(description));
  COPSE_RETURN_IF_ERROR(domain->SetDescription(description));
  return domain->GetInfo();
}

absl::StatusOr<DomainInfo> StoreImpl::UpdateRetention(
    absl::string_view domain_name, const RetentionPolicy& retention) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  COPSE_RETURN_IF_ERROR(CheckRetention(retention));
  COPSE_RETURN_IF_ERROR(domain->SetRetention(retention));
  return domain->GetInfo();
}

absl::Status StoreImpl::DeleteDomain(absl::string_view domain_name) {
  return registry_.Delete(domain_name);
}

}  // namespace copse
