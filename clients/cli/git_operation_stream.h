// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads the commits of a plan and their operations in a thread of its own, a
// bounded way ahead of the push.
//
//   GitOperationStream stream(*repository, documents, plan, 0, on_skip);
//   while (true) {
//     COPSE_CLIENT_ASSIGN_OR_RETURN(auto batch, stream.Next());
//     if (!batch.has_value()) break;
//     ...
//   }
//
// Invariants: each commit is one or more batches, the first of which has
// `commit` and the last `ends_commit`. Batches that wait hold about 32 MiB of
// operations at most, and one operation more; no file is in memory that is not
// in one of them.

#ifndef COPSE_CLIENTS_CLI_GIT_OPERATION_STREAM_H_
#define COPSE_CLIENTS_CLI_GIT_OPERATION_STREAM_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "clients/cli/git_documents.h"
#include "clients/cli/git_plan.h"
#include "clients/cli/git_repository.h"
#include "copse/v1/commit_service.pb.h"

namespace copse {

struct GitBatch {
  std::optional<GitCommit> commit;  // That begins with this batch.
  std::optional<GitId> parent;      // Of that commit: what it is pushed on.
  std::vector<v1::Operation> operations;
  bool ends_commit = false;
  size_t size_bytes = 0;
};

// Thread safety: one thread calls Next(). The repository must not be used
// elsewhere while the stream exists.
class GitOperationStream {
 public:
  // Called by the thread that reads, for each file that is no document.
  using OnSkip = std::function<void(const GitId& commit, absl::string_view path,
                                    SkipReason reason)>;

  // Begins with commit number `first` of the plan. Nothing is owned; all of it
  // lives as long as the stream.
  GitOperationStream(const GitRepository& repository,
                     const GitDocuments& documents, const GitPlan& plan,
                     size_t first, OnSkip on_skip);
  ~GitOperationStream();
  GitOperationStream(const GitOperationStream&) = delete;
  GitOperationStream& operator=(const GitOperationStream&) = delete;

  // Returns the next batch, or nullopt after the last commit.
  absl::StatusOr<std::optional<GitBatch>> Next();

 private:
  absl::Status ReadAll(size_t first);
  absl::Status ReadCommit(const GitId& id, const std::optional<GitId>& parent);
  // Hands a batch over; fails with kCancelled when the stream is destroyed.
  absl::Status Put(GitBatch batch);

  const GitRepository& repository_;
  const GitDocuments& documents_;
  const GitPlan& plan_;
  const OnSkip on_skip_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by `mutex_`:
  std::deque<GitBatch> batches_;
  size_t waiting_size_bytes_ = 0;
  bool is_stopped_ = false;
  bool is_over_ = false;
  absl::Status status_;

  std::thread thread_;  // Last, so that it sees the other members whole.
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_GIT_OPERATION_STREAM_H_
