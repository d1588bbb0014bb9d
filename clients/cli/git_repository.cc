// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/git_repository.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "git2.h"

#include "clients/cli/commit_object.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"

namespace copse {
namespace {

// Folders below a longer path are not entered: their files have no valid ID,
// and a tree that holds itself many times over ends.
constexpr size_t kPathSizeBytesMax = 4096;

// libgit2 keeps up to 256 MiB of objects and maps packs up to 8 GiB if it is
// not told otherwise. Trees of large folders are kept, because each is read
// again as the base of the next commit.
constexpr int64_t kObjectCacheSizeBytes = int64_t{48} << 20;
constexpr size_t kCachedTreeSizeBytesMax = size_t{4} << 20;
constexpr size_t kMappedSizeBytesMax = size_t{256} << 20;

template <typename T, void (*Free)(T*)>
struct Freer {
  void operator()(T* object) const { Free(object); }
};
template <typename T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freer<T, Free>>;

using OwnedTree = Owned<git_tree, git_tree_free>;
using OwnedBytes = Owned<git_odb_object, git_odb_object_free>;
using OwnedObject = Owned<git_object, git_object_free>;
using OwnedReference = Owned<git_reference, git_reference_free>;

std::string LastGitMessage() {
  const git_error* error = git_error_last();
  return error == nullptr || error->message == nullptr
             ? "no reason given"
             : ToValidUtf8(error->message);
}

// Turns what a function of libgit2 returned into a status.
absl::Status GitStatus(int code, absl::string_view what) {
  if (code >= 0) {
    return absl::OkStatus();
  }
  const std::string message = absl::StrCat(what, ": ", LastGitMessage());
  return code == GIT_ENOTFOUND ? absl::NotFoundError(message)
                               : absl::FailedPreconditionError(message);
}

git_oid ToOid(const GitId& id) {
  git_oid oid;
  std::copy(id.begin(), id.end(), oid.id);
  return oid;
}

GitId FromOid(const git_oid& oid) {
  GitId id;
  std::copy(std::begin(oid.id), std::end(oid.id), id.begin());
  return id;
}

// Sets limits of libgit2, and lets it read what git of today writes.
absl::Status ConfigureLibrary() {
  // Objects are only read here and nothing that a repository names is run, so
  // it does not matter whose it is; in containers it is often another user's.
  git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
  git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE,
                   static_cast<ssize_t>(kObjectCacheSizeBytes));
  git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_TREE,
                   kCachedTreeSizeBytesMax);
  git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, kMappedSizeBytesMax);
  const char* extensions[] = {"partialclone", "preciousobjects",
                              "worktreeconfig"};
  return GitStatus(git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions,
                                    std::size(extensions)),
                   "libgit2");
}

absl::StatusOr<OwnedTree> LookUpTree(git_repository* repository,
                                     const GitId& id) {
  const git_oid oid = ToOid(id);
  git_tree* tree = nullptr;
  COPSE_CLIENT_RETURN_IF_ERROR(
      GitStatus(git_tree_lookup(&tree, repository, &oid),
                absl::StrCat("tree ", GitIdToHex(id))));
  return OwnedTree(tree);
}

absl::StatusOr<OwnedBytes> ReadBytes(git_odb* objects, const GitId& id,
                                     git_object_t type) {
  const std::string what =
      absl::StrCat(git_object_type2string(type), " ", GitIdToHex(id));
  const git_oid oid = ToOid(id);
  git_odb_object* object = nullptr;
  COPSE_CLIENT_RETURN_IF_ERROR(
      GitStatus(git_odb_read(&object, objects, &oid), what));
  OwnedBytes bytes(object);
  if (git_odb_object_type(object) != type) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s is a %s", what,
                        git_object_type2string(git_odb_object_type(object))));
  }
  return bytes;
}

absl::string_view ViewOf(const OwnedBytes& bytes) {
  return {static_cast<const char*>(git_odb_object_data(bytes.get())),
          git_odb_object_size(bytes.get())};
}

// Reads a commit without libgit2's own parser, which refuses more of them than
// git does. The views in the result are of `bytes`.
absl::StatusOr<CommitObject> ParseCommit(const GitId& id,
                                         const OwnedBytes& bytes) {
  absl::StatusOr<CommitObject> commit = ParseCommitObject(ViewOf(bytes));
  return commit.ok() ? commit
                     : AddContext(commit.status(),
                                  absl::StrCat("commit ", GitIdToHex(id)));
}

// An entry of a tree, or nothing behind its end.
class Entry {
 public:
  Entry(const git_tree* tree, size_t index)
      : entry_(tree == nullptr ? nullptr
                               : git_tree_entry_byindex(tree, index)) {}

  bool has_value() const { return entry_ != nullptr; }
  absl::string_view name() const { return git_tree_entry_name(entry_); }
  GitId id() const { return FromOid(*git_tree_entry_id(entry_)); }
  bool is_folder() const { return TypeBits() == 0040000; }

  GitFile file() const {
    GitFile file;
    file.id = id();
    file.kind = TypeBits() == 0120000   ? GitFile::Kind::kSymlink
                : TypeBits() == 0160000 ? GitFile::Kind::kSubmodule
                                        : GitFile::Kind::kRegular;
    return file;
  }

  bool Equals(const Entry& other) const {
    return TypeBits() == other.TypeBits() &&
           git_oid_equal(git_tree_entry_id(entry_),
                         git_tree_entry_id(other.entry_)) != 0;
  }

  // Compares as git sorts: a folder as if its name ended in '/'. What is behind
  // the end comes last.
  static int Compare(const Entry& left, const Entry& right) {
    if (!left.has_value() || !right.has_value()) {
      return static_cast<int>(right.has_value()) -
             static_cast<int>(left.has_value());
    }
    const absl::string_view a = left.name();
    const absl::string_view b = right.name();
    const size_t size = std::min(a.size(), b.size());
    const int order = std::memcmp(a.data(), b.data(), size);
    if (order != 0) {
      return order;
    }
    const auto next = [size](absl::string_view name, bool is_folder) {
      return size < name.size() ? static_cast<uint8_t>(name[size])
                                : (is_folder ? uint8_t{'/'} : uint8_t{0});
    };
    return static_cast<int>(next(a, left.is_folder())) -
           static_cast<int>(next(b, right.is_folder()));
  }

 private:
  uint32_t TypeBits() const {
    return static_cast<uint32_t>(git_tree_entry_filemode_raw(entry_)) &
           0170000u;
  }

  const git_tree_entry* entry_;
};

// Two folders of the same path that are compared entry by entry.
struct FolderPair {
  std::string prefix;  // Empty, or with '/' at its end.
  OwnedTree base;      // Either may be missing.
  OwnedTree target;
  size_t base_index = 0;
  size_t target_index = 0;
};

// Walks two trees at once. Folders wait on a stack of our own, because their
// depth comes from data.
class TreeDiffer {
 public:
  TreeDiffer(git_repository* repository,
             const std::function<absl::Status(const GitChange&)>& visit)
      : repository_(repository), visit_(visit) {}

  absl::Status Run(const std::optional<GitId>& base, const GitId& target) {
    COPSE_CLIENT_RETURN_IF_ERROR(Enter("", base, target));
    while (!stack_.empty()) {
      FolderPair& pair = stack_.back();
      const Entry base_entry(pair.base.get(), pair.base_index);
      const Entry target_entry(pair.target.get(), pair.target_index);
      if (!base_entry.has_value() && !target_entry.has_value()) {
        stack_.pop_back();
        continue;
      }
      const int order = Entry::Compare(base_entry, target_entry);
      pair.base_index += order <= 0 ? 1 : 0;
      pair.target_index += order >= 0 ? 1 : 0;
      if (order == 0 && base_entry.Equals(target_entry)) {
        continue;
      }
      COPSE_CLIENT_RETURN_IF_ERROR(
          Differ(pair.prefix, order <= 0 ? &base_entry : nullptr,
                 order >= 0 ? &target_entry : nullptr));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Enter(std::string prefix, const std::optional<GitId>& base,
                     const std::optional<GitId>& target) {
    FolderPair pair;
    pair.prefix = std::move(prefix);
    if (base.has_value()) {
      COPSE_CLIENT_ASSIGN_OR_RETURN(pair.base, LookUpTree(repository_, *base));
    }
    if (target.has_value()) {
      COPSE_CLIENT_ASSIGN_OR_RETURN(pair.target,
                                    LookUpTree(repository_, *target));
    }
    stack_.push_back(std::move(pair));
    return absl::OkStatus();
  }

  // Both are folders or both are none: a folder and a file of one name do not
  // compare as equal.
  absl::Status Differ(const std::string& prefix, const Entry* base,
                      const Entry* target) {
    const Entry& present = base != nullptr ? *base : *target;
    std::string path = absl::StrCat(prefix, present.name());
    if (present.is_folder() && path.size() <= kPathSizeBytesMax) {
      return Enter(absl::StrCat(path, "/"),
                   base ? std::optional(base->id()) : std::nullopt,
                   target ? std::optional(target->id()) : std::nullopt);
    }
    GitChange change;
    change.path = std::move(path);
    if (base != nullptr) {
      change.base = base->file();
    }
    if (target != nullptr) {
      change.target = target->file();
    }
    return visit_(change);
  }

  git_repository* repository_;
  const std::function<absl::Status(const GitChange&)>& visit_;
  std::vector<FolderPair> stack_;
};

}  // namespace

std::string GitIdToHex(const GitId& id) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
}

std::optional<GitId> GitIdFromHex(absl::string_view hex) {
  GitId id = {};
  if (hex.size() != 2 * id.size() ||
      hex.find_first_not_of("0123456789abcdef") != absl::string_view::npos) {
    return std::nullopt;
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

absl::StatusOr<std::unique_ptr<GitRepository>> GitRepository::Open(
    const std::string& path) {
  git_libgit2_init();  // Counted; the destructor has its counterpart.
  auto repository = absl::WrapUnique(new GitRepository());
  COPSE_CLIENT_RETURN_IF_ERROR(ConfigureLibrary());
  const int code = git_repository_open_ext(&repository->repository_,
                                           path.c_str(), 0, nullptr);
  if (code == GIT_ENOTFOUND) {
    return absl::NotFoundError(
        absl::StrFormat("no git repository at '%s'", path));
  }
  COPSE_CLIENT_RETURN_IF_ERROR(
      GitStatus(code, absl::StrFormat("git repository '%s'", path)));
  COPSE_CLIENT_RETURN_IF_ERROR(GitStatus(
      git_repository_odb(&repository->objects_, repository->repository_),
      "objects"));
  COPSE_CLIENT_RETURN_IF_ERROR(repository->ReadShallowCommits());
  return repository;
}

GitRepository::~GitRepository() {
  git_odb_free(objects_);
  git_repository_free(repository_);
  git_libgit2_shutdown();
}

std::string GitRepository::folder() const {
  return git_repository_path(repository_);
}

absl::Status GitRepository::ReadShallowCommits() {
  if (git_repository_is_shallow(repository_) != 1) {
    return absl::OkStatus();
  }
  const std::string path =
      absl::StrCat(git_repository_commondir(repository_), "shallow");
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::optional<GitId> id = GitIdFromHex(line);
    if (!id.has_value()) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "%s: found '%s', wanted the ID of a commit", path, line));
    }
    shallow_commits_.insert(*id);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<GitId>> GitRepository::FindReference(
    const std::string& name) const {
  git_oid oid;
  const int code = git_reference_name_to_id(&oid, repository_, name.c_str());
  if (code == GIT_ENOTFOUND || code == GIT_EINVALIDSPEC) {
    return std::nullopt;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(GitStatus(code, name));
  return FromOid(oid);
}

std::string GitRepository::BranchNames() const {
  constexpr size_t kNameCountMax = 10;
  std::vector<std::string> names;
  git_branch_iterator* iterator = nullptr;
  if (git_branch_iterator_new(&iterator, repository_, GIT_BRANCH_ALL) != 0) {
    return "none";
  }
  git_reference* reference = nullptr;
  git_branch_t type = GIT_BRANCH_LOCAL;
  while (names.size() < kNameCountMax &&
         git_branch_next(&reference, &type, iterator) == 0) {
    const OwnedReference owned(reference);
    const char* name = nullptr;
    if (git_branch_name(&name, reference) == 0) {
      names.push_back(ToValidUtf8(name));
    }
  }
  git_branch_iterator_free(iterator);
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

absl::StatusOr<GitBranch> GitRepository::FindHead(
    const std::string& detached_name) const {
  COPSE_CLIENT_ASSIGN_OR_RETURN(const std::optional<GitId> head,
                                FindReference("HEAD"));
  if (!head.has_value()) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "the repository has no commits at HEAD; it has the branches: %s",
        BranchNames()));
  }
  git_reference* reference = nullptr;
  COPSE_CLIENT_RETURN_IF_ERROR(
      GitStatus(git_repository_head(&reference, repository_), "HEAD"));
  const OwnedReference owned(reference);
  const bool is_branch = git_reference_is_branch(reference) == 1;
  return GitBranch{is_branch ? ToValidUtf8(git_reference_shorthand(reference))
                             : detached_name,
                   *head};
}

absl::StatusOr<std::optional<GitBranch>> GitRepository::FindOfRemote(
    const std::string& name) const {
  constexpr absl::string_view kPrefix = "refs/remotes/";
  git_reference* reference = nullptr;
  int code = git_reference_lookup(&reference, repository_,
                                  absl::StrCat(kPrefix, name).c_str());
  const OwnedReference owned(reference);
  git_reference* resolved = nullptr;
  if (code == 0) {
    code = git_reference_resolve(&resolved, reference);  // For origin/HEAD.
  }
  const OwnedReference owned_resolved(resolved);
  if (code == GIT_ENOTFOUND || code == GIT_EINVALIDSPEC) {
    return std::nullopt;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(GitStatus(code, name));
  const std::vector<std::string> parts =
      absl::StrSplit(absl::StripPrefix(git_reference_name(resolved), kPrefix),
                     absl::MaxSplits('/', 1));
  if (parts.size() != 2) {
    return std::nullopt;
  }
  GitBranch branch;
  branch.name = ToValidUtf8(parts[1]);
  branch.head = FromOid(*git_reference_target(resolved));
  branch.note =
      absl::StrCat("taking '", name, "' as branch '", branch.name, "'");
  return branch;
}

absl::StatusOr<std::optional<GitBranch>> GitRepository::FindNamed(
    const std::string& name) const {
  for (const char* prefix : {"refs/heads/", "refs/remotes/origin/"}) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(const std::optional<GitId> head,
                                  FindReference(absl::StrCat(prefix, name)));
    if (head.has_value()) {
      return GitBranch{name, *head};
    }
  }
  return FindOfRemote(name);
}

absl::StatusOr<GitBranch> GitRepository::FindBranch(
    const std::optional<std::string>& name) const {
  const std::string wanted = name.value_or("main");
  if (wanted == "HEAD") {
    return FindHead("HEAD");
  }
  if (name.has_value()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(std::optional<GitBranch> named,
                                  FindNamed(wanted));
    if (named.has_value()) {
      return *std::move(named);
    }
    if (git_repository_head_detached(repository_) != 1) {
      return absl::NotFoundError(
          absl::StrFormat("no branch '%s' in the repository; it has: %s",
                          wanted, BranchNames()));
    }
  } else {
    // The branch of HEAD is nearer than one of a remote.
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const std::optional<GitId> head,
        FindReference(absl::StrCat("refs/heads/", wanted)));
    if (head.has_value()) {
      return GitBranch{wanted, *head};
    }
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(GitBranch branch, FindHead(wanted));
  const bool is_detached = branch.name == wanted;
  branch.is_assumed = is_detached && !name.has_value();
  branch.note = absl::StrCat(
      "the repository has no branch '", wanted, "': taking ",
      is_detached
          ? absl::StrCat("the commit where HEAD is, as branch '", wanted, "'")
          : absl::StrCat("'", branch.name, "', where HEAD is"));
  return branch;
}

absl::StatusOr<GitId> GitRepository::FindCommit(
    const std::string& revision) const {
  git_object* object = nullptr;
  int code = git_revparse_single(&object, repository_, revision.c_str());
  const OwnedObject owned(object);
  git_object* commit = nullptr;
  if (code == 0) {
    code = git_object_peel(&commit, object, GIT_OBJECT_COMMIT);
  }
  const OwnedObject owned_commit(commit);
  COPSE_CLIENT_RETURN_IF_ERROR(
      GitStatus(code, absl::StrFormat("commit '%s'", revision)));
  return FromOid(*git_object_id(commit));
}

absl::Status GitRepository::WalkFirstParents(
    const GitId& head, const std::function<bool(const GitId&)>& visit) const {
  GitId id = head;
  for (bool is_head = true;; is_head = false) {
    const absl::StatusOr<OwnedBytes> bytes =
        ReadBytes(objects_, id, GIT_OBJECT_COMMIT);
    if (absl::IsNotFound(bytes.status()) && !is_head) {
      return absl::OkStatus();  // A clone without its older commits.
    }
    COPSE_CLIENT_RETURN_IF_ERROR(bytes.status());
    COPSE_CLIENT_ASSIGN_OR_RETURN(const CommitObject commit,
                                  ParseCommit(id, *bytes));
    if (!visit(id) || !commit.first_parent.has_value() ||
        shallow_commits_.contains(id)) {
      return absl::OkStatus();
    }
    id = *commit.first_parent;
  }
}

absl::StatusOr<bool> GitRepository::Descends(const GitId& commit,
                                             const GitId& ancestor) const {
  if (commit == ancestor) {
    return true;
  }
  const git_oid commit_id = ToOid(commit);
  const git_oid ancestor_id = ToOid(ancestor);
  if (git_odb_exists(objects_, &ancestor_id) != 1) {
    return false;
  }
  const int code =
      git_graph_descendant_of(repository_, &commit_id, &ancestor_id);
  if (code == GIT_ENOTFOUND) {
    return false;  // A clone without its older commits.
  }
  if (code < 0) {
    return GitStatus(
        code, absl::StrFormat("history of commit %s", GitIdToHex(commit)));
  }
  return code == 1;
}

absl::StatusOr<GitCommit> GitRepository::ReadCommit(const GitId& id) const {
  COPSE_CLIENT_ASSIGN_OR_RETURN(const OwnedBytes bytes,
                                ReadBytes(objects_, id, GIT_OBJECT_COMMIT));
  COPSE_CLIENT_ASSIGN_OR_RETURN(const CommitObject commit,
                                ParseCommit(id, bytes));
  GitCommit result;
  result.id = id;
  result.tree = commit.tree;
  if (commit.first_parent.has_value() && !shallow_commits_.contains(id)) {
    const git_oid parent = ToOid(*commit.first_parent);
    if (git_odb_exists(objects_, &parent) == 1) {
      result.first_parent = commit.first_parent;
    }
  }
  result.time_seconds = commit.time_seconds;
  if (commit.author.has_value()) {
    result.author = ToValidUtf8(*commit.author, commit.encoding);
  }
  result.message = ToValidUtf8(commit.message, commit.encoding);
  return result;
}

absl::Status GitRepository::DiffTrees(
    const std::optional<GitId>& base_tree, const GitId& target_tree,
    const std::function<absl::Status(const GitChange&)>& visit) const {
  if (base_tree == target_tree) {
    return absl::OkStatus();
  }
  return TreeDiffer(repository_, visit).Run(base_tree, target_tree);
}

absl::StatusOr<uint64_t> GitRepository::BlobSize(const GitId& id) const {
  const git_oid oid = ToOid(id);
  size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  COPSE_CLIENT_RETURN_IF_ERROR(
      GitStatus(git_odb_read_header(&size, &type, objects_, &oid),
                absl::StrCat("blob ", GitIdToHex(id))));
  return size;
}

absl::StatusOr<std::string> GitRepository::ReadBlob(const GitId& id) const {
  COPSE_CLIENT_ASSIGN_OR_RETURN(const OwnedBytes bytes,
                                ReadBytes(objects_, id, GIT_OBJECT_BLOB));
  return std::string(ViewOf(bytes));
}

}  // namespace copse
