// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/v1_task_table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/engine.h"
#include "versioning/commit.h"
#include "versioning/job_record.h"
#include "versioning/job_table.h"
#include "versioning/sha256.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr absl::string_view kLettersAndDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr size_t kLetterCount = 52;
constexpr size_t kIdSizeBytes = 8;
constexpr int32_t kPageSize = 1000;

// Calls `visit` with the pulls of all jobs, newest first, until it returns
// false.
absl::Status ForEachPull(
    Engine& engine, absl::string_view domain, const CallContext& context,
    const std::function<bool(const JobId& id, const JobRecord& record)>&
        visit) {
  ListJobsOptions options;
  options.filter = {.domain = std::string(domain), .kind = JobKind::kPull};
  options.page_size = kPageSize;
  do {
    COPSE_RETURN_IF_ERROR(context.Check());
    COPSE_ASSIGN_OR_RETURN(const JobPage page, engine.jobs().List(options));
    for (const StoredJob& job : page.items) {
      if (!visit(job.id, job.record)) {
        return absl::OkStatus();
      }
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return absl::OkStatus();
}

absl::StatusOr<std::optional<V1Task>> FindInCommitsOf(
    Store& store, absl::string_view domain, absl::string_view id,
    const CallContext& context) {
  std::optional<V1Task> found;
  ListOptions options;
  options.page_size = kPageSize;
  do {
    COPSE_RETURN_IF_ERROR(context.Check());
    COPSE_ASSIGN_OR_RETURN(const Page<CommitInfo> page,
                           store.ListCommits(domain, options));
    for (const CommitInfo& info : page.items) {
      if (V1TaskId(domain, info.commit) == id) {
        found = V1Task{std::string(domain), info.commit, std::nullopt};
        return found;
      }
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return found;
}

absl::StatusOr<std::optional<V1Task>> FindInCommits(
    Store& store, absl::string_view id, const CallContext& context) {
  ListOptions options;
  options.page_size = kPageSize;
  do {
    COPSE_ASSIGN_OR_RETURN(const Page<DomainInfo> page,
                           store.ListDomains(options));
    for (const DomainInfo& info : page.items) {
      absl::StatusOr<std::optional<V1Task>> found =
          FindInCommitsOf(store, info.options.domain, id, context);
      // A domain may be deleted meanwhile.
      if (!absl::IsNotFound(found.status()) &&
          (!found.ok() || found->has_value())) {
        return found;
      }
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return std::optional<V1Task>();
}

}  // namespace

std::string V1TaskId(absl::string_view domain, absl::string_view commit) {
  Sha256 hasher;
  hasher.Update(domain);
  hasher.Update(absl::string_view("\0", 1));  // In no name of either.
  hasher.Update(commit);
  const std::array<std::byte, 32> hash = hasher.Finish();
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof(number); ++i) {
    number = number << 8 | std::to_integer<uint64_t>(hash[i]);
  }
  std::string id;
  size_t choice_count = kLetterCount;
  while (id.size() < kIdSizeBytes) {
    id.push_back(kLettersAndDigits[number % choice_count]);
    number /= choice_count;
    choice_count = kLettersAndDigits.size();
  }
  return id;
}

bool IsV1TaskId(absl::string_view text) {
  return text.size() == kIdSizeBytes &&
         absl::ascii_isalpha(static_cast<unsigned char>(text.front())) &&
         std::ranges::all_of(
             text, [](unsigned char c) { return absl::ascii_isalnum(c); });
}

std::string V1TaskTable::Add(V1Task task) {
  std::string id = V1TaskId(task.domain, task.commit);
  MutexLock lock(mutex_);
  const auto [found, is_new] = tasks_.try_emplace(id, task);
  if (is_new) {
    ids_.push_back(id);
  } else if (task.job.has_value()) {
    found->second.job = task.job;
  }
  if (ids_.size() > kTaskCountMax) {
    tasks_.erase(ids_.front());
    ids_.pop_front();
  }
  return id;
}

std::optional<V1Task> V1TaskTable::Find(absl::string_view id) const {
  MutexLock lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) {
    return std::nullopt;
  }
  return found->second;
}

absl::StatusOr<std::optional<V1Task>> FindV1Task(Engine& engine,
                                                 V1TaskTable& table,
                                                 absl::string_view id,
                                                 const CallContext& context) {
  std::optional<V1Task> found = table.Find(id);
  if (found.has_value() || !IsV1TaskId(id)) {
    return found;
  }
  COPSE_RETURN_IF_ERROR(ForEachPull(
      engine, "", context, [&](const JobId& job, const JobRecord& record) {
        if (V1TaskId(record.domain, record.commit) == id) {
          found = V1Task{record.domain, record.commit, job};
        }
        return !found.has_value();
      }));
  if (!found.has_value()) {
    COPSE_ASSIGN_OR_RETURN(found, FindInCommits(engine.store(), id, context));
  }
  if (found.has_value()) {
    table.Add(*found);
  }
  return found;
}

absl::StatusOr<std::optional<JobId>> FindPullJob(Engine& engine,
                                                 const V1TaskTable& table,
                                                 absl::string_view domain,
                                                 absl::string_view commit,
                                                 const CallContext& context) {
  const std::optional<V1Task> task = table.Find(V1TaskId(domain, commit));
  if (task.has_value() && task->job.has_value()) {
    return task->job;
  }
  std::optional<JobId> found;
  COPSE_RETURN_IF_ERROR(ForEachPull(
      engine, domain, context, [&](const JobId& job, const JobRecord& record) {
        if (record.commit == commit) {
          found = job;
        }
        return !found.has_value();
      }));
  return found;
}

}  // namespace copse
