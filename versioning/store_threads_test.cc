// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Many threads on one store, for the thread sanitizer and for what must hold
// whatever their order.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

class StoreThreadsTest : public ::testing::Test {
 protected:
  StoreThreadsTest()
      : test_({.pool_size_bytes = 40'000,
               .thread_count = 2,
               .forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = 30,
               .fold_mode = StoreOptions::FoldMode::kInBackground}) {
    test_.CreateDomain("d");
  }

  TestStore test_;
};

TEST_F(StoreThreadsTest, TwoBranchesAreWrittenAtOnce) {
  constexpr uint32_t kCommitCount = 25;
  std::map<std::string, std::map<std::string, uint32_t>> snapshots;
  for (const std::string branch : {"left", "right"}) {
    snapshots[branch] = {};
  }
  std::atomic<bool> done = false;
  {
    std::vector<std::jthread> threads;
    threads.reserve(snapshots.size());
    for (auto& [name, model] : snapshots) {
      threads.emplace_back([this, branch = name, &snapshot = model] {
        for (uint32_t i = 0; i < kCommitCount; ++i) {
          std::vector<TestDocument> documents;
          for (uint32_t j = 0; j < 5; ++j) {
            // Some content is the same on both branches.
            documents.push_back({absl::StrCat("doc", i * 3 + j), i + j});
            snapshot[documents.back().id] = i + j;
          }
          CommitOptions options = {.domain = "d",
                                   .commit = absl::StrCat(branch, i),
                                   .branch = branch};
          if (i > 0) {
            options.parent_commit = absl::StrCat(branch, i - 1);
            options.expected_branch_commit = options.parent_commit;
          }
          ASSERT_THAT(test_.Push(options, documents), IsOk());
        }
      });
    }
    // Readers come and go, in a pool that is too small.
    threads.emplace_back([this, &done] {
      for (uint32_t i = 0; !done; ++i) {
        for (const std::string branch : {"left", "right"}) {
          const absl::StatusOr<BranchInfo> head = test_->GetBranch("d", branch);
          if (!head.ok()) {
            continue;
          }
          COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                                     test_->OpenCommit("d", head->head_commit));
          COPSE_ASSERT_OK_AND_ASSIGN(
              const DocumentSearchResult result,
              reader->Search({.query = MakeVector(Metric::kCosine, 4, i),
                              .types = i % 2 == 0
                                           ? std::vector<std::string>{"T"}
                                           : std::vector<std::string>{}}));
          ASSERT_EQ(result.neighbors.size(),
                    std::min<size_t>(10, static_cast<size_t>(
                                             reader->info().document_count)));
        }
        COPSE_ASSERT_OK_AND_ASSIGN(const StoreStatistics statistics,
                                   test_->GetStatistics());
        ASSERT_LE(statistics.in_flight_count, 2);
      }
    });
    threads[0].join();
    threads[1].join();
    done = true;
  }
  for (const auto& [branch, snapshot] : snapshots) {
    EXPECT_THAT(test_.ReadAll("d", absl::StrCat(branch, kCommitCount - 1)),
                IsOkAndHolds(ElementsAreArray(snapshot)));
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.commits_checked, 2 * kCommitCount);
}

// Pushes whose commits go again, readers of such commits, and collections that
// rewrite segments under them.
TEST(StoreGarbageThreadsTest, GarbageGoesWhileEverythingElseGoesOn) {
  constexpr uint32_t kCommitCount = 30;
  constexpr uint32_t kDimension = 256;
  TestStore test({.pool_size_bytes = 40'000,
                  .thread_count = 1,
                  .forest = {.fan_out = 8, .leaf_row_count = 8},
                  .forest_row_count_min = 60});
  test.CreateDomain("d", Metric::kEuclidean, kDimension);
  std::map<std::string, std::map<std::string, uint32_t>> snapshots = {
      {"left", {}}, {"right", {}}};
  std::atomic<bool> done = false;
  std::atomic<int64_t> removed_count = 0;
  std::atomic<int64_t> rewritten_count = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(snapshots.size());
    for (auto& [name, model] : snapshots) {
      threads.emplace_back([&test, branch = name, &snapshot = model] {
        for (uint32_t i = 0; i < kCommitCount; ++i) {
          std::vector<TestDocument> documents;
          for (uint32_t j = 0; j < 40; ++j) {
            // The other branch has the same content, now or a little later, so
            // texts come back while they are swept.
            documents.push_back(
                {absl::StrCat("doc", (i * 7 + j) % 100), i / 2 * 50 + j});
            snapshot[documents.back().id] = documents.back().content;
          }
          const std::string parent = i == 0 ? "" : absl::StrCat(branch, i - 1);
          ASSERT_THAT(test.Push({.domain = "d",
                                 .commit = absl::StrCat(branch, i),
                                 .parent_commit = parent,
                                 .branch = branch},
                                documents),
                      IsOk());
          if (i > 0) {
            ASSERT_THAT(test->DeleteCommit("d", parent), IsOk());
          }
        }
      });
    }
    threads.emplace_back([&] {  // Reads at commits that are being deleted.
      while (!done) {
        for (const std::string branch : {"left", "right"}) {
          const absl::StatusOr<BranchInfo> head = test->GetBranch("d", branch);
          if (!head.ok()) {
            continue;
          }
          const auto reader = test->OpenCommit("d", head->head_commit);
          if (!reader.ok()) {
            ASSERT_THAT(reader, StatusIs(absl::StatusCode::kNotFound));
            continue;
          }
          for (int k = 0; k < 3; ++k) {
            int64_t count = 0;
            ASSERT_THAT(
                (*reader)->ForEachDocument({.text = true, .vector = true},
                                           [&count](const StoredDocument&) {
                                             ++count;
                                             return absl::OkStatus();
                                           }),
                IsOk());
            ASSERT_EQ(count, (*reader)->info().document_count);
            ASSERT_THAT((*reader)->Search(
                            {.query = MakeVector(Metric::kEuclidean, kDimension,
                                                 static_cast<uint32_t>(k))}),
                        IsOk());
          }
        }
      }
    });
    threads.emplace_back([&] {
      while (!done) {
        COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport report,
                                   test->CollectGarbage("d", {}));
        removed_count += report.rows.removed_count;
        rewritten_count += report.rewritten_segment_count;
      }
    });
    threads.emplace_back([&] {
      while (!done) {
        COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                                   test->VerifyDomain("d"));
        ASSERT_THAT(report.findings, IsEmpty())
            << report.findings[0].object << report.findings[0].message;
        COPSE_ASSERT_OK_AND_ASSIGN(const SizeReport sizes,
                                   test->MeasureSizes("d"));
        ASSERT_GE(sizes.domain.other_size_bytes, 0);
        for (const CommitSize& commit : sizes.commits) {
          ASSERT_GT(commit.unique_size_bytes, 0);
          ASSERT_GE(commit.shared_size_bytes(), 0);
        }
      }
    });
    threads[0].join();
    threads[1].join();
    done = true;
  }
  EXPECT_GT(removed_count, 0);
  EXPECT_GT(rewritten_count, 0);
  for (const bool reopens : {false, true}) {
    if (reopens) {
      test.Reopen();
      ASSERT_THAT(test->CollectGarbage("d", {}), IsOk());
    }
    for (const auto& [branch, snapshot] : snapshots) {
      EXPECT_THAT(test.ReadAll("d", absl::StrCat(branch, kCommitCount - 1)),
                  IsOkAndHolds(ElementsAreArray(snapshot)));
    }
    COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                               test->VerifyDomain("d"));
    EXPECT_THAT(report.findings, IsEmpty());
  }
}

TEST_F(StoreThreadsTest, OfManyThatPushOneCommitOneSucceeds) {
  std::atomic<int> success_count = 0;
  {
    std::vector<std::jthread> threads;
    for (uint32_t i = 0; i < 6; ++i) {
      threads.emplace_back([&, i] {
        const absl::Status status =
            test_.Push({.domain = "d", .commit = "c"}, {{"a", i}}).status();
        success_count += status.ok() ? 1 : 0;
        ASSERT_TRUE(status.ok() || absl::IsAborted(status) ||
                    absl::IsAlreadyExists(status))
            << status;
      });
    }
  }
  EXPECT_EQ(success_count, 1);
}

TEST_F(StoreThreadsTest, ABranchMovesForOneOfThoseThatExpectTheSame) {
  ASSERT_THAT(test_.Push({.domain = "d", .commit = "base", .branch = "main"},
                         {{"a", 1}}),
              IsOk());
  std::atomic<int> success_count = 0;
  {
    std::vector<std::jthread> threads;
    for (uint32_t i = 0; i < 6; ++i) {
      threads.emplace_back([&, i] {
        const absl::Status status =
            test_
                .Push({.domain = "d",
                       .commit = absl::StrCat("c", i),
                       .parent_commit = "base",
                       .branch = "main",
                       .expected_branch_commit = "base"},
                      {{"b", i}})
                .status();
        success_count += status.ok() ? 1 : 0;
        ASSERT_TRUE(status.ok() || absl::IsAborted(status)) << status;
      });
    }
  }
  EXPECT_EQ(success_count, 1);
  EXPECT_EQ(test_->GetBranch("d", "main")->version, 2);
}

TEST_F(StoreThreadsTest, DomainsGoWhileTheyAreUsed) {
  for (int round = 0; round < 5; ++round) {
    test_.CreateDomain("gone");
    std::vector<std::jthread> threads;
    for (uint32_t thread = 0; thread < 3; ++thread) {
      threads.emplace_back([this, thread] {
        std::string parent;
        for (uint32_t i = 0; i < 50; ++i) {
          const std::string commit = absl::StrCat(thread, "c", i);
          const absl::Status status = test_
                                          .Push({.domain = "gone",
                                                 .commit = commit,
                                                 .parent_commit = parent},
                                                {{commit, i}, {"same", i}})
                                          .status();
          if (!status.ok()) {
            ASSERT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
            return;
          }
          parent = commit;
          const auto reader = test_->OpenCommit("gone", commit);
          if (!reader.ok()) {
            ASSERT_THAT(reader, StatusIs(absl::StatusCode::kNotFound));
            return;
          }
          const auto result =
              (*reader)->Search({.query = MakeVector(Metric::kCosine, 4, i)});
          ASSERT_TRUE(result.ok() || absl::IsNotFound(result.status()))
              << result.status();
        }
      });
    }
    while (!test_->GetCommit("gone", "0c3").ok()) {
      std::this_thread::yield();
    }
    ASSERT_THAT(test_->DeleteDomain("gone"), IsOk());
  }
}

}  // namespace
}  // namespace copse
