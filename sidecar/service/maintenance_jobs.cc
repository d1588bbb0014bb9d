// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/maintenance_jobs.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "versioning/commit.h"
#include "versioning/document.h"
#include "versioning/job_record.h"
#include "versioning/record_codec.h"

namespace copse {
namespace {

constexpr uint8_t kCollectVersion = 1;
constexpr uint8_t kBackupVersion = 1;

absl::string_view PhaseName(GarbagePhase phase) {
  switch (phase) {
    case GarbagePhase::kExpiring:
      return "expiring";
    case GarbagePhase::kMarking:
      return "marking";
    case GarbagePhase::kSweeping:
      return "sweeping";
    case GarbagePhase::kRewriting:
      return "rewriting";
    case GarbagePhase::kCompacting:
      return "compacting";
  }
  return "";
}

absl::string_view PhaseName(BackupPhase phase) {
  switch (phase) {
    case BackupPhase::kWaiting:
      return "waiting";
    case BackupPhase::kCopyingMeta:
      return "copying_meta";
    case BackupPhase::kCopyingVectors:
      return "copying_vectors";
    case BackupPhase::kVerifying:
      return "verifying";
  }
  return "";
}

// ---- Requests --------------------------------------------------------------

std::string EncodeRequest(const GarbageRequest& request) {
  RecordWriter writer(RecordKind::kCollectRequest, kCollectVersion);
  const RetentionPolicy retention =
      request.retention.value_or(RetentionPolicy());
  writer.Bool(request.retention.has_value());
  writer.U32(retention.keep_last_count);
  writer.I64(absl::ToInt64Seconds(retention.keep_younger_than));
  writer.U32(static_cast<uint32_t>(retention.keep_branches.size()));
  for (const std::string& branch : retention.keep_branches) {
    writer.Text(branch);
  }
  return std::move(writer).Finish();
}

absl::StatusOr<GarbageRequest> ParseGarbageRequest(const JobRecord& record) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(record.request, RecordKind::kCollectRequest,
                         kCollectVersion));
  const bool has_retention = reader.Bool("has retention");
  RetentionPolicy retention;
  retention.keep_last_count = reader.U32("keep last count");
  const int64_t seconds = reader.Count("keep younger than");
  if (seconds > kRetentionSecondsMax) {
    reader.Fail("keep younger than", absl::StrCat("is ", seconds));
  }
  retention.keep_younger_than = absl::Seconds(seconds);
  const uint32_t count = reader.ItemCount("branch count", sizeof(uint32_t),
                                          kRetainedBranchCountMax);
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    retention.keep_branches.push_back(reader.Text("branch", kNameSizeBytesMax));
  }
  COPSE_RETURN_IF_ERROR(reader.Finish());
  GarbageRequest request = {.domain = record.domain};
  if (has_retention) {
    request.retention = std::move(retention);
  }
  return request;
}

std::string EncodeKeptCount(int64_t kept_count) {
  RecordWriter writer(RecordKind::kBackupRequest, kBackupVersion);
  writer.I64(kept_count);
  return std::move(writer).Finish();
}

absl::StatusOr<int64_t> ParseKeptCount(const JobRecord& record) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(record.request, RecordKind::kBackupRequest,
                         kBackupVersion));
  const int64_t kept_count = reader.Count("kept count");
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return kept_count;
}

// ---- What both have in common ----------------------------------------------

// Collects, and tells `job` and `listener`.
absl::Status Collect(GarbageKeeper& keeper, const GarbageRequest& request,
                     Job& job, const CallContext& context,
                     const GarbageListener& listener) {
  GarbageListener both = listener;
  both.on_progress = [&](const GarbageProgress& progress) {
    job.SetProgress(PhaseName(progress.phase),
                    {.done_count = progress.examined_count});
    return listener.on_progress == nullptr ? absl::OkStatus()
                                           : listener.on_progress(progress);
  };
  if (both.on_result == nullptr) {
    both.on_result = [](const std::string&, const GarbageReport&) {
      return absl::OkStatus();
    };
  }
  return keeper.Collect(request, context, both);
}

absl::StatusOr<BackupInfo> Back(BackupKeeper& keeper, int64_t kept_count,
                                Job& job, const CallContext& context,
                                const BackupKeeper::ProgressCallback& told) {
  return keeper.Create(
      kept_count, context, [&](const BackupProgress& progress) {
        job.SetProgress(PhaseName(progress.phase),
                        {.done_count = progress.done_size_bytes,
                         .total_count = progress.total_size_bytes});
        return told == nullptr ? absl::OkStatus() : told(progress);
      });
}

// Ends when `call` does, or the job is cancelled.
CallContext WithJob(const CallContext& call, const std::shared_ptr<Job>& job) {
  CallContext context = call;
  context.interruption = [&call, job] {
    return job->is_cancelled()            ? JobCancelledError(job->id())
           : call.interruption == nullptr ? absl::OkStatus()
                                          : call.interruption();
  };
  return context;
}

class CollectWork final : public JobWork {
 public:
  CollectWork(GarbageKeeper& keeper, GarbageRequest request)
      : keeper_(keeper), request_(std::move(request)) {}

  absl::Status Run(Job& job, const CallContext& context) override {
    return Collect(keeper_, request_, job, context, {});
  }

 private:
  GarbageKeeper& keeper_;
  const GarbageRequest request_;
};

class BackupWork final : public JobWork {
 public:
  BackupWork(BackupKeeper& keeper, int64_t kept_count)
      : keeper_(keeper), kept_count_(kept_count) {}

  absl::Status Run(Job& job, const CallContext& context) override {
    return Back(keeper_, kept_count_, job, context, nullptr).status();
  }

 private:
  BackupKeeper& keeper_;
  const int64_t kept_count_;
};

}  // namespace

absl::Status CollectGarbageAsJob(JobRunner& runner, GarbageKeeper& keeper,
                                 const GarbageRequest& request,
                                 const CallContext& call,
                                 const GarbageListener& listener) {
  if (request.is_dry_run) {
    return keeper.Collect(request, call, listener);
  }
  JobRecord record;
  record.kind = JobKind::kCollect;
  record.domain = request.domain;
  record.request = EncodeRequest(request);
  const std::shared_ptr<Job> job =
      runner.Attach(std::move(record), /*is_durable=*/true);
  const absl::Status status =
      Collect(keeper, request, *job, WithJob(call, job), listener);
  runner.Detach(job, status);
  return status;
}

absl::StatusOr<BackupInfo> CreateBackupAsJob(
    JobRunner& runner, BackupKeeper& keeper, int64_t kept_count,
    const CallContext& call,
    const BackupKeeper::ProgressCallback& on_progress) {
  COPSE_RETURN_IF_ERROR(keeper.CheckFolder());
  JobRecord record;
  record.kind = JobKind::kBackup;
  record.request = EncodeKeptCount(kept_count);
  const std::shared_ptr<Job> job =
      runner.Attach(std::move(record), /*is_durable=*/true);
  absl::StatusOr<BackupInfo> backup =
      Back(keeper, kept_count, *job, WithJob(call, job), on_progress);
  runner.Detach(job, backup.status());
  return backup;
}

void FoldJobs::Start(JobRunner& runner) {
  MutexLock lock(mutex_);
  runner_ = &runner;
}

void FoldJobs::Stop() {
  MutexLock lock(mutex_);
  runner_ = nullptr;
  job_ = nullptr;
}

void FoldJobs::Begin(const FoldReport& report) {
  MutexLock lock(mutex_);
  if (runner_ == nullptr) {
    return;
  }
  JobRecord record;
  record.kind = JobKind::kFold;
  record.domain = report.domain;
  record.commit = report.commit;
  record.phase = "indexing";
  record.progress.total_count = report.row_count;
  job_ = runner_->Attach(std::move(record), /*is_durable=*/false);
}

void FoldJobs::End(const FoldReport& report) {
  MutexLock lock(mutex_);
  if (job_ == nullptr) {
    return;
  }
  if (report.status.ok()) {
    job_->Update([&](JobRecord& record) {
      record.progress.done_count = report.row_count;
    });
  }
  runner_->Detach(std::exchange(job_, nullptr), report.status);
}

absl::StatusOr<std::unique_ptr<JobWork>> CollectJobHandler::Prepare(
    const JobId& /*id*/, const JobRecord& record) {
  COPSE_ASSIGN_OR_RETURN(GarbageRequest request, ParseGarbageRequest(record));
  return std::make_unique<CollectWork>(keeper_, std::move(request));
}

absl::StatusOr<std::unique_ptr<JobWork>> BackupJobHandler::Prepare(
    const JobId& /*id*/, const JobRecord& record) {
  COPSE_ASSIGN_OR_RETURN(const int64_t kept_count, ParseKeptCount(record));
  return std::make_unique<BackupWork>(keeper_, kept_count);
}

absl::StatusOr<std::unique_ptr<JobWork>> FoldJobHandler::Prepare(
    const JobId& id, const JobRecord& /*record*/) {
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "job ", JobIdText(id),
                        " is a fold, which is done when its commit is opened")),
                    "JOB_NOT_RESUMABLE", {{"job", JobIdText(id)}});
}

}  // namespace copse
