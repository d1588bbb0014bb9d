// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/document.h"
#include "versioning/domain.h"
#include "versioning/keys.h"
#include "versioning/lease_record.h"
#include "versioning/meta_database.h"
#include "versioning/page_token.h"
#include "versioning/storage_errors.h"
#include "versioning/store_errors.h"
#include "versioning/store_impl.h"

namespace copse {
namespace {

LeaseInfo ToInfo(const Domain& domain, absl::string_view lease,
                 const LeaseRecord& record) {
  return {.domain = domain.name(),
          .lease = std::string(lease),
          .commit = record.commit,
          .create_time = record.create_time,
          .expire_time = record.expire_time};
}

}  // namespace

absl::StatusOr<LeaseInfo> StoreImpl::CreateLease(absl::string_view domain_name,
                                                 absl::string_view lease,
                                                 absl::string_view commit,
                                                 absl::Time expire_time) {
  return WithDomain(
      domain_name,
      [&](const std::shared_ptr<Domain>& domain) -> absl::StatusOr<LeaseInfo> {
        COPSE_RETURN_IF_ERROR(CheckName("lease", lease));
        const absl::Time now = context_->options.clock();
        if (expire_time <= now || expire_time == absl::InfiniteFuture()) {
          return WithReason(
              absl::InvalidArgumentError(absl::StrCat(
                  "expire_time is ",
                  absl::FormatTime(expire_time, absl::UTCTimeZone()),
                  ", expected a time after ",
                  absl::FormatTime(now, absl::UTCTimeZone()))),
              "FIELD_INVALID",
              {{"field", "expire_time"},
               {"found", absl::FormatTime(expire_time, absl::UTCTimeZone())},
               {"wanted", "a time in the future"}});
        }
        COPSE_ASSIGN_OR_RETURN(const LeaseRecord record,
                               domain->PutLease(lease, commit, expire_time));
        return ToInfo(*domain, lease, record);
      });
}

absl::StatusOr<Page<LeaseInfo>> StoreImpl::ListLeases(
    absl::string_view domain_name, const ListOptions& options) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  COPSE_ASSIGN_OR_RETURN(const size_t page_size,
                         EffectivePageSize(options.page_size));
  MetaCursor cursor = context_->database->NewCursor(
      MetaTable::kDomains, LeaseRange(domain->number()));
  if (options.page_token.empty()) {
    cursor.SeekToFirst();
  } else {
    COPSE_ASSIGN_OR_RETURN(
        const std::string last,
        ParsePageToken(PageTokenKind::kLeases, domain->number(),
                       options.page_token));
    cursor.Seek(LeaseKey(domain->number(), last) + '\0');
  }
  Page<LeaseInfo> page;
  for (; cursor.Valid(); cursor.Next()) {
    if (page.items.size() == page_size) {
      page.next_page_token = MakePageToken(
          PageTokenKind::kLeases, domain->number(), page.items.back().lease);
      break;
    }
    COPSE_ASSIGN_OR_RETURN(const std::string lease,
                           ParseLeaseKey(cursor.key()));
    const absl::StatusOr<LeaseRecord> record =
        LeaseRecord::Parse(cursor.value());
    if (!record.ok()) {
      return AnnotateStored(record.status(),
                            absl::StrCat("lease '", ShownName(lease), "'"));
    }
    page.items.push_back(ToInfo(*domain, lease, *record));
  }
  COPSE_RETURN_IF_ERROR(cursor.status());
  COPSE_RETURN_IF_ERROR(domain->CheckExists());
  return page;
}

absl::Status StoreImpl::DeleteLease(absl::string_view domain_name,
                                    absl::string_view lease) {
  return WithDomain(domain_name,
                    [&](const std::shared_ptr<Domain>& domain) -> absl::Status {
                      return domain->DeleteLease(lease);
                    });
}

}  // namespace copse
