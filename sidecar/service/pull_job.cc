// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/pull_job.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/content_source.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_job.h"
#include "sidecar/service/push_line.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/push_spool.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/util/utf8.h"
#include "versioning/commit_builder.h"
#include "versioning/commit_reader.h"
#include "versioning/job_record.h"
#include "versioning/record_codec.h"
#include "versioning/sha256.h"
#include "versioning/store.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

constexpr uint8_t kRequestVersion = 1;
constexpr absl::string_view kFetchingPhase = "fetching";

// Between two reports of what has come.
constexpr int64_t kReportedLineCount = 1000;

absl::Status AuthorizationLostError() {
  return WithReason(
      absl::FailedPreconditionError(
          "the pull was asked for with an authorization, which is kept in "
          "memory only and was lost: ask for it again with one"),
      "PULL_AUTHORIZATION_LOST");
}

absl::Status CheckSource(const ContentSourceOptions& source) {
  if (!source.endpoint.empty()) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::FailedPreconditionError(
          "the server has no content endpoint to pull from: set its setting "
          "content_endpoint"),
      "CONTENT_ENDPOINT_NOT_SET");
}

// It becomes a line of a request.
absl::Status CheckCredential(absl::string_view field,
                             absl::string_view credential) {
  return credential.empty() || IsCredential(credential)
             ? absl::OkStatus()
             : FieldInvalidError(field, "not printable ASCII or too long",
                                 "at most 16 KiB of printable ASCII");
}

void FillPullRecord(const PullOptions& options, JobRecord& record) {
  FillJobRecord(options.push, record);
  record.kind = JobKind::kPull;
  record.phase = std::string(kFetchingPhase);
  RecordWriter writer(RecordKind::kPullRequest, kRequestVersion);
  writer.Text(record.request);
  writer.Bool(!options.authorization.empty() ||
              !options.embedding_api_key.empty());
  record.request = std::move(writer).Finish();
}

struct PullRequest {
  PushOptions push;
  bool had_authorization = false;
};

// Fails with kDataLoss.
absl::StatusOr<PullRequest> ParsePullRecord(JobRecord record) {
  const std::string request = std::move(record.request);
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(request, RecordKind::kPullRequest, kRequestVersion));
  record.request = reader.Text("push request", kJobRequestSizeBytesMax);
  PullRequest parsed;
  parsed.had_authorization = reader.Bool("had authorization");
  COPSE_RETURN_IF_ERROR(reader.Finish());
  COPSE_ASSIGN_OR_RETURN(parsed.push, ParsePushRequest(record));
  return parsed;
}

}  // namespace

// ---- What has come ---------------------------------------------------------

PulledContent::IdHash PulledContent::HashOf(absl::string_view document_id) {
  Sha256 hasher;
  hasher.Update(document_id);
  const std::array<std::byte, 32> whole = hasher.Finish();
  IdHash hash;
  std::copy_n(whole.begin(), hash.size(), hash.begin());
  return hash;
}

absl::Status PulledContent::Add(PushLine line) {
  ++line_count_;
  if (auto* error = std::get_if<ErrorOperation>(&line.operation)) {
    NoteFailure(std::move(error->message));
    return absl::OkStatus();
  }
  if (std::holds_alternative<AbortOperation>(line.operation)) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "operation ", line_count_,
            " is Abort, which the content of a commit cannot have")),
        "OPERATION_INVALID", {{"operation", absl::StrCat(line_count_)}});
  }
  only_inserts_ = only_inserts_ && line.is_insert;
  if (!only_inserts_ || base_ == nullptr) {
    inserted_.clear();
  } else {
    COPSE_RETURN_IF_ERROR(
        NoteInsert(std::get<UpsertOperation>(line.operation).document.id));
  }
  const absl::Status status = spool_.Add(line.operation);
  return absl::IsInvalidArgument(status)
             ? WithOperationNumber(status, line_count_)
             : status;
}

absl::Status PulledContent::NoteInsert(absl::string_view document_id) {
  inserted_.insert(HashOf(document_id));
  if (is_in_base_) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(const std::optional<StoredDocument> document,
                         base_->GetDocument(document_id, {}));
  is_in_base_ = document.has_value();
  return absl::OkStatus();
}

void PulledContent::NoteFailure(std::string message) {
  ++failed_count_;
  if (failures_.size() < kFailureCountMax) {
    const absl::string_view cut =
        CutUtf8(message, PushSession::kFailureMessageSizeBytesMax);
    failures_.push_back({.document_id = "unknown",
                         .operation_number = line_count_,
                         .message = absl::StrCat("operation error: ", cut)});
  }
}

absl::Status PulledContent::ForEach(
    const JobTable& jobs, const JobId& id,
    const std::function<absl::Status(PushOperation operation)>& visit) {
  JobRecord record;
  record.has_payload_file = spool_.has_file();
  record.payload = spool_.TakeInline();
  COPSE_RETURN_IF_ERROR(ReadPushSpool(jobs, id, record, visit));
  if (!is_full_listing()) {
    return absl::OkStatus();
  }
  return base_->ForEachDocument({}, [&](const StoredDocument& document) {
    return inserted_.contains(HashOf(document.id))
               ? absl::OkStatus()
               : visit(DeleteOperation{document.id});
  });
}

// ---- The job ---------------------------------------------------------------

absl::StatusOr<std::shared_ptr<const CommitReader>> PullWork::OpenBase() const {
  const CommitOptions& commit = options_.push.commit;
  std::shared_ptr<const CommitReader> none;
  if (commit.parent_commit.empty()) {
    return none;
  }
  absl::StatusOr<std::shared_ptr<const CommitReader>> base =
      services_.store->OpenCommit(commit.domain, commit.parent_commit);
  return absl::IsNotFound(base.status())
             ? absl::StatusOr<std::shared_ptr<const CommitReader>>(none)
             : base;
}

absl::Status PullWork::Fetch(Job& job, const CallContext& context,
                             const std::string& previous_commit,
                             PulledContent& content) const {
  const auto report = [&] {
    JobProgress progress;
    progress.total_count = content.operation_count();
    progress.failed_count = content.failed_count();
    job.SetProgress(kFetchingPhase, progress);
  };
  report();
  const absl::Status status =
      FetchContent(source_,
                   {.domain = options_.push.commit.domain,
                    .commit = options_.push.commit.commit,
                    .previous_commit = previous_commit,
                    .authorization = options_.authorization},
                   context, [&](PushLine line) -> absl::Status {
                     COPSE_RETURN_IF_ERROR(content.Add(std::move(line)));
                     if (content.operation_count() % kReportedLineCount == 0) {
                       report();
                     }
                     return context.Check();
                   });
  COPSE_RETURN_IF_ERROR(status);
  report();
  return content.Finish();
}

absl::Status PullWork::Run(Job& job, const CallContext& call) {
  CallContext context = call;
  context.embedding_api_key = options_.embedding_api_key;
  absl::Status status = RunOnce(job, context);
  while (IsDomainReplaced(status)) {
    status = RunOnce(job, context);
  }
  return status;
}

absl::Status PullWork::RunOnce(Job& job, const CallContext& context) {
  COPSE_RETURN_IF_ERROR(CheckSource(source_));
  COPSE_RETURN_IF_ERROR(CheckSameDomain(*services_.store, job.summary()));
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const CommitReader> base,
                         OpenBase());
  PushOptions push = options_.push;
  if (base == nullptr) {
    push.commit.parent_commit.clear();
  }
  JobTable& jobs = services_.store->jobs();
  PulledContent content(jobs, job.id(), base.get());
  COPSE_RETURN_IF_ERROR(
      Fetch(job, context, push.commit.parent_commit, content));
  COPSE_ASSIGN_OR_RETURN(
      const std::unique_ptr<PushSession> session,
      PushSession::Begin(
          services_, push, context,
          ReportTo(job, content.operation_count(), content.failed_count()),
          claim_));
  COPSE_RETURN_IF_ERROR(
      content.ForEach(jobs, job.id(), [&session](PushOperation operation) {
        return session->Add(std::move(operation));
      }));
  return FinishAsJob(*session, job, clock_, content.failures());
}

absl::StatusOr<std::unique_ptr<JobWork>> PullJobHandler::Prepare(
    const JobId& /*id*/, const JobRecord& record) {
  COPSE_ASSIGN_OR_RETURN(PullRequest request, ParsePullRecord(record));
  if (request.had_authorization) {
    return AuthorizationLostError();
  }
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<CommitClaim> claim,
                         services_.store->ClaimCommit(request.push.commit));
  return std::make_unique<PullWork>(
      services_, source_, clock_, PullOptions{.push = std::move(request.push)},
      std::move(claim));
}

void PullJobHandler::BeforeResume(const JobRecord& record) {
  EndEmbeddingPause(services_, record);
}

bool PullJobHandler::may_resume(const JobRecord& record) const {
  const absl::StatusOr<PullRequest> request = ParsePullRecord(record);
  return request.ok() && !request->had_authorization;
}

absl::StatusOr<std::shared_ptr<Job>> SubmitPull(
    const PushServices& services, const ContentSourceOptions& source,
    JobRunner& runner, PullOptions options, const CallContext& context) {
  COPSE_RETURN_IF_ERROR(CheckSource(source));
  COPSE_RETURN_IF_ERROR(
      CheckCredential("authorization", options.authorization));
  COPSE_RETURN_IF_ERROR(
      CheckCredential("embedding_api_key", options.embedding_api_key));
  COPSE_RETURN_IF_ERROR(CheckPushOptions(options.push));
  COPSE_RETURN_IF_ERROR(CreatePushDomain(services, options.push, context));
  options.push.create_domain.reset();  // It exists by then.
  const CommitOptions& commit = options.push.commit;
  COPSE_ASSIGN_OR_RETURN(const DomainInfo domain,
                         services.store->GetDomain(commit.domain));
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<CommitClaim> claim,
                         services.store->ClaimCommit(commit));
  COPSE_RETURN_IF_ERROR(services.store->jobs().CheckFreeSpace());
  JobRecord record;
  FillPullRecord(options, record);
  record.domain_number = domain.domain_number;
  return runner.Submit(
      runner.NewId(), std::move(record),
      std::make_unique<PullWork>(services, source, runner.clock(),
                                 std::move(options), std::move(claim)));
}

}  // namespace copse
