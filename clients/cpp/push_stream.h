// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Sends the operations of one commit in bounded memory.
//
//   PushStreamOptions options;
//   options.header.set_domain("admin/star_wars");
//   options.header.set_commit("9f31c07a");
//   std::unique_ptr<PushStream> push = client.PushCommit(std::move(options));
//   for (v1::Operation& operation : operations) {
//     COPSE_CLIENT_RETURN_IF_ERROR(push->Add(std::move(operation)));
//   }
//   COPSE_CLIENT_ASSIGN_OR_RETURN(v1::Commit commit, push->Finish());
//
// Operations are sent in batches of up to 512 or about 1 MiB, so that memory
// holds one batch and what the connection buffers; a server that cannot follow
// slows Add() down. A push that fits into one batch costs one round trip and no
// thread; a larger one has a thread that reads what the server says.
//
// Invariants: nothing of a push is visible before its commit is complete. A
// PushStream that is destroyed before it was accepted is dropped; one that was
// accepted goes on as a job of the server.

#ifndef COPSE_CLIENTS_CPP_PUSH_STREAM_H_
#define COPSE_CLIENTS_CPP_PUSH_STREAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {

namespace internal {
class PushConnection;
}  // namespace internal

// What becomes of the operations: a commit, an estimate of its cost, or vectors
// in the embedding cache.
enum class PushMode { kPush, kEstimate, kWarm };

struct PushStreamOptions {
  v1::PushCommitRequest::Header header;

  // Whether the header is sent at once and not with the first batch, so that
  // the commit is claimed, and an error is known, before there are operations.
  bool send_header_at_once = false;

  // Says which of Finish(), FinishEstimate() and FinishWarming() ends it.
  PushMode mode = PushMode::kPush;

  // Called with what the server says, by one thread at a time; possibly not
  // the one that calls Add().
  std::function<void(const v1::PushCommitResponse::Progress&)> on_progress;
  std::function<void(const v1::PushCommitResponse::Failures&)> on_failures;

  // Called with the ID of the job that the push has become: from then on it
  // goes on whatever happens here.
  std::function<void(const std::string& job_id)> on_accepted;
};

// Thread safety: one thread at a time, but Cancel() and has_ended() may be
// called from any.
class PushStream {
 public:
  // Made by Client::PushCommit(). `connection` is not null.
  PushStream(std::unique_ptr<internal::PushConnection> connection,
             PushStreamOptions options);
  ~PushStream();
  PushStream(const PushStream&) = delete;
  PushStream& operator=(const PushStream&) = delete;

  // Adds an operation. Fails with kInvalidArgument for one that takes more than
  // 64 MiB, and with the error of the server if it has refused the push.
  absl::Status Add(v1::Operation operation);

  // Sends what is waiting for its batch to be full.
  absl::Status Flush();

  // Sends the rest, and returns the commit when it is complete.
  absl::StatusOr<v1::Commit> Finish();

  // Sends the rest, and returns the ID of the job that warms the cache.
  absl::StatusOr<std::string> FinishWarming();

  // The same for what the push would cost.
  absl::StatusOr<v1::PushCommitResponse::Estimate> FinishEstimate();

  // Drops the push, unless it was accepted: later calls fail with kCancelled.
  void Cancel();

  // Whether the server has ended the push, so that the next call will say why.
  bool has_ended() const { return has_ended_; }

 private:
  // Sends `operations` as they are, the header first if that is still due.
  absl::Status Send(bool is_last);
  void StartReading();
  // Sends the rest, and waits for the end.
  absl::Status FinishSending();
  // Reads all that the server still says.
  void ReadToEnd();
  absl::Status End();

  const std::unique_ptr<internal::PushConnection> connection_;
  const PushStreamOptions options_;
  v1::PushCommitRequest batch_;
  size_t batch_size_bytes_ = 0;
  int64_t operation_count_ = 0;
  int64_t batch_count_ = 0;
  bool header_is_sent_ = false;
  bool is_over_ = false;
  std::atomic<bool> has_ended_ = false;

  // Written by the thread that reads, read after it was joined.
  std::optional<v1::Commit> commit_;
  std::optional<v1::PushCommitResponse::Estimate> estimate_;
  std::string job_id_;  // Empty before it is accepted.
  absl::Status status_;
  std::thread reader_;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CPP_PUSH_STREAM_H_
