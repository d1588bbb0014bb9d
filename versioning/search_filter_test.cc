// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/search_filter.h"

#include <cmath>
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

using ::testing::Eq;

SearchFilter Only(AttributeCondition condition) {
  return {.conditions = {std::move(condition)}};
}

std::string Problem(const SearchFilter& filter) {
  const absl::Status status = CheckSearchFilter(filter, "settings.");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(SearchFilterTest, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(Problem(Only({.name = ""})),
            "settings.conditions[0].name is 0 bytes, expected 1 to 512 bytes");
  EXPECT_EQ(Problem(Only({.name = "a\xff"})),
            "settings.conditions[0].name is not valid UTF-8 at byte 1, "
            "expected valid UTF-8");
  EXPECT_EQ(Problem(Only({.name = "a", .test = AttributeIn{}})),
            "settings.conditions[0].any_of is 0 values, expected 1 to 1000");
  EXPECT_EQ(
      Problem(Only({.name = "a",
                    .test = AttributeIn{std::vector<AttributeValue>(1001)}})),
      "settings.conditions[0].any_of is 1001 values, expected 1 to 1000");
  EXPECT_EQ(Problem(Only(
                {.name = "a",
                 .test = AttributeIn{{int64_t{1}, std::string(65537, 'x')}}})),
            "settings.conditions[0].any_of.values[1] is 65537 bytes, expected "
            "0 to 65536 bytes");
  EXPECT_EQ(Problem(Only({.name = "a", .test = AttributeIn{{std::nan("")}}})),
            "settings.conditions[0].any_of.values[0] is nan, expected a finite "
            "number");
  EXPECT_EQ(
      Problem(Only({.name = "a", .test = AttributeRange{}})),
      "settings.conditions[0].range is without a bound, expected at least one");
  EXPECT_EQ(Problem(Only({.name = "a",
                          .test = AttributeRange{.least = int64_t{1},
                                                 .greatest = true}})),
            "settings.conditions[0].range is from an int64 to a bool, "
            "expected bounds of one type, or numbers");
  EXPECT_EQ(Problem(Only(
                {.name = "a", .test = AttributeRange{.greatest = HUGE_VAL}})),
            "settings.conditions[0].range.greatest is inf, expected a finite "
            "number");
  EXPECT_EQ(Problem({.conditions = std::vector<AttributeCondition>(65)}),
            "settings.conditions is 65 conditions, expected at most 64");
  EXPECT_EQ(
      Problem({.id_prefixes = std::vector<std::string>(101)}),
      "settings.document_id_prefixes is 101 prefixes, expected at most 100");
  EXPECT_EQ(Problem({.id_prefixes = {"a", ""}}),
            "settings.document_id_prefixes[1] is 0 bytes, expected 1 to 4096 "
            "bytes");
  EXPECT_THAT(CheckSearchFilter({}, ""), IsOk());
  EXPECT_THAT(CheckSearchFilter(
                  {.conditions = {{.name = "a"}}, .id_prefixes = {"b"}}, ""),
              IsOk());
}

TEST(SearchFilterTest, ComparesWhatIsComparable) {
  const auto passes = [](const AttributeValue& value,
                         const AttributeRange& range) {
    return Passes({.name = "a", .test = range}, {{"a", value}});
  };
  EXPECT_TRUE(passes(int64_t{5}, {.least = int64_t{5}}));
  EXPECT_FALSE(
      passes(int64_t{5}, {.least = int64_t{5}, .excludes_least = true}));
  EXPECT_FALSE(passes(int64_t{4}, {.least = int64_t{5}}));
  EXPECT_TRUE(passes(int64_t{5}, {.greatest = int64_t{5}}));
  EXPECT_FALSE(
      passes(int64_t{5}, {.greatest = int64_t{5}, .excludes_greatest = true}));
  EXPECT_FALSE(passes(int64_t{6}, {.greatest = int64_t{5}}));
  EXPECT_FALSE(passes(std::string("5"), {.greatest = int64_t{9}}));
  EXPECT_FALSE(passes(true, {.least = std::string()}));
  EXPECT_TRUE(passes(-0.0, {.least = 0.0, .greatest = 0.0}));
  EXPECT_TRUE(passes(false, {.greatest = false}));
  EXPECT_FALSE(passes(true, {.greatest = false}));
}

TEST(SearchFilterTest, ComparesNumbersOfBothTypesWithoutRounding) {
  constexpr int64_t kExactMax = int64_t{1} << 53;  // Of double.
  constexpr int64_t kLast = std::numeric_limits<int64_t>::max();
  constexpr int64_t kFirst = std::numeric_limits<int64_t>::min();
  const auto passes = [](const AttributeValue& value,
                         const AttributeRange& range) {
    return Passes({.name = "a", .test = range}, {{"a", value}});
  };
  EXPECT_TRUE(passes(10.5, {.least = int64_t{10}, .greatest = 10.5}));
  EXPECT_TRUE(passes(10.0, {.least = int64_t{10}, .greatest = int64_t{10}}));
  EXPECT_FALSE(passes(10.0, {.least = int64_t{10}, .excludes_least = true}));
  EXPECT_TRUE(passes(int64_t{-2}, {.greatest = -1.5}));
  EXPECT_FALSE(passes(int64_t{-1}, {.greatest = -1.5}));
  EXPECT_TRUE(passes(-0.0, {.least = int64_t{0}}));
  EXPECT_TRUE(passes(kExactMax + 1, {.least = 0x1p53, .excludes_least = true}));
  EXPECT_FALSE(passes(0x1p53, {.least = kExactMax + 1}));
  EXPECT_TRUE(passes(kLast, {.greatest = 0x1p63, .excludes_greatest = true}));
  EXPECT_FALSE(passes(0x1p63, {.greatest = kLast}));
  EXPECT_TRUE(passes(kFirst, {.least = -0x1p63, .greatest = -0x1p63}));
  EXPECT_FALSE(passes(-1e300, {.least = kFirst}));
  EXPECT_TRUE(passes(kFirst, {.least = -1e300}));
  const AttributeCondition one_of = {
      .name = "a", .test = AttributeIn{{int64_t{7}, 0x1p53, 0x1p63}}};
  EXPECT_TRUE(Passes(one_of, {{"a", 7.0}}));
  EXPECT_TRUE(Passes(one_of, {{"a", kExactMax}}));
  EXPECT_FALSE(Passes(one_of, {{"a", kExactMax + 1}}));
  EXPECT_FALSE(Passes(one_of, {{"a", kLast}}));
  EXPECT_FALSE(Passes(one_of, {{"a", std::string("7")}}));
}

TEST(SearchFilterTest, ANegatedConditionPassesWhatElseDoesNot) {
  const AttributeCondition not_one = {
      .name = "a", .test = AttributeIn{{int64_t{1}}}, .is_negated = true};
  EXPECT_FALSE(Passes(not_one, {{"a", int64_t{1}}}));
  EXPECT_TRUE(Passes(not_one, {{"a", int64_t{2}}}));
  EXPECT_FALSE(Passes(not_one, {{"a", 1.0}}));
  EXPECT_TRUE(Passes(not_one, {{"a", 1.5}}));
  EXPECT_TRUE(Passes(not_one, {{"a", true}}));
  EXPECT_TRUE(Passes(not_one, {}));
  EXPECT_TRUE(Passes({.name = "a"}, {{"a", false}}));
  EXPECT_FALSE(Passes({.name = "a"}, {{"b", true}}));
  EXPECT_TRUE(Passes({.name = "a", .is_negated = true}, {{"b", true}}));
}

}  // namespace
}  // namespace copse
