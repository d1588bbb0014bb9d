// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/commit_object.h"

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "clients/cli/git_repository.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::HasSubstr;

constexpr char kTree[] = "0123456789abcdef0123456789abcdef01234567";
constexpr char kParent[] = "1123456789abcdef0123456789abcdef01234567";

std::string Bytes(const std::string& author, const std::string& committer) {
  return absl::StrCat("tree ", kTree, "\nauthor ", author, "\ncommitter ",
                      committer, "\n\nmessage\n");
}

TEST(CommitObjectTest, ParsesEveryPart) {
  const std::string bytes = absl::StrCat(
      "tree ", kTree, "\nparent ", kParent, "\nparent ", kTree,
      "\nauthor Ada Lovelace <ada@example.org> 1 +0100\n"
      "committer Bob <bob@example.org> 1234567890 -0700\n"
      "gpgsig -----BEGIN\n \n author Eve <e@example.org> 2 +0000\n -----END\n"
      "encoding ISO-8859-1\n\n\nsubject\n\nauthor of the body\n");
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitObject commit,
                             ParseCommitObject(bytes));
  EXPECT_EQ(commit.tree, GitIdFromHex(kTree));
  EXPECT_EQ(commit.first_parent, GitIdFromHex(kParent));
  EXPECT_EQ(commit.author, "Ada Lovelace <ada@example.org>");
  EXPECT_EQ(commit.time_seconds, 1234567890);
  EXPECT_EQ(commit.encoding, "ISO-8859-1");
  EXPECT_EQ(commit.message, "subject\n\nauthor of the body\n");
}

TEST(CommitObjectTest, TakesTheAuthorsThatGitTakes) {
  const auto author = [](const std::string& line) {
    const std::string bytes = Bytes(line, line);
    const auto commit = ParseCommitObject(bytes);
    EXPECT_THAT(commit, IsOk()) << line;
    return commit.ok() && commit->author.has_value()
               ? std::optional(std::string(*commit->author))
               : std::nullopt;
  };
  EXPECT_EQ(author("<a@b> 1 +0000"), "<a@b>");
  EXPECT_EQ(author("Ada <> 1 +0000"), "Ada <>");
  EXPECT_EQ(author("Ada <a> b> 1 +0000"), "Ada <a> b>");
  EXPECT_EQ(author("Ada <a@b>"), "Ada <a@b>");
  EXPECT_EQ(author("Ada"), std::nullopt);
  EXPECT_EQ(author("Ada > <"), std::nullopt);
  EXPECT_EQ(author(""), std::nullopt);
}

TEST(CommitObjectTest, TakesOnlyATimeThatIsANumber) {
  const auto time = [](const std::string& line) {
    const std::string bytes = Bytes("Ada <a@b> 1 +0000", line);
    const auto commit = ParseCommitObject(bytes);
    EXPECT_THAT(commit, IsOk()) << line;
    return commit.ok() ? commit->time_seconds : std::nullopt;
  };
  EXPECT_EQ(time("Ada <a@b> -5 +0000"), -5);
  EXPECT_EQ(time("Ada <a@b>  7"), 7);
  EXPECT_EQ(time("Ada <a@b>"), std::nullopt);
  EXPECT_EQ(time("Ada <a@b> soon"), std::nullopt);
  EXPECT_EQ(time("Ada <a@b> 99999999999999999999 +0000"), std::nullopt);
}

TEST(CommitObjectTest, NeedsTreeAndParentsAndNothingElse) {
  const std::string bare = absl::StrCat("tree ", kTree);
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitObject commit,
                             ParseCommitObject(bare));
  EXPECT_EQ(commit.author, std::nullopt);
  EXPECT_EQ(commit.message, "");
  EXPECT_THAT(ParseCommitObject(""),
              StatusIs(absl::StatusCode::kDataLoss,
                       "found '', wanted 'tree' and 40 hexadecimal digits"));
  EXPECT_THAT(
      ParseCommitObject(absl::StrCat("tree ", kTree, "\nparent 12\n\nm")),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("found 'parent 12'")));
}

TEST(CommitObjectTest, ParsesEveryTruncationWithoutHarm) {
  const std::string whole = absl::StrCat("tree ", kTree, "\nparent ", kParent,
                                         "\nauthor A <a@b> 1 +0000\n\nm");
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto commit = ParseCommitObject(whole.substr(0, size));
    EXPECT_TRUE(commit.ok() || absl::IsDataLoss(commit.status())) << size;
  }
}

}  // namespace
}  // namespace copse
