// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/push_report.h"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

constexpr size_t kFailureCountMax = 10'000;

}  // namespace

bool IsCommitExistsError(const absl::Status& status) {
  return absl::IsAlreadyExists(status) &&
         ErrorReasonOf(status) == "COMMIT_EXISTS";
}

absl::Status PrintAlreadyIndexed(Context& context, const std::string& domain,
                                 const std::string& commit) {
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

std::string DescribeProgress(const v1::PushCommitResponse::Progress& progress) {
  const auto* phase =
      v1::PushCommitResponse::Progress::Phase_descriptor()->FindValueByNumber(
          progress.phase());
  std::string line =
      absl::StrFormat("%s, %s operations, %s unchanged, %s vectors at hand",
                      phase == nullptr ? "working" : EnumValueName(*phase),
                      FormatCount(progress.operation_count()),
                      FormatCount(progress.unchanged_document_count()),
                      FormatCount(progress.embedded_document_count()));
  if (progress.failed_document_count() > 0) {
    absl::StrAppend(&line, ", ", FormatCount(progress.failed_document_count()),
                    " failed");
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
