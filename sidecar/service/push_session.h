// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A push, from its first operation to its commit.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<PushSession> session,
//                          PushSession::Begin(services, options, context,
//                                             on_progress));
//   COPSE_RETURN_IF_ERROR(session->Add(UpsertOperation{document}));
//   COPSE_RETURN_IF_ERROR(session->Add(DeleteOperation{"admin/7"}));
//   COPSE_ASSIGN_OR_RETURN(CommitInfo info, session->Finish());
//
// Invariants:
//
// * The commit is in flight from Begin() until Finish() has returned, an error
//   was returned, or the session is destroyed; then it is complete or free.
// * The last operation on a document decides, failed or not.
// * A document that the parent has with the same content is not embedded.
// * Memory: one batch (at most kBatchSizeBytesMax and one document more), the
//   failures (at most kFailureSizeBytesMax) and what CommitBuilder needs.
//
// Every error about an operation has its number, counted from 1, in message
// and metadata (`operation`).

#ifndef COPSE_SIDECAR_SERVICE_PUSH_SESSION_H_
#define COPSE_SIDECAR_SERVICE_PUSH_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedder.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/domain_embedders.h"
#include "sidecar/service/domain_manager.h"
#include "sidecar/service/push_operation.h"
#include "versioning/commit_builder.h"
#include "versioning/store.h"

namespace copse {

// What a push works with; all must outlive it.
struct PushServices {
  Store* store = nullptr;
  DomainManager* domains = nullptr;
  DomainEmbedders* embedders = nullptr;
};

// Thread safety: one thread at a time; different sessions are independent.
class PushSession {
 public:
  static constexpr size_t kBatchDocumentCountMax = 1024;
  static constexpr size_t kBatchSizeBytesMax = size_t{16} << 20;
  static constexpr size_t kFailureSizeBytesMax = size_t{64} << 20;
  static constexpr size_t kFailureMessageSizeBytesMax = 1024;

  // Told of progress from the thread that calls the session, at least once for
  // each batch and phase.
  using ProgressCallback = std::function<void(const PushProgress&)>;

  // Claims the commit, after creating the domain if the options say so. Fails
  // with the errors of DomainManager::GetOrCreate() and Store::BeginCommit().
  static absl::StatusOr<std::unique_ptr<PushSession>> Begin(
      const PushServices& services, const PushOptions& options,
      const CallContext& context, ProgressCallback on_progress = nullptr);

  ~PushSession();
  PushSession(const PushSession&) = delete;
  PushSession& operator=(const PushSession&) = delete;

  // Takes the next operation; embeds and writes a batch when it is full. After
  // an error every call returns it. Fails with
  //
  //   kInvalidArgument     the operation is malformed;
  //   kFailedPrecondition  a text, and no embedder for the domain;
  //   kUnavailable         the embedding provider is down;
  //   kResourceExhausted   the disk is full, DISK_FULL, or there are more
  //                        failures than can be kept, TOO_MANY_FAILURES;
  //   kCancelled           PUSH_ABORTED, the operation is an AbortOperation;
  //
  // and with what context.Check() returns.
  absl::Status Add(PushOperation operation);

  // Completes the commit. Fails with kInvalidArgument, OPERATION_COUNT_DIFFERS,
  // if `operation_count` is set and not the number of operations, and
  // DOCUMENTS_FAILED, if there are failures() which the options do not skip;
  // and with the errors of Add() and CommitBuilder::Commit().
  absl::StatusOr<CommitInfo> Finish(
      std::optional<int64_t> operation_count = std::nullopt);

  // Returns the documents that failed so far, ascending by operation number.
  std::vector<DocumentFailure> failures() const;

  const PushProgress& progress() const { return progress_; }
  const PushOptions& options() const { return options_; }

 private:
  struct Pending {
    Document document;
    int64_t operation_number = 0;
    bool superseded = false;  // By a later operation of the batch.
  };
  struct Failure {
    int64_t operation_number = 0;
    std::string message;
  };

  PushSession(const PushServices& services, const PushOptions& options,
              const CallContext& context, ProgressCallback on_progress,
              std::unique_ptr<CommitBuilder> builder);

  absl::Status Apply(PushOperation operation);
  absl::Status ApplyUpsert(Document document);
  absl::Status ApplyDelete(const std::string& document_id);
  absl::Status ApplyError(const ErrorOperation& operation);

  // Ends the session with `status`, which is returned, and frees the commit.
  absl::Status End(const absl::Status& status);

  // Forgets what earlier operations said about `document_id`, as far as the
  // builder does not know it yet. Returns whether a batch held it.
  bool Supersede(absl::string_view document_id);

  // Notes that a document failed and keeps its parent's version.
  absl::Status Fail(const std::string& document_id, int64_t operation_number,
                    absl::string_view message);
  void ForgetFailure(absl::string_view document_id);

  // Embeds and stages the batch.
  absl::Status Flush();
  absl::StatusOr<std::vector<EmbeddingOutcome>> EmbedTexts(
      const std::vector<absl::string_view>& texts);

  absl::Status FailuresError() const;
  CommitSummary MakeSummary() const;
  absl::Status EnterPhase(PushPhase phase);
  void ReportProgress();

  const PushServices services_;
  const PushOptions options_;
  const CallContext context_;
  const ProgressCallback on_progress_;

  std::unique_ptr<CommitBuilder> builder_;  // Null once the session has ended.
  std::shared_ptr<Embedder> embedder_;      // Null until a text needs it.
  absl::Status ended_;                      // Not OK once it ended in error.
  PushProgress progress_;

  std::vector<Pending> batch_;
  size_t batch_size_bytes_ = 0;
  // The position in batch_ of each ID that it holds.
  absl::flat_hash_map<std::string, size_t> positions_;

  absl::flat_hash_map<std::string, Failure> failures_;
  size_t failure_size_bytes_ = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_PUSH_SESSION_H_
