// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Searches for many queries at once, against one search for each.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "tests/support/status_matchers.h"
#include "versioning/batch_search.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kDimension = 24;

class StoreBatchSearchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    test_.CreateDomain("d", Metric::kCosine, kDimension);
    std::vector<TestDocument> documents;
    for (uint32_t i = 0; i < 900; ++i) {
      documents.push_back({.id = absl::StrCat("doc/", i),
                           .content = i,
                           .type = i % 2 == 0 ? "Book" : "Film",
                           .chunk_count = ChunkCountOf(i)});
    }
    ASSERT_THAT(test_.Push({.domain = "d", .commit = "c1"}, documents).status(),
                IsOk());
    // Beside the forest.
    ASSERT_THAT(
        test_
            .Push({.domain = "d", .commit = "c2", .parent_commit = "c1"},
                  {{.id = "new", .content = 5}}, {"doc/5"})
            .status(),
        IsOk());
    for (uint32_t i = 0; i < 40; ++i) {
      vectors_.push_back(MakeVector(Metric::kCosine, kDimension, i * 31));
    }
    queries_.assign(vectors_.begin(), vectors_.end());
  }

  TestStore test_{StoreOptions{.forest = {.leaf_row_count = 16},
                               .forest_row_count_min = 300}};
  std::vector<std::vector<float>> vectors_;
  std::vector<std::span<const float>> queries_;
};

TEST_F(StoreBatchSearchTest, FindsWhatOneSearchForEachFinds) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c2"));
  DocumentSearchOptions filtered = {.neighbor_count = 7};
  filtered.types = {"Film"};
  DocumentSearchOptions named = {.neighbor_count = 7};
  named.document_ids = {"doc/1", "doc/2", "new"};
  for (DocumentSearchOptions options :
       {DocumentSearchOptions{.neighbor_count = 7},
        DocumentSearchOptions{.neighbor_count = 7, .exact = true}, filtered,
        named}) {
    COPSE_ASSERT_OK_AND_ASSIGN(const DocumentBatchResult batch,
                               BatchSearch(*reader, queries_, options));
    ASSERT_EQ(batch.neighbors.size(), queries_.size());
    EXPECT_GT(batch.work.rows_scanned, 0);
    for (size_t i = 0; i < queries_.size(); ++i) {
      options.query = queries_[i];
      COPSE_ASSERT_OK_AND_ASSIGN(const DocumentSearchResult one,
                                 reader->Search(options));
      ASSERT_EQ(batch.neighbors[i].size(), one.neighbors.size());
      for (size_t j = 0; j < one.neighbors.size(); ++j) {
        EXPECT_EQ(batch.neighbors[i][j].document_id,
                  one.neighbors[j].document_id);
        EXPECT_EQ(batch.neighbors[i][j].distance, one.neighbors[j].distance);
      }
    }
  }
}

TEST_F(StoreBatchSearchTest, NamesWhatIsWrongWithAQuery) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c2"));
  const std::vector<float> wrong = {1, 2};
  queries_[1] = wrong;
  EXPECT_THAT(BatchSearch(*reader, queries_, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("2 components, expected 24")));
  COPSE_ASSERT_OK_AND_ASSIGN(const DocumentBatchResult none,
                             BatchSearch(*reader, {}, {}));
  EXPECT_THAT(none.neighbors, IsEmpty());
}

}  // namespace
}  // namespace copse
