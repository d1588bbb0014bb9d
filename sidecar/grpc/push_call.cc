// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/push_call.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "copse/v1/commit_service.pb.h"
#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/convert_commit.h"
#include "sidecar/grpc/convert_push.h"
#include "sidecar/grpc/status.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/cost_estimator.h"
#include "sidecar/service/job.h"
#include "sidecar/service/push_intake.h"
#include "sidecar/service/push_job.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/request_errors.h"
#include "versioning/commit.h"

namespace copse {
namespace {

constexpr absl::Duration kProgressInterval = absl::Milliseconds(500);
constexpr size_t kFailureCountMax = 1000;  // In one response.

absl::Status MessageInvalidError(absl::string_view found,
                                 absl::string_view wanted) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "message is ", found, ", expected ", wanted)),
                    "MESSAGE_INVALID",
                    {{"field", "part"},
                     {"found", std::string(found)},
                     {"wanted", std::string(wanted)}});
}

absl::string_view PartName(const v1::PushCommitRequest& request) {
  switch (request.part_case()) {
    case v1::PushCommitRequest::kHeader:
      return "header";
    case v1::PushCommitRequest::kOperations:
      return "operations";
    case v1::PushCommitRequest::kFinish:
      return "finish";
    case v1::PushCommitRequest::PART_NOT_SET:
      break;
  }
  return "without a part";
}

absl::Status NotFinishedError(int64_t operation_count) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "the stream ended after ", operation_count,
                        " operations without finish, so the push is dropped")),
                    "PUSH_NOT_FINISHED",
                    {{"operation_count", absl::StrCat(operation_count)}});
}

// What a job says of itself, as a push says it.
PushProgress ToPushProgress(const JobRecord& record) {
  PushProgress progress;
  progress.phase = ParsePushPhase(record.phase).value_or(PushPhase::kEmbedding);
  progress.operation_count = record.progress.total_count;
  progress.unchanged_document_count = record.progress.unchanged_count;
  progress.embedded_document_count =
      record.progress.done_count - record.progress.unchanged_count;
  progress.cache_hit_count = record.progress.cache_hit_count;
  progress.token_count = record.progress.token_count;
  progress.failed_document_count = record.progress.failed_count;
  if (record.state == JobState::kWaiting) {
    progress.retry_time = record.retry_time;
    progress.wait_reason = std::string(record.error.message());
  }
  return progress;
}

// The error of a call that ends before its job.
absl::Status GoesOnError(const absl::Status& status, const JobId& id) {
  const std::string text = JobIdText(id);
  ErrorReason reason = ReasonOf(status).value_or(
      ErrorReason{.reason = ClientReasonOf(status), .metadata = {}});
  reason.metadata.emplace_back("job", text);
  return WithReason(
      absl::Status(
          status.code(),
          absl::StrCat(status.message(), "; the push goes on as job ", text)),
      reason.reason, reason.metadata);
}

}  // namespace

PushCall* PushCall::Start(const CallStart& start, Mode mode) {
  auto* call = new PushCall(start, mode);
  start.environment.pushes->Add(call);
  if (!start.executor.TryRun([call] { call->Run(); })) {
    call->End(WithReason(
        absl::ResourceExhaustedError(
            "as many pushes are under way as the server allows, retry when one "
            "has ended"),
        "PUSHES_IN_FLIGHT"));
  }
  return call;
}

PushCall::PushCall(const CallStart& start, Mode mode)
    : environment_(start.environment),
      server_context_(*start.context),
      record_(start.environment, start.method),
      mode_(mode) {
  context_.deadline = DeadlineOf(*start.context);
  context_.interruption = [this] { return Interruption(); };
}

void PushCall::ShutDown() {
  MutexLock lock(mutex_);
  shutting_down_ = true;
  NotifyLocked();
}

void PushCall::NotifyLocked() {
  changed_.NotifyAll();
  if (job_ != nullptr) {
    job_->Wake();
  }
}

void PushCall::OnReadDone(bool ok) {
  MutexLock lock(mutex_);
  reading_ = false;
  read_ok_ = ok;
  changed_.NotifyAll();
}

void PushCall::OnWriteDone(bool ok) {
  MutexLock lock(mutex_);
  writing_ = false;
  cancelled_ = cancelled_ || !ok;
  NotifyLocked();
}

void PushCall::OnCancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  NotifyLocked();
}

void PushCall::OnDone() {
  environment_.pushes->Remove(this);
  delete this;
}

void PushCall::Run() {
  const absl::Status status = RunGuarded([this] { return Serve(); });
  // The commit is free before the client hears of the end, so that it can push
  // again at once.
  intake_ = nullptr;
  End(status);
}

absl::Status PushCall::Serve() {
  COPSE_ASSIGN_OR_RETURN(std::optional<v1::PushCommitRequest> first, Read());
  if (!first.has_value()) {
    return NotFinishedError(0);
  }
  if (!first->has_header()) {
    return MessageInvalidError(PartName(*first), "header as the first");
  }
  COPSE_ASSIGN_OR_RETURN(PushOptions options, ToPushOptions(first->header()));
  COPSE_RETURN_IF_ERROR(Begin(options));
  TryWriteProgress(progress());

  COPSE_ASSIGN_OR_RETURN(const v1::PushCommitRequest::Finish finish,
                         TakeOperations());
  const std::optional<int64_t> operation_count =
      finish.has_operation_count()
          ? std::optional<int64_t>(finish.operation_count())
          : std::nullopt;
  return mode_ == Mode::kEstimate ? WriteEstimate(operation_count)
                                  : AcceptAndRelay(operation_count);
}

absl::Status PushCall::Begin(const PushOptions& options) {
  Engine& engine = *environment_.engine;
  switch (mode_) {
    case Mode::kPush: {
      COPSE_ASSIGN_OR_RETURN(intake_, engine.BeginIntake(options, context_));
      break;
    }
    case Mode::kEstimate: {
      COPSE_ASSIGN_OR_RETURN(estimator_,
                             engine.BeginEstimate(options, context_));
      break;
    }
    case Mode::kWarm: {
      COPSE_ASSIGN_OR_RETURN(
          intake_, engine.BeginWarming(options.commit.domain, context_));
      break;
    }
  }
  return absl::OkStatus();
}

absl::Status PushCall::Add(PushOperation operation) {
  return intake_ != nullptr ? intake_->Add(std::move(operation))
                            : estimator_->Add(std::move(operation));
}

PushProgress PushCall::progress() const {
  if (intake_ != nullptr) {
    return intake_->progress();
  }
  PushProgress progress;
  if (estimator_ != nullptr) {
    progress.operation_count = estimator_->estimate().operation_count;
  }
  return progress;
}

absl::Status PushCall::WriteEstimate(std::optional<int64_t> operation_count) {
  COPSE_RETURN_IF_ERROR(
      CheckPushOperationCount(operation_count, progress().operation_count));
  COPSE_ASSIGN_OR_RETURN(const CostEstimate estimate, estimator_->Finish());
  v1::PushCommitResponse response;
  Fill(estimate, *response.mutable_estimate());
  COPSE_RETURN_IF_ERROR(Write(response));
  return WaitForWrite();
}

absl::Status PushCall::AcceptAndRelay(std::optional<int64_t> operation_count) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job,
                         intake_->Accept(operation_count));
  {
    MutexLock lock(mutex_);
    job_ = job;
  }
  if (mode_ == Mode::kWarm) {
    v1::PushCommitResponse response;
    response.mutable_accepted()->set_job_id(JobIdText(job->id()));
    COPSE_RETURN_IF_ERROR(Write(response));
    return WaitForWrite();
  }
  const absl::Status status = Relay(*job);
  return job->has_ended() ? status : GoesOnError(status, job->id());
}

absl::Status PushCall::Relay(Job& job) {
  v1::PushCommitResponse response;
  response.mutable_accepted()->set_job_id(JobIdText(job.id()));
  COPSE_RETURN_IF_ERROR(Write(response));
  for (int64_t seen = -1; !job.has_ended();) {
    COPSE_RETURN_IF_ERROR(context_.Check());
    TryWriteProgress(ToPushProgress(job.summary()));
    seen = job.WaitForChange(seen, kProgressInterval);
  }
  return WriteOutcome(job);
}

absl::Status PushCall::WriteOutcome(Job& job) {
  const JobRecord record = job.summary();
  if (!IsFinal(record.state)) {
    return GoesOnError(ShuttingDownError(), job.id());
  }
  const PushOutcome outcome = job.TakeOutcome();
  COPSE_RETURN_IF_ERROR(WriteFailures(outcome.failures));
  COPSE_RETURN_IF_ERROR(record.error);
  v1::PushCommitResponse response;
  Fill(*outcome.commit, kSkippedDocumentCountMax, *response.mutable_commit());
  COPSE_RETURN_IF_ERROR(Write(response));
  return WaitForWrite();
}

absl::StatusOr<v1::PushCommitRequest::Finish> PushCall::TakeOperations() {
  while (true) {
    COPSE_ASSIGN_OR_RETURN(std::optional<v1::PushCommitRequest> request,
                           Read());
    if (!request.has_value()) {
      return NotFinishedError(progress().operation_count);
    }
    if (request->has_finish()) {
      return request->finish();
    }
    if (!request->has_operations()) {
      return WithOperationNumber(
          MessageInvalidError(PartName(*request), "operations or finish"),
          progress().operation_count + 1);
    }
    COPSE_RETURN_IF_ERROR(AddOperations(*request->mutable_operations()));
  }
}

absl::Status PushCall::AddOperations(
    v1::PushCommitRequest::Operations& operations) {
  for (v1::Operation& message : *operations.mutable_operations()) {
    absl::StatusOr<PushOperation> operation =
        ToPushOperation(std::move(message));
    if (!operation.ok()) {
      return WithOperationNumber(operation.status(),
                                 progress().operation_count + 1);
    }
    COPSE_RETURN_IF_ERROR(Add(*std::move(operation)));
    message.Clear();
  }
  TryWriteProgress(progress());
  return absl::OkStatus();
}

void PushCall::End(const absl::Status& status) {
  record_.Finish(status);
  Finish(ToGrpcStatus(status));
}

absl::StatusOr<std::optional<v1::PushCommitRequest>> PushCall::Read() {
  COPSE_RETURN_IF_ERROR(context_.Check());
  {
    MutexLock lock(mutex_);
    reading_ = true;
  }
  StartRead(&read_buffer_);
  bool received = false;
  {
    MutexLock lock(mutex_);
    while (reading_ && !cancelled_ && !shutting_down_) {
      changed_.Wait(mutex_);
    }
    received = !reading_ && read_ok_;
  }
  COPSE_RETURN_IF_ERROR(context_.Check());
  if (!received) {
    return std::nullopt;
  }
  v1::PushCommitRequest request;
  const absl::Status parsed = ParseMessage(read_buffer_, request);
  read_buffer_.Clear();
  if (!parsed.ok()) {
    return intake_ == nullptr && estimator_ == nullptr
               ? parsed
               : WithOperationNumber(parsed, progress().operation_count + 1);
  }
  return request;
}

absl::Status PushCall::Write(const v1::PushCommitResponse& response) {
  COPSE_ASSIGN_OR_RETURN(grpc::ByteBuffer bytes, SerializeMessage(response));
  COPSE_RETURN_IF_ERROR(WaitForWrite());
  {
    MutexLock lock(mutex_);
    writing_ = true;
  }
  write_buffer_.Swap(&bytes);
  StartWrite(&write_buffer_);
  return absl::OkStatus();
}

void PushCall::TryWriteProgress(const PushProgress& progress) {
  const absl::Time now = absl::Now();
  if (progress_phase_ == progress.phase &&
      now - progress_time_ < kProgressInterval) {
    return;
  }
  {
    MutexLock lock(mutex_);
    if (writing_ || cancelled_) {
      return;
    }
  }
  progress_time_ = now;
  progress_phase_ = progress.phase;
  v1::PushCommitResponse response;
  Fill(progress, *response.mutable_progress());
  // Cannot wait, and what goes wrong the next read or write finds, too.
  Write(response).IgnoreError();
}

absl::Status PushCall::WriteFailures(
    const std::vector<DocumentFailure>& failures) {
  v1::PushCommitResponse response;
  for (const DocumentFailure& failure : failures) {
    Fill(failure, *response.mutable_failures()->add_failures());
    if (response.failures().failures_size() >=
        static_cast<int>(kFailureCountMax)) {
      COPSE_RETURN_IF_ERROR(Write(response));
      response.Clear();
    }
  }
  if (response.failures().failures_size() > 0) {
    COPSE_RETURN_IF_ERROR(Write(response));
  }
  return WaitForWrite();
}

absl::Status PushCall::WaitForWrite() {
  const absl::Duration timeout = environment_.write_timeout;
  if (!WaitForWriteUntil(absl::Now() + timeout)) {
    server_context_.TryCancel();
    WaitForWriteUntil(absl::InfiniteFuture());
    return ClientStalledError(timeout);
  }
  MutexLock lock(mutex_);
  return cancelled_ ? CallCancelledError() : absl::OkStatus();
}

bool PushCall::WaitForWriteUntil(absl::Time time) {
  MutexLock lock(mutex_);
  while (writing_) {
    if (!changed_.WaitFor(mutex_, TimeLeft(time)) && absl::Now() >= time) {
      return !writing_;
    }
  }
  return true;
}

absl::Status PushCall::Interruption() const {
  MutexLock lock(mutex_);
  if (cancelled_) {
    return CallCancelledError();
  }
  return shutting_down_ ? ShuttingDownError() : absl::OkStatus();
}

void PushCallSet::Add(PushCall* call) {
  MutexLock lock(mutex_);
  calls_.insert(call);
  if (shutting_down_) {
    call->ShutDown();
  }
}

void PushCallSet::Remove(PushCall* call) {
  MutexLock lock(mutex_);
  calls_.erase(call);
}

void PushCallSet::ShutDown() {
  MutexLock lock(mutex_);
  shutting_down_ = true;
  for (PushCall* call : calls_) {
    call->ShutDown();
  }
}

}  // namespace copse
