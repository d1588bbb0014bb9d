// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/logger.h"

#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class LoggerTest : public ::testing::Test {
 protected:
  Logger MakeLogger(LogFormat format, LogLevel level = LogLevel::kInfo) {
    return Logger(
        {.level = level,
         .format = format,
         .clock = [] { return absl::FromUnixMicros(1795252633000042); },
         .sink =
             [this](absl::string_view line) { absl::StrAppend(&out_, line); }});
  }

  // Returns the line that a field with `value` makes.
  std::string LineOf(LogFormat format, absl::string_view value) {
    out_.clear();
    MakeLogger(format).Info("m", {{"v", value}});
    return out_;
  }

  std::string out_;
};

TEST_F(LoggerTest, WritesTextAsItSays) {
  Logger logger = MakeLogger(LogFormat::kText);
  logger.Info("commit published", {{"domain", "a/b"},
                                   {"documents", 12},
                                   {"seconds", 0.25},
                                   {"folded", true},
                                   {"ordinal", uint64_t{1} << 63}});
  EXPECT_EQ(out_,
            "2026-11-21T09:17:13.000042Z INFO  commit published domain=a/b "
            "documents=12 seconds=0.25 folded=true "
            "ordinal=9223372036854775808\n");
}

TEST_F(LoggerTest, WritesJsonAsItSays) {
  Logger logger = MakeLogger(LogFormat::kJson);
  logger.Warning("embedding failed", {{"profile", "small"},
                                      {"attempt", int32_t{-1}},
                                      {"ok", false},
                                      {"seconds", 1.5}});
  logger.Error("bare");
  EXPECT_EQ(out_,
            "{\"time\":\"2026-11-21T09:17:13.000042Z\",\"level\":\"warning\","
            "\"message\":\"embedding failed\",\"profile\":\"small\","
            "\"attempt\":-1,\"ok\":false,\"seconds\":1.5}\n"
            "{\"time\":\"2026-11-21T09:17:13.000042Z\",\"level\":\"error\","
            "\"message\":\"bare\"}\n");
}

TEST_F(LoggerTest, LeavesOutWhatIsBelowItsLevel) {
  Logger logger = MakeLogger(LogFormat::kText, LogLevel::kWarning);
  logger.Debug("a");
  logger.Info("b");
  EXPECT_EQ(out_, "");
  EXPECT_FALSE(logger.IsEnabled(LogLevel::kInfo));
  logger.Warning("c");
  logger.Error("d");
  EXPECT_EQ(out_,
            "2026-11-21T09:17:13.000042Z WARN  c\n"
            "2026-11-21T09:17:13.000042Z ERROR d\n");
}

TEST_F(LoggerTest, QuotesTextThatCouldBeMisread) {
  const auto value_of = [this](absl::string_view value) {
    const std::string line = LineOf(LogFormat::kText, value);
    return line.substr(line.find("v=") + 2);
  };
  EXPECT_EQ(value_of("plain/-_.:@"), "plain/-_.:@\n");
  EXPECT_EQ(value_of("\xc3\xa4"), "\xc3\xa4\n");
  EXPECT_EQ(value_of(""), "\"\"\n");
  EXPECT_EQ(value_of("a b"), "\"a b\"\n");
  EXPECT_EQ(value_of("a=b"), "\"a=b\"\n");
  EXPECT_EQ(value_of("say \"hi\" \\"), "\"say \\\"hi\\\" \\\\\"\n");
  EXPECT_EQ(value_of("a\nERROR forged\r\t"), "\"a\\nERROR forged\\r\\t\"\n");
  EXPECT_EQ(value_of(absl::string_view("\x1b[31m\0", 6)),
            "\"\\u001b[31m\\u0000\"\n");
  EXPECT_EQ(value_of("\xc2\x9b"), "\"\\u009b\"\n");      // CSI.
  EXPECT_EQ(value_of("\xe2\x80\xae"), "\"\\u202e\"\n");  // Turns text.
  EXPECT_EQ(value_of("\xff\xc0\x80"), "\"\\xff\\xc0\\x80\"\n");
}

TEST_F(LoggerTest, EscapesJson) {
  const auto value_of = [this](absl::string_view value) {
    const std::string line = LineOf(LogFormat::kJson, value);
    return line.substr(line.find("\"v\":") + 4);
  };
  EXPECT_EQ(value_of("a\"\\\n\x01"), "\"a\\\"\\\\\\n\\u0001\"}\n");
  EXPECT_EQ(value_of("\xff"), "\"\xef\xbf\xbd\"}\n");
  EXPECT_EQ(value_of("\xf0\x9f\x8c\xb3"), "\"\xf0\x9f\x8c\xb3\"}\n");
}

TEST_F(LoggerTest, WritesNumbersThatJsonDoesNotHaveAsText) {
  Logger logger = MakeLogger(LogFormat::kJson);
  logger.Info("m", {{"v", std::numeric_limits<double>::infinity()}});
  EXPECT_THAT(out_, HasSubstr("\"v\":\"inf\"}\n"));
}

TEST_F(LoggerTest, CutsLongValuesBetweenCharacters) {
  // The cut at 4096 bytes would be inside the last character.
  const std::string value =
      absl::StrCat(std::string(4095, 'a'), "\xc3\xa4", "b");
  EXPECT_THAT(LineOf(LogFormat::kJson, value),
              HasSubstr(absl::StrCat("\"v\":\"", std::string(4095, 'a'),
                                     "... (4098 bytes)\"}\n")));
}

TEST_F(LoggerTest, LinesOfManyThreadsDoNotMix) {
  Logger logger = MakeLogger(LogFormat::kText);
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&logger] {
        for (int j = 0; j < 250; ++j) {
          logger.Info("event", {{"text", std::string(100, 'x')}});
        }
      });
    }
  }
  const std::vector<std::string> lines = absl::StrSplit(out_, '\n');
  EXPECT_THAT(lines, SizeIs(1001));
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(lines[i],
              absl::StrCat("2026-11-21T09:17:13.000042Z INFO  event text=",
                           std::string(100, 'x')));
  }
}

}  // namespace
}  // namespace copse
