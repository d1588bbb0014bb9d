// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Random operations, faults and crashes against a store and a model of it:
//
//   store_torture --operations 100000 --crashes 2000 --folder /dev/shm/torture
//
// The result is JSON on standard output. The exit code is 1 if the store
// differs from the model; then standard error says where, and how to repeat
// it.

#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"

#include "tests/torture/torture_run.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

constexpr int kExitUsage = 2;

int Main(int argc, char** argv) {
  TortureOptions options;
  options.seed = std::random_device()();
  CLI::App app("Tortures a store and compares it with a model.",
               "store_torture");
  app.add_option("--operations", options.operation_count,
                 "How many operations to run at least")
      ->capture_default_str();
  app.add_option("--crashes", options.crash_count,
                 "How many processes to end without warning at least")
      ->capture_default_str();
  app.add_option("--seconds", options.seconds_max,
                 "End after so long, whatever was reached");
  app.add_option("--seed", options.seed, "Drawn unless given, and printed");
  app.add_option("--history", options.history,
                 "Run only this history, to repeat a failure");
  app.add_option("--folder", options.folder,
                 "Where the data folders are made; a folder of its own unless "
                 "given. In memory (/dev/shm) a sync costs nothing");
  app.add_flag("--verbose", options.is_verbose, "Print a line per history");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  const bool has_folder = !options.folder.empty();
  const auto folder = has_folder ? nullptr : std::make_unique<TestFolder>();
  if (!has_folder) {
    options.folder = folder->path();
  }
  std::cerr << "seed " << options.seed << "\n";
  TortureRun run(options);
  const absl::Status status = run.Run();
  std::cout << run.report().ToJson() << "\n";
  if (!status.ok()) {
    std::cerr << "store_torture: " << status.message() << "\n";
  }
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) {
  try {
    return copse::Main(argc, argv);
  } catch (const std::exception& exception) {
    std::cerr << "store_torture: " << exception.what() << "\n";
    return 1;
  }
}
