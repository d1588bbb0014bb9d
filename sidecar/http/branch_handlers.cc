// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/branch_handlers.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/http/domain_path.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/http/task_table.h"
#include "sidecar/util/flat_object.h"
#include "versioning/document.h"
#include "versioning/store.h"

namespace copse {
namespace {

HttpAnswer NoContent() { return {.status = 204, .content_type = ""}; }

// Returns OK for what is gone already.
absl::Status IgnoreNotFound(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

// Returns the commits of `domain` that were indexed on `branch`, newest first.
absl::StatusOr<std::vector<std::string>> CommitsOf(Store& store,
                                                   absl::string_view domain,
                                                   absl::string_view branch) {
  std::vector<std::string> commits;
  ListOptions options;
  options.page_size = 1000;
  do {
    COPSE_ASSIGN_OR_RETURN(const Page<CommitInfo> page,
                           store.ListCommits(domain, options));
    for (const CommitInfo& info : page.items) {
      if (info.branch == branch) {
        commits.push_back(info.commit);
      }
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return commits;
}

absl::Status DeleteBranchIndex(Store& store, absl::string_view domain,
                               absl::string_view branch) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> commits,
                         CommitsOf(store, domain, branch));
  COPSE_RETURN_IF_ERROR(IgnoreNotFound(store.DeleteBranch(domain, branch)));
  for (const std::string& commit : commits) {
    const absl::Status status =
        IgnoreNotFound(store.DeleteCommit(domain, commit));
    // Another branch is at it, and keeps what it forked.
    if (!status.ok() && !absl::IsFailedPrecondition(status)) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AssignCommit(HttpServices& services, absl::string_view domain,
                          absl::string_view branch,
                          absl::string_view source_commit,
                          absl::string_view target_commit) {
  if (services.pushes.Contains(domain, target_commit)) {
    return WithReason(
        absl::AbortedError(absl::StrCat("target_commit '", target_commit,
                                        "' is being pushed")),
        "COMMIT_IN_FLIGHT");
  }
  Store& store = services.engine->store();
  COPSE_RETURN_IF_ERROR(
      store.AssignCommit(domain, source_commit, target_commit).status());
  const absl::StatusOr<BranchInfo> info = store.GetBranch(domain, branch);
  if (!info.ok() || info->head_commit != source_commit) {
    return absl::OkStatus();
  }
  // If a push has moved the branch meanwhile, it is at a newer commit.
  const absl::Status moved = store
                                 .UpdateBranch(domain, branch, target_commit,
                                               std::string(source_commit))
                                 .status();
  return absl::IsAborted(moved) ? absl::OkStatus() : IgnoreNotFound(moved);
}

absl::StatusOr<HttpAnswer> HandleLastIndexed(HttpServices& services,
                                             const HttpRequest& request) {
  COPSE_ASSIGN_OR_RETURN(const DomainPath path, DomainOf(request.parameters));
  COPSE_ASSIGN_OR_RETURN(const std::string branch,
                         BranchOf(request.parameters, path));
  const absl::StatusOr<BranchInfo> info =
      services.engine->store().GetBranch(path.domain, branch);
  COPSE_RETURN_IF_ERROR(IgnoreNotFound(info.status()));
  return HttpAnswer{.body = absl::StrCat(
                        "{\"branch\":", JsonString(branch), ",\"commit\":",
                        info.ok() ? JsonString(info->head_commit) : "null",
                        ",\"version\":", info.ok() ? info->version : 0, "}")};
}

absl::StatusOr<HttpAnswer> HandleCheck(HttpServices& services,
                                       const HttpRequest& request) {
  COPSE_ASSIGN_OR_RETURN(const std::string id,
                         request.parameters.RequireText("task_id"));
  const std::optional<TaskState> task = services.tasks.Find(id);
  if (!task.has_value()) {
    return TaskNotFoundError(id);
  }
  switch (task->kind) {
    case TaskState::Kind::kPending:
      return HttpAnswer{
          .body = absl::StrCat("{\"status\":\"Pending\",\"percentage\":",
                               task->percentage, "}")};
    case TaskState::Kind::kComplete:
      return HttpAnswer{.body = absl::StrCat(
                            "{\"status\":\"Complete\",\"indexed_documents\":",
                            task->indexed_document_count,
                            ",\"skipped\":", task->skipped_json, "}")};
    case TaskState::Kind::kFailed:
      break;
  }
  // The one error that is no JSON.
  return HttpAnswer{
      .status = 500, .content_type = "text/plain", .body = task->error};
}

absl::StatusOr<HttpAnswer> HandleAssign(HttpServices& services,
                                        const HttpRequest& request) {
  const Parameters& parameters = request.parameters;
  COPSE_ASSIGN_OR_RETURN(const DomainPath path, DomainOf(parameters));
  COPSE_ASSIGN_OR_RETURN(const std::string source,
                         parameters.RequireText("source_commit"));
  COPSE_ASSIGN_OR_RETURN(const std::string target,
                         parameters.RequireText("target_commit"));
  COPSE_RETURN_IF_ERROR(CheckName("source_commit", source));
  COPSE_RETURN_IF_ERROR(CheckName("target_commit", target));
  COPSE_ASSIGN_OR_RETURN(const std::string branch, BranchOf(parameters, path));
  COPSE_RETURN_IF_ERROR(
      AssignCommit(services, path.domain, branch, source, target));
  return NoContent();
}

absl::StatusOr<HttpAnswer> HandleDeleteDomain(HttpServices& services,
                                              const HttpRequest& request) {
  COPSE_ASSIGN_OR_RETURN(const DomainPath path, DomainOf(request.parameters));
  services.pushes.Cancel(path.domain, "");
  COPSE_RETURN_IF_ERROR(
      IgnoreNotFound(services.engine->store().DeleteDomain(path.domain)));
  return NoContent();
}

absl::StatusOr<HttpAnswer> HandleDeleteBranchIndex(HttpServices& services,
                                                   const HttpRequest& request) {
  COPSE_ASSIGN_OR_RETURN(const DomainPath path, DomainOf(request.parameters));
  COPSE_ASSIGN_OR_RETURN(const std::string branch,
                         request.parameters.RequireText("branch"));
  COPSE_RETURN_IF_ERROR(CheckBranch(branch));
  services.pushes.Cancel(path.domain, branch);
  COPSE_RETURN_IF_ERROR(IgnoreNotFound(
      DeleteBranchIndex(services.engine->store(), path.domain, branch)));
  return NoContent();
}

}  // namespace copse
