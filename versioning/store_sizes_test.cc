// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What commits take, compared with sets of the names of all that each of them
// reaches.

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
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

#include "index/forest.h"
#include "index/vector_source.h"
#include "tests/support/status_matchers.h"
#include "versioning/forest_record.h"
#include "versioning/keys.h"
#include "versioning/live_set.h"
#include "versioning/live_set_store.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/rocks_page_store.h"
#include "versioning/row_record.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Property;

constexpr uint32_t kDimension = 24;
constexpr int64_t kPlaceSizeBytes = 128;  // Whole cache lines.
constexpr uint32_t kDomainNumber = 1;

// The model: what a commit reaches, by name, and how large each thing is. Reads
// the database of a store that is closed.
class ReachModel {
 public:
  explicit ReachModel(const std::string& folder)
      : database_(MetaDatabase::Open({.folder = folder + "/meta"}).value()),
        live_sets_(*database_, kDomainNumber),
        page_cache_(0),
        pages_(*database_, kDomainNumber, page_cache_) {
    const absl::Status status = database_->ForEach(
        MetaTable::kCommits, CommitRange(kDomainNumber),
        [this](absl::string_view key, absl::string_view value) {
          const Manifest manifest = Manifest::Parse(value).value();
          if (!manifest.is_skeleton) {
            AddCommit(ParseCommitKey(key).value(), manifest);
          }
          return absl::OkStatus();
        });
    EXPECT_THAT(status, IsOk());
  }

  std::map<std::string, CommitSize> CommitSizes() const {
    std::map<std::string, CommitSize> sizes;
    for (const auto& [commit, things] : reached_) {
      CommitSize& size = sizes[commit];
      for (const std::string& thing : things) {
        size.logical_size_bytes += sizes_.at(thing);
        size.unique_size_bytes += OwnerCount(thing) == 1 ? sizes_.at(thing) : 0;
      }
    }
    return sizes;
  }

  // But for other_size_bytes.
  DomainSize Total() const {
    DomainSize total;
    for (const auto& [commit, size] : CommitSizes()) {
      ++total.commit_count;
      total.logical_size_bytes += size.logical_size_bytes;
    }
    for (const auto& [thing, size] : sizes_) {
      (OwnerCount(thing) == 1 ? total.unique_size_bytes
                              : total.shared_size_bytes) += size;
    }
    return total;
  }

 private:
  int64_t OwnerCount(const std::string& thing) const {
    return std::ranges::count_if(reached_, [&thing](const auto& commit) {
      return commit.second.contains(thing);
    });
  }

  std::string AddEntry(const std::string& commit, MetaTable table,
                       const std::string& key) {
    const std::string thing = absl::StrCat(MetaTableName(table), key);
    const std::optional<std::string> found = database_->Get(table, key).value();
    EXPECT_TRUE(found.has_value()) << thing;
    std::string value = found.value_or("");
    sizes_[thing] = static_cast<int64_t>(key.size() + value.size());
    reached_[commit].insert(thing);
    return value;
  }

  void AddLiveSet(const std::string& commit, uint64_t number) {
    const std::vector<uint64_t> chain = live_sets_.ListChain(number).value();
    for (const uint64_t part : chain) {
      AddEntry(commit, MetaTable::kLiveSets, LiveSetKey(kDomainNumber, part));
    }
  }

  void AddCommit(const std::string& commit, const Manifest& manifest) {
    AddEntry(commit, MetaTable::kCommits, CommitKey(kDomainNumber, commit));
    AddEntry(commit, MetaTable::kCommits,
             CommitTimeKey(kDomainNumber, manifest.create_time, commit));
    AddLiveSet(commit, manifest.live_set_number);
    const LiveSet rows = live_sets_.Load(manifest.live_set_number).value();
    for (const Ordinal ordinal : rows.ToVector()) {
      AddRow(commit, ordinal);
    }
    if (manifest.preferred_forest != 0) {
      AddForest(commit, manifest.preferred_forest);
    }
  }

  void AddRow(const std::string& commit, Ordinal ordinal) {
    const RowRecord row =
        RowRecord::Parse(
            AddEntry(commit, MetaTable::kRows, RowKey(kDomainNumber, ordinal)))
            .value();
    AddEntry(commit, MetaTable::kDocuments,
             DocumentKey(kDomainNumber, row.document_id, ordinal));
    if (row.has_text) {
      AddEntry(commit, MetaTable::kTexts,
               TextKey(kDomainNumber, row.content_hash));
    }
    const std::string vector = absl::StrCat("vector ", ordinal);
    sizes_[vector] = kPlaceSizeBytes + 8;
    reached_[commit].insert(vector);
  }

  void AddForest(const std::string& commit, uint64_t number) {
    const ForestRecord record =
        ForestRecord::Parse(AddEntry(commit, MetaTable::kForests,
                                     ForestKey(kDomainNumber, number)))
            .value();
    AddLiveSet(commit, record.covered_live_set);
    const auto forest = Forest::Open(record.root_page, pages_).value();
    const absl::Status status =
        forest->ForEachPage([&](PageId page_id, std::span<const std::byte>) {
          AddEntry(commit, MetaTable::kPages, PageKey(kDomainNumber, page_id));
          return absl::OkStatus();
        });
    EXPECT_THAT(status, IsOk());
  }

  std::unique_ptr<MetaDatabase> database_;
  LiveSetStore live_sets_;
  PageCache page_cache_;
  RocksPageStore pages_;
  std::map<std::string, int64_t> sizes_;
  std::map<std::string, std::set<std::string>> reached_;
};

class StoreSizesTest : public ::testing::Test {
 protected:
  StoreSizesTest()
      : test_({.thread_count = 1,
               .forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = 50,
               .clock = [this] { return now_ += absl::Seconds(1); }}) {
    test_.CreateDomain("d", Metric::kEuclidean, kDimension);
  }

  void Push(const std::string& commit, const std::string& parent,
            const std::vector<TestDocument>& upserts,
            const std::vector<std::string>& deletes = {}) {
    ASSERT_THAT(test_.Push(Options(commit, parent), upserts, deletes), IsOk());
  }

  static std::vector<TestDocument> Documents(uint32_t count) {
    std::vector<TestDocument> documents;
    for (uint32_t i = 0; i < count; ++i) {
      documents.push_back({absl::StrCat("doc", i), i});
    }
    return documents;
  }

  SizeReport Measure() {
    const absl::StatusOr<SizeReport> report = test_->MeasureSizes("d");
    EXPECT_THAT(report, IsOk());
    return report.value_or(SizeReport());
  }

  // Compares the sizes of all commits with those of the model.
  SizeReport Check() {
    SizeReport report = Measure();
    test_.Close();
    {
      const ReachModel model(test_.path());
      std::map<std::string, CommitSize> expected = model.CommitSizes();
      EXPECT_EQ(report.commits.size(), expected.size());
      for (const CommitSize& commit : report.commits) {
        EXPECT_EQ(commit.logical_size_bytes,
                  expected[commit.commit].logical_size_bytes)
            << commit.commit;
        EXPECT_EQ(commit.unique_size_bytes,
                  expected[commit.commit].unique_size_bytes)
            << commit.commit;
      }
      DomainSize total = model.Total();
      total.other_size_bytes = report.domain.other_size_bytes;
      EXPECT_EQ(report.domain, total);
    }
    test_.Open();
    return report;
  }

  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  TestStore test_;
};

TEST_F(StoreSizesTest, AnEmptyDomainTakesNothing) {
  const SizeReport report = Measure();
  EXPECT_THAT(report.commits, IsEmpty());
  EXPECT_EQ(report.domain, DomainSize());
}

TEST_F(StoreSizesTest, ALoneCommitSharesNothing) {
  Push("c1", "", {{"a", 1}, {"b", 2}});
  const SizeReport report = Check();
  ASSERT_EQ(report.commits.size(), 1);
  EXPECT_EQ(report.commits[0].shared_size_bytes(), 0);
  EXPECT_EQ(report.domain.unique_size_bytes, report.domain.logical_size_bytes);
  EXPECT_EQ(report.domain.other_size_bytes, 0);
}

TEST_F(StoreSizesTest, ListsTheNewestCommitFirst) {
  Push("c2", "", {{"a", 1}});
  Push("c1", "", {});
  Push("c3", "c2", {});
  EXPECT_THAT(Measure().commits, ElementsAre(Field(&CommitSize::commit, "c3"),
                                             Field(&CommitSize::commit, "c1"),
                                             Field(&CommitSize::commit, "c2")));
}

TEST_F(StoreSizesTest, CommitsOfOneSnapshotHaveOnlyTheirManifestsAlone) {
  Push("c1", "", Documents(100));
  ASSERT_THAT(test_->AssignCommit("d", "c1", "c2"), IsOk());
  EXPECT_THAT(
      Check().commits,
      Each(AllOf(
          Field(&CommitSize::unique_size_bytes, ::testing::Lt(400)),
          Property(&CommitSize::shared_size_bytes, ::testing::Gt(10'000)))));
}

// The rows differ, and the text is stored once.
TEST_F(StoreSizesTest, ATextOfTwoRowsIsCountedOnce) {
  Push("c1", "", {{"a", 7}, {"b", 7}});
  const SizeReport before = Measure();
  Push("c2", "", {{"c", 7}});
  const SizeReport after = Check();
  EXPECT_LT(after.commits[1].unique_size_bytes,
            before.commits[0].unique_size_bytes);
  EXPECT_EQ(after.commits[1].logical_size_bytes,
            before.commits[0].logical_size_bytes);
}

TEST_F(StoreSizesTest, ADeletionFreesWhatWasUnique) {
  Push("c1", "", Documents(100));
  Push("c2", "c1", {{"doc1", 500}, {"new", 501}});
  const SizeReport before = Measure();
  ASSERT_THAT(test_->DeleteCommit("d", "c2"), IsOk());
  const SizeReport deleted = Measure();
  EXPECT_GT(deleted.domain.other_size_bytes, 0);
  ASSERT_THAT(test_->CollectGarbage("d", {}), IsOk());
  const SizeReport after = Check();
  // What is left of the commit is its skeleton: the fingerprints of itself and
  // of its parent, of 32 bytes each, and few more.
  EXPECT_LT(after.domain.other_size_bytes, 120);
  EXPECT_EQ(after.domain.unique_size_bytes,
            before.commits[1].logical_size_bytes);
  EXPECT_EQ(before.domain.unique_size_bytes + before.domain.shared_size_bytes -
                before.commits[0].unique_size_bytes,
            after.domain.unique_size_bytes);
}

TEST_F(StoreSizesTest, RandomHistoriesAreMeasuredAsByHand) {
  const uint32_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937 random(seed);
  std::vector<std::string> commits;
  Push("c0", "", Documents(100));
  commits.push_back("c0");
  for (int step = 1; step <= 60; ++step) {
    const std::string commit = absl::StrCat("c", step);
    const std::string base = commits[random() % commits.size()];
    const auto kind = static_cast<int>(random() % 10);
    if (kind == 0) {
      ASSERT_THAT(test_->AssignCommit("d", base, commit), IsOk());
    } else if (kind == 1) {
      const std::string theirs = commits[random() % commits.size()];
      const absl::Status merged =
          test_
              ->MergeCommits({.commit = Options(commit, base),
                              .theirs_commit = theirs,
                              .conflict_policy = ConflictPolicy::kTheirs},
                             {})
              .status();
      if (absl::IsFailedPrecondition(merged)) {
        continue;  // No base, or a deleted one.
      }
      ASSERT_THAT(merged, IsOk());
    } else if (kind == 2 && commits.size() > 2) {
      ASSERT_THAT(test_->DeleteCommit("d", base), IsOk());
      std::erase(commits, base);
      continue;
    } else if (kind == 3) {
      ASSERT_THAT(test_->CollectGarbage("d", {}), IsOk());
      continue;
    } else {
      std::vector<TestDocument> upserts;
      std::vector<std::string> deletes;
      const auto change_count = random() % (kind == 4 ? 150 : 10);
      for (uint64_t i = 0; i < change_count; ++i) {
        // Few contents, so that texts are shared and come back.
        upserts.push_back({absl::StrCat("doc", random() % 150),
                           static_cast<uint32_t>(random() % 90)});
      }
      deletes.push_back(absl::StrCat("doc", random() % 150));
      Push(commit, kind == 5 ? "" : base, upserts, deletes);
    }
    commits.push_back(commit);
    if (step % 30 == 0) {
      Check();
    }
  }
}

TEST_F(StoreSizesTest, ACheckEndsIt) {
  Push("c1", "", Documents(3000));
  int call_count = 0;
  const auto check = [&call_count] {
    return ++call_count == 2 ? absl::CancelledError("enough")
                             : absl::OkStatus();
  };
  EXPECT_THAT(test_->MeasureSizes("d", check),
              StatusIs(absl::StatusCode::kCancelled, "enough"));
  EXPECT_EQ(call_count, 2);
}

TEST_F(StoreSizesTest, NamesWhatIsMissing) {
  EXPECT_THAT(test_->MeasureSizes("no"),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  Push("c1", "", {{"a", 1}, {"b", 2}});
  test_.Close();
  {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const auto database,
        MetaDatabase::Open({.folder = test_.path() + "/meta"}));
    MetaBatch batch(*database);
    batch.Delete(MetaTable::kRows, RowKey(kDomainNumber, 1));
    ASSERT_THAT(database->Write(batch, Durability::kSynced), IsOk());
  }
  test_.Open();
  EXPECT_THAT(test_->MeasureSizes("d"),
              AllOf(FailsWith(absl::StatusCode::kDataLoss, "DATA_DAMAGED"),
                    StatusIs(absl::StatusCode::kDataLoss,
                             HasSubstr("row 1: its record is missing"))));
}

}  // namespace
}  // namespace copse
