// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/operation_parser.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "clients/cli/line_reader.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<v1::Operation> Parse(absl::string_view line) {
  return OperationParser().Parse(line);
}

TEST(OperationParserTest, ReadsEveryFieldOfADocument) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      const v1::Operation operation,
      Parse(R"({"op":"Inserted","id":"a\u0000\n","string":"text","type":"T",)"
            R"("vector":[1,-0.5,2e3],"attributes":{"i":7,"d":7.0,"e":1e2,)"
            R"("b":true,"s":"x"}})"));
  const v1::Document& document = operation.insert();
  EXPECT_EQ(document.document_id(), std::string("a\0\n", 3));
  EXPECT_EQ(document.text(), "text");
  EXPECT_EQ(document.type(), "T");
  EXPECT_THAT(document.vector().components(),
              ElementsAre(1.0f, -0.5f, 2000.0f));
  EXPECT_EQ(document.attributes().at("i").int64_value(), 7);
  EXPECT_EQ(document.attributes().at("d").value_case(),
            v1::AttributeValue::kDoubleValue);
  EXPECT_EQ(document.attributes().at("e").double_value(), 100);
  EXPECT_TRUE(document.attributes().at("b").bool_value());
  EXPECT_EQ(document.attributes().at("s").string_value(), "x");
}

TEST(OperationParserTest, KnowsBothNamesOfEachOperation) {
  const auto kind = [](absl::string_view line) {
    const auto operation = Parse(line);
    EXPECT_THAT(operation, IsOk());
    return operation->operation_case();
  };
  EXPECT_EQ(kind(R"({"op":"Insert","id":"a","string":""})"),
            v1::Operation::kInsert);
  EXPECT_EQ(kind(R"({"op":"Changed","id":"a","string":"x"})"),
            v1::Operation::kReplace);
  EXPECT_EQ(kind(R"({"op":"Replace","id":"a","vector":[]})"),
            v1::Operation::kReplace);
  EXPECT_EQ(kind(R"({"op":"Deleted","id":"a"})"),
            v1::Operation::kDeleteDocumentId);
  EXPECT_EQ(kind(R"({"op":"Delete","id":"a","string":null})"),
            v1::Operation::kDeleteDocumentId);
  EXPECT_EQ(kind(R"({"op":"Insert","id":"a","text":"x"})"),
            v1::Operation::kInsert);
  EXPECT_EQ(kind(R"({"op":"Abort"})"), v1::Operation::kAbort);
  EXPECT_EQ(Parse(R"({"op":"Error","message":"why"})")->error().document_id(),
            "unknown");
}

TEST(OperationParserTest, ALineOfAnExportIsAnInsert) {
  OperationParser parser;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const v1::Operation operation,
      parser.Parse(
          R"({"id":"a","type":"T","chunk_count":2,"chunks":[{"number":0}],"content_hash":"5a",)"
          R"("attributes":{"i":7},"text":"x","vector":[1]})"));
  EXPECT_EQ(operation.insert().document_id(), "a");
  EXPECT_EQ(operation.insert().type(), "T");
  EXPECT_EQ(operation.insert().attributes().at("i").int64_value(), 7);
  EXPECT_EQ(operation.insert().text(), "x");
  EXPECT_THAT(operation.insert().vector().components(), ElementsAre(1.0f));
  EXPECT_THAT(parser.TakeUnknownFields(), IsEmpty());
}

TEST(OperationParserTest, SaysWhatIsWrongWithALine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"op":"Inserted")", "malformed JSON at byte 17: "},
      {R"({"op":"Deleted","id":"a"} x)", "malformed JSON at byte 27: "},
      {"[1]", "the line is an array, wanted an object"},
      {R"({"id":"a","string":"x"})", "no field 'op'"},
      {R"({"id":"a","content_hash":"5a","chunk_count":1})",
       "neither 'text' nor 'vector', wanted one of them, as `copse export "
       "--text` writes"},
      {R"({"content_hash":"5a","text":"x"})", "no field 'id'"},
      {R"({"op":"inserted","id":"a"})", "field 'op' is 'inserted', wanted"},
      {R"({"op":"Deleted"})", "no field 'id', wanted one with op 'Deleted'"},
      {R"({"op":"Insert","id":7})", "field 'id' is a number, wanted a string"},
      {R"({"op":"Insert","id":"a"})", "neither 'string' nor 'vector'"},
      {R"({"op":"Insert","id":"a","id":"b"})", "field 'id' is there twice"},
      {R"({"op":"Insert","id":"a","string":"x","text":"y"})",
       "field 'text' is there twice"},
      {R"({"op":"Insert","id":"a","vector":"x"})",
       "'vector' is a string, wanted an array of numbers"},
      {R"({"op":"Insert","id":"a","vector":[1,null]})",
       "component 2 of 'vector' is null, wanted a number"},
      {R"({"op":"Insert","id":"a","vector":[1e39]})",
       "component 1 of 'vector' is 1e+39, wanted a finite 32-bit number"},
      {R"({"op":"Insert","id":"a","string":"","attributes":[]})",
       "field 'attributes' is an array, wanted an object"},
      {R"({"op":"Insert","id":"a","string":"","attributes":{"x":[1]}})",
       "attribute 'x' is an array, wanted a string, a number or a truth"},
      {R"({"op":"Insert","id":"a","string":"",)"
       R"("attributes":{"x":18446744073709551615}})",
       "attribute 'x' is 18446744073709551615, wanted a whole number of"},
      {"{\"op\":\"Insert\",\"id\":\"a\xff\"}", "malformed JSON"},
      {R"({"op":"Insert","id":"\ud800"})", "malformed JSON"},
      {"", "malformed JSON"}};
  for (const auto& [line, message] : cases) {
    EXPECT_THAT(Parse(line), StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr(message)))
        << line;
  }
}

TEST(OperationParserTest, ReportsAnUnknownFieldOnce) {
  OperationParser parser;
  EXPECT_THAT(parser.Parse(R"({"op":"Delete","id":"a","extra":{"x":1}})"),
              IsOk());
  EXPECT_THAT(parser.TakeUnknownFields(), ElementsAre("extra"));
  EXPECT_THAT(parser.Parse(R"({"op":"Delete","id":"a","extra":1})"), IsOk());
  EXPECT_THAT(parser.TakeUnknownFields(), IsEmpty());
}

TEST(OperationParserTest, ReadsWhetherATextIsRendered) {
  OperationParser parser;
  COPSE_ASSERT_OK_AND_ASSIGN(
      const v1::Operation operation,
      parser.Parse(R"({"id":"a","text":"x","content_hash":"5a",)"
                   R"("text_is_rendered":true})"));
  EXPECT_TRUE(operation.insert().text_is_rendered());
  EXPECT_THAT(parser.TakeUnknownFields(), IsEmpty());
  EXPECT_THAT(parser.Parse(R"({"op":"Insert","id":"a","text":"x",)"
                           R"("text_is_rendered":"yes"})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("field 'text_is_rendered' is a string, wanted "
                                 "a truth value")));
}

TEST(OperationParserTest, ReadsAVectorOfItsOwn) {
  COPSE_ASSERT_OK_AND_ASSIGN(const v1::Vector vector, ParseVector("[1, 2.5]"));
  EXPECT_THAT(vector.components(), ElementsAre(1.0f, 2.5f));
  EXPECT_THAT(ParseVector("[1,"), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("malformed JSON")));
}

// Returns the lines of a pipe that holds `text`.
std::vector<std::string> ReadLines(const std::string& text) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(pipe(ends), 0);
  EXPECT_EQ(write(ends[1], text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
  close(ends[1]);
  LineReader reader(ends[0], {});
  std::vector<std::string> lines;
  while (true) {
    const auto line = reader.Next();
    EXPECT_THAT(line, IsOk());
    if (!line.ok() || !line->has_value()) {
      break;
    }
    lines.emplace_back(**line);
    EXPECT_EQ(reader.line_number(), static_cast<int64_t>(lines.size()));
  }
  EXPECT_EQ(reader.consumed_size_bytes(), static_cast<int64_t>(text.size()));
  close(ends[0]);
  return lines;
}

TEST(LineReaderTest, ReturnsLinesOfEveryKindOfEnd) {
  EXPECT_THAT(ReadLines("a\r\n\nb"), ElementsAre("a", "", "b"));
  EXPECT_THAT(ReadLines("a\n"), ElementsAre("a"));
  EXPECT_THAT(ReadLines(""), IsEmpty());
}

TEST(LineReaderTest, RefusesALineThatIsTooLong) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  const std::string text = "short\n" + std::string(100, 'x');
  ASSERT_EQ(write(ends[1], text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
  close(ends[1]);
  LineReaderOptions options;
  options.line_size_bytes_max = 50;
  LineReader reader(ends[0], options);
  EXPECT_THAT(reader.Next(),
              IsOkAndHolds(std::optional<absl::string_view>("short")));
  EXPECT_THAT(reader.Next(), StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr("line 2: more than 50 bytes")));
  close(ends[0]);
}

TEST(LineReaderTest, AsksWhetherToGoOnWhileThereIsNoInput) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  LineReaderOptions options;
  options.on_idle = [] { return absl::CancelledError("enough"); };
  LineReader reader(ends[0], options);
  EXPECT_THAT(reader.Next(), StatusIs(absl::StatusCode::kCancelled, "enough"));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace copse
