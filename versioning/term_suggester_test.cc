// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/term_suggester.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/status_macros.h"
#include "tests/support/status_matchers.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(CountEditsTest, CountsChangesOfCharacters) {
  EXPECT_EQ(CountEdits("commit", "commit", 2), 0);
  EXPECT_EQ(CountEdits("comit", "commit", 2), 1);
  EXPECT_EQ(CountEdits("commit", "comimt", 2), 1);
  EXPECT_EQ(CountEdits("kitten", "sitting", 3), 3);
  EXPECT_EQ(CountEdits("kitten", "sitting", 2), 3);
  EXPECT_EQ(CountEdits("äöü", "äöx", 2), 1);
  EXPECT_GT(CountEdits("a", "abcdef", 2), 2);
}

class TermSuggesterTest : public ::testing::Test {
 protected:
  TermSuggesterTest() { test_.CreateDomain("d", Metric::kCosine, 2); }

  void Push(const std::string& commit, const std::string& parent,
            const std::vector<std::pair<std::string, std::string>>& texts) {
    const auto builder = *test_->BeginCommit(
        {.domain = "d", .commit = commit, .parent_commit = parent});
    for (const auto& [id, text] : texts) {
      const Document document = {.id = id,
                                 .type = "T",
                                 .attributes = {},
                                 .text = text,
                                 .vector = std::nullopt};
      const std::vector<float> vector = {1, 0};
      const EmbeddedDocument embedded = {&document, vector};
      ASSERT_THAT(builder->Upsert({&embedded, 1}), IsOk());
    }
    ASSERT_THAT(builder->Commit({}), IsOk());
  }

  std::vector<std::string> Suggested(const std::string& commit,
                                     const SuggestOptions& options) {
    const auto reader = *test_->OpenCommit("d", commit);
    const auto suggestions = reader->SuggestTerms(options);
    EXPECT_THAT(suggestions, IsOk());
    std::vector<std::string> shown;
    for (const TermSuggestion& suggestion : *suggestions) {
      shown.push_back(absl::StrCat(suggestion.text, " ", suggestion.row_count,
                                   suggestion.edit_count > 0 ? "!" : ""));
    }
    return shown;
  }

  TestStore test_;
};

TEST_F(TermSuggesterTest, CompletesFromTheWordsOfTheCommit) {
  Push("c1", "",
       {{"a", "commit command"}, {"b", "Commit"}, {"c", "git-commit --force"}});
  Push("c2", "c1", {{"a", "compare"}});
  EXPECT_THAT(Suggested("c1", {.text = "git com"}),
              ElementsAre("git commit 3", "git command 1"));
  EXPECT_THAT(Suggested("c2", {.text = "Com"}),
              ElementsAre("commit 2", "compare 1"));
  EXPECT_THAT(Suggested("c2", {.text = "com", .suggestion_count = 1}),
              ElementsAre("commit 2"));
  EXPECT_THAT(Suggested("c1", {.text = "--f"}), ElementsAre("--force 1"));
  EXPECT_THAT(Suggested("c1", {.text = "(how to comman"}),
              ElementsAre("(how to command 1", "(how to commit 3!"));
  EXPECT_THAT(Suggested("c1", {.text = "zebra"}), IsEmpty());
  EXPECT_THAT(Suggested("c1", {.text = "  "}), IsEmpty());
}

TEST_F(TermSuggesterTest, CorrectsWhatIsSpelledWrong) {
  Push("c1", "", {{"a", "rebase rebases release"}, {"b", "rebase re"}});
  EXPECT_THAT(Suggested("c1", {.text = "rebsae"}),
              ElementsAre("rebase 2!", "rebases 1!"));
  // Short words have no corrections.
  EXPECT_THAT(Suggested("c1", {.text = "rx"}), IsEmpty());
}

TEST_F(TermSuggesterTest, StopsWhenItIsTold) {
  Push("c1", "", {{"a", "word"}});
  const auto reader = *test_->OpenCommit("d", "c1");
  EXPECT_THAT(
      reader->SuggestTerms(
          {.text = "w", .check = [] { return absl::CancelledError("gone"); }}),
      StatusIs(absl::StatusCode::kCancelled, "gone"));
}

TEST_F(TermSuggesterTest, NeedsWords) {
  ASSERT_THAT(test_->CreateDomain({.domain = "off",
                                   .metric = Metric::kCosine,
                                   .dimension = 2,
                                   .lexical = {.is_enabled = false}}),
              IsOk());
  ASSERT_THAT(test_.Push({.domain = "off", .commit = "c1"}, {}), IsOk());
  const auto reader = *test_->OpenCommit("off", "c1");
  EXPECT_THAT(reader->SuggestTerms({.text = "w"}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("are not indexed")));
}

}  // namespace
}  // namespace copse
