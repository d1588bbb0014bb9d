// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/setting.h"

#include <cstdint>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

Setting SizeSetting() {
  return {.key = "pool_size_bytes",
          .kind = SettingKind::kSize,
          .help = "",
          .min = 0,
          .max = int64_t{1} << 40};
}

Setting CountSetting() {
  return {.key = "fan_out",
          .kind = SettingKind::kCount,
          .help = "",
          .min = 4,
          .max = 1024};
}

Setting SecondsSetting() {
  return {.key = "timeout_seconds",
          .kind = SettingKind::kSeconds,
          .help = "",
          .min = 0,
          .max = 60};
}

Setting FlagSetting() {
  return {.key = "allow", .kind = SettingKind::kFlag, .help = ""};
}

Setting ChoiceSetting() {
  return {.key = "log_level",
          .kind = SettingKind::kChoice,
          .help = "",
          .choices = {"debug", "info", "warning", "error"}};
}

Setting AddressSetting(bool may_be_empty) {
  return {.key = "address",
          .kind = SettingKind::kAddress,
          .help = "",
          .may_be_empty = may_be_empty};
}

void ExpectInvalid(const Setting& setting, const std::string& text,
                   const std::string& message) {
  EXPECT_THAT(ParseSettingValue(setting, text),
              StatusIs(absl::StatusCode::kInvalidArgument, message))
      << text;
}

TEST(SettingTest, ReadsSizesWithAndWithoutUnits) {
  const auto parse = [](const std::string& text) {
    return std::get<int64_t>(ParseSettingValue(SizeSetting(), text).value());
  };
  EXPECT_EQ(parse("0"), 0);
  EXPECT_EQ(parse("536870912"), 536870912);
  EXPECT_EQ(parse("512MiB"), 536870912);
  EXPECT_EQ(parse("512 mib"), 536870912);
  EXPECT_EQ(parse("1.5GiB"), 1610612736);
  EXPECT_EQ(parse("2kB"), 2000);
  EXPECT_EQ(parse("7B"), 7);
}

TEST(SettingTest, RefusesSizesThatAreNone) {
  for (const std::string text :
       {"12XB", "-1", "1e9", "MiB", "512M", "0x10", "inf", "nan", "1.5.2GiB",
        "99999999999999999999", "9999999PiB", "", " 5", "2TiB"}) {
    ExpectInvalid(SizeSetting(), text,
                  "is '" + text +
                      "', expected a size from 0 to 1TiB, such as 536870912 or "
                      "512MiB");
  }
}

TEST(SettingTest, WritesSizesWithTheUnitThatDivides) {
  EXPECT_EQ(FormatSize(0), "0");
  EXPECT_EQ(FormatSize(1000), "1000");
  EXPECT_EQ(FormatSize(1536), "1536");
  EXPECT_EQ(FormatSize(2048), "2KiB");
  EXPECT_EQ(FormatSize(int64_t{4} << 30), "4GiB");
}

TEST(SettingTest, RefusesCountsOutOfRange) {
  EXPECT_THAT(ParseSettingValue(CountSetting(), "1024"),
              IsOkAndHolds(SettingValue(int64_t{1024})));
  for (const std::string text : {"3", "1025", "-4", "4.5", "four", "", "0x40",
                                 "1_000", "99999999999999999999"}) {
    ExpectInvalid(CountSetting(), text,
                  "is '" + text + "', expected a number from 4 to 1024");
  }
}

TEST(SettingTest, ReadsSecondsAsDecimals) {
  EXPECT_THAT(ParseSettingValue(SecondsSetting(), "0.25"),
              IsOkAndHolds(SettingValue(0.25)));
  for (const std::string text : {"61", "-1", "5s", "nan", "inf", "1e1", ""}) {
    ExpectInvalid(SecondsSetting(), text,
                  "is '" + text + "', expected seconds from 0 to 60");
  }
}

TEST(SettingTest, ReadsTheUsualWordsAsFlags) {
  for (const std::string text : {"true", "True", "yes", "on", "1"}) {
    EXPECT_THAT(ParseSettingValue(FlagSetting(), text),
                IsOkAndHolds(SettingValue(true)));
  }
  for (const std::string text : {"false", "NO", "off", "0"}) {
    EXPECT_THAT(ParseSettingValue(FlagSetting(), text),
                IsOkAndHolds(SettingValue(false)));
  }
  ExpectInvalid(FlagSetting(), "maybe", "is 'maybe', expected true or false");
  ExpectInvalid(FlagSetting(), "", "is '', expected true or false");
}

TEST(SettingTest, SuggestsTheChoiceThatWasMeant) {
  EXPECT_THAT(ParseSettingValue(ChoiceSetting(), "warning"),
              IsOkAndHolds(SettingValue(std::string("warning"))));
  ExpectInvalid(ChoiceSetting(), "warn",
                "is 'warn', expected one of debug, info, warning, error, did "
                "you mean 'warning'?");
  ExpectInvalid(ChoiceSetting(), "",
                "is empty, expected one of debug, info, warning, error");
}

TEST(SettingTest, ReadsAddresses) {
  for (const std::string text :
       {"127.0.0.1:7373", "localhost:0", "[::1]:65535", "0.0.0.0:1"}) {
    EXPECT_THAT(ParseSettingValue(AddressSetting(false), text),
                IsOkAndHolds(SettingValue(text)));
  }
  EXPECT_THAT(ParseSettingValue(AddressSetting(true), ""),
              IsOkAndHolds(SettingValue(std::string())));
  ExpectInvalid(AddressSetting(false), "",
                "is empty, expected HOST:PORT, such as 127.0.0.1:0");
  ExpectInvalid(AddressSetting(false), "7373",
                "is '7373', expected HOST:PORT, such as 127.0.0.1:0: there is "
                "no :PORT at its end");
}

TEST(SettingTest, BoundsTexts) {
  const Setting text = {.key = "model", .kind = SettingKind::kText, .help = ""};
  EXPECT_THAT(ParseSettingValue(text, std::string(4096, 'a')), IsOk());
  ExpectInvalid(text, std::string(4097, 'a'),
                "has 4097 bytes, expected at most 4096");
  ExpectInvalid(text, std::string("a\0b", 3), "holds a NUL character");
}

TEST(SettingTest, LeavesSecretsOfUrlsOut) {
  const auto expect_unchanged = [](const std::string& url) {
    EXPECT_EQ(RedactUrl(url), url);
  };
  expect_unchanged("");
  expect_unchanged("https://api.example.com/v1/embeddings");
  expect_unchanged("https://e.example/v1?api-version=2024-10-21&a");
  expect_unchanged("http://[::1]:8080/a@b");
  EXPECT_EQ(RedactUrl("http://ada:pass@proxy:3128/"), "http://***@proxy:3128/");
  EXPECT_EQ(RedactUrl("ada:pa@ss@proxy:3128"), "***@proxy:3128");
  EXPECT_EQ(RedactUrl("https://e.example/v1?key=AIza1&b=2&API_KEY=c&sig=%2F"),
            "https://e.example/v1?key=***&b=2&API_KEY=***&sig=***");
}

TEST(SettingTest, RepeatsNoMoreThanTheStartOfAWrongValue) {
  ExpectInvalid(
      CountSetting(), std::string(100'000, '9'),
      "is '" + std::string(64, '9') + "...', expected a number from 4 to 1024");
}

}  // namespace
}  // namespace copse
