// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/grpc_server.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

#include "copse/v1/domain_service.grpc.pb.h"
#include "copse/v1/search_service.grpc.pb.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/grpc/testing/trees_fixture.h"
#include "sidecar/util/request_metrics.h"

namespace copse {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

using GrpcServerTest = TreesTest;

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (buffer.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices) {
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
  }
  return bytes;
}

// Makes the call `method` of grpc.health.v1 or any other with raw bytes.
class RawCall {
 public:
  RawCall(const std::shared_ptr<grpc::Channel>& channel,
          const std::string& method, const std::string& request) {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const grpc::Slice slice(request);
    auto call = stub.PrepareUnaryCall(&context, method,
                                      grpc::ByteBuffer(&slice, 1), &queue);
    call->StartCall();
    call->Finish(&response_, &status_, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
  }

  const grpc::Status& status() const { return status_; }

  std::string response() const { return ToString(response_); }

 private:
  grpc::ByteBuffer response_;
  grpc::Status status_;
};

// A HealthCheckRequest for `service`, and the HealthCheckResponses.
std::string HealthRequest(const std::string& service) {
  return absl::StrCat("\x0a", std::string(1, static_cast<char>(service.size())),
                      service);
}
constexpr absl::string_view kServing = "\x08\x01";
constexpr absl::string_view kNotServing = "\x08\x02";

TEST_F(GrpcServerTest, ReportsItsHealth) {
  const std::string method = "/grpc.health.v1.Health/Check";
  EXPECT_EQ(RawCall(channel_, method, "").response(), kServing);
  EXPECT_EQ(RawCall(channel_, method, HealthRequest("copse.v1.SearchService"))
                .response(),
            kServing);
  server_->SetServing(false);
  EXPECT_EQ(RawCall(channel_, method, "").response(), kNotServing);
  server_->SetServing(true);
  EXPECT_EQ(RawCall(channel_, method, "").response(), kServing);
  server_->SetWritable(false);
  EXPECT_EQ(RawCall(channel_, method, "").response(), kServing);
  EXPECT_EQ(RawCall(channel_, method, HealthRequest("copse.v1.CommitService"))
                .response(),
            kNotServing);
}

TEST_F(GrpcServerTest, RefusesBytesThatAreNoRequest) {
  const RawCall call(channel_, "/copse.v1.DomainService/GetDomain", "\xff");
  EXPECT_THAT(call.status(), RpcFailsWith(kInvalid, "MESSAGE_INVALID"));
  // A domain that is not UTF-8.
  const RawCall other(channel_, "/copse.v1.DomainService/GetDomain",
                      "\x0a\x01\xff");
  EXPECT_THAT(other.status(), RpcFailsWith(kInvalid, "MESSAGE_INVALID"));
}

TEST_F(GrpcServerTest, NamesAMethodThatItDoesNotHave) {
  const RawCall call(channel_, "/copse.v1.DomainService/RenameDomain", "");
  EXPECT_THAT(call.status(), RpcFailsWith(grpc::StatusCode::UNIMPLEMENTED,
                                          "METHOD_NOT_FOUND"));
  EXPECT_THAT(call.status().error_message(), HasSubstr("RenameDomain"));
}

TEST_F(GrpcServerTest, ServesReflection) {
  // A ServerReflectionRequest with list_services = "".
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto call = stub.PrepareCall(
      &context,
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  ASSERT_TRUE(wait());
  const grpc::Slice slice("\x3a\x00", 2);
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  ASSERT_TRUE(wait());
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  ASSERT_TRUE(wait());
  const std::string bytes = ToString(response);
  for (const char* service :
       {"Domain", "Commit", "Branch", "Search", "Admin"}) {
    EXPECT_THAT(bytes,
                HasSubstr(absl::StrCat("copse.v1.", service, "Service")));
  }
  call->WritesDone(nullptr);
  ASSERT_TRUE(wait());
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(wait());
}

TEST_F(GrpcServerTest, KeepsErrorsSmallWhateverTheyName) {
  v1::GetDocumentsRequest request;
  v1::FindSimilarRequest similar;
  similar.set_domain("admin/trees");
  similar.mutable_at()->set_commit("c1");
  std::string id;
  while (id.size() < 60'000) {
    id += "\xe6\x9c\xa8\n";
  }
  similar.set_document_id(id);
  v1::FindSimilarResponse response;
  const grpc::Status status = Call(
      *searches_, &v1::SearchService::Stub::FindSimilar, similar, response);
  EXPECT_THAT(status, RpcFailsWith(kNotFound, "DOCUMENT_NOT_FOUND"));
  EXPECT_LE(status.error_message().size(), 1024);
  EXPECT_THAT(InfoOf(status).metadata().at("document_id"),
              StartsWith("\xe6\x9c\xa8\n"));
}

TEST_F(GrpcServerTest, FinishesASearchThatIsUnderWayWhenItShutsDown) {
  std::atomic<bool> embedding = false;
  std::atomic<bool> go_on = false;
  embedder_->OnEmbed([&](const EmbedContext&) -> absl::Status {
    embedding = true;
    while (!go_on) {
      std::this_thread::yield();
    }
    return absl::OkStatus();
  });
  grpc::Status status;
  std::jthread searcher([&] { status = Search(TextSearch("c1", "oak")); });
  while (!embedding) {
    std::this_thread::yield();
  }
  std::jthread stopper([&] { server_->ShutDown(absl::Seconds(30)); });
  // New calls are refused once the server is shutting down.
  v1::GetDomainRequest request;
  request.set_domain("admin/trees");
  v1::Domain domain;
  while (Call(*domains_, &v1::DomainService::Stub::GetDomain, request, domain)
             .ok()) {
  }
  go_on = true;
  searcher.join();
  stopper.join();
  EXPECT_THAT(status, RpcIsOk());
  EXPECT_THAT(search_response_.neighbors(), SizeIs(3));
}

TEST_F(GrpcServerTest, ACancelEndsASearchThatWaitsForTheProvider) {
  std::atomic<bool> cancelled = false;
  grpc::ClientContext context;
  embedder_->OnEmbed([&](const EmbedContext& embed_context) -> absl::Status {
    context.TryCancel();
    while (!embed_context.cancelled()) {
      std::this_thread::yield();
    }
    cancelled = true;
    return absl::CancelledError("embedding was cancelled");
  });
  v1::SearchResponse response;
  EXPECT_EQ(searches_->Search(&context, TextSearch("c1", "oak"), &response)
                .error_code(),
            grpc::StatusCode::CANCELLED);
  server_->ShutDown(absl::Seconds(30));
  EXPECT_TRUE(cancelled);
}

TEST_F(GrpcServerTest, TakesManyCallsAtOnce) {
  constexpr int kThreadCount = 8;
  constexpr int kRoundCount = 50;
  std::vector<std::jthread> threads;
  threads.reserve(kThreadCount);
  for (int i = 0; i < kThreadCount; ++i) {
    threads.emplace_back([this] {
      for (int round = 0; round < kRoundCount; ++round) {
        v1::SearchResponse response;
        EXPECT_THAT(Call(*searches_, &v1::SearchService::Stub::Search,
                         TextSearch("c1", "oak"), response),
                    RpcIsOk());
        EXPECT_THAT(response.neighbors(), SizeIs(3));
      }
    });
  }
}

TEST_F(GrpcServerTest, RefusesAnAddressThatIsTaken) {
  GrpcServerOptions options;
  options.address = absl::StrCat("127.0.0.1:", server_->port());
  options.engine = engine_.get();
  const absl::Status taken = GrpcServer::Start(options).status();
  EXPECT_THAT(taken, FailsWith(absl::StatusCode::kFailedPrecondition,
                               "ADDRESS_UNAVAILABLE"));
  EXPECT_EQ(taken.message(), absl::StrCat("cannot listen at ", options.address,
                                          ": Address already in use"));
  options.address = "nonsense";
  const absl::Status malformed = GrpcServer::Start(options).status();
  EXPECT_THAT(malformed, FailsWith(absl::StatusCode::kFailedPrecondition,
                                   "ADDRESS_UNAVAILABLE"));
  EXPECT_EQ(malformed.message(),
            "cannot listen at 'nonsense': there is no :PORT at its end");
}

class GrpcMetricsTest : public GrpcServerTest {
 protected:
  void Configure(GrpcServerOptions& options) override {
    options.metrics = &metrics_;
  }

  prometheus::Registry registry_;
  RequestMetrics metrics_{registry_};
};

TEST_F(GrpcMetricsTest, CountsCallsByMethodAndCode) {
  EXPECT_THAT(Search(TextSearch("c9", "oak")),
              RpcFailsWith(kNotFound, "COMMIT_NOT_FOUND"));
  server_->ShutDown(absl::Seconds(30));  // So that all are counted.
  const std::string text =
      prometheus::TextSerializer().Serialize(registry_.Collect());
  EXPECT_THAT(text, HasSubstr("copse.v1.SearchService/Search"));
  EXPECT_THAT(text, HasSubstr("copse.v1.CommitService/PushCommit"));
}

class StalledClientTest : public GrpcServerTest {
 protected:
  void Configure(GrpcServerOptions& options) override {
    options.stream_count_max = 1;
    options.write_timeout = absl::Milliseconds(100);
  }
};

TEST_F(StalledClientTest, LosesItsStreamToOthersThatRead) {
  // More than what waits in the buffers of a connection.
  std::map<std::string, std::string> documents;
  for (int i = 0; i < 24; ++i) {
    documents[absl::StrCat(i)] = std::string(1 << 20, 'x');
  }
  ASSERT_THAT(PushDocuments("big", "", documents).status, RpcIsOk());
  v1::ExportDocumentsRequest request;
  request.set_domain("admin/trees");
  request.mutable_at()->set_commit("big");
  request.mutable_document_mask()->set_text(true);
  grpc::ClientContext stalled_context;
  const auto stalled = searches_->ExportDocuments(&stalled_context, request);
  v1::ExportDocumentsResponse response;
  ASSERT_TRUE(stalled->Read(&response));

  // Waits for the only thread. From another connection, whose window is free.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto searches = v1::SearchService::NewStub(
      grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                grpc::InsecureChannelCredentials(), arguments));
  request.mutable_at()->set_commit("c1");
  grpc::ClientContext context;
  std::vector<v1::ExportDocumentsResponse> responses;
  EXPECT_THAT(ReadAll(searches->ExportDocuments(&context, request), responses),
              RpcIsOk());
  while (stalled->Read(&response)) {
  }
  EXPECT_FALSE(stalled->Finish().ok());
}

class OverloadTest : public GrpcServerTest {
 protected:
  void Configure(GrpcServerOptions& options) override {
    options.waiting_thread_count = 1;
    options.waiting_call_count_max = 0;
  }
};

TEST_F(OverloadTest, RefusesWhatItHasNoThreadFor) {
  std::atomic<bool> embedding = false;
  std::atomic<bool> go_on = false;
  embedder_->OnEmbed([&](const EmbedContext&) -> absl::Status {
    embedding = true;
    while (!go_on) {
      std::this_thread::yield();
    }
    return absl::OkStatus();
  });
  std::jthread searcher([&] {
    v1::SearchResponse response;
    EXPECT_THAT(Call(*searches_, &v1::SearchService::Stub::Search,
                     TextSearch("c1", "oak"), response),
                RpcIsOk());
  });
  while (!embedding) {
    std::this_thread::yield();
  }
  EXPECT_THAT(Search(TextSearch("c1", "oak")),
              RpcFailsWith(grpc::StatusCode::RESOURCE_EXHAUSTED, "OVERLOADED"));
  go_on = true;
}

}  // namespace
}  // namespace copse
