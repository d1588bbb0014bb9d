// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/v1_index_handlers.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/http/basic_auth.h"
#include "sidecar/http/branch_handlers.h"
#include "sidecar/http/domain_path.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/http/push_queue.h"
#include "sidecar/http/v1_request.h"
#include "sidecar/http/v1_task_table.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/job.h"
#include "sidecar/service/pull_job.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/util/flat_object.h"
#include "versioning/commit.h"
#include "versioning/job_record.h"
#include "versioning/store.h"

namespace copse {
namespace {

// How soon a wait sees that a push has ended or its client has gone.
constexpr absl::Duration kLookInterval = absl::Milliseconds(100);

// What the embedding model of a new domain is to be, as clients of the last
// versions of the first dialect say it.
constexpr absl::string_view kUrlField = "vectorlink_ollama_url";
constexpr absl::string_view kModelField = "vectorlink_ollama_model";
constexpr absl::string_view kDimensionField = "vectorlink_ollama_dimensions";

bool HasReason(const absl::Status& status, absl::string_view name) {
  const std::optional<ErrorReason> reason = ReasonOf(status);
  return reason.has_value() && reason->reason == name;
}

// Returns whether `head` has no field `name`, or one that says `wanted`.
bool Agrees(const RequestHead& head, absl::string_view name,
            absl::string_view wanted) {
  const std::string* field = head.Find(name);
  return field == nullptr || absl::StripSuffix(*field, "/") == wanted;
}

// Returns the profile that the headers choose for a new domain; "" for the
// default one, also if what they name is not configured.
std::string ProfileOf(const V1Settings& settings, const RequestHead& head) {
  if (head.Find(kUrlField) == nullptr) {
    return "";
  }
  for (const V1Settings::Profile& profile : settings.profiles) {
    if (Agrees(head, kUrlField, absl::StripSuffix(profile.url, "/")) &&
        Agrees(head, kModelField, profile.model) &&
        Agrees(head, kDimensionField, absl::StrCat(profile.dimension))) {
      return profile.name;
    }
  }
  return "";
}

struct IndexParameters {
  PushTarget target;
  std::string previous_commit;
};

absl::StatusOr<IndexParameters> IndexParametersOf(const HttpRequest& request) {
  IndexParameters index;
  COPSE_ASSIGN_OR_RETURN(auto texts, V1TextsOf(request, {"domain", "commit"}));
  COPSE_ASSIGN_OR_RETURN(const DomainPath path,
                         ParseDomainPath(texts["domain"]));
  COPSE_RETURN_IF_ERROR(CheckName("commit", texts["commit"]));
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> previous,
                         request.parameters.FindText("previous"));
  index.previous_commit = previous.value_or("");
  if (previous.has_value()) {
    COPSE_RETURN_IF_ERROR(CheckName("previous", *previous));
  }
  index.target = {path.domain, path.branch.value_or(std::string(kMainBranch)),
                  texts["commit"]};
  return index;
}

absl::Status CheckCanPull(HttpServices& services, const IndexParameters& index,
                          const CallContext& context) {
  if (!services.v1.has_content_endpoint) {
    return absl::FailedPreconditionError("NoContentEndpoint");
  }
  const absl::StatusOr<DomainInfo> domain =
      services.engine->store().GetDomain(index.target.domain);
  const std::string profile =
      domain.ok() ? domain->options.embedding_profile : "";
  if (context.embedding_api_key.empty() &&
      services.v1.keyless_profiles.contains(profile)) {
    return absl::FailedPreconditionError(
        absl::StrCat("MissingKey(\"VECTORLINK_EMBEDDING_API_KEY\")"));
  }
  return absl::OkStatus();
}

PullOptions PullOptionsOf(const HttpServices& services,
                          const HttpRequest& request,
                          const IndexParameters& index) {
  PullOptions options;
  options.push = NewPushOptions(index.target);
  options.push.commit.parent_commit = index.previous_commit;
  options.push.create_domain->embedding_profile =
      ProfileOf(services.v1, request.head());
  // Else it is a credential of ours.
  const std::string* authorization = request.head().Find("authorization");
  if (services.v1.is_anonymous && authorization != nullptr) {
    options.authorization = *authorization;
  }
  options.embedding_api_key = V1ContextOf(services, request).embedding_api_key;
  return options;
}

// Returns the ID of the task: a new one, that of one that runs, or one that is
// complete.
absl::StatusOr<std::string> StartIndex(HttpServices& services,
                                       const HttpRequest& request) {
  COPSE_ASSIGN_OR_RETURN(const IndexParameters index,
                         IndexParametersOf(request));
  const CallContext context = V1ContextOf(services, request);
  COPSE_RETURN_IF_ERROR(CheckCanPull(services, index, context));
  V1Task task = {index.target.domain, index.target.commit, std::nullopt};
  if (services.engine->store().GetCommit(task.domain, task.commit).ok() ||
      services.pushes.Contains(task.domain, task.commit)) {
    return services.v1_tasks.Add(std::move(task));
  }
  const absl::StatusOr<std::shared_ptr<Job>> job =
      services.engine->Pull(PullOptionsOf(services, request, index), context);
  if (job.ok()) {
    task.job = (*job)->id();
  } else if (!HasReason(job.status(), "COMMIT_IN_FLIGHT") &&
             !HasReason(job.status(), "COMMIT_EXISTS")) {
    return job.status();
  }
  return services.v1_tasks.Add(std::move(task));
}

// What is known of the index of a commit.
struct IndexState {
  std::optional<CommitInfo> commit;  // Of one that is complete.
  std::shared_ptr<Job> job;          // Of one that is being pulled.
  bool is_pending = false;           // Whether it is being pulled or pushed.
  double percentage = 0;             // From 0 to 1.
  std::string error;                 // Of one that is neither.
};

void ReadEnd(const JobRecord& record, IndexState& state) {
  state.is_pending = !IsFinal(record.state);
  if (state.is_pending && record.progress.total_count > 0) {
    state.percentage =
        std::clamp(static_cast<double>(record.progress.done_count) /
                       static_cast<double>(record.progress.total_count),
                   0.0, 1.0);
  }
  state.error = record.state == JobState::kSucceeded
                    ? std::string("the commit was deleted after it was indexed")
                : record.state == JobState::kCancelled
                    ? std::string("the task was cancelled")
                    : std::string(record.error.message());
}

absl::StatusOr<IndexState> IndexStateOf(HttpServices& services,
                                        absl::string_view domain,
                                        absl::string_view commit,
                                        const CallContext& context) {
  IndexState state;
  // Before the commit: what has ended in between is complete.
  COPSE_ASSIGN_OR_RETURN(const std::optional<JobId> id,
                         FindPullJob(*services.engine, services.v1_tasks,
                                     domain, commit, context));
  if (id.has_value()) {
    state.job = services.engine->jobs().Find(*id);
    const absl::StatusOr<JobRecord> record = services.engine->jobs().Get(*id);
    if (record.ok()) {
      ReadEnd(*record, state);
    }
  }
  if (!state.is_pending) {
    state.job = nullptr;
    state.is_pending = services.pushes.Contains(domain, commit);
  }
  const absl::StatusOr<CommitInfo> info =
      services.engine->store().GetCommit(domain, commit);
  if (info.ok()) {
    state.commit = *info;
  } else if (!absl::IsNotFound(info.status())) {
    return info.status();
  }
  if (state.error.empty()) {
    state.error = absl::StrCat("commit '", commit, "' is not indexed");
  }
  return state;
}

// Waits until the commit is indexed. Fails with what its task failed with, and
// kDeadlineExceeded.
absl::Status WaitForIndex(HttpServices& services, absl::string_view domain,
                          absl::string_view commit,
                          const CallContext& context) {
  const absl::Time end = absl::Now() + services.v1.assign_wait;
  int64_t seen = -1;
  while (true) {
    COPSE_RETURN_IF_ERROR(context.Check());
    COPSE_ASSIGN_OR_RETURN(const IndexState state,
                           IndexStateOf(services, domain, commit, context));
    if (state.commit.has_value()) {
      return absl::OkStatus();
    }
    if (!state.is_pending) {
      return absl::NotFoundError(state.error);
    }
    if (absl::Now() >= end) {
      return absl::DeadlineExceededError(
          absl::StrCat("commit '", commit, "' is still being indexed after ",
                       absl::FormatDuration(services.v1.assign_wait)));
    }
    if (state.job != nullptr) {
      seen = state.job->WaitForChange(seen, kLookInterval);
    } else {
      absl::SleepFor(kLookInterval);
    }
  }
}

absl::Status AssignWhenIndexed(HttpServices& services,
                               const HttpRequest& request) {
  COPSE_ASSIGN_OR_RETURN(
      auto texts,
      V1TextsOf(request, {"domain", "source_commit", "target_commit"}));
  COPSE_ASSIGN_OR_RETURN(const DomainPath path,
                         ParseDomainPath(texts["domain"]));
  const std::string& source = texts["source_commit"];
  const std::string& target = texts["target_commit"];
  COPSE_RETURN_IF_ERROR(CheckName("source_commit", source));
  COPSE_RETURN_IF_ERROR(CheckName("target_commit", target));
  COPSE_RETURN_IF_ERROR(
      WaitForIndex(services, path.domain, source, request.context));
  const absl::Status status = AssignCommit(
      services, path.domain, path.branch.value_or(std::string(kMainBranch)),
      source, target);
  // The words that clients take for a success.
  return absl::IsAlreadyExists(status)
             ? absl::AlreadyExistsError("target commit already has an index")
             : status;
}

// An ID that is not ours may be meant for the second dialect, which needs
// credentials.
HttpAnswer UnknownTaskAnswer(const HttpServices& services,
                             const RequestHead& head, absl::string_view id) {
  if (services.v1.dialect == V1Settings::Dialect::kAuto &&
      head.Find("authorization") != nullptr) {
    const absl::Status status = services.auth->Check(head);
    return ErrorAnswer(status.ok() ? TaskNotFoundError(id) : status);
  }
  return {.status = 404, .content_type = ""};
}

absl::StatusOr<HttpAnswer> CheckTask(HttpServices& services,
                                     const HttpRequest& request) {
  COPSE_ASSIGN_OR_RETURN(auto texts, V1TextsOf(request, {"task_id"}));
  COPSE_ASSIGN_OR_RETURN(const std::optional<V1Task> task,
                         FindV1Task(*services.engine, services.v1_tasks,
                                    texts["task_id"], request.context));
  if (!task.has_value()) {
    return UnknownTaskAnswer(services, request.head(), texts["task_id"]);
  }
  COPSE_ASSIGN_OR_RETURN(
      const IndexState state,
      IndexStateOf(services, task->domain, task->commit, request.context));
  if (state.commit.has_value()) {
    return HttpAnswer{.body = absl::StrCat("{\"indexed_documents\":",
                                           state.commit->document_count,
                                           ",\"status\":\"Complete\"}")};
  }
  if (state.is_pending) {
    return HttpAnswer{.body = absl::StrCat("{\"percentage\":", state.percentage,
                                           ",\"status\":\"Pending\"}")};
  }
  return HttpAnswer{.status = 500, .body = JsonString(state.error)};
}

}  // namespace

absl::StatusOr<HttpAnswer> HandleV1Index(HttpServices& services,
                                         const HttpRequest& request) {
  const absl::StatusOr<std::string> id = StartIndex(services, request);
  return id.ok() ? TextAnswer(200, *id) : V1ErrorAnswer(id.status(), 400);
}

absl::StatusOr<HttpAnswer> HandleV1Check(HttpServices& services,
                                         const HttpRequest& request) {
  absl::StatusOr<HttpAnswer> answer = CheckTask(services, request);
  return answer.ok() ? *std::move(answer) : V1ErrorAnswer(answer.status(), 400);
}

absl::StatusOr<HttpAnswer> HandleV1Assign(HttpServices& services,
                                          const HttpRequest& request) {
  const absl::Status status = AssignWhenIndexed(services, request);
  return status.ok() ? HttpAnswer{.status = 204, .content_type = ""}
                     : V1ErrorAnswer(status, 400);
}

}  // namespace copse
