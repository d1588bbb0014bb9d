// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Makes git repositories for tests, in a temporary folder that is deleted in
// the end.
//
//   GitTestRepository git;
//   const GitId first = git.Commit({{"a.txt", {"text"}}}, {});
//   git.SetBranch("main", first);

#ifndef COPSE_CLIENTS_CLI_GIT_TEST_REPOSITORY_H_
#define COPSE_CLIENTS_CLI_GIT_TEST_REPOSITORY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "git2.h"
#include "gtest/gtest.h"

#include "clients/cli/git_repository.h"

namespace copse {

struct TestFile {
  std::string content;
  uint32_t mode = GIT_FILEMODE_BLOB;
};
using TestFiles = std::map<std::string, TestFile>;

struct TestCommitText {
  std::string message = "message";
  std::string author = "Ada";
  const char* encoding = nullptr;
  int64_t time_seconds = 1700000000;
};

// Thread safety: one thread at a time.
class GitTestRepository {
 public:
  GitTestRepository() {
    git_libgit2_init();
    std::string pattern =
        (std::filesystem::temp_directory_path() / "copse_git_XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
    EXPECT_EQ(git_repository_init(&repository_, path_.c_str(), /*is_bare=*/1),
              0);
  }
  ~GitTestRepository() {
    git_repository_free(repository_);
    git_libgit2_shutdown();
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  GitTestRepository(const GitTestRepository&) = delete;
  GitTestRepository& operator=(const GitTestRepository&) = delete;

  const std::string& path() const { return path_; }

  // Makes a commit with exactly `files`.
  GitId Commit(const TestFiles& files, const std::vector<GitId>& parents,
               const TestCommitText& text = {}) {
    git_index* index = nullptr;
    EXPECT_EQ(git_index_new(&index), 0);
    for (const auto& [path, file] : files) {
      git_index_entry entry = {};
      entry.path = path.c_str();
      entry.mode = file.mode;
      if (file.mode == GIT_FILEMODE_COMMIT) {
        entry.id.id[0] = 1;  // Of a repository that is not here.
      } else {
        EXPECT_EQ(git_blob_create_from_buffer(&entry.id, repository_,
                                              file.content.data(),
                                              file.content.size()),
                  0);
      }
      EXPECT_EQ(git_index_add(index, &entry), 0) << path;
    }
    git_oid tree_id;
    EXPECT_EQ(git_index_write_tree_to(&tree_id, index, repository_), 0);
    git_index_free(index);
    return CommitTree(tree_id, parents, text);
  }

  // Makes a commit like `id` with its author or committer changed, `line` from
  // its first word to its end, into one that libgit2 may refuse to read.
  GitId CommitWithLine(const GitId& id, const std::string& line) {
    std::string bytes = ReadBytes(id);
    const size_t start = bytes.find("\n" + line.substr(0, line.find(' '))) + 1;
    EXPECT_NE(start, 0u) << line;
    bytes.replace(start, bytes.find('\n', start) - start, line);
    return Write(bytes);
  }

  void SetBranch(const std::string& name, const GitId& id) {
    SetReference("refs/heads/" + name, id);
  }

  void SetReference(const std::string& name, const GitId& id) {
    git_oid oid;
    std::copy(id.begin(), id.end(), oid.id);
    git_reference* reference = nullptr;
    EXPECT_EQ(git_reference_create(&reference, repository_, name.c_str(), &oid,
                                   /*force=*/1, nullptr),
              0);
    git_reference_free(reference);
  }

  void SetHead(const std::string& reference) {
    EXPECT_EQ(git_repository_set_head(repository_, reference.c_str()), 0);
  }

  // HEAD is then at the commit, and at no branch.
  void DetachHead(const GitId& id) {
    std::ofstream(path_ + "/HEAD") << GitIdToHex(id) << "\n";
  }

  // Takes the object away, as in a clone without it.
  void DeleteObject(const GitId& id) {
    const std::string hex = GitIdToHex(id);
    std::filesystem::remove(std::filesystem::path(path_) / "objects" /
                            hex.substr(0, 2) / hex.substr(2));
  }

 private:
  std::string ReadBytes(const GitId& id) {
    git_odb* objects = nullptr;
    EXPECT_EQ(git_repository_odb(&objects, repository_), 0);
    git_oid oid;
    std::copy(id.begin(), id.end(), oid.id);
    git_odb_object* object = nullptr;
    EXPECT_EQ(git_odb_read(&object, objects, &oid), 0);
    std::string bytes(static_cast<const char*>(git_odb_object_data(object)),
                      git_odb_object_size(object));
    git_odb_object_free(object);
    git_odb_free(objects);
    return bytes;
  }

  GitId Write(const std::string& bytes) {
    git_odb* objects = nullptr;
    EXPECT_EQ(git_repository_odb(&objects, repository_), 0);
    git_oid oid;
    EXPECT_EQ(git_odb_write(&oid, objects, bytes.data(), bytes.size(),
                            GIT_OBJECT_COMMIT),
              0);
    git_odb_free(objects);
    GitId id;
    std::copy(std::begin(oid.id), std::end(oid.id), id.begin());
    return id;
  }

  GitId CommitTree(const git_oid& tree_id, const std::vector<GitId>& parents,
                   const TestCommitText& text) {
    git_tree* tree = nullptr;
    EXPECT_EQ(git_tree_lookup(&tree, repository_, &tree_id), 0);
    git_signature* author = nullptr;
    EXPECT_EQ(git_signature_new(&author, text.author.c_str(), "a@example.org",
                                text.time_seconds, 0),
              0);
    std::vector<git_commit*> parent_commits;
    for (const GitId& parent : parents) {
      git_oid oid;
      std::copy(parent.begin(), parent.end(), oid.id);
      parent_commits.push_back(nullptr);
      EXPECT_EQ(git_commit_lookup(&parent_commits.back(), repository_, &oid),
                0);
    }
    git_oid commit_id;
    EXPECT_EQ(
        git_commit_create(
            &commit_id, repository_, nullptr, author, author, text.encoding,
            text.message.c_str(), tree, parent_commits.size(),
            const_cast<const git_commit**>(parent_commits.data())),
        0);
    for (git_commit* parent : parent_commits) {
      git_commit_free(parent);
    }
    git_signature_free(author);
    git_tree_free(tree);
    GitId id;
    std::copy(std::begin(commit_id.id), std::end(commit_id.id), id.begin());
    return id;
  }

  std::string path_;
  git_repository* repository_ = nullptr;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_GIT_TEST_REPOSITORY_H_
