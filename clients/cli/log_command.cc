// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse log: the commits of a domain or a branch, and what they take.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "clients/cli/context.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/admin_service.pb.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

constexpr int64_t kPageSize = 1000;

struct Flags {
  std::string domain;
  std::string branch;
  int64_t limit = 0;
  bool size = false;
};

// What commits take, if that is asked for.
struct Sizes {
  absl::flat_hash_map<std::string, v1::CommitSize> commits;
  v1::DomainSize domain;
};

using Commits = std::vector<v1::Commit>;
using VisitPage = std::function<absl::Status(const Commits&)>;

std::string FirstLine(const std::string& message) {
  return message.substr(0, message.find('\n'));
}

// Returns such as "+2 ~1 -0, 3 skipped".
std::string FormatChanges(const v1::Commit& commit) {
  const std::string skipped =
      commit.skipped_document_count() == 0
          ? ""
          : absl::StrCat(", ", FormatCount(commit.skipped_document_count()),
                         " skipped");
  return absl::StrFormat("+%d ~%d -%d%s", commit.inserted_count(),
                         commit.replaced_count(), commit.deleted_count(),
                         skipped);
}

std::string Size(int64_t size_bytes) {
  return FormatSize(static_cast<double>(size_bytes));
}

absl::StatusOr<Sizes> MeasureSizes(Context& context,
                                   const std::string& domain) {
  v1::MeasureSizesRequest request;
  request.set_domain(domain);
  Sizes sizes;
  COPSE_CLIENT_RETURN_IF_ERROR(context.client().MeasureSizes(
      request, [&sizes](const v1::MeasureSizesResponse& response) {
        for (const v1::CommitSize& commit : response.commits()) {
          sizes.commits[commit.commit()] = commit;
        }
        if (response.has_domain()) {
          sizes.domain = response.domain();
        }
        return absl::OkStatus();
      }));
  return sizes;
}

// Prints one page of a log as a table of its own, so that a log of any length
// takes the memory of a page.
class LogPrinter {
 public:
  // `sizes` is not owned; null if none are shown.
  LogPrinter(Context& context, const Sizes* sizes)
      : context_(context), sizes_(sizes) {
    json_.BeginObject().Key("commits").BeginArray();
  }

  absl::Status Print(const Commits& commits) {
    commit_count_ += static_cast<int64_t>(commits.size());
    return context_.json() ? PrintJson(commits) : PrintTable(commits);
  }

  absl::Status Finish() {
    if (context_.json()) {
      json_.EndArray();
      if (sizes_ != nullptr) {
        json_.Key("total");
        WriteMessage(sizes_->domain, json_);
      }
      json_.EndObject();
      return context_.output().WriteLine(json_.Take());
    }
    return sizes_ == nullptr ? absl::OkStatus() : PrintTotal();
  }

  int64_t commit_count() const { return commit_count_; }

 private:
  // Null for a commit that is newer than the measurement.
  const v1::CommitSize* SizeOf(const v1::Commit& commit) const {
    const auto found = sizes_->commits.find(commit.commit());
    return found == sizes_->commits.end() ? nullptr : &found->second;
  }

  absl::Status PrintJson(const Commits& commits) {
    for (const v1::Commit& commit : commits) {
      json_.BeginObject();
      WriteFields(commit, json_);
      if (const v1::CommitSize* size =
              sizes_ == nullptr ? nullptr : SizeOf(commit);
          size != nullptr) {
        json_.Key("logical_size_bytes").Integer(size->logical_size_bytes());
        json_.Key("unique_size_bytes").Integer(size->unique_size_bytes());
        json_.Key("shared_size_bytes").Integer(size->shared_size_bytes());
      }
      json_.EndObject();
    }
    // Piece by piece; the writer goes on where it is in the text.
    return context_.output().Write(json_.TakePart());
  }

  absl::Status PrintTable(const Commits& commits) {
    using Align = TextTable::Align;
    std::vector<TextTable::Column> columns = {{"COMMIT"},
                                              {"INDEXED"},
                                              {"TIME"},
                                              {"DOCUMENTS", Align::kRight},
                                              {"CHANGES"}};
    if (sizes_ != nullptr) {
      columns.insert(columns.end(), {{"LOGICAL", Align::kRight},
                                     {"UNIQUE", Align::kRight},
                                     {"SHARED", Align::kRight}});
    }
    columns.push_back({"MESSAGE"});
    TextTable table(columns);
    for (const v1::Commit& commit : commits) {
      std::vector<std::string> cells = {
          commit.commit(), FormatTimestampShort(commit.create_time()),
          commit.has_commit_time() ? FormatTimestampShort(commit.commit_time())
                                   : "-",
          FormatCount(commit.document_count()), FormatChanges(commit)};
      if (sizes_ != nullptr) {
        const v1::CommitSize* size = SizeOf(commit);
        cells.push_back(size == nullptr ? "-"
                                        : Size(size->logical_size_bytes()));
        cells.push_back(size == nullptr ? "-"
                                        : Size(size->unique_size_bytes()));
        cells.push_back(size == nullptr ? "-"
                                        : Size(size->shared_size_bytes()));
      }
      cells.push_back(FirstLine(commit.message()));
      table.AddRow(cells);
    }
    return table.empty() ? absl::OkStatus()
                         : context_.output().Write(
                               table.Format(context_.output().width()));
  }

  absl::Status PrintTotal() {
    const v1::DomainSize& total = sizes_->domain;
    return context_.output().WriteLine(absl::StrFormat(
        "total of %s in the domain: %s logical, %s unique and %s shared, which "
        "is %s stored; %s of no commit",
        FormatCounted(total.commit_count(), "commit"),
        Size(total.logical_size_bytes()), Size(total.unique_size_bytes()),
        Size(total.shared_size_bytes()),
        Size(total.unique_size_bytes() + total.shared_size_bytes()),
        Size(total.other_size_bytes())));
  }

  Context& context_;
  const Sizes* sizes_;
  JsonWriter json_;
  int64_t commit_count_ = 0;
};

// Visits all commits, the newest first, page by page.
absl::Status ListAll(Context& context, const Flags& flags,
                     const VisitPage& visit) {
  v1::ListCommitsRequest request;
  request.set_domain(flags.domain);
  int64_t left = flags.limit > 0 ? flags.limit : INT64_MAX;
  do {
    request.set_page_size(static_cast<int32_t>(std::min(left, kPageSize)));
    COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::ListCommitsResponse page,
                                  context.client().ListCommits(request));
    COPSE_CLIENT_RETURN_IF_ERROR(
        visit({page.commits().begin(), page.commits().end()}));
    left -= page.commits_size();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && left > 0);
  return absl::OkStatus();
}

// Visits the head of a branch and its first parents, down to the first commit,
// to one that was deleted, or to one that was there before: a commit that was
// deleted and pushed again may descend from what descends from it by name.
absl::Status ListBranch(Context& context, const Flags& flags,
                        const VisitPage& visit) {
  v1::GetBranchRequest branch_request;
  branch_request.set_domain(flags.domain);
  branch_request.set_branch(flags.branch);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Branch branch,
                                context.client().GetBranch(branch_request));
  v1::GetCommitRequest request;
  request.set_domain(flags.domain);
  request.set_commit(branch.head_commit());
  int64_t left = flags.limit > 0 ? flags.limit : INT64_MAX;
  Commits page;
  absl::flat_hash_set<std::string> visited;
  while (!request.commit().empty() && left > 0) {
    if (!visited.insert(request.commit()).second) {
      context.Note(
          absl::StrFormat("the log ends before commit %s, which is in it "
                          "already: it was deleted and pushed again",
                          Printable(request.commit())));
      break;
    }
    absl::StatusOr<v1::Commit> commit = context.client().GetCommit(request);
    if (ErrorReasonOf(commit.status()) == "COMMIT_NOT_FOUND") {
      context.Note(
          absl::StrFormat("the log ends before commit %s, which was "
                          "deleted",
                          Printable(request.commit())));
      break;
    }
    COPSE_CLIENT_RETURN_IF_ERROR(commit.status());
    request.set_commit(
        commit->parent_commits().empty() ? "" : commit->parent_commits(0));
    --left;
    commit->clear_skipped_documents();
    page.push_back(*std::move(commit));
    if (static_cast<int64_t>(page.size()) == kPageSize) {
      COPSE_CLIENT_RETURN_IF_ERROR(visit(page));
      page.clear();
    }
  }
  return visit(page);
}

absl::StatusOr<ExitCode> Log(Context& context, const Flags& flags) {
  Sizes sizes;
  if (flags.size) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(sizes, MeasureSizes(context, flags.domain));
  }
  LogPrinter printer(context, flags.size ? &sizes : nullptr);
  const auto visit = [&printer](const Commits& commits) {
    return printer.Print(commits);
  };
  COPSE_CLIENT_RETURN_IF_ERROR(flags.branch.empty()
                                   ? ListAll(context, flags, visit)
                                   : ListBranch(context, flags, visit));
  if (printer.commit_count() == 0 && !context.json()) {
    context.Note(absl::StrCat("no commits in domain ", flags.domain));
    return ExitCode::kDone;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(printer.Finish());
  return ExitCode::kDone;
}

}  // namespace

void AddLogCommand(CommandLine& line) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = *line.app.add_subcommand(
      "log", "List the commits, the one that was indexed last first");
  app.add_option("DOMAIN", flags->domain, "The domain")->required();
  app.add_option("--branch", flags->branch,
                 "Only the head of this branch and its first parents")
      ->type_name("BRANCH");
  app.add_option("-n,--limit", flags->limit, "At most so many [all]")
      ->type_name("N")
      ->check(AtLeast(1));
  app.add_flag("--size", flags->size,
               "Show what commits take; reads all of the domain but its "
               "vectors");
  AddExamples(
      app,
      {"copse log admin/star_wars -n 20",
       "copse log admin/star_wars --branch main --size"},
      "Sorted by INDEXED, when the commit became complete in copse; with "
      "--branch from\nthe head down. TIME is what the database says, and may "
      "be "
      "in any order.\n"
      "CHANGES are against the parent, and documents that failed and were "
      "skipped:\n`copse show` says why. A push that failed makes no commit: "
      "`copse job list\n--state failed` lists those, and `copse job show` says "
      "why.\n"
      "With --size, LOGICAL is what a commit would take alone, UNIQUE what no "
      "other\ncommit has, and SHARED the rest. Deleting a commit and then "
      "collecting garbage\nfrees UNIQUE, but for rows that indexes hold which "
      "were brought up to date in\nthe background. The total is that of the "
      "whole domain.");
  line.OnChosen(app,
                [flags](Context& context) { return Log(context, *flags); });
}

}  // namespace copse
