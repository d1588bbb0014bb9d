// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse show, diff, assign, commit delete

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/resolve_commit.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

struct Flags {
  std::string domain;
  std::string commit;
  std::string other_commit;
  int64_t limit = 0;
  bool semantic = false;
  std::optional<double> min_distance;
  std::string sort;
  bool exit_code = false;
  bool if_exists = false;
};

// Prints the commit, with the names of the branches whose head it is.
absl::Status PrintCommit(Context& context, const v1::Commit& commit,
                         const std::vector<std::string>& head_of) {
  if (context.json()) {
    JsonWriter json;
    json.BeginObject();
    WriteFields(commit, json);
    json.Key("head_of_branches").BeginArray();
    for (const std::string& branch : head_of) {
      json.String(branch);
    }
    json.EndArray().EndObject();
    return context.output().WriteLine(json.text());
  }
  TextTable table({{"commit"}, {commit.commit()}});
  table.AddRow({"parents", commit.parent_commits().empty()
                               ? "none"
                               : absl::StrJoin(commit.parent_commits(), ", ")});
  if (!commit.branch().empty()) {
    table.AddRow({"pushed to branch", commit.branch()});
  }
  if (!head_of.empty()) {
    table.AddRow({"head of branch", absl::StrJoin(head_of, ", ")});
  }
  if (!commit.author().empty()) {
    table.AddRow({"author", commit.author()});
  }
  if (commit.has_commit_time()) {
    table.AddRow({"time", FormatTimestampShort(commit.commit_time())});
  }
  table.AddRow({"indexed", FormatTimestampShort(commit.create_time())});
  table.AddRow({"documents", FormatCount(commit.document_count())});
  table.AddRow({"vectors", FormatCount(commit.vector_count())});
  table.AddRow(
      {"changes",
       absl::StrFormat("+%d ~%d -%d", commit.inserted_count(),
                       commit.replaced_count(), commit.deleted_count())});
  if (commit.unknown_delete_count() > 0) {
    table.AddRow(
        {"unknown deletes", FormatCount(commit.unknown_delete_count())});
  }
  table.AddRow({"written",
                FormatSize(static_cast<double>(commit.written_size_bytes()))});
  table.AddRow({"tokens", FormatCount(commit.token_count())});
  table.AddRow({"fingerprint", absl::BytesToHexString(commit.fingerprint())});
  if (commit.skipped_document_count() > 0) {
    table.AddRow({"skipped", FormatCount(commit.skipped_document_count())});
  }
  COPSE_CLIENT_RETURN_IF_ERROR(context.output().Write(table.Format(0)));
  for (const v1::DocumentFailure& failure : commit.skipped_documents()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(
        absl::StrFormat("  skipped %s: %s", Printable(failure.document_id()),
                        Printable(failure.message()))));
  }
  if (!commit.message().empty()) {
    std::string message = commit.message();
    message.erase(message.find_last_not_of('\n') + 1);
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(""));
    size_t begin = 0;
    while (begin <= message.size()) {
      const size_t end = std::min(message.find('\n', begin), message.size());
      COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(
          absl::StrCat("    ", Printable(message.substr(begin, end - begin)))));
      begin = end + 1;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Show(Context& context, const Flags& flags) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const NamedCommit named,
      ResolveCommitName(context.client(), flags.domain, flags.commit));
  v1::GetCommitRequest request;
  request.set_domain(flags.domain);
  request.set_commit(named.commit);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Commit commit,
                                context.client().GetCommit(request));
  v1::ListBranchesRequest list;
  list.set_domain(flags.domain);
  list.set_page_size(1000);
  std::vector<std::string> head_of;
  COPSE_CLIENT_RETURN_IF_ERROR(
      context.client().ForEachBranch(list, [&](const v1::Branch& branch) {
        if (branch.head_commit() == named.commit) {
          head_of.push_back(branch.branch());
        }
        return absl::OkStatus();
      }));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintCommit(context, commit, head_of));
  return ExitCode::kDone;
}

absl::string_view KindMark(v1::DocumentChange::Kind kind) {
  switch (kind) {
    case v1::DocumentChange::KIND_INSERTED:
      return "+ ";
    case v1::DocumentChange::KIND_REPLACED:
      return "~ ";
    case v1::DocumentChange::KIND_DELETED:
      return "- ";
    default:
      return "? ";
  }
}

absl::StatusOr<v1::DiffCommitsRequest> ToDiffRequest(Context& context,
                                                     const Flags& flags) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const NamedCommit base,
      ResolveCommitName(context.client(), flags.domain, flags.commit));
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const NamedCommit target,
      ResolveCommitName(context.client(), flags.domain, flags.other_commit));
  v1::DiffCommitsRequest request;
  request.set_domain(flags.domain);
  request.set_base_commit(base.commit);
  request.set_target_commit(target.commit);
  request.set_with_distances(flags.semantic);
  const bool by_distance =
      flags.sort == "distance" || (flags.semantic && flags.sort.empty());
  request.set_order(by_distance ? v1::DiffCommitsRequest::ORDER_DISTANCE
                                : v1::DiffCommitsRequest::ORDER_DOCUMENT_ID);
  // What is too near is left out here, and then the rest is limited.
  request.set_change_count(flags.min_distance.has_value() ? 0 : flags.limit);
  return request;
}

// One line for people, with a column for the distance if `has_distances`.
std::string DescribeChange(const v1::DocumentChange& change,
                           bool has_distances) {
  std::string distance;
  if (has_distances) {
    distance = change.has_distance()
                   ? absl::StrFormat("%10.4f  ", change.distance())
                   : std::string(12, ' ');
  }
  return absl::StrCat(KindMark(change.kind()), distance,
                      Printable(change.document_id()));
}

// The changes of one diff: prints those that are asked for, and counts all that
// come by.
class DiffPrinter {
 public:
  // `flags` is not owned.
  DiffPrinter(Context& context, const Flags& flags,
              const v1::DiffCommitsRequest& request)
      : context_(context),
        flags_(flags),
        has_distances_(request.with_distances() ||
                       request.order() ==
                           v1::DiffCommitsRequest::ORDER_DISTANCE) {
    json_.BeginObject();
    json_.Key("base_commit").String(request.base_commit());
    json_.Key("target_commit").String(request.target_commit());
    json_.Key("changes").BeginArray();
  }

  absl::Status Add(const v1::DiffCommitsResponse& response) {
    for (const v1::DocumentChange& change : response.changes()) {
      const bool is_near = flags_.min_distance.has_value() &&
                           change.has_distance() &&
                           change.distance() < *flags_.min_distance;
      if (is_near) {
        continue;
      }
      Count(change);
      if (flags_.limit == 0 || shown_count_ < flags_.limit) {
        ++shown_count_;
        COPSE_CLIENT_RETURN_IF_ERROR(Print(change));
      }
    }
    return context_.json() ? context_.output().Write(json_.TakePart())
                           : absl::OkStatus();
  }

  void Count(const v1::DocumentChange& change) {
    ++count_;
    if (v1::DocumentChange::Kind_IsValid(change.kind())) {
      ++counts_[change.kind()];
    }
  }

  // Begins to count anew, what was printed stays.
  void ResetCounts() {
    count_ = 0;
    std::fill(std::begin(counts_), std::end(counts_), 0);
  }

  absl::Status Finish() {
    if (context_.json()) {
      json_.EndArray();
      json_.Key("change_count").Integer(count_);
      json_.Key("truncated").Bool(shown_count_ < count_);
      json_.EndObject();
      return context_.output().WriteLine(json_.Take());
    }
    COPSE_CLIENT_RETURN_IF_ERROR(context_.output().Flush());
    const std::string listed =
        shown_count_ < count_
            ? absl::StrFormat("listed %s of %s: ", FormatCount(shown_count_),
                              FormatCounted(count_, "change"))
            : "";
    context_.Note(absl::StrFormat(
        "%s%d inserted, %d replaced, %d deleted%s", listed,
        counts_[v1::DocumentChange::KIND_INSERTED],
        counts_[v1::DocumentChange::KIND_REPLACED],
        counts_[v1::DocumentChange::KIND_DELETED],
        flags_.min_distance.has_value() ? ", without those that moved less"
                                        : ""));
    return absl::OkStatus();
  }

  int64_t shown_count() const { return shown_count_; }

 private:
  absl::Status Print(const v1::DocumentChange& change) {
    if (context_.json()) {
      WriteMessage(change, json_);
      return absl::OkStatus();
    }
    return context_.output().WriteLine(DescribeChange(change, has_distances_));
  }

  Context& context_;
  const Flags& flags_;
  const bool has_distances_;
  JsonWriter json_;
  int64_t shown_count_ = 0;
  int64_t count_ = 0;
  int64_t counts_[v1::DocumentChange::Kind_ARRAYSIZE] = {};
};

absl::StatusOr<ExitCode> Diff(Context& context, const Flags& flags) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(v1::DiffCommitsRequest request,
                                ToDiffRequest(context, flags));
  DiffPrinter printer(context, flags, request);
  COPSE_CLIENT_RETURN_IF_ERROR(context.client().DiffCommits(
      request, [&](const v1::DiffCommitsResponse& response) {
        return printer.Add(response);
      }));
  if (request.change_count() > 0 &&
      printer.shown_count() == request.change_count()) {
    // There may be more: how many is quickly told without distances.
    request.set_change_count(0);
    request.set_with_distances(false);
    request.set_order(v1::DiffCommitsRequest::ORDER_DOCUMENT_ID);
    printer.ResetCounts();
    COPSE_CLIENT_RETURN_IF_ERROR(context.client().DiffCommits(
        request, [&](const v1::DiffCommitsResponse& response) {
          for (const v1::DocumentChange& change : response.changes()) {
            printer.Count(change);
          }
          return absl::OkStatus();
        }));
  }
  COPSE_CLIENT_RETURN_IF_ERROR(printer.Finish());
  return flags.exit_code && printer.shown_count() > 0 ? ExitCode::kGateRefused
                                                      : ExitCode::kDone;
}

absl::StatusOr<ExitCode> Assign(Context& context, const Flags& flags) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const NamedCommit source,
      ResolveCommitName(context.client(), flags.domain, flags.commit));
  v1::AssignCommitRequest request;
  request.set_domain(flags.domain);
  request.set_source_commit(source.commit);
  request.set_target_commit(flags.other_commit);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Commit commit,
                                context.client().AssignCommit(request));
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.PrintJson(commit));
  } else {
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(
        absl::StrFormat("commit %s has the index of %s: %s",
                        Printable(flags.other_commit), Printable(source.commit),
                        FormatCounted(commit.document_count(), "document"))));
  }
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> Delete(Context& context, const Flags& flags) {
  v1::DeleteCommitRequest request;
  request.set_domain(flags.domain);
  request.set_commit(flags.commit);
  request.set_allow_missing(flags.if_exists);
  COPSE_CLIENT_RETURN_IF_ERROR(context.client().DeleteCommit(request));
  if (context.json()) {
    JsonWriter json;
    json.BeginObject().Key("deleted_commit").String(flags.commit).EndObject();
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.text()));
  } else {
    context.Note(absl::StrCat("deleted commit ", flags.commit));
  }
  return ExitCode::kDone;
}

CLI::App& AddOne(CLI::App& group, const std::string& name,
                 const std::string& help, Flags& flags) {
  CLI::App& app = *group.add_subcommand(name, help);
  app.add_option("DOMAIN", flags.domain, "The domain")->required();
  return app;
}

}  // namespace

void AddCommitCommands(CommandLine& line) {
  const auto flags = std::make_shared<Flags>();

  CLI::App& show = AddOne(line.app, "show", "Show one commit", *flags);
  show.add_option("COMMIT", flags->commit, "The commit or branch")->required();
  AddExamples(show, {"copse show admin/star_wars 9f31c07a"});
  line.OnChosen(show,
                [flags](Context& context) { return Show(context, *flags); });

  CLI::App& diff =
      AddOne(line.app, "diff",
             "List the documents that differ between two commits", *flags);
  diff.add_option("FROM", flags->commit, "The commit or branch to compare from")
      ->required();
  diff.add_option("TO", flags->other_commit,
                  "The commit or branch to compare to")
      ->required();
  CLI::Option* semantic = diff.add_flag(
      "--semantic", flags->semantic,
      "Show how far the vectors of each replaced document moved, the farthest "
      "first");
  diff.add_option("--min-distance", flags->min_distance,
                  "Leave out replaced documents that moved less than this")
      ->type_name("D")
      ->check(AtLeast(0))
      ->needs(semantic);
  diff.add_option("--sort", flags->sort,
                  "The order: id or distance [id; distance with --semantic]")
      ->type_name("ORDER")
      ->check(CLI::IsMember({"id", "distance"}));
  diff.add_option("-n,--limit", flags->limit, "At most so many [all]")
      ->type_name("N")
      ->check(AtLeast(1));
  diff.add_flag("--exit-code", flags->exit_code,
                "Exit with 3 if the commits differ");
  AddExamples(
      diff,
      {"copse diff admin/star_wars 77ab0012 9f31c07a",
       "copse diff admin/star_wars main draft --semantic -n 20"},
      "A branch means its head, unless there is a commit of that ID.\n"
      "A line has + for an inserted document, ~ for a replaced and - for a "
      "deleted one.\nThe distance is that of the metric of the domain; 0 is no "
      "change of meaning.\nInserted and deleted documents have none and come "
      "last by distance.\n"
      "Exit codes: 0 done, 3 the commits differ and --exit-code is given; 1, 2 "
      "and 4\nas for all commands.");
  line.OnChosen(diff,
                [flags](Context& context) { return Diff(context, *flags); });

  CLI::App& assign = AddOne(
      line.app, "assign",
      "Give the index of a commit to another commit ID, at once", *flags);
  assign.add_option("SRC", flags->commit, "A complete commit, or a branch")
      ->required();
  assign.add_option("DST", flags->other_commit, "The commit to create")
      ->required();
  AddExamples(assign, {"copse assign admin/star_wars 9f31c07a 9f31c07b"});
  line.OnChosen(assign,
                [flags](Context& context) { return Assign(context, *flags); });

  CLI::App& group = *line.app.add_subcommand("commit", "Delete commits");
  group.require_subcommand(1);
  CLI::App& del = AddOne(group, "delete",
                         "Delete a commit; its descendants stay whole", *flags);
  del.add_option("COMMIT", flags->commit, "The commit")->required();
  del.add_flag("--if-exists", flags->if_exists,
               "Succeed if there is no such commit");
  AddExamples(del, {"copse commit delete admin/star_wars 9f31c07a"});
  line.OnChosen(del,
                [flags](Context& context) { return Delete(context, *flags); });
}

}  // namespace copse
