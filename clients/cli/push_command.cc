// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse push: operations from a file or a pipe become a commit.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/line_push.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/push_report.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/domain_service.pb.h"
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

std::string DescribeCost(const v1::PushCommitResponse::Estimate& estimate) {
  const bool is_free =
      estimate.has_cost() && estimate.price_per_million_tokens() == 0;
  if (estimate.token_count() == 0 || is_free) {
    return "nothing to pay for";
  }
  std::string cost = "no price is known: set price_per_million_tokens";
  if (estimate.has_cost()) {
    cost = absl::StrFormat("%s%s at $%.3f for a million tokens",
                           estimate.cost() >= 0.0001 ? "about " : "",
                           FormatDollars(estimate.cost()),
                           estimate.price_per_million_tokens());
  }
  return absl::StrFormat("about %s to pay for; %s",
                         FormatCounted(estimate.token_count(), "token"), cost);
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
  return context.output().WriteLine(absl::StrFormat(
      "%s, %s in the cache; %s", FormatCounted(estimate.text_count(), "text"),
      FormatCount(estimate.cache_hit_count()), DescribeCost(estimate)));
}

// Says that the new commit will have nothing of what the domain has: a branch
// may be misspelt, or a parent forgotten.
absl::Status NoteRoot(Context& context, const Flags& flags) {
  v1::GetDomainRequest get_domain;
  get_domain.set_domain(flags.domain);
  const absl::StatusOr<v1::Domain> domain =
      context.client().GetDomain(get_domain);
  if (absl::IsNotFound(domain.status())) {
    return absl::OkStatus();
  }
  COPSE_CLIENT_RETURN_IF_ERROR(domain.status());
  if (domain->commit_count() == 0) {
    return absl::OkStatus();
  }
  v1::GetCommitRequest get_commit;
  get_commit.set_domain(flags.domain);
  get_commit.set_commit(flags.commit);
  if (context.client().GetCommit(get_commit).ok()) {
    return absl::OkStatus();  // It is built already.
  }
  context.Note(absl::StrCat(
      "building from nothing: ",
      flags.branch.empty()
          ? "no --parent and no --branch is given"
          : absl::StrCat("branch '", Printable(flags.branch), "' is new"),
      "; --parent names a commit or a branch to build on"));
  return absl::OkStatus();
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
  const bool may_be_root = !flags.root && flags.parent.empty();
  if (flags.branch.empty()) {
    COPSE_CLIENT_RETURN_IF_ERROR(may_be_root ? NoteRoot(context, flags)
                                             : absl::OkStatus());
    return std::string();
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const std::optional<v1::Branch> branch,
      FindBranch(context.client(), flags.domain, flags.branch));
  const std::string head = branch.has_value() ? branch->head_commit() : "";
  if (!may_be_root) {
    return FindLeftCommit(context, flags, header, head);
  }
  header.set_parent_commit(head);
  header.set_expected_branch_commit(head);
  if (!branch.has_value()) {
    COPSE_CLIENT_RETURN_IF_ERROR(NoteRoot(context, flags));
  } else if (head != flags.commit) {
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
        PrintAlreadyIndexed(context, flags.domain, flags.commit, flags.branch));
    return ExitCode::kDone;
  }
  if (!absl::IsNotFound(commit.status())) {
    return commit.status();
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const v1::PushCommitResponse::Estimate estimate,
      LinePush(context, flags.file).Estimate(std::move(header)));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintEstimate(context, estimate));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Push(Context& context, const Flags& flags) {
  COPSE_CLIENT_RETURN_IF_ERROR(CheckCreateGiven(flags.settings, flags.create));
  v1::PushCommitRequest::Header header;
  header.set_domain(flags.domain);
  header.set_commit(flags.commit);
  header.set_branch(flags.branch);
  header.set_skip_failed_documents(flags.skip_failed);
  header.set_author(flags.author);
  header.set_message(flags.message);
  if (flags.create) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(*header.mutable_create_domain(),
                                  ToDomainSettings(flags.settings));
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
      LinePush(context, flags.file).Run(std::move(header));
  if (IsCommitExistsError(commit.status())) {
    COPSE_CLIENT_RETURN_IF_ERROR(
        PrintAlreadyIndexed(context, flags.domain, flags.commit, flags.branch));
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
      absl::StrCat(kOperationLinesHelp,
                   "Without --parent, a push onto a branch builds on its head, "
                   "and fails if "
                   "the\nbranch moves meanwhile; onto a new one it begins from "
                   "nothing, and says so.\nA commit that does not "
                   "descend from where "
                   "the branch was\nmoves it as well: that is told, and is "
                   "`moved_from` in "
                   "the JSON.\n"
                   "A line of `copse export --text` is an insert. A malformed "
                   "line makes no "
                   "commit.\n"
                   "A commit that is complete is `already indexed`, whatever "
                   "the lines are: "
                   "it is\nnever changed, and that is no failure."));
  line.OnChosen(app,
                [flags](Context& context) { return Push(context, *flags); });
}

}  // namespace copse
