// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/merge_base.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A history whose commits were made in the order of Add().
class History {
 public:
  void Add(const std::string& commit, const std::vector<std::string>& parents,
           std::optional<int64_t> time = std::nullopt) {
    const auto count = static_cast<int64_t>(nodes_.size());
    nodes_[commit] = {
        .parent_commits = parents,
        .create_time = absl::FromUnixSeconds(time.has_value() ? *time : count)};
  }

  // As Add(), and child and parents know what they are.
  void AddKnown(const std::string& commit,
                const std::vector<std::string>& parents, uint8_t content) {
    Add(commit, parents);
    Fingerprint fingerprint;
    fingerprint.fill(std::byte{content});
    nodes_[commit].fingerprint = fingerprint;
    for (const std::string& parent : parents) {
      nodes_[commit].parent_fingerprints.push_back(nodes_[parent].fingerprint);
    }
  }

  void Delete(const std::string& commit) { nodes_[commit].is_deleted = true; }
  void Lose(const std::string& commit) { nodes_.erase(commit); }

  MergeBaseOptions Options() {
    return {.read = [this](absl::string_view commit)
                -> absl::StatusOr<std::optional<CommitNode>> {
      reads_.push_back(std::string(commit));
      const auto node = nodes_.find(std::string(commit));
      if (node == nodes_.end()) {
        return std::nullopt;
      }
      return node->second;
    }};
  }

  std::vector<std::string> BasesOf(const std::string& ours,
                                   const std::string& theirs) {
    reads_.clear();
    std::vector<std::string> commits;
    const absl::StatusOr<std::vector<MergeBase>> bases =
        FindMergeBases(ours, theirs, Options());
    EXPECT_THAT(bases, IsOk());
    for (const MergeBase& base : *bases) {
      EXPECT_EQ(base.is_deleted, nodes_[base.commit].is_deleted);
      commits.push_back(base.commit);
    }
    return commits;
  }

  // The best common ancestors by their definition.
  std::set<std::string> ExpectedBases(const std::string& ours,
                                      const std::string& theirs) {
    const std::set<std::string> left = AncestorsOf(ours);
    const std::set<std::string> right = AncestorsOf(theirs);
    std::set<std::string> common;
    std::set_intersection(left.begin(), left.end(), right.begin(), right.end(),
                          std::inserter(common, common.end()));
    std::set<std::string> best = common;
    for (const std::string& commit : common) {
      for (const std::string& ancestor : AncestorsOf(commit)) {
        if (ancestor != commit) {
          best.erase(ancestor);
        }
      }
    }
    return best;
  }

  const std::vector<std::string>& reads() const { return reads_; }
  absl::Time TimeOf(const std::string& commit) {
    return nodes_[commit].create_time;
  }
  bool IsDeleted(const std::string& commit) {
    return nodes_[commit].is_deleted;
  }

 private:
  std::set<std::string> AncestorsOf(const std::string& commit) {
    std::set<std::string> found = {commit};
    std::vector<std::string> left = {commit};
    while (!left.empty()) {
      const CommitNode node = nodes_[left.back()];
      left.pop_back();
      for (const std::string& parent : node.parent_commits) {
        if (found.insert(parent).second) {
          left.push_back(parent);
        }
      }
    }
    return found;
  }

  std::map<std::string, CommitNode> nodes_;
  std::vector<std::string> reads_;
};

TEST(MergeBaseTest, IsTheForkOfTwoBranches) {
  History history;
  history.Add("root", {});
  history.Add("fork", {"root"});
  history.Add("a", {"fork"});
  history.Add("b", {"fork"});
  history.Add("b2", {"b"});
  EXPECT_THAT(history.BasesOf("a", "b2"), ElementsAre("fork"));
  EXPECT_THAT(history.BasesOf("b2", "a"), ElementsAre("fork"));
}

TEST(MergeBaseTest, IsOneOfTheCommitsIfTheOtherDescendsFromIt) {
  History history;
  history.Add("a", {});
  history.Add("b", {"a"});
  history.Add("c", {"b"});
  EXPECT_THAT(history.BasesOf("a", "c"), ElementsAre("a"));
  EXPECT_THAT(history.BasesOf("c", "a"), ElementsAre("a"));
  EXPECT_THAT(history.BasesOf("c", "c"), ElementsAre("c"));
}

TEST(MergeBaseTest, IsAbsentWithoutACommonAncestor) {
  History history;
  history.Add("a", {});
  history.Add("b", {});
  history.Add("c", {"b"});
  EXPECT_THAT(history.BasesOf("a", "c"), IsEmpty());
}

TEST(MergeBaseTest, FollowsBothParentsOfAMerge) {
  History history;
  history.Add("root", {});
  history.Add("a", {"root"});
  history.Add("b", {"root"});
  history.Add("merge", {"a", "b"});
  history.Add("b2", {"b"});
  EXPECT_THAT(history.BasesOf("merge", "b2"), ElementsAre("b"));
}

TEST(MergeBaseTest, OfACrissCrossHistoryTheNewestIsFirst) {
  History history;
  history.Add("root", {});
  history.Add("a", {"root"});
  history.Add("b", {"root"});
  history.Add("a2", {"a", "b"});
  history.Add("b2", {"b", "a"});
  EXPECT_THAT(history.BasesOf("a2", "b2"), ElementsAre("b", "a"));
  EXPECT_THAT(history.BasesOf("b2", "a2"), ElementsAre("b", "a"));
  history.Delete("b");
  EXPECT_THAT(history.BasesOf("a2", "b2"), ElementsAre("a", "b"));
  history.Delete("a");
  EXPECT_THAT(history.BasesOf("a2", "b2"), ElementsAre("b", "a"));
}

TEST(MergeBaseTest, OfCommitsOfOneMomentTheIdDecides) {
  History history;
  history.Add("y", {}, 5);
  history.Add("x", {}, 5);
  history.Add("a", {"x", "y"}, 6);
  history.Add("b", {"x", "y"}, 6);
  EXPECT_THAT(history.BasesOf("a", "b"), ElementsAre("x", "y"));
}

TEST(MergeBaseTest, WalksThroughDeletedCommits) {
  History history;
  history.Add("root", {});
  history.Add("gone", {"root"});
  history.Add("a", {"gone"});
  history.Add("b", {"root"});
  history.Delete("gone");
  EXPECT_THAT(history.BasesOf("a", "b"), ElementsAre("root"));
  history.Lose("gone");
  EXPECT_THAT(history.BasesOf("a", "b"), IsEmpty());
}

TEST(MergeBaseTest, ACommitUnderTheNameOfAnotherIsNoBase) {
  History history;
  history.AddKnown("root", {}, 1);
  history.AddKnown("p", {"root"}, 2);
  history.AddKnown("mine", {"p"}, 3);
  history.AddKnown("same", {"p"}, 4);
  history.AddKnown("p", {"root"}, 5);
  history.AddKnown("theirs", {"p"}, 6);
  for (const auto& [ours, theirs] :
       {std::pair("mine", "theirs"), std::pair("theirs", "mine"),
        std::pair("mine", "p"),
        // What it was is not there any more.
        std::pair("mine", "same")}) {
    EXPECT_THAT(FindMergeBases(ours, theirs, history.Options()),
                IsOkAndHolds(ElementsAre(MergeBase{"p", true})))
        << ours << " and " << theirs;
  }
  // Nobody knows whether it descended from the root.
  EXPECT_THAT(history.BasesOf("mine", "root"), IsEmpty());
  EXPECT_THAT(history.BasesOf("theirs", "root"), ElementsAre("root"));
  // Where the same content was pushed again, it serves.
  history.AddKnown("p", {"root"}, 2);
  EXPECT_THAT(history.BasesOf("mine", "same"), ElementsAre("p"));
  EXPECT_THAT(history.BasesOf("mine", "root"), ElementsAre("root"));
}

TEST(MergeBaseTest, AParentThatIsNotKnownIsTakenByItsName) {
  History history;
  history.Add("p", {});
  history.AddKnown("mine", {"p"}, 3);
  history.AddKnown("p", {}, 5);
  history.AddKnown("theirs", {"p"}, 6);
  EXPECT_THAT(history.BasesOf("mine", "theirs"), ElementsAre("p"));
}

TEST(MergeBaseTest, ReadsNothingOfWhatIsBeforeTheFork) {
  History history;
  history.Add("0", {});
  for (int i = 1; i < 1000; ++i) {
    history.Add(absl::StrCat(i), {absl::StrCat(i - 1)});
  }
  history.Add("a", {"999"});
  history.Add("b", {"999"});
  history.Add("b2", {"b"});
  EXPECT_THAT(history.BasesOf("a", "b2"), ElementsAre("999"));
  // The parent of the fork is marked, and with that read.
  EXPECT_THAT(history.reads(), ElementsAre("a", "b2", "b", "999", "998"));
}

TEST(MergeBaseTest, ACycleEnds) {
  // As when a deleted commit is pushed again onto its own child.
  History history;
  history.Add("a", {"b"});
  history.Add("b", {"a"});
  history.Add("c", {"b"});
  history.BasesOf("a", "c");
  history.BasesOf("b", "b");
  EXPECT_LE(history.reads().size(), 3u);
}

TEST(MergeBaseTest, RefusesAHistoryBeyondTheBound) {
  History history;
  history.Add("0", {});
  for (int i = 1; i < 20; ++i) {
    history.Add(absl::StrCat(i), {absl::StrCat(i - 1)});
  }
  MergeBaseOptions options = history.Options();
  options.commit_count_max = 10;
  EXPECT_THAT(FindMergeBases("19", "12", options), IsOk());
  const absl::Status status = FindMergeBases("19", "1", options).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("have more than 10 commits above")));
  EXPECT_EQ(ReasonOf(status)->reason, "MERGE_HISTORY_TOO_LONG");
}

TEST(MergeBaseTest, EndsWithTheFirstError) {
  History history;
  history.Add("a", {});
  MergeBaseOptions options = history.Options();
  options.check = [] { return absl::CancelledError("gone"); };
  EXPECT_THAT(FindMergeBases("a", "a", options),
              StatusIs(absl::StatusCode::kCancelled, "gone"));
  options.check = nullptr;
  options.read = [](absl::string_view) {
    return absl::DataLossError("damaged");
  };
  EXPECT_THAT(FindMergeBases("a", "a", options),
              StatusIs(absl::StatusCode::kDataLoss, "damaged"));
}

class MergeBaseModelTest : public ::testing::TestWithParam<uint32_t> {};

// Random histories, also such whose clock jumps, against the definition.
TEST_P(MergeBaseModelTest, FindsTheBestCommonAncestors) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  std::mt19937 random(GetParam());
  for (int round = 0; round < 60; ++round) {
    History history;
    const uint32_t count = 2 + random() % 24;
    const bool is_clock_sane = random() % 2 == 0;
    for (uint32_t i = 0; i < count; ++i) {
      std::vector<std::string> parents;
      for (uint32_t parent = 0; parent < 2 && i > 0; ++parent) {
        if (random() % 8 != 0) {
          const uint32_t back = 1 + random() % std::min(i, 6U);
          parents.push_back(absl::StrCat("c", i - back));
        }
      }
      history.Add(absl::StrCat("c", i), parents,
                  is_clock_sane ? i : random() % 10);
      if (random() % 5 == 0) {
        history.Delete(absl::StrCat("c", i));
      }
    }
    for (int pair = 0; pair < 10; ++pair) {
      const std::string ours = absl::StrCat("c", random() % count);
      const std::string theirs = absl::StrCat("c", random() % count);
      const std::set<std::string> wanted = history.ExpectedBases(ours, theirs);
      std::vector<std::string> expected(wanted.begin(), wanted.end());
      std::stable_sort(
          expected.begin(), expected.end(),
          [&](const std::string& left, const std::string& right) {
            return history.IsDeleted(left) != history.IsDeleted(right)
                       ? history.IsDeleted(right)
                       : history.TimeOf(left) > history.TimeOf(right);
          });
      ASSERT_THAT(history.BasesOf(ours, theirs), ElementsAreArray(expected))
          << ours << " and " << theirs;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MergeBaseModelTest,
                         ::testing::Range(uint32_t{1}, uint32_t{9}));

}  // namespace
}  // namespace copse
