// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/where_filter.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/http/parameters.h"
#include "tests/support/status_matchers.h"
#include "versioning/search_filter.h"

namespace copse {
namespace {

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

SearchFilter ExpectedFilter() {
  SearchFilter filter;
  filter.conditions = {
      {.name = "year",
       .test = AttributeRange{.least = int64_t{1980}, .excludes_least = true}},
      {.name = "lang",
       .test = AttributeIn{{std::string("en"), true, 1.5}},
       .is_negated = true},
      {.name = "by"}};
  filter.id_prefixes = {"Film/", "Book/"};
  return filter;
}

TEST(WhereFilterTest, TakesConditionsOfAQuery) {
  EXPECT_THAT(SearchFilterOf(Parameters("q=x")), IsOkAndHolds(SearchFilter()));
  EXPECT_THAT(
      SearchFilterOf(Parameters(
          "where=year>1980&where[]=not+lang+in+(en,true,1.5)&where=has:by&"
          "where=&id_prefix=Film/&id_prefix=Book/")),
      IsOkAndHolds(ExpectedFilter()));
}

TEST(WhereFilterTest, TakesConditionsOfABody) {
  Parameters parameters("where=%zz");
  ASSERT_THAT(
      parameters.AddBody(
          R"json({"where":["year > 1980","not lang in (en, true, 1.5)",)json"
          R"json("has:by"],"id_prefix":["Film/","Book/"]})json"),
      IsOk());
  EXPECT_THAT(SearchFilterOf(parameters), IsOkAndHolds(ExpectedFilter()));
}

TEST(WhereFilterTest, NamesWhatIsWrong) {
  EXPECT_THAT(SearchFilterOf(Parameters("where=year>=")),
              StatusIs(kInvalid,
                       "where 'year>=': at byte 7 is the end, wanted a value"));
  EXPECT_THAT(
      SearchFilterOf(
          Parameters(absl::StrCat("where=", std::string(600, 'a'), "=1"))),
      StatusIs(kInvalid,
               testing::AllOf(
                   testing::StartsWith("where 'aaa"),
                   testing::HasSubstr("conditions[0].name is 600 bytes"))));
  std::string query;
  for (int i = 0; i < 65; ++i) {
    absl::StrAppend(&query, "&where=has:a");
  }
  EXPECT_THAT(SearchFilterOf(Parameters(query)),
              StatusIs(kInvalid,
                       "where is given 65 times, expected at most "
                       "64"));
  EXPECT_THAT(SearchFilterOf(Parameters(
                  absl::StrCat("id_prefix=", std::string(4097, 'a')))),
              StatusIs(kInvalid,
                       "id_prefix is 4097 bytes long, expected at most 4096"));
}

}  // namespace
}  // namespace copse
