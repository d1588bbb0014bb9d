// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the gRPC methods begin with: a server with a domain of two
// commits, and short forms of calls.

#ifndef COPSE_SIDECAR_GRPC_TESTING_TREES_FIXTURE_H_
#define COPSE_SIDECAR_GRPC_TESTING_TREES_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "grpcpp/support/sync_stream.h"
#include "gtest/gtest.h"

#include "copse/v1/commit_service.pb.h"
#include "copse/v1/search_service.grpc.pb.h"
#include "sidecar/grpc/testing/grpc_fixture.h"

namespace copse {

inline constexpr auto kNotFound = grpc::StatusCode::NOT_FOUND;
inline constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;

// Commits c1 (a: oak oak, b: oak elm, c: rose; branch main) and c2, its child
// (a: tulip, b: oak elm).
class TreesTest : public GrpcTest {
 protected:
  void SetUp() override {
    GrpcTest::SetUp();
    ASSERT_THAT(PushDocuments(
                    "c1", "",
                    {{"a", "oak oak"}, {"b", "oak elm"}, {"c", "rose"}}, "main")
                    .status,
                RpcIsOk());
    v1::PushCommitRequest operations;
    AddInsert("a", "tulip", operations);
    operations.mutable_operations()->add_operations()->set_delete_document_id(
        "c");
    ASSERT_THAT(
        PushRequests({Header("c2", "c1"), operations, FinishRequest()}).status,
        RpcIsOk());
  }

  // Calls a method of one response.
  template <typename Stub, typename Request, typename Response>
  static grpc::Status Call(Stub& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                        const Request&,
                                                        Response*),
                           const Request& request, Response& response) {
    grpc::ClientContext context;
    response.Clear();
    return (stub.*method)(&context, request, &response);
  }

  static v1::SearchRequest TextSearch(absl::string_view commit,
                                      absl::string_view text) {
    v1::SearchRequest request;
    request.set_domain("admin/trees");
    request.mutable_at()->set_commit(std::string(commit));
    request.set_text(std::string(text));
    return request;
  }

  grpc::Status Search(const v1::SearchRequest& request) {
    return Call(*searches_, &v1::SearchService::Stub::Search, request,
                search_response_);
  }

  static std::vector<std::string> IdsOf(
      const google::protobuf::RepeatedPtrField<v1::Neighbor>& neighbors) {
    std::vector<std::string> ids;
    for (const v1::Neighbor& neighbor : neighbors) {
      ids.push_back(neighbor.document().document_id());
    }
    return ids;
  }

  // Reads a stream to its end.
  template <typename Response>
  static grpc::Status ReadAll(
      std::unique_ptr<grpc::ClientReader<Response>> stream,
      std::vector<Response>& responses) {
    Response response;
    while (stream->Read(&response)) {
      responses.push_back(response);
    }
    return stream->Finish();
  }

  v1::SearchResponse search_response_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_TESTING_TREES_FIXTURE_H_
