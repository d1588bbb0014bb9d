// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse push: operations from a file or a pipe become a commit.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "clients/cli/context.h"
#include "clients/cli/interrupt_note.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/line_reader.h"
#include "clients/cli/message_json.h"
#include "clients/cli/operation_parser.h"
#include "clients/cli/options.h"
#include "clients/cli/push_report.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"
#include "clients/cpp/push_stream.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

struct Flags {
  std::string domain;
  std::string commit;
  std::string parent;
  std::string branch;
  bool root = false;
  bool create = false;
  DomainFlags settings;
  std::string author;
  std::string message;
  std::string time;
  bool skip_failed = false;
  bool dry_run = false;
  std::string file = "-";
};

// A file that is closed in the end; standard input is not.
class InputFile {
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

// Sends the lines of a file as one push.
class LinePush {
 public:
  LinePush(Context& context, const Flags& flags)
      : context_(context), flags_(flags), meter_(absl::Now()) {}

  absl::StatusOr<v1::Commit> Run(v1::PushCommitRequest::Header header) {
    COPSE_CLIENT_RETURN_IF_ERROR(SendAll(std::move(header)));
    absl::StatusOr<v1::Commit> commit = push_->Finish();
    COPSE_CLIENT_RETURN_IF_ERROR(End(commit.status()));
    return commit;
  }

  // Asks what the push would cost.
  absl::StatusOr<v1::PushCommitResponse::Estimate> Estimate(
      v1::PushCommitRequest::Header header) {
    COPSE_CLIENT_RETURN_IF_ERROR(SendAll(std::move(header)));
    absl::StatusOr<v1::PushCommitResponse::Estimate> estimate =
        push_->FinishEstimate();
    COPSE_CLIENT_RETURN_IF_ERROR(End(estimate.status()));
    return estimate;
  }

 private:
  // Begins the push, and sends all lines.
  absl::Status SendAll(v1::PushCommitRequest::Header header) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(const std::unique_ptr<InputFile> input,
                                  InputFile::Open(flags_.file));
    PushStreamOptions options;
    options.header = std::move(header);
    options.send_header_at_once = true;
    options.is_estimate = flags_.dry_run;
    options.on_progress = [this](const auto& progress) { Hear(progress); };
    options.on_failures = [this](const auto& failures) {
      failures_.Add(failures);
    };
    options.on_accepted = [this](const std::string& job_id) {
      context_.progress().Clear();
      context_.Note(absl::StrCat("accepted as job ", job_id));
      SetInterruptNote(JobGoesOnNote(job_id));
    };
    push_ = context_.client().PushCommit(std::move(options));
    const absl::Status sent = SendLines(*input);
    if (!sent.ok()) {
      push_->Cancel();
      return End(sent);
    }
    return absl::OkStatus();
  }

  // Ends the push, and returns its `status` with the line that it is about.
  absl::Status End(const absl::Status& status) {
    ClearInterruptNote();
    context_.progress().Clear();
    push_.reset();
    failures_.Print(context_);
    return status.ok() ? status : ToLine(status);
  }

  absl::Status SendLines(const InputFile& input) {
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

  void ShowSent(int64_t consumed_size_bytes, int64_t size_bytes) {
    context_.progress().Show([&] {
      const absl::Time now = absl::Now();
      std::string line = absl::StrFormat(
          "sent %s operations, %s/s", FormatCount(operation_count_),
          FormatCount(
              static_cast<int64_t>(meter_.Rate(operation_count_, now))));
      if (size_bytes > 0) {
        absl::StrAppend(
            &line,
            absl::StrFormat(", %d%%", 100 * consumed_size_bytes / size_bytes),
            meter_.TimeLeft(consumed_size_bytes, size_bytes, now));
      }
      return line;
    });
  }

  // Called by the thread that reads.
  void Hear(const v1::PushCommitResponse::Progress& progress) {
    if (progress.phase() == v1::PushCommitResponse::Progress::PHASE_RECEIVING) {
      return;  // SendLines() knows better.
    }
    context_.progress().Show([&] { return DescribeProgress(progress); });
  }

  // Remembers where lines and operations come apart, up to a bound.
  void NoteBlankLine(int64_t line_number) {
    constexpr size_t kBlankLineCountMax = 1'000'000;
    if (blank_lines_.size() < kBlankLineCountMax) {
      blank_lines_.push_back(line_number);
    }
  }

  // Names the line of an error that the server has with an operation.
  absl::Status ToLine(const absl::Status& status) const {
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

  Context& context_;
  const Flags& flags_;
  RateMeter meter_;
  std::unique_ptr<PushStream> push_;
  FailureList failures_;
  int64_t operation_count_ = 0;
  std::vector<int64_t> blank_lines_;
};

// `moved_from`: where the branch was, if the commit does not descend from that.
absl::Status PrintPushed(Context& context, const v1::Commit& commit,
                         const std::string& moved_from) {
  if (context.json()) {
    JsonWriter json;
    json.BeginObject();
    json.Key("status").String("indexed");
    WriteFields(commit, json);
    if (!moved_from.empty()) {
      json.Key("moved_from").String(moved_from);
    }
    json.EndObject();
    return context.output().WriteLine(json.text());
  }
  std::string line = absl::StrFormat(
      "indexed %s: %s (+%d ~%d -%d)", Printable(commit.commit()),
      FormatCounted(commit.document_count(), "document"),
      commit.inserted_count(), commit.replaced_count(), commit.deleted_count());
  if (commit.unknown_delete_count() > 0) {
    absl::StrAppend(&line, ", ", commit.unknown_delete_count(),
                    " deletes of unknown ids");
  }
  if (commit.skipped_document_count() > 0) {
    absl::StrAppend(&line, ", ", commit.skipped_document_count(), " skipped");
  }
  return context.output().WriteLine(line);
}

// Returns where the branch is, if the new commit will not descend from that.
absl::StatusOr<std::string> FindLeftCommit(
    Context& context, const Flags& flags,
    const v1::PushCommitRequest::Header& header, const std::string& head) {
  if (head.empty() || head == flags.commit || head == header.parent_commit()) {
    return std::string();
  }
  if (header.parent_commit().empty()) {
    return head;
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const bool descends,
      Descends(context.client(), flags.domain, header.parent_commit(), head));
  return descends ? std::string() : head;
}

absl::Status PrintEstimate(Context& context,
                           const v1::PushCommitResponse::Estimate& estimate) {
  if (context.json()) {
    JsonWriter json;
    json.BeginObject();
    WriteFields(estimate, json);
    json.EndObject();
    return context.output().WriteLine(json.text());
  }
  COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(absl::StrFormat(
      "%s: %s changed, %s unchanged, %s deleted, %s failed",
      FormatCounted(estimate.operation_count(), "operation"),
      FormatCounted(estimate.changed_document_count(), "document"),
      FormatCount(estimate.unchanged_document_count()),
      FormatCount(estimate.deleted_document_count()),
      FormatCount(estimate.failed_document_count()))));
  std::string cost = "no price is known: set price_per_million_tokens";
  if (estimate.has_cost()) {
    cost =
        absl::StrFormat("about $%.4f at $%.3f for a million tokens",
                        estimate.cost(), estimate.price_per_million_tokens());
  }
  return context.output().WriteLine(
      absl::StrFormat("%s, %s in the cache; about %s to pay for; %s",
                      FormatCounted(estimate.text_count(), "text"),
                      FormatCount(estimate.cache_hit_count()),
                      FormatCounted(estimate.token_count(), "token"), cost));
}

// Sets the parent. A branch that exists is the parent unless another is named:
// else its history would be gone. It is moved only from where it was seen.
// Returns what FindLeftCommit() does.
absl::StatusOr<std::string> SetParent(Context& context, const Flags& flags,
                                      v1::PushCommitRequest::Header& header) {
  if (!flags.parent.empty()) {
    // The server says what is wrong with one that is not there.
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const std::string parent,
        ResolveOrKeep(context.client(), flags.domain, flags.parent));
    header.set_parent_commit(parent);
  }
  if (flags.branch.empty()) {
    return std::string();
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const std::optional<v1::Branch> branch,
      FindBranch(context.client(), flags.domain, flags.branch));
  const std::string head = branch.has_value() ? branch->head_commit() : "";
  if (flags.root || !flags.parent.empty()) {
    return FindLeftCommit(context, flags, header, head);
  }
  header.set_parent_commit(head);
  header.set_expected_branch_commit(head);
  if (branch.has_value() && head != flags.commit) {
    context.Note(absl::StrFormat(
        "building on %s, the head of branch %s; --root begins anew",
        Printable(head), Printable(flags.branch)));
  }
  return std::string();
}

// Prints what the push would cost. One of a complete commit costs nothing.
absl::StatusOr<ExitCode> DryRun(Context& context, const Flags& flags,
                                v1::PushCommitRequest::Header header) {
  v1::GetCommitRequest request;
  request.set_domain(flags.domain);
  request.set_commit(flags.commit);
  const absl::StatusOr<v1::Commit> commit = context.client().GetCommit(request);
  if (commit.ok()) {
    COPSE_CLIENT_RETURN_IF_ERROR(
        PrintAlreadyIndexed(context, flags.domain, flags.commit));
    return ExitCode::kDone;
  }
  if (!absl::IsNotFound(commit.status())) {
    return commit.status();
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const v1::PushCommitResponse::Estimate estimate,
      LinePush(context, flags).Estimate(std::move(header)));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintEstimate(context, estimate));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Push(Context& context, const Flags& flags) {
  if (flags.settings.any_given() && !flags.create) {
    return UsageError(
        "--metric, --dimension, --profile, --vectors-only, --description, "
        "--language, --fold-accents and --no-words "
        "need --create");
  }
  v1::PushCommitRequest::Header header;
  header.set_domain(flags.domain);
  header.set_commit(flags.commit);
  header.set_branch(flags.branch);
  header.set_skip_failed_documents(flags.skip_failed);
  header.set_author(flags.author);
  header.set_message(flags.message);
  if (flags.create) {
    *header.mutable_create_domain() = ToDomainSettings(flags.settings);
  }
  if (!flags.time.empty()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(*header.mutable_commit_time(),
                                  ParseTime(flags.time));
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const std::string moved_from,
                                SetParent(context, flags, header));
  if (flags.dry_run) {
    return DryRun(context, flags, std::move(header));
  }
  const absl::StatusOr<v1::Commit> commit =
      LinePush(context, flags).Run(std::move(header));
  if (IsCommitExistsError(commit.status())) {
    COPSE_CLIENT_RETURN_IF_ERROR(
        PrintAlreadyIndexed(context, flags.domain, flags.commit));
    return ExitCode::kDone;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(commit.status());
  COPSE_CLIENT_RETURN_IF_ERROR(PrintPushed(context, *commit, moved_from));
  if (!moved_from.empty()) {
    WarnOfMove(context, flags.branch, moved_from, flags.commit);
  }
  return ExitCode::kDone;
}

}  // namespace

void AddPushCommand(CommandLine& line) {
  CLI::App& app = *line.app.add_subcommand(
      "push", "Build a commit from its parent and a file of operations");
  const auto flags = std::make_shared<Flags>();
  app.add_option("DOMAIN", flags->domain, "The domain")->required();
  app.add_option("FILE", flags->file,
                 "Where the operations are; - is standard input [-]");
  app.add_option("--commit", flags->commit, "The commit to create")
      ->type_name("COMMIT")
      ->required();
  CLI::Option* parent =
      app.add_option(
             "--parent", flags->parent,
             "The commit or branch to build from [the head of --branch, "
             "if that exists, else none]")
          ->type_name("COMMIT");
  app.add_flag("--root", flags->root,
               "Build from nothing, also if --branch exists: it then leaves "
               "its history")
      ->excludes(parent);
  app.add_option("--branch", flags->branch,
                 "The branch to create or move to the commit [none]")
      ->type_name("BRANCH");
  app.add_flag("--create", flags->create,
               "Create the domain if it does not exist");
  AddDomainFlags(app, flags->settings);
  app.add_option("--author", flags->author, "Who made the commit")
      ->type_name("TEXT");
  app.add_option("--message", flags->message, "What the commit does")
      ->type_name("TEXT");
  app.add_option("--time", flags->time,
                 "When it was made: RFC 3339, or seconds since 1970")
      ->type_name("TIME");
  app.add_flag("--skip-failed", flags->skip_failed,
               "A document that fails keeps its parent's version, and the "
               "push goes on");
  app.add_flag("--dry-run", flags->dry_run,
               "Make no commit: say how many documents differ, how many texts "
               "would be embedded, and what that costs");
  AddExamples(
      app,
      {"copse push admin/star_wars --create --commit 77ab0012 --branch main "
       "all.ndjson",
       "echo '{\"op\":\"Deleted\",\"id\":\"People/1\"}' | copse push "
       "admin/star_wars \\",
       "    --commit 9f31c07a --branch main"},
      "FILE has one JSON object a line:\n"
      "  {\"op\":\"Inserted|Changed|Deleted\",\"id\":\"...\",\"string\":"
      "\"...\",\n"
      "   \"type\":\"...\",\"vector\":[...],\"attributes\":{...}}\n"
      "Insert, Replace and Delete mean the same. "
      "{\"op\":\"Error\",\"id\":\"...\",\n"
      "\"message\":\"...\"} counts as a failed document, {\"op\":\"Abort\"} "
      "drops the push.\n"
      "Without --parent, a push onto a branch builds on its head, and fails if "
      "the\nbranch moves meanwhile. A commit that does not descend from where "
      "the branch was\nmoves it as well: that is told, and is `moved_from` in "
      "the JSON.\n"
      "A line of `copse export --text` is an insert. A malformed line makes no "
      "commit.\n"
      "A commit that is complete is `already indexed`, whatever the lines are: "
      "it is\nnever changed, and that is no failure.");
  line.OnChosen(app,
                [flags](Context& context) { return Push(context, *flags); });
}

}  // namespace copse
