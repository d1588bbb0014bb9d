// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A domain whose rows are bits is as good as one of floats, in everything that
// a store does; and one whose segments were made before there were bits goes on
// with floats.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "index/util/check.h"
#include "tests/support/status_matchers.h"
#include "versioning/backup.h"
#include "versioning/segment_file.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/test_folder.h"
#include "versioning/vector_segments.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint32_t kDimension = 100;
constexpr int64_t kBitsSizeBytes = 16;
constexpr int64_t kFloatsSizeBytes = 448;
constexpr int64_t kCheckSizeBytes = 8;

StoreOptions SmallForests() {
  return {.free_space_min_bytes = 0,
          .thread_count = 1,
          .forest = {.fan_out = 8, .leaf_row_count = 8},
          .forest_row_count_min = 50};
}

std::vector<float> Vector(uint32_t content) {
  return MakeVector(Metric::kHamming, kDimension, content);
}

float Distance(uint32_t left, uint32_t right) {
  const std::vector<float> a = Vector(left);
  const std::vector<float> b = Vector(right);
  float distance = 0;
  for (size_t i = 0; i < kDimension; ++i) {
    distance += a[i] == b[i] ? 0 : 1;
  }
  return distance;
}

std::string DomainPath(const TestStore& test) {
  return test.path() + "/domains/1";
}

RowEncoding EncodingOf(const std::string& domain_path) {
  return ReadSegmentHeader(SegmentPath(domain_path, SegmentKind::kVectors, 0))
      .value()
      .encoding;
}

// Makes an empty segment as it was before there were bits.
void MakeFloatSegment(const std::string& domain_path) {
  const auto segments = VectorSegments::Open({.folder = domain_path,
                                              .domain_number = 1,
                                              .dimension = kDimension,
                                              .encoding = RowEncoding::kFloats})
                            .value();
  const std::vector<float> row(kDimension);
  // Some row creates the segment; none of this number is ever pushed.
  COPSE_CHECK(segments->Append(100'000, row).ok());
}

class StoreHammingTest : public ::testing::TestWithParam<RowEncoding> {
 protected:
  StoreHammingTest() : test_(SmallForests()) {
    test_.CreateDomain("d", Metric::kHamming, kDimension);
    if (GetParam() == RowEncoding::kFloats) {
      test_.Close();
      MakeFloatSegment(DomainPath(test_));
      test_.Open();
    }
  }

  void Push(const std::string& commit, const std::string& parent,
            uint32_t first, uint32_t count, uint32_t content,
            const std::vector<std::string>& deletes = {}) {
    std::vector<TestDocument> upserts;
    for (uint32_t i = first; i < first + count; ++i) {
      upserts.push_back({absl::StrCat("doc", i), content + i});
    }
    ASSERT_THAT(
        test_.Push({.domain = "d", .commit = commit, .parent_commit = parent},
                   upserts, deletes),
        IsOk());
  }

  // Pushes, so that there are a forest, an edited one, a tail and garbage.
  void PushAll() {
    Push("c1", "", 0, 200, 0);
    Push("c2", "c1", 150, 150, 1000, {"doc3", "doc4"});
    Push("c3", "c2", 290, 20, 2000, {"doc100"});
  }

  // Compares the neighbors of each commit with those that there are.
  static void ExpectExactNeighbors(Store& store) {
    for (const std::string commit : {"c1", "c2", "c3"}) {
      COPSE_ASSERT_OK_AND_ASSIGN(const auto contents,
                                 TestStore::ReadAllOf(store, "d", commit));
      COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                                 store.OpenCommit("d", commit));
      for (uint32_t query = 0; query < 3000; query += 333) {
        std::vector<std::pair<float, std::string>> expected;
        expected.reserve(contents.size());
        for (const auto& [id, content] : contents) {
          expected.emplace_back(Distance(query, content), id);
        }
        std::ranges::sort(expected);
        expected.resize(10);
        COPSE_ASSERT_OK_AND_ASSIGN(
            const DocumentSearchResult result,
            reader->Search(
                {.query = Vector(query), .neighbor_count = 10, .exact = true}));
        std::vector<std::pair<float, std::string>> found;
        for (const DocumentNeighbor& neighbor : result.neighbors) {
          found.emplace_back(neighbor.distance, neighbor.document_id);
        }
        EXPECT_EQ(found, expected) << commit << ", query " << query;
      }
    }
  }

  static void ExpectVectors(Store& store, const std::string& commit) {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                               store.OpenCommit("d", commit));
    int64_t count = 0;
    EXPECT_THAT(reader->ForEachDocument(
                    {.vector = true},
                    [&](const StoredDocument& document) {
                      const auto content = static_cast<uint32_t>(
                          std::get<int64_t>(document.attributes.at("content")));
                      EXPECT_EQ(document.chunks.at(0).vector, Vector(content));
                      ++count;
                      return absl::OkStatus();
                    }),
                IsOk());
    EXPECT_GE(count, 200);
  }

  static void ExpectNoFindings(Store& store) {
    COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                               store.VerifyDomain("d"));
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_GT(report.pages_checked, 0);
  }

  void ExpectAllIsWell(Store& store) {
    ExpectExactNeighbors(store);
    ExpectVectors(store, "c3");
    ExpectNoFindings(store);
  }

  TestStore test_;
};

INSTANTIATE_TEST_SUITE_P(Encodings, StoreHammingTest,
                         ::testing::Values(RowEncoding::kBits,
                                           RowEncoding::kFloats),
                         [](const auto& test) {
                           return test.param == RowEncoding::kBits ? "Bits"
                                                                   : "Floats";
                         });

TEST_P(StoreHammingTest, FindsWhatIsNearestAlsoAfterARestart) {
  PushAll();
  EXPECT_EQ(EncodingOf(DomainPath(test_)), GetParam());
  ExpectAllIsWell(test_.store());
  test_.Reopen();
  ExpectAllIsWell(test_.store());
  EXPECT_EQ(EncodingOf(DomainPath(test_)), GetParam());
}

TEST_P(StoreHammingTest, TellsHowFarADocumentMoved) {
  PushAll();
  std::map<std::string, float> moved;
  ASSERT_THAT(test_->DiffCommits(
                  {.domain = "d",
                   .base_commit = "c1",
                   .target_commit = "c2",
                   .order = DiffOptions::Order::kDistance},
                  [&](const DocumentChange& change) {
                    if (change.kind == DocumentChange::Kind::kReplaced) {
                      moved[change.document_id] = change.distance.value_or(-1);
                    }
                    return absl::OkStatus();
                  }),
              IsOk());
  EXPECT_EQ(moved.size(), 50u);
  for (uint32_t i = 150; i < 200; ++i) {
    EXPECT_EQ(moved[absl::StrCat("doc", i)], Distance(i, 1000 + i));
  }
}

TEST_P(StoreHammingTest, CountsTheBytesOfItsRows) {
  PushAll();
  COPSE_ASSERT_OK_AND_ASSIGN(const SizeReport before, test_->MeasureSizes("d"));
  // The same documents take as much elsewhere, but for their rows.
  TestStore other(SmallForests());
  other.CreateDomain("d", Metric::kEuclidean, kDimension);
  const std::vector<TestDocument> documents = {{"a", 1}, {"b", 2}, {"c", 3}};
  for (const TestStore* store :
       {&std::as_const(test_), &std::as_const(other)}) {
    ASSERT_THAT(store->Push({.domain = "d", .commit = "small"}, documents),
                IsOk());
  }
  const auto size_of_small = [](const TestStore& store) {
    const absl::StatusOr<SizeReport> report = store->MeasureSizes("d");
    for (const CommitSize& size : report.value().commits) {
      if (size.commit == "small") {
        return size.logical_size_bytes;
      }
    }
    return int64_t{-1};
  };
  const int64_t row_size_bytes =
      GetParam() == RowEncoding::kBits ? kBitsSizeBytes : kFloatsSizeBytes;
  EXPECT_EQ(size_of_small(other) - size_of_small(test_),
            3 * (kFloatsSizeBytes - row_size_bytes));
  EXPECT_GT(before.domain.logical_size_bytes,
            600 * (row_size_bytes + kCheckSizeBytes));
}

TEST_P(StoreHammingTest, CollectionsLeaveTheRowsThatAreNeeded) {
  PushAll();
  ASSERT_THAT(test_->DeleteCommit("d", "c1"), IsOk());
  ASSERT_THAT(test_->CollectGarbage("d", {}), IsOk());
  ExpectVectors(test_.store(), "c3");
  ExpectNoFindings(test_.store());
  test_.Reopen();
  ExpectVectors(test_.store(), "c2");
  ExpectNoFindings(test_.store());
}

TEST_P(StoreHammingTest, ABackupIsRestoredAsItWas) {
  const TestFolder folder;
  PushAll();
  COPSE_ASSERT_OK_AND_ASSIGN(
      const BackupInfo first,
      test_->CreateBackup({.folder = folder.path() + "/backup"}));
  EXPECT_EQ(first.commit_count, 3);
  Push("c4", "c3", 400, 30, 5000);
  ASSERT_THAT(test_->CreateBackup({.folder = folder.path() + "/backup"}),
              IsOk());
  for (const uint32_t backup_id : {1, 2}) {
    StoreOptions options = SmallForests();
    options.folder = absl::StrCat(folder.path(), "/restored", backup_id);
    ASSERT_THAT(RestoreBackup({.backup_folder = folder.path() + "/backup",
                               .backup_id = backup_id,
                               .data_folder = options.folder}),
                IsOk());
    EXPECT_EQ(EncodingOf(options.folder + "/domains/1"), GetParam());
    COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store,
                               Store::Open(options));
    ExpectAllIsWell(*store);
    // It goes on in the same way.
    ASSERT_THAT(
        TestStore::PushTo(
            *store, {.domain = "d", .commit = "more", .parent_commit = "c3"},
            {{"more", 77}}),
        IsOk());
    ExpectVectors(*store, "more");
  }
}

TEST_P(StoreHammingTest, VerifyNamesTheSegmentOfADamagedRow) {
  PushAll();
  test_.Close();
  const std::string path =
      SegmentPath(DomainPath(test_), SegmentKind::kVectors, 0);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(4096);
    const int found = file.get();
    file.seekp(4096);
    file.put(static_cast<char>(found ^ 1));
    ASSERT_TRUE(file.good());
  }
  test_.Open();
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_THAT(report.findings,
              Contains(Field(&VerifyFinding::message,
                             AllOf(HasSubstr("checksum is"),
                                   HasSubstr("vectors-000000.seg")))));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  EXPECT_THAT(
      reader->Search({.query = Vector(0), .neighbor_count = 1, .exact = true}),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("vectors-000000.seg")));
}

}  // namespace
}  // namespace copse
