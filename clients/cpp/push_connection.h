// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The gRPC side of a push, apart from push_stream.h so that callers of the
// client need not compile gRPC.

#ifndef COPSE_CLIENTS_CPP_PUSH_CONNECTION_H_
#define COPSE_CLIENTS_CPP_PUSH_CONNECTION_H_

#include <memory>

#include "grpcpp/grpcpp.h"

#include "clients/cpp/push_stream.h"
#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/commit_service.pb.h"

namespace copse::internal {

// Thread safety: one thread may read while another writes; cancelling is free.
class PushConnection {
 public:
  PushConnection(v1::CommitService::Stub& stub, PushMode mode) {
    // The header waits for the first batch unless a message is sent at once.
    context_.set_initial_metadata_corked(true);
    stream_ = mode == PushMode::kEstimate ? stub.EstimateIndexCost(&context_)
              : mode == PushMode::kWarm   ? stub.WarmEmbeddings(&context_)
                                          : stub.PushCommit(&context_);
  }

  // Returns false if the server has ended the stream.
  bool Write(const v1::PushCommitRequest& request, bool is_more_coming) {
    grpc::WriteOptions options;
    if (is_more_coming) {
      options.set_buffer_hint();
    }
    return stream_->Write(request, options);
  }
  bool WriteLast(const v1::PushCommitRequest& request) {
    return stream_->Write(request, grpc::WriteOptions().set_last_message());
  }
  bool Read(v1::PushCommitResponse& response) {
    return stream_->Read(&response);
  }
  grpc::Status Finish() { return stream_->Finish(); }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::PushCommitRequest, v1::PushCommitResponse>>
      stream_;
};

}  // namespace copse::internal

#endif  // COPSE_CLIENTS_CPP_PUSH_CONNECTION_H_
