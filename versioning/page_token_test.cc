// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/page_token.h"

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

constexpr PageTokenKind kCommits = PageTokenKind::kCommits;

TEST(PageTokenTest, GivesBackTheKeyWhateverItsBytes) {
  for (const std::string& key :
       {std::string(), std::string("main"), std::string("a\0b\xff", 4)}) {
    EXPECT_THAT(ParsePageToken(kCommits, 7, MakePageToken(kCommits, 7, key)),
                IsOkAndHolds(Eq(key)));
  }
}

TEST(PageTokenTest, RefusesTheTokenOfAnotherListingOrDomain) {
  const std::string token = MakePageToken(kCommits, 7, "main");
  EXPECT_THAT(ParsePageToken(PageTokenKind::kBranches, 7, token),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParsePageToken(kCommits, 8, token),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(PageTokenTest, RefusesWhatItDidNotMake) {
  const std::string token = MakePageToken(kCommits, 7, "main");
  for (size_t size = 0; size < token.size(); ++size) {
    EXPECT_THAT(ParsePageToken(kCommits, 7, token.substr(0, size)),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
  const absl::Status status =
      ParsePageToken(kCommits, 7, "nonsense\n").status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("page_token is 'nonsense\\n', expected the "
                          "next_page_token of an earlier page of this list")));
  EXPECT_EQ(ReasonOf(status)->reason, "PAGE_TOKEN_INVALID");
  EXPECT_THAT(ParsePageToken(kCommits, 7, std::string(1 << 20, 'A')),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("page_token is 'AAAA")));
}

TEST(PageTokenTest, BoundsThePageSize) {
  EXPECT_THAT(EffectivePageSize(0), IsOkAndHolds(Eq(50)));
  EXPECT_THAT(EffectivePageSize(3), IsOkAndHolds(Eq(3)));
  EXPECT_THAT(EffectivePageSize(1 << 30), IsOkAndHolds(Eq(1000)));
  EXPECT_THAT(EffectivePageSize(-1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("page_size is -1, expected 0 (for 50) to 1000")));
}

}  // namespace
}  // namespace copse
