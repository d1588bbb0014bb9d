// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/status.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"

namespace copse {
namespace {

using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// Returns the details of `status`, which are checked to be one ErrorInfo.
google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  google::rpc::ErrorInfo info;
  EXPECT_THAT(details.details(), SizeIs(1));
  EXPECT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.domain(), "copse.dev");
  return info;
}

TEST(StatusTest, KeepsCodeMessageReasonAndMetadata) {
  const grpc::Status status = ToGrpcStatus(
      WithReason(absl::NotFoundError("domain 'a' does not exist"),
                 "DOMAIN_NOT_FOUND", {{"domain", "a"}, {"field", "domain"}}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "domain 'a' does not exist");
  const google::rpc::ErrorInfo info = InfoOf(status);
  EXPECT_EQ(info.reason(), "DOMAIN_NOT_FOUND");
  EXPECT_THAT(info.metadata(), UnorderedElementsAre(Pair("domain", "a"),
                                                    Pair("field", "domain")));
}

TEST(StatusTest, IsOkForOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_EQ(ClientReasonOf(absl::OkStatus()), "");
}

TEST(StatusTest, GivesEveryCodeAReason) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status =
        ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "text"));
    EXPECT_EQ(status.error_code(), code);
    EXPECT_EQ(InfoOf(status).reason(),
              absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
  }
}

TEST(StatusTest, MakesTextsValidUtf8) {
  const grpc::Status status = ToGrpcStatus(
      WithReason(absl::UnavailableError("said \xff\xc3("),
                 "EMBEDDING_PROVIDER_UNAVAILABLE", {{"body", "\xe6\x9c"}}));
  EXPECT_EQ(status.error_message(), "said ?\?(");
  EXPECT_THAT(InfoOf(status).metadata(),
              UnorderedElementsAre(Pair("body", "??")));
}

TEST(StatusTest, CutsLongTextsBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += "\xe6\x9c\xa8";
  }
  const grpc::Status status = ToGrpcStatus(WithReason(
      absl::NotFoundError(text), "DOCUMENT_NOT_FOUND", {{"id", text}}));
  EXPECT_LE(status.error_message().size(), 1024);
  EXPECT_THAT(status.error_message(), EndsWith("\xe6\x9c\xa8..."));
  const google::rpc::ErrorInfo info = InfoOf(status);
  const std::string& id = info.metadata().at("id");
  EXPECT_LE(id.size(), 600);
  EXPECT_THAT(id, EndsWith("\xe6\x9c\xa8..."));
}

TEST(StatusTest, StaysUnderWhatClientsTake) {
  std::vector<std::pair<std::string, std::string>> metadata;
  metadata.reserve(100);
  for (int i = 0; i < 100; ++i) {
    metadata.emplace_back(absl::StrCat("name_", i), std::string(1000, '\n'));
  }
  const grpc::Status status = ToGrpcStatus(WithReason(
      absl::InternalError(std::string(100'000, '\n')), "TEST", metadata));
  // Percent-encoded, and in base64.
  EXPECT_LT(
      3 * status.error_message().size() + 4 * status.error_details().size() / 3,
      7900);
  EXPECT_THAT(InfoOf(status).metadata(), testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace copse
