// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/convert_job.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "copse/v1/job_service.pb.h"
#include "copse/v1/types.pb.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/grpc/status.h"
#include "sidecar/service/request_errors.h"
#include "versioning/job_record.h"
#include "versioning/job_table.h"

namespace copse {
namespace {

void FillProgress(const JobRecord& record, absl::Time now,
                  v1::Job::Progress& message) {
  const JobProgress& progress = record.progress;
  message.set_phase(record.phase);
  message.set_done_count(progress.done_count);
  message.set_total_count(progress.total_count);
  message.set_unchanged_count(progress.unchanged_count);
  message.set_chunk_count(progress.chunk_count);
  message.set_token_count(progress.token_count);
  message.set_request_count(progress.request_count);
  message.set_cache_hit_count(progress.cache_hit_count);
  message.set_failed_count(progress.failed_count);
  if (record.start_time == absl::UnixEpoch()) {
    return;
  }
  const absl::Time end =
      record.end_time == absl::UnixEpoch() ? now : record.end_time;
  const double seconds = absl::ToDoubleSeconds(end - record.start_time);
  const auto done = static_cast<double>(progress.done_count);
  message.set_rate(seconds > 0 ? done / seconds : 0);
  if (record.state == JobState::kRunning && message.rate() > 0 &&
      progress.total_count >= progress.done_count) {
    message.set_seconds_left(
        (static_cast<double>(progress.total_count) - done) / message.rate());
  }
}

}  // namespace

absl::StatusOr<ListJobsOptions> ToListJobsOptions(
    const v1::ListJobsRequest& message) {
  ListJobsOptions options;
  options.filter.domain = message.domain();
  if (message.state() != v1::Job::STATE_UNSPECIFIED) {
    if (message.state() < 0 || message.state() > kJobStateMax) {
      return FieldInvalidError("state", absl::StrCat(message.state()),
                               absl::StrCat("0 to ", kJobStateMax));
    }
    options.filter.state = static_cast<JobState>(message.state());
  }
  if (message.kind() != v1::Job::KIND_UNSPECIFIED) {
    if (message.kind() < 0 || message.kind() > kJobKindMax) {
      return FieldInvalidError("kind", absl::StrCat(message.kind()),
                               absl::StrCat("0 to ", kJobKindMax));
    }
    options.filter.kind = static_cast<JobKind>(message.kind());
  }
  COPSE_ASSIGN_OR_RETURN(options.page_size, ToPageSize(message.page_size()));
  options.page_token = message.page_token();
  return options;
}

void Fill(const JobId& id, const JobRecord& record, size_t failure_count_max,
          absl::Time now, v1::Job& message) {
  message.set_job_id(JobIdText(id));
  // The numbers are the same on purpose.
  message.set_kind(static_cast<v1::Job::Kind>(record.kind));
  message.set_state(static_cast<v1::Job::State>(record.state));
  message.set_domain(record.domain);
  message.set_commit(record.commit);
  message.set_parent_commit(record.parent_commit);
  message.set_branch(record.branch);
  Fill(record.create_time, *message.mutable_create_time());
  if (record.start_time != absl::UnixEpoch()) {
    Fill(record.start_time, *message.mutable_start_time());
  }
  if (record.end_time != absl::UnixEpoch()) {
    Fill(record.end_time, *message.mutable_end_time());
  }
  if (record.state == JobState::kWaiting) {
    Fill(record.retry_time, *message.mutable_retry_time());
  }
  FillProgress(record, now, *message.mutable_progress());
  message.set_attempt_count(static_cast<int32_t>(record.attempt_count));
  if (!record.error.ok()) {
    message.mutable_error()->ParseFromString(
        ToGrpcStatus(record.error).error_details());
  }
  message.set_is_resumable(record.is_resumable);
  const size_t failure_count =
      std::min(record.failures.size(), failure_count_max);
  for (size_t i = 0; i < failure_count; ++i) {
    v1::DocumentFailure& failure = *message.add_failures();
    failure.set_document_id(record.failures[i].document_id);
    failure.set_operation_number(record.failures[i].operation_number);
    failure.set_message(record.failures[i].message);
  }
}

void FillCost(std::optional<double> price, v1::Job& message) {
  if (price.has_value() && message.progress().token_count() > 0) {
    message.mutable_progress()->set_cost(
        static_cast<double>(message.progress().token_count()) * *price / 1e6);
  }
}

}  // namespace copse
