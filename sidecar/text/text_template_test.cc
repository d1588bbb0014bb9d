// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/text_template.h"

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

absl::StatusOr<std::string> Render(absl::string_view text,
                                   absl::string_view document) {
  const auto compiled = TextTemplate::Compile(text);
  return compiled.ok() ? (*compiled)->Render(document) : compiled.status();
}

TEST(TextTemplateTest, RendersFieldsWithoutEscapingThem) {
  EXPECT_THAT(Render("{{name}} {{{name}}} {{&name}}: {{note}}",
                     R"({"name": "<oak> & \"elm\"", "note": "it's"})"),
              IsOkAndHolds(Eq("<oak> & \"elm\" <oak> & \"elm\" <oak> & "
                              "\"elm\": it's")));
}

TEST(TextTemplateTest, RendersNumbersAsJsonWritesThem) {
  EXPECT_THAT(
      Render("{{i}} {{u}} {{d}} {{e}} {{t}}",
             R"({"i": -7, "u": 18446744073709551615, "d": 1.50, "e": 1e21,
                 "t": true})"),
      IsOkAndHolds(Eq("-7 18446744073709551615 1.5 1e+21 true")));
}

TEST(TextTemplateTest, RendersWhatIsMissingEmpty) {
  EXPECT_THAT(Render("[{{a}}{{b.c}}{{n}}{{f}}{{o}}{{l}}]",
                     R"({"n": null, "f": false, "o": {"x": 1}, "l": [1]})"),
              IsOkAndHolds(Eq("[]")));
}

TEST(TextTemplateTest, RendersListsAndNestedFields) {
  EXPECT_THAT(
      Render("{{#trees}}{{name}} ({{place.bay}}){{#tags}} {{.}}{{/tags}}"
             "; {{/trees}}",
             R"({"place": {"bay": "north"}, "trees": [
                         {"name": "oak", "tags": ["old", 7]},
                         {"name": "elm", "place": {"bay": "south"}}]})"),
      IsOkAndHolds(Eq("oak (north) old 7; elm (south); ")));
}

TEST(TextTemplateTest, LeavesOutSectionsOfNothing) {
  for (const absl::string_view value : {"null", "false", "\"\"", "[]"}) {
    EXPECT_THAT(Render("{{#x}}yes{{/x}}{{^x}}no{{/x}}",
                       absl::StrCat("{\"x\": ", value, "}")),
                IsOkAndHolds(Eq("no")))
        << value;
  }
  for (const absl::string_view value : {"true", "0", "\"a\"", "[1]", "{}"}) {
    EXPECT_THAT(Render("{{#x}}yes{{/x}}{{^x}}no{{/x}}",
                       absl::StrCat("{\"x\": ", value, "}")),
                IsOkAndHolds(Eq("yes")))
        << value;
  }
}

TEST(TextTemplateTest, TakesLinesOfSectionsAway) {
  EXPECT_THAT(Render("a\n{{#x}}\nb\n{{/x}}\nc\n", R"({"x": true})"),
              IsOkAndHolds(Eq("a\nb\nc\n")));
}

TEST(TextTemplateTest, TakesOtherDelimitersAndComments) {
  EXPECT_THAT(Render("{{! a note }}{{=<% %>=}}<%x%> {{x}}", R"({"x": 1})"),
              IsOkAndHolds(Eq("1 {{x}}")));
}

TEST(TextTemplateTest, SaysWhereATemplateIsWrong) {
  const struct {
    absl::string_view text;
    absl::string_view message;
  } cases[] = {
      {"a\n\u00e9 {{name", "line 2, column 3: the tag has no end"},
      {"{{{name}}", "line 1, column 1: the tag has no end, expected '}}}'"},
      {"{{#x}}\n{{^y}}", "line 2, column 1: the section 'y' is not closed"},
      {"{{#x}}{{/y}}",
       "line 1, column 7: the section 'y' is closed, expected 'x'"},
      {"\n\n{{/y}}", "line 3, column 1: the section 'y' is closed but not"},
      {"{{}}", "line 1, column 1: the tag has no name"},
      {"{{# }}", "line 1, column 1: the tag has no name"},
      {"a {{>other}}", "line 1, column 3: the tag is the partial 'other'"},
      {"{{=a=}}", "line 1, column 1: the delimiters are '=a='"},
      {"\xff", "template: text is not UTF-8 at byte 0"},
  };
  for (const auto& expected : cases) {
    EXPECT_THAT(TextTemplate::Compile(expected.text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(std::string(expected.message))));
  }
  std::string deep;
  for (int i = 0; i <= TextTemplate::kSectionDepthMax; ++i) {
    absl::StrAppend(&deep, "{{#x}}");
  }
  EXPECT_THAT(TextTemplate::Compile(deep),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("line 1, column 97: the section 'x' is in 16 "
                                 "others, expected at most 16 levels")));
  EXPECT_THAT(
      TextTemplate::Compile(
          std::string(TextTemplate::kTemplateSizeMax + 1, ' ')),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("template has 65537 bytes, expected at most 65536")));
}

TEST(TextTemplateTest, RefusesWhatIsNoDocument) {
  EXPECT_THAT(Render("", "[1]"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("document is an array, expected an object")));
  EXPECT_THAT(Render("", "{"), StatusIs(absl::StatusCode::kInvalidArgument,
                                        HasSubstr("document is not JSON")));
  EXPECT_THAT(Render("", "{\"x\": " + std::string(100, '[') +
                             std::string(100, ']') + "}"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("document is not JSON of at most 67108864 "
                                 "bytes and 64 levels")));
}

TEST(TextTemplateTest, StopsWhatWouldNotEnd) {
  std::string list = "[0";
  for (int i = 1; i < 1000; ++i) {
    absl::StrAppend(&list, ",", i);
  }
  const std::string document = absl::StrCat("{\"x\": ", list, "]}");
  for (const absl::string_view text :
       {"{{#x}}{{#x}}{{#x}}{{#x}}{{/x}}{{/x}}{{/x}}{{/x}}",
        "{{#x}}{{#x}}{{#x}}oak{{/x}}{{/x}}{{/x}}",
        "{{#x}}{{#x}}{{#x}}oak\n{{/x}}{{/x}}{{/x}}"}) {
    EXPECT_THAT(Render(text, document),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("takes more than 50331648 bytes or too "
                                   "many steps")));
  }
  const std::string large =
      absl::StrCat("{\"x\": [1, 2, 3], \"y\": \"",
                   std::string(size_t{20} << 20, 'a'), "\"}");
  EXPECT_THAT(Render("{{#x}}{{y}}\n{{/x}}", large),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("takes more than 50331648 bytes")));
}

TEST(TextTemplateSetTest, HasOneForEachTypeAndOneForOthers) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const TextTemplateSet templates,
      TextTemplateSet::Compile({{"", "{{id}}"}, {"Tree", "{{name}}"}}));
  EXPECT_THAT(templates.Find("Tree")->Render(R"({"name": "oak"})"),
              IsOkAndHolds(Eq("oak")));
  EXPECT_THAT(templates.Find("Boat")->Render(R"({"id": 7})"),
              IsOkAndHolds(Eq("7")));
  COPSE_ASSERT_OK_AND_ASSIGN(const TextTemplateSet trees,
                             TextTemplateSet::Compile({{"Tree", "a"}}));
  EXPECT_EQ(trees.Find("Boat"), nullptr);
  EXPECT_THAT(TextTemplateSet::Compile({{"Tree", "{{"}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the template of type 'Tree': line 1, column "
                                 "1: the tag has no end")));
}

}  // namespace
}  // namespace copse
