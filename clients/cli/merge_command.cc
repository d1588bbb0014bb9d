// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse merge: two commits become one.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/push_report.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

constexpr size_t kListedConflictCountMax = 10'000;

struct Flags {
  std::string domain;
  std::string ours;
  std::string theirs;
  std::string commit;
  std::string branch;
  std::optional<std::string> expected_branch_commit;
  std::string on_conflict = "fail";
  bool allow_empty = false;
  std::string author;
  std::string message;
  std::string time;
};

// What a merge said until it ended.
struct Outcome {
  v1::MergeCommitsResponse::Base base;
  std::vector<v1::MergeConflict> conflicts;  // The first.
  int64_t conflict_count = 0;
  v1::Commit commit;
  absl::Status status;
};

// Sets what is merged, and which branch moves: ours, if it is one and no other
// is named. It does so only from where it was seen.
absl::Status SetSides(Context& context, const Flags& flags,
                      v1::MergeCommitsRequest& request) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const NamedCommit ours,
      ResolveCommitName(context.client(), flags.domain, flags.ours));
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const NamedCommit theirs,
      ResolveCommitName(context.client(), flags.domain, flags.theirs));
  request.set_ours_commit(ours.commit);
  request.set_theirs_commit(theirs.commit);
  request.set_branch(flags.branch.empty() ? ours.branch : flags.branch);
  if (flags.expected_branch_commit.has_value()) {
    if (request.branch().empty()) {
      return UsageError(
          "--expected-branch-commit needs --branch, or a branch as OURS");
    }
    request.set_expected_branch_commit(*flags.expected_branch_commit);
  } else if (!ours.branch.empty() && request.branch() == ours.branch) {
    request.set_expected_branch_commit(ours.commit);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::MergeCommitsRequest> ToRequest(Context& context,
                                                  const Flags& flags) {
  v1::MergeCommitsRequest request;
  request.set_domain(flags.domain);
  request.set_commit(flags.commit);
  request.set_conflict_policy(
      flags.on_conflict == "ours"
          ? v1::MergeCommitsRequest::CONFLICT_POLICY_OURS
      : flags.on_conflict == "theirs"
          ? v1::MergeCommitsRequest::CONFLICT_POLICY_THEIRS
          : v1::MergeCommitsRequest::CONFLICT_POLICY_FAIL);
  request.set_refuse_contained(!flags.allow_empty);
  request.set_author(flags.author);
  request.set_message(flags.message);
  if (!flags.time.empty()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(*request.mutable_commit_time(),
                                  ParseTime(flags.time));
  }
  COPSE_CLIENT_RETURN_IF_ERROR(SetSides(context, flags, request));
  return request;
}

Outcome Call(Context& context, const v1::MergeCommitsRequest& request) {
  Outcome outcome;
  outcome.status = context.client().MergeCommits(
      request, [&](const v1::MergeCommitsResponse& response) {
        if (response.has_base()) {
          outcome.base = response.base();
        } else if (response.has_commit()) {
          outcome.commit = response.commit();
        }
        for (const v1::MergeConflict& conflict :
             response.conflicts().conflicts()) {
          ++outcome.conflict_count;
          if (outcome.conflicts.size() < kListedConflictCountMax) {
            outcome.conflicts.push_back(conflict);
          }
        }
        return absl::OkStatus();
      });
  return outcome;
}

std::string KindName(v1::DocumentChange::Kind kind) {
  const auto* value =
      v1::DocumentChange::Kind_descriptor()->FindValueByNumber(kind);
  return value == nullptr ? "unknown" : EnumValueName(*value);
}

// Prints the one object of a merge that was made or refused.
absl::Status PrintJson(Context& context, absl::string_view status,
                       const Outcome& outcome) {
  JsonWriter json;
  json.BeginObject();
  json.Key("status").String(std::string(status));
  json.Key("base_commit").String(outcome.base.commit());
  json.Key("base_candidate_count").Integer(outcome.base.candidate_count());
  json.Key("conflict_count").Integer(outcome.conflict_count);
  json.Key("conflicts").BeginArray();
  for (const v1::MergeConflict& conflict : outcome.conflicts) {
    json.BeginObject();
    json.Key("id").String(conflict.document_id());
    json.Key("ours").String(KindName(conflict.ours_kind()));
    json.Key("theirs").String(KindName(conflict.theirs_kind()));
    json.EndObject();
  }
  json.EndArray();
  if (!outcome.commit.commit().empty()) {
    json.Key("commit");
    WriteMessage(outcome.commit, json);
  } else if (!outcome.status.ok()) {
    json.Key("error");
    WriteError(outcome.status, std::string(outcome.status.message()), json);
  }
  json.EndObject();
  return context.output().WriteLine(json.text());
}

absl::Status PrintConflicts(Context& context, const Outcome& outcome) {
  if (outcome.conflicts.empty()) {
    return absl::OkStatus();
  }
  TextTable table({{"OURS"}, {"THEIRS"}, {"DOCUMENT"}});
  for (const v1::MergeConflict& conflict : outcome.conflicts) {
    table.AddRow({KindName(conflict.ours_kind()),
                  KindName(conflict.theirs_kind()), conflict.document_id()});
  }
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.output().Write(table.Format(context.output().width())));
  const int64_t listed_count = static_cast<int64_t>(outcome.conflicts.size());
  if (outcome.conflict_count > listed_count) {
    context.Warn(absl::StrCat(
        "and ",
        FormatCounted(outcome.conflict_count - listed_count, "more conflict")));
  }
  return absl::OkStatus();
}

absl::Status PrintMerged(Context& context, const Flags& flags,
                         const Outcome& outcome) {
  COPSE_CLIENT_RETURN_IF_ERROR(PrintConflicts(context, outcome));
  const v1::Commit& commit = outcome.commit;
  std::string line = absl::StrFormat(
      "merged %s: %s (+%d ~%d -%d), over %s", Printable(commit.commit()),
      FormatCounted(commit.document_count(), "document"),
      commit.inserted_count(), commit.replaced_count(), commit.deleted_count(),
      Printable(outcome.base.commit()));
  if (outcome.base.candidate_count() > 1) {
    absl::StrAppend(&line, " of ", outcome.base.candidate_count(),
                    " possible bases");
  }
  if (outcome.conflict_count > 0) {
    absl::StrAppend(&line, ", ",
                    FormatCounted(outcome.conflict_count, "conflict"),
                    " resolved by ", flags.on_conflict);
  }
  return context.output().WriteLine(line);
}

// Tells that a merge was refused for what the two commits or the branch are.
absl::StatusOr<ExitCode> Refuse(Context& context, absl::string_view status,
                                const Outcome& outcome,
                                absl::string_view problem) {
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(PrintJson(context, status, outcome));
  } else {
    COPSE_CLIENT_RETURN_IF_ERROR(PrintConflicts(context, outcome));
  }
  COPSE_CLIENT_RETURN_IF_ERROR(context.output().Flush());
  context.Warn(absl::StrCat("copse: ", problem));
  return ExitCode::kGateRefused;
}

// Tells that theirs is in ours already.
absl::StatusOr<ExitCode> PrintContained(Context& context, const Flags& flags,
                                        Outcome outcome) {
  if (context.json()) {
    outcome.status = absl::OkStatus();
    COPSE_CLIENT_RETURN_IF_ERROR(
        PrintJson(context, "nothing_to_merge", outcome));
  } else {
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(
        absl::StrFormat("nothing to merge: %s already contains %s",
                        Printable(flags.ours), Printable(flags.theirs))));
  }
  return ExitCode::kDone;
}

// Tells that the commit is there. That is no failure if it is this very merge,
// perhaps seen from the branch that it has moved.
absl::StatusOr<ExitCode> PrintExisting(Context& context,
                                       const v1::MergeCommitsRequest& request,
                                       Outcome outcome) {
  v1::GetCommitRequest get;
  get.set_domain(request.domain());
  get.set_commit(request.commit());
  const absl::StatusOr<v1::Commit> existing = context.client().GetCommit(get);
  COPSE_CLIENT_RETURN_IF_ERROR(existing.status());
  const auto& parents = existing->parent_commits();
  const bool is_same = parents.size() == 2 &&
                       (parents[0] == request.ours_commit() ||
                        request.commit() == request.ours_commit()) &&
                       parents[1] == request.theirs_commit();
  if (!is_same) {
    return outcome.status;
  }
  if (context.json()) {
    outcome.commit = *existing;
    COPSE_CLIENT_RETURN_IF_ERROR(PrintJson(context, "already_merged", outcome));
  } else {
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(absl::StrFormat(
        "already merged: commit %s is complete and stays as it is",
        Printable(request.commit()))));
  }
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Merge(Context& context, const Flags& flags) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::MergeCommitsRequest request,
                                ToRequest(context, flags));
  const Outcome outcome = Call(context, request);
  const std::string reason = ErrorReasonOf(outcome.status);
  if (reason == "NOTHING_TO_MERGE") {
    return PrintContained(context, flags, outcome);
  }
  if (IsCommitExistsError(outcome.status)) {
    return PrintExisting(context, request, outcome);
  }
  if (reason == "MERGE_CONFLICTS") {
    return Refuse(context, "conflicts", outcome,
                  absl::StrCat(outcome.status.message(),
                               "; --on-conflict ours or theirs resolves that "
                               "(MERGE_CONFLICTS)"));
  }
  if (reason == "BRANCH_MOVED") {
    return Refuse(context, "branch_moved", outcome,
                  absl::StrCat(flags.expected_branch_commit.has_value()
                                   ? "--expected-branch-commit does not hold: "
                                   : "the branch has moved meanwhile: ",
                               outcome.status.message(), " (BRANCH_MOVED)"));
  }
  COPSE_CLIENT_RETURN_IF_ERROR(outcome.status);
  COPSE_CLIENT_RETURN_IF_ERROR(context.json()
                                   ? PrintJson(context, "merged", outcome)
                                   : PrintMerged(context, flags, outcome));
  if (flags.branch.empty() && !request.branch().empty()) {
    context.Note(absl::StrFormat("branch %s is at %s now",
                                 Printable(request.branch()),
                                 Printable(request.commit())));
  }
  return ExitCode::kDone;
}

}  // namespace

void AddMergeCommand(CommandLine& line) {
  CLI::App& app = *line.app.add_subcommand(
      "merge", "Merge two commits over their common ancestor into a new one");
  const auto flags = std::make_shared<Flags>();
  app.add_option("DOMAIN", flags->domain, "The domain")->required();
  app.add_option("OURS", flags->ours,
                 "The commit or branch to merge into, the first parent")
      ->required();
  app.add_option("THEIRS", flags->theirs, "The commit or branch to merge")
      ->required();
  app.add_option("--commit", flags->commit, "The commit to create")
      ->type_name("COMMIT")
      ->required();
  app.add_option("--branch", flags->branch,
                 "The branch to create or move to the commit [OURS, if it is "
                 "a branch]")
      ->type_name("BRANCH");
  app.add_option("--expected-branch-commit,--expect",
                 flags->expected_branch_commit,
                 "Merge only if the branch is at this commit; \"\" if it must "
                 "not exist")
      ->type_name("COMMIT");
  app.add_option("--on-conflict", flags->on_conflict,
                 "What becomes of documents that both changed differently: "
                 "fail, ours or theirs [fail]")
      ->type_name("POLICY")
      ->check(CLI::IsMember({"fail", "ours", "theirs"}));
  app.add_flag("--allow-empty", flags->allow_empty,
               "Make a commit also if OURS contains THEIRS already");
  app.add_option("--author", flags->author, "Who made the commit")
      ->type_name("TEXT");
  app.add_option("--message", flags->message, "What the commit does")
      ->type_name("TEXT");
  app.add_option("--commit-time,--time", flags->time,
                 "When it was made: RFC 3339, or seconds since 1970")
      ->type_name("TIME");
  AddExamples(
      app,
      {"copse merge admin/star_wars main draft --commit 5d20be11",
       "copse merge admin/star_wars 9f31c07a 77ab0012 --commit 5d20be11 \\",
       "    --branch main --expect 9f31c07a --on-conflict theirs"},
      "No text is embedded: every document of the new commit is in one "
      "of the two.\nA branch means its head, unless there is a commit of "
      "that ID. If OURS is one, it\nmoves to the new commit, unless it "
      "has moved meanwhile.\nConflicts are listed, also those that "
      "--on-conflict resolves.\nIf THEIRS is OURS or an ancestor of it, "
      "there is nothing to merge: no commit\nis made and no branch "
      "moved. A merge that was made before is `already merged`.\nExit "
      "codes: 0 merged, 3 there are conflicts or the branch has moved, "
      "and no\ncommit was made; 1, 2 and 4 as for all commands.");
  line.OnChosen(app,
                [flags](Context& context) { return Merge(context, *flags); });
}

}  // namespace copse
