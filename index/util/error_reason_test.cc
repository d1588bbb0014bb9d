// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/util/error_reason.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/status_macros.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Pair;

TEST(ErrorReasonTest, TravelsWithTheStatusAndSurvivesAnAnnotation) {
  const std::string name("a\0b\n", 4);
  const absl::Status status =
      AnnotateStatus(WithReason(absl::NotFoundError("no domain"),
                                "DOMAIN_NOT_FOUND", {{"domain", name}}),
                     "push");
  const std::optional<ErrorReason> reason = ReasonOf(status);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->reason, "DOMAIN_NOT_FOUND");
  EXPECT_THAT(reason->metadata, ElementsAre(Pair("domain", name)));
  EXPECT_EQ(status.message(), "push: no domain");
}

TEST(ErrorReasonTest, IsReplacedByALaterReason) {
  const absl::Status status = WithReason(
      WithReason(absl::AbortedError("x"), "FIRST", {{"a", "1"}}), "SECOND");
  const std::optional<ErrorReason> reason = ReasonOf(status);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->reason, "SECOND");
  EXPECT_TRUE(reason->metadata.empty());
}

TEST(ErrorReasonTest, IsAbsentWhereNobodyGaveOne) {
  EXPECT_THAT(ReasonOf(absl::InternalError("x")).has_value(), Eq(false));
  EXPECT_THAT(ReasonOf(absl::OkStatus()).has_value(), Eq(false));
}

}  // namespace
}  // namespace copse
