// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The tasks of VectorLink's first dialect: what a client hears of the index of
// a commit, by eight letters and digits.
//
//   const std::string id = V1TaskId("pier/harbour", "c8");
//   tasks.Add({"pier/harbour", "c8", job->id()});
//   ...
//   COPSE_ASSIGN_OR_RETURN(const std::optional<V1Task> task,
//                          FindV1Task(engine, tasks, id, context));
//
// Invariants:
//
// * The ID is made of domain and commit, so that a commit has one for ever,
//   whoever asks and in which process. It starts with a letter: clients parse
//   it as JSON if they can. Of 100,000 commits two have the same ID with
//   a chance of 3 in 100,000.
// * The table only saves work: an ID that it does not have is looked for among
//   the jobs and the commits of the store, which survive a restart. What is
//   lost is that of a pull that failed, when its job is removed (7 days, unless
//   a setting says else).

#ifndef COPSE_SIDECAR_HTTP_V1_TASK_TABLE_H_
#define COPSE_SIDECAR_HTTP_V1_TASK_TABLE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/engine.h"
#include "versioning/job_record.h"

namespace copse {

struct V1Task {
  std::string domain;
  std::string commit;
  std::optional<JobId> job;  // The pull that was asked for last, if any.
};

std::string V1TaskId(absl::string_view domain, absl::string_view commit);

// Whether `text` has the form of an ID.
bool IsV1TaskId(absl::string_view text);

// Thread safety: any number of threads may use one V1TaskTable.
class V1TaskTable {
 public:
  static constexpr size_t kTaskCountMax = 100'000;

  // Notes a task, and returns its ID. The oldest one goes if there are too
  // many.
  std::string Add(V1Task task) ABSL_LOCKS_EXCLUDED(mutex_);

  std::optional<V1Task> Find(absl::string_view id) const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, V1Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> ids_ ABSL_GUARDED_BY(mutex_);  // Oldest first.
};

// Returns the task of `id`, or nullopt if none was given out. Of an ID that is
// not in `table` all jobs and commits are looked at, and what is found is
// noted.
absl::StatusOr<std::optional<V1Task>> FindV1Task(Engine& engine,
                                                 V1TaskTable& table,
                                                 absl::string_view id,
                                                 const CallContext& context);

// Returns the last pull of `commit` that is known, if there is one.
absl::StatusOr<std::optional<JobId>> FindPullJob(Engine& engine,
                                                 const V1TaskTable& table,
                                                 absl::string_view domain,
                                                 absl::string_view commit,
                                                 const CallContext& context);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_V1_TASK_TABLE_H_
