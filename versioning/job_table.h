// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The jobs of a store, as it keeps them: records that survive a crash, and a
// folder for what came with them.
//
//   COPSE_RETURN_IF_ERROR(store.jobs().PutDurably(id, record));
//   ...
//   COPSE_ASSIGN_OR_RETURN(std::optional<JobRecord> record,
//                          store.jobs().Get(id));
//
// What a job is and does is the caller's. The last record of one that makes
// a commit is written with the commit (CommitSummary), so that no crash parts
// the two. Backups have no jobs: a store that was restored runs none.

#ifndef COPSE_VERSIONING_JOB_TABLE_H_
#define COPSE_VERSIONING_JOB_TABLE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "versioning/job_record.h"

namespace copse {

// Which jobs are listed; what is not set matches all.
struct JobFilter {
  std::string domain = {};
  std::optional<JobKind> kind = {};
  std::optional<JobState> state = {};
};

struct ListJobsOptions {
  JobFilter filter = {};
  int32_t page_size = 50;  // As in ListOptions.
  std::string page_token = {};
};

struct JobPage {
  std::vector<StoredJob> items = {};
  std::string next_page_token = {};  // Empty on the last page.
};

// Thread safety: any number of threads may use one JobTable.
class JobTable {
 public:
  virtual ~JobTable() = default;

  // Writes the record of a job; durable with the next synced write of the
  // store.
  virtual absl::Status Put(const JobId& id, const JobRecord& record) = 0;

  // The same; durable when it returns.
  virtual absl::Status PutDurably(const JobId& id, const JobRecord& record) = 0;

  // Returns the record, or nullopt if there is none.
  virtual absl::StatusOr<std::optional<JobRecord>> Get(const JobId& id) = 0;

  // Forgets the job; durable with the next synced write.
  virtual absl::Status Delete(const JobId& id) = 0;

  // Newest first. Pages may be short, also empty, while there is a next one:
  // one looks at kListedCountMax jobs at most.
  virtual absl::StatusOr<JobPage> List(const ListJobsOptions& options) = 0;
  static constexpr int64_t kListedCountMax = 10'000;

  // Calls `visit` with each job, newest first. Records that are damaged come as
  // kDataLoss.
  virtual absl::Status ForEach(
      const std::function<absl::Status(
          const JobId& id, const absl::StatusOr<JobRecord>& record)>&
          visit) = 0;

  // The folder for files named JobIdText(id).
  virtual const std::string& folder() const = 0;

  // Returns kResourceExhausted, DISK_FULL, if the disk has too little space for
  // more files.
  virtual absl::Status CheckFreeSpace() const = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_JOB_TABLE_H_
