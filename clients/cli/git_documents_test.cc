// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/git_documents.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "clients/cli/git_operation_stream.h"
#include "clients/cli/git_plan.h"
#include "clients/cli/git_repository.h"
#include "clients/cli/git_test_repository.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// Operations in one line each: "+id=text", "~id=text", "-id".
std::string Describe(const v1::Operation& operation) {
  if (operation.has_insert()) {
    return absl::StrCat("+", operation.insert().document_id(), "=",
                        operation.insert().text());
  }
  if (operation.has_replace()) {
    return absl::StrCat("~", operation.replace().document_id(), "=",
                        operation.replace().text());
  }
  return absl::StrCat("-", operation.delete_document_id());
}

struct Converted {
  std::vector<std::string> operations;
  std::vector<std::pair<std::string, std::string>> skipped;
};

class GitDocumentsTest : public ::testing::Test {
 protected:
  // Returns what a push of `target` on `base` sends.
  Converted Convert(const std::optional<TestFiles>& base,
                    const TestFiles& target,
                    const GitDocumentOptions& options = {}) {
    Converted result;
    auto repository = GitRepository::Open(git_.path());
    EXPECT_THAT(repository, IsOk());
    std::optional<GitId> base_tree;
    if (base.has_value()) {
      base_tree = (*repository)->ReadCommit(git_.Commit(*base, {}))->tree;
    }
    const GitId tree = (*repository)->ReadCommit(git_.Commit(target, {}))->tree;
    const GitDocuments documents(**repository, options);
    EXPECT_THAT(
        (*repository)
            ->DiffTrees(base_tree, tree,
                        [&](const GitChange& change) {
                          return documents.Convert(
                              change,
                              [&](const v1::Operation& operation) {
                                result.operations.push_back(
                                    Describe(operation));
                                return absl::OkStatus();
                              },
                              [&](absl::string_view path, SkipReason reason) {
                                result.skipped.emplace_back(
                                    path, SkipReasonName(reason));
                              });
                        }),
        IsOk());
    return result;
  }

  GitTestRepository git_;
};

TEST_F(GitDocumentsTest, PushesOnlyWhatDiffers) {
  const TestFiles base = {{"same.txt", {"same"}},
                          {"dir/changed.txt", {"old"}},
                          {"dir/deep/gone.txt", {"gone"}},
                          {"other/same.txt", {"x"}}};
  const TestFiles target = {{"same.txt", {"same"}},
                            {"dir/changed.txt", {"new"}},
                            {"dir/new.txt", {"added"}},
                            {"other/same.txt", {"x"}}};
  EXPECT_THAT(Convert(base, target).operations,
              UnorderedElementsAre("~dir/changed.txt=new", "+dir/new.txt=added",
                                   "-dir/deep/gone.txt"));
  EXPECT_THAT(Convert(base, base).operations, IsEmpty());
  EXPECT_THAT(Convert(std::nullopt, {{"a", {"1"}}, {"b/c", {"2"}}}).operations,
              UnorderedElementsAre("+a=1", "+b/c=2"));
}

TEST_F(GitDocumentsTest, ARenameDeletesAndInserts) {
  EXPECT_THAT(
      Convert(TestFiles{{"old", {"text"}}}, {{"new", {"text"}}}).operations,
      UnorderedElementsAre("-old", "+new=text"));
}

TEST_F(GitDocumentsTest, AFileThatBecomesAFolderAndBack) {
  const TestFiles file = {{"a", {"file"}}, {"a-b", {"x"}}, {"a0", {"y"}}};
  const TestFiles folder = {{"a/b", {"inner"}}, {"a-b", {"x"}}, {"a0", {"y"}}};
  EXPECT_THAT(Convert(file, folder).operations,
              UnorderedElementsAre("-a", "+a/b=inner"));
  EXPECT_THAT(Convert(folder, file).operations,
              UnorderedElementsAre("-a/b", "+a=file"));
}

TEST_F(GitDocumentsTest, AChangeOfPermissionsIsNoChange) {
  EXPECT_THAT(Convert(TestFiles{{"run.sh", {"x"}}},
                      {{"run.sh", {"x", GIT_FILEMODE_BLOB_EXECUTABLE}}})
                  .operations,
              IsEmpty());
}

TEST_F(GitDocumentsTest, SkipsWhatIsNoTextAndSaysWhy) {
  GitDocumentOptions options;
  options.file_size_bytes_max = 20000;
  const std::string late_nul = std::string(8192, 'x') + std::string(1, '\0');
  const std::string early_nul = std::string(8191, 'x') + std::string(1, '\0');
  const Converted converted = Convert(std::nullopt,
                                      {{"link", {"target", GIT_FILEMODE_LINK}},
                                       {"module", {"", GIT_FILEMODE_COMMIT}},
                                       {"binary", {early_nul}},
                                       {"late", {late_nul}},
                                       {"latin1", {"caf\xe9"}},
                                       {"empty", {""}},
                                       {"large", {std::string(20001, 'x')}},
                                       {"fits", {std::string(20000, 'x')}},
                                       {"bad\xff", {"text"}}},
                                      options);
  EXPECT_THAT(converted.operations,
              UnorderedElementsAre("+late=" + late_nul,
                                   "+fits=" + std::string(20000, 'x')));
  EXPECT_THAT(converted.skipped,
              UnorderedElementsAre(
                  Pair("link", "symlink"), Pair("module", "submodule"),
                  Pair("binary", "binary"), Pair("latin1", "invalid_utf8"),
                  Pair("empty", "empty"), Pair("large", "too_large"),
                  Pair("bad\xff", "invalid_path")));
}

TEST_F(GitDocumentsTest, AFileThatIsSkippedNowIsDeleted) {
  const TestFiles base = {
      {"a", {"text"}}, {"b", {"text"}}, {"c", {std::string("x\0y", 3)}}};
  const TestFiles target = {
      {"a", {""}}, {"b", {"elsewhere", GIT_FILEMODE_LINK}}, {"c", {"text"}}};
  const Converted converted = Convert(base, target);
  EXPECT_THAT(converted.operations,
              UnorderedElementsAre("-a", "-b", "~c=text"));
  EXPECT_THAT(converted.skipped,
              UnorderedElementsAre(Pair("a", "empty"), Pair("b", "symlink")));
  // What never was a document is not deleted.
  EXPECT_THAT(Convert(TestFiles{{"a", {""}}}, {}).operations, IsEmpty());
}

TEST_F(GitDocumentsTest, TheFilterChoosesFiles) {
  GitDocumentOptions options;
  COPSE_ASSERT_OK_AND_ASSIGN(options.filter,
                             PathFilter::Create({"*.md"}, {"vendor"}));
  EXPECT_THAT(
      Convert(std::nullopt,
              {{"a.md", {"1"}}, {"b.cc", {"2"}}, {"vendor/c.md", {"3"}}},
              options)
          .operations,
      ElementsAre("+a.md=1"));
}

TEST_F(GitDocumentsTest, SplitsMarkdownAndPushesChangedSectionsOnly) {
  GitDocumentOptions options;
  options.split_markdown = true;
  const TestFiles base = {{"a.md", {"intro\n# One\n1\n# Two\n2\n# Gone\n"}},
                          {"b.txt", {"# x\n"}}};
  EXPECT_THAT(Convert(std::nullopt, base, options).operations,
              UnorderedElementsAre("+a.md=intro\n", "+a.md#one=# One\n1\n",
                                   "+a.md#two=# Two\n2\n",
                                   "+a.md#gone=# Gone\n", "+b.txt=# x\n"));
  const TestFiles target = {
      {"a.md", {"intro\n# One\n1\n# Two\nnew\n# Three\n"}},
      {"b.txt", {"# x\n"}}};
  EXPECT_THAT(Convert(base, target, options).operations,
              ElementsAre("~a.md#two=# Two\nnew\n", "+a.md#three=# Three\n",
                          "-a.md#gone"));
  EXPECT_THAT(
      Convert(base, {{"b.txt", {"# x\n"}}}, options).operations,
      UnorderedElementsAre("-a.md", "-a.md#one", "-a.md#two", "-a.md#gone"));
}

TEST_F(GitDocumentsTest, AMarkdownFileOfBlankLinesIsEmpty) {
  GitDocumentOptions options;
  options.split_markdown = true;
  const Converted converted =
      Convert(TestFiles{{"a.md", {"# A\n"}}}, {{"a.md", {"\n\n"}}}, options);
  EXPECT_THAT(converted.operations, ElementsAre("-a.md#a"));
  EXPECT_THAT(converted.skipped, ElementsAre(Pair("a.md", "empty")));
}

// Nothing can be embedded of such a file, and one of them must not stop the
// whole history.
TEST_F(GitDocumentsTest, AFileOfWhiteSpaceIsEmpty) {
  const TestFiles base = {{"a", {"text"}}};
  const TestFiles target = {{"a", {"\n"}},
                            {"pkg/__init__.py", {" \t\r\n\n"}},
                            {"wide", {"\u3000\u00a0\u2028\n"}},
                            {"letter", {"\n \u3000x"}}};
  const Converted converted = Convert(base, target);
  EXPECT_THAT(converted.operations,
              UnorderedElementsAre("-a", "+letter=\n \u3000x"));
  EXPECT_THAT(
      converted.skipped,
      UnorderedElementsAre(Pair("a", "empty"), Pair("pkg/__init__.py", "empty"),
                           Pair("wide", "empty")));
  // And back: what is a text again is a document again.
  EXPECT_THAT(Convert(target, base).operations,
              UnorderedElementsAre("~a=text", "-letter"));
}

TEST_F(GitDocumentsTest, WhiteSpaceBeforeTheFirstHeadingIsNoSection) {
  GitDocumentOptions options;
  options.split_markdown = true;
  EXPECT_THAT(
      Convert(std::nullopt, {{"a.md", {"\u3000\n# A\n"}}}, options).operations,
      ElementsAre("+a.md#a=# A\n"));
}

TEST_F(GitDocumentsTest, TheTypeIsTheExtension) {
  EXPECT_EQ(FileType("a/b.MD"), "md");
  EXPECT_EQ(FileType("a.tar.gz"), "gz");
  EXPECT_EQ(FileType("a.b/Makefile"), "unknown");
  EXPECT_EQ(FileType(".gitignore"), "unknown");
  EXPECT_EQ(FileType("dir/.config.yaml"), "yaml");
  EXPECT_EQ(FileType("ends."), "unknown");
  EXPECT_EQ(FileType("odd.a\nb"), "unknown");
}

// Applies operations to documents, as a server does.
void Apply(const v1::Operation& operation,
           std::map<std::string, std::string>& documents) {
  if (operation.has_delete_document_id()) {
    EXPECT_EQ(documents.erase(operation.delete_document_id()), 1u)
        << operation.delete_document_id();
    return;
  }
  const v1::Document& document =
      operation.has_insert() ? operation.insert() : operation.replace();
  documents[document.document_id()] = document.text();
}

// Reads all commits of `plan` and returns the documents after each.
std::vector<std::map<std::string, std::string>> Replay(
    const GitRepository& repository, const GitDocumentOptions& options,
    const GitPlan& plan) {
  const GitDocuments documents(repository, options);
  std::vector<std::map<std::string, std::string>> states;
  std::map<std::string, std::string> state;
  GitOperationStream stream(repository, documents, plan, 0,
                            [](const GitId&, absl::string_view, SkipReason) {});
  while (true) {
    const auto batch = stream.Next();
    EXPECT_THAT(batch, IsOk());
    if (!batch.ok() || !batch->has_value()) {
      return states;
    }
    for (const v1::Operation& operation : (*batch)->operations) {
      Apply(operation, state);
    }
    if ((*batch)->ends_commit) {
      states.push_back(state);
    }
  }
}

// The invariant of git_documents.h, against a history nobody thought of: what
// the differences add up to is what each commit alone would give.
TEST_F(GitDocumentsTest, DifferencesAddUpToTheTreeOfEveryCommit) {
  constexpr uint32_t kSeed = 20260312;
  SCOPED_TRACE(absl::StrCat("seed ", kSeed));
  std::mt19937 random(kSeed);
  const std::vector<std::string> paths = {"a.md",   "b.txt",     "d/a.md",
                                          "d/b",    "d/e/f.md",  "d.md",
                                          "d-x.md", "z/y/x/w.md"};
  const std::vector<TestFile> kinds = {
      {"# A\n1\n# B\n"},
      {"# A\n2\n"},
      {"intro\n# B\n# B\n"},
      {""},
      {std::string("x\0y", 3)},
      {"caf\xe9"},
      {"target", GIT_FILEMODE_LINK},
      {"# A\n2\n", GIT_FILEMODE_BLOB_EXECUTABLE},
      {"", GIT_FILEMODE_COMMIT}};
  GitPlan plan;
  TestFiles files;
  for (int i = 0; i < 60; ++i) {
    for (int change = 0; change < 3; ++change) {
      const std::string& path = paths[random() % paths.size()];
      files.erase(path);
      if (random() % 3 != 0) {
        files[path] = kinds[random() % kinds.size()];
      }
    }
    plan.commits.push_back(git_.Commit(
        files, plan.commits.empty() ? std::vector<GitId>{}
                                    : std::vector{plan.commits.back()}));
  }
  auto repository = GitRepository::Open(git_.path());
  ASSERT_THAT(repository, IsOk());
  for (const bool is_split : {false, true}) {
    GitDocumentOptions options;
    options.split_markdown = is_split;
    const auto states = Replay(**repository, options, plan);
    ASSERT_EQ(states.size(), plan.commits.size());
    for (size_t i = 0; i < states.size(); ++i) {
      GitPlan alone;
      alone.commits = {plan.commits[i]};
      EXPECT_EQ(states[i], Replay(**repository, options, alone).at(0))
          << "commit " << i << " split " << is_split;
    }
  }
}

TEST_F(GitDocumentsTest, AStreamThatIsGivenUpEnds) {
  GitPlan plan;
  for (int i = 0; i < 50; ++i) {
    plan.commits.push_back(git_.Commit(
        {{"f", {std::string(1 << 20, "abcdefghijklmnopqrstuvwxyz"[i % 26])}}},
        {}));
  }
  auto repository = GitRepository::Open(git_.path());
  ASSERT_THAT(repository, IsOk());
  const GitDocuments documents(**repository, {});
  GitOperationStream stream(**repository, documents, plan, 0,
                            [](const GitId&, absl::string_view, SkipReason) {});
  COPSE_ASSERT_OK_AND_ASSIGN(const auto batch, stream.Next());
  EXPECT_TRUE(batch.has_value());
}

TEST_F(GitDocumentsTest, NamesTheFileThatAPartialCloneLacks) {
  auto repository = GitRepository::Open(git_.path());
  ASSERT_THAT(repository, IsOk());
  const GitId id = git_.Commit({{"dir/f.txt", {"some text"}}}, {});
  COPSE_ASSERT_OK_AND_ASSIGN(const GitCommit commit,
                             (*repository)->ReadCommit(id));
  const GitDocuments documents(**repository, {});
  absl::Status status =
      (*repository)
          ->DiffTrees(std::nullopt, commit.tree, [&](const GitChange& change) {
            git_.DeleteObject(change.target->id);
            return documents.Convert(
                change, [](const v1::Operation&) { return absl::OkStatus(); },
                [](absl::string_view, SkipReason) {});
          });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("file 'dir/f.txt': blob")));
}

}  // namespace
}  // namespace copse
