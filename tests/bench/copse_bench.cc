// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse_bench: measures parts of copse on real data.
//
//   copse_bench index --base base.npy --query query.npy --budgets 1%,2%,4%
//   copse_bench filter --base base.npy --query query.npy --fractions 0.1,0.01
//   copse_bench phases --base base.npy --query query.npy --budgets 5%
//   copse_bench calibrate --base base.npy --query query.npy --targets 0.9,0.95
//   copse_bench edit --base base.npy --query query.npy --steps 500
//   copse_bench duplicates --base base.npy --distances 0.05,0.1
//   copse_bench commits --base base.npy --query query.npy --shares 0.001,0.01
//
// Results go to standard output, progress to standard error. Exit codes: 0
// done, 1 failed, 2 wrong usage or bad input.

#include <algorithm>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/forest.h"
#include "index/util/status_macros.h"
#include "tests/bench/calibrate_bench.h"
#include "tests/bench/commits_bench.h"
#include "tests/bench/duplicates_bench.h"
#include "tests/bench/edit_bench.h"
#include "tests/bench/filter_bench.h"
#include "tests/bench/index_bench.h"
#include "tests/bench/phases_bench.h"
#include "tests/bench/search_runs.h"

namespace copse {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// The flags that all commands have.
struct CommonFlags {
  std::string metric = "cosine";
  bool is_json = false;
};

void PrintProgress(absl::string_view line) { std::cerr << line << "\n"; }

template <typename Report>
void Print(const Report& report, bool is_json) {
  std::cout << (is_json ? ToJson(report) : ToTable(report)) << "\n";
}

// `input` has the fields of BenchInput. NonNegativeNumber stands with every
// 64-bit number because CLI11 takes -1 for 2^64 - 1.
template <typename Input>
void AddCommonFlags(CLI::App& command, Input& input, CommonFlags& flags) {
  command.option_defaults()->always_capture_default();
  input.forest.thread_count = std::max(1U, std::thread::hardware_concurrency());
  input.progress = PrintProgress;
  command.add_option("--base", input.base_path, "Rows: .npy, .fvecs, .bvecs")
      ->required();
  command.add_option("--query", input.query_path, "Queries: the same formats")
      ->required();
  command
      .add_option("--limit", input.row_count_max, "Use the first N rows only")
      ->default_str("all")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--metric", flags.metric,
                     "cosine, euclidean, dot, manhattan or hamming");
  command.add_option("--threads", input.forest.thread_count,
                     "Threads of builds; searches use one");
  command.add_option("--leaf-rows", input.forest.leaf_row_count,
                     "Rows that a leaf aims to hold, in [8, 1024]");
  command.add_flag("--json", flags.is_json, "Print one JSON object");
}

void AddTreesFlag(CLI::App& command, ForestOptions& forest) {
  command.add_option("--trees", forest.tree_count, "Trees, in [1, 8]");
}

void AddBudgetsFlag(CLI::App& command, std::string& budgets) {
  command.add_option("--budgets", budgets,
                     "Rows to scan, as numbers or percentages");
}

void AddSecondsFlag(CLI::App& command, double& seconds_min) {
  command
      .add_option("--seconds", seconds_min,
                  "Repeat timed searches until they have taken so long")
      ->check(CLI::Range(0.0, 3600.0));
}

struct IndexFlags {
  IndexBenchOptions options;
  CommonFlags common;
  // About the square root of 2 from one to the next: dense enough to read off
  // the speed at any recall up to .999.
  std::string budgets =
      "0.1%,0.2%,0.3%,0.5%,0.7%,1%,1.4%,2%,2.8%,4%,5.6%,8%,11%,16%,23%,32%,45%,"
      "64%";
};

void AddIndexFlags(CLI::App& command, IndexFlags& flags) {
  IndexBenchOptions& options = flags.options;
  ForestOptions& forest = options.input.forest;
  options.rerank_counts = {0, 240};
  AddCommonFlags(command, options.input, flags.common);
  command
      .add_option("--k", options.neighbor_count,
                  "Neighbors that each timed search returns")
      ->check(CLI::NonNegativeNumber);
  AddTreesFlag(command, forest);
  command.add_option("--fan-out", forest.fan_out,
                     "Most children of an inner page, in [4, 1024]");
  command.add_option("--seed", forest.seed, "Seed of the build")
      ->check(CLI::NonNegativeNumber);
  AddBudgetsFlag(command, flags.budgets);
  command
      .add_option("--rerank", options.rerank_counts,
                  "Rows to compute exact distances of, numbers to try with "
                  "each budget; 0: the default")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
  AddSecondsFlag(command, options.seconds_min);
  command.add_option("--neighbors", options.neighbors_path,
                     "Write what was found as int32 .npy of shape (results, "
                     "queries, k)");
}

absl::Status RunIndex(IndexFlags& flags) {
  COPSE_ASSIGN_OR_RETURN(flags.options.input.forest.metric,
                         ParseMetric(flags.common.metric));
  COPSE_ASSIGN_OR_RETURN(flags.options.budgets,
                         ParseScanBudgets(flags.budgets));
  COPSE_ASSIGN_OR_RETURN(const IndexBenchReport report,
                         RunIndexBench(flags.options));
  Print(report, flags.common.is_json);
  return absl::OkStatus();
}

struct FilterFlags {
  FilterBenchOptions options;
  CommonFlags common;
  std::string budgets = "5%";
};

void AddFilterFlags(CLI::App& command, FilterFlags& flags) {
  FilterBenchOptions& options = flags.options;
  AddCommonFlags(command, options.input, flags.common);
  AddTreesFlag(command, options.input.forest);
  AddBudgetsFlag(command, flags.budgets);
  command
      .add_option("--fractions", options.fractions,
                  "Shares of the rows that pass, in (0, 1]")
      ->delimiter(',');
  command
      .add_option("--filters", options.filter_count,
                  "Filters of each kind and share, which take turns")
      ->check(CLI::Range(1, 1000));
  command
      .add_option("--filter-seed", options.filter_seed, "Seed of the filters")
      ->check(CLI::NonNegativeNumber);
  AddSecondsFlag(command, options.seconds_min);
}

absl::Status RunFilter(FilterFlags& flags) {
  COPSE_ASSIGN_OR_RETURN(flags.options.input.forest.metric,
                         ParseMetric(flags.common.metric));
  COPSE_ASSIGN_OR_RETURN(flags.options.budgets,
                         ParseScanBudgets(flags.budgets));
  COPSE_ASSIGN_OR_RETURN(const FilterBenchReport report,
                         RunFilterBench(flags.options));
  Print(report, flags.common.is_json);
  return absl::OkStatus();
}

struct PhasesFlags {
  PhasesBenchOptions options;
  CommonFlags common;
  std::string budgets = "2%,5%,16%";
};

void AddPhasesFlags(CLI::App& command, PhasesFlags& flags) {
  PhasesBenchOptions& options = flags.options;
  AddCommonFlags(command, options.input, flags.common);
  AddTreesFlag(command, options.input.forest);
  command
      .add_option("--k", options.neighbor_count,
                  "Neighbors that each search returns")
      ->check(CLI::NonNegativeNumber);
  AddBudgetsFlag(command, flags.budgets);
  command
      .add_option("--rerank", options.rerank_count,
                  "Rows to compute exact distances of; 0: the default")
      ->check(CLI::NonNegativeNumber);
  AddSecondsFlag(command, options.seconds_min);
}

absl::Status RunPhases(PhasesFlags& flags) {
  COPSE_ASSIGN_OR_RETURN(flags.options.input.forest.metric,
                         ParseMetric(flags.common.metric));
  COPSE_ASSIGN_OR_RETURN(flags.options.budgets,
                         ParseScanBudgets(flags.budgets));
  COPSE_ASSIGN_OR_RETURN(const PhasesBenchReport report,
                         RunPhasesBench(flags.options));
  Print(report, flags.common.is_json);
  return absl::OkStatus();
}

struct CalibrateFlags {
  CalibrateBenchOptions options;
  CommonFlags common;
};

void AddCalibrateFlags(CLI::App& command, CalibrateFlags& flags) {
  CalibrateBenchOptions& options = flags.options;
  AddCommonFlags(command, options.input, flags.common);
  AddTreesFlag(command, options.input.forest);
  command
      .add_option("--calibration-queries", options.calibration_count,
                  "The first N queries calibrate, the others are held out")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--rows", options.sample_rows,
                   "Calibrate with rows; all queries are held out");
  command
      .add_option("--held-out", options.held_out_count_max,
                  "Hold out N queries only")
      ->default_str("all")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--held-out-offset", options.held_out_offset,
                  "Leave N queries out before those that are held out")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--query-rows", options.query_row_count,
                  "Take N random rows out of the base as the queries")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--query-seed", options.query_seed,
                  "Shuffle the queries, and choose --query-rows, by it; 0: "
                  "queries stay in their order")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--k", options.neighbor_counts, "Numbers of neighbors")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  command.add_option("--targets", options.targets, "Recalls, in (0, 1]")
      ->delimiter(',')
      ->check(CLI::Range(0.01, 1.0));
}

absl::Status RunCalibrate(CalibrateFlags& flags) {
  COPSE_ASSIGN_OR_RETURN(flags.options.input.forest.metric,
                         ParseMetric(flags.common.metric));
  COPSE_ASSIGN_OR_RETURN(const CalibrateBenchReport report,
                         RunCalibrateBench(flags.options));
  Print(report, flags.common.is_json);
  return absl::OkStatus();
}

struct EditFlags {
  EditBenchOptions options;
  CommonFlags common;
  std::string order = "shuffled";
};

void AddEditFlags(CLI::App& command, EditFlags& flags) {
  AddCommonFlags(command, flags.options, flags.common);
  command
      .add_option("--steps", flags.options.step_count,
                  "Edits of each of two phases")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--order", flags.order,
                  "How rows come and go: shuffled, or clustered: one topic "
                  "after the other")
      ->check(CLI::IsMember({"shuffled", "clustered"}));
}

absl::Status RunEdit(EditFlags& flags) {
  flags.options.order = flags.order == "clustered" ? EditBenchOrder::kClustered
                                                   : EditBenchOrder::kShuffled;
  COPSE_ASSIGN_OR_RETURN(flags.options.forest.metric,
                         ParseMetric(flags.common.metric));
  COPSE_ASSIGN_OR_RETURN(const EditBenchReport report,
                         RunEditBench(flags.options));
  Print(report, flags.common.is_json);
  return absl::OkStatus();
}

struct CommitsFlags {
  CommitsBenchOptions options;
  CommonFlags common;
};

void AddCommitsFlags(CLI::App& command, CommitsFlags& flags) {
  AddCommonFlags(command, flags.options, flags.common);
  command
      .add_option("--shares", flags.options.shares,
                  "Shares of the documents that a commit changes, up to 0.1")
      ->delimiter(',');
  command
      .add_option("--commits", flags.options.commit_count,
                  "Commits for each share and order")
      ->check(CLI::PositiveNumber);
  command.add_option("--folder", flags.options.folder,
                     "Where stores are made, and removed again");
  command.add_flag("--fold-in-commit", flags.options.folds_in_commit,
                   "Commits fold themselves; else it is done beside them");
}

absl::Status RunCommits(CommitsFlags& flags) {
  COPSE_ASSIGN_OR_RETURN(flags.options.forest.metric,
                         ParseMetric(flags.common.metric));
  COPSE_ASSIGN_OR_RETURN(const CommitsBenchReport report,
                         RunCommitsBench(flags.options));
  Print(report, flags.common.is_json);
  return absl::OkStatus();
}

struct DuplicatesFlags {
  DuplicatesBenchOptions options;
  CommonFlags common;
};

void AddDuplicatesFlags(CLI::App& command, DuplicatesFlags& flags) {
  DuplicatesBenchOptions& options = flags.options;
  AddCommonFlags(command, options.input, flags.common);
  command.remove_option(command.get_option("--query"));
  command
      .add_option("--distances", options.distances,
                  "How far the rows of a pair are at most, one or more")
      ->delimiter(',');
  command
      .add_option("--join-threads", options.join_thread_count,
                  "Threads of the joins")
      ->check(CLI::Range(1, 256));
  command
      .add_option("--changed", options.changed_count,
                  "Rows of the joins of changed rows")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--changed-seed", options.changed_seed,
                  "Seed by which these are drawn")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--runs", options.run_count,
                  "Runs of each join; the fastest counts")
      ->check(CLI::PositiveNumber);
}

absl::Status RunDuplicates(DuplicatesFlags& flags) {
  COPSE_ASSIGN_OR_RETURN(flags.options.input.forest.metric,
                         ParseMetric(flags.common.metric));
  COPSE_ASSIGN_OR_RETURN(const DuplicatesBenchReport report,
                         RunDuplicatesBench(flags.options));
  Print(report, flags.common.is_json);
  return absl::OkStatus();
}

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
      return kExitUsage;
    default:
      return kExitFailed;
  }
}

struct Command {
  const CLI::App* app = nullptr;
  std::function<absl::Status()> run;
};

CLI::App& AddCommand(CLI::App& app, const std::string& name,
                     const std::string& description,
                     std::function<absl::Status()> run,
                     std::vector<Command>& commands) {
  CLI::App& command = *app.add_subcommand(name, description);
  commands.push_back({.app = &command, .run = std::move(run)});
  return command;
}

int Main(int argc, char** argv) {
  CLI::App app("Measures parts of copse on real data.", "copse_bench");
  app.require_subcommand(1);
  std::vector<Command> commands;
  IndexFlags index;
  AddIndexFlags(AddCommand(
                    app, "index",
                    "Recall and speed of the forest at several scan budgets",
                    [&] { return RunIndex(index); }, commands),
                index);
  FilterFlags filter;
  AddFilterFlags(
      AddCommand(
          app, "filter", "The same among some of the rows, by their share",
          [&] { return RunFilter(filter); }, commands),
      filter);
  PhasesFlags phases;
  AddPhasesFlags(AddCommand(
                     app, "phases", "Where the time of a search goes",
                     [&] { return RunPhases(phases); }, commands),
                 phases);
  CalibrateFlags calibrate;
  AddCalibrateFlags(
      AddCommand(
          app, "calibrate", "Whether a recall that is asked for is reached",
          [&] { return RunCalibrate(calibrate); }, commands),
      calibrate);
  EditFlags edit;
  AddEditFlags(AddCommand(
                   app, "edit",
                   "What many edits do to a forest, next to one built "
                   "anew",
                   [&] { return RunEdit(edit); }, commands),
               edit);
  DuplicatesFlags duplicates;
  AddDuplicatesFlags(
      AddCommand(
          app, "duplicates", "Recall and speed of joins of near rows",
          [&] { return RunDuplicates(duplicates); }, commands),
      duplicates);
  CommitsFlags commits;
  AddCommitsFlags(AddCommand(
                      app, "commits", "What a commit costs, by its size",
                      [&] { return RunCommits(commits); }, commands),
                  commits);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  const auto chosen = std::ranges::find_if(
      commands, [](const Command& command) { return command.app->parsed(); });
  const absl::Status status = chosen->run();
  if (!status.ok()) {
    std::cerr << "copse_bench: " << status.message() << "\n";
  }
  return ExitCode(status);
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) {
  try {
    return copse::Main(argc, argv);
  } catch (const std::exception& exception) {
    std::cerr << "copse_bench: " << exception.what() << "\n";
    return copse::kExitFailed;
  }
}
