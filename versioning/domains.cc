// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/domain.h"
#include "versioning/domain_registry.h"
#include "versioning/domain_replacement.h"
#include "versioning/domain_replacement_impl.h"
#include "versioning/job_record.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
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
  return WithDomain(
      domain_name,
      [&](const std::shared_ptr<Domain>& domain) -> absl::StatusOr<DomainInfo> {
        COPSE_RETURN_IF_ERROR(CheckDomainDescription(description));
        COPSE_RETURN_IF_ERROR(domain->SetDescription(description));
        return domain->GetInfo();
      });
}

absl::StatusOr<DomainInfo> StoreImpl::StoreClustering(
    absl::string_view domain_name) {
  return WithDomain(
      domain_name,
      [&](const std::shared_ptr<Domain>& domain) -> absl::StatusOr<DomainInfo> {
        COPSE_RETURN_IF_ERROR(domain->StoreClustering());
        return domain->GetInfo();
      });
}

absl::StatusOr<DomainInfo> StoreImpl::UpdateRetention(
    absl::string_view domain_name, const RetentionPolicy& retention) {
  return WithDomain(
      domain_name,
      [&](const std::shared_ptr<Domain>& domain) -> absl::StatusOr<DomainInfo> {
        COPSE_RETURN_IF_ERROR(CheckRetention(retention));
        COPSE_RETURN_IF_ERROR(domain->SetRetention(retention));
        return domain->GetInfo();
      });
}

absl::Status StoreImpl::DeleteDomain(absl::string_view domain_name) {
  absl::Status status;
  do {
    status = registry_.Delete(domain_name);
  } while (IsDomainReplaced(status));
  return status;
}

// ---- Replacements ----------------------------------------------------------

absl::StatusOr<std::unique_ptr<DomainReplacement>> StoreImpl::BeginReplacement(
    const DomainOptions& options, absl::string_view owner) {
  COPSE_ASSIGN_OR_RETURN(DomainRegistry::Replacement replacement,
                         registry_.BeginReplacement(options, owner));
  return std::make_unique<DomainReplacementImpl>(
      *this, std::move(replacement.source), std::move(replacement.target));
}

absl::StatusOr<bool> StoreImpl::Replace(
    const std::shared_ptr<Domain>& source,
    const std::shared_ptr<Domain>& target, uint64_t change_count,
    const std::function<StoredJob()>& make_job_record) {
  MetaBatch batch(*context_->database);
  if (make_job_record != nullptr) {
    const StoredJob job = make_job_record();
    batch.Put(MetaTable::kJobs, JobKey(job.id), job.record.Encode());
  }
  return registry_.Replace({source, target}, change_count, batch);
}

}  // namespace copse
