// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/content_source.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/service/call_context.h"
#include "sidecar/service/push_line.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Framing = ScriptedReply::Framing;

std::string Deletions(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&lines, R"({"op":"Deleted","id":"d)", i, "\"}\n");
  }
  return lines;
}

absl::Status Fetch(const ScriptedHttpServer& server,
                   std::vector<std::string>& ids,
                   ContentSourceOptions source = {},
                   const CallContext& context = {}) {
  source.endpoint = server.url("/api/index");
  return FetchContent(
      source, {.domain = "admin/trees", .commit = "c1"}, context,
      [&ids](const PushLine& line) {
        ids.push_back(std::get<DeleteOperation>(line.operation).document_id);
        return absl::OkStatus();
      });
}

TEST(ContentUrlTest, EscapesEachSegmentAndValue) {
  EXPECT_EQ(ContentUrl("http://db:6363/api/index",
                       {.domain = "ad min/st?rs", .commit = "a&b"}),
            "http://db:6363/api/index/ad%20min/st%3Frs?commit_id=a%26b");
  EXPECT_EQ(
      ContentUrl("http://db/",
                 {.domain = "a/b", .commit = "c2", .previous_commit = "c 1"}),
      "http://db/a/b?commit_id=c2&previous_commit_id=c%201"
      "&previous=c%201");
}

TEST(ContentSourceTest, RefusesSettingsThatCannotBe) {
  for (const char* endpoint :
       {"db:6363", "ftp://db/", "http://", "http:///api", "http://a:b@db/",
        "http://db/?a=b", "http://db/#a", "http://d b/"}) {
    EXPECT_THAT(CheckContentSource({.endpoint = endpoint}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("content_endpoint")))
        << endpoint;
  }
  EXPECT_THAT(
      CheckContentSource({.user_header = "X-User: a"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("user_forward")));
  EXPECT_THAT(CheckContentSource({.endpoint = "https://[::1]:6363/api/index",
                                  .user_header = "X-User-Forward"}),
              IsOk());
  EXPECT_THAT(CheckContentSource({}), IsOk());
}

TEST(ContentSourceTest, ReadsChunksAndSendsWhoAsks) {
  ScriptedHttpServer server(
      {{.body = Deletions(3), .framing = Framing::kChunked}});
  std::vector<std::string> ids;
  ContentSourceOptions source;
  source.endpoint = server.url("/api/index");
  source.user_header = "X-User-Forward";
  ASSERT_THAT(
      FetchContent(source,
                   {.domain = "admin/trees",
                    .commit = "c2",
                    .previous_commit = "c1",
                    .authorization = "Basic YTpi"},
                   {},
                   [&ids](const PushLine& line) {
                     ids.push_back(
                         std::get<DeleteOperation>(line.operation).document_id);
                     return absl::OkStatus();
                   }),
      IsOk());
  EXPECT_THAT(ids, ElementsAre("d0", "d1", "d2"));
  ASSERT_THAT(server.requests(), SizeIs(1));
  const ScriptedRequest request = server.requests().front();
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path,
            "/api/index/admin/trees?commit_id=c2&previous_commit_id=c1"
            "&previous=c1");
  EXPECT_EQ(request.headers.at("x-user-forward"), "admin");
  EXPECT_EQ(request.headers.at("authorization"), "Basic YTpi");
}

TEST(ContentSourceTest, FailsUnlessTheContentIsWhole) {
  const std::string lines = Deletions(3);
  for (const Framing framing : {Framing::kChunked, Framing::kContentLength}) {
    // After a line, where what came looks whole.
    ScriptedHttpServer server(
        {{.body = lines, .framing = framing, .cut_after = lines.size() / 3}});
    std::vector<std::string> ids;
    EXPECT_THAT(Fetch(server, ids), FailsWith(absl::StatusCode::kUnavailable,
                                              "CONTENT_UNAVAILABLE"));
  }
  ScriptedHttpServer server({{.body = lines, .framing = Framing::kUntilClose}});
  std::vector<std::string> ids;
  EXPECT_THAT(
      Fetch(server, ids),
      FailsWith(absl::StatusCode::kFailedPrecondition, "CONTENT_REFUSED"));
}

TEST(ContentSourceTest, TellsStatusAndBody) {
  const std::vector<std::pair<int, absl::StatusCode>> cases = {
      {302, absl::StatusCode::kFailedPrecondition},
      {404, absl::StatusCode::kFailedPrecondition},
      {429, absl::StatusCode::kUnavailable},
      {503, absl::StatusCode::kUnavailable}};
  for (const auto& [status, code] : cases) {
    ScriptedHttpServer server({{.status = status,
                                .headers = {{"Location", "http://other/"}},
                                .body = "no\nsuch\xff thing"}});
    std::vector<std::string> ids;
    EXPECT_THAT(
        Fetch(server, ids),
        StatusIs(code, HasSubstr(absl::StrCat("answered with status ", status,
                                              ": no such? thing"))));
    EXPECT_THAT(ids, IsEmpty());
    EXPECT_THAT(server.requests(), SizeIs(1));
  }
}

TEST(ContentSourceTest, NamesTheLineThatIsMalformed) {
  ScriptedHttpServer server({{.body = Deletions(2) + "{\n" + Deletions(1)}});
  std::vector<std::string> ids;
  EXPECT_THAT(Fetch(server, ids),
              AllOf(FailsWith(absl::StatusCode::kInvalidArgument,
                              "PUSH_LINE_MALFORMED"),
                    StatusIs(absl::StatusCode::kInvalidArgument,
                             HasSubstr("in line 3"))));
  EXPECT_THAT(ids, SizeIs(2));
}

TEST(ContentSourceTest, GivesUpOnAServerThatSendsNothing) {
  ScriptedHttpServer server(std::vector<ScriptedReply>{{.is_hanging = true}});
  std::vector<std::string> ids;
  ContentSourceOptions source;
  source.idle_timeout = absl::Seconds(1);
  EXPECT_THAT(Fetch(server, ids, source),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("sent nothing for too long")));
}

TEST(ContentSourceTest, EndsWhenTheCallerSays) {
  ScriptedHttpServer server(std::vector<ScriptedReply>{{.is_hanging = true}});
  CallContext context;
  context.interruption = [&server] {
    return server.requests().empty() ? absl::OkStatus()
                                     : absl::CancelledError("enough");
  };
  std::vector<std::string> ids;
  EXPECT_THAT(Fetch(server, ids, {}, context),
              StatusIs(absl::StatusCode::kCancelled, "enough"));
}

}  // namespace
}  // namespace copse
