// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/git_operation_stream.h"

#include <cstddef>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "clients/cli/git_documents.h"
#include "clients/cli/git_plan.h"
#include "clients/cli/git_repository.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/commit_service.pb.h"

namespace copse {
namespace {

constexpr size_t kWaitingSizeBytesMax = size_t{32} << 20;
constexpr size_t kWaitingBatchCountMax = 1024;
constexpr size_t kBatchSizeBytesMax = size_t{1} << 20;
constexpr size_t kBatchOperationCountMax = 512;

}  // namespace

GitOperationStream::GitOperationStream(const GitRepository& repository,
                                       const GitDocuments& documents,
                                       const GitPlan& plan, size_t first,
                                       OnSkip on_skip)
    : repository_(repository),
      documents_(documents),
      plan_(plan),
      on_skip_(std::move(on_skip)),
      thread_([this, first] {
        absl::Status status = ReadAll(first);
        const std::lock_guard<std::mutex> lock(mutex_);
        status_ = std::move(status);
        is_over_ = true;
        changed_.notify_all();
      }) {}

GitOperationStream::~GitOperationStream() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_stopped_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

absl::StatusOr<std::optional<GitBatch>> GitOperationStream::Next() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return !batches_.empty() || is_over_; });
  if (batches_.empty()) {
    COPSE_CLIENT_RETURN_IF_ERROR(status_);
    return std::nullopt;
  }
  std::optional<GitBatch> batch = std::move(batches_.front());
  batches_.pop_front();
  waiting_size_bytes_ -= batch->size_bytes;
  changed_.notify_all();
  return batch;
}

absl::Status GitOperationStream::ReadAll(size_t first) {
  for (size_t i = first; i < plan_.commits.size(); ++i) {
    const std::optional<GitId> parent =
        i == 0 ? plan_.base : std::optional<GitId>(plan_.commits[i - 1]);
    COPSE_CLIENT_RETURN_IF_ERROR(
        AddContext(ReadCommit(plan_.commits[i], parent),
                   absl::StrCat("git commit ", GitIdToHex(plan_.commits[i]))));
  }
  return absl::OkStatus();
}

absl::Status GitOperationStream::ReadCommit(
    const GitId& id, const std::optional<GitId>& parent) {
  GitBatch batch;
  batch.parent = parent;
  COPSE_CLIENT_ASSIGN_OR_RETURN(batch.commit, repository_.ReadCommit(id));
  const GitId tree = batch.commit->tree;
  std::optional<GitId> base_tree;
  if (parent.has_value()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(const GitCommit base,
                                  repository_.ReadCommit(*parent));
    base_tree = base.tree;
  }
  const auto put = [&](v1::Operation operation) -> absl::Status {
    batch.size_bytes += operation.ByteSizeLong();
    batch.operations.push_back(std::move(operation));
    if (batch.size_bytes < kBatchSizeBytesMax &&
        batch.operations.size() < kBatchOperationCountMax) {
      return absl::OkStatus();
    }
    GitBatch full;
    std::swap(full, batch);
    return Put(std::move(full));
  };
  const auto skip = [&](absl::string_view path, SkipReason reason) {
    on_skip_(id, path, reason);
  };
  COPSE_CLIENT_RETURN_IF_ERROR(
      repository_.DiffTrees(base_tree, tree, [&](const GitChange& change) {
        return documents_.Convert(change, put, skip);
      }));
  batch.ends_commit = true;
  return Put(std::move(batch));
}

absl::Status GitOperationStream::Put(GitBatch batch) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] {
    return is_stopped_ || (waiting_size_bytes_ < kWaitingSizeBytesMax &&
                           batches_.size() < kWaitingBatchCountMax);
  });
  if (is_stopped_) {
    return absl::CancelledError("the push was given up");
  }
  waiting_size_bytes_ += batch.size_bytes;
  batches_.push_back(std::move(batch));
  changed_.notify_all();
  return absl::OkStatus();
}

}  // namespace copse
