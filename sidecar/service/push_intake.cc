// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/push_intake.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_job.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/push_spool.h"
#include "sidecar/service/request_errors.h"
#include "versioning/commit_builder.h"
#include "versioning/job_record.h"
#include "versioning/store.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

// The domain exists by then. The result is no parameter because gcc 12 takes
// the move of an empty std::optional for a use of what is in it.
PushOptions WithoutDomain(const PushOptions& options) {
  PushOptions result = options;
  result.create_domain.reset();
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PushIntake>> PushIntake::Begin(
    const PushServices& services, JobRunner& runner, const PushOptions& options,
    const CallContext& context) {
  COPSE_RETURN_IF_ERROR(context.Check());
  COPSE_RETURN_IF_ERROR(CheckPushOptions(options));
  COPSE_RETURN_IF_ERROR(CreatePushDomain(services, options, context));
  const CommitOptions& commit = options.commit;
  COPSE_ASSIGN_OR_RETURN(DomainInfo domain,
                         services.store->GetDomain(commit.domain));
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<CommitClaim> claim,
                         services.store->ClaimCommit(commit));
  // Asked before the parent is looked for: a job that ends in between has made
  // it.
  const bool must_wait =
      runner.MustWait(commit.domain, commit.parent_commit, commit.branch);
  std::unique_ptr<PushIntake> intake(new PushIntake(
      services, runner, options, context, std::move(claim), std::move(domain)));
  if (must_wait) {
    COPSE_RETURN_IF_ERROR(services.store->jobs().CheckFreeSpace());
    return intake;
  }
  COPSE_ASSIGN_OR_RETURN(intake->session_,
                         PushSession::Begin(services, intake->options_, context,
                                            nullptr, intake->claim_));
  intake->session_->HoldBack();
  return intake;
}

PushIntake::PushIntake(const PushServices& services, JobRunner& runner,
                       const PushOptions& options, const CallContext& context,
                       std::shared_ptr<CommitClaim> claim, DomainInfo domain)
    : services_(services),
      runner_(runner),
      options_(WithoutDomain(options)),
      context_(context),
      claim_(std::move(claim)),
      domain_(std::move(domain)),
      job_id_(runner.NewId()),
      spool_(services.store->jobs(), job_id_) {}

absl::Status PushIntake::Add(PushOperation operation) {
  COPSE_RETURN_IF_ERROR(context_.Check());
  ++progress_.operation_count;
  COPSE_RETURN_IF_ERROR(CheckPushOperation(operation, domain_.options,
                                           progress_.operation_count));
  if (const absl::Status status = spool_.Add(operation); !status.ok()) {
    return absl::IsInvalidArgument(status)
               ? WithOperationNumber(status, progress_.operation_count)
               : status;
  }
  if (session_ == nullptr) {
    return absl::OkStatus();
  }
  const absl::Status status = session_->Add(std::move(operation));
  // Of what is spooled the job is made in the domain that took over.
  if (!IsDomainReplaced(status)) {
    COPSE_RETURN_IF_ERROR(status);
  }
  if (!status.ok() || session_->is_full()) {
    session_ = nullptr;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Job>> PushIntake::Accept(
    std::optional<int64_t> operation_count) {
  COPSE_RETURN_IF_ERROR(
      CheckPushOperationCount(operation_count, progress().operation_count));
  COPSE_RETURN_IF_ERROR(context_.Check());
  COPSE_RETURN_IF_ERROR(spool_.Finish());
  JobRecord record;
  FillJobRecord(options_, record);
  record.domain_number = domain_.domain_number;
  record.phase = std::string(PushPhaseName(PushPhase::kEmbedding));
  record.progress.total_count = progress().operation_count;
  record.has_payload_file = spool_.has_file();
  record.payload = spool_.TakeInline();
  COPSE_ASSIGN_OR_RETURN(
      std::shared_ptr<Job> job,
      runner_.Submit(
          job_id_, std::move(record),
          std::make_unique<PushWork>(services_, runner_.clock(), options_,
                                     std::move(claim_), std::move(session_))));
  spool_.Keep();
  return job;
}

}  // namespace copse
