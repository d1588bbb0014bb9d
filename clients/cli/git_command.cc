// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse git: the history of a git repository becomes commits of a domain.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "clients/cli/context.h"
#include "clients/cli/git_documents.h"
#include "clients/cli/git_push.h"
#include "clients/cli/options.h"
#include "clients/cli/path_filter.h"
#include "clients/cli/push_report.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"

namespace copse {
namespace {

struct Flags {
  std::string repository;
  std::string domain;
  std::vector<std::string> included;
  std::vector<std::string> excluded;
  std::string branch;
  std::string since;
  int64_t commit_count_max = 0;
  std::string split;
  std::string file_size_max = "1MiB";
  std::string profile;
  bool skip_failed = false;
  bool verbose = false;
  bool force = false;
};

absl::StatusOr<GitPushOptions> ToOptions(const Flags& flags) {
  GitPushOptions options;
  options.repository_path = flags.repository;
  options.domain = flags.domain;
  if (!flags.branch.empty()) {
    options.branch = flags.branch;
  }
  options.since = flags.since;
  options.commit_count_max = flags.commit_count_max;
  options.embedding_profile = flags.profile;
  options.skip_failed_documents = flags.skip_failed;
  options.names_skipped_files = flags.verbose;
  options.force = flags.force;
  options.included = flags.included;
  options.excluded = flags.excluded;
  options.documents.split_markdown = flags.split == "markdown";
  absl::StatusOr<PathFilter> filter =
      PathFilter::Create(flags.included, flags.excluded);
  if (!filter.ok()) {
    return UsageError(filter.status().message());
  }
  options.documents.filter = *std::move(filter);
  COPSE_CLIENT_ASSIGN_OR_RETURN(options.documents.file_size_bytes_max,
                                ParseSize(flags.file_size_max));
  if (options.documents.file_size_bytes_max < 1 ||
      options.documents.file_size_bytes_max > kTextSizeBytesMax) {
    return UsageError(absl::StrFormat(
        "--max-file-size is %s, wanted 1 to %d bytes, which a text may have",
        Printable(flags.file_size_max), kTextSizeBytesMax));
  }
  return options;
}

absl::StatusOr<ExitCode> Git(Context& context, const Flags& flags) {
  COPSE_CLIENT_ASSIGN_OR_RETURN(const GitPushOptions options, ToOptions(flags));
  COPSE_CLIENT_ASSIGN_OR_RETURN(const GitPushSummary summary,
                                PushGitHistory(context, options));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintSummary(context, options, summary));
  if (!summary.moved_from.empty()) {
    WarnOfMove(context, summary.branch, summary.moved_from,
               summary.head_commit);
  }
  return ExitCode::kDone;
}

}  // namespace

void AddGitCommand(CommandLine& line) {
  CLI::App& app = *line.app.add_subcommand(
      "git", "Index the history of a git repository, only what is new");
  const auto flags = std::make_shared<Flags>();
  app.add_option("REPO", flags->repository, "The repository, bare or not")
      ->required();
  app.add_option("--domain", flags->domain,
                 "The domain to push to; created if it does not exist")
      ->type_name("DOMAIN")
      ->required();
  AddRepeated(app, "--include", flags->included,
              "Only files that match, as in .gitignore: *.md, docs/**; "
              "repeatable [all]")
      .type_name("GLOB");
  AddRepeated(app, "--exclude", flags->excluded,
              "No files that match; repeatable")
      .type_name("GLOB");
  app.add_option("--branch", flags->branch,
                 "The branch, which has the same name in copse; of a remote as "
                 "origin/NAME, too, or any name for a detached HEAD [main, or "
                 "where HEAD is]")
      ->type_name("BRANCH");
  app.add_option("--since", flags->since,
                 "Begin with this commit, as a whole tree, if nothing is "
                 "indexed yet")
      ->type_name("COMMIT");
  app.add_option("--max-commits", flags->commit_count_max,
                 "Only so many commits, the newest; the first of them as a "
                 "whole tree, if nothing is indexed yet")
      ->type_name("N")
      ->check(AtLeast(1));
  app.add_option("--split", flags->split,
                 "markdown: each section of a Markdown file is a document of "
                 "its own, path#heading")
      ->type_name("HOW")
      ->check(CLI::IsMember({"markdown"}));
  app.add_option("--max-file-size", flags->file_size_max,
                 "Skip larger files [1MiB]")
      ->type_name("SIZE");
  app.add_option("--profile", flags->profile,
                 "The embedding profile of a new domain [the server's default]")
      ->type_name("NAME");
  app.add_flag("--skip-failed", flags->skip_failed,
               "A document that fails keeps its older version, and the push "
               "goes on");
  app.add_flag("--force", flags->force,
               "Move the branch also where its new head does not descend from "
               "the old one");
  app.add_flag("--verbose,-v", flags->verbose, "Name each skipped file");
  AddExamples(
      app,
      {"copse git . --domain my/project",
       "copse git ~/src/manual --domain manual --include '*.md' --split "
       "markdown",
       "copse git linux.git --domain linux --max-commits 100 --include "
       "Documentation",
       "copse git . --domain site --branch pr-1 --force   # in a pipeline"},
      "Each commit on the first-parent line of the branch becomes a "
      "commit of the\nsame ID. A text file is a document: its ID is its "
      "path, its type the extension\nin lower case, or `unknown`. "
      "Skipped and counted are symlinks, submodules,\nbinary files (a "
      "NUL in the first 8 KB), invalid UTF-8, files of nothing or\nwhite "
      "space, and files above --max-file-size. A template of the\ndomain "
      "for a type, or for all others, wants files of JSON objects there: "
      "others\nfail. What was stopped, by "
      "Ctrl-C or otherwise, goes on where it was when the\nsame command "
      "is given again. A branch whose history was rewritten, or merged\n"
      "in copse, is moved with --force only; from a shallow clone,\n"
      "which cannot tell, it is moved with a warning. A pipeline checks out a "
      "commit\nand no branch: --branch then says whose it is, as the domain's "
      "main is not\nmoved to such a commit unless that is said.");
  line.OnChosen(app,
                [flags](Context& context) { return Git(context, *flags); });
}

}  // namespace copse
