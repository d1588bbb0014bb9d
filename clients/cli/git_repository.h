// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads the history of a git repository: the first-parent line of a branch and
// the files that differ between two commits. Reads objects only: no working
// tree, no filters, no hooks, no network.
//
//   COPSE_CLIENT_ASSIGN_OR_RETURN(auto repository, GitRepository::Open("."));
//   COPSE_CLIENT_ASSIGN_OR_RETURN(GitBranch branch,
//                                 repository->FindBranch(std::nullopt));
//   COPSE_CLIENT_RETURN_IF_ERROR(repository->WalkFirstParents(
//       branch.head, [](const GitId& id) { ...; return true; }));
//
// In a shallow clone the last commit that is there counts as one without
// parents. Bare repositories are read as any other.

#ifndef COPSE_CLIENTS_CLI_GIT_REPOSITORY_H_
#define COPSE_CLIENTS_CLI_GIT_REPOSITORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct git_odb;
struct git_repository;

namespace copse {

// The name of an object: a SHA-1.
using GitId = std::array<uint8_t, 20>;

// Returns the 40 hexadecimal digits that git prints.
std::string GitIdToHex(const GitId& id);

// Returns nullopt unless `hex` is 40 hexadecimal digits in lower case.
std::optional<GitId> GitIdFromHex(absl::string_view hex);

struct GitBranch {
  std::string name;
  GitId head = {};

  // Why it is not the branch that was asked for. Empty if it is.
  std::string note = {};

  // Whether HEAD is at a commit and not at a branch, and nobody said that the
  // commit is of branch `name`.
  bool is_assumed = false;
};

struct GitCommit {
  GitId id = {};
  GitId tree = {};
  std::optional<GitId> first_parent;  // Only if the repository has it.

  // When it was committed, in seconds since 1970. Missing, as `author`, if the
  // commit has no well-formed line that says it.
  std::optional<int64_t> time_seconds;

  // Valid UTF-8, whatever the commit holds.
  std::optional<std::string> author;  // "Ada Lovelace <ada@example.org>".
  std::string message;
};

// What a tree has at a path, other than a folder.
struct GitFile {
  enum class Kind { kRegular, kSymlink, kSubmodule };
  GitId id = {};
  Kind kind = Kind::kRegular;
};

// How a path differs between two trees; one of both files may be missing.
struct GitChange {
  std::string path;  // As bytes, which need not be UTF-8.
  std::optional<GitFile> base;
  std::optional<GitFile> target;
};

// Thread safety: one thread at a time.
class GitRepository {
 public:
  // Opens the repository at `path`, or the one that has `path` in its working
  // tree. Fails with kNotFound if there is none, and kFailedPrecondition if
  // libgit2 cannot read its format.
  static absl::StatusOr<std::unique_ptr<GitRepository>> Open(
      const std::string& path);

  ~GitRepository();
  GitRepository(const GitRepository&) = delete;
  GitRepository& operator=(const GitRepository&) = delete;

  // The folder that holds the objects, such as "/src/project/.git/".
  std::string folder() const;

  // Finds branch `name`, also among those of the remote `origin`, and one of
  // any remote as `origin/topic`, which is branch `topic`. A name that is none
  // of them is that of the commit where HEAD is, if HEAD is at no branch.
  // Without a name: `main`, or else the branch that HEAD names, or else the
  // commit that HEAD is at, as `main`; `note` then says so. `HEAD` is the
  // branch that HEAD names, or the commit that it is at, as `HEAD`. Fails with
  // kNotFound naming the branches that exist, and kFailedPrecondition for a
  // repository without commits.
  absl::StatusOr<GitBranch> FindBranch(
      const std::optional<std::string>& name) const;

  // Returns the commit that `revision` means, which git rev-parse takes as
  // well: an abbreviated ID, a tag, `main~3`.
  absl::StatusOr<GitId> FindCommit(const std::string& revision) const;

  // Calls `visit` with `head`, its first parent, and so on, until it returns
  // false or a commit has no parent.
  absl::Status WalkFirstParents(
      const GitId& head, const std::function<bool(const GitId&)>& visit) const;

  // Returns whether `commit` is `ancestor` or descends from it, by whichever
  // parents, as far as the repository has them.
  absl::StatusOr<bool> Descends(const GitId& commit,
                                const GitId& ancestor) const;

  // Whether older commits are left out on purpose.
  bool is_shallow() const { return !shallow_commits_.empty(); }

  absl::StatusOr<GitCommit> ReadCommit(const GitId& id) const;

  // Calls `visit` with each path that differs, in the order of git, and stops
  // at the first status that is not OK. Without `base_tree` that is every path.
  // Equal folders are not read. A change of the permissions alone is none.
  absl::Status DiffTrees(
      const std::optional<GitId>& base_tree, const GitId& target_tree,
      const std::function<absl::Status(const GitChange&)>& visit) const;

  // Returns the size of the blob `id` in bytes.
  absl::StatusOr<uint64_t> BlobSize(const GitId& id) const;

  absl::StatusOr<std::string> ReadBlob(const GitId& id) const;

 private:
  GitRepository() = default;

  absl::Status ReadShallowCommits();
  absl::StatusOr<std::optional<GitId>> FindReference(
      const std::string& name) const;
  absl::StatusOr<std::optional<GitBranch>> FindNamed(
      const std::string& name) const;
  absl::StatusOr<std::optional<GitBranch>> FindOfRemote(
      const std::string& name) const;
  absl::StatusOr<GitBranch> FindHead(const std::string& detached_name) const;
  std::string BranchNames() const;

  git_repository* repository_ = nullptr;
  git_odb* objects_ = nullptr;

  // Commits of which a shallow clone has no parents.
  absl::flat_hash_set<GitId> shallow_commits_;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_GIT_REPOSITORY_H_
