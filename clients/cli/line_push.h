// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Sends the lines of a file as the operations of one push.
//
//   LinePush push(context, "all.ndjson");
//   COPSE_CLIENT_ASSIGN_OR_RETURN(v1::Commit commit, push.Run(header));

#ifndef COPSE_CLIENTS_CLI_LINE_PUSH_H_
#define COPSE_CLIENTS_CLI_LINE_PUSH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "clients/cli/context.h"
#include "clients/cli/push_report.h"
#include "clients/cli/text_table.h"
#include "clients/cpp/push_stream.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {

// What FILE is for every command that takes such lines.
inline constexpr char kOperationLinesHelp[] =
    "FILE has one JSON object a line:\n"
    "  {\"op\":\"Inserted|Changed|Deleted\",\"id\":\"...\",\"string\":"
    "\"...\",\n"
    "   \"type\":\"...\",\"vector\":[...],\"attributes\":{...}}\n"
    "Insert, Replace and Delete mean the same. "
    "{\"op\":\"Error\",\"id\":\"...\",\n"
    "\"message\":\"...\"} counts as a failed document, {\"op\":\"Abort\"} "
    "drops the push.\n";

// Sends once; shows how far it is. Thread safety: one thread.
class LinePush {
 public:
  // `context` must outlive this; "-" is standard input.
  LinePush(Context& context, std::string file)
      : context_(context), file_(std::move(file)), meter_(absl::Now()) {}

  // Returns the commit when it is complete.
  absl::StatusOr<v1::Commit> Run(v1::PushCommitRequest::Header header);

  // Asks what the push would cost.
  absl::StatusOr<v1::PushCommitResponse::Estimate> Estimate(
      v1::PushCommitRequest::Header header);

  // Returns the ID of the job that fills the embedding cache.
  absl::StatusOr<std::string> Warm(v1::PushCommitRequest::Header header);

 private:
  class InputFile;

  // Begins the push, and sends all lines.
  absl::Status SendAll(v1::PushCommitRequest::Header header, PushMode mode);

  // Ends the push, and returns its `status` with the line that it is about.
  absl::Status End(const absl::Status& status);

  absl::Status SendLines(const InputFile& input);
  void ShowSent(int64_t consumed_size_bytes, int64_t size_bytes);

  // Called by the thread that reads.
  void Hear(const v1::PushCommitResponse::Progress& progress);

  // Remembers where lines and operations come apart, up to a bound.
  void NoteBlankLine(int64_t line_number);

  // Names the line of an error that the server has with an operation.
  absl::Status ToLine(const absl::Status& status) const;

  Context& context_;
  const std::string file_;
  RateMeter meter_;
  std::unique_ptr<PushStream> push_;
  FailureList failures_;
  int64_t operation_count_ = 0;
  std::vector<int64_t> blank_lines_;
  std::string noted_wait_;  // What was told of waiting for the provider.
  std::string job_id_;      // Once the push is accepted.
  std::optional<RateMeter> server_meter_;  // Since then.
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_LINE_PUSH_H_
