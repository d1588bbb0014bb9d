// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/retry_delay.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/embedding/http_session.h"

namespace copse {
namespace {

using ::testing::Optional;

TEST(ParseDurationTest, TakesNumbersWithUnits) {
  const std::pair<absl::string_view, absl::Duration> cases[] = {
      {"20ms", absl::Milliseconds(20)}, {"1s", absl::Seconds(1)},
      {"6m0s", absl::Minutes(6)},       {"1m30.5s", absl::Seconds(90.5)},
      {"1h2m", absl::Minutes(62)},      {"3us", absl::Microseconds(3)},
      {"4ns", absl::Nanoseconds(4)},    {" 12 ", absl::Seconds(12)},
      {"1.5", absl::Seconds(1.5)},      {"0", absl::ZeroDuration()},
  };
  for (const auto& [text, duration] : cases) {
    EXPECT_THAT(ParseDuration(text), Optional(duration)) << text;
  }
}

TEST(ParseDurationTest, RefusesTheRest) {
  for (const absl::string_view text : {"", " ", "-1", "nan", "inf", "1e9", "1x",
                                       "s", "1s2", "1s s", "1..2s", "."}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(ParseRetryAfterTest, TakesTheThreeFormsOfADate) {
  const absl::Time now = absl::FromCivil(
      absl::CivilSecond(2026, 3, 1, 12, 0, 0), absl::UTCTimeZone());
  for (const absl::string_view date :
       {"Sun, 01 Mar 2026 12:00:30 GMT", "Sunday, 01-Mar-26 12:00:30 GMT",
        "Sun Mar  1 12:00:30 2026"}) {
    EXPECT_THAT(ParseRetryAfter(date, "", now), Optional(absl::Seconds(30)))
        << date;
  }
  EXPECT_EQ(ParseRetryAfter("tomorrow", "", now), std::nullopt);
  EXPECT_EQ(ParseRetryAfter("", "", now), std::nullopt);
  EXPECT_THAT(ParseRetryAfter("20ms", "", now),
              Optional(absl::Milliseconds(20)));
}

TEST(FindDelayInMessageTest, ReadsWhatPeopleWrite) {
  const std::pair<absl::string_view, absl::Duration> cases[] = {
      {"Please try again in 20s.", absl::Seconds(20)},
      {"please TRY AGAIN IN 6m0s. Visit https://x", absl::Minutes(6)},
      {"try again in 120ms", absl::Milliseconds(120)},
      {"Please retry after 12 seconds.", absl::Seconds(12)},
      {"retry after 1 minute", absl::Minutes(1)},
      {"retry in 300 milliseconds, please", absl::Milliseconds(300)},
  };
  for (const auto& [message, delay] : cases) {
    EXPECT_THAT(FindDelayInMessage(message), Optional(delay)) << message;
  }
  for (const absl::string_view message :
       {"", "try again later", "try again in a while", "retry after"}) {
    EXPECT_EQ(FindDelayInMessage(message), std::nullopt) << message;
  }
}

TEST(ServerDelayTest, BelievesNoServerThatAsksForMoreThanADay) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const std::pair<std::string, std::string> headers[] = {
      {"retry-after", "86401"},
      {"retry-after", "1e300"},
      {"retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"},
      {"retry-after-ms", "1e18"},
  };
  for (const auto& header : headers) {
    HttpReply reply;
    reply.headers.insert(header);
    EXPECT_THAT(ServerDelay(reply, std::nullopt, now),
                Optional(absl::Hours(24)))
        << header.second;
  }
  EXPECT_THAT(ServerDelay({}, absl::Hours(1000), now),
              Optional(absl::Hours(24)));
  EXPECT_THAT(ServerDelay({}, absl::Hours(23), now), Optional(absl::Hours(23)));
  EXPECT_EQ(ServerDelay({}, std::nullopt, now), std::nullopt);
}

TEST(BackoffDelayTest, IsUniformBelowALimitThatDoubles) {
  const absl::Duration base = absl::Milliseconds(500);
  const absl::Duration max = absl::Seconds(30);
  EXPECT_EQ(BackoffDelay(1, std::nullopt, base, max, 0.0),
            absl::ZeroDuration());
  EXPECT_EQ(BackoffDelay(1, std::nullopt, base, max, 0.5),
            absl::Milliseconds(250));
  EXPECT_EQ(BackoffDelay(4, std::nullopt, base, max, 0.5), absl::Seconds(2));
  EXPECT_EQ(BackoffDelay(20, std::nullopt, base, max, 0.5), absl::Seconds(15));
  EXPECT_EQ(BackoffDelay(3, absl::Seconds(10), base, max, 0.5),
            absl::Seconds(10.5));
}

}  // namespace
}  // namespace copse
