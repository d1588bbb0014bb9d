// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the program `copse` pushes.

#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "clients/cli/copse_cli_fixture.h"
#include "clients/cli/fake_server.h"

namespace copse {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST_F(CopseCliTest, PushesLinesAsACommit) {
  const Result first = Run(
      {"push", "d", "--create", "--commit", "c1", "--branch", "main",
       "--author", "Ada", "--message", "m", "--time", "2026-03-01T12:00:00Z"},
      "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\"}\r\n"
      "\n"
      "{\"op\":\"Insert\",\"id\":\"b\",\"string\":\"two\"}");
  EXPECT_EQ(first.exit_code, 0) << first.error;
  EXPECT_EQ(first.output, "indexed c1: 2 documents (+2 ~0 -0)\n");
  EXPECT_EQ(first.error, "");
  const v1::Commit& commit = server_.store().commits["d"]["c1"].info;
  EXPECT_EQ(commit.author(), "Ada");
  EXPECT_EQ(commit.commit_time().seconds(), 1772366400);
  EXPECT_EQ(server_.store().branches["d"]["main"].head_commit(), "c1");

  const Result again =
      Run({"push", "d", "--commit", "c1"}, "{\"op\":\"Abort\"}");
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_EQ(again.output,
            "already indexed: commit c1 is complete and stays as it is\n");
  const Result as_json = Run({"push", "d", "--commit", "c1", "--json"});
  EXPECT_EQ(json::parse(as_json.output)["status"], "already_indexed");
}

TEST_F(CopseCliTest, AMalformedLineMakesNoCommit) {
  const Result result =
      Run({"push", "d", "--create", "--commit", "c1"},
          "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\"}\n"
          "\n"
          "{\"op\":\"Inserted\",\"id\":\"b\"\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error,
              StartsWith("copse: line 3: malformed JSON at byte "));
  EXPECT_THAT(server_.store().commits["d"], IsEmpty());
}

TEST_F(CopseCliTest, NamesTheLineThatTheServerRefuses) {
  const Result result =
      Run({"push", "d", "--create", "--commit", "c1"},
          "\n"
          "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\"}\n"
          "\n"
          "{\"op\":\"Inserted\",\"id\":\"\",\"string\":\"one\"}\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.error,
            "copse: line 4: document_id is empty, wanted 1 to 4096 bytes "
            "(DOCUMENT_ID_INVALID)\n");
}

TEST_F(CopseCliTest, CountsErrorsAndHonoursAborts) {
  const std::string lines =
      "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\",\"odd\":1}\n"
      "{\"op\":\"Error\",\"id\":\"b\",\"message\":\"no text\"}\n";
  const Result strict = Run({"push", "d", "--create", "--commit", "c1"}, lines);
  EXPECT_EQ(strict.exit_code, 1);
  EXPECT_THAT(strict.error, HasSubstr("line 1: field 'odd' is not known"));
  EXPECT_THAT(strict.error, HasSubstr("document 'b' (operation 2): no text"));
  EXPECT_THAT(
      strict.error,
      EndsWith("copse: documents failed; with --skip-failed the push goes "
               "on without them (DOCUMENTS_FAILED)\n"));
  const Result lenient =
      Run({"push", "d", "--commit", "c1", "--skip-failed", "--json"}, lines);
  EXPECT_EQ(lenient.exit_code, 0) << lenient.error;
  EXPECT_EQ(json::parse(lenient.output)["skipped_document_count"], 1);
  EXPECT_THAT(Run({"log", "d"}).output, HasSubstr("+1 ~0 -0, 1 skipped"));
  const Result aborted =
      Run({"push", "d", "--commit", "c2"}, "{\"op\":\"Abort\"}\n");
  EXPECT_EQ(aborted.exit_code, 1);
  EXPECT_THAT(aborted.error, HasSubstr("PUSH_ABORTED"));
}

TEST_F(CopseCliTest, PushesMoreThanMemoryBatchesHold) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) {
    absl::StrAppend(&lines, "{\"op\":\"Inserted\",\"id\":\"", i,
                    "\",\"string\":\"", std::string(300, 'x'), "\"}\n");
  }
  const Result result =
      Run({"push", "d", "--create", "--commit", "c1", "--json"}, lines);
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(json::parse(result.output)["document_count"], 5000);
}

TEST_F(CopseCliTest, WhatATemplateMadeIsPushedAgainAsItIs) {
  ASSERT_EQ(Run({"push", "d", "--create", "--commit", "c1"},
                "{\"op\":\"Inserted\",\"id\":\"a\",\"string\":\"one\","
                "\"text_is_rendered\":true}")
                .exit_code,
            0);
  const std::string line =
      Run({"export", "d", "--commit", "c1", "--text"}).output;
  EXPECT_THAT(line, HasSubstr("\"text\":\"one\",\"text_is_rendered\":true}"));
  const Result again =
      Run({"push", "d", "--commit", "c2", "--parent", "c1"}, line);
  EXPECT_EQ(again.exit_code, 0) << again.error;
  EXPECT_EQ(again.error, "");
  const std::lock_guard<std::mutex> lock(server_.store().mutex);
  EXPECT_TRUE(
      server_.store().commits["d"]["c2"].documents["a"].text_is_rendered());
}

}  // namespace
}  // namespace copse
