// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/json_writer.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace copse {
namespace {

using nlohmann::json;

TEST(JsonWriterTest, PutsCommasBetweenValuesOnly) {
  JsonWriter writer;
  writer.BeginObject();
  writer.Key("empty").BeginArray().EndArray();
  writer.Key("list").BeginArray().Integer(-1).Bool(true).Null().EndArray();
  writer.Key("inner").BeginObject().Key("a").String("b").EndObject();
  writer.EndObject();
  EXPECT_EQ(writer.text(),
            R"({"empty":[],"list":[-1,true,null],"inner":{"a":"b"}})");
}

TEST(JsonWriterTest, EscapesWhatAnotherParserReadsBack) {
  std::string text;
  for (int byte = 0; byte < 0x80; ++byte) {
    text += static_cast<char>(byte);
  }
  text += "\xc3\xa4\xe4\xb8\xad\xf0\x9f\x8c\xb3";
  JsonWriter writer;
  writer.String(text);
  EXPECT_EQ(json::parse(writer.text()).get<std::string>(), text);
  EXPECT_EQ(writer.text().find('\x1b'), std::string::npos);
}

TEST(JsonWriterTest, WritesNumbersThatReadBackAsTheSameTypeAndValue) {
  JsonWriter writer;
  writer.BeginArray();
  writer.Double(3).Double(0.1).Double(1e300).Float(0.1f);
  writer.Integer(std::numeric_limits<int64_t>::min());
  writer.Unsigned(std::numeric_limits<uint64_t>::max());
  writer.Double(std::numeric_limits<double>::infinity());
  writer.EndArray();
  EXPECT_EQ(writer.text(),
            "[3.0,0.1,1e+300,0.1,-9223372036854775808,18446744073709551615,"
            "null]");
}

TEST(JsonWriterTest, StartsAnewAfterTake) {
  JsonWriter writer;
  writer.String("a");
  EXPECT_EQ(writer.Take(), "\"a\"");
  writer.String("b");
  EXPECT_EQ(writer.Take(), "\"b\"");
}

TEST(JsonWriterTest, GoesOnBehindAPart) {
  JsonWriter writer;
  writer.BeginArray().Integer(1);
  std::string text = writer.TakePart();
  writer.Integer(2).EndArray();
  text += writer.TakePart();
  EXPECT_EQ(text, "[1,2]");
}

}  // namespace
}  // namespace copse
