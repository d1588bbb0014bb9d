// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One life of a process that uses a store: it opens the store, compares it with
// the model, runs operations, and ends by a fault, by a kill or in order. Data
// folders and the backup folder lie in one folder, the disk of the faults. What
// it does it tells to a channel, in lines:
//
//   backups NUMBER...   the backups there are, all of them whole
//   opened              all that was acknowledged is there
//   begin N             operation N, drawn from the model, begins
//   back NUMBER         this DeletedCommit is there again
//   fault N PART        a fault ended this part of it; what it did was looked
//                       up, and is told next
//   done N PART WORD... what became of a part (Encode() of its Outcome)
//   end N               of all its parts
//   refused             a fault kept the store from being opened
//   stopped             a fault made the store refuse writes
//   closed              the life ended in order
//   wrong TEXT          a difference was found, on one line
//
// So whoever reads the lines has the same model, and knows what was in the
// middle when they end.

#ifndef COPSE_TESTS_TORTURE_TORTURE_CHILD_H_
#define COPSE_TESTS_TORTURE_TORTURE_CHILD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/torture/faulty_disk.h"
#include "tests/torture/model.h"
#include "tests/torture/operation.h"

namespace copse {

// A part of an operation of which it is not known whether it happened.
struct PendingPart {
  int64_t operation_number = 0;
  size_t part_number = 0;
  Operation operation;
};

// A commit that a collection had deleted when a fault ended it. That was not
// synced, so a power cut may bring the commit back, unless a later write
// succeeded.
struct DeletedCommit {
  std::string domain;
  std::string name;
  ModelCommit commit;
};

// What a life is told of those before.
struct Inheritance {
  Model model;
  std::vector<PendingPart> pending;
  std::vector<DeletedCommit> deleted;
};

enum class Ending : uint8_t { kClose, kKill };

struct ChildOptions {
  FaultPlan plan = {};
  uint64_t seed = 0;  // Of its operations.
  int64_t first_operation_number = 0;
  int64_t operation_count = 0;
  bool folds_in_background = false;
  Ending ending = Ending::kClose;  // Unless the plan ends it before.
};

// The exit code after "wrong".
inline constexpr int kWrongExitCode = 42;

// A child that hangs is ended by a signal after so many seconds.
inline constexpr unsigned kChildSecondsMax = 120;

// Returns the operations of which the parts of `operation` are: itself, or
// those that run together.
std::vector<Operation> PartsOf(const Operation& operation);

// Whether it shows that a store takes writes if the operation has happened.
bool WritesToStore(const Operation& operation);

// Makes the commit complete again.
void Revive(const DeletedCommit& deleted, Model& model);

// Runs the life in the calling process, and ends that.
[[noreturn]] void RunTortureChild(const ChildOptions& options,
                                  const Inheritance& inheritance,
                                  FaultRecord* record, int channel);

}  // namespace copse

#endif  // COPSE_TESTS_TORTURE_TORTURE_CHILD_H_
