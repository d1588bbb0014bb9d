// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse pull: has the server fetch a commit from the database.

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

#include "clients/cli/context.h"
#include "clients/cli/job_watch.h"
#include "clients/cli/options.h"
#include "clients/cli/push_report.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/job_service.pb.h"

namespace copse {
namespace {

struct Flags {
  std::string domain;
  std::string commit;
  std::string previous;
  std::string branch;
  bool create = false;
  DomainFlags settings;
  bool skip_failed = false;
  bool no_wait = false;
  std::string authorization_file;
};

// Returns the first line: on the command line others could see it.
absl::StatusOr<std::string> ReadAuthorization(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    return absl::NotFoundError(
        absl::StrFormat("cannot read --authorization-file '%s': %s",
                        Printable(path), std::strerror(errno)));
  }
  return std::string(absl::StripAsciiWhitespace(line));
}

absl::StatusOr<ExitCode> Pull(Context& context, const Flags& flags) {
  COPSE_CLIENT_RETURN_IF_ERROR(CheckCreateGiven(flags.settings, flags.create));
  v1::PullCommitRequest request;
  request.set_domain(flags.domain);
  request.set_commit(flags.commit);
  request.set_previous_commit(flags.previous);
  request.set_branch(flags.branch);
  request.set_skip_failed_documents(flags.skip_failed);
  if (flags.create) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(*request.mutable_create_domain(),
                                  ToDomainSettings(flags.settings));
  }
  if (!flags.authorization_file.empty()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(*request.mutable_authorization(),
                                  ReadAuthorization(flags.authorization_file));
  }
  const absl::StatusOr<v1::Job> job = context.client().PullCommit(request);
  if (IsCommitExistsError(job.status())) {
    COPSE_CLIENT_RETURN_IF_ERROR(
        PrintAlreadyIndexed(context, flags.domain, flags.commit, flags.branch));
    return ExitCode::kDone;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(job.status());
  if (flags.no_wait) {
    COPSE_CLIENT_RETURN_IF_ERROR(PrintJobId(context, job->job_id()));
    return ExitCode::kDone;
  }
  return FollowJob(context, job->job_id());
}

}  // namespace

void AddPullCommand(CommandLine& line) {
  CLI::App& app = *line.app.add_subcommand(
      "pull", "Have the server fetch a commit from the database");
  const auto flags = std::make_shared<Flags>();
  app.add_option("DOMAIN", flags->domain, "The domain, and the database")
      ->required();
  app.add_option("--commit", flags->commit, "The commit to create")
      ->type_name("COMMIT")
      ->required();
  app.add_option("--previous", flags->previous,
                 "The commit to fetch the difference from [none: fetch all "
                 "documents]")
      ->type_name("COMMIT");
  app.add_option("--branch", flags->branch,
                 "The branch to create or move to the commit [none]")
      ->type_name("BRANCH");
  app.add_flag("--create", flags->create,
               "Create the domain if it does not exist");
  AddDomainFlags(app, flags->settings);
  app.add_flag("--skip-failed", flags->skip_failed,
               "A document that fails keeps its previous version, and the pull "
               "goes on");
  app.add_option("--authorization-file", flags->authorization_file,
                 "A file whose first line the database gets as the header "
                 "Authorization [none]")
      ->type_name("FILE");
  app.add_flag("--no-wait", flags->no_wait,
               "Print the ID of the job, and do not wait for its end");
  AddExamples(app,
              {"copse pull admin/star_wars --create --commit 77ab0012 "
               "--branch main",
               "copse pull admin/star_wars --commit 9f31c07a --previous "
               "77ab0012 --branch main"},
              "The server asks its content_endpoint, as TerminusDB up to 12.0 "
              "has one:\n"
              "  GET ENDPOINT/DOMAIN?commit_id=COMMIT"
              "[&previous_commit_id=PREVIOUS]\n"
              "The answer is lines as `copse push` reads them, with a "
              "Content-Length or in\nchunks. Without --previous, or if that is "
              "not complete, the commit is all that the\ndatabase has.\n"
              "A commit that is complete is `already indexed`, and not pulled "
              "again.\n"
              "The authorization is kept in the memory of the server only: a "
              "pull that needs one\nfails when the server restarts.");
  line.OnChosen(app,
                [flags](Context& context) { return Pull(context, *flags); });
}

}  // namespace copse
