// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/condition_text.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

std::string Shown(const ConditionText::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    return absl::StrCat("'", *text, "'");
  }
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    return absl::StrCat(*integer);
  }
  if (const auto* real = std::get_if<double>(&value)) {
    return absl::StrCat("double ", *real);
  }
  return std::get<bool>(value) ? "true" : "false";
}

std::string Shown(absl::string_view sign, bool is_excluded,
                  const std::optional<ConditionText::Value>& bound) {
  return bound.has_value() ? absl::StrCat(" ", sign, is_excluded ? "" : "=",
                                          " ", Shown(*bound))
                           : "";
}

// Returns what was understood, in other words.
std::string Read(absl::string_view text) {
  const absl::StatusOr<ConditionText> condition = ParseConditionText(text);
  if (!condition.ok()) {
    return condition.status().ToString();
  }
  std::string shown =
      absl::StrCat(condition->is_negated ? "not " : "", condition->name);
  if (const auto* in = std::get_if<ConditionText::In>(&condition->test)) {
    for (const ConditionText::Value& value : in->values) {
      absl::StrAppend(&shown, " ", Shown(value));
    }
  } else if (const auto* range =
                 std::get_if<ConditionText::Range>(&condition->test)) {
    absl::StrAppend(&shown, Shown(">", range->excludes_least, range->least),
                    Shown("<", range->excludes_greatest, range->greatest));
  } else {
    absl::StrAppend(&shown, " exists");
  }
  return shown;
}

TEST(ConditionTextTest, ReadsEachForm) {
  EXPECT_EQ(Read("lang=en"), "lang 'en'");
  EXPECT_EQ(Read("lang != en"), "not lang 'en'");
  EXPECT_EQ(Read("not lang!=en"), "lang 'en'");
  EXPECT_EQ(Read("year<1980"), "year < 1980");
  EXPECT_EQ(Read("year<=1980.0"), "year <= double 1980");
  EXPECT_EQ(Read("year>'1980'"), "year > '1980'");
  EXPECT_EQ(Read("seen>=false"), "seen >= false");
  EXPECT_EQ(Read("a b"),
            "INVALID_ARGUMENT: at byte 3 is 'b', wanted =, !=, <, "
            "<=, >, >= or in");
  EXPECT_EQ(Read("lang in (en, \"d e\",1)"), "lang 'en' 'd e' 1");
  EXPECT_EQ(Read("has:author"), "author exists");
  EXPECT_EQ(Read("not has:'an author'"), "not an author exists");
}

TEST(ConditionTextTest, SaysWhereWhatIsWrong) {
  EXPECT_THAT(ParseConditionText("year>="),
              StatusIs(kInvalid, "at byte 7 is the end, wanted a value"));
  EXPECT_THAT(ParseConditionText("a=\xff"),
              StatusIs(kInvalid, "is not valid UTF-8"));
  // Forty bytes, and no part of a character.
  const std::string accents = "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9";
  EXPECT_THAT(
      ParseConditionText(
          absl::StrCat("a=1 x", accents, accents, accents, accents, accents)),
      StatusIs(kInvalid,
               absl::StrCat("at byte 5 is 'x", accents, accents, accents,
                            accents.substr(0, 8),
                            "', wanted the end; a value with spaces or signs "
                            "needs quotes")));
}

}  // namespace
}  // namespace copse
