// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "tests/support/status_matchers.h"
#include "versioning/store.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using StoreSearchTest = StoreTest;

TEST_F(StoreSearchTest, FindsTheNearestInEachMetric) {
  struct Case {
    Metric metric;
    float distance;
  };
  const std::vector<float> query = {1, 0, 1, 1};
  const std::vector<float> near = {1, 1, 1, 1};
  const std::vector<float> far = {0, 1, 0, 0};
  for (const Case& test_case :
       {Case{Metric::kCosine, 1 - 3 / (std::sqrt(3.0F) * 2)},
        Case{Metric::kEuclidean, 1}, Case{Metric::kManhattan, 1},
        Case{Metric::kHamming, 1}, Case{Metric::kDotProduct, -3}}) {
    const std::string domain =
        absl::StrCat("m", static_cast<int>(test_case.metric));
    test_.CreateDomain(domain, test_case.metric);
    COPSE_ASSERT_OK_AND_ASSIGN(
        const auto builder,
        test_->BeginCommit({.domain = domain, .commit = "c1"}));
    const Document first = MakeDocument({"far", 1});
    const Document second = MakeDocument({"near", 2});
    const std::vector<EmbeddedDocument> documents = {{&first, far},
                                                     {&second, near}};
    ASSERT_THAT(builder->Upsert(documents), IsOk());
    ASSERT_THAT(builder->Commit({}), IsOk());
    COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                               test_->OpenCommit(domain, "c1"));
    COPSE_ASSERT_OK_AND_ASSIGN(const DocumentSearchResult result,
                               reader->Search({.query = query}));
    ASSERT_THAT(result.neighbors, SizeIs(2));
    EXPECT_EQ(result.neighbors[0].document_id, "near");
    EXPECT_NEAR(result.neighbors[0].distance, test_case.distance, 1e-6)
        << domain;
    EXPECT_EQ(result.neighbors[0].content_hash, HashContent(second));
    EXPECT_EQ(result.work.rows_scanned, 2);
  }
}

TEST_F(StoreSearchTest, EqualDistancesAreOrderedById) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder,
                             test_->BeginCommit(Options("c1")));
  const std::vector<float> vector = {1, 2, 3, 4};
  std::vector<std::string> ids;
  for (uint32_t i = 0; i < 500; ++i) {
    ids.push_back(absl::StrCat((i * 7919) % 500));
    const Document document = MakeDocument({ids.back(), i});
    const EmbeddedDocument embedded = {&document, vector};
    ASSERT_THAT(builder->Upsert({&embedded, 1}), IsOk());
  }
  ASSERT_THAT(builder->Commit({}), IsOk());
  std::sort(ids.begin(), ids.end());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  for (const size_t count : {1, 3, 9, 100, 499, 1000}) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const DocumentSearchResult result,
        reader->Search({.query = vector, .neighbor_count = count}));
    ASSERT_THAT(result.neighbors, SizeIs(std::min<size_t>(count, 500)));
    for (size_t i = 0; i < result.neighbors.size(); ++i) {
      ASSERT_EQ(result.neighbors[i].document_id, ids[i]);
    }
  }
}

TEST_F(StoreSearchTest, AnExactSearchEndsWithTheFirstErrorOfItsCheck) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 2}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  const std::vector<float> vector = {1, 2, 3, 4};
  EXPECT_THAT(
      reader->Search({.query = vector,
                      .exact = true,
                      .check = [] { return absl::CancelledError("enough"); }}),
      StatusIs(absl::StatusCode::kCancelled, Eq("enough")));
}

TEST_F(StoreSearchTest, FiltersByTypeAndLeavesOutADocument) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1, "Book"},
                                         {"b", 2, "Song"},
                                         {"c", 3, "Book"},
                                         {"d", 4, "Film"}}),
              IsOk());
  // Two pushes whose ordinals are interleaved.
  COPSE_ASSERT_OK_AND_ASSIGN(const auto left,
                             test_->BeginCommit(Options("left", "c1")));
  COPSE_ASSERT_OK_AND_ASSIGN(const auto right,
                             test_->BeginCommit(Options("right", "c1")));
  for (uint32_t i = 0; i < 6; ++i) {
    ASSERT_THAT(TestStore::Apply(
                    i % 2 == 0 ? *left : *right,
                    {{absl::StrCat("x", i), 10 + i, i < 3 ? "Book" : "Song"}}),
                IsOk());
  }
  ASSERT_THAT(right->Commit({}), IsOk());
  const auto search = [&](const std::string& commit,
                          const std::vector<std::string>& types,
                          const std::string& excluded = "") {
    std::vector<std::string> ids;
    const auto result = test_->OpenCommit("d", commit)
                            .value()
                            ->Search({.query = std::vector<float>{1, 2, 3, 4},
                                      .types = types,
                                      .excluded_document_id = excluded})
                            .value();
    for (const DocumentNeighbor& neighbor : result.neighbors) {
      ids.push_back(neighbor.document_id);
    }
    return ids;
  };
  EXPECT_THAT(search("right", {"Book"}), UnorderedElementsAre("a", "c", "x1"));
  ASSERT_THAT(left->Commit({}), IsOk());
  EXPECT_THAT(search("left", {"Book", "Film"}),
              UnorderedElementsAre("a", "c", "d", "x0", "x2"));
  EXPECT_THAT(search("c1", {"Song"}), UnorderedElementsAre("b"));
  EXPECT_THAT(search("c1", {"Nothing"}), IsEmpty());
  EXPECT_THAT(search("c1", {"Book"}, "a"), UnorderedElementsAre("c"));
  EXPECT_THAT(search("c1", {}, "nobody"),
              UnorderedElementsAre("a", "b", "c", "d"));
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainStatistics statistics,
                             test_->GetDomainStatistics("d"));
  EXPECT_EQ(statistics.typed_row_count, 10);
  EXPECT_GT(statistics.type_filter_size_bytes, 0);
}

TEST_F(StoreSearchTest, RefusesQueriesThatDoNotFit) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  EXPECT_THAT(
      reader->Search({.query = std::vector<float>{1}}),
      FailsWith(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_THAT(
      reader->Search({.query = std::vector<float>{1, inf, 0, 0}}),
      FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_FINITE"));
  const std::vector<float> query = {1, 0, 0, 0};
  EXPECT_THAT(reader->Search({.query = query, .neighbor_count = 0}),
              AllOf(FailsWith(absl::StatusCode::kInvalidArgument,
                              "NEIGHBOR_COUNT_INVALID"),
                    StatusIs(absl::StatusCode::kInvalidArgument,
                             Eq("neighbor_count is 0, expected 1 to 10000"))));
  EXPECT_THAT(
      reader->Search({.query = query, .neighbor_count = 10'001}),
      FailsWith(absl::StatusCode::kInvalidArgument, "NEIGHBOR_COUNT_INVALID"));
  // A zero query is at distance 1 of everything.
  COPSE_ASSERT_OK_AND_ASSIGN(
      const DocumentSearchResult result,
      reader->Search({.query = std::vector<float>{0, 0, 0, 0}}));
  ASSERT_THAT(result.neighbors, SizeIs(1));
  EXPECT_EQ(result.neighbors[0].distance, 1);
}

}  // namespace
}  // namespace copse
