// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Documents and operations that fail, and pushes that fail with them.

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "index/util/error_reason.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "sidecar/service/testing/push_fixture.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class PushSessionFailuresTest : public PushTest {};

TEST_F(PushSessionFailuresTest, FailsWithEveryFailedDocument) {
  embedder_->FailText("too long", absl::InvalidArgumentError("8193 tokens"));
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  EXPECT_THAT(session->Add(Upsert("a", "")), IsOk());
  EXPECT_THAT(session->Add(Upsert("b", "too long")), IsOk());
  EXPECT_THAT(session->Add(Upsert("c", "fine")), IsOk());
  EXPECT_THAT(session->Add(ErrorOperation{"d", "template broke"}), IsOk());
  UpsertOperation nothing = Upsert("e", "");
  nothing.document.text = std::nullopt;
  EXPECT_THAT(session->Add(nothing), IsOk());
  const absl::Status status = session->Finish().status();
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kInvalidArgument,
                                "DOCUMENTS_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("4 documents failed"));
  const std::vector<DocumentFailure> failures = session->failures();
  ASSERT_THAT(failures, SizeIs(4));
  EXPECT_EQ(failures[0].document_id, "a");
  EXPECT_EQ(failures[0].message, "the document has no text and no vector");
  EXPECT_EQ(failures[1].document_id, "b");
  EXPECT_EQ(failures[1].operation_number, 2);
  EXPECT_EQ(failures[1].message, "8193 tokens");
  EXPECT_EQ(failures[2].message, "template broke");
  EXPECT_EQ(failures[3].operation_number, 5);
  EXPECT_THAT(store_->GetCommit("admin/trees", "c1"),
              StatusIs(absl::StatusCode::kNotFound));
  // The commit is free again.
  EXPECT_THAT(Push(Options("c1"), {Upsert("c", "fine")}), IsOk());
}

TEST_F(PushSessionFailuresTest,
       KeepsTheParentsVersionOfAFailedDocumentIfToldSo) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "beech"),
                                   Upsert("c", "elm")}),
              IsOk());
  embedder_->FailText("too long", absl::InvalidArgumentError("8193 tokens"));
  PushOptions options = Options("c2", "c1");
  options.skip_failed_documents = true;
  COPSE_ASSERT_OK_AND_ASSIGN(
      CommitInfo info,
      Push(options, {ErrorOperation{"b", "broke"}, Upsert("a", "too long"),
                     Upsert("c", ""), Upsert("d", "too long")}));
  EXPECT_THAT(IdsOf("c2"), ElementsAre("a", "b", "c"));
  EXPECT_EQ(info.replaced_count, 0);
  ASSERT_THAT(info.skipped_documents, SizeIs(4));
  EXPECT_EQ(info.skipped_documents[0].document_id, "a");
  EXPECT_EQ(info.skipped_documents[0].message, "8193 tokens");
  EXPECT_EQ(info.skipped_documents[1].document_id, "b");
  EXPECT_EQ(info.skipped_documents[3].document_id, "d");
  COPSE_ASSERT_OK_AND_ASSIGN(CommitInfo stored,
                             store_->GetCommit("admin/trees", "c2"));
  EXPECT_THAT(stored.skipped_documents, SizeIs(4));
}

TEST_F(PushSessionFailuresTest, ForgetsAFailureWhenALaterOperationSucceeds) {
  ASSERT_THAT(
      Push(Options("c1"), {Upsert("a", ""), Upsert("a", "oak"),
                           ErrorOperation{"b", "broke"}, DeleteOperation{"b"}}),
      IsOk());
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
}

TEST_F(PushSessionFailuresTest, AFailureTakesBackWhatTheSamePushSaidBefore) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak")}), IsOk());
  PushOptions options = Options("c2", "c1");
  options.skip_failed_documents = true;
  ASSERT_THAT(Push(options, {DeleteOperation{"a"}, ErrorOperation{"a", "x"}}),
              IsOk());
  EXPECT_THAT(IdsOf("c2"), ElementsAre("a"));
}

TEST_F(PushSessionFailuresTest, CutsLongFailureMessages) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  EXPECT_THAT(session->Add(ErrorOperation{"a", std::string(100'000, 'x')}),
              IsOk());
  EXPECT_EQ(session->failures()[0].message.size(),
            PushSession::kFailureMessageSizeBytesMax);
}

TEST_F(PushSessionFailuresTest, RefusesMoreFailuresThanItCanList) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  const std::string message(PushSession::kFailureMessageSizeBytesMax, 'x');
  absl::Status status;
  int64_t number = 0;
  while (status.ok() && number < 100'000) {
    status = session->Add(ErrorOperation{absl::StrCat(number++), message});
  }
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kResourceExhausted,
                                "TOO_MANY_FAILURES"));
}

TEST_F(PushSessionFailuresTest, FailsWithWhatTheProviderSays) {
  ASSERT_THAT(Push(Options("c0"), {}), IsOk());
  embedder_->OnEmbed([](const EmbedContext&) {
    return WithReason(absl::UnavailableError("embedding profile 'fake': 503"),
                      "EMBEDDING_PROVIDER_UNAVAILABLE", {{"status", "503"}});
  });
  PushOptions options = Options("broken");
  options.skip_failed_documents = true;  // Does not help here.
  const absl::Status status = PushError({Upsert("a", "oak")}, options);
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kUnavailable,
                                "EMBEDDING_PROVIDER_UNAVAILABLE"));
  EXPECT_EQ(MetadataOf(status, "status"), "503");
}

// ---- Malformed operations --------------------------------------------------

TEST_F(PushSessionFailuresTest, NamesTheOperationThatIsMalformed) {
  const absl::Status status =
      PushError({Upsert("a", "oak"), Upsert(std::string(4097, 'x'), "elm")});
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kInvalidArgument,
                                "DOCUMENT_ID_INVALID"));
  EXPECT_THAT(status.message(), HasSubstr("operation 2: "));
  EXPECT_EQ(MetadataOf(status, "operation"), "2");
}

TEST_F(PushSessionFailuresTest, RefusesIdsOutsideTheRulesInEveryOperation) {
  const auto invalid =
      FailsWith(absl::StatusCode::kInvalidArgument, "DOCUMENT_ID_INVALID");
  EXPECT_THAT(PushError({Upsert("", "oak")}), invalid);
  EXPECT_THAT(PushError({Upsert("\xff", "oak")}), invalid);
  EXPECT_THAT(PushError({DeleteOperation{""}}), invalid);
  EXPECT_THAT(PushError({ErrorOperation{"\xc0\x80", "x"}}), invalid);
}

TEST_F(PushSessionFailuresTest, RefusesVectorsThatTheDomainCannotTake) {
  ASSERT_THAT(Push(Options("c0"), {}), IsOk());
  std::vector<float> vector(FakeEmbedder::kDimension, 1.0F);
  absl::Status status = PushError({UpsertVector("a", {1, 2, 3})});
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kInvalidArgument,
                                "DIMENSION_MISMATCH"));
  EXPECT_EQ(MetadataOf(status, "found"), "3");
  EXPECT_EQ(MetadataOf(status, "wanted"), "32");
  EXPECT_THAT(status.message(),
              HasSubstr("operation 1: document 'a': vector has 3 components, "
                        "expected 32"));
  vector[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      PushError({UpsertVector("a", vector)}),
      FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_FINITE"));
  vector[5] = -std::numeric_limits<float>::infinity();
  EXPECT_THAT(
      PushError({UpsertVector("a", vector)}),
      FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_FINITE"));
  EXPECT_THAT(PushError({UpsertVector("a", std::vector<float>(32, 0.0F))}),
              FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_ZERO"));
}

TEST_F(PushSessionFailuresTest, TakesAZeroVectorWhereTheMetricAllowsIt) {
  PushOptions options = Options("c1");
  options.create_domain->vectors_only = true;
  options.create_domain->dimension = 2;
  options.create_domain->metric = Metric::kEuclidean;
  EXPECT_THAT(Push(options, {UpsertVector("a", {0, 0})}), IsOk());
}

TEST_F(PushSessionFailuresTest, RefusesNumbersOtherThan0And1InAHammingDomain) {
  PushOptions options = Options("broken");
  options.create_domain->vectors_only = true;
  options.create_domain->dimension = 2;
  options.create_domain->metric = Metric::kHamming;
  EXPECT_THAT(
      PushError({UpsertVector("a", {0, 0.5})}, options),
      FailsWith(absl::StatusCode::kInvalidArgument, "VECTOR_NOT_BINARY"));
}

TEST_F(PushSessionFailuresTest, RefusesATextInADomainWithoutEmbedder) {
  PushOptions options = Options("broken");
  options.create_domain->vectors_only = true;
  options.create_domain->dimension = 2;
  const absl::Status status = PushError({Upsert("a", "oak")}, options);
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kFailedPrecondition,
                                "EMBEDDING_PROFILE_NOT_FOUND"));
  EXPECT_EQ(MetadataOf(status, "setting"), "embedding_profile");
}

TEST_F(PushSessionFailuresTest, ReturnsItsErrorAgainForEveryLaterCall) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  const absl::Status status = session->Add(DeleteOperation{""});
  EXPECT_EQ(session->Add(Upsert("a", "oak")), status);
  EXPECT_EQ(session->Finish().status(), status);
}

TEST_F(PushSessionFailuresTest, RefusesAnotherNumberOfOperationsThanAnnounced) {
  std::unique_ptr<PushSession> session = Begin(Options("c1"));
  EXPECT_THAT(session->Add(Upsert("a", "oak")), IsOk());
  EXPECT_THAT(session->Finish(2), FailsWith(absl::StatusCode::kInvalidArgument,
                                            "OPERATION_COUNT_DIFFERS"));
}

}  // namespace
}  // namespace copse
