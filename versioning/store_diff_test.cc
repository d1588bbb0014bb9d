// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/distance.h"
#include "index/metric.h"
#include "tests/support/status_matchers.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/testing/store_fixture.h"
#include "versioning/vector_check.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;

using StoreDiffTest = StoreTest;

TEST_F(StoreDiffTest, DiffNamesWhatChangedInOrderOfIds) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"b", 1}, {"a", 1}, {"c", 1}}),
              IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"c", 2}, {"\x01z", 3}}, {"a"}),
              IsOk());
  EXPECT_THAT(Diff("c1", "c2"), ElementsAre("+\x01z", "-a", "~c"));
  EXPECT_THAT(Diff("c2", "c1"), ElementsAre("-\x01z", "+a", "~c"));
  EXPECT_THAT(Diff("c1", "c1"), IsEmpty());
}

TEST_F(StoreDiffTest, DiffIgnoresWhatTwoBranchesBothDid) {
  ASSERT_THAT(test_.Push(Options("base"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("left", "base"), {{"a", 2}, {"b", 3}}),
              IsOk());
  ASSERT_THAT(test_.Push(Options("right", "base"), {{"a", 2}, {"c", 4}}),
              IsOk());
  EXPECT_THAT(Diff("left", "right"), ElementsAre("-b", "+c"));
}

TEST_F(StoreDiffTest, DiffStopsAtTheFirstError) {
  ASSERT_THAT(test_.Push(Options("c0"), {}), IsOk());
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 1}}), IsOk());
  int visits = 0;
  EXPECT_THAT(test_->DiffCommits(
                  {.domain = "d", .base_commit = "c0", .target_commit = "c1"},
                  [&](const DocumentChange&) {
                    ++visits;
                    return absl::CancelledError("gone");
                  }),
              StatusIs(absl::StatusCode::kCancelled, Eq("gone")));
  EXPECT_EQ(visits, 1);
  EXPECT_THAT(test_->DiffCommits(
                  {.domain = "d", .base_commit = "c0", .target_commit = "x"},
                  [](const DocumentChange&) { return absl::OkStatus(); }),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
}

// Changes and distances of a diff with `options`, in their order.
std::vector<std::pair<std::string, std::optional<float>>> Distances(
    Store& store, const DiffOptions& options) {
  std::vector<std::pair<std::string, std::optional<float>>> found;
  EXPECT_THAT(store.DiffCommits(options,
                                [&](const DocumentChange& change) {
                                  found.emplace_back(change.document_id,
                                                     change.distance);
                                  return absl::OkStatus();
                                }),
              IsOk());
  return found;
}

// The distance of the vectors of two contents of a cosine domain.
float ContentDistance(uint32_t base, uint32_t target) {
  std::vector<float> left = MakeVector(Metric::kCosine, 4, base);
  std::vector<float> right = MakeVector(Metric::kCosine, 4, target);
  EXPECT_THAT(NormalizeVector(left), IsOk());
  EXPECT_THAT(NormalizeVector(right), IsOk());
  return Distance(Metric::kCosine, left, right);
}

TEST_F(StoreDiffTest, ReplacedDocumentsHaveTheDistanceOfTheirVectors) {
  ASSERT_THAT(
      test_.Push(Options("c1"), {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1, "T"}}),
      IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"),
                         {{"b", 2}, {"c", 3}, {"d", 1, "U"}, {"e", 5}}, {"a"}),
              IsOk());
  DiffOptions options = {
      .domain = "d", .base_commit = "c1", .target_commit = "c2"};
  EXPECT_THAT(Distances(test_.store(), options),
              ElementsAre(Pair("a", std::nullopt), Pair("b", std::nullopt),
                          Pair("c", std::nullopt), Pair("d", std::nullopt),
                          Pair("e", std::nullopt)));
  options.with_distances = true;
  // Another type is another content of the same meaning.
  EXPECT_THAT(Distances(test_.store(), options),
              ElementsAre(Pair("a", std::nullopt),
                          Pair("b", Optional(ContentDistance(1, 2))),
                          Pair("c", Optional(ContentDistance(1, 3))),
                          Pair("d", Optional(0.0F)), Pair("e", std::nullopt)));
}

TEST_F(StoreDiffTest, SortsByDistanceAndThenById) {
  std::vector<TestDocument> before;
  std::vector<TestDocument> after;
  std::vector<std::pair<float, std::string>> expected;
  for (uint32_t i = 0; i < 100; ++i) {
    const std::string id = absl::StrCat("id", i);
    const uint32_t content = 2 + i % 40;  // So that distances are equal, too.
    before.push_back({id, 1});
    after.push_back({id, content});
    expected.emplace_back(-ContentDistance(1, content), id);
  }
  std::sort(expected.begin(), expected.end());
  before.push_back({"a", 1});
  after.push_back({"b", 1});
  ASSERT_THAT(test_.Push(Options("c1"), before), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), after, {"a"}), IsOk());
  std::vector<std::string> ids;
  ids.reserve(expected.size() + 2);
  for (const auto& [distance, id] : expected) {
    ids.push_back(id);
  }
  ids.insert(ids.end(), {"a", "b"});
  for (const size_t count : {0, 1, 7, 60, 101, 102, 1000}) {
    std::vector<std::string> found;
    for (const auto& [id, distance] :
         Distances(test_.store(), {.domain = "d",
                                  .base_commit = "c1",
                                  .target_commit = "c2",
                                  .order = DiffOptions::Order::kDistance,
                                  .change_count_max = count})) {
      found.push_back(id);
    }
    const size_t shown = count == 0 ? ids.size() : std::min(count, ids.size());
    EXPECT_THAT(found, ElementsAreArray(std::span(ids).first(shown))) << count;
  }
}

TEST_F(StoreDiffTest, ALimitTakesTheFirstIds) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"b", 1}, {"c", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"a", 1}, {"c", 2}}, {"b"}),
              IsOk());
  EXPECT_THAT(Distances(test_.store(), {.domain = "d",
                                        .base_commit = "c1",
                                        .target_commit = "c2",
                                        .change_count_max = 2}),
              ElementsAre(Pair("a", std::nullopt), Pair("b", std::nullopt)));
}

TEST_F(StoreDiffTest, EndsWhenItsCallerHasGone) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"a", 2}}), IsOk());
  EXPECT_THAT(test_->DiffCommits(
                  {.domain = "d",
                   .base_commit = "c1",
                   .target_commit = "c2",
                   .check = [] { return absl::CancelledError("gone"); }},
                  [](const DocumentChange&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kCancelled, Eq("gone")));
}

TEST_F(StoreDiffTest, EqualDataHasEqualFingerprints) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1"), {{"c", 3}}, {"a"}), IsOk());
  ASSERT_THAT(test_.Push(Options("c3", "c2"), {{"b", 4}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c4", "c3"), {{"b", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("scratch"), {{"c", 3}, {"b", 2}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo long_way,
                             test_->GetCommit("d", "c4"));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo other,
                             test_->GetCommit("d", "c3"));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo scratch,
                             test_->GetCommit("d", "scratch"));
  EXPECT_EQ(long_way.fingerprint, scratch.fingerprint);
  EXPECT_NE(other.fingerprint, scratch.fingerprint);
}

}  // namespace
}  // namespace copse
