// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pushes what is new in a git repository: a plan (git_plan.h), a thread that
// reads (git_operation_stream.h), and one push for each commit, in order.
//
// The options that decide which files are documents are kept in the description
// of a domain that this makes, and a later run with others is refused: its
// commits would mix two selections of files.

#ifndef COPSE_CLIENTS_CLI_GIT_PUSH_H_
#define COPSE_CLIENTS_CLI_GIT_PUSH_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "clients/cli/context.h"
#include "clients/cli/git_documents.h"

namespace copse {

struct GitPushOptions {
  std::string repository_path;
  std::string domain;
  std::optional<std::string> branch;
  std::string since;             // Any revision; empty for none.
  int64_t commit_count_max = 0;  // 0 for all.
  std::string embedding_profile;
  bool skip_failed_documents = false;
  bool names_skipped_files = false;

  // Moves the branch also to a commit that does not descend from where it is.
  bool force = false;
  GitDocumentOptions documents;

  // The patterns that `documents.filter` was made of.
  std::vector<std::string> included;
  std::vector<std::string> excluded;
};

struct GitPushSummary {
  std::string branch;
  std::string head_commit;
  std::string moved_from;  // The head before, if it left that history.
  int64_t pushed_commit_count = 0;
  int64_t indexed_commit_count = 0;  // Found complete when their turn came.

  // Pushed without the author or time that their bytes do not say.
  int64_t malformed_commit_count = 0;

  int64_t inserted_count = 0;
  int64_t replaced_count = 0;
  int64_t deleted_count = 0;
  int64_t failed_count = 0;
  int64_t document_count = 0;  // At `head_commit`.
  std::array<int64_t, kSkipReasonCount> skipped_file_counts = {};
  double seconds = 0;
};

absl::StatusOr<GitPushSummary> PushGitHistory(Context& context,
                                              const GitPushOptions& options);

absl::Status PrintSummary(Context& context, const GitPushOptions& options,
                          const GitPushSummary& summary);

// Returns the description of a domain with the options that decide which files
// are documents, such as "copse git --split markdown --include *.md".
std::string DescribeSelection(const GitPushOptions& options);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_GIT_PUSH_H_
