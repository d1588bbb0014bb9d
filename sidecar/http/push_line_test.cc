// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/push_line.h"

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/service/push_operation.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr absl::string_view kBody =
    "{\"op\":\"Inserted\",\"id\":\"Tree/1\",\"string\":\"\xc3\xbc\"}\n"
    "\n"
    "{\"op\":\"Changed\",\"id\":\"b\",\"string\":\"\",\"more\":[{}]}\r\n"
    "{\"op\":\"Deleted\",\"id\":\"c\"}\n"
    "{\"op\":\"Error\",\"message\":\"m\"}\n"
    "{\"op\":\"Abort\"}";

std::string Describe(const PushOperation& operation) {
  if (const auto* upsert = std::get_if<UpsertOperation>(&operation)) {
    return absl::StrCat("upsert ", upsert->document.id, " ",
                        upsert->document.type, " ", *upsert->document.text);
  }
  if (const auto* erase = std::get_if<DeleteOperation>(&operation)) {
    return absl::StrCat("delete ", erase->document_id);
  }
  if (const auto* error = std::get_if<ErrorOperation>(&operation)) {
    return absl::StrCat("error ", error->message);
  }
  return "abort";
}

// Reads `body` in pieces of `size` bytes.
absl::Status ReadAll(absl::string_view body, size_t size,
                     std::vector<std::string>& found, size_t line_max = 1000) {
  PushLineReader reader(line_max);
  const PushLineVisitor visit = [&found](PushOperation operation) {
    found.push_back(Describe(operation));
    return absl::OkStatus();
  };
  for (size_t i = 0; i < body.size(); i += size) {
    const absl::Status status = reader.Add(body.substr(i, size), visit);
    if (!status.ok()) {
      return status;
    }
  }
  return reader.Finish(visit);
}

TEST(PushLineTest, ReadsTheSameHoweverItIsCut) {
  for (size_t size = 1; size <= kBody.size(); ++size) {
    std::vector<std::string> found;
    EXPECT_THAT(ReadAll(kBody, size, found), IsOk());
    EXPECT_THAT(found,
                ElementsAre("upsert Tree/1 Tree \xc3\xbc", "upsert b unknown ",
                            "delete c", "error m", "abort"));
  }
}

TEST(PushLineTest, NamesTheLineThatIsWrong) {
  const std::string good = "\n \n{\"op\":\"Deleted\",\"id\":\"c\"}\n";
  for (const std::string& bad :
       {std::string("x"), std::string("{\"op\":\"Moved\"}"),
        std::string("{\"op\":\"Inserted\",\"id\":\"a\"}"),
        std::string("{\"op\":\"Deleted\",\"id\":\"\"}"),
        std::string("{\"op\":\"Error\"}"), std::string("{\"op\":7}"),
        std::string("\0", 1), std::string("{\"op\":\"Abort\"} {}"),
        std::string("{\"op\":\"Error\",\"message\":\"\xc3(\"}")}) {
    std::vector<std::string> found;
    EXPECT_THAT(ReadAll(good + bad + "\n" + good, 7, found),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         StartsWith("malformed operation in line 4: ")))
        << bad;
    EXPECT_THAT(found, ElementsAre("delete c"));
  }
}

TEST(PushLineTest, RefusesALineThatIsTooLongBeforeItHasEnded) {
  std::vector<std::string> found;
  EXPECT_THAT(ReadAll(absl::StrCat("\n", std::string(20, ' ')), 3, found, 10),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "malformed operation in line 2: it is longer than 10 "
                       "bytes"));
}

TEST(PushLineTest, EndsWithTheErrorOfTheVisitor) {
  PushLineReader reader(1000);
  EXPECT_THAT(
      reader.Add(kBody,
                 [](PushOperation) { return absl::UnavailableError("down"); }),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("down")));
}

}  // namespace
}  // namespace copse
