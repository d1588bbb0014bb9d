// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/request_rules.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/http/http_exchange.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

TEST(RequestTargetTest, TakesPathAndQueryOfEveryForm) {
  const struct {
    absl::string_view target, path, query;
  } cases[] = {{"/search?q=a?b", "/search", "q=a?b"},
               {"/search", "/search", ""},
               {"/search?", "/search", ""},
               {"*", "*", ""},
               {"db:6363", "db:6363", ""},
               {"/http://host/search", "/http://host/search", ""},
               {"http://host/search?q=http://x/y", "/search", "q=http://x/y"},
               {"HTTPS://user@[::1]:7372/search", "/search", ""},
               {"http://host?q=1", "/", "q=1"},
               {"http://host", "/", ""},
               {"http://", "/", ""},
               {"ftp://host/search", "ftp://host/search", ""},
               {"", "/", ""}};
  for (const auto& expected : cases) {
    const RequestTarget parts = SplitTarget(expected.target);
    EXPECT_EQ(parts.path, expected.path) << expected.target;
    EXPECT_EQ(parts.query, expected.query) << expected.target;
  }
}

absl::Status CheckFields(HttpFields fields, bool is_http_1_1) {
  RequestHead head;
  head.fields = std::move(fields);
  return CheckFraming(head, is_http_1_1);
}

TEST(RequestFramingTest, TakesChunkedAloneOrNothing) {
  EXPECT_THAT(CheckFields({{"content-length", "5"}}, true), IsOk());
  EXPECT_THAT(CheckFields({{"transfer-encoding", "Chunked"}}, true), IsOk());
}

TEST(RequestFramingTest, NamesACodingThatItCannotRead) {
  const struct {
    HttpFields fields;
    absl::string_view shown;
  } cases[] = {
      {{{"transfer-encoding", "gzip, chunked"}}, "gzip, chunked"},
      {{{"transfer-encoding", "gzip"}}, "gzip"},
      {{{"transfer-encoding", "identity"}}, "identity"},
      {{{"transfer-encoding", ""}}, ""},
      {{{"transfer-encoding", "chunked, chunked"}}, "chunked, chunked"},
      {{{"transfer-encoding", "gzip"}, {"transfer-encoding", "chunked"}},
       "gzip, chunked"},
      {{{"transfer-encoding", "chunked;q=1"}}, "chunked;q=1"}};
  for (const auto& expected : cases) {
    EXPECT_THAT(CheckFields(expected.fields, true),
                StatusIs(absl::StatusCode::kUnimplemented,
                         absl::StrCat("transfer-encoding is '", expected.shown,
                                      "', expected chunked")));
  }
}

TEST(RequestFramingTest, RefusesTwoEndsOfOneBody) {
  for (const absl::string_view coding : {"chunked", "gzip"}) {
    EXPECT_THAT(
        CheckFields({{"transfer-encoding", std::string(coding)},
                     {"content-length", "5"}},
                    true),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 "transfer-encoding is beside a content-length, expected one "
                 "of the two"));
  }
  EXPECT_THAT(
      CheckFields({{"transfer-encoding", "chunked"}}, false),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "transfer-encoding is in a request of HTTP/1.0, expected a "
               "content-length"));
}

}  // namespace
}  // namespace copse
