// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A JobTable that is a map, with a folder of its own, and fails when a test
// wants it to.

#ifndef COPSE_SIDECAR_SERVICE_TESTING_MEMORY_JOB_TABLE_H_
#define COPSE_SIDECAR_SERVICE_TESTING_MEMORY_JOB_TABLE_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/job_table.h"
#include "versioning/test_folder.h"

namespace copse {

// Thread safety: any number of threads may use one MemoryJobTable.
class MemoryJobTable final : public JobTable {
 public:
  absl::Status Put(const JobId& id, const JobRecord& record) override {
    MutexLock lock(mutex_);
    COPSE_RETURN_IF_ERROR(write_status_);
    records_[id] = record;
    return absl::OkStatus();
  }
  absl::Status PutDurably(const JobId& id, const JobRecord& record) override {
    return Put(id, record);
  }
  absl::StatusOr<std::optional<JobRecord>> Get(const JobId& id) override {
    MutexLock lock(mutex_);
    const auto found = records_.find(id);
    return found == records_.end() ? std::nullopt
                                   : std::optional<JobRecord>(found->second);
  }
  absl::Status Delete(const JobId& id) override {
    MutexLock lock(mutex_);
    records_.erase(id);
    return absl::OkStatus();
  }
  absl::StatusOr<JobPage> List(const ListJobsOptions& /*options*/) override {
    MutexLock lock(mutex_);
    JobPage page;
    for (auto item = records_.rbegin(); item != records_.rend(); ++item) {
      page.items.push_back({item->first, item->second});
    }
    return page;
  }
  absl::Status ForEach(
      const std::function<absl::Status(
          const JobId& id, const absl::StatusOr<JobRecord>& record)>& visit)
      override {
    std::map<JobId, JobRecord> records;
    {
      MutexLock lock(mutex_);
      records = records_;
    }
    for (auto item = records.rbegin(); item != records.rend(); ++item) {
      COPSE_RETURN_IF_ERROR(visit(item->first, item->second));
    }
    return absl::OkStatus();
  }
  const std::string& folder() const override { return folder_.path(); }
  absl::Status CheckFreeSpace() const override {
    MutexLock lock(mutex_);
    return write_status_;
  }

  // Makes all writes fail with `status` from now on.
  void FailWrites(absl::Status status) {
    MutexLock lock(mutex_);
    write_status_ = std::move(status);
  }

 private:
  const TestFolder folder_;
  mutable Mutex mutex_;
  std::map<JobId, JobRecord> records_ ABSL_GUARDED_BY(mutex_);
  absl::Status write_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_TESTING_MEMORY_JOB_TABLE_H_
