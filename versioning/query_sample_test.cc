// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/query_sample.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void AddMany(size_t count, QuerySample& sample) {
  for (size_t i = 0; i < count; ++i) {
    const auto number = static_cast<float>(i);
    sample.Add(std::vector<float>{number, -number});
  }
}

TEST(QuerySampleTest, KeepsTheFirstQueries) {
  QuerySample sample(2, 1);
  AddMany(3, sample);
  EXPECT_THAT(sample.ToRecord().components, ElementsAre(0, 0, 1, -1, 2, -2));
  EXPECT_EQ(sample.ToRecord().accepted_count, 3);
}

TEST(QuerySampleTest, ReplacesOldQueriesAndStaysBounded) {
  QuerySample sample(2, 1);
  AddMany(40 * QuerySample::kCapacity, sample);
  const QuerySampleRecord record = sample.ToRecord();
  EXPECT_EQ(record.query_count(), QuerySample::kCapacity);
  size_t old = 0;
  for (size_t i = 0; i < record.query_count(); ++i) {
    EXPECT_EQ(record.query(i)[0], -record.query(i)[1]);
    old += record.query(i)[0] < QuerySample::kCapacity ? 1 : 0;
  }
  // Each is replaced about five times; exp(-5) of 512 are 3.
  EXPECT_LT(old, 20);
}

TEST(QuerySampleTest, IsTheSameForASeed) {
  QuerySample one(2, 7);
  QuerySample two(2, 7);
  AddMany(5000, one);
  AddMany(5000, two);
  EXPECT_EQ(one.ToRecord(), two.ToRecord());
}

TEST(QuerySampleTest, GoesOnFromItsRecord) {
  QuerySample sample(2, 1);
  AddMany(100, sample);
  COPSE_ASSERT_OK_AND_ASSIGN(
      QuerySampleRecord record,
      QuerySampleRecord::Parse(sample.ToRecord().Encode()));
  QuerySample restored(2, 1);
  restored.Restore(record);
  EXPECT_EQ(restored.ToRecord(), sample.ToRecord());
  QuerySample other(3, 1);
  other.Restore(record);
  EXPECT_EQ(other.ToRecord().query_count(), 0);
}

TEST(QuerySampleTest, RefusesRecordsThatMakeNoSense) {
  const auto parse = [](const QuerySampleRecord& record) {
    return QuerySampleRecord::Parse(record.Encode()).status();
  };
  EXPECT_THAT(parse({.accepted_count = 1, .dimension = 0, .components = {}}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("dimension")));
  EXPECT_THAT(
      parse({.accepted_count = 1, .dimension = 2, .components = {1, 2, 3}}),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("components")));
  EXPECT_THAT(parse({.accepted_count = 1,
                     .dimension = 1,
                     .components = {std::numeric_limits<float>::infinity()}}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("components")));
  EXPECT_THAT(
      parse({.accepted_count = -1, .dimension = 1, .components = {}}),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("accepted count")));
  const std::string whole = QuerySampleRecord{
      .accepted_count = 1,
      .dimension = 1,
      .components = {1}}.Encode();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(QuerySampleRecord::Parse(whole.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

}  // namespace
}  // namespace copse
