// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse_bench: measures parts of copse on real data.
//
//   copse_bench index --base base.npy --query query.npy --budgets 1%,2%,4%
//   copse_bench calibrate --base base.npy --query query.npy --targets 0.9,0.95
//   copse_bench edit --base base.npy --query query.npy --steps 500
//
// Results go to standard output, progress to standard error. Exit codes: 0
// done, 1 failed, 2 wrong usage or bad input.

#include <algorithm>
#include <exception>
#include <iostream>
#include <string>
#include <thread>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "tests/bench/calibrate_bench.h"
#include "tests/bench/edit_bench.h"
#include "tests/bench/index_bench.h"

namespace copse {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

struct IndexFlags {
  IndexBenchOptions options;
  std::string metric = "cosine";
  std::string budgets = "1%,2%,4%,8%";
  bool is_json = false;
};

// NonNegativeNumber stands with every 64-bit number because CLI11 takes -1 for
// 2^64 - 1.
// The flags that say what is measured, which all commands have.
template <typename Options>
void AddDataFlags(CLI::App& command, Options& options, std::string& metric) {
  command.add_option("--base", options.base_path, "Rows: .npy, .fvecs, .bvecs")
      ->required();
  command
      .add_option("--query", options.query_path, "Queries: the same formats")
      ->required();
  command
      .add_option("--limit", options.row_count_max, "Use the first N rows only")
      ->default_str("all")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--metric", metric,
                     "cosine, euclidean, dot, manhattan or hamming");
}

void AddIndexFlags(CLI::App& command, IndexFlags& flags) {
  IndexBenchOptions& options = flags.options;
  ForestOptions& forest = options.forest;
  command.option_defaults()->always_capture_default();
  forest.thread_count = std::max(1U, std::thread::hardware_concurrency());
  AddDataFlags(command, options, flags.metric);
  command
      .add_option("--k", options.neighbor_count,
                  "Neighbors that each timed search returns")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--threads", forest.thread_count,
                     "Threads of the build; searches use one");
  command.add_option("--trees", forest.tree_count, "Trees, in [1, 8]");
  command.add_option("--leaf-rows", forest.leaf_row_count,
                     "Rows that a leaf aims to hold, in [8, 1024]");
  command.add_option("--fan-out", forest.fan_out,
                     "Most children of an inner page, in [4, 1024]");
  command.add_option("--seed", forest.seed, "Seed of the build")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--budgets", flags.budgets,
                     "Rows to scan, as numbers or percentages");
  command
      .add_option("--rerank", options.rerank_count,
                  "Rows to compute exact distances of; 0: the default")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--neighbors", options.neighbors_path,
                     "Write what was found as int32 .npy of shape (budgets, "
                     "queries, k)");
  command.add_flag("--json", flags.is_json, "Print one JSON object");
}

absl::Status RunIndex(IndexFlags& flags) {
  COPSE_ASSIGN_OR_RETURN(flags.options.forest.metric,
                         ParseMetric(flags.metric));
  COPSE_ASSIGN_OR_RETURN(flags.options.budgets,
                         ParseScanBudgets(flags.budgets));
  flags.options.progress = [](absl::string_view line) {
    std::cerr << line << "\n";
  };
  COPSE_ASSIGN_OR_RETURN(const IndexBenchReport report,
                         RunIndexBench(flags.options));
  std::cout << (flags.is_json ? ToJson(report) : ToTable(report)) << "\n";
  return absl::OkStatus();
}

struct CalibrateFlags {
  CalibrateBenchOptions options;
  std::string metric = "cosine";
  bool is_json = false;
};

void AddCalibrateFlags(CLI::App& command, CalibrateFlags& flags) {
  CalibrateBenchOptions& options = flags.options;
  command.option_defaults()->always_capture_default();
  options.forest.thread_count =
      std::max(1U, std::thread::hardware_concurrency());
  AddDataFlags(command, options, flags.metric);
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
  command.add_option("--k", options.neighbor_counts, "Numbers of neighbors")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  command.add_option("--targets", options.targets, "Recalls, in (0, 1]")
      ->delimiter(',')
      ->check(CLI::Range(0.01, 1.0));
  command.add_option("--threads", options.forest.thread_count,
                     "Threads of build and calibration; searches use one");
  command.add_option("--trees", options.forest.tree_count, "Trees, in [1, 8]");
  command.add_option("--leaf-rows", options.forest.leaf_row_count,
                     "Rows that a leaf aims to hold, in [8, 1024]");
  command.add_flag("--json", flags.is_json, "Print one JSON object");
}

absl::Status RunCalibrate(CalibrateFlags& flags) {
  COPSE_ASSIGN_OR_RETURN(flags.options.forest.metric,
                         ParseMetric(flags.metric));
  flags.options.progress = [](absl::string_view line) {
    std::cerr << line << "\n";
  };
  COPSE_ASSIGN_OR_RETURN(const CalibrateBenchReport report,
                         RunCalibrateBench(flags.options));
  std::cout << (flags.is_json ? ToJson(report) : ToTable(report)) << "\n";
  return absl::OkStatus();
}

struct EditFlags {
  EditBenchOptions options;
  std::string metric = "cosine";
  bool is_json = false;
};

void AddEditFlags(CLI::App& command, EditFlags& flags) {
  EditBenchOptions& options = flags.options;
  command.option_defaults()->always_capture_default();
  options.forest.thread_count =
      std::max(1U, std::thread::hardware_concurrency());
  AddDataFlags(command, options, flags.metric);
  command
      .add_option("--steps", options.step_count, "Edits of each of two phases")
      ->check(CLI::PositiveNumber);
  command.add_option("--threads", options.forest.thread_count,
                     "Threads of builds; edits and searches use one");
  command.add_option("--leaf-rows", options.forest.leaf_row_count,
                     "Rows that a leaf aims to hold, in [8, 1024]");
  command.add_flag("--json", flags.is_json, "Print one JSON object");
}

absl::Status RunEdit(EditFlags& flags) {
  COPSE_ASSIGN_OR_RETURN(flags.options.forest.metric,
                         ParseMetric(flags.metric));
  flags.options.progress = [](absl::string_view line) {
    std::cerr << line << "\n";
  };
  COPSE_ASSIGN_OR_RETURN(const EditBenchReport report,
                         RunEditBench(flags.options));
  std::cout << (flags.is_json ? ToJson(report) : ToTable(report)) << "\n";
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

int Main(int argc, char** argv) {
  CLI::App app("Measures parts of copse on real data.", "copse_bench");
  app.require_subcommand(1);
  IndexFlags flags;
  CLI::App* index = app.add_subcommand(
      "index", "Recall and speed of the forest at several scan budgets");
  AddIndexFlags(*index, flags);
  CalibrateFlags calibrate_flags;
  CLI::App* calibrate = app.add_subcommand(
      "calibrate", "Whether a recall that is asked for is reached");
  AddCalibrateFlags(*calibrate, calibrate_flags);
  EditFlags edit_flags;
  CLI::App* edit = app.add_subcommand(
      "edit", "What many edits do to a forest, next to one built anew");
  AddEditFlags(*edit, edit_flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  const absl::Status status = calibrate->parsed()
                                  ? RunCalibrate(calibrate_flags)
                              : edit->parsed() ? RunEdit(edit_flags)
                                               : RunIndex(flags);
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
