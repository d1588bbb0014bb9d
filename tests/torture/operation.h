// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One thing that is done to a store: drawn from a model, run on the store, and
// then applied to the model.
//
//   const Operation operation = DrawOperation(model, random);
//   Outcome outcome;
//   const absl::Status status = RunOperation(*store, operation, outcome);
//   ... IsExpected(operation, status) ...
//   Apply(operation, outcome, model);
//
// An operation holds all that its drawing decided, so two processes that draw
// from equal models with equal seeds have the same ones.
//
// A new kind of operation is a value of OperationKind, a case in
// DrawOperation(), one in RunOperation() and, if it changes what the model
// knows, one in Resolve() and Apply().

#ifndef COPSE_TESTS_TORTURE_OPERATION_H_
#define COPSE_TESTS_TORTURE_OPERATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "index/split_mix.h"
#include "tests/torture/model.h"
#include "tests/torture/observation.h"
#include "versioning/commit.h"
#include "versioning/store.h"

namespace copse {

enum class OperationKind : uint8_t {
  // Those of one domain.
  kCreateDomain,
  kDeleteDomain,
  kPush,
  kPushOntoDeleted,  // The parent is deleted while the push builds on it.
  kAssign,
  kMerge,
  kDeleteCommit,
  kCreateBranch,
  kUpdateBranch,
  kDeleteBranch,
  kCreateLease,
  kDeleteLease,
  kSetRetention,
  kCollect,
  kRead,
  kDiff,
  kVerify,
  // Those of the process.
  kOpenReader,    // Keeps a reader of the commit, whatever becomes of that.
  kCheckReaders,  // Reads all those again.
  kReopen,
  kCreateBackup,
  kDeleteBackups,
  kRestore,   // Into a new data folder, which is used from then on.
  kTogether,  // Several of one domain, and maybe a backup, in threads.
};
inline constexpr int kOperationKindCount = 24;

const char* OperationKindName(OperationKind kind);

struct Edit {
  enum class Kind : uint8_t { kUpsert, kDelete, kKeep };
  Kind kind = Kind::kUpsert;
  std::string id;
  uint32_t content = 0;
};

struct Operation {
  OperationKind kind = OperationKind::kPush;

  // The reasons with which it may end; "" for success.
  std::vector<std::string> expected = {""};

  std::string domain = {};
  std::string commit = {};
  std::string parent = {};  // Also: the source of an assignment, the target of
                            // a diff.
  std::string theirs = {};
  std::string branch = {};
  std::optional<std::string> expected_head = {};
  uint64_t branch_version = 0;  // After it.
  std::string lease = {};
  absl::Time expire_time = {};
  ConflictPolicy conflict_policy = ConflictPolicy::kFail;
  std::vector<Edit> edits = {};
  bool is_without_effect = false;  // Such as a push that is given up.
  RetentionPolicy retention = {};
  bool overrides_retention = false;  // A collection with rules of its own.
  uint64_t seed = 0;                 // Of what it looks at.

  // What `commit` holds if it is made.
  std::shared_ptr<const Snapshot> snapshot = nullptr;

  // The commits that a collection deletes.
  std::vector<std::string> expired = {};

  // Of a new backup: what it holds.
  ModelBackup contents = {};
  int64_t kept_backup_count = 0;  // 0: all.
  std::vector<uint32_t> expired_backups = {};

  // Of a restore: from where (0: the newest), what that is, and whereto.
  uint32_t backup = 0;
  uint32_t source_backup = 0;
  int64_t data_folder = 0;

  // Of kTogether. In this order they may be applied. Null: none.
  std::shared_ptr<const std::vector<Operation>> parts = nullptr;
};

// What an operation, or a part of one, did to the store.
struct Outcome {
  bool has_happened = false;
  absl::Time create_time = {};            // Of the commit that was made.
  std::vector<std::string> removed = {};  // Commits, by a collection.
  uint32_t backup = 0;                    // That was made; 0: none.
  std::vector<uint32_t> removed_backups = {};

  // Of a restore: what the backup has of what ran beside it, as the creation
  // times of commits, or nothing.
  std::vector<std::optional<absl::Time>> beside = {};

  // Whether what was done to backups outlives the process.
  bool is_sure = true;
};

// Returns the outcome, without `is_sure`, as so many words.
std::string Encode(const Outcome& outcome);
inline constexpr size_t kOutcomeWordCount = 6;

// Ends the program if they are none.
Outcome ParseOutcome(std::span<const std::string> words);

// Returns what is needed to know one when a failure is told.
std::string Describe(const Operation& operation);

// Draws the next operation and moves the model's clock.
Operation DrawOperation(Model& model, internal::SplitMix& random);

// Where the backups of all stores are, and data folder `number`.
std::string BackupPath(const std::string& folder);
std::string DataPath(const std::string& folder, int64_t number);

// Runs an operation of a domain that is no kRead, kDiff or kVerify, or one of
// the backups that is no kRestore.
absl::Status RunOperation(Store& store, const std::string& backup_folder,
                          const Operation& operation, Outcome& outcome);

// Whether the operation may end so while the disk is sound.
bool IsExpected(const Operation& operation, const absl::Status& status);

// Whether the model lets it succeed.
bool MaySucceed(const Operation& operation);

// Tells from what is found whether an operation that was cut short happened.
Outcome Resolve(const Operation& operation, const Model& model,
                const Observation& found);

// Does to the model what the operation did to the store.
void Apply(const Operation& operation, const Outcome& outcome, Model& model);

}  // namespace copse

#endif  // COPSE_TESTS_TORTURE_OPERATION_H_
