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
// * The text of a document is what the templates of the domain make of it; all
//   that follows is about that text.
// * A document that the parent has with the same content is not embedded.
// * Batches are embedded in the background, as many as it takes to use all the
//   requests that the profile allows at a time, and written in their order.
// * A document is embedded whole, or all its chunks are.
// * Memory: the batches that wait (at most kWaitingSizeBytesMax and one batch
//   of kBatchSizeBytesMax and a document more) with their vectors, of
//   kPartChunkCountMax chunks and those of a document more in each, the
//   failures (at most kFailureSizeBytesMax) and what CommitBuilder needs.
//
// Every error about an operation has its number, counted from 1, in message
// and metadata (`operation`).

#ifndef COPSE_SIDECAR_SERVICE_PUSH_SESSION_H_
#define COPSE_SIDECAR_SERVICE_PUSH_SESSION_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/embedding/embedder.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/document_renderer.h"
#include "sidecar/service/domain_embedders.h"
#include "sidecar/service/domain_manager.h"
#include "sidecar/service/embedding_task.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/text_cutter.h"
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
  static constexpr size_t kWaitingSizeBytesMax = size_t{48} << 20;

  // Chunks that are embedded together, or those of one document more.
  static constexpr size_t kPartChunkCountMax = 2048;
  static constexpr size_t kFailureSizeBytesMax = size_t{64} << 20;
  static constexpr size_t kFailureMessageSizeBytesMax = 1024;

  // Told of progress from the thread that calls the session, at least once for
  // each batch and phase.
  using ProgressCallback = std::function<void(const PushProgress&)>;

  // Claims the commit, unless the caller has `claim` of it, after creating the
  // domain if the options say so. Fails with the errors of
  // DomainManager::GetOrCreate() and Store::BeginCommit().
  static absl::StatusOr<std::unique_ptr<PushSession>> Begin(
      const PushServices& services, const PushOptions& options,
      const CallContext& context, ProgressCallback on_progress = nullptr,
      std::shared_ptr<CommitClaim> claim = nullptr);

  // The same for a builder that the caller has: of its domain, and of no push.
  PushSession(const PushServices& services,
              std::unique_ptr<CommitBuilder> builder,
              const CallContext& context, ProgressCallback on_progress);

  ~PushSession();
  PushSession(const PushSession&) = delete;
  PushSession& operator=(const PushSession&) = delete;

  // Takes the next operation; begins to embed a batch when it is full, and
  // writes those that are done. After an error every call returns it. Fails,
  // perhaps some batches later, with
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
  // `make_job_record` is that of CommitSummary.
  absl::StatusOr<CommitInfo> Finish(
      std::optional<int64_t> operation_count = std::nullopt,
      std::function<StoredJob()> make_job_record = nullptr);

  // From now on nothing is embedded: when a batch is full, is_full() says so,
  // and nothing more may be added before MoveTo().
  void HoldBack() { is_held_back_ = true; }
  bool is_full() const { return is_held_back_ && IsBatchFull(); }

  // Hands the session over: from now on it embeds again, ends when `context`
  // says, and reports to `on_progress`.
  void MoveTo(CallContext context, ProgressCallback on_progress);

  // Returns the documents that failed so far, ascending by operation number.
  std::vector<DocumentFailure> failures() const;

  const PushProgress& progress() const { return progress_; }
  const PushOptions& options() const { return options_; }

 private:
  struct Pending {
    Document document;
    int64_t operation_number = 0;
    bool superseded = false;  // By a later operation.

    // Set when its batch starts.
    std::vector<ChunkPlace> places = {};  // None: the document is one chunk.
    absl::Status cut_status = {};         // Why its text cannot be cut.
    size_t text_index = 0;  // Of its first chunk, among those of the task.
    size_t clustering_index = 0;  // The same of the clustering task.

    bool has_text() const { return !document.vector.has_value(); }
    size_t chunk_count() const { return std::max<size_t>(places.size(), 1); }
  };
  struct Batch {
    std::vector<Pending> documents;
    size_t size_bytes = 0;
    std::unique_ptr<EmbeddingTask> task;  // Null if nothing is to be embedded.

    // Of the first chunks, in the role of clustering; null if none are wanted.
    std::unique_ptr<EmbeddingTask> clustering_task;

    // How many chunks of the task are done when another document is; ascending.
    std::vector<size_t> text_ends;

    // Documents whose chunks are embedded.
    int64_t done_count() const;

    // Whether it can be written without waiting.
    bool HasLanded() const {
      return (task == nullptr || task->WaitFor(absl::ZeroDuration())) &&
             (clustering_task == nullptr ||
              clustering_task->WaitFor(absl::ZeroDuration()));
    }
  };

  // A document and what its chunks came to.
  struct Embedding {
    const Pending* pending = nullptr;
    std::vector<ChunkPlace> places = {};  // None: the document is one chunk.
    std::vector<EmbeddingOutcome> outcomes = {};  // None: a ready vector.
    std::vector<float> clustering_vector = {};    // Empty for none.

    bool has_text() const { return pending->has_text(); }
    size_t chunk_count() const { return std::max<size_t>(places.size(), 1); }

    // Returns why there is a chunk without a vector.
    absl::Status status() const;
  };

  // Where a document waits.
  struct Place {
    Batch* batch = nullptr;
    size_t index = 0;
  };

  struct Failure {
    int64_t operation_number = 0;
    std::string message;
  };

  PushSession(const PushServices& services, const PushOptions& options,
              const CallContext& context, ProgressCallback on_progress,
              std::unique_ptr<CommitBuilder> builder,
              DocumentRenderer renderer);

  absl::Status Apply(PushOperation operation);
  absl::Status ApplyUpsert(UpsertOperation operation);
  absl::Status ApplyDelete(const std::string& document_id);
  absl::Status ApplyError(const ErrorOperation& operation);

  bool IsBatchFull() const {
    return batch_->documents.size() >= kBatchDocumentCountMax ||
           batch_->size_bytes >= kBatchSizeBytesMax;
  }

  // Ends the session with `status`, which is returned, and frees the commit.
  absl::Status End(const absl::Status& status);

  // Forgets what earlier operations said about `document_id`, as far as the
  // builder does not know it yet. Returns whether a batch held it.
  bool Supersede(absl::string_view document_id);

  // Notes that a document failed and keeps its parent's version.
  absl::Status Fail(const std::string& document_id, int64_t operation_number,
                    absl::string_view message);
  void ForgetFailure(absl::string_view document_id);

  static absl::string_view ChunkText(const Document& document,
                                     std::span<const ChunkPlace> places,
                                     size_t chunk);

  // Cuts the texts of the batch that is being filled and starts it, in parts if
  // it has too many chunks.
  absl::Status Launch();
  absl::Status Cut(Pending& pending);

  // Finds the embedder of the domain, for the first text.
  absl::Status PrepareEmbedder();

  // Begins to embed a batch, and writes as many as are too many to wait.
  absl::Status Start(std::unique_ptr<Batch> batch);

  // How many batches may be embedded at the same time.
  size_t WaitingCountMax() const;

  // Waits for the vectors of the oldest batch and writes it.
  absl::Status Land();
  absl::StatusOr<std::vector<EmbeddingOutcome>> AwaitOutcomes(Batch& batch);
  absl::StatusOr<std::vector<EmbeddingOutcome>> AwaitClustering(Batch& batch);
  absl::Status Write(const Batch& batch, std::vector<EmbeddingOutcome> outcomes,
                     std::vector<EmbeddingOutcome> clustering);

  // The vector of `pending` in the role of clustering; empty if it has none.
  std::vector<float> ClusteringVectorOf(
      const Pending& pending, const Embedding& embedding,
      std::vector<EmbeddingOutcome>& clustering) const;
  bool stores_clustering() const {
    return options_.store_clustering ||
           builder_->domain_options().stores_clustering;
  }

  // Cuts chunks that the provider refuses in halves and embeds these, until all
  // have vectors or kHalvingCountMax is reached.
  absl::Status HalveRefused(Embedding& embedding);
  absl::StatusOr<std::vector<EmbeddingOutcome>> EmbedTexts(
      const std::vector<absl::string_view>& texts);
  absl::Status Stage(std::span<const Embedding> embeddings);

  void AddCosts(const EmbedStatistics& statistics);
  void ReportEmbedded();

  absl::Status FailuresError() const;
  CommitSummary MakeSummary() const;
  absl::Status EnterPhase(PushPhase phase);
  void ReportProgress();

  const PushServices services_;
  const PushOptions options_;
  const DocumentRenderer renderer_;
  CallContext context_;
  ProgressCallback on_progress_;

  std::unique_ptr<CommitBuilder> builder_;  // Null once the session has ended.
  std::shared_ptr<Embedder> embedder_;      // Null until a text needs it.
  std::optional<TextCutter> cutter_;        // Set with embedder_.
  absl::Status ended_;                      // Not OK once it ended in error.
  bool is_held_back_ = false;
  PushProgress progress_;

  std::unique_ptr<Batch> batch_ = std::make_unique<Batch>();  // To be filled.
  std::deque<std::unique_ptr<Batch>> waiting_;  // For vectors, oldest first.
  size_t waiting_size_bytes_ = 0;
  // Where each ID is that waits.
  absl::flat_hash_map<std::string, Place> places_;
  int64_t embedded_count_ = 0;  // Of the batches that are written.

  absl::flat_hash_map<std::string, Failure> failures_;
  size_t failure_size_bytes_ = 0;
};

// Returns the error that PushSession has of operation `operation_number`,
// counted from 1, whatever came before it; if it has one.
absl::Status CheckPushOperation(const PushOperation& operation,
                                const DomainOptions& domain,
                                int64_t operation_number);

// Returns OPERATION_COUNT_DIFFERS if `announced` is set and not `arrived`.
absl::Status CheckPushOperationCount(std::optional<int64_t> announced,
                                     int64_t arrived);

// Checks what `options` say apart from names of commits and branches.
absl::Status CheckPushOptions(const PushOptions& options);

// Creates the domain of a push, if the options say so, after checking what
// could fail without it.
absl::Status CreatePushDomain(const PushServices& services,
                              const PushOptions& options,
                              const CallContext& context);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_PUSH_SESSION_H_
