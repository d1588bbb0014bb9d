// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/push_report.h"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/progress_line.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/job_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

constexpr size_t kFailureCountMax = 10'000;

// A commit that is complete is left alone, and so is its branch.
absl::Status WarnOfUnmovedBranch(Context& context, const std::string& domain,
                                 const std::string& commit,
                                 const std::string& branch) {
  if (branch.empty()) {
    return absl::OkStatus();
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const std::optional<v1::Branch> found,
                                FindBranch(context.client(), domain, branch));
  std::string where = "does not exist";
  absl::string_view what = "creates";
  if (found.has_value()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const bool has_commit,
        Descends(context.client(), domain, found->head_commit(), commit));
    if (has_commit) {
      return absl::OkStatus();
    }
    where = absl::StrFormat("stays at %s, which does not descend from that",
                            Printable(found->head_commit()));
    what = "moves";
  }
  context.Warn(absl::StrFormat(
      "branch %s %s: `copse branch set %s %s %s` %s it", Printable(branch),
      where, Printable(domain), Printable(branch), Printable(commit), what));
  return absl::OkStatus();
}

}  // namespace

bool IsCommitExistsError(const absl::Status& status) {
  return absl::IsAlreadyExists(status) &&
         ErrorReasonOf(status) == "COMMIT_EXISTS";
}

absl::Status PrintAlreadyIndexed(Context& context, const std::string& domain,
                                 const std::string& commit,
                                 const std::string& branch) {
  COPSE_CLIENT_RETURN_IF_ERROR(
      WarnOfUnmovedBranch(context, domain, commit, branch));
  if (!context.json()) {
    return context.output().WriteLine(
        absl::StrFormat("already indexed: commit %s is complete and stays as "
                        "it is",
                        Printable(commit)));
  }
  JsonWriter json;
  json.BeginObject();
  json.Key("status").String("already_indexed");
  json.Key("domain").String(domain);
  json.Key("commit").String(commit);
  json.EndObject();
  return context.output().WriteLine(json.text());
}

void WarnOfMove(Context& context, const std::string& branch,
                const std::string& moved_from, const std::string& commit) {
  context.Warn(absl::StrFormat(
      "branch %s was at %s, which %s does not descend from: it has left that "
      "history",
      Printable(branch), Printable(moved_from), Printable(commit)));
}

std::string DescribeProgress(const v1::PushCommitResponse::Progress& progress,
                             const RateMeter& meter, absl::Time now) {
  const auto* phase =
      v1::PushCommitResponse::Progress::Phase_descriptor()->FindValueByNumber(
          progress.phase());
  const int64_t done =
      progress.unchanged_document_count() + progress.embedded_document_count();
  const int64_t total = progress.operation_count();
  std::string line =
      absl::StrFormat("%s, %s of %s, %s unchanged",
                      phase == nullptr ? "working" : EnumValueName(*phase),
                      FormatCount(done), FormatCounted(total, "operation"),
                      FormatCount(progress.unchanged_document_count()));
  if (progress.failed_document_count() > 0) {
    absl::StrAppend(&line, ", ", FormatCount(progress.failed_document_count()),
                    " failed");
  }
  if (progress.has_retry_time()) {
    absl::StrAppend(&line, ", goes on at ",
                    FormatTimestampShort(progress.retry_time()));
  } else if (progress.phase() ==
             v1::PushCommitResponse::Progress::PHASE_EMBEDDING) {
    absl::StrAppend(&line, meter.TimeLeft(done, total, now));
  }
  return line;
}

std::string DescribeWait(const v1::PushCommitResponse::Progress& progress) {
  if (!progress.has_retry_time()) {
    return "";
  }
  return absl::StrFormat("waiting until %s: %s",
                         FormatTimestampShort(progress.retry_time()),
                         Printable(progress.wait_reason()));
}

std::string DescribeWayOn(Context& context, const std::string& job_id,
                          const absl::Status& status) {
  if (status.ok() || job_id.empty()) {
    return "";
  }
  if (IsServerUnavailable(status)) {
    return absl::StrFormat(
        "job %s is durable and goes on when the server runs again: `copse job "
        "watch %s` shows it",
        job_id, job_id);
  }
  v1::GetJobRequest request;
  request.set_job_id(job_id);
  const absl::StatusOr<v1::Job> job = context.client().GetJob(request);
  return job.ok() && job->is_resumable()
             ? absl::StrFormat("`copse job resume %s` does it again", job_id)
             : "";
}

std::string JobGoesOnNote(const std::string& job_id) {
  return absl::StrFormat(
      "\nthe push goes on as job %s: `copse job watch %s` shows it, and\n"
      "`copse job cancel %s` ends it\n",
      job_id, job_id, job_id);
}

void FailureList::Add(const v1::PushCommitResponse::Failures& failures) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const v1::DocumentFailure& failure : failures.failures()) {
    ++count_;
    if (failures_.size() < kFailureCountMax) {
      failures_.push_back(failure);
    }
  }
}

void FailureList::Print(Context& context) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const v1::DocumentFailure& failure : failures_) {
    context.Warn(absl::StrFormat(
        "document '%s' (operation %d): %s", failure.document_id(),
        failure.operation_number(), failure.message()));
  }
  if (count_ > static_cast<int64_t>(failures_.size())) {
    context.Warn(absl::StrFormat(
        "and %s failed",
        FormatCounted(count_ - static_cast<int64_t>(failures_.size()),
                      "more document")));
  }
}

}  // namespace copse
