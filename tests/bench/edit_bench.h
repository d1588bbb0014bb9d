// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Measures what many edits do to a forest: it is built over the first half of
// the rows, the others are inserted step by step, then a quarter of all is
// deleted step by step; at the end of each phase the forest is compared with
// one that is built anew over the same rows.
//
//   COPSE_ASSIGN_OR_RETURN(EditBenchReport report, RunEditBench(options));
//   std::cout << ToTable(report);

#ifndef COPSE_TESTS_BENCH_EDIT_BENCH_H_
#define COPSE_TESTS_BENCH_EDIT_BENCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/forest.h"

namespace copse {

// In which order rows come and go.
enum class EditBenchOrder {
  kShuffled,

  // Sorted by the cluster they are in: the first half of the clusters is there
  // at first, then one new topic arrives after the other, and at last old ones
  // vanish.
  kClustered,
};

struct EditBenchOptions {
  std::string base_path;
  std::string query_path;
  size_t row_count_max = std::numeric_limits<size_t>::max();

  // Into so many edits each phase is divided, at least 1.
  size_t step_count = 500;

  EditBenchOrder order = EditBenchOrder::kShuffled;

  // Rows that are compared with all centroids, see EditBenchLeaves.
  size_t sampled_row_count = 5000;

  ForestOptions forest;
  std::vector<double> budgets = {0.01, 0.02, 0.04,
                                 0.08};  // Shares of the rows.

  // Called with a line before each step that takes long.
  std::function<void(absl::string_view)> progress = [](absl::string_view) {};
};

// The leaves of a forest, and of the sampled rows:
struct EditBenchLeaves {
  size_t count = 0;
  double mean_square = 0;  // Mean squared distance to their centroid.
  double misplaced = 0;    // Share not in the leaf of the nearest centroid.
};

// A forest after a phase, next to one built anew.
struct EditBenchPhase {
  std::string name;
  size_t rows = 0;
  size_t rows_changed = 0;
  double seconds = 0;  // Of all edits of the phase.
  int64_t pages_written = 0;
  int64_t bytes_written = 0;
  int64_t rows_moved = 0;
  double rebuild_seconds = 0;

  // Recall@10, one for each budget.
  std::vector<double> recall;
  std::vector<double> rebuilt_recall;

  EditBenchLeaves leaves;
  EditBenchLeaves rebuilt_leaves;
};

struct EditBenchReport {
  EditBenchOptions options;
  size_t dimension = 0;
  size_t queries = 0;
  std::vector<EditBenchPhase> phases;
};

// Fails with kInvalidArgument for files that do not fit together, and with what
// the files and the library fail with.
absl::StatusOr<EditBenchReport> RunEditBench(const EditBenchOptions& options);

std::string ToTable(const EditBenchReport& report);
std::string ToJson(const EditBenchReport& report);

}  // namespace copse

#endif  // COPSE_TESTS_BENCH_EDIT_BENCH_H_
