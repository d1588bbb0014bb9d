// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/condition_parser.h"

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "copse/v1/search_service.pb.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

// Returns the condition as text of Protocol Buffers, in one line.
std::string Parsed(absl::string_view text) {
  const absl::StatusOr<v1::AttributeCondition> condition = ParseCondition(text);
  EXPECT_THAT(condition, IsOk()) << text;
  return condition.ok() ? condition->ShortDebugString() : "";
}

std::string Problem(absl::string_view text) {
  const absl::Status status = ParseCondition(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(ConditionParserTest, ReadsEachOperator) {
  EXPECT_EQ(Parsed("lang=en"),
            R"(name: "lang" any_of { values { string_value: "en" } })");
  EXPECT_EQ(
      Parsed("lang!=en"),
      R"(name: "lang" any_of { values { string_value: "en" } } negated: true)");
  EXPECT_EQ(Parsed("year<1980"),
            R"(name: "year" range { greatest { int64_value: 1980 } )"
            R"(excludes_greatest: true })");
  EXPECT_EQ(Parsed("year<=1980"),
            R"(name: "year" range { greatest { int64_value: 1980 } })");
  EXPECT_EQ(Parsed("year>1980"),
            R"(name: "year" range { least { int64_value: 1980 } )"
            R"(excludes_least: true })");
  EXPECT_EQ(Parsed("year >= 1980"),
            R"(name: "year" range { least { int64_value: 1980 } })");
  EXPECT_EQ(Parsed("lang in (en,de)"),
            R"(name: "lang" any_of { values { string_value: "en" } )"
            R"(values { string_value: "de" } })");
  EXPECT_EQ(Parsed("lang in( en , 1 )"),
            R"(name: "lang" any_of { values { string_value: "en" } )"
            R"(values { int64_value: 1 } })");
  EXPECT_EQ(Parsed("has:author"), R"(name: "author" exists: true)");
  EXPECT_EQ(Parsed(" not  has:author "),
            R"(name: "author" exists: true negated: true)");
  EXPECT_EQ(Parsed("not lang != en"),
            R"(name: "lang" any_of { values { string_value: "en" } })");
}

TEST(ConditionParserTest, TellsTypesApartAsJsonDoes) {
  const auto value = [](absl::string_view text) {
    const auto condition = ParseCondition(text);
    EXPECT_THAT(condition, IsOk());
    return condition->any_of().values(0).ShortDebugString();
  };
  EXPECT_EQ(value("a=0"), "int64_value: 0");
  EXPECT_EQ(value("a=-12"), "int64_value: -12");
  EXPECT_EQ(value("a=9223372036854775807"), "int64_value: 9223372036854775807");
  EXPECT_EQ(value("a=1980.0"), "double_value: 1980");
  EXPECT_EQ(value("a=-1.5e3"), "double_value: -1500");
  EXPECT_EQ(value("a=1E2"), "double_value: 100");
  EXPECT_EQ(value("a=true"), "bool_value: true");
  EXPECT_EQ(value("a=false"), "bool_value: false");
  EXPECT_EQ(value("a=True"), R"(string_value: "True")");
  for (const absl::string_view text :
       {"007", "1.", ".5", "1e", "-", "2026-03-01", "1_000", "0x10", "+1"}) {
    EXPECT_EQ(value(absl::StrCat("a=", text)),
              absl::StrCat("string_value: \"", text, "\""));
  }
}

TEST(ConditionParserTest, QuotesMakeTextsOfAnything) {
  EXPECT_EQ(Parsed("title=\"Star Wars\""),
            R"(name: "title" any_of { values { string_value: "Star Wars" } })");
  EXPECT_EQ(Parsed("a='1980'"),
            R"(name: "a" any_of { values { string_value: "1980" } })");
  EXPECT_EQ(Parsed("a=''"),
            R"(name: "a" any_of { values { string_value: "" } })");
  EXPECT_EQ(Parsed(R"("a b"='x\'\"\\y')"),
            R"(name: "a b" any_of { values { string_value: "x\'\"\\y" } })");
  EXPECT_EQ(Parsed("'not'=true"),
            R"(name: "not" any_of { values { bool_value: true } })");
  EXPECT_EQ(Parsed("'has:x'=1"),
            R"(name: "has:x" any_of { values { int64_value: 1 } })");
  EXPECT_EQ(Parsed("notes=1"),
            R"(name: "notes" any_of { values { int64_value: 1 } })");
  EXPECT_EQ(Parsed("in in (in)"),
            R"(name: "in" any_of { values { string_value: "in" } })");
}

TEST(ConditionParserTest, SaysWhereWhatIsWrong) {
  EXPECT_EQ(Problem(""),
            "at byte 1 is the end, wanted the name of an attribute");
  EXPECT_EQ(Problem("=1"),
            "at byte 1 is '=1', wanted the name of an attribute");
  EXPECT_EQ(Problem("''=1"),
            "at byte 1 is '''=1', wanted a name that is not "
            "empty");
  EXPECT_EQ(Problem("year"),
            "at byte 5 is the end, wanted =, !=, <, <=, >, >= or in");
  EXPECT_EQ(Problem("year like x"),
            "at byte 6 is 'like x', wanted =, !=, <, <=, >, >= or in");
  EXPECT_EQ(Problem("year>="), "at byte 7 is the end, wanted a value");
  EXPECT_EQ(Problem("year==1"), "at byte 6 is '=1', wanted a value");
  EXPECT_EQ(Problem("year=9223372036854775808"),
            "at byte 6 is '9223372036854775808', wanted a whole number from "
            "-9223372036854775808 to 9223372036854775807");
  EXPECT_EQ(Problem("a=1e999"), "at byte 3 is '1e999', wanted a finite number");
  EXPECT_EQ(Problem("title=Star Wars"),
            "at byte 12 is 'Wars', wanted the end; a value with spaces or "
            "signs needs quotes");
  EXPECT_EQ(Problem("a in en"), "at byte 6 is 'en', wanted '('");
  EXPECT_EQ(Problem("a in ()"), "at byte 7 is ')', wanted a value");
  EXPECT_EQ(Problem("a in (1 2)"), "at byte 9 is '2)', wanted ',' or ')'");
  EXPECT_EQ(Problem("a in (1"), "at byte 8 is the end, wanted ',' or ')'");
  EXPECT_EQ(Problem("a=\"x"),
            "at byte 5 is the end, wanted the \" that ends what begins at byte "
            "3");
  EXPECT_EQ(Problem("a=\"\\n\""),
            "at byte 5 is 'n\"', wanted \\, \" or ' behind a \\");
  EXPECT_EQ(Problem("has:"),
            "at byte 5 is the end, wanted the name of an attribute");
  EXPECT_EQ(Problem("has:a=1"),
            "at byte 6 is '=1', wanted the end; a value with spaces or signs "
            "needs quotes");
  EXPECT_EQ(Problem("a=\xff"), "is not valid UTF-8");
  EXPECT_EQ(Problem("a=1 \x1b[2J"),
            "at byte 5 is '\\x1b[2J', wanted the end; a value with spaces or "
            "signs needs quotes");
}

}  // namespace
}  // namespace copse
