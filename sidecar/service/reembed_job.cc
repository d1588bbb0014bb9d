// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/reembed_job.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/service/push_job.h"
#include "sidecar/service/push_operation.h"
#include "versioning/commit_builder.h"
#include "versioning/document.h"
#include "versioning/domain_record.h"
#include "versioning/store.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

constexpr absl::string_view kCheckingPhase = "checking";
constexpr absl::string_view kEmbeddingPhase = "embedding";
constexpr absl::string_view kSwitchingPhase = "switching";

// Rounds in which pushes need not wait.
constexpr int kFreeRoundCount = 3;

// How long the job waits for those who read the old vectors; then they are left
// to the next collection of garbage.
constexpr absl::Duration kReaderWaitMax = absl::Seconds(2);
constexpr std::chrono::milliseconds kReaderCheckInterval(20);

absl::Status WithoutProfileError(absl::string_view domain) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "domain '%s' has no embedding profile, so its documents have vectors "
          "of their own and cannot be embedded",
          domain)),
      "DOMAIN_WITHOUT_PROFILE", {{"domain", std::string(domain)}});
}

absl::Status NothingToReembedError(const DomainOptions& options) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "domain '%s' has the vectors that embedding profile '%s' makes, cut "
          "in the same way: there is nothing to re-embed",
          options.domain, options.embedding_profile)),
      "NOTHING_TO_REEMBED",
      {{"domain", options.domain},
       {"embedding_profile", options.embedding_profile}});
}

std::string EncodeRequest(const DomainOptions& options) {
  return DomainRecord{.options = options, .create_time = absl::UnixEpoch()}
      .Encode();
}

absl::StatusOr<DomainOptions> ParseRequest(const JobRecord& record) {
  COPSE_ASSIGN_OR_RETURN(DomainRecord domain,
                         DomainRecord::Parse(record.request));
  return std::move(domain.options);
}

// Returns whether the domain is being re-embedded. `owner` is the job that does
// or, if it has failed, has left what it built for its resumption; else empty.
absl::StatusOr<bool> IsInFlight(Store& store, JobRunner& runner,
                                const std::string& domain, std::string& owner) {
  COPSE_ASSIGN_OR_RETURN(const std::optional<ReplacementInfo> replacement,
                         store.FindReplacement(domain));
  owner = replacement.has_value() ? replacement->owner : "";
  const std::optional<JobId> id = ParseJobId(owner);
  return id.has_value() && runner.Find(*id) != nullptr;
}

// Keeps pushes waiting, for a time.
class PublicationHold {
 public:
  explicit PublicationHold(DomainReplacement& replacement)
      : replacement_(replacement) {}
  ~PublicationHold() { End(); }
  PublicationHold(const PublicationHold&) = delete;
  PublicationHold& operator=(const PublicationHold&) = delete;

  void Begin() {
    replacement_.HoldPublications();
    end_time_ = absl::Now() + kHoldTimeMax;
  }
  void EndIfTooLong() {
    if (absl::Now() >= end_time_) {
      End();
    }
  }
  void End() {
    if (end_time_ != absl::InfiniteFuture()) {
      replacement_.ReleasePublications();
      end_time_ = absl::InfiniteFuture();
    }
  }

 private:
  DomainReplacement& replacement_;
  absl::Time end_time_ = absl::InfiniteFuture();  // Nobody waits.
};

// Adds what a session has done to what the job did before.
void AddProgress(const PushProgress& session, JobProgress& progress) {
  progress.done_count +=
      session.unchanged_document_count + session.embedded_document_count;
  progress.unchanged_count += session.unchanged_document_count;
  progress.chunk_count += session.text_count;
  progress.token_count += session.token_count;
  progress.request_count += session.request_count;
  progress.cache_hit_count += session.cache_hit_count;
  progress.failed_count += session.failed_document_count;
}

}  // namespace

class ReembedWork::Attempt {
 public:
  Attempt(const PushServices& services,
          const std::function<absl::Time()>& clock, Job& job,
          const CallContext& context, DomainReplacement& replacement)
      : services_(services),
        clock_(clock),
        job_(job),
        context_(context),
        replacement_(replacement),
        hold_(replacement) {}

  // Builds what is missing until nothing is, and switches.
  absl::Status Run() {
    for (int round_number = 1;; ++round_number) {
      if (round_number > kFreeRoundCount) {
        hold_.Begin();
      }
      COPSE_ASSIGN_OR_RETURN(
          const ReplacementRound round,
          replacement_.BeginRound([this] { return Check(); }));
      progress_.total_count += round.document_count;
      if (round_number == 1) {
        COPSE_RETURN_IF_ERROR(CheckTexts(round));
      }
      for (const std::string& commit : round.commits) {
        COPSE_RETURN_IF_ERROR(Build(commit));
      }
      Report(kSwitchingPhase, progress_);
      COPSE_ASSIGN_OR_RETURN(const bool is_done,
                             replacement_.Switch(round, [this] {
                               return job_.MakeSucceeded(clock_());
                             }));
      hold_.End();
      if (is_done) {
        return absl::OkStatus();
      }
    }
  }

 private:
  absl::Status Check() {
    hold_.EndIfTooLong();
    return context_.Check();
  }

  void Report(absl::string_view phase, JobProgress progress) {
    // A commit whose parent was deleted is compared with another one.
    progress.total_count = std::max(progress.total_count, progress.done_count);
    job_.SetProgress(phase, progress);
  }

  // Before anything is paid for.
  absl::Status CheckTexts(const ReplacementRound& round) {
    Report(kCheckingPhase, progress_);
    for (const std::string& commit : round.commits) {
      COPSE_RETURN_IF_ERROR(
          replacement_.CheckTexts(commit, [this] { return Check(); }));
    }
    return absl::OkStatus();
  }

  absl::Status Build(const std::string& commit) {
    absl::StatusOr<std::unique_ptr<CommitReplay>> replay =
        replacement_.BeginCommit(commit);
    const std::optional<ErrorReason> reason = ReasonOf(replay.status());
    if (reason.has_value() && reason->reason == "COMMIT_NOT_FOUND") {
      return absl::OkStatus();  // Deleted: the next round knows.
    }
    COPSE_RETURN_IF_ERROR(replay.status());
    job_.Update([&](JobRecord& record) { record.commit = commit; });
    PushSession session(services_, (*replay)->TakeBuilder(), context_,
                        [this](const PushProgress& progress) {
                          hold_.EndIfTooLong();
                          JobProgress sum = progress_;
                          AddProgress(progress, sum);
                          Report(kEmbeddingPhase, sum);
                        });
    absl::Status status = (*replay)->ForEachChange(
        {.on_document =
             [&session](Document document) {
               // What is stored is what a template made.
               return session.Add(UpsertOperation{std::move(document), true});
             },
         .on_delete =
             [&session](const std::string& document_id) {
               return session.Add(DeleteOperation{document_id});
             },
         .check = [this] { return Check(); }});
    if (status.ok()) {
      status = session.Finish().status();
    }
    AddProgress(session.progress(), progress_);
    Report(kEmbeddingPhase, progress_);
    NoteFailures(session);
    return status;
  }

  void NoteFailures(const PushSession& session) {
    std::vector<JobFailure> failures = ToJobFailures({}, session.failures());
    if (!failures.empty()) {
      job_.Update(
          [&](JobRecord& record) { record.failures = std::move(failures); });
    }
  }

  const PushServices& services_;
  const std::function<absl::Time()>& clock_;
  Job& job_;
  const CallContext& context_;
  DomainReplacement& replacement_;
  PublicationHold hold_;
  JobProgress progress_;
};

absl::Status ReembedWork::Run(Job& job, const CallContext& context) {
  Store& store = *services_.store;
  COPSE_RETURN_IF_ERROR(CheckSameDomain(store, job.summary()));
  const absl::Status status = Replace(job, context);
  const std::optional<ErrorReason> reason = ReasonOf(status);
  if (reason.has_value() && reason->reason == "DISK_FULL") {
    // Others need the disk more; what was embedded is cached.
    store.DropReplacement(JobIdText(job.id())).IgnoreError();
  }
  COPSE_RETURN_IF_ERROR(status);
  // The job has succeeded, whatever comes now.
  const absl::Time end_time = absl::Now() + kReaderWaitMax;
  for (absl::StatusOr<size_t> left = store.RemoveReplacedDomains();
       left.ok() && *left > 0 && absl::Now() < end_time && context.Check().ok();
       left = store.RemoveReplacedDomains()) {
    std::this_thread::sleep_for(kReaderCheckInterval);
  }
  return absl::OkStatus();
}

absl::Status ReembedWork::Replace(Job& job, const CallContext& context) {
  COPSE_ASSIGN_OR_RETURN(
      const std::unique_ptr<DomainReplacement> replacement,
      services_.store->BeginReplacement(options_, JobIdText(job.id())));
  return Attempt(services_, clock_, job, context, *replacement).Run();
}

absl::StatusOr<std::unique_ptr<JobWork>> ReembedJobHandler::Prepare(
    const JobId& /*id*/, const JobRecord& record) {
  COPSE_ASSIGN_OR_RETURN(DomainOptions options, ParseRequest(record));
  return std::make_unique<ReembedWork>(services_, clock_, std::move(options));
}

void ReembedJobHandler::BeforeResume(const JobRecord& record) {
  const absl::StatusOr<DomainOptions> options = ParseRequest(record);
  if (options.ok()) {  // Else the job says what is wrong.
    services_.embedders->EndPause(*options);
  }
}

void ReembedJobHandler::Discard(const JobId& id) {
  // If it fails, the next re-embedding of the domain does it.
  services_.store->DropReplacement(JobIdText(id)).IgnoreError();
}

void ReembedJobHandler::DiscardLeftovers(JobTable& table) {
  const absl::StatusOr<std::vector<std::string>> owners =
      services_.store->ListReplacementOwners();
  if (!owners.ok()) {
    return;  // The next re-embedding says what is wrong.
  }
  for (const std::string& owner : *owners) {
    const std::optional<JobId> id = ParseJobId(owner);
    if (!id.has_value()) {
      continue;
    }
    const absl::StatusOr<std::optional<JobRecord>> record = table.Get(*id);
    // What is damaged stays, for those who look.
    if (record.ok() && (!record->has_value() || (IsFinal((*record)->state) &&
                                                 !(*record)->is_resumable))) {
      Discard(*id);
    }
  }
}

absl::StatusOr<std::shared_ptr<Job>> SubmitReembedding(
    const PushServices& services, JobRunner& runner,
    const ReembedSettings& settings, const CallContext& context) {
  COPSE_RETURN_IF_ERROR(context.Check());
  Store& store = *services.store;
  COPSE_ASSIGN_OR_RETURN(const DomainInfo domain,
                         store.GetDomain(settings.domain));
  if (domain.options.embedding_profile.empty()) {
    return WithoutProfileError(settings.domain);
  }
  // Asked before the probe, which may cost a request.
  std::string former_owner;
  COPSE_ASSIGN_OR_RETURN(
      const bool is_in_flight,
      IsInFlight(store, runner, settings.domain, former_owner));
  if (is_in_flight) {
    return ReembeddingInFlightError(settings.domain, former_owner);
  }
  COPSE_ASSIGN_OR_RETURN(
      DomainOptions options,
      services.domains->PlanReembedding(domain.options, settings, context));
  if (options.profile_hash == domain.options.profile_hash) {
    return NothingToReembedError(options);
  }
  const JobId id = runner.NewId();
  const std::string owner = JobIdText(id);
  if (!former_owner.empty()) {
    COPSE_RETURN_IF_ERROR(store.DropReplacement(former_owner));
  }
  // Before the job is accepted, so that there is one at a time.
  COPSE_RETURN_IF_ERROR(store.BeginReplacement(options, owner).status());
  JobRecord record;
  record.kind = JobKind::kReembed;
  record.domain = options.domain;
  record.domain_number = domain.domain_number;
  record.phase = std::string(kCheckingPhase);
  record.request = EncodeRequest(options);
  absl::StatusOr<std::shared_ptr<Job>> job =
      runner.Submit(id, std::move(record),
                    std::make_unique<ReembedWork>(services, runner.clock(),
                                                  std::move(options)));
  if (!job.ok()) {
    store.DropReplacement(owner).IgnoreError();
  }
  return job;
}

}  // namespace copse
