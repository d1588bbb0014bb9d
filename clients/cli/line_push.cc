// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/line_push.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "clients/cli/context.h"
#include "clients/cli/interrupt_note.h"
#include "clients/cli/line_reader.h"
#include "clients/cli/message_json.h"
#include "clients/cli/operation_parser.h"
#include "clients/cli/push_report.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"
#include "clients/cpp/push_stream.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {

// A file that is closed in the end; standard input is not.
class LinePush::InputFile {
 public:
  static absl::StatusOr<std::unique_ptr<InputFile>> Open(
      const std::string& path) {
    const bool is_standard = path.empty() || path == "-";
    const int fd =
        is_standard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      return absl::NotFoundError(absl::StrFormat(
          "cannot open '%s': %s", Printable(path), std::strerror(errno)));
    }
    return std::make_unique<InputFile>(fd, is_standard);
  }

  InputFile(int fd, bool is_standard) : fd_(fd), is_standard_(is_standard) {
    struct stat status = {};
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
      size_bytes_ = status.st_size;
    }
  }
  ~InputFile() {
    if (!is_standard_) {
      close(fd_);
    }
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  int fd() const { return fd_; }

  // 0 if it is no file, such as a pipe.
  int64_t size_bytes() const { return size_bytes_; }

 private:
  const int fd_;
  const bool is_standard_;
  int64_t size_bytes_ = 0;
};

absl::StatusOr<v1::Commit> LinePush::Run(v1::PushCommitRequest::Header header) {
  COPSE_CLIENT_RETURN_IF_ERROR(SendAll(std::move(header), PushMode::kPush));
  absl::StatusOr<v1::Commit> commit = push_->Finish();
  COPSE_CLIENT_RETURN_IF_ERROR(End(commit.status()));
  return commit;
}

absl::StatusOr<v1::PushCommitResponse::Estimate> LinePush::Estimate(
    v1::PushCommitRequest::Header header) {
  COPSE_CLIENT_RETURN_IF_ERROR(SendAll(std::move(header), PushMode::kEstimate));
  absl::StatusOr<v1::PushCommitResponse::Estimate> estimate =
      push_->FinishEstimate();
  COPSE_CLIENT_RETURN_IF_ERROR(End(estimate.status()));
  return estimate;
}

absl::StatusOr<std::string> LinePush::Warm(
    v1::PushCommitRequest::Header header) {
  COPSE_CLIENT_RETURN_IF_ERROR(SendAll(std::move(header), PushMode::kWarm));
  absl::StatusOr<std::string> job_id = push_->FinishWarming();
  COPSE_CLIENT_RETURN_IF_ERROR(End(job_id.status()));
  return job_id;
}

absl::Status LinePush::SendAll(v1::PushCommitRequest::Header header,
                               PushMode mode) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(const std::unique_ptr<InputFile> input,
                                InputFile::Open(file_));
  PushStreamOptions options;
  options.header = std::move(header);
  options.send_header_at_once = true;
  options.mode = mode;
  options.on_progress = [this](const auto& progress) { Hear(progress); };
  options.on_failures = [this](const auto& failures) {
    failures_.Add(failures);
  };
  if (mode == PushMode::kPush) {
    options.on_accepted = [this](const std::string& job_id) {
      context_.progress().Clear();
      context_.Note(absl::StrCat("accepted as job ", job_id));
      job_id_ = job_id;
      SetInterruptNote(JobGoesOnNote(job_id));
    };
  }
  push_ = context_.client().PushCommit(std::move(options));
  const absl::Status sent = SendLines(*input);
  if (!sent.ok()) {
    push_->Cancel();
    return End(sent);
  }
  return absl::OkStatus();
}

absl::Status LinePush::End(const absl::Status& status) {
  ClearInterruptNote();
  context_.progress().Clear();
  push_.reset();
  failures_.Print(context_);
  const std::string way_on = DescribeWayOn(context_, job_id_, status);
  if (!way_on.empty()) {
    context_.Note(way_on);
  }
  return status.ok() ? status : ToLine(status);
}

absl::Status LinePush::SendLines(const InputFile& input) {
  LineReaderOptions options;
  options.on_idle = [this] { return push_->Flush(); };
  LineReader lines(input.fd(), options);
  OperationParser parser;
  while (true) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(auto line, lines.Next());
    if (!line.has_value()) {
      return absl::OkStatus();
    }
    if (lines.line_number() == 1 && line->substr(0, 3) == "\xef\xbb\xbf") {
      line->remove_prefix(3);
    }
    if (absl::StripAsciiWhitespace(*line).empty()) {
      NoteBlankLine(lines.line_number());
      continue;
    }
    absl::StatusOr<v1::Operation> operation = parser.Parse(*line);
    if (!operation.ok()) {
      return AddContext(operation.status(),
                        absl::StrFormat("line %d", lines.line_number()));
    }
    for (const std::string& name : parser.TakeUnknownFields()) {
      context_.Warn(
          absl::StrFormat("line %d: field '%s' is not known and left aside",
                          lines.line_number(), name));
    }
    ++operation_count_;
    COPSE_CLIENT_RETURN_IF_ERROR(push_->Add(*std::move(operation)));
    ShowSent(lines.consumed_size_bytes(), input.size_bytes());
  }
}

void LinePush::ShowSent(int64_t consumed_size_bytes, int64_t size_bytes) {
  context_.progress().Show([&] {
    const absl::Time now = absl::Now();
    std::string line = absl::StrFormat(
        "sent %s operations, %s/s", FormatCount(operation_count_),
        FormatCount(static_cast<int64_t>(meter_.Rate(operation_count_, now))));
    if (size_bytes > 0) {
      absl::StrAppend(
          &line,
          absl::StrFormat(", %d%%", 100 * consumed_size_bytes / size_bytes),
          meter_.TimeLeft(consumed_size_bytes, size_bytes, now));
    }
    return line;
  });
}

void LinePush::Hear(const v1::PushCommitResponse::Progress& progress) {
  if (progress.phase() == v1::PushCommitResponse::Progress::PHASE_RECEIVING) {
    return;  // SendLines() knows better.
  }
  const std::string wait = DescribeWait(progress);
  if (!wait.empty() && wait != noted_wait_) {
    context_.progress().Clear();
    context_.Note(wait);
    noted_wait_ = wait;
  }
  context_.progress().Show([&] {
    const absl::Time now = absl::Now();
    if (!server_meter_.has_value()) {
      server_meter_.emplace(now);
    }
    return DescribeProgress(progress, *server_meter_, now);
  });
}

void LinePush::NoteBlankLine(int64_t line_number) {
  constexpr size_t kBlankLineCountMax = 1'000'000;
  if (blank_lines_.size() < kBlankLineCountMax) {
    blank_lines_.push_back(line_number);
  }
}

absl::Status LinePush::ToLine(const absl::Status& status) const {
  int64_t number = 0;
  // All failed documents are told one by one, each with its number.
  if (ErrorReasonOf(status) == "DOCUMENTS_FAILED" ||
      !absl::SimpleAtoi(ErrorMetadataOf(status, "operation"), &number)) {
    return status;
  }
  for (const int64_t blank_line : blank_lines_) {
    if (blank_line > number) {
      break;
    }
    ++number;
  }
  return AddContext(status, absl::StrFormat("line %d", number));
}

}  // namespace copse
