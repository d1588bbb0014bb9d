// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A store is used by one process after another, most of which end by a fault;
// the model is kept by this process, which never opens a store itself.
//
//   TortureRun run({.folder = "/dev/shm/torture", .seed = 1});
//   COPSE_RETURN_IF_ERROR(run.Run());
//   std::cout << run.report().ToJson();
//
// The run is a number of histories, each in a folder of its own and with a seed
// of its own, so that one can be repeated without those before it. A history is
// a number of rounds, the lives of processes (torture_child.h).

#ifndef COPSE_TESTS_TORTURE_TORTURE_RUN_H_
#define COPSE_TESTS_TORTURE_TORTURE_RUN_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "index/split_mix.h"
#include "tests/torture/faulty_disk.h"
#include "tests/torture/model.h"
#include "tests/torture/operation.h"
#include "tests/torture/torture_child.h"

namespace copse {

struct TortureOptions {
  std::string folder = {};  // Where the data folders are made.
  uint64_t seed = 1;

  // The run ends when it had so many of both, or after `seconds_max`.
  int64_t operation_count = 1000;
  int64_t crash_count = 20;
  double seconds_max = 1e9;

  // Only this history, if it is not negative.
  int64_t history = -1;

  // Prints a line for each history.
  bool is_verbose = false;
};

struct TortureReport {
  int64_t history_count = 0;
  int64_t round_count = 0;
  int64_t operation_count = 0;
  std::array<int64_t, kOperationKindCount> operations = {};
  int64_t refused_count = 0;      // As the model said.
  int64_t cut_short_count = 0;    // By a fault or a crash.
  int64_t found_whole_count = 0;  // Of these, those that had happened.

  // Faults by kind and call, whatever they led to.
  std::array<std::array<int64_t, kDiskCallCount>, kFaultKindCount> faults = {};

  // Ends of processes.
  int64_t crash_count = 0;      // All but those in order.
  int64_t power_cut_count = 0;  // Of these, with unsynced data lost.
  int64_t closed_count = 0;
  int64_t refused_open_count = 0;  // A fault while the store was opened.
  int64_t stopped_count = 0;       // A fault after which no writes are taken.
  double seconds = 0;

  std::string ToJson() const;
};

class TortureRun {
 public:
  explicit TortureRun(const TortureOptions& options);

  // Fails with kInternal at the first difference, saying where and how to
  // repeat it; the data folder stays.
  absl::Status Run();

  const TortureReport& report() const { return report_; }

 private:
  // The state of one history.
  struct History {
    int64_t number = 0;
    std::string folder;
    Model model;
    std::vector<PendingPart> pending;
    // Failed by a fault and not found; they may still come back when the store
    // is opened again, unless a later write succeeds.
    std::vector<PendingPart> failed;
    // Of an operation that a fault ended, likewise.
    std::vector<DeletedCommit> deleted;
    // The parts of the last operation that a fault ended.
    std::set<size_t> fault_parts;
    int64_t round = 0;
    int64_t operation_number = 0;
    std::ofstream trace;  // All that was done and told.
  };

  // What a child said at its end.
  struct Life {
    bool is_opened = false;
    bool is_refused = false;
    bool is_stopped = false;
    bool is_closed = false;
    std::string wrong;
  };

  bool IsDone() const;
  double Seconds() const;
  absl::Status RunHistory(int64_t number);
  absl::Status RunRound(History& history);
  // Removes the data folders that are not in use any more, and halves of them.
  static absl::Status RemoveOldFolders(const std::string& disk,
                                       const History& history);
  ChildOptions DrawRound(const History& history,
                         internal::SplitMix& random) const;
  Life Listen(int channel, uint64_t seed, History& history);
  void HearDone(const std::vector<std::string>& words, bool is_opened,
                History& history);
  absl::Status CountEnd(const Life& life, int wait_status,
                        const ChildOptions& child, const History& history);
  absl::Status Failure(const History& history, absl::string_view what) const;

  const TortureOptions options_;
  TortureReport report_;
  FaultRecord* const record_;  // Shared with the children.
  const std::chrono::steady_clock::time_point start_;
};

}  // namespace copse

#endif  // COPSE_TESTS_TORTURE_TORTURE_RUN_H_
