// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A PushCommit, EstimateIndexCost or WarmEmbeddings call: operations in,
// progress out, both at the same time.
//
// The call runs on a thread of its own, which reads a message, hands its
// operations to a PushSession and reads the next one only then: a client that
// sends faster than texts are embedded fills gRPC's window and has to wait, and
// the server holds one message and one batch, however long the push is.
//
// Progress never waits for the client: while one is on its way, the next is
// left out. Only what must arrive, failures and the commit, is waited for.
//
// A push that the client cancels or leaves, or whose server shuts down, ends
// and frees its commit, until it is accepted: from then on it is a job, and
// this only tells of it.

#ifndef COPSE_SIDECAR_GRPC_PUSH_CALL_H_
#define COPSE_SIDECAR_GRPC_PUSH_CALL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "copse/v1/commit_service.pb.h"
#include "index/util/mutex.h"
#include "sidecar/grpc/call.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/cost_estimator.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_intake.h"
#include "sidecar/service/push_operation.h"

namespace copse {

// Deletes itself when gRPC has done with it.
//
// Thread safety: gRPC's threads call the On...() functions while one thread of
// an executor runs Run().
class PushCall final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // Whether the push is done, only its cost estimated, or only its texts
  // embedded for the cache.
  enum class Mode { kPush, kEstimate, kWarm };

  // Starts the call on start.executor, or ends it at once if that is full
  // (kResourceExhausted, PUSHES_IN_FLIGHT).
  static PushCall* Start(const CallStart& start, Mode mode = Mode::kPush);

  // Makes the push end with kUnavailable, SHUTTING_DOWN.
  void ShutDown() ABSL_LOCKS_EXCLUDED(mutex_);

  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnDone() override;

 private:
  PushCall(const CallStart& start, Mode mode);

  // Does the push and ends the call.
  void Run();
  absl::Status Serve();

  // Begins what takes the operations.
  absl::Status Begin(const PushOptions& options);
  absl::Status Add(PushOperation operation);
  // Makes the push a job, and tells of it; of a warming no more than its ID.
  absl::Status AcceptAndRelay(std::optional<int64_t> operation_count)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Tells what the push would cost.
  absl::Status WriteEstimate(std::optional<int64_t> operation_count);

  // What was received so far.
  PushProgress progress() const;

  // Takes the messages between the header and `finish`, which is returned.
  absl::StatusOr<v1::PushCommitRequest::Finish> TakeOperations();
  absl::Status AddOperations(v1::PushCommitRequest::Operations& operations);

  // Tells of the job until it or the call ends.
  absl::Status Relay(Job& job) ABSL_LOCKS_EXCLUDED(mutex_);
  // Tells how it ended.
  absl::Status WriteOutcome(Job& job);

  // Nothing of this may be used afterwards.
  void End(const absl::Status& status);

  // Reads the next message; nullopt if the client sends no more.
  absl::StatusOr<std::optional<v1::PushCommitRequest>> Read()
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Sends `response` as soon as what was sent before is on its way.
  absl::Status Write(const v1::PushCommitResponse& response)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Sends `progress` unless something is on its way, or nothing new is to tell.
  void TryWriteProgress(const PushProgress& progress)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status WriteFailures(const std::vector<DocumentFailure>& failures);
  absl::Status WaitForWrite() ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns whether nothing is on its way any more.
  bool WaitForWriteUntil(absl::Time time) ABSL_LOCKS_EXCLUDED(mutex_);

  // Makes whatever waits look again.
  void NotifyLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // OK, or why the push must end.
  absl::Status Interruption() const ABSL_LOCKS_EXCLUDED(mutex_);

  const RpcEnvironment& environment_;
  grpc::CallbackServerContext& server_context_;  // gRPC's, until OnDone().
  CallRecord record_;
  CallContext context_;
  const Mode mode_;
  std::unique_ptr<JobIntake> intake_;         // Null before the header.
  std::unique_ptr<CostEstimator> estimator_;  // In place of intake_.
  absl::Time progress_time_ = absl::InfinitePast();
  std::optional<PushPhase> progress_phase_;

  grpc::ByteBuffer read_buffer_;   // Of the read that is under way.
  grpc::ByteBuffer write_buffer_;  // Of the write that is under way.

  mutable Mutex mutex_;
  CondVar changed_;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_ok_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Job> job_ ABSL_GUARDED_BY(mutex_);  // Null before.
};

// The pushes that are under way, so that the end of the server can reach them.
//
// Thread safety: any number of threads may use one PushCallSet.
class PushCallSet {
 public:
  void Add(PushCall* call) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(PushCall* call) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends all pushes, and from now on those that begin.
  void ShutDown() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<PushCall*> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_PUSH_CALL_H_
