// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/verify.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/forest_record.h"
#include "versioning/keys.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/row_record.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The first domain of a store has number 1.
constexpr uint32_t kDomain = 1;

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest()
      : test_({.thread_count = 1,
               .forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = 20}) {
    test_.CreateDomain("d");
    std::vector<TestDocument> documents;
    for (uint32_t i = 0; i < 40; ++i) {
      documents.push_back({absl::StrCat("id", i), i});
    }
    COPSE_CHECK(
        test_.Push({.domain = "d", .commit = "c1", .branch = "main"}, documents)
            .ok());
    // Row 5 is in c1 alone, row 6 in both.
    COPSE_CHECK(
        test_
            .Push({.domain = "d", .commit = "c2", .parent_commit = "c1"},
                  {{"id5", 50}})
            .ok());
  }

  // Changes the database behind the store's back.
  void Damage(const std::function<void(MetaDatabase&, MetaBatch&)>& damage) {
    test_.Close();
    const auto database =
        MetaDatabase::Open({.folder = test_.path() + "/meta"});
    COPSE_CHECK(database.ok());
    MetaBatch batch(**database);
    damage(**database, batch);
    COPSE_CHECK((*database)->Write(batch, Durability::kSynced).ok());
  }

  void DamageAndOpen(
      const std::function<void(MetaDatabase&, MetaBatch&)>& damage) {
    Damage(damage);
    test_.Open();
  }

  std::vector<VerifyFinding> Verify() {
    const absl::StatusOr<VerifyReport> report = test_->VerifyDomain("d");
    EXPECT_THAT(report, IsOk());
    return report->findings;
  }

  static auto Finding(const std::string& object, const std::string& message) {
    return AllOf(Field(&VerifyFinding::object, object),
                 Field(&VerifyFinding::message, HasSubstr(message)));
  }

  TestStore test_;
};

TEST_F(VerifyTest, FindsNothingInAnIntactDomain) {
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.commits_checked, 2);
  EXPECT_EQ(report.rows_checked, 41);
  EXPECT_GT(report.pages_checked, 1);
}

TEST_F(VerifyTest, NamesTheCommitsThatReachALostRow) {
  DamageAndOpen([](MetaDatabase&, MetaBatch& batch) {
    batch.Delete(MetaTable::kRows, RowKey(kDomain, 5));
    batch.Delete(MetaTable::kRows, RowKey(kDomain, 6));
  });
  const std::vector<VerifyFinding> findings = Verify();
  ASSERT_THAT(findings, ElementsAre(Finding("row 5", "its record is missing"),
                                    Finding("row 6", "its record is missing")));
  EXPECT_THAT(findings[0].commits, ElementsAre("c1"));
  EXPECT_THAT(findings[1].commits, ElementsAre("c1", "c2"));
  // A search that needs the row says so, too.
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  const absl::Status status =
      reader
          ->Search({.query = MakeVector(Metric::kCosine, 4, 6),
                    .neighbor_count = 40})
          .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("row ")));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
}

TEST_F(VerifyTest, FindsDamagedRecords) {
  DamageAndOpen([](MetaDatabase&, MetaBatch& batch) {
    batch.Put(MetaTable::kRows, RowKey(kDomain, 7), "junk");
    batch.Delete(MetaTable::kDocuments, DocumentKey(kDomain, "id8", 8));
    batch.Put(MetaTable::kDocuments, DocumentKey(kDomain, "id9", 9),
              DocumentRecord().Encode());
    batch.Delete(MetaTable::kTexts,
                 TextKey(kDomain, HashContent(MakeDocument({"id10", 10}))));
  });
  const std::vector<VerifyFinding> findings = Verify();
  EXPECT_THAT(findings,
              ElementsAre(Finding("row 7", "record"),
                          Finding("row 8", "its document record is missing"),
                          Finding("row 9", "of other content"),
                          Finding("row 10", "text")));
}

TEST_F(VerifyTest, FindsAFlippedBitOfAVector) {
  test_.Close();
  {
    std::fstream file(test_.path() + "/domains/1/vectors-000000.seg",
                      std::ios::in | std::ios::out | std::ios::binary);
    // Places of 64 bytes, after the header page.
    file.seekg(4096 + 64 * 11 + 2);
    const int byte = file.get();
    file.seekp(4096 + 64 * 11 + 2);
    file.put(static_cast<char>(byte ^ 1));
    ASSERT_TRUE(file.good());
  }
  test_.Open();
  const std::vector<VerifyFinding> findings = Verify();
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].object, "row 11");
  EXPECT_THAT(findings[0].commits, ElementsAre("c1", "c2"));
}

TEST_F(VerifyTest, FindsWrongCountsAndFingerprints) {
  DamageAndOpen([](MetaDatabase& database, MetaBatch& batch) {
    Manifest manifest = *Manifest::Parse(
        **database.Get(MetaTable::kCommits, CommitKey(kDomain, "c2")));
    manifest.vector_count = 7;
    manifest.fingerprint_sum = FingerprintSum();
    batch.Put(MetaTable::kCommits, CommitKey(kDomain, "c2"),
              *manifest.Encode());
  });
  EXPECT_THAT(
      Verify(),
      ElementsAre(Finding("commit 'c2'", "manifest says 7 rows, expected 40"),
                  Finding("commit 'c2'", "fingerprint")));
  EXPECT_THAT(test_->OpenCommit("d", "c2"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("has 40 rows, expected 7")));
}

TEST_F(VerifyTest, FindsDamagedManifestsLiveSetsAndBranches) {
  DamageAndOpen([](MetaDatabase&, MetaBatch& batch) {
    batch.Put(MetaTable::kCommits, CommitKey(kDomain, "c1"), "junk");
    batch.Delete(MetaTable::kLiveSets, LiveSetKey(kDomain, 2));
    batch.Put(MetaTable::kBranches, BranchKey(kDomain, "b"), "junk");
  });
  const std::vector<VerifyFinding> findings = Verify();
  EXPECT_THAT(findings, Contains(Finding("manifest of commit 'c1'", "record")));
  EXPECT_THAT(findings, Contains(Finding("live set 2", "missing")));
  EXPECT_THAT(findings, Contains(Finding("branch 'b'", "record")));
  EXPECT_THAT(test_->OpenCommit("d", "c1"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'c1'")));
  EXPECT_THAT(test_->GetBranch("d", "b"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("branch 'b'")));
}

TEST_F(VerifyTest, FindsABranchWithoutItsCommit) {
  DamageAndOpen([](MetaDatabase&, MetaBatch& batch) {
    batch.Delete(MetaTable::kCommits, CommitKey(kDomain, "c1"));
  });
  EXPECT_THAT(Verify(),
              ElementsAre(Finding("branch 'main'", "'c1' of domain 'd'")));
}

TEST_F(VerifyTest, FindsDamagedPagesAndForests) {
  DamageAndOpen([](MetaDatabase& database, MetaBatch& batch) {
    // Any page of the forest but its root, which is the last.
    batch.Put(MetaTable::kPages, PageKey(kDomain, 1), "junk");
    const std::string record =
        **database.Get(MetaTable::kForests, ForestKey(kDomain, 1));
    ForestRecord forest = *ForestRecord::Parse(record);
    forest.row_count += 1;
    batch.Put(MetaTable::kForests, ForestKey(kDomain, 1), forest.Encode());
  });
  const std::vector<VerifyFinding> findings = Verify();
  ASSERT_THAT(findings, ElementsAre(Finding("forest 1", "page")));
  EXPECT_THAT(test_->OpenCommit("d", "c1"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("covered set has 40 rows, expected 41")));
}

TEST_F(VerifyTest, AFoldMakesADamagedForestAnew) {
  DamageAndOpen([](MetaDatabase&, MetaBatch& batch) {
    for (uint32_t page = 1; page < 40; ++page) {
      batch.Put(MetaTable::kPages, PageKey(kDomain, page), "junk");
    }
  });
  std::vector<TestDocument> documents;
  for (uint32_t i = 0; i < 21; ++i) {
    documents.push_back({absl::StrCat("n", i), 100 + i});
  }
  ASSERT_THAT(test_.Push({.domain = "d", .commit = "c3", .parent_commit = "c2"},
                         documents),
              IsOk());
  for (const VerifyFinding& finding : Verify()) {
    EXPECT_THAT(finding, Finding("forest 1", "page"));
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c3"));
  EXPECT_THAT(reader->Search({.query = MakeVector(Metric::kCosine, 4, 6)}),
              IsOk());
}

TEST_F(VerifyTest, ALostFolderIsDamageAndNotAnUnknownDomain) {
  test_.Close();
  ASSERT_THAT(RemoveTree(test_.path() + "/domains/1"), IsOk());
  test_.Open();
  EXPECT_THAT(test_->OpenCommit("d", "c1"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("domain 'd'")));
}

TEST_F(VerifyTest, SurvivesALostSegment) {
  test_.Close();
  ASSERT_THAT(RemoveTree(test_.path() + "/domains/1/vectors-000000.seg"),
              IsOk());
  test_.Open();
  const std::vector<VerifyFinding> findings = Verify();
  EXPECT_THAT(findings, Contains(Finding("segments", "vectors-000000.seg")));
  EXPECT_GT(findings.size(), 40);
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  EXPECT_THAT(reader->GetDocument("id1", {.text = true}), IsOk());
  EXPECT_THAT(
      reader->Search({.query = MakeVector(Metric::kCosine, 4, 6)}),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("vectors-000000.seg")));
}

// Commits that are searched through a forest that was made in the background,
// and that no manifest names.
class VerifyFoldedTest : public ::testing::Test {
 protected:
  VerifyFoldedTest()
      : test_({.thread_count = 1,
               .forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = 20,
               .fold_mode = StoreOptions::FoldMode::kInBackground}) {
    test_.CreateDomain("d");
    std::vector<TestDocument> documents;
    for (uint32_t i = 0; i < 60; ++i) {
      documents.push_back({absl::StrCat("id", i), i});
    }
    COPSE_CHECK(test_.Push({.domain = "d", .commit = "c1"}, documents).ok());
    COPSE_CHECK(
        test_
            .Push({.domain = "d", .commit = "c2", .parent_commit = "c1"},
                  {{"id60", 60}})
            .ok());
    test_->WaitForFolds();
  }

  void DamagePagesAndClose() {
    test_.Close();
    const auto database =
        MetaDatabase::Open({.folder = test_.path() + "/meta"});
    COPSE_CHECK(database.ok());
    MetaBatch batch(**database);
    for (uint32_t page = 1; page < 60; ++page) {
      batch.Put(MetaTable::kPages, PageKey(kDomain, page), "junk");
    }
    COPSE_CHECK((*database)->Write(batch, Durability::kSynced).ok());
  }

  absl::StatusOr<std::string> FindNearest(const std::string& commit,
                                          uint32_t content) {
    COPSE_ASSIGN_OR_RETURN(const auto reader, test_->OpenCommit("d", commit));
    const std::vector<float> query = MakeVector(Metric::kCosine, 4, content);
    COPSE_ASSIGN_OR_RETURN(
        const DocumentSearchResult result,
        reader->Search({.query = query, .neighbor_count = 1}));
    return result.neighbors[0].document_id;
  }

  uint64_t ForestOf(const std::string& commit) {
    const auto reader = std::static_pointer_cast<const CommitReaderImpl>(
        test_->OpenCommit("d", commit).value());
    return reader->forest() == nullptr ? 0 : reader->forest()->number();
  }

  TestStore test_;
};

TEST_F(VerifyFoldedTest, NamesTheCommitsThatADamagedForestServes) {
  DamagePagesAndClose();
  test_.Open();
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  ASSERT_EQ(report.findings.size(), 1);
  EXPECT_EQ(report.findings[0].object, absl::StrCat("forest ", ForestOf("c1")));
  EXPECT_THAT(report.findings[0].commits, ElementsAre("c1", "c2"));
}

TEST_F(VerifyFoldedTest, ASearchDoesWithoutADamagedForest) {
  const uint64_t damaged = ForestOf("c1");
  ASSERT_NE(damaged, 0u);
  DamagePagesAndClose();
  test_.Open();
  ASSERT_EQ(ForestOf("c1"), damaged);
  EXPECT_THAT(FindNearest("c1", 33), IsOkAndHolds("id33"));
  // It is made anew from the rows.
  EXPECT_THAT(FindNearest("c1", 34), IsOkAndHolds("id34"));
  test_->WaitForFolds();
  EXPECT_GT(ForestOf("c1"), damaged);
  EXPECT_THAT(FindNearest("c1", 35), IsOkAndHolds("id35"));
  EXPECT_THAT(FindNearest("c2", 60), IsOkAndHolds("id60"));
}

TEST_F(VerifyFoldedTest, ASearchWhoseRowsAreDamagedTooNamesThePage) {
  DamagePagesAndClose();
  ASSERT_THAT(RemoveTree(test_.path() + "/domains/1/vectors-000000.seg"),
              IsOk());
  test_.Open();
  EXPECT_THAT(FindNearest("c1", 33).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("page ")));
}

// A bit of a block of the table takes all that the block holds.
TEST(VerifyTablesTest, NamesEachCommitOfADamagedBlock) {
  TestStore test;
  test.CreateDomain("d");
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    CommitOptions options = {
        .domain = "d",
        .commit = absl::StrCat("c", i),
        .parent_commit = i == 0 ? "" : absl::StrCat("c", i - 1)};
    for (int byte = 0; byte < 200; ++byte) {
      options.message += static_cast<char>('0' + random() % 75);
    }
    ASSERT_THAT(test.Push(options, {{"id", 1}}), IsOk());
  }
  test.Reopen();  // Writes the tables.
  test.Close();
  size_t named_count = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(test.path() + "/meta")) {
    if (file.path().extension() != ".sst" || file.file_size() < 20'000) {
      continue;
    }
    const auto flip = [&file] {
      std::fstream stream(file.path(),
                          std::ios::in | std::ios::out | std::ios::binary);
      const auto place = static_cast<std::streamoff>(file.file_size() / 3);
      stream.seekg(place);
      const int byte = stream.get();
      stream.seekp(place);
      stream.put(static_cast<char>(byte ^ 1));
    };
    flip();
    test.Open();
    COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                               test->VerifyDomain("d"));
    test.Close();
    flip();
    for (const VerifyFinding& finding : report.findings) {
      if (absl::StartsWith(finding.object, "manifest of commit 'c")) {
        ASSERT_THAT(finding.commits, SizeIs(1));
        ++named_count;
      }
    }
    EXPECT_EQ(report.commits_checked + static_cast<int64_t>(named_count), 200);
  }
  EXPECT_GT(named_count, 0u);
}

}  // namespace
}  // namespace copse
