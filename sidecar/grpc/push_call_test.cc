// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/push_call.h"

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"

#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "index/util/error_reason.h"
#include "sidecar/grpc/testing/grpc_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Phase = v1::PushCommitResponse::Progress;

class PushCallTest : public GrpcTest {
 protected:
  // Waits until the server builds no commit.
  void WaitUntilNothingIsInFlight() {
    while (true) {
      const auto statistics = store_->GetStatistics();
      ASSERT_TRUE(statistics.ok());
      if (statistics->in_flight_count == 0) {
        return;
      }
      std::this_thread::yield();
    }
  }

  void ExpectNoCommit(const std::string& commit) {
    EXPECT_TRUE(
        absl::IsNotFound(store_->GetCommit("admin/trees", commit).status()));
  }

  // Starts a push, and returns when the server has claimed the commit.
  std::unique_ptr<PushStream> StartPush(grpc::ClientContext& context,
                                        const std::string& commit) {
    std::unique_ptr<PushStream> stream = commits_->PushCommit(&context);
    EXPECT_TRUE(stream->Write(Header(commit)));
    v1::PushCommitResponse response;
    EXPECT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.progress().phase(), Phase::PHASE_RECEIVING);
    return stream;
  }
};

TEST_F(PushCallTest, MakesACommitAndTellsOfIt) {
  v1::PushCommitRequest header = Header("c1");
  header.mutable_header()->set_branch("main");
  header.mutable_header()->set_author("Ada");
  header.mutable_header()->set_message("first");
  header.mutable_header()->mutable_commit_time()->set_seconds(1'000'000'000);
  header.mutable_header()->mutable_commit_time()->set_nanos(5000);
  v1::PushCommitRequest operations;
  AddInsert("a", "oak", operations);
  AddInsert("b", "elm", operations);
  operations.mutable_operations()->add_operations()->set_delete_document_id(
      "nobody");
  v1::PushCommitRequest finish;
  finish.mutable_finish()->set_operation_count(3);

  const PushResult result = PushRequests({header, operations, finish});
  ASSERT_THAT(result.status, RpcIsOk());
  EXPECT_EQ(result.commit.domain(), "admin/trees");
  EXPECT_EQ(result.commit.commit(), "c1");
  EXPECT_EQ(result.commit.branch(), "main");
  EXPECT_EQ(result.commit.document_count(), 2);
  EXPECT_EQ(result.commit.inserted_count(), 2);
  EXPECT_EQ(result.commit.unknown_delete_count(), 1);
  EXPECT_EQ(result.commit.author(), "Ada");
  EXPECT_EQ(result.commit.message(), "first");
  EXPECT_EQ(result.commit.commit_time().seconds(), 1'000'000'000);
  EXPECT_EQ(result.commit.commit_time().nanos(), 5000);
  EXPECT_THAT(result.commit.fingerprint(), SizeIs(32));
  EXPECT_TRUE(result.responses.front().has_progress());
  EXPECT_TRUE(result.responses.back().has_commit());
}

TEST_F(PushCallTest, AnswersTheHeaderBeforeAnyOperation) {
  grpc::ClientContext context;
  std::unique_ptr<PushStream> stream = StartPush(context, "c1");
  EXPECT_TRUE(stream->Write(FinishRequest()));
  stream->WritesDone();
  v1::PushCommitResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_THAT(stream->Finish(), RpcIsOk());
  EXPECT_TRUE(response.has_commit());
}

TEST_F(PushCallTest, TakesLongPushesFromAClientThatReadsOnlyAtTheEnd) {
  std::vector<v1::PushCommitRequest> requests = {Header("c1")};
  constexpr int kMessageCount = 100;
  constexpr int kDocumentCount = 100;
  for (int i = 0; i < kMessageCount; ++i) {
    v1::PushCommitRequest operations;
    for (int k = 0; k < kDocumentCount; ++k) {
      AddInsert(absl::StrCat("id", i, "-", k), absl::StrCat("oak ", k),
                operations);
    }
    requests.push_back(operations);
  }
  requests.push_back(FinishRequest());
  const PushResult result = PushRequests(requests);
  ASSERT_THAT(result.status, RpcIsOk());
  EXPECT_EQ(result.commit.document_count(), kMessageCount * kDocumentCount);
}

TEST_F(PushCallTest, TakesAMessageOf60MebibytesAndDocumentsOfEveryType) {
  v1::PushCommitRequest operations;
  AddInsert("long", std::string(40 << 20, 'x'), operations);
  AddInsert("longer", std::string(20 << 20, 'y'), operations);
  v1::Document& document =
      *operations.mutable_operations()->add_operations()->mutable_replace();
  document.set_document_id("typed");
  document.set_type("tree");
  document.set_text("oak");
  auto& attributes = *document.mutable_attributes();
  attributes["s"].set_string_value("x");
  attributes["i"].set_int64_value(std::numeric_limits<int64_t>::min());
  attributes["d"].set_double_value(0.1);
  attributes["b"].set_bool_value(false);
  const PushResult result =
      PushRequests({Header("c1"), operations, FinishRequest()});
  ASSERT_THAT(result.status, RpcIsOk());

  grpc::ClientContext context;
  v1::GetDocumentsRequest request;
  request.set_domain("admin/trees");
  request.mutable_at()->set_commit("c1");
  request.add_document_ids("typed");
  request.mutable_document_mask()->set_attributes(true);
  request.mutable_document_mask()->set_text(true);
  v1::GetDocumentsResponse response;
  ASSERT_THAT(searches_->GetDocuments(&context, request, &response), RpcIsOk());
  ASSERT_THAT(response.documents(), SizeIs(1));
  const v1::StoredDocument& stored = response.documents(0);
  EXPECT_EQ(stored.type(), "tree");
  EXPECT_EQ(stored.text(), "oak");
  EXPECT_EQ(stored.attributes().at("s").string_value(), "x");
  EXPECT_EQ(stored.attributes().at("i").int64_value(),
            std::numeric_limits<int64_t>::min());
  EXPECT_EQ(stored.attributes().at("d").double_value(), 0.1);
  EXPECT_EQ(stored.attributes().at("b").value_case(),
            v1::AttributeValue::kBoolValue);
}

TEST_F(PushCallTest, ListsEveryFailedDocument) {
  embedder_->FailText("too long", absl::InvalidArgumentError("8193 tokens"));
  v1::PushCommitRequest operations;
  AddInsert("a", "", operations);
  AddInsert("b", "too long", operations);
  AddInsert("c", "oak", operations);
  v1::Operation::Error& error =
      *operations.mutable_operations()->add_operations()->mutable_error();
  error.set_document_id("d");
  error.set_message("broke");
  PushResult result = PushRequests({Header("c1"), operations, FinishRequest()});
  EXPECT_THAT(result.status, RpcFailsWith(grpc::StatusCode::INVALID_ARGUMENT,
                                          "DOCUMENTS_FAILED"));
  ASSERT_THAT(result.failures, SizeIs(3));
  EXPECT_EQ(result.failures[1].document_id(), "b");
  EXPECT_EQ(result.failures[1].operation_number(), 2);
  EXPECT_EQ(result.failures[1].message(), "8193 tokens");
  ExpectNoCommit("c1");

  v1::PushCommitRequest header = Header("c1");
  header.mutable_header()->set_skip_failed_documents(true);
  result = PushRequests({header, operations, FinishRequest()});
  ASSERT_THAT(result.status, RpcIsOk());
  EXPECT_THAT(result.failures, SizeIs(3));
  EXPECT_EQ(result.commit.document_count(), 1);
  EXPECT_EQ(result.commit.skipped_document_count(), 3);
  ASSERT_THAT(result.commit.skipped_documents(), SizeIs(3));
  EXPECT_EQ(result.commit.skipped_documents(2).document_id(), "d");
  EXPECT_EQ(result.commit.skipped_documents(2).message(), "broke");
}

TEST_F(PushCallTest, SendsFailuresInResponsesOfAThousand) {
  v1::PushCommitRequest operations;
  for (int i = 0; i < 2500; ++i) {
    AddInsert(absl::StrCat(i), "", operations);
  }
  const PushResult result =
      PushRequests({Header("c1"), operations, FinishRequest()});
  EXPECT_THAT(result.failures, SizeIs(2500));
  EXPECT_EQ(result.failures[2499].document_id(), "2499");
}

// ---- Bad input -------------------------------------------------------------

TEST_F(PushCallTest, RefusesWhatCannotBecomeACommit) {
  ASSERT_THAT(PushDocuments("c1", "", {{"a", "oak"}}).status, RpcIsOk());
  EXPECT_THAT(PushDocuments("c1", "", {}).status,
              RpcFailsWith(grpc::StatusCode::ALREADY_EXISTS, "COMMIT_EXISTS"));
  EXPECT_THAT(PushDocuments("c2", "nowhere", {}).status,
              RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                           "PARENT_COMMIT_NOT_FOUND"));
  v1::PushCommitRequest header = Header("c2", "c1");
  header.mutable_header()->set_domain("no/domain");
  header.mutable_header()->clear_create_domain();
  EXPECT_THAT(PushRequests({header, FinishRequest()}).status,
              RpcFailsWith(grpc::StatusCode::NOT_FOUND, "DOMAIN_NOT_FOUND"));
  header = Header("c2\n", "c1");
  EXPECT_THAT(PushRequests({header, FinishRequest()}).status,
              RpcFailsWith(grpc::StatusCode::INVALID_ARGUMENT, "NAME_INVALID"));
  header = Header("c2", "c1");
  header.mutable_header()->mutable_commit_time()->set_nanos(-1);
  EXPECT_THAT(
      PushRequests({header, FinishRequest()}).status,
      RpcFailsWith(grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID"));
  header = Header("c2", "c1");
  header.mutable_header()->set_author(std::string((64 << 10) + 1, 'x'));
  EXPECT_THAT(
      PushRequests({header, FinishRequest()}).status,
      RpcFailsWith(grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID"));
  header = Header("c2", "c1");
  header.mutable_header()->set_branch("main");
  header.mutable_header()->set_expected_branch_commit("c1");
  EXPECT_THAT(PushRequests({header, FinishRequest()}).status,
              RpcFailsWith(grpc::StatusCode::ABORTED, "BRANCH_MOVED"));
  ExpectNoCommit("c2");
}

TEST_F(PushCallTest, RefusesACommitThatIsInFlight) {
  grpc::ClientContext context;
  std::unique_ptr<PushStream> stream = StartPush(context, "c1");
  EXPECT_THAT(PushDocuments("c1", "", {}).status,
              RpcFailsWith(grpc::StatusCode::ABORTED, "COMMIT_IN_FLIGHT"));
  EXPECT_TRUE(stream->Write(FinishRequest()));
  stream->WritesDone();
  v1::PushCommitResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_THAT(stream->Finish(), RpcIsOk());
}

TEST_F(PushCallTest, NamesTheOperationThatIsMalformed) {
  const auto push_error = [this](const v1::Operation& operation) {
    v1::PushCommitRequest operations;
    AddInsert("a", "oak", operations);
    *operations.mutable_operations()->add_operations() = operation;
    const PushResult result =
        PushRequests({Header("c1"), operations, FinishRequest()});
    EXPECT_EQ(InfoOf(result.status).metadata().at("operation"), "2");
    EXPECT_THAT(result.status.error_message(), HasSubstr("operation 2: "));
    ExpectNoCommit("c1");
    return result.status;
  };
  constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
  EXPECT_THAT(push_error({}), RpcFailsWith(kInvalid, "OPERATION_INVALID"));
  v1::Operation operation;
  operation.set_delete_document_id(std::string(4097, 'x'));
  EXPECT_THAT(push_error(operation),
              RpcFailsWith(kInvalid, "DOCUMENT_ID_INVALID"));
  v1::Document& document = *operation.mutable_insert();
  document.set_document_id("b");
  document.set_text("elm");
  (*document.mutable_attributes())["x"];
  EXPECT_THAT(push_error(operation),
              RpcFailsWith(kInvalid, "OPERATION_INVALID"));
  document.clear_attributes();
  document.mutable_vector()->add_components(1);
  const grpc::Status mismatch = push_error(operation);
  EXPECT_THAT(mismatch, RpcFailsWith(kInvalid, "DIMENSION_MISMATCH"));
  EXPECT_EQ(InfoOf(mismatch).metadata().at("found"), "1");
  EXPECT_EQ(InfoOf(mismatch).metadata().at("wanted"), "32");
  document.mutable_vector()->clear_components();
  for (uint32_t i = 0; i < FakeEmbedder::kDimension; ++i) {
    document.mutable_vector()->add_components(0);
  }
  EXPECT_THAT(push_error(operation), RpcFailsWith(kInvalid, "VECTOR_ZERO"));
  document.mutable_vector()->set_components(
      3, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(push_error(operation),
              RpcFailsWith(kInvalid, "VECTOR_NOT_FINITE"));
  document.clear_vector();
  document.set_type(std::string(513, 'x'));
  EXPECT_THAT(push_error(operation),
              RpcFailsWith(kInvalid, "DOCUMENT_INVALID"));
}

TEST_F(PushCallTest, RefusesMessagesOutOfOrder) {
  constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
  EXPECT_THAT(PushRequests({FinishRequest()}).status,
              RpcFailsWith(kInvalid, "MESSAGE_INVALID"));
  EXPECT_THAT(PushRequests({v1::PushCommitRequest()}).status,
              RpcFailsWith(kInvalid, "MESSAGE_INVALID"));
  EXPECT_THAT(PushRequests({Header("c1"), Header("c1")}).status,
              RpcFailsWith(kInvalid, "MESSAGE_INVALID"));
  EXPECT_THAT(PushRequests({}).status,
              RpcFailsWith(kInvalid, "PUSH_NOT_FINISHED"));
  ExpectNoCommit("c1");
}

TEST_F(PushCallTest, DropsAPushThatEndsWithoutFinish) {
  v1::PushCommitRequest operations;
  AddInsert("a", "oak", operations);
  EXPECT_THAT(
      PushRequests({Header("c1"), operations}).status,
      RpcFailsWith(grpc::StatusCode::INVALID_ARGUMENT, "PUSH_NOT_FINISHED"));
  ExpectNoCommit("c1");
  v1::PushCommitRequest finish = FinishRequest();
  finish.mutable_finish()->set_operation_count(2);
  EXPECT_THAT(PushRequests({Header("c1"), operations, finish}).status,
              RpcFailsWith(grpc::StatusCode::INVALID_ARGUMENT,
                           "OPERATION_COUNT_DIFFERS"));
  ExpectNoCommit("c1");
}

TEST_F(PushCallTest, AnAbortDropsThePush) {
  v1::PushCommitRequest operations;
  AddInsert("a", "oak", operations);
  operations.mutable_operations()
      ->add_operations()
      ->mutable_abort()
      ->set_message("rolled back");
  const PushResult result =
      PushRequests({Header("c1"), operations, FinishRequest()});
  EXPECT_THAT(result.status,
              RpcFailsWith(grpc::StatusCode::CANCELLED, "PUSH_ABORTED"));
  EXPECT_EQ(InfoOf(result.status).metadata().at("message"), "rolled back");
  ExpectNoCommit("c1");
}

TEST_F(PushCallTest, FailsWithWhatTheProviderSaysWhileOldCommitsAnswer) {
  ASSERT_THAT(PushDocuments("c1", "", {{"a", "oak"}}).status, RpcIsOk());
  embedder_->OnEmbed([](const EmbedContext&) {
    return WithReason(
        absl::UnavailableError("embedding profile 'fake': HTTP status 503, "
                               "\"overloaded\""),
        "EMBEDDING_PROVIDER_UNAVAILABLE",
        {{"profile", "fake"}, {"status", "503"}});
  });
  const PushResult result = PushDocuments("c2", "c1", {{"b", "elm"}});
  EXPECT_THAT(result.status, RpcFailsWith(grpc::StatusCode::UNAVAILABLE,
                                          "EMBEDDING_PROVIDER_UNAVAILABLE"));
  EXPECT_EQ(InfoOf(result.status).metadata().at("status"), "503");
  EXPECT_THAT(result.status.error_message(), HasSubstr("overloaded"));
  EXPECT_THAT(IdsOf("c1"), ElementsAre("a"));
}

TEST_F(PushCallTest, RefusesATextWithoutEmbedderAndADomainThatDiffers) {
  v1::PushCommitRequest header = Header("c1");
  header.mutable_header()->mutable_create_domain()->set_vectors_only(true);
  header.mutable_header()->mutable_create_domain()->set_dimension(3);
  v1::PushCommitRequest operations;
  AddInsert("a", "oak", operations);
  const PushResult result = PushRequests({header, operations, FinishRequest()});
  EXPECT_THAT(result.status, RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                                          "EMBEDDING_PROFILE_NOT_FOUND"));
  EXPECT_EQ(InfoOf(result.status).metadata().at("setting"),
            "embedding_profile");
  header.mutable_header()->mutable_create_domain()->set_dimension(4);
  EXPECT_THAT(PushRequests({header, FinishRequest()}).status,
              RpcFailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                           "DOMAIN_SETTINGS_DIFFER"));
}

// A message that cannot be parsed must not be taken for the end of the stream.
TEST_F(PushCallTest, RefusesBytesThatAreNoMessage) {
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto call =
      stub.PrepareCall(&context, "/copse.v1.CommitService/PushCommit", &queue);
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  ASSERT_TRUE(wait());
  for (const std::string& bytes :
       {Header("c1").SerializeAsString(), std::string("\xff\xff\xff")}) {
    const grpc::Slice slice(bytes);
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    ASSERT_TRUE(wait());
  }
  call->WritesDone(nullptr);
  ASSERT_TRUE(wait());
  grpc::ByteBuffer response;
  do {
    call->Read(&response, nullptr);
  } while (wait());
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(wait());
  EXPECT_THAT(status, RpcFailsWith(grpc::StatusCode::INVALID_ARGUMENT,
                                   "MESSAGE_INVALID"));
  EXPECT_EQ(InfoOf(status).metadata().at("operation"), "1");
  ExpectNoCommit("c1");
}

TEST_F(PushCallTest, RefusesAMessageAboveTheLimit) {
  v1::PushCommitRequest operations;
  for (int i = 0; i < 2; ++i) {
    AddInsert(absl::StrCat(i), std::string(33 << 20, 'x'), operations);
  }
  const PushResult result =
      PushRequests({Header("c1"), operations, FinishRequest()});
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  WaitUntilNothingIsInFlight();
  ExpectNoCommit("c1");
}

// ---- The end of a push that is not done ------------------------------------

TEST_F(PushCallTest, ACancelFreesTheCommit) {
  grpc::ClientContext context;
  std::unique_ptr<PushStream> stream = StartPush(context, "c1");
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  WaitUntilNothingIsInFlight();
  ExpectNoCommit("c1");
  EXPECT_THAT(PushDocuments("c1", "", {{"a", "oak"}}).status, RpcIsOk());
}

TEST_F(PushCallTest, ACancelOfTheJobReachesTheEmbedderAndOneOfTheCallDoesNot) {
  std::atomic<bool> embedding = false;
  std::atomic<bool> stopped = false;
  ASSERT_THAT(PushDocuments("c0", "", {}).status, RpcIsOk());
  embedder_->OnEmbed([&](const EmbedContext& context) -> absl::Status {
    embedding = true;
    while (!context.cancelled()) {
      std::this_thread::yield();
    }
    stopped = true;
    return absl::CancelledError("embedding was cancelled");
  });
  grpc::ClientContext context;
  std::unique_ptr<PushStream> stream = StartPush(context, "c1");
  v1::PushCommitRequest operations;
  AddInsert("a", "oak", operations);
  EXPECT_TRUE(stream->Write(operations));
  EXPECT_TRUE(stream->Write(FinishRequest()));
  while (!embedding) {
    std::this_thread::yield();
  }
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_FALSE(stopped);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const JobPage page,
      engine_->jobs().List({.filter = {.state = JobState::kRunning}}));
  ASSERT_THAT(page.items, SizeIs(1));
  EXPECT_THAT(engine_->jobs().Cancel(page.items[0].id, {}), IsOk());
  WaitUntilNothingIsInFlight();
  EXPECT_TRUE(stopped);
  ExpectNoCommit("c1");
}

TEST_F(PushCallTest, ADeadlineFreesTheCommit) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(300));
  std::unique_ptr<PushStream> stream = commits_->PushCommit(&context);
  stream->Write(Header("c1"));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  WaitUntilNothingIsInFlight();
  ExpectNoCommit("c1");
}

TEST_F(PushCallTest, TheEndOfTheServerEndsAPushThatWaitsForItsClient) {
  grpc::ClientContext context;
  std::unique_ptr<PushStream> stream = StartPush(context, "c1");
  server_->ShutDown(absl::Seconds(30));
  v1::PushCommitResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_THAT(stream->Finish(),
              RpcFailsWith(grpc::StatusCode::UNAVAILABLE, "SHUTTING_DOWN"));
  WaitUntilNothingIsInFlight();
  ExpectNoCommit("c1");
}

class PushLimitTest : public PushCallTest {
 protected:
  void Configure(GrpcServerOptions& options) override {
    options.push_count_max = 1;
  }
};

TEST_F(PushLimitTest, RefusesMorePushesThanAllowed) {
  grpc::ClientContext context;
  std::unique_ptr<PushStream> stream = StartPush(context, "c1");
  EXPECT_THAT(
      PushDocuments("c2", "", {}).status,
      RpcFailsWith(grpc::StatusCode::RESOURCE_EXHAUSTED, "PUSHES_IN_FLIGHT"));
  EXPECT_TRUE(stream->Write(FinishRequest()));
  stream->WritesDone();
  v1::PushCommitResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_THAT(stream->Finish(), RpcIsOk());
}

}  // namespace
}  // namespace copse
