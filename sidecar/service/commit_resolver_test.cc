// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/commit_resolver.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Pair;

// Commits "c1" and, of it, "c2" and "c3", at which branch "main" is.
class CommitResolverTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak")}), IsOk());
    ASSERT_THAT(Push(Options("c2", "c1"), {}), IsOk());
    PushOptions options = Options("c3", "c2");
    options.commit.branch = "main";
    ASSERT_THAT(Push(options, {}), IsOk());
  }

  // Resolves commit "new", which is not indexed.
  absl::StatusOr<ResolvedCommit> Resolve(
      const std::vector<std::string>& ancestors,
      std::optional<int64_t> max_lag = std::nullopt) {
    CommitSelector selector;
    selector.commit = "new";
    selector.ancestor_commits = ancestors;
    selector.max_lag = max_lag;
    return ResolveCommit(*store_, "admin/trees", selector);
  }

  static void ExpectAnswer(const absl::StatusOr<ResolvedCommit>& resolved,
                           const std::string& commit, int64_t lag) {
    ASSERT_THAT(resolved, IsOk());
    EXPECT_EQ(resolved->commit, commit);
    EXPECT_EQ(resolved->lag, lag);
    EXPECT_EQ(resolved->reader->info().commit, commit);
  }
};

TEST_F(CommitResolverTest, ACommitThatIsIndexedAnswersWhateverTheLagMayBe) {
  CommitSelector selector;
  selector.commit = "c3";
  selector.ancestor_commits = {"c2", "c1"};
  selector.max_lag = 0;
  ExpectAnswer(ResolveCommit(*store_, "admin/trees", selector), "c3", 0);
}

TEST_F(CommitResolverTest, TheNearestIndexedAncestorAnswersUpToTheLag) {
  ExpectAnswer(Resolve({"x", "c2", "c1"}), "c2", 2);
  ExpectAnswer(Resolve({"x", "c2", "c1"}, 2), "c2", 2);
  ExpectAnswer(Resolve({"x", "c2", "c1"}, 3), "c2", 2);
  ExpectAnswer(Resolve({"x", "c2", "c1"}, INT32_MAX), "c2", 2);
  ExpectAnswer(Resolve({"c1"}, 1), "c1", 1);
}

TEST_F(CommitResolverTest, SaysHowFarTheNearestIndexedAncestorIs) {
  const absl::Status status = Resolve({"x", "y", "c2", "c1"}, 2).status();
  EXPECT_THAT(status,
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_EQ(status.message(),
            "domain 'admin/trees' has no commit 'new'; the nearest indexed "
            "ancestor is 'c2' at lag 3, but max_lag is 2");
  EXPECT_THAT(
      ReasonOf(status)->metadata,
      AllOf(Contains(Pair("domain", "admin/trees")),
            Contains(Pair("commit", "new")),
            Contains(Pair("nearest_indexed_commit", "c2")),
            Contains(Pair("lag", "3")), Contains(Pair("max_lag", "2"))));
  EXPECT_EQ(Resolve({"c3"}, 0).status().message(),
            "domain 'admin/trees' has no commit 'new'; the nearest indexed "
            "ancestor is 'c3' at lag 1, but max_lag is 0");
}

TEST_F(CommitResolverTest, ADeletedAncestorDoesNotAnswer) {
  ASSERT_THAT(store_->DeleteCommit("admin/trees", "c2"), IsOk());
  ExpectAnswer(Resolve({"c2", "c1"}), "c1", 2);
  EXPECT_EQ(Resolve({"c2", "c1"}, 1).status().message(),
            "domain 'admin/trees' has no commit 'new'; the nearest indexed "
            "ancestor is 'c1' at lag 2, but max_lag is 1");
}

TEST_F(CommitResolverTest, SaysThatNoAncestorIsIndexed) {
  EXPECT_EQ(Resolve({"x", "y"}, 1).status().message(),
            "domain 'admin/trees' has no commit 'new', nor any of the 2 "
            "ancestors given");
  EXPECT_EQ(Resolve({}, 0).status().message(),
            "domain 'admin/trees' has no commit 'new'");
}

TEST_F(CommitResolverTest, RefusesALagThatCannotBe) {
  const absl::Status status = Resolve({"c1"}, -1).status();
  EXPECT_THAT(status,
              FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
  EXPECT_EQ(status.message(), "at.max_lag is -1, expected at least 0");
}

TEST_F(CommitResolverTest, ABranchAnswersWithItsHead) {
  CommitSelector selector;
  selector.branch = "main";
  ExpectAnswer(ResolveCommit(*store_, "admin/trees", selector), "c3", 0);
}

}  // namespace
}  // namespace copse
