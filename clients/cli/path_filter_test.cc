// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/path_filter.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::HasSubstr;

bool Matches(const std::string& pattern, absl::string_view path) {
  const auto filter = PathFilter::Create({pattern}, {});
  EXPECT_THAT(filter, IsOk()) << pattern;
  return filter.ok() && filter->Matches(path);
}

TEST(PathFilterTest, MatchesANameInAnyFolderWithoutASlash) {
  EXPECT_TRUE(Matches("*.md", "README.md"));
  EXPECT_TRUE(Matches("*.md", "docs/guide/start.md"));
  EXPECT_TRUE(Matches("start.md", "docs/guide/start.md"));
  EXPECT_FALSE(Matches("*.md", "docs/start.mdx"));
  EXPECT_FALSE(Matches("start.md", "docs/restart.md"));
}

TEST(PathFilterTest, StartsAtTheRootWithASlash) {
  EXPECT_TRUE(Matches("docs/*.md", "docs/a.md"));
  EXPECT_FALSE(Matches("docs/*.md", "src/docs/a.md"));
  EXPECT_FALSE(Matches("docs/*.md", "docs/guide/a.md"));
  EXPECT_TRUE(Matches("/README.md", "README.md"));
  EXPECT_FALSE(Matches("/README.md", "docs/README.md"));
  EXPECT_TRUE(Matches("./docs/*.md", "docs/a.md"));
}

TEST(PathFilterTest, TwoStarsMatchAnyNumberOfFolders) {
  EXPECT_TRUE(Matches("**/a.md", "a.md"));
  EXPECT_TRUE(Matches("**/a.md", "x/y/a.md"));
  EXPECT_FALSE(Matches("**/a.md", "x/ba.md"));
  EXPECT_TRUE(Matches("docs/**/a.md", "docs/a.md"));
  EXPECT_TRUE(Matches("docs/**/a.md", "docs/x/y/a.md"));
  EXPECT_TRUE(Matches("docs/**", "docs/x/y/a.md"));
  EXPECT_FALSE(Matches("docs/**", "docs"));
  EXPECT_TRUE(Matches("**", "any/thing"));
  EXPECT_TRUE(Matches("a/**/b/**/c", "a/b/x/b/y/c"));
  EXPECT_FALSE(Matches("a/**/b/**/c", "a/b/x/b/y/d"));
}

TEST(PathFilterTest, AFolderMatchesEverythingInIt) {
  EXPECT_TRUE(Matches("docs", "docs/guide/a.md"));
  EXPECT_TRUE(Matches("docs", "src/docs/a.md"));
  EXPECT_TRUE(Matches("docs/", "docs/a.md"));
  EXPECT_FALSE(Matches("docs/", "src/docs"));
  EXPECT_TRUE(Matches("docs/guide", "docs/guide/deep/a.md"));
}

TEST(PathFilterTest, OneStarAndQuestionMarkStayWithinAName) {
  EXPECT_TRUE(Matches("a*c*e", "abcde"));
  EXPECT_TRUE(Matches("a*c*e", "ace"));
  EXPECT_FALSE(Matches("/a*e", "ab/de"));
  EXPECT_TRUE(Matches("?.txt", "\xc3\xa4.txt"));
  EXPECT_FALSE(Matches("?.txt", "ab.txt"));
  EXPECT_FALSE(Matches("/a?b", "a/b"));
}

TEST(PathFilterTest, SetsBracesAndBackslashesWork) {
  EXPECT_TRUE(Matches("file[0-9].txt", "file7.txt"));
  EXPECT_FALSE(Matches("file[!0-9].txt", "file7.txt"));
  EXPECT_TRUE(Matches("[]x]", "]"));
  EXPECT_TRUE(Matches("*.{md,txt}", "a.txt"));
  EXPECT_TRUE(Matches("{docs,src/{a,b}}/*.md", "src/b/x.md"));
  EXPECT_FALSE(Matches("*.{md,txt}", "a.rst"));
  EXPECT_TRUE(Matches("\\*.md", "*.md"));
  EXPECT_FALSE(Matches("\\*.md", "a.md"));
}

TEST(PathFilterTest, ExcludingWinsOverIncluding) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const PathFilter filter,
      PathFilter::Create({"*.md", "*.txt"}, {"vendor", "docs/draft/**"}));
  EXPECT_TRUE(filter.Matches("docs/a.md"));
  EXPECT_FALSE(filter.Matches("docs/draft/a.md"));
  EXPECT_FALSE(filter.Matches("lib/vendor/README.md"));
  EXPECT_FALSE(filter.Matches("docs/a.cc"));
}

TEST(PathFilterTest, WithoutPatternsEveryPathMatches) {
  EXPECT_TRUE(PathFilter().Matches("any/path"));
}

TEST(PathFilterTest, ALongPatternOfStarsTakesNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 60; ++i) {
    pattern += "*a";
  }
  EXPECT_FALSE(Matches(pattern + "b", std::string(2000, 'a')));
  std::string folders;
  for (int i = 0; i < 60; ++i) {
    folders += "**/a/";
  }
  std::string path;
  for (int i = 0; i < 500; ++i) {
    path += "a/";
  }
  EXPECT_FALSE(Matches(folders + "b", path + "c"));
}

TEST(PathFilterTest, RefusesAMalformedPatternAndSaysWhy) {
  EXPECT_THAT(PathFilter::Create({"a["}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("pattern 'a[': '[' without ']'")));
  EXPECT_THAT(PathFilter::Create({}, {"a\\"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("ends with a backslash")));
  EXPECT_THAT(PathFilter::Create({""}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("matches nothing")));
  EXPECT_THAT(
      PathFilter::Create({"a//b"}, {}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("two slashes")));
  std::string braces;
  for (int i = 0; i < 20; ++i) {
    braces += "{a,b}";
  }
  EXPECT_THAT(PathFilter::Create({braces}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("more than 1000 alternatives")));
}

}  // namespace
}  // namespace copse
