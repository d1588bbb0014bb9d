// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The JobTable in the meta database.

#ifndef COPSE_VERSIONING_ROCKS_JOB_TABLE_H_
#define COPSE_VERSIONING_ROCKS_JOB_TABLE_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "versioning/job_table.h"
#include "versioning/meta_database.h"

namespace copse {

// Thread safety: any number of threads may use one RocksJobTable.
class RocksJobTable final : public JobTable {
 public:
  // `database` must outlive this. `check_free_space` is thread-safe.
  RocksJobTable(MetaDatabase& database, std::string folder,
                std::function<absl::Status()> check_free_space)
      : database_(database),
        folder_(std::move(folder)),
        check_free_space_(std::move(check_free_space)) {}

  absl::Status Put(const JobId& id, const JobRecord& record) override;
  absl::Status PutDurably(const JobId& id, const JobRecord& record) override;
  absl::StatusOr<std::optional<JobRecord>> Get(const JobId& id) override;
  absl::Status Delete(const JobId& id) override;
  absl::StatusOr<JobPage> List(const ListJobsOptions& options) override;
  absl::Status ForEach(
      const std::function<absl::Status(
          const JobId& id, const absl::StatusOr<JobRecord>& record)>& visit)
      override;
  const std::string& folder() const override { return folder_; }
  absl::Status CheckFreeSpace() const override { return check_free_space_(); }

 private:
  absl::Status Write(const JobId& id, const JobRecord& record,
                     Durability durability);

  MetaDatabase& database_;
  const std::string folder_;
  const std::function<absl::Status()> check_free_space_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_ROCKS_JOB_TABLE_H_
