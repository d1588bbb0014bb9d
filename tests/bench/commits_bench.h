// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a commit costs: commits that insert, replace and delete a share of the
// documents, on a store on disk, next to the commit that brought them all.
//
//   COPSE_ASSIGN_OR_RETURN(CommitsBenchReport report,
//                          RunCommitsBench({.base_path = "base.npy",
//                                           .query_path = "query.npy"}));
//   std::cout << ToTable(report);
//
// Nine tenths of the rows are documents at first. Each commit then deletes a
// third of its share, inserts as many, and gives as many another vector and
// text; the rows that come are drawn from those that are not live, so every
// vector is a real one.

#ifndef COPSE_TESTS_BENCH_COMMITS_BENCH_H_
#define COPSE_TESTS_BENCH_COMMITS_BENCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "tests/bench/search_runs.h"

namespace copse {

// Which rows a commit changes.
enum class ChangeOrder {
  kScattered,  // Any.
  kClustered,  // Those nearest to a random row: an edit of one topic.
};

struct CommitsBenchOptions : BenchInput {
  // The folder in which stores are made and removed again.
  std::string folder = "/tmp";

  // Shares of the documents that a commit changes, each in (0, 0.1].
  std::vector<double> shares = {0.0001, 0.001, 0.01, 0.1};

  // Commits for each share and order, at least 1.
  size_t commit_count = 50;

  // Whether commits fold themselves instead of leaving it to the background.
  bool folds_in_commit = false;
};

// Recall@10 of a commit and of a store that has its documents alone.
struct CommitsBenchRecall {
  double scan_budget = 0;  // Share of the rows.
  double recall = 0;
  double rebuilt_recall = 0;
};

struct CommitsBenchRun {
  double share = 0;
  ChangeOrder order = ChangeOrder::kScattered;
  size_t change_count = 0;  // Documents that a commit changes.

  double median_seconds = 0;  // From BeginCommit() to the end of Commit().
  double p99_seconds = 0;

  // Mean bytes of a commit: what the vectors, rows and texts that it brings
  // take; what it wrote itself; and by how much the data folder grew, with
  // folds and after a flush.
  double raw_bytes = 0;
  double written_bytes = 0;
  double folder_bytes = 0;

  int64_t fold_count = 0;      // In the background.
  int64_t fold_bytes = 0;      // Of all of them.
  double drained_seconds = 0;  // Waiting for the folds after the last commit.
  std::vector<CommitsBenchRecall> recalls = {};
};

struct CommitsBenchReport {
  CommitsBenchOptions options;
  size_t documents = 0;
  size_t dimension = 0;

  // Of the first commit, its fold included.
  double full_seconds = 0;
  double full_fold_seconds = 0;
  double full_folder_bytes = 0;

  double fdatasync_seconds = 0;  // Median, of 4 KiB in the same folder.
  std::vector<CommitsBenchRun> runs;
};

// Fails with kInvalidArgument for options out of range, and with what the
// files and the store fail with.
absl::StatusOr<CommitsBenchReport> RunCommitsBench(
    const CommitsBenchOptions& options);

std::string ToTable(const CommitsBenchReport& report);
std::string ToJson(const CommitsBenchReport& report);

}  // namespace copse

#endif  // COPSE_TESTS_BENCH_COMMITS_BENCH_H_
