// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds the commits over which two others are merged: their best common
// ancestors, those of which no other common ancestor descends.
//
//   COPSE_ASSIGN_OR_RETURN(
//       const std::vector<MergeBase> bases,
//       FindMergeBases("main-head", "feature-head", {.read = ...}));
//
// Commits are visited newest first, each with whether it is an ancestor of the
// one side, the other, or of a common ancestor that was found. That ends when
// nothing is left to visit but the last kind, so it reads what was committed
// since the base and not what was before, but for a history in which two common
// ancestors were found: then all of what is before is read, to be sure that
// neither descends from the other. The times of commits only decide the order
// of visits: clocks that were set back cost time and change no result.
//
// A commit may be deleted and another one made under its name. A child knows
// the fingerprint of the one that it was built from: where that differs, its
// parent counts as deleted, with nothing known of what was before.

#ifndef COPSE_VERSIONING_MERGE_BASE_H_
#define COPSE_VERSIONING_MERGE_BASE_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "versioning/commit.h"

namespace copse {

// What the search has to know of a commit, complete or deleted.
struct CommitNode {
  std::vector<std::string> parent_commits = {};
  // What each parent was; nullopt, or absent at the end: not known.
  std::vector<std::optional<Fingerprint>> parent_fingerprints = {};
  std::optional<Fingerprint> fingerprint = std::nullopt;
  absl::Time create_time = {};
  bool is_deleted = false;
};

struct MergeBaseOptions {
  // Returns a commit, or nullopt for one of which nothing is left, where the
  // history ends.
  std::function<absl::StatusOr<std::optional<CommitNode>>(
      absl::string_view commit)>
      read;

  // If set, asked now and then; a status that is not OK ends the search.
  std::function<absl::Status()> check = nullptr;

  // How many commits are read at most. With IDs of 40 bytes each takes about
  // 400 bytes of memory.
  size_t commit_count_max = 1'000'000;
};

struct MergeBase {
  std::string commit = {};
  bool is_deleted = false;

  friend bool operator==(const MergeBase&, const MergeBase&) = default;
};

// Returns the best common ancestors of the two commits, which may be those
// themselves, the one to merge over first: complete ones before deleted ones,
// then the newest, then by the bytes of the ID. Empty if there is none. Fails
// with kResourceExhausted, MERGE_HISTORY_TOO_LONG, and what `read` and `check`
// fail with.
absl::StatusOr<std::vector<MergeBase>> FindMergeBases(
    absl::string_view ours_commit, absl::string_view theirs_commit,
    const MergeBaseOptions& options);

}  // namespace copse

#endif  // COPSE_VERSIONING_MERGE_BASE_H_
