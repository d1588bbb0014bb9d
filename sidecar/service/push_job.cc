// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/push_job.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/job.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/push_spool.h"
#include "versioning/commit_builder.h"
#include "versioning/job_record.h"
#include "versioning/store.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

constexpr PushPhase kPhases[] = {PushPhase::kReceiving, PushPhase::kEmbedding,
                                 PushPhase::kAppending, PushPhase::kSyncing,
                                 PushPhase::kIndexing,  PushPhase::kPublishing};

JobProgress ToJobProgress(const PushProgress& progress, int64_t total_count) {
  JobProgress job;
  job.done_count =
      progress.unchanged_document_count + progress.embedded_document_count;
  job.total_count = total_count;
  job.unchanged_count = progress.unchanged_document_count;
  job.chunk_count = progress.text_count;
  job.token_count = progress.token_count;
  job.request_count = progress.request_count;
  job.cache_hit_count = progress.cache_hit_count;
  job.failed_count = progress.failed_document_count;
  return job;
}

}  // namespace

absl::string_view PushPhaseName(PushPhase phase) {
  switch (phase) {
    case PushPhase::kReceiving:
      return "receiving";
    case PushPhase::kEmbedding:
      return "embedding";
    case PushPhase::kAppending:
      return "appending";
    case PushPhase::kSyncing:
      return "syncing";
    case PushPhase::kIndexing:
      return "indexing";
    case PushPhase::kPublishing:
      return "publishing";
  }
  return "";
}

std::optional<PushPhase> ParsePushPhase(absl::string_view name) {
  const auto* found = std::ranges::find(kPhases, name, PushPhaseName);
  return found == std::end(kPhases) ? std::nullopt
                                    : std::optional<PushPhase>(*found);
}

std::vector<JobFailure> ToJobFailures(
    std::vector<JobFailure> kept,
    const std::vector<DocumentFailure>& failures) {
  size_t size_bytes = 0;
  for (const JobFailure& failure : kept) {
    size_bytes += failure.document_id.size() + failure.message.size();
  }
  for (const DocumentFailure& failure : failures) {
    size_bytes += failure.document_id.size() + failure.message.size();
    if (size_bytes > kJobFailuresSizeBytesMax) {
      break;
    }
    kept.push_back(
        {failure.document_id, failure.operation_number, failure.message});
  }
  return kept;
}

PushWork::PushWork(const PushServices& services,
                   std::function<absl::Time()> clock, PushOptions options,
                   std::shared_ptr<CommitClaim> claim,
                   std::unique_ptr<PushSession> session)
    : services_(services),
      clock_(std::move(clock)),
      options_(std::move(options)),
      claim_(std::move(claim)),
      session_(std::move(session)) {}

PushSession::ProgressCallback ReportTo(Job& job, int64_t total_count,
                                       int64_t failed_count) {
  return [&job, total_count, failed_count](const PushProgress& progress) {
    // To those who watch, all operations were received long ago.
    const PushPhase phase = progress.phase == PushPhase::kReceiving
                                ? PushPhase::kEmbedding
                                : progress.phase;
    JobProgress shown = ToJobProgress(progress, total_count);
    shown.failed_count += failed_count;
    job.SetProgress(PushPhaseName(phase), shown);
  };
}

absl::Status FinishAsJob(PushSession& session, Job& job,
                         const std::function<absl::Time()>& clock,
                         const std::vector<JobFailure>& failures) {
  const auto note_failures = [&] {
    job.Update([&](JobRecord& record) {
      record.failures = ToJobFailures(failures, session.failures());
    });
  };
  PushOutcome outcome;
  absl::StatusOr<CommitInfo> info = session.Finish(std::nullopt, [&] {
    note_failures();
    return job.MakeSucceeded(clock());
  });
  const absl::Status status = info.status();
  if (info.ok()) {
    outcome.commit = *std::move(info);
  }
  note_failures();
  outcome.failures = session.failures();
  job.SetOutcome(std::move(outcome));
  return status;
}

absl::Status CheckSameDomain(Store& store, const JobRecord& record) {
  COPSE_ASSIGN_OR_RETURN(const DomainInfo domain,
                         store.GetDomain(record.domain));
  return domain.domain_number == record.domain_number ||
                 std::ranges::find(domain.former_numbers,
                                   record.domain_number) !=
                     domain.former_numbers.end()
             ? absl::OkStatus()
             : DomainNotFoundError(record.domain);
}

void EndEmbeddingPause(const PushServices& services, const JobRecord& record) {
  const absl::StatusOr<DomainInfo> domain =
      services.store->GetDomain(record.domain);
  if (domain.ok()) {  // Else the job says what is wrong.
    services.embedders->EndPause(domain->options);
  }
}

absl::Status PushWork::Run(Job& job, const CallContext& context) {
  absl::Status status = RunOnce(job, context);
  while (IsDomainReplaced(status)) {
    status = RunOnce(job, context);
  }
  return status;
}

absl::Status PushWork::RunOnce(Job& job, const CallContext& context) {
  absl::Status status;
  if (session_ == nullptr) {
    status = Replay(job, context);
  } else {
    session_->MoveTo(context,
                     ReportTo(job, session_->progress().operation_count));
  }
  if (status.ok()) {
    status = FinishAsJob(*session_, job, clock_);
  } else if (session_ != nullptr) {
    job.Update([this](JobRecord& record) {
      record.failures = ToJobFailures({}, session_->failures());
    });
    job.SetOutcome({.commit = {}, .failures = session_->failures()});
  }
  session_ = nullptr;
  return status;
}

absl::Status PushWork::Replay(Job& job, const CallContext& context) {
  const JobRecord record = job.record();
  COPSE_RETURN_IF_ERROR(CheckSameDomain(*services_.store, record));
  COPSE_ASSIGN_OR_RETURN(
      session_,
      PushSession::Begin(services_, options_, context,
                         ReportTo(job, record.progress.total_count), claim_));
  return ReadPushSpool(services_.store->jobs(), job.id(), record,
                       [this](PushOperation operation) {
                         return session_->Add(std::move(operation));
                       });
}

absl::StatusOr<std::unique_ptr<JobWork>> PushJobHandler::Prepare(
    const JobId& /*id*/, const JobRecord& record) {
  COPSE_ASSIGN_OR_RETURN(PushOptions options, ParsePushRequest(record));
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<CommitClaim> claim,
                         services_.store->ClaimCommit(options.commit));
  return std::make_unique<PushWork>(services_, clock_, std::move(options),
                                    std::move(claim), nullptr);
}

void PushJobHandler::Discard(const JobId& id) {
  // If it fails, the next start does it.
  RemovePushSpool(services_.store->jobs(), id).IgnoreError();
}

}  // namespace copse
