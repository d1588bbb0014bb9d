// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/client.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"

#include "clients/cpp/error.h"
#include "clients/cpp/push_stream.h"
#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/domain_service.grpc.pb.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using PushServerStream =
    grpc::ServerReaderWriter<v1::PushCommitResponse, v1::PushCommitRequest>;

grpc::Status MakeError(grpc::StatusCode code, const std::string& message,
                       const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("copse.dev");
  (*info.mutable_metadata())["commit"] = "c1";
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return grpc::Status(code, message, details.SerializeAsString());
}

// Takes pushes as the contract says, and keeps what it was sent.
class FakeCommitService : public v1::CommitService::Service {
 public:
  // What becomes of a push.
  enum class Mode { kTake, kRefuseAtHeader, kRefuseInTheMiddle, kSayALot };

  grpc::Status PushCommit(grpc::ServerContext* context,
                          PushServerStream* stream) override {
    v1::PushCommitRequest request;
    if (!stream->Read(&request) || !request.has_header()) {
      return MakeError(grpc::StatusCode::INVALID_ARGUMENT, "no header",
                       "PUSH_MESSAGE_INVALID");
    }
    if (mode == Mode::kRefuseAtHeader) {
      return MakeError(grpc::StatusCode::ALREADY_EXISTS, "commit c1 exists",
                       "COMMIT_EXISTS");
    }
    v1::PushCommitResponse response;
    response.mutable_progress()->set_phase(
        v1::PushCommitResponse::Progress::PHASE_RECEIVING);
    stream->Write(response);
    int64_t operation_count = 0;
    while (stream->Read(&request)) {
      if (request.has_finish()) {
        return Finish(request, operation_count, stream);
      }
      operation_count += request.operations().operations_size();
      batch_sizes.push_back(request.operations().operations_size());
      has_operations = true;
      has_operations.notify_all();
      if (mode == Mode::kRefuseInTheMiddle) {
        return MakeError(grpc::StatusCode::INVALID_ARGUMENT, "bad operation",
                         "OPERATION_INVALID");
      }
      for (int i = 0; mode == Mode::kSayALot && i < 2000; ++i) {
        stream->Write(response);
      }
    }
    // The end of the stream may be seen before the reason for it.
    const absl::Time end = absl::Now() + absl::Seconds(10);
    while (!context->IsCancelled() && absl::Now() < end) {
      std::this_thread::yield();
    }
    saw_cancel = context->IsCancelled();
    return MakeError(grpc::StatusCode::INVALID_ARGUMENT, "not finished",
                     "PUSH_NOT_FINISHED");
  }

  grpc::Status ListCommits(grpc::ServerContext*,
                           const v1::ListCommitsRequest* request,
                           v1::ListCommitsResponse* response) override {
    const std::string& page = request->page_token();
    response->add_commits()->set_commit(absl::StrCat("c", page));
    response->set_next_page_token(page.empty() ? "1" : page == "1" ? "2" : "");
    return grpc::Status::OK;
  }

  grpc::Status MergeCommits(
      grpc::ServerContext*, const v1::MergeCommitsRequest* request,
      grpc::ServerWriter<v1::MergeCommitsResponse>* writer) override {
    v1::MergeCommitsResponse response;
    response.mutable_base()->set_commit("base");
    writer->Write(response);
    response.mutable_conflicts()->add_conflicts()->set_document_id("a");
    writer->Write(response);
    if (request->conflict_policy() !=
        v1::MergeCommitsRequest::CONFLICT_POLICY_OURS) {
      return MakeError(grpc::StatusCode::FAILED_PRECONDITION, "conflicts",
                       "MERGE_CONFLICTS");
    }
    response.mutable_commit()->set_commit(request->commit());
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status DiffCommits(
      grpc::ServerContext*, const v1::DiffCommitsRequest*,
      grpc::ServerWriter<v1::DiffCommitsResponse>* writer) override {
    v1::DiffCommitsResponse response;
    response.add_changes()->set_document_id("a");
    for (int i = 0; i < 100000 && writer->Write(response); ++i) {
      ++written_count;
    }
    return grpc::Status::OK;
  }

  Mode mode = Mode::kTake;
  std::vector<int> batch_sizes;
  std::atomic<bool> has_operations = false;
  std::atomic<bool> saw_cancel = false;
  std::atomic<int> written_count = 0;

 private:
  static grpc::Status Finish(const v1::PushCommitRequest& request,
                             int64_t operation_count,
                             PushServerStream* stream) {
    if (request.finish().operation_count() != operation_count) {
      return MakeError(grpc::StatusCode::INVALID_ARGUMENT, "wrong count",
                       "PUSH_MESSAGE_INVALID");
    }
    v1::PushCommitResponse response;
    response.mutable_failures()->add_failures()->set_document_id("bad");
    stream->Write(response);
    response.mutable_commit()->set_document_count(operation_count);
    stream->Write(response);
    return grpc::Status::OK;
  }
};

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.SetMaxReceiveMessageSize(64 << 20);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    ClientOptions options;
    options.address = absl::StrCat("127.0.0.1:", port);
    client_ = std::make_unique<Client>(options);
  }

  void TearDown() override { server_->Shutdown(); }

  static PushStreamOptions Options() {
    PushStreamOptions options;
    options.header.set_domain("d");
    options.header.set_commit("c1");
    return options;
  }

  static v1::Operation Insert(int number, size_t size_bytes) {
    v1::Operation operation;
    operation.mutable_insert()->set_document_id(absl::StrCat(number));
    operation.mutable_insert()->set_text(std::string(size_bytes, 'x'));
    return operation;
  }

  FakeCommitService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, PushesASmallCommitInOneBatch) {
  PushStreamOptions options = Options();
  std::vector<std::string> failed;
  options.on_failures = [&](const v1::PushCommitResponse::Failures& failures) {
    failed.push_back(failures.failures(0).document_id());
  };
  auto push = client_->PushCommit(std::move(options));
  EXPECT_THAT(push->Add(Insert(1, 10)), IsOk());
  EXPECT_THAT(push->Add(Insert(2, 10)), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const v1::Commit commit, push->Finish());
  EXPECT_EQ(commit.document_count(), 2);
  EXPECT_THAT(service_.batch_sizes, ElementsAre(2));
  EXPECT_THAT(failed, ElementsAre("bad"));
}

TEST_F(ClientTest, PushesACommitWithoutOperations) {
  COPSE_ASSERT_OK_AND_ASSIGN(const v1::Commit commit,
                             client_->PushCommit(Options())->Finish());
  EXPECT_EQ(commit.document_count(), 0);
}

TEST_F(ClientTest, PushesALargeCommitInBoundedBatches) {
  auto push = client_->PushCommit(Options());
  for (int i = 0; i < 3000; ++i) {
    ASSERT_THAT(push->Add(Insert(i, 10)), IsOk());
  }
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(push->Add(Insert(i, 3 << 20)), IsOk());
  }
  ASSERT_THAT(push->Add(Insert(0, 50 << 20)), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const v1::Commit commit, push->Finish());
  EXPECT_EQ(commit.document_count(), 3006);
  for (const int size : service_.batch_sizes) {
    EXPECT_LE(size, 512);
  }
}

TEST_F(ClientTest, TellsAtOnceThatACommitIsThere) {
  service_.mode = FakeCommitService::Mode::kRefuseAtHeader;
  PushStreamOptions options = Options();
  options.send_header_at_once = true;
  auto push = client_->PushCommit(std::move(options));
  absl::Status status;
  while (status.ok()) {
    status = push->Add(Insert(1, 100000));
  }
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kAlreadyExists, "commit c1 exists"));
  EXPECT_EQ(ErrorReasonOf(status), "COMMIT_EXISTS");
  EXPECT_EQ(ErrorMetadataOf(status, "commit"), "c1");
  EXPECT_TRUE(push->has_ended());
  EXPECT_THAT(push->Finish(), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(ClientTest, ASmallPushLearnsWhyItWasRefused) {
  service_.mode = FakeCommitService::Mode::kRefuseAtHeader;
  auto push = client_->PushCommit(Options());
  EXPECT_THAT(push->Add(Insert(1, 10)), IsOk());
  EXPECT_THAT(push->Finish(),
              StatusIs(absl::StatusCode::kAlreadyExists, "commit c1 exists"));
}

TEST_F(ClientTest, ALargePushEndsWhenTheServerRefusesAnOperation) {
  service_.mode = FakeCommitService::Mode::kRefuseInTheMiddle;
  auto push = client_->PushCommit(Options());
  absl::Status status;
  for (int i = 0; status.ok() && i < 1000000; ++i) {
    status = push->Add(Insert(i, 1000));
  }
  EXPECT_EQ(ErrorReasonOf(status), "OPERATION_INVALID");
}

TEST_F(ClientTest, AServerThatSaysALotDoesNotBlockThePush) {
  service_.mode = FakeCommitService::Mode::kSayALot;
  std::atomic<int64_t> heard = 0;
  PushStreamOptions options = Options();
  options.on_progress = [&](const v1::PushCommitResponse::Progress&) {
    ++heard;
  };
  auto push = client_->PushCommit(std::move(options));
  for (int i = 0; i < 20 * 512; ++i) {
    ASSERT_THAT(push->Add(Insert(i, 100)), IsOk());
  }
  EXPECT_THAT(push->Finish(), IsOk());
  EXPECT_EQ(heard, 20 * 2000 + 1);
}

TEST_F(ClientTest, APushThatIsGivenUpIsCancelled) {
  {
    auto push = client_->PushCommit(Options());
    for (int i = 0; i < 2000; ++i) {
      ASSERT_THAT(push->Add(Insert(i, 10)), IsOk());
    }
    service_.has_operations.wait(false);  // Or there is no call to cancel yet.
  }
  { auto never_sent = client_->PushCommit(Options()); }
  server_->Shutdown();  // Waits for the calls.
  EXPECT_TRUE(service_.saw_cancel);
}

TEST_F(ClientTest, RefusesAnOperationThatNoMessageHolds) {
  auto push = client_->PushCommit(Options());
  EXPECT_THAT(push->Add(Insert(1, 64 << 20)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("operation 1 takes 67108")));
}

TEST_F(ClientTest, VisitsEveryPageOfAList) {
  std::vector<std::string> commits;
  EXPECT_THAT(client_->ForEachCommit(v1::ListCommitsRequest(),
                                     [&](const v1::Commit& commit) {
                                       commits.push_back(commit.commit());
                                       return absl::OkStatus();
                                     }),
              IsOk());
  EXPECT_THAT(commits, ElementsAre("c", "c1", "c2"));
}

TEST_F(ClientTest, AVisitorEndsAStream) {
  int count = 0;
  EXPECT_THAT(client_->DiffCommits(v1::DiffCommitsRequest(),
                                   [&](const v1::DiffCommitsResponse&) {
                                     return ++count == 3
                                                ? absl::CancelledError("enough")
                                                : absl::OkStatus();
                                   }),
              StatusIs(absl::StatusCode::kCancelled, "enough"));
  server_->Shutdown();
  EXPECT_LT(service_.written_count, 100000);
}

TEST_F(ClientTest, AMergeTellsItsBaseItsConflictsAndItsCommit) {
  v1::MergeCommitsRequest request;
  request.set_commit("m");
  std::vector<v1::MergeCommitsResponse> responses;
  const auto merge = [&] {
    responses.clear();
    return client_->MergeCommits(request,
                                 [&](const v1::MergeCommitsResponse& response) {
                                   responses.push_back(response);
                                   return absl::OkStatus();
                                 });
  };
  const absl::Status refused = merge();
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kFailedPrecondition, "conflicts"));
  EXPECT_EQ(ErrorReasonOf(refused), "MERGE_CONFLICTS");
  ASSERT_EQ(responses.size(), 2u);
  EXPECT_EQ(responses[0].base().commit(), "base");
  EXPECT_EQ(responses[1].conflicts().conflicts(0).document_id(), "a");
  request.set_conflict_policy(v1::MergeCommitsRequest::CONFLICT_POLICY_OURS);
  EXPECT_THAT(merge(), IsOk());
  ASSERT_EQ(responses.size(), 3u);
  EXPECT_EQ(responses[2].commit().commit(), "m");
}

TEST_F(ClientTest, NamesAMethodThatTheServerLacks) {
  EXPECT_THAT(client_->GetCommit(v1::GetCommitRequest()),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(ClientErrorTest, AnUnreachableServerIsUnavailable) {
  ClientOptions options;
  options.address = "127.0.0.1:1";
  Client client(options);
  const absl::Status status = client.GetDomain(v1::GetDomainRequest()).status();
  EXPECT_TRUE(IsServerUnavailable(status)) << status;
  auto push = client.PushCommit(PushStreamOptions());
  EXPECT_TRUE(IsServerUnavailable(push->Finish().status()));
}

TEST(ClientErrorTest, AProviderThatIsDownIsNotAServerThatIsDown) {
  EXPECT_FALSE(IsServerUnavailable(FromGrpcStatus(
      MakeError(grpc::StatusCode::UNAVAILABLE, "provider answered 503",
                "EMBEDDING_PROVIDER_UNAVAILABLE"))));
  EXPECT_TRUE(IsServerUnavailable(FromGrpcStatus(
      MakeError(grpc::StatusCode::UNAVAILABLE, "stopping", "SHUTTING_DOWN"))));
}

}  // namespace
}  // namespace copse
