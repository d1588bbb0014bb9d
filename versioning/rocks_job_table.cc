// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/rocks_job_table.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/page_token.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

absl::StatusOr<JobRecord> ParseJob(const JobId& id, absl::string_view bytes) {
  absl::StatusOr<JobRecord> record = JobRecord::Parse(bytes);
  if (!record.ok()) {
    return AnnotateStored(record.status(), absl::StrCat("job ", JobIdText(id)));
  }
  return record;
}

bool Matches(const JobFilter& filter, const JobRecord& record) {
  return (filter.domain.empty() || filter.domain == record.domain) &&
         (!filter.kind.has_value() || *filter.kind == record.kind) &&
         (!filter.state.has_value() || *filter.state == record.state);
}

}  // namespace

absl::Status RocksJobTable::Write(const JobId& id, const JobRecord& record,
                                  Durability durability) {
  MetaBatch batch(database_);
  batch.Put(MetaTable::kJobs, JobKey(id), record.Encode());
  return database_.Write(batch, durability);
}

absl::Status RocksJobTable::Put(const JobId& id, const JobRecord& record) {
  return Write(id, record, Durability::kUnsynced);
}

absl::Status RocksJobTable::PutDurably(const JobId& id,
                                       const JobRecord& record) {
  return Write(id, record, Durability::kSynced);
}

absl::StatusOr<std::optional<JobRecord>> RocksJobTable::Get(const JobId& id) {
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                         database_.Get(MetaTable::kJobs, JobKey(id)));
  if (!bytes.has_value()) {
    return std::nullopt;
  }
  COPSE_ASSIGN_OR_RETURN(JobRecord record, ParseJob(id, *bytes));
  return std::optional<JobRecord>(std::move(record));
}

absl::Status RocksJobTable::Delete(const JobId& id) {
  MetaBatch batch(database_);
  batch.Delete(MetaTable::kJobs, JobKey(id));
  return database_.Write(batch, Durability::kUnsynced);
}

absl::StatusOr<JobPage> RocksJobTable::List(const ListJobsOptions& options) {
  COPSE_ASSIGN_OR_RETURN(const size_t page_size,
                         EffectivePageSize(options.page_size));
  MetaCursor cursor =
      database_.NewCursor(MetaTable::kJobs, JobRange(), CacheUse::kSpare);
  if (options.page_token.empty()) {
    cursor.SeekToFirst();
  } else {
    COPSE_ASSIGN_OR_RETURN(
        const std::string last_key,
        ParsePageToken(PageTokenKind::kJobs, 0, options.page_token));
    cursor.Seek(last_key + '\0');
  }
  JobPage page;
  std::string last_key;
  for (int64_t looked_at = 0; cursor.Valid(); cursor.Next(), ++looked_at) {
    if (page.items.size() == page_size || looked_at == kListedCountMax) {
      page.next_page_token = MakePageToken(PageTokenKind::kJobs, 0, last_key);
      break;
    }
    COPSE_ASSIGN_OR_RETURN(const JobId id, ParseJobKey(cursor.key()));
    last_key = std::string(cursor.key());
    COPSE_ASSIGN_OR_RETURN(JobRecord record, ParseJob(id, cursor.value()));
    if (Matches(options.filter, record)) {
      page.items.push_back({id, std::move(record)});
    }
  }
  COPSE_RETURN_IF_ERROR(cursor.status());
  return page;
}

absl::Status RocksJobTable::ForEach(
    const std::function<absl::Status(
        const JobId& id, const absl::StatusOr<JobRecord>& record)>& visit) {
  return database_.ForEach(
      MetaTable::kJobs, JobRange(),
      [&visit](absl::string_view key, absl::string_view value) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const JobId id, ParseJobKey(key));
        return visit(id, ParseJob(id, value));
      });
}

}  // namespace copse
