// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/store.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/testing/store_fixture.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(StoreTest, RefusesPushesWhenTheDiskHasTooLittleSpace) {
  test_.Close();
  test_.options().free_space_min_bytes = std::numeric_limits<int64_t>::max();
  test_.Open();
  const absl::Status status = test_->BeginCommit(Options("c1")).status();
  EXPECT_THAT(status,
              FailsWith(absl::StatusCode::kResourceExhausted, "DISK_FULL"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("free_space_min_bytes")));
  EXPECT_EQ(
      ReasonOf(status)->metadata[0],
      (std::pair<std::string, std::string>("setting", "free_space_min_bytes")));
  EXPECT_THAT(test_->CreateDomain({.domain = "x", .dimension = 4}),
              FailsWith(absl::StatusCode::kResourceExhausted, "DISK_FULL"));
}

TEST_F(StoreTest, CountsWhatItHolds) {
  ASSERT_THAT(test_.Push(Options("c1", "", "main"), {{"a", 1}, {"b", 2}}),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(const StoreStatistics statistics,
                             test_->GetStatistics());
  EXPECT_EQ(statistics.domain_count, 1);
  EXPECT_EQ(statistics.commit_count, 1);
  EXPECT_EQ(statistics.in_flight_count, 0);
  EXPECT_GT(statistics.meta_size_bytes, 0);
  EXPECT_GT(statistics.vector_size_bytes, 0);
  EXPECT_GT(statistics.free_size_bytes, 0);
  // The push put its reader into the pool.
  EXPECT_EQ(statistics.pool.hit_count, 1);
  EXPECT_EQ(statistics.pool.miss_count, 0);
  EXPECT_EQ(statistics.pool.loaded_commit_count, 1);
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainStatistics domain,
                             test_->GetDomainStatistics("d"));
  EXPECT_EQ(domain.commit_count, 1);
  EXPECT_EQ(domain.branch_count, 1);
  EXPECT_EQ(domain.row_count, 2);
  EXPECT_GT(domain.vector_size_bytes, 0);
  EXPECT_THAT(test_->write_status(), IsOk());
}

TEST_F(StoreTest, RefusesOptionsItCouldNotFoldWith) {
  StoreOptions options = test_.options();
  options.forest.fan_out = 3;
  EXPECT_THAT(Store::Open(options),
              AllOf(FailsWith(absl::StatusCode::kInvalidArgument,
                              "STORE_OPTION_INVALID"),
                    StatusIs(absl::StatusCode::kInvalidArgument,
                             Eq("forest.fan_out is 3, expected 4 to 1024"))));
}

TEST_F(StoreTest, ReadersOutliveTheStore) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(auto reader, test_->OpenCommit("d", "c1"));
  COPSE_ASSERT_OK_AND_ASSIGN(auto builder, test_->BeginCommit(Options("c2")));
  test_.Close();
  EXPECT_THAT(reader->GetDocument("a", {}), IsOk());
  EXPECT_THAT(builder->Commit({}), IsOk());
  // The folder is free when the last of them is gone.
  builder.reset();
  EXPECT_THAT(
      Store::Open(test_.options()),
      FailsWith(absl::StatusCode::kFailedPrecondition, "DATA_FOLDER_LOCKED"));
  reader.reset();
  test_.Open();
  EXPECT_THAT(test_->GetCommit("d", "c2"), IsOk());
}

TEST_F(StoreTest, VerifiesWhatIsIntact) {
  ASSERT_THAT(test_.Push(Options("c1"), {{"a", 1}, {"b", 2}}), IsOk());
  ASSERT_THAT(test_.Push(Options("c2", "c1", "main"), {{"b", 3}}, {"a"}),
              IsOk());
  ASSERT_THAT(test_->AssignCommit("d", "c1", "c3"), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_EQ(report.commits_checked, 3);
  EXPECT_EQ(report.rows_checked, 3);
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_THAT(
      test_->VerifyDomain("d", [] { return true; }),
      StatusIs(absl::StatusCode::kCancelled, Eq("verification was stopped")));
}

}  // namespace
}  // namespace copse
