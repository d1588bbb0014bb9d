// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/parameters.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/http/domain_path.h"
#include "sidecar/http/query_string.h"
#include "sidecar/service/push_line.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

TEST(QueryStringTest, DecodesFormsToAnyCharacter) {
  EXPECT_THAT(DecodeForm("a+b%20c%00%0A%2B"),
              Optional(std::string("a b c\0\n+", 8)));
  EXPECT_THAT(DecodeForm("%c3%BC"), Optional(std::string("\xc3\xbc")));
  EXPECT_THAT(DecodeForm(":/"), Optional(std::string(":/")));
  EXPECT_THAT(DecodeForm("%FF"), Optional(std::string("\xff")));
  for (const char* text : {"%", "%4", "%G0", "a%", "%zz"}) {
    EXPECT_EQ(DecodeForm(text), std::nullopt) << text;
  }
}

TEST(QueryStringTest, KeepsTheOrderAndWhatHasNoValue) {
  const std::vector<QueryField> fields = ParseQuery("a=1&&b&a=%&%zz=1&=c");
  ASSERT_EQ(fields.size(), 4);
  EXPECT_EQ(fields[0].name, "a");
  EXPECT_EQ(fields[1].value, "");
  EXPECT_FALSE(fields[2].is_decoded);
  EXPECT_EQ(fields[3].name, "");
}

TEST(QueryStringTest, TellsBytesThatAreNoUtf8FromBadEscapes) {
  const std::vector<QueryField> fields = ParseQuery("a=%FF&%FF=b&a=%C3");
  ASSERT_EQ(fields.size(), 2);
  for (const QueryField& field : fields) {
    EXPECT_TRUE(field.is_decoded);
    EXPECT_FALSE(field.is_utf8);
    EXPECT_EQ(field.value, "");
  }
}

TEST(ParametersTest, SaysWhatIsWrongWithAnEncoding) {
  EXPECT_THAT(Parameters("q=%FF").FindText("q"),
              StatusIs(kInvalid,
                       "q is not valid UTF-8, expected "
                       "percent-encoded UTF-8"));
  EXPECT_THAT(Parameters("q=%zz").FindText("q"),
              StatusIs(kInvalid,
                       "q is not percent-encoded, expected two "
                       "hexadecimal digits after each '%'"));
  EXPECT_THAT(Parameters("doc_id[]=%C3").List({"doc_id"}),
              StatusIs(kInvalid,
                       "doc_id is not valid UTF-8, expected "
                       "percent-encoded UTF-8"));
}

TEST(ParametersTest, SaysWhatWasFoundAndWanted) {
  Parameters body("");
  ASSERT_THAT(body.AddBody(R"({"count":3.0,"start":1e30,"k":-7,"snippet":0,
      "threshold":-0.5,"mode":"Vector","doc_type":{},"stream":["a"]})"),
              IsOk());
  EXPECT_THAT(body.Integer("count", {1, 1000}, 10),
              StatusIs(kInvalid,
                       "count is 3.0, expected a whole number from 1 to 1000"));
  EXPECT_THAT(body.Integer("start", {0, 9}, 0),
              StatusIs(kInvalid,
                       "start is 1e+30, expected a whole number from 0 to 9"));
  EXPECT_THAT(
      body.Integer("k", {1, 9}, 0),
      StatusIs(kInvalid, "k is -7, expected a whole number from 1 to 9"));
  EXPECT_THAT(body.Flag("snippet", false),
              StatusIs(kInvalid, "snippet is 0, expected true or false"));
  EXPECT_THAT(
      body.Flag("stream", false),
      StatusIs(kInvalid,
               "stream is an array of strings, expected true or false"));
  EXPECT_THAT(
      body.FindNumber("threshold", 1),
      StatusIs(kInvalid, "threshold is -0.5, expected a number from 0 to 1"));
  EXPECT_THAT(body.List({"doc_type"}),
              StatusIs(kInvalid,
                       "doc_type is an object, expected an array of strings"));
  const absl::string_view modes[] = {"hybrid", "vector", "fts"};
  EXPECT_THAT(
      body.Choice("mode", modes),
      StatusIs(kInvalid, "mode is 'Vector', expected hybrid, vector or fts"));
  const Parameters query("threshold=abc&k=1.5&snippet=yes&mode=fts");
  EXPECT_THAT(
      query.FindNumber("threshold", 1),
      StatusIs(kInvalid, "threshold is 'abc', expected a number from 0 to 1"));
  EXPECT_THAT(
      query.Integer("k", {1, 9}, 0),
      StatusIs(kInvalid, "k is '1.5', expected a whole number from 1 to 9"));
  EXPECT_THAT(query.Flag("snippet", false),
              StatusIs(kInvalid, "snippet is 'yes', expected true or false"));
  EXPECT_THAT(query.Choice("mode", modes), IsOkAndHolds(2));
  EXPECT_THAT(query.Choice("role", modes), IsOkAndHolds(0));
}

TEST(ParametersTest, TakesTheEmptyStringAndNullForNothing) {
  Parameters parameters("q=&domain=a/b");
  EXPECT_THAT(parameters.AddBody(R"({"domain":null})"), IsOk());
  EXPECT_THAT(parameters.RequireText("q"),
              StatusIs(kInvalid, "q is not set, expected a value"));
  EXPECT_THAT(parameters.RequireText("domain"),
              StatusIs(kInvalid, "domain is not set, expected a value"));
  EXPECT_TRUE(parameters.Has("domain"));
  EXPECT_FALSE(parameters.Has("mode"));
}

TEST(ParametersTest, LooksOnlyAtWhatIsAskedFor) {
  Parameters parameters("q=%zz&q=2&count=x&start=3");
  EXPECT_THAT(parameters.AddBody(R"({"q":"oak","unknown":[{}]})"), IsOk());
  EXPECT_THAT(parameters.RequireText("q"), IsOkAndHolds("oak"));
  EXPECT_THAT(parameters.Integer("start", {0, 9}, 0), IsOkAndHolds(3));
  EXPECT_THAT(parameters.Integer("count", {1, 1000}, 10),
              StatusIs(kInvalid,
                       "count is 'x', expected a whole number from 1 to 1000"));
}

TEST(ParametersTest, RefusesRepeatedScalars) {
  EXPECT_THAT(Parameters("q=a&q=a").FindText("q"),
              StatusIs(kInvalid, "q is given twice, expected one value"));
}

TEST(ParametersTest, ReadsNumbersStrictly) {
  for (const char* text : {"+1", " 1", "1 ", "0x1", "1e1", "1.0", "-", "--1",
                           "9223372036854775808"}) {
    EXPECT_THAT(Parameters("k=").Integer("k", {1, 5}, 2), IsOkAndHolds(2));
    EXPECT_THAT(Parameters(std::string("k=") + text).Integer("k", {0, 20}, 2),
                StatusIs(kInvalid, HasSubstr("k is")))
        << text;
  }
  EXPECT_THAT(Parameters("k=007").Integer("k", {1, 7}, 2), IsOkAndHolds(7));
  for (const char* text : {"nan", "inf", "-0.1", "x", "1e999"}) {
    EXPECT_THAT(Parameters(std::string("t=") + text).FindNumber("t", 1),
                StatusIs(kInvalid, HasSubstr("t is")))
        << text;
  }
  EXPECT_THAT(Parameters("t=0.25").FindNumber("t", 1),
              IsOkAndHolds(Optional(0.25)));
}

TEST(ParametersTest, RefusesWrongTypesInABody) {
  Parameters parameters("");
  EXPECT_THAT(
      parameters.AddBody(
          R"({"q":7,"count":"7","snippet":"true","doc_type":[1],"id":{"q":"x"},
          "threshold":"1","start":1.5,"doc_id":[["a"]]})"),
      IsOk());
  EXPECT_THAT(parameters.FindText("q"),
              StatusIs(kInvalid, "q is 7, expected a string"));
  EXPECT_THAT(parameters.Integer("count", {0, 9}, 1),
              StatusIs(kInvalid, HasSubstr("count is the string '7'")));
  EXPECT_THAT(parameters.Integer("start", {0, 9}, 1),
              StatusIs(kInvalid, HasSubstr("start is 1.5")));
  EXPECT_THAT(parameters.Flag("snippet", false),
              StatusIs(kInvalid, HasSubstr("snippet is the string 'true'")));
  EXPECT_THAT(parameters.FindNumber("threshold", 1),
              StatusIs(kInvalid, HasSubstr("threshold is the string '1'")));
  EXPECT_THAT(parameters.FindText("id"),
              StatusIs(kInvalid, HasSubstr("id is an object")));
  for (const char* name : {"doc_type", "doc_id"}) {
    EXPECT_THAT(parameters.List({name}),
                StatusIs(kInvalid, HasSubstr("expected an array of strings")));
  }
}

TEST(ParametersTest, ReadsListsInAllForms) {
  Parameters parameters("doc_type=A&doc_type[]=B&doc_type=&doc_id=q");
  EXPECT_THAT(parameters.List({"doc_type"}),
              IsOkAndHolds(ElementsAre("A", "B")));
  EXPECT_THAT(parameters.AddBody(
                  R"({"doc_type":"C","ancestors":["x","","y"],"ancestor":"z",
          "doc_id":[]})"),
              IsOk());
  EXPECT_THAT(parameters.List({"doc_type"}), IsOkAndHolds(ElementsAre("C")));
  EXPECT_THAT(parameters.List({"ancestor", "ancestors"}),
              IsOkAndHolds(ElementsAre("z", "x", "y")));
  EXPECT_THAT(parameters.List({"doc_id"}), IsOkAndHolds(IsEmpty()));
}

TEST(ParametersTest, RefusesWhatIsNoObject) {
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("{"), std::string("{}x"),
        std::string("{\"q\":\"\xff\"}"), std::string("{\"q\":\"\\ud800\"}"),
        std::string(1 << 20, '['), std::string("\0", 1)}) {
    Parameters parameters("");
    EXPECT_THAT(parameters.AddBody(body),
                StatusIs(kInvalid, HasSubstr("the body is not")));
  }
}

TEST(DomainPathTest, TakesFiveForms) {
  for (const char* text : {"o/d", "o/d/r", "o/d/r/commit/c"}) {
    const absl::StatusOr<DomainPath> path = ParseDomainPath(text);
    ASSERT_THAT(path, IsOk());
    EXPECT_EQ(path->domain, "o/d");
    EXPECT_EQ(path->branch, std::nullopt);
  }
  EXPECT_THAT(ParseDomainPath("o/d/r/branch/b")->branch,
              Optional(std::string("b")));
  for (const char* text :
       {"", "o", "o/", "/d", "o/d/", "o/d/r/b", "o/d/r/tag/b", "o/d/r/branch/",
        "o/d/r/branch/a/b", "o//r", "o/d/r/branch/.-compact_rebuild_1"}) {
    EXPECT_THAT(ParseDomainPath(text), StatusIs(kInvalid, HasSubstr(" is ")))
        << text;
  }
}

TEST(DomainPathTest, FindsTheTypeInAnId) {
  EXPECT_EQ(DocumentTypeOf("terminusdb:///quay/Vessel/kestrel"), "Vessel");
  EXPECT_EQ(DocumentTypeOf("Vessel/kestrel"), "Vessel");
  EXPECT_EQ(DocumentTypeOf("terminusdb:///quay/Vessel/kestrel/Log/4"), "Log");
  EXPECT_EQ(DocumentTypeOf("note-17"), "unknown");
  EXPECT_EQ(DocumentTypeOf(""), "unknown");
}

}  // namespace
}  // namespace copse
