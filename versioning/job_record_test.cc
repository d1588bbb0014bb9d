// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/job_record.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/testing/golden_records.h"

namespace copse {
namespace {

using golden::Bytes;
using golden::kSeconds;
using golden::Patched;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(JobRecordTest, HasItsFields) {
  EXPECT_THAT(
      JobRecord::Parse(Bytes(golden::kJob)),
      IsOkAndHolds(JobRecord{
          .kind = JobKind::kPush,
          .state = JobState::kWaiting,
          .domain = "admin/books",
          .domain_number = 7,
          .commit = "9f31c07a",
          .parent_commit = "p1",
          .branch = "main",
          .create_time =
              absl::FromUnixSeconds(kSeconds) + absl::Microseconds(5),
          .start_time = absl::FromUnixSeconds(kSeconds + 1),
          .retry_time = absl::FromUnixSeconds(kSeconds + 60),
          .phase = "embedding",
          .attempt_count = 2,
          .progress = {.done_count = 40,
                       .total_count = 100,
                       .unchanged_count = 30,
                       .chunk_count = 12,
                       .token_count = 500,
                       .request_count = 3,
                       .cache_hit_count = 4,
                       .failed_count = 1},
          .error = WithReason(absl::UnavailableError("the provider is down"),
                              "PROVIDER_DOWN", {{"retry_time", "60"}}),
          .is_resumable = true,
          .failures = {{"bad", 9, "too long"}},
          .request = "req",
          .payload = "\1\2",
          .has_payload_file = false}));
}

TEST(JobRecordTest, RefusesValuesThatNobodyWrites) {
  EXPECT_THAT(JobRecord::Parse(Patched(golden::kJob, 2, 0)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("kind")));
  EXPECT_THAT(JobRecord::Parse(Patched(golden::kJob, 2, 8)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("kind at offset 3 is 8, expected at most 7")));
  EXPECT_THAT(JobRecord::Parse(Patched(golden::kJob, 3, 7)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("state")));
}

TEST(JobRecordTest, KeepsTheFailuresThatFit) {
  JobRecord record;
  for (int64_t i = 0; i < 2000; ++i) {
    record.failures.push_back({"doc", i, std::string(5000, 'x')});
  }
  record.progress.failed_count = 2000;
  COPSE_ASSERT_OK_AND_ASSIGN(const JobRecord kept,
                             JobRecord::Parse(record.Encode()));
  EXPECT_EQ(kept.progress.failed_count, 2000);
  EXPECT_THAT(kept.failures, SizeIs((size_t{4} << 20) / (16 + 3 + 4096)));
  EXPECT_EQ(kept.failures.back().operation_number,
            static_cast<int64_t>(kept.failures.size()) - 1);
  EXPECT_EQ(kept.failures[0].message, std::string(4096, 'x'));
}

TEST(JobIdTest, IsThirtyTwoDigitsOutside) {
  JobId id = {};
  id[0] = std::byte{0x01};
  id[15] = std::byte{0xfe};
  EXPECT_EQ(JobIdText(id), "010000000000000000000000000000fe");
  EXPECT_EQ(ParseJobId(JobIdText(id)), id);
  for (const absl::string_view text :
       {"", "01", "010000000000000000000000000000fE",
        "010000000000000000000000000000f/", "010000000000000000000000000000fe0",
        "../../../../../../../../etc/pass"}) {
    EXPECT_EQ(ParseJobId(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace copse
