// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse branch list|show|set|rename|delete

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/move_branch.h"
#include "clients/cli/options.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/text_table.h"
#include "clients/cpp/error.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/branch_service.pb.h"

namespace copse {
namespace {

struct Flags {
  std::string domain;
  std::string branch;
  std::string new_branch;
  std::string commit;
  std::optional<std::string> expected;
  bool if_exists = false;
};

absl::Status PrintBranch(Context& context, const v1::Branch& branch) {
  if (context.json()) {
    return context.PrintJson(branch);
  }
  return context.output().Write(
      absl::StrFormat("%s is at %s\n", branch.branch(), branch.head_commit()));
}

absl::StatusOr<ExitCode> List(Context& context, const Flags& flags) {
  v1::ListBranchesRequest request;
  request.set_domain(flags.domain);
  request.set_page_size(1000);
  TextTable table({{"BRANCH"},
                   {"COMMIT"},
                   {"VERSION", TextTable::Align::kRight},
                   {"UPDATED"}});
  JsonWriter json;
  json.BeginObject().Key("branches").BeginArray();
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.client().ForEachBranch(request, [&](const v1::Branch& branch) {
        if (context.json()) {
          WriteMessage(branch, json);
        } else {
          table.AddRow({branch.branch(), branch.head_commit(),
                        absl::StrCat(branch.version()),
                        FormatTimestampShort(branch.update_time())});
        }
        return absl::OkStatus();
      }));
  json.EndArray().EndObject();
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.text()));
  } else if (table.empty()) {
    context.Note(absl::StrCat("no branches in domain ", flags.domain));
  } else {
    COPSE_CLIENT_RETURN_IF_ERROR(
        context.output().Write(table.Format(context.output().width())));
  }
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Show(Context& context, const Flags& flags) {
  v1::GetBranchRequest request;
  request.set_domain(flags.domain);
  request.set_branch(flags.branch);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Branch branch,
                                context.client().GetBranch(request));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintBranch(context, branch));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Set(Context& context, const Flags& flags) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const NamedCommit commit,
      ResolveCommitName(context.client(), flags.domain, flags.commit));
  absl::StatusOr<v1::Branch> branch =
      MoveBranch(context.client(), flags.domain, flags.branch, commit.commit,
                 flags.expected);
  if (!branch.ok() && flags.expected.has_value()) {
    const std::string reason = ErrorReasonOf(branch.status());
    if (reason == "BRANCH_MOVED" || reason == "BRANCH_EXISTS" ||
        reason == "BRANCH_NOT_FOUND") {
      return GateRefusal(AddContext(branch.status(), "--expect does not hold"));
    }
  }
  COPSE_CLIENT_RETURN_IF_ERROR(branch.status());
  COPSE_CLIENT_RETURN_IF_ERROR(PrintBranch(context, *branch));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Rename(Context& context, const Flags& flags) {
  v1::RenameBranchRequest request;
  request.set_domain(flags.domain);
  request.set_branch(flags.branch);
  request.set_new_branch(flags.new_branch);
  if (flags.expected.has_value()) {
    request.set_expected_commit(*flags.expected);
  }
  const absl::StatusOr<v1::Branch> branch =
      context.client().RenameBranch(request);
  if (ErrorReasonOf(branch.status()) == "BRANCH_MOVED") {
    return GateRefusal(AddContext(branch.status(), "--expect does not hold"));
  }
  COPSE_CLIENT_RETURN_IF_ERROR(branch.status());
  COPSE_CLIENT_RETURN_IF_ERROR(PrintBranch(context, *branch));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Delete(Context& context, const Flags& flags) {
  v1::DeleteBranchRequest request;
  request.set_domain(flags.domain);
  request.set_branch(flags.branch);
  request.set_allow_missing(flags.if_exists);
  COPSE_CLIENT_RETURN_IF_ERROR(context.client().DeleteBranch(request));
  if (context.json()) {
    JsonWriter json;
    json.BeginObject().Key("deleted_branch").String(flags.branch).EndObject();
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.text()));
  } else {
    context.Note(absl::StrCat("deleted branch ", flags.branch));
  }
  return ExitCode::kDone;
}

CLI::App& AddOne(CLI::App& group, const std::string& name,
                 const std::string& help, Flags& flags) {
  CLI::App& app = *group.add_subcommand(name, help);
  app.add_option("DOMAIN", flags.domain, "The domain")->required();
  if (name != "list") {
    app.add_option("BRANCH", flags.branch, "The branch")->required();
  }
  return app;
}

void AddExpect(CLI::App& app, Flags& flags, const std::string& help) {
  app.add_option("--expect", flags.expected, help)->type_name("COMMIT");
}

}  // namespace

void AddBranchCommands(CommandLine& line) {
  CLI::App& group = *line.app.add_subcommand(
      "branch",
      "List, show, set, rename and delete branches, names of commits");
  group.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();

  CLI::App& list =
      AddOne(group, "list", "List the branches of a domain", *flags);
  AddExamples(list, {"copse branch list admin/star_wars"});
  line.OnChosen(list,
                [flags](Context& context) { return List(context, *flags); });

  CLI::App& show = AddOne(group, "show", "Show where a branch is", *flags);
  AddExamples(show, {"copse branch show admin/star_wars main"});
  line.OnChosen(show,
                [flags](Context& context) { return Show(context, *flags); });

  CLI::App& set =
      AddOne(group, "set", "Create a branch, or move it to a commit", *flags);
  set.add_option("COMMIT", flags->commit,
                 "The commit, or a branch whose head it is")
      ->required();
  AddExpect(set, *flags,
            "Move it only if it is at this commit, and exit with "
            "3 if it is not; \"\" if it must not exist");
  AddExamples(set, {"copse branch set admin/star_wars main 9f31c07a",
                    "copse branch set admin/star_wars main 9f31c07a --expect "
                    "77ab0012"});
  line.OnChosen(set,
                [flags](Context& context) { return Set(context, *flags); });

  CLI::App& rename =
      AddOne(group, "rename", "Give a branch another name", *flags);
  rename.add_option("NEW", flags->new_branch, "Its new name")->required();
  AddExpect(rename, *flags,
            "Rename it only if it is at this commit, and exit "
            "with 3 if it is not");
  AddExamples(rename, {"copse branch rename admin/star_wars master main"},
              "Retention rules that keep the branch keep it under its new "
              "name. A push that is\nin flight on it fails and can be repeated "
              "on the new one.");
  line.OnChosen(rename,
                [flags](Context& context) { return Rename(context, *flags); });

  CLI::App& del =
      AddOne(group, "delete", "Delete a branch; its commits stay", *flags);
  del.add_flag("--if-exists", flags->if_exists,
               "Succeed if there is no such branch");
  AddExamples(del, {"copse branch delete admin/star_wars draft"});
  line.OnChosen(del,
                [flags](Context& context) { return Delete(context, *flags); });
}

}  // namespace copse
