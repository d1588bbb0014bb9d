// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/push_handler.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
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
#include "sidecar/http/push_progress_stream.h"
#include "sidecar/http/push_queue.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/push_line.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/util/flat_object.h"
#include "sidecar/util/utf8.h"
#include "versioning/commit.h"
#include "versioning/document.h"
#include "versioning/store.h"

namespace copse {
namespace {

// What the Error lines of one push may say together.
constexpr size_t kErrorSizeBytesMax = PushSession::kFailureSizeBytesMax;

struct PushParameters {
  PushTarget target;
  std::string parent_commit;  // Empty if none is given.
  bool stream = false;
  bool store_clustering = false;
};

absl::StatusOr<PushParameters> ToPushParameters(const Parameters& parameters) {
  PushParameters push;
  COPSE_ASSIGN_OR_RETURN(const DomainPath path, DomainOf(parameters));
  push.target.domain = path.domain;
  COPSE_ASSIGN_OR_RETURN(push.target.commit,
                         parameters.RequireText("target_commit"));
  COPSE_RETURN_IF_ERROR(CheckName("target_commit", push.target.commit));
  COPSE_ASSIGN_OR_RETURN(push.target.branch, BranchOf(parameters, path));
  COPSE_RETURN_IF_ERROR(CheckName("branch", push.target.branch));
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> parent,
                         parameters.FindText("parent_commit"));
  push.parent_commit = parent.value_or("");
  COPSE_ASSIGN_OR_RETURN(push.stream, parameters.Flag("stream", false));
  COPSE_ASSIGN_OR_RETURN(push.store_clustering,
                         parameters.Flag("store_clustering", false));
  return push;
}

absl::Status CommitExistsError(const PushTarget& target) {
  return WithReason(absl::AlreadyExistsError(absl::StrCat(
                        "commit '", target.commit, "' is already indexed")),
                    "COMMIT_EXISTS",
                    {{"domain", target.domain}, {"commit", target.commit}});
}

// One push from its acceptance to its end.
class PushRun {
 public:
  PushRun(HttpServices& services, const HttpRequest& request)
      : services_(services), request_(request) {}

  // What an exception cut short ends here: no task stays pending.
  ~PushRun() {
    if (!task_id_.empty() && !ended_) {
      Fail(absl::InternalError("the push ended by an internal fault"));
    }
  }
  PushRun(const PushRun&) = delete;
  PushRun& operator=(const PushRun&) = delete;

  void Run() {
    if (const absl::Status status = Accept(); !status.ok()) {
      request_.exchange->Answer(ErrorAnswer(status));
      return;
    }
    task_id_ = services_.tasks.Add();
    if (parameters_.stream) {
      stream_ = std::make_unique<PushProgressStream>(
          request_.exchange, task_id_, services_.limits.heartbeat);
    }
    absl::Status status = TakeBody();
    if (!status.ok()) {
      Fail(status);
      return;
    }
    if (stream_ == nullptr) {
      AnswerWithTask();  // What follows does not depend on the client.
    }
    absl::StatusOr<CommitInfo> info = session_->Finish();
    if (!info.ok()) {
      Fail(info.status());
      return;
    }
    Complete(*info);
  }

 private:
  Store& store() { return services_.engine->store(); }

  // Claims the commit and the turn on the branch, or says why not.
  absl::Status Accept() {
    COPSE_ASSIGN_OR_RETURN(parameters_, ToPushParameters(request_.parameters));
    COPSE_RETURN_IF_ERROR(CheckNotIndexed());
    COPSE_ASSIGN_OR_RETURN(
        place_, services_.pushes.Enter(parameters_.target,
                                       services_.limits.branch_wait));
    COPSE_RETURN_IF_ERROR(CheckNotIndexed());
    PushOptions options = NewPushOptions(parameters_.target);
    options.store_clustering = parameters_.store_clustering;
    COPSE_ASSIGN_OR_RETURN(options.commit.parent_commit, FindBase());
    CallContext context;
    context.interruption = [this] { return place_->Check(); };
    COPSE_ASSIGN_OR_RETURN(
        session_, services_.engine->BeginPush(
                      options, context, [this](const PushProgress& progress) {
                        Report(progress);
                      }));
    return absl::OkStatus();
  }

  // A commit that another branch has indexed is not pushed again; the branch
  // that replays it follows.
  absl::Status CheckNotIndexed() {
    const PushTarget& target = parameters_.target;
    const absl::Status found =
        store().GetCommit(target.domain, target.commit).status();
    if (absl::IsNotFound(found)) {
      return absl::OkStatus();
    }
    COPSE_RETURN_IF_ERROR(found);
    const absl::StatusOr<BranchInfo> branch =
        store().GetBranch(target.domain, target.branch);
    if (absl::IsNotFound(branch.status())) {
      store()
          .CreateBranch(target.domain, target.branch, target.commit)
          .status()
          .IgnoreError();  // Another push has made it: that one decides.
    } else if (branch.ok() && !parameters_.parent_commit.empty() &&
               branch->head_commit == parameters_.parent_commit) {
      store()
          .UpdateBranch(target.domain, target.branch, target.commit,
                        parameters_.parent_commit)
          .status()
          .IgnoreError();  // It has moved on meanwhile.
    }
    return CommitExistsError(target);
  }

  // Returns the commit that this one is built on; "" for none.
  absl::StatusOr<std::string> FindBase() {
    const PushTarget& target = parameters_.target;
    const std::string& parent = parameters_.parent_commit;
    const bool has_parent =
        !parent.empty() && store().GetCommit(target.domain, parent).ok();
    if (has_parent) {
      return parent;
    }
    const absl::StatusOr<BranchInfo> branch =
        store().GetBranch(target.domain, target.branch);
    if (branch.ok()) {
      if (!parent.empty() && services_.logger != nullptr) {
        services_.logger->Warning(
            "parent commit is not indexed, building on the head of the branch",
            {{"domain", target.domain},
             {"commit", target.commit},
             {"parent_commit", parent},
             {"head_commit", branch->head_commit}});
      }
      return branch->head_commit;
    }
    if (!absl::IsNotFound(branch.status())) {
      return branch.status();
    }
    if (!parent.empty() && target.branch != kMainBranch) {
      return WithReason(
          absl::NotFoundError(absl::StrCat(
              "parent_commit '", parent, "' is not indexed, so branch '",
              target.branch, "' cannot be forked from it")),
          "PARENT_COMMIT_NOT_FOUND", {{"parent_commit", parent}});
    }
    return std::string();
  }

  absl::Status TakeBody() {
    PushLineReader reader(services_.limits.push_line_size_bytes_max);
    const PushLineVisitor visit = [this](PushLine line) {
      return TakeOperation(std::move(line.operation));
    };
    while (true) {
      COPSE_RETURN_IF_ERROR(place_->Check());
      COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> piece,
                             request_.exchange->ReadBody());
      if (!piece.has_value()) {
        return reader.Finish(visit);
      }
      COPSE_RETURN_IF_ERROR(reader.Add(*piece, visit));
      Report(session_->progress());
    }
  }

  absl::Status TakeOperation(PushOperation operation) {
    if (const auto* error = std::get_if<ErrorOperation>(&operation)) {
      return TakeError(*error);
    }
    if (std::holds_alternative<UpsertOperation>(operation)) {
      ++upsert_count_;
    }
    return session_->Add(std::move(operation));
  }

  // Not given to the session, which would take it for one document.
  absl::Status TakeError(const ErrorOperation& error) {
    const absl::string_view message =
        CutUtf8(error.message, PushSession::kFailureMessageSizeBytesMax);
    AppendSkipped("unknown", absl::StrCat("operation error: ", message));
    ++error_count_;
    if (skipped_.size() <= kErrorSizeBytesMax) {
      return absl::OkStatus();
    }
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(
            error_count_, " Error operations, more than can be listed")),
        "TOO_MANY_FAILURES");
  }

  void AppendSkipped(absl::string_view id, absl::string_view message) {
    absl::StrAppend(&skipped_, skipped_.empty() ? "" : ",",
                    "{\"id\":", JsonString(id),
                    ",\"message\":", JsonString(message), "}");
  }

  void Report(const PushProgress& progress) {
    PushNumbers numbers;
    numbers.indexed = std::min(
        progress.unchanged_document_count + progress.embedded_document_count,
        upsert_count_);
    numbers.total_seen = upsert_count_;
    numbers.skipped = error_count_ + progress.failed_document_count;
    if (stream_ != nullptr) {
      stream_->Report(numbers);
    }
    if (!task_id_.empty() && upsert_count_ > 0) {
      services_.tasks.SetPercentage(task_id_,
                                    static_cast<double>(numbers.indexed) /
                                        static_cast<double>(upsert_count_));
    }
  }

  void AnswerWithTask() {
    request_.exchange->Answer({.content_type = "text/plain", .body = task_id_});
    answered_ = true;
  }

  // Frees the commit and the branch, so that a client that hears of the end can
  // push again at once.
  void Release() {
    ended_ = true;
    unchanged_count_ = session_->progress().unchanged_document_count;
    session_ = nullptr;
    place_ = nullptr;
  }

  void Complete(const CommitInfo& info) {
    Release();
    for (const SkippedDocument& skipped : info.skipped_documents) {
      AppendSkipped(skipped.document_id, skipped.message);
    }
    const int64_t indexed_count =
        info.inserted_count + info.replaced_count + unchanged_count_;
    const std::string skipped = absl::StrCat("[", skipped_, "]");
    services_.tasks.Complete(task_id_, indexed_count, skipped);
    if (stream_ != nullptr) {
      stream_->Finish(absl::StrCat(
          "{\"status\":\"complete\",\"indexed_documents\":", indexed_count,
          ",\"skipped\":", skipped, ",\"task_id\":\"", task_id_, "\"}"));
    }
  }

  void Fail(const absl::Status& status) {
    Release();
    const int http_status = HttpStatusOf(status);
    const bool aborted = http_status == 422;
    services_.tasks.Fail(task_id_, status.message());
    if (services_.logger != nullptr) {
      services_.logger->Warning("push failed",
                                {{"request_id", request_.head().request_id},
                                 {"domain", parameters_.target.domain},
                                 {"commit", parameters_.target.commit},
                                 {"error", status.message()}});
    }
    if (stream_ != nullptr) {
      stream_->Finish(aborted
                          ? std::string("{\"status\":\"aborted\"}")
                          : absl::StrCat("{\"status\":\"error\",\"error\":",
                                         JsonString(status.message()), "}"));
    } else if (aborted) {
      request_.exchange->Answer(
          ErrorAnswer(422, "the push was dropped by an abort operation"));
    } else if (!answered_) {
      AnswerWithTask();
    }
  }

  HttpServices& services_;
  const HttpRequest& request_;
  PushParameters parameters_;
  std::unique_ptr<PushQueue::Place> place_;
  std::unique_ptr<PushSession> session_;
  std::string task_id_;
  std::unique_ptr<PushProgressStream> stream_;  // If one is wanted.
  bool answered_ = false;
  bool ended_ = false;

  int64_t upsert_count_ = 0;
  int64_t error_count_ = 0;
  int64_t unchanged_count_ = 0;
  std::string skipped_;  // Of Error lines: the inside of a JSON array.
};

}  // namespace

void HandlePush(HttpServices& services, const HttpRequest& request) {
  PushRun(services, request).Run();
}

}  // namespace copse
