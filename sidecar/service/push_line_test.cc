// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/push_line.h"

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/status_macros.h"
#include "sidecar/service/push_operation.h"
#include "tests/support/status_matchers.h"
#include "versioning/document.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Describe(const PushLine& line) {
  if (const auto* upsert = std::get_if<UpsertOperation>(&line.operation)) {
    return absl::StrCat(line.is_insert ? "insert " : "change ",
                        upsert->document.id, " ", upsert->document.type, " ",
                        upsert->document.text.value_or("-"));
  }
  if (const auto* drop = std::get_if<DeleteOperation>(&line.operation)) {
    return absl::StrCat("delete ", drop->document_id);
  }
  if (const auto* error = std::get_if<ErrorOperation>(&line.operation)) {
    return absl::StrCat("error ", error->message);
  }
  return "abort";
}

absl::Status Read(const std::vector<absl::string_view>& pieces,
                  std::vector<std::string>& said) {
  PushLineReader reader(200);
  const auto visit = [&said](const PushLine& line) {
    said.push_back(Describe(line));
    return absl::OkStatus();
  };
  for (const absl::string_view piece : pieces) {
    if (absl::Status status = reader.Add(piece, visit); !status.ok()) {
      return status;
    }
  }
  return reader.Finish(visit);
}

TEST(PushLineTest, ReadsEveryOperation) {
  std::vector<std::string> said;
  ASSERT_THAT(
      Read(
          {R"({"op":"Inserted","id":"x:///q/Vessel/a","string":"one","more":[]})"
           "\n\n",
           R"({"op":"Changed","id":"a","string":""})"
           "\r\n",
           R"({"string":"two","id":"T/b","op":"Replaced"})"
           "\n",
           R"({"op":"Deleted","id":"a"})"
           "\n",
           R"({"op":"Error","message":"why"})"
           "\n",
           R"({"op":"Abort"})"},
          said),
      IsOk());
  EXPECT_THAT(said, ElementsAre("insert x:///q/Vessel/a Vessel one",
                                "change a unknown ", "change T/b T two",
                                "delete a", "error why", "abort"));
}

TEST(PushLineTest, ReadsWhetherATextIsRendered) {
  const auto flag_of = [](absl::string_view field) -> absl::StatusOr<bool> {
    COPSE_ASSIGN_OR_RETURN(
        const PushLine line,
        ParsePushLine(absl::StrCat(
            R"({"op":"Inserted","id":"Film/a","string":"x")", field, "}")));
    return std::get<UpsertOperation>(line.operation).text_is_rendered;
  };
  EXPECT_THAT(flag_of(""), IsOkAndHolds(false));
  EXPECT_THAT(flag_of(R"(,"text_is_rendered":null)"), IsOkAndHolds(false));
  EXPECT_THAT(flag_of(R"(,"text_is_rendered":true)"), IsOkAndHolds(true));
  EXPECT_THAT(flag_of(R"(,"text_is_rendered":1)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "text_is_rendered is no truth value, expected true or "
                       "false"));
}

absl::StatusOr<Attributes> AttributesOf(absl::string_view json) {
  COPSE_ASSIGN_OR_RETURN(
      PushLine line,
      ParsePushLine(absl::StrCat(R"({"op":"Changed","attributes":)", json,
                                 R"(,"id":"Film/a","string":"x"})")));
  return std::get<UpsertOperation>(line.operation).document.attributes;
}

TEST(PushLineTest, ReadsAttributes) {
  EXPECT_THAT(AttributesOf("null"), IsOkAndHolds(Attributes()));
  EXPECT_THAT(AttributesOf("{}"), IsOkAndHolds(Attributes()));
  EXPECT_THAT(
      AttributesOf(R"({"year":1977,"rating":8.0,"seen":true,"by":"","":0} )"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("attribute name has 0 bytes")));
  EXPECT_THAT(
      AttributesOf(R"({"year":1977,"rating":8.0,"seen":true,"by":"Ada"})"),
      IsOkAndHolds(Attributes{{"year", int64_t{1977}},
                              {"rating", 8.0},
                              {"seen", true},
                              {"by", std::string("Ada")}}));
}

TEST(PushLineTest, SaysWhatIsWrongWithAttributes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]",
       "attributes is no object of at most 4096 members, expected an object of "
       "strings, numbers and truth values"},
      {"7", "attributes is no object of at most 4096 members"},
      {R"({"a":null})",
       "attribute 'a' is null, expected a string, a number or a truth value"},
      {R"({"a":[1]})", "attribute 'a' is an array or object"},
      {R"({"a":{"b":"c"}})", "attribute 'a' is an array or object"},
      {R"({"a":1,"a":2})", "attribute 'a' is there twice, expected one value"},
      {R"({"a":9223372036854775808})",
       "attribute 'a' is 9223372036854775808, expected a whole number of at "
       "most 9223372036854775807"},
      {R"({"a":18446744073709551616})",
       "attribute 'a' is a whole number of more than 64 bits, expected one "
       "from -9223372036854775808 to 9223372036854775807"},
      {R"({"a":-9223372036854775809})",
       "attribute 'a' is a whole number of more than 64 bits, expected one "
       "from -9223372036854775808 to 9223372036854775807"}};
  for (const auto& [json, why] : cases) {
    EXPECT_THAT(AttributesOf(json),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  }
  std::string many = "{";
  for (int i = 0; i < 5000; ++i) {
    absl::StrAppend(&many, i == 0 ? "" : ",", "\"a", i, "\":1");
    if (i == 1024) {
      EXPECT_THAT(AttributesOf(absl::StrCat(many, "}")),
                  StatusIs(absl::StatusCode::kInvalidArgument,
                           HasSubstr("attributes are 1025, expected at most "
                                     "1024")));
    }
  }
  EXPECT_THAT(AttributesOf(absl::StrCat(many, "}")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no object of at most 4096 members")));
}

TEST(PushLineTest, TakesLinesThatAreCutInsideACharacter) {
  std::vector<std::string> said;
  ASSERT_THAT(Read({R"({"op":"Deleted",)", "\"id\":\"\xc3", "\xa9\"}\n"}, said),
              IsOk());
  EXPECT_THAT(said, ElementsAre("delete \xc3\xa9"));
}

TEST(PushLineTest, NamesTheLineThatIsMalformed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"op\":\"Deleted\",\"id\":\"\xff\"}", "not JSON in UTF-8"},
      {R"({"op":"Deleted"})", "id is not set"},
      {R"({"op":"Moved","id":"a"})", "op is 'Moved'"},
      {R"({"op":"Inserted","id":"a","string":7})", "string is no string"},
      {R"([1])", "not a JSON object"},
      {R"({"op":"Abort")", "not JSON in UTF-8 at byte 14"},
      {R"({"op":"Abort"} {})",
       "not one JSON object: text follows it at byte 16; expected one operation a line, "
       "and curl keeps lines with --data-binary, not with --data"},
      {std::string(201, ' '), "longer than 200 bytes"}};
  for (const auto& [line, why] : cases) {
    std::vector<std::string> said;
    EXPECT_THAT(
        Read({"{\"op\":\"Abort\"}\n\n", line, "\n"}, said),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 testing::AllOf(HasSubstr("malformed operation in line 3: "),
                                HasSubstr(why))));
    EXPECT_THAT(said, ElementsAre("abort"));
  }
}

}  // namespace
}  // namespace copse
