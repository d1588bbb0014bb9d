// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Garbage collection through the door: what each kind of root keeps, what goes,
// and that the bytes leave the disk.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/testing/rot.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr uint32_t kDimension = 16;

class StoreGarbageTest : public ::testing::Test {
 protected:
  StoreGarbageTest()
      : test_({.thread_count = 1,
               .forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = 50,
               .clock = [this] { return now_; }}) {
    test_.CreateDomain("d", Metric::kEuclidean, kDimension);
  }

  // `count` documents from number `first` on, with contents from `content` on.
  static std::vector<TestDocument> Documents(uint32_t first, uint32_t count,
                                             uint32_t content) {
    std::vector<TestDocument> documents;
    for (uint32_t i = 0; i < count; ++i) {
      documents.push_back({absl::StrCat("doc", first + i), content + i});
    }
    return documents;
  }

  void Push(const std::string& commit, const std::string& parent,
            const std::vector<TestDocument>& upserts,
            const std::vector<std::string>& deletes = {}) {
    ASSERT_THAT(test_.Push(Options(commit, parent), upserts, deletes), IsOk());
    // What a commit must hold for ever.
    COPSE_ASSERT_OK_AND_ASSIGN(contents_[commit], test_.ReadAll("d", commit));
    now_ += absl::Seconds(1);
  }

  void Delete(const std::string& commit) {
    ASSERT_THAT(test_->DeleteCommit("d", commit), IsOk());
    contents_.erase(commit);
  }

  GarbageReport Collect(const GarbageOptions& options = {}) {
    const absl::StatusOr<GarbageReport> report =
        test_->CollectGarbage("d", options);
    EXPECT_THAT(report, IsOk());
    return report.value_or(GarbageReport());
  }

  // Every commit is what it was, in memory and on the disk.
  void Check() {
    for (const bool reopens : {false, true}) {
      if (reopens) {
        test_.Reopen();
      }
      for (const auto& [commit, contents] : contents_) {
        EXPECT_THAT(test_.ReadAll("d", commit), IsOkAndHolds(Eq(contents)))
            << commit;
        CheckSearch(commit);
      }
      COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                                 test_->VerifyDomain("d"));
      for (const VerifyFinding& finding : report.findings) {
        ADD_FAILURE() << finding.object << ": " << finding.message;
      }
    }
  }

  // Each tenth document is its own nearest neighbor.
  void CheckSearch(const std::string& commit) {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                               test_->OpenCommit("d", commit));
    CheckReader(*reader, contents_[commit]);
  }
  static void CheckReader(const CommitReader& reader,
                          const std::map<std::string, uint32_t>& contents) {
    int number = 0;
    for (const auto& [id, content] : contents) {
      if (++number % 10 != 0) {
        continue;
      }
      const std::vector<float> query =
          MakeVector(Metric::kEuclidean, kDimension, content);
      COPSE_ASSERT_OK_AND_ASSIGN(const DocumentSearchResult result,
                                 reader.Search({.query = query,
                                                .neighbor_count = 1,
                                                .scan_budget = 10'000,
                                                .rerank_count = 10'000}));
      ASSERT_EQ(result.neighbors.size(), 1);
      EXPECT_EQ(result.neighbors[0].distance, 0);
    }
  }

  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  TestStore test_;
  std::map<std::string, std::map<std::string, uint32_t>> contents_;
};

TEST_F(StoreGarbageTest, FindsNothingWhereEverythingIsUsed) {
  Push("c1", "", Documents(0, 100, 0));
  Push("c2", "c1", Documents(0, 10, 500), {"doc99"});
  const GarbageReport report = Collect();
  EXPECT_EQ(report.commits.kept_count, 2);
  EXPECT_EQ(report.commits.removed_count, 0);
  EXPECT_EQ(report.rows, (GarbageCount{.kept_count = 110}));
  EXPECT_EQ(report.live_sets.removed_count, 0);
  EXPECT_EQ(report.forests, (GarbageCount{.kept_count = 1}));
  EXPECT_EQ(report.pages.removed_count, 0);
  EXPECT_EQ(report.texts.removed_count, 0);
  EXPECT_EQ(report.rewritten_segment_count, 0);
  Check();
}

TEST_F(StoreGarbageTest, RemovesWhatOnlyADeletedCommitHad) {
  Push("c1", "", Documents(0, 100, 0));
  // Ten rows of its own, with texts that no other has.
  Push("c2", "c1", Documents(0, 10, 500));
  Push("c3", "c1", Documents(50, 5, 900));
  Delete("c2");
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport expected,
                             test_->CollectGarbage("d", {.is_dry_run = true}));
  EXPECT_EQ(expected.rows.removed_count, 10);
  const GarbageReport report = Collect();
  EXPECT_EQ(report.rows.kept_count, 105);
  EXPECT_EQ(report.rows.removed_count, 10);
  EXPECT_EQ(report.texts.removed_count, 10);
  EXPECT_EQ(report.live_sets.removed_count, 1);
  EXPECT_EQ(report.forests.removed_count, 0);
  EXPECT_EQ(report.rows, expected.rows);
  EXPECT_EQ(report.texts, expected.texts);
  EXPECT_EQ(report.live_sets, expected.live_sets);
  EXPECT_EQ(report.pages, expected.pages);
  Check();
  EXPECT_EQ(Collect().rows, (GarbageCount{.kept_count = 105}));
}

TEST_F(StoreGarbageTest, ADryRunRemovesNothing) {
  Push("c1", "", Documents(0, 100, 0));
  Push("c2", "c1", Documents(0, 10, 500));
  Delete("c2");
  for (int i = 0; i < 2; ++i) {
    const GarbageReport report = Collect({.is_dry_run = true});
    EXPECT_EQ(report.rows.removed_count, 10);
    EXPECT_EQ(report.live_sets.removed_count, 1);
    EXPECT_LT(report.meta_size_bytes_after, report.meta_size_bytes_before);
  }
  // Also not for a rule that would let commits go.
  const GarbageReport report = Collect(
      {.is_dry_run = true, .retention = RetentionPolicy{.keep_last_count = 1}});
  EXPECT_EQ(report.commits.removed_count, 0);  // The newest is the only one.
  Check();
}

TEST_F(StoreGarbageTest, ADryRunSaysWhatARunWouldDo) {
  Push("c0", "", Documents(0, 20, 0));
  Push("c1", "c0", Documents(1000, 300, 1000));
  std::vector<std::string> deletes;
  for (uint32_t i = 0; i < 300; ++i) {
    deletes.push_back(absl::StrCat("doc", 1000 + i));
  }
  Push("c2", "c1", {{"doc0", 5000}}, deletes);
  // Now the index pool has all three.
  for (const char* commit : {"c0", "c1", "c2"}) {
    CheckSearch(commit);
  }
  const RetentionPolicy last = {.keep_last_count = 1};
  {
    // What a call holds is in use, whatever the rules.
    COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
    const GarbageReport report =
        Collect({.is_dry_run = true, .retention = last});
    EXPECT_EQ(report.commits.removed_count, 2);
    EXPECT_EQ(report.rows.removed_count, 0);
    CheckReader(*reader, contents_["c1"]);
  }
  Check();
  for (const char* commit : {"c0", "c1", "c2"}) {
    CheckSearch(commit);
  }
  const GarbageReport expected =
      Collect({.is_dry_run = true, .retention = last});
  EXPECT_EQ(expected.rows.removed_count, 301);
  const GarbageReport report = Collect({.retention = last});
  EXPECT_EQ(report.commits, expected.commits);
  EXPECT_EQ(report.rows, expected.rows);
  EXPECT_EQ(report.texts, expected.texts);
  EXPECT_EQ(report.live_sets, expected.live_sets);
  EXPECT_EQ(report.forests, expected.forests);
  EXPECT_EQ(report.pages, expected.pages);
  contents_.erase("c0");
  contents_.erase("c1");
  Check();
}

TEST_F(StoreGarbageTest, KeepsLiveSetsThatOthersBuildOn) {
  Push("c0", "", Documents(0, 200, 0));
  std::string parent = "c0";
  for (uint32_t i = 1; i <= 12; ++i) {
    const std::string commit = absl::StrCat("c", i);
    Push(commit, parent, {{absl::StrCat("doc", i), 1000 + i}});
    parent = commit;
  }
  for (uint32_t i = 0; i < 12; ++i) {
    Delete(absl::StrCat("c", i));
  }
  // c12 is at depth 12 and builds on 8 and 0.
  const GarbageReport report = Collect();
  EXPECT_EQ(report.live_sets.kept_count, 3);
  EXPECT_EQ(report.live_sets.removed_count, 10);
  Check();
  Push("next", "c12", {{"doc1", 7}});
  Check();
}

TEST_F(StoreGarbageTest, RemovesForestsThatNobodyPrefers) {
  Push("c1", "", Documents(0, 100, 0));
  // All other rows: a forest of its own, made anew.
  Push("other", "", Documents(1000, 200, 5000));
  // None of these shares a page with the first one.
  Delete("other");
  const GarbageReport report = Collect();
  EXPECT_EQ(report.forests.kept_count, 1);
  EXPECT_EQ(report.forests.removed_count, 1);
  EXPECT_GT(report.pages.kept_count, 0);
  EXPECT_GT(report.pages.removed_count, report.pages.kept_count);
  EXPECT_EQ(report.rows, (GarbageCount{.kept_count = 100,
                                       .removed_count = 200,
                                       .removed_size_bytes =
                                           report.rows.removed_size_bytes}));
  Check();
  // A push chooses among what is left.
  Push("c2", "c1", Documents(0, 60, 7000));
  Check();
}

TEST_F(StoreGarbageTest, AnOpenReaderKeepsItsDeletedCommit) {
  Push("c1", "", Documents(0, 100, 0));
  Push("other", "", Documents(1000, 200, 5000));
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                               test_->OpenCommit("d", "other"));
    const std::map<std::string, uint32_t> contents = contents_["other"];
    Delete("other");
    const GarbageReport report = Collect();
    EXPECT_EQ(report.commits.kept_count, 1);
    EXPECT_EQ(report.rows.removed_count, 0);
    EXPECT_EQ(report.forests.removed_count, 0);
    CheckReader(*reader, contents);
    COPSE_ASSERT_OK_AND_ASSIGN(const auto document,
                               reader->GetDocument("doc1000", {.text = true}));
    EXPECT_EQ(document->text, "text 5000");
  }
  EXPECT_EQ(Collect().rows.removed_count, 200);
  Check();
}

TEST_F(StoreGarbageTest, APushInFlightKeepsItsParentAndItsRows) {
  Push("c1", "", Documents(0, 100, 0));
  Push("c2", "c1", Documents(0, 10, 500));
  COPSE_ASSERT_OK_AND_ASSIGN(auto builder,
                             test_->BeginCommit(Options("c3", "c2")));
  ASSERT_THAT(TestStore::Apply(*builder, Documents(200, 300, 2000)), IsOk());
  EXPECT_EQ(Collect().rows.removed_count, 0);
  ASSERT_THAT(TestStore::Apply(*builder, Documents(600, 10, 3000)), IsOk());
  ASSERT_THAT(builder->Commit({}), IsOk());
  builder.reset();
  COPSE_ASSERT_OK_AND_ASSIGN(contents_["c3"], test_.ReadAll("d", "c3"));
  Check();
}

// The parent is searched through another forest than its push preferred.
TEST_F(StoreGarbageTest, APushWhoseParentWasDeletedIsToldSo) {
  test_.options().fold_mode = StoreOptions::FoldMode::kInBackground;
  test_.Reopen();
  Push("first", "", Documents(0, 100, 0));
  test_->WaitForFolds();
  Push("parent", "first", Documents(100, 80, 500));
  test_->WaitForFolds();
  Delete("first");
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("child", "parent")));
  ASSERT_THAT(TestStore::Apply(*builder, {{"new", 1}}), IsOk());
  Delete("parent");
  EXPECT_EQ(Collect().forests.removed_count, 0);
  EXPECT_THAT(builder->Commit({}),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "PARENT_COMMIT_NOT_FOUND"));
}

TEST_F(StoreGarbageTest, RowsOfAPushThatWasGivenUpGo) {
  Push("c1", "", Documents(0, 100, 0));
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                               test_->BeginCommit(Options("c2", "c1")));
    // Enough for batches that are written before the end.
    std::vector<TestDocument> documents = Documents(200, 9000, 2000);
    ASSERT_THAT(TestStore::Apply(*builder, documents), IsOk());
    EXPECT_EQ(Collect().rows.removed_count, 0);
  }
  const GarbageReport report = Collect();
  EXPECT_GT(report.rows.removed_count, 0);
  EXPECT_EQ(report.rows.kept_count, 100);
  EXPECT_GT(report.vector_size_bytes_before, report.vector_size_bytes_after);
  Check();
}

TEST_F(StoreGarbageTest, ATextIsKeptAsLongAsARowHasIt) {
  Push("c1", "", {{"a", 1}, {"b", 2}});
  Push("c2", "c1", {{"a", 3}});
  // Content 1 again, in another row: the same document, so the same text.
  Push("c3", "c2", {{"a", 1}});
  Delete("c1");
  Delete("c2");
  const GarbageReport report = Collect();
  EXPECT_EQ(report.rows.removed_count, 2);   // a with 1, a with 3.
  EXPECT_EQ(report.texts.removed_count, 1);  // Of 3.
  EXPECT_THAT(test_.ReadAll("d", "c3"),
              IsOkAndHolds(ElementsAre(Pair("a", 1), Pair("b", 2))));
  // A document that comes back to what was swept is written anew.
  Push("c4", "c3", {{"a", 3}});
  Check();
}

// ---- Retention -------------------------------------------------------------

TEST_F(StoreGarbageTest, DeletesTheCommitsThatNoRuleKeeps) {
  Push("c0", "", Documents(0, 20, 0));
  for (int i = 1; i < 10; ++i) {
    Push(absl::StrCat("c", i), absl::StrCat("c", i - 1),
         {{"doc0", 100U + static_cast<uint32_t>(i)}});
  }
  ASSERT_THAT(test_->CreateBranch("d", "old", "c2"), IsOk());
  ASSERT_THAT(test_->CreateLease("d", "backup", "c4", now_ + absl::Hours(1)),
              IsOk());
  ASSERT_THAT(test_->UpdateRetention("d", {.keep_last_count = 3}), IsOk());
  test_.Reopen();
  EXPECT_EQ(Collect({.is_dry_run = true}).commits.removed_count, 5);
  const GarbageReport report = Collect();
  EXPECT_EQ(report.commits.removed_count, 5);
  EXPECT_EQ(report.commits.kept_count, 5);
  for (const char* commit : {"c0", "c1", "c3", "c5", "c6"}) {
    contents_.erase(commit);
    EXPECT_THAT(test_->GetCommit("d", commit),
                FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  }
  Check();
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo domain, test_->GetDomain("d"));
  EXPECT_EQ(domain.options.retention.keep_last_count, 3);
  EXPECT_EQ(domain.commit_count, 5);
  // Then the lease ends.
  now_ += absl::Hours(1);
  EXPECT_EQ(Collect().commits.removed_count, 1);
  contents_.erase("c4");
  Check();
  COPSE_ASSERT_OK_AND_ASSIGN(const Page<LeaseInfo> leases,
                             test_->ListLeases("d", {}));
  EXPECT_THAT(leases.items, IsEmpty());
}

TEST_F(StoreGarbageTest, NeverDeletesTheParentOfAPushInFlight) {
  Push("c1", "", {{"a", 1}});
  Push("c2", "c1", {{"a", 2}});
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c3", "c1")));
  EXPECT_EQ(Collect({.retention = RetentionPolicy{.keep_last_count = 1}})
                .commits.removed_count,
            0);
  ASSERT_THAT(TestStore::Apply(*builder, {{"b", 3}}), IsOk());
  EXPECT_THAT(builder->Commit({}), IsOk());
}

TEST_F(StoreGarbageTest, RefusesRulesItCannotKeep) {
  EXPECT_THAT(
      test_->UpdateRetention("d", {.keep_younger_than = absl::Seconds(-1)}),
      AllOf(FailsWith(absl::StatusCode::kInvalidArgument,
                      "DOMAIN_OPTION_INVALID"),
            StatusIs(absl::StatusCode::kInvalidArgument,
                     Eq("retention.keep_younger_than is -1s, expected 0 to "
                        "8589934591 seconds"))));
  EXPECT_THAT(test_->UpdateRetention(
                  "d", {.keep_younger_than = absl::Milliseconds(1500)}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("retention.keep_younger_than is 1.5s, expected whole "
                          "seconds")));
  EXPECT_THAT(
      test_->UpdateRetention(
          "d", {.keep_branches = std::vector<std::string>(65, "b")}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               Eq("retention.keep_branches is 65 branches, expected at most "
                  "64")));
  EXPECT_THAT(test_->UpdateRetention("d", {.keep_branches = {""}}),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(test_->CollectGarbage(
                  "d", {.retention = RetentionPolicy{.keep_branches = {""}}}),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  EXPECT_THAT(test_->CollectGarbage("x", {}),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

// ---- Leases ----------------------------------------------------------------

TEST_F(StoreGarbageTest, ALeaseKeepsACommitUntilItExpires) {
  Push("c1", "", {{"a", 1}});
  Push("c2", "c1", {{"a", 2}});
  const absl::Time expires = now_ + absl::Minutes(5);
  COPSE_ASSERT_OK_AND_ASSIGN(const LeaseInfo lease,
                             test_->CreateLease("d", "job 7", "c1", expires));
  EXPECT_EQ(lease.commit, "c1");
  EXPECT_EQ(lease.expire_time, expires);
  EXPECT_THAT(
      test_->DeleteCommit("d", "c1"),
      AllOf(FailsWith(absl::StatusCode::kFailedPrecondition, "COMMIT_IN_USE"),
            StatusIs(absl::StatusCode::kFailedPrecondition,
                     HasSubstr("is under lease 'job 7'"))));
  // Again: a longer life.
  EXPECT_THAT(test_->CreateLease("d", "job 7", "c1", expires + absl::Hours(1)),
              IsOk());
  EXPECT_THAT(test_->CreateLease("d", "job 7", "c2", expires),
              FailsWith(absl::StatusCode::kAlreadyExists, "LEASE_EXISTS"));
  EXPECT_THAT(test_->CreateLease("d", "x", "c9", expires),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_THAT(test_->CreateLease("d", "x", "c1", now_),
              FailsWith(absl::StatusCode::kInvalidArgument, "FIELD_INVALID"));
  EXPECT_THAT(test_->CreateLease("d", "", "c1", expires),
              FailsWith(absl::StatusCode::kInvalidArgument, "NAME_INVALID"));
  test_.Reopen();
  COPSE_ASSERT_OK_AND_ASSIGN(const Page<LeaseInfo> leases,
                             test_->ListLeases("d", {}));
  ASSERT_EQ(leases.items.size(), 1);
  EXPECT_EQ(leases.items[0].lease, "job 7");
  EXPECT_EQ(leases.items[0].expire_time, expires + absl::Hours(1));
  now_ = expires + absl::Hours(1);
  EXPECT_THAT(test_->DeleteCommit("d", "c1"), IsOk());
  // The name is free again.
  EXPECT_THAT(test_->CreateLease("d", "job 7", "c2", now_ + absl::Hours(1)),
              IsOk());
  EXPECT_THAT(test_->DeleteLease("d", "job 7"), IsOk());
  EXPECT_THAT(test_->DeleteLease("d", "job 7"),
              FailsWith(absl::StatusCode::kNotFound, "LEASE_NOT_FOUND"));
}

TEST_F(StoreGarbageTest, ListsLeasesInPages) {
  Push("c1", "", {{"a", 1}});
  for (const char* lease : {"b", "c", "a"}) {
    ASSERT_THAT(test_->CreateLease("d", lease, "c1", now_ + absl::Hours(1)),
                IsOk());
  }
  std::vector<std::string> names;
  ListOptions options = {.page_size = 2};
  do {
    COPSE_ASSERT_OK_AND_ASSIGN(const Page<LeaseInfo> page,
                               test_->ListLeases("d", options));
    for (const LeaseInfo& lease : page.items) {
      names.push_back(lease.lease);
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  EXPECT_THAT(names, ElementsAre("a", "b", "c"));
}

// ---- The course of a collection --------------------------------------------

TEST_F(StoreGarbageTest, OneCollectionOfADomainAtATime) {
  Push("c1", "", {{"a", 1}});
  std::vector<GarbagePhase> phases;
  const GarbageOptions options = {
      .on_progress = [&](GarbagePhase phase, const GarbageReport&) {
        if (phases.empty()) {
          EXPECT_THAT(
              test_->CollectGarbage("d", {}),
              FailsWith(absl::StatusCode::kAborted, "COLLECTION_IN_FLIGHT"));
        }
        if (phases.empty() || phases.back() != phase) {
          phases.push_back(phase);
        }
        return absl::OkStatus();
      }};
  ASSERT_THAT(test_->CollectGarbage("d", options), IsOk());
  EXPECT_THAT(phases,
              ElementsAre(GarbagePhase::kExpiring, GarbagePhase::kMarking,
                          GarbagePhase::kSweeping, GarbagePhase::kRewriting,
                          GarbagePhase::kCompacting));
}

TEST_F(StoreGarbageTest, GoesOnAfterItWasStopped) {
  for (int stop_at = 0; stop_at < 12; ++stop_at) {
    const std::string name = absl::StrCat("c", stop_at);
    Push(name, "", Documents(0, 100, 1000 * static_cast<uint32_t>(stop_at)));
    Push(name + "x", name, Documents(0, 80, 90'000));
    Delete(name + "x");
    int calls = 0;
    const absl::StatusOr<GarbageReport> report = test_->CollectGarbage(
        "d", {.on_progress = [&](GarbagePhase, const GarbageReport&) {
          return calls++ == stop_at ? absl::CancelledError("enough")
                                    : absl::OkStatus();
        }});
    if (calls > stop_at) {
      EXPECT_THAT(report, StatusIs(absl::StatusCode::kCancelled, Eq("enough")));
    }
    Check();
  }
  Collect();
  const GarbageReport report = Collect();
  EXPECT_EQ(report.rows, (GarbageCount{.kept_count = 1200}));
  Check();
}

TEST_F(StoreGarbageTest, RefusesADomainWhoseRootsAreDamaged) {
  Push("c1", "", Documents(0, 100, 0));
  Push("c2", "", Documents(0, 10, 500));
  Delete("c2");
  test_.Close();
  const std::string key = LiveSetKey(1, 1);
  std::string bytes;
  {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const auto database,
        MetaDatabase::Open({.folder = test_.path() + "/meta"}));
    bytes = database->Get(MetaTable::kLiveSets, key).value().value();
    MetaBatch batch(*database);
    batch.Put(MetaTable::kLiveSets, key, bytes.substr(1));
    ASSERT_THAT(database->Write(batch, Durability::kSynced), IsOk());
  }
  test_.Open();
  EXPECT_THAT(
      test_->CollectGarbage("d", {}),
      AllOf(FailsWith(absl::StatusCode::kDataLoss, "DATA_DAMAGED"),
            StatusIs(absl::StatusCode::kDataLoss, HasSubstr("live set 1"))));
  test_.Close();
  {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const auto database,
        MetaDatabase::Open({.folder = test_.path() + "/meta"}));
    MetaBatch batch(*database);
    batch.Put(MetaTable::kLiveSets, key, bytes);
    ASSERT_THAT(database->Write(batch, Durability::kSynced), IsOk());
  }
  test_.Open();
  EXPECT_EQ(Collect().rows.removed_count, 10);
  Check();
}

TEST_F(StoreGarbageTest, ADeletedDomainIsNoLongerCollected) {
  Push("c1", "", Documents(0, 100, 0));
  const absl::StatusOr<GarbageReport> report = test_->CollectGarbage(
      "d", {.on_progress = [&](GarbagePhase phase, const GarbageReport&) {
        if (phase == GarbagePhase::kSweeping) {
          test_->DeleteDomain("d").IgnoreError();
        }
        return absl::OkStatus();
      }});
  EXPECT_THAT(report,
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
}

// ---- The disk --------------------------------------------------------------

// The bytes that files take, as du counts them; a link counts once.
int64_t DiskUsage(const std::string& folder) {
  return AllocatedSizeBytes(folder).value();
}

TEST_F(StoreGarbageTest, FreedBytesLeaveTheDisk) {
  constexpr uint32_t kRowCount = 20'000;
  Push("small", "", Documents(0, 1000, 0));
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                               test_->BeginCommit(Options("large", "small")));
    std::vector<EmbeddedDocument> embedded;
    std::vector<Document> documents;
    std::vector<std::vector<float>> vectors;
    documents.reserve(kRowCount);
    for (uint32_t i = 0; i < kRowCount; ++i) {
      Document document = MakeDocument({absl::StrCat("big", i), 10'000 + i});
      // Long enough to be a blob, and compresses to no less. One word: five
      // million would take longer than all the rest.
      std::string text;
      for (uint32_t k = 0; k < 256; ++k) {
        absl::StrAppend(&text, (i * 7919 + k) * 2654435761U, "x");
      }
      document.text = text;
      documents.push_back(std::move(document));
      vectors.push_back(MakeVector(Metric::kEuclidean, kDimension, i));
      embedded.push_back({&documents.back(), vectors.back()});
    }
    ASSERT_THAT(builder->Upsert(embedded), IsOk());
    ASSERT_THAT(builder->Commit({}), IsOk());
  }
  test_.Reopen();  // Everything is in tables and files.
  const int64_t full = DiskUsage(test_.path());
  ASSERT_THAT(test_->DeleteCommit("d", "large"), IsOk());
  const GarbageReport expected = Collect({.is_dry_run = true});
  const GarbageReport report = Collect();
  EXPECT_EQ(report.rows.removed_count, kRowCount);
  EXPECT_EQ(report.texts.removed_count, kRowCount);
  const int64_t left = DiskUsage(test_.path());
  RecordProperty("full", absl::StrCat(full));
  RecordProperty("left", absl::StrCat(left));
  std::printf(
      "du: %ld bytes before, %ld after; report: vectors %ld to %ld, "
      "rest %ld to %ld (dry run %ld)\n",
      static_cast<long>(full), static_cast<long>(left),
      static_cast<long>(report.vector_size_bytes_before),
      static_cast<long>(report.vector_size_bytes_after),
      static_cast<long>(report.meta_size_bytes_before),
      static_cast<long>(report.meta_size_bytes_after),
      static_cast<long>(expected.meta_size_bytes_after));
  // 1,000 of 21,000 rows are left, and next to nothing of the texts.
  EXPECT_GT(full, int64_t{kRowCount} * 1100);
  EXPECT_LT(left, full / 10);
  EXPECT_GT(report.freed_size_bytes(), full * 9 / 10);
  Check();
  test_.Reopen();
  EXPECT_LT(DiskUsage(test_.path()), full / 10);
}

TEST_F(StoreGarbageTest, ADeletedDomainLeavesTheDisk) {
  Push("c1", "", Documents(0, 100, 0));
  test_.CreateDomain("e", Metric::kEuclidean, kDimension);
  ASSERT_THAT(test_.Push({.domain = "e", .commit = "c1"},
                         Documents(0, 20'000, 100'000)),
              IsOk());
  test_.Reopen();
  const int64_t full = DiskUsage(test_.path());
  ASSERT_THAT(test_->DeleteDomain("e"), IsOk());
  Check();
  EXPECT_LT(DiskUsage(test_.path()), full / 4);
}

// Rows of two domains share a file, and the block with the first ones of one
// domain rots.
TEST_F(StoreGarbageTest, DamageOfADomainLeavesTheOthersAlone) {
  Push("c1", "", Documents(0, 2000, 0));
  test_.CreateDomain("e", Metric::kEuclidean, kDimension);
  ASSERT_THAT(test_.Push({.domain = "e", .commit = "c1"}, Documents(0, 100, 0)),
              IsOk());
  ASSERT_THAT(test_.Push({.domain = "e", .commit = "c2", .parent_commit = "c1"},
                         Documents(0, 100, 5000)),
              IsOk());
  test_.Close();
  ASSERT_EQ(RotFirstBlocks(test_.path() + "/meta", MetaTable::kRows), 1);
  test_.Open();
  COPSE_ASSERT_OK_AND_ASSIGN(const auto expected, test_.ReadAll("e", "c1"));
  ASSERT_THAT(test_->DeleteCommit("e", "c2"), IsOk());

  COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport report,
                             test_->CollectGarbage("e", {}));
  EXPECT_EQ(report.rows.removed_count, 100);
  EXPECT_THAT(report.compaction_status,
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("table rows: database: "),
                             HasSubstr("block checksum mismatch"))));
  EXPECT_THAT(test_.Push({.domain = "e", .commit = "c3", .parent_commit = "c1"},
                         Documents(0, 10, 7000)),
              IsOk());
  EXPECT_THAT(test_.ReadAll("e", "c1"), IsOkAndHolds(Eq(expected)));
  EXPECT_THAT(test_.ReadAll("d", "c1"), StatusIs(absl::StatusCode::kDataLoss));

  EXPECT_THAT(test_->DeleteDomain("d"), IsOk());
  test_.Reopen();
  EXPECT_THAT(test_->GetDomain("d"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(test_.ReadAll("e", "c1"), IsOkAndHolds(Eq(expected)));
  EXPECT_THAT(test_->CollectGarbage("e", {}), IsOk());
}

TEST_F(StoreGarbageTest, LinksToSegmentsKeepWhatTheyHad) {
  Push("c1", "", Documents(0, 2000, 0));
  Push("c2", "c1", Documents(5000, 4000, 9000));
  const std::string segment = test_.path() + "/domains/1/vectors-000000.seg";
  const std::string link = test_.path() + "-backup.seg";
  std::filesystem::create_hard_link(segment, link);
  const auto read = [](const std::string& path) {
    return ReadSmallFile(path, size_t{1} << 28).value();
  };
  const std::string before = read(link);
  Delete("c2");
  EXPECT_EQ(Collect().rewritten_segment_count, 1);
  EXPECT_EQ(std::filesystem::hard_link_count(link), 1);
  EXPECT_EQ(read(link), before);
  EXPECT_NE(read(segment), before);
  EXPECT_EQ(read(segment).size(), before.size());
  Check();
  // And what is written now goes to the new file.
  Push("c3", "c1", Documents(9000, 300, 50'000));
  EXPECT_EQ(read(link), before);
  Check();
}

}  // namespace
}  // namespace copse
