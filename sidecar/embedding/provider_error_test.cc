// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The verdicts are tested through the embedder, in provider_failure_test.

#include "sidecar/embedding/provider_error.h"

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::Optional;

TEST(ParseErrorBodyTest, ReadsTheShapesOfManyServers) {
  const ErrorBody openai = ParseErrorBody(
      R"({"error":{"message":"m","type":"t","param":"p","code":"c"}})");
  EXPECT_EQ(openai.message, "m");
  EXPECT_EQ(openai.type, "t");
  EXPECT_EQ(openai.param, "p");
  EXPECT_EQ(openai.code, "c");

  const ErrorBody nulls = ParseErrorBody(
      R"({"error":{"message":"m","type":null,"param":null,"code":null}})");
  EXPECT_EQ(nulls.message, "m");
  EXPECT_EQ(nulls.code, "");

  const ErrorBody tei = ParseErrorBody(R"({"error":"m","error_type":"t"})");
  EXPECT_EQ(tei.message, "m");
  EXPECT_EQ(tei.type, "t");

  const ErrorBody gemini = ParseErrorBody(
      R"({"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED",)"
      R"("details":[{"@type":"x"},{"retryDelay":"34s"}]}})");
  EXPECT_EQ(gemini.code, "429");
  EXPECT_EQ(gemini.type, "RESOURCE_EXHAUSTED");
  EXPECT_THAT(gemini.delay, Optional(absl::Seconds(34)));

  EXPECT_EQ(ParseErrorBody(R"({"message":"m","id":"7"})").message, "m");
  EXPECT_EQ(ParseErrorBody(R"({"detail":"m"})").message, "m");
  EXPECT_EQ(ParseErrorBody(R"("m")").message, "m");
  EXPECT_EQ(ParseErrorBody("m\n").message, "m");
  EXPECT_EQ(ParseErrorBody("").message, "");
  EXPECT_EQ(ParseErrorBody("[1]").message, "");
  EXPECT_EQ(ParseErrorBody("<html>m</html>").message, "");

  const ErrorBody fast_api = ParseErrorBody(
      R"({"detail":[{"loc":["body","input",3],"msg":"m","type":"t"}]})");
  EXPECT_EQ(fast_api.message, "m");
  EXPECT_EQ(fast_api.param, "body.input.3");
}

TEST(RedactTest, HidesKeysAndTexts) {
  const absl::string_view texts[] = {"short", "a text that is quoted whole"};
  EXPECT_EQ(Redact("key K-1 and K-1", "K-1", {}, 100),
            "key [redacted] and [redacted]");
  EXPECT_EQ(Redact("Authorization: bearer abcdefghij, ok", "", {}, 100),
            "Authorization: bearer [redacted], ok");
  EXPECT_EQ(Redact("the bearer of this", "", {}, 100), "the bearer of this");
  EXPECT_EQ(Redact("sk-abcd1234 sk-x risk-free", "", {}, 100),
            "[redacted] sk-x risk-free");
  EXPECT_EQ(Redact("no: a text that is quoted whole. And", "", texts, 100),
            "no: [text]");
}

TEST(RedactTest, HidesWhateverPartOfATextIsQuoted) {
  const absl::string_view texts[] = {
      "Ms Ann of \u00c5bo was brought to the ward, with a broken leg\nand she "
      "had a cold",
      "PIN 4711"};
  EXPECT_EQ(Redact("near 'was brought to the ward, with': no", "", texts, 100),
            "near '[text]': no");
  EXPECT_EQ(Redact(R"(a \"was brought to the ward, with a broken leg\nand\")",
                   "", texts, 100),
            R"(a \"[text]\nand\")");
  EXPECT_EQ(
      Redact("'and she had a cold' and 'PIN 4711', PIN 4711x", "", texts, 100),
      "'and she had a cold' and '[text]', PIN 4711x");
  const std::string both = absl::StrCat(texts[0].substr(4), texts[0].substr(4));
  EXPECT_EQ(Redact(both, "", texts, 100), "[text][text]");
}

// What a text has in common with any error in English says nothing.
TEST(RedactTest, LeavesWordsThatATextSharesWithTheError) {
  const absl::string_view texts[] = {"input", "this input is too long", ""};
  EXPECT_EQ(Redact("the input is too long, '' is not", "", texts, 100),
            "the input is too long, '' is not");
}

TEST(RedactTest, FitsOnALineOfText) {
  EXPECT_EQ(Redact(" a\r\n\tb\x7F ", "", {}, 100), "a   b");
  EXPECT_EQ(Redact("caf\xE9", "", {}, 100), "caf?");
  EXPECT_EQ(Redact("\u00e9\u00e9\u00e9", "", {}, 5), "\u00e9\u00e9");
  EXPECT_EQ(Redact(std::string(600, 'x'), "", {}, 512).size(), 512U);
}

}  // namespace
}  // namespace copse
