// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A warming: fills the embedding cache with what a push of the same operations
// would embed, as a job, and makes no commit.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<WarmIntake> intake,
//                          WarmIntake::Begin(services, runner, "books",
//                                            context));
//   COPSE_RETURN_IF_ERROR(intake->Add(UpsertOperation{document}));
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Job> job, intake->Accept(count));
//
// Invariants:
//
// * The texts are made by templates and cut as a push would, and refused ones
//   halved.
// * A text that fails alone is a failure of its document, and the job goes on;
//   a provider that fails ends or delays the job. What was embedded stays.
// * Memory: 8 MiB of texts, or one document, and their vectors.

#ifndef COPSE_SIDECAR_SERVICE_WARM_JOB_H_
#define COPSE_SIDECAR_SERVICE_WARM_JOB_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedder.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/document_renderer.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_intake.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/push_spool.h"
#include "sidecar/service/text_cutter.h"
#include "versioning/document.h"
#include "versioning/job_record.h"
#include "versioning/store.h"

namespace copse {

// Thread safety: one thread at a time.
class WarmIntake final : public JobIntake {
 public:
  // `runner` must outlive this. Fails with kNotFound, DOMAIN_NOT_FOUND, the
  // errors of DomainEmbedders::Get(), and kFailedPrecondition,
  // EMBEDDINGS_NOT_CACHED, for a domain of the builtin embedder.
  static absl::StatusOr<std::unique_ptr<WarmIntake>> Begin(
      const PushServices& services, JobRunner& runner, absl::string_view domain,
      const CallContext& context);

  absl::Status Add(PushOperation operation) override;
  absl::StatusOr<std::shared_ptr<Job>> Accept(
      std::optional<int64_t> operation_count) override;
  const PushProgress& progress() const override { return progress_; }

 private:
  WarmIntake(const PushServices& services, JobRunner& runner,
             const CallContext& context, DomainInfo domain);

  const PushServices services_;
  JobRunner& runner_;
  const CallContext context_;
  const DomainInfo domain_;
  const JobId job_id_;
  PushSpoolWriter spool_;
  PushProgress progress_;
};

// Embeds the texts of documents for the sake of the cache before the embedder.
//
// Thread safety: one thread at a time.
class TextWarmer {
 public:
  // `job` and `context` must outlive this.
  TextWarmer(std::shared_ptr<Embedder> embedder, TextCutter cutter,
             DocumentRenderer renderer, Job& job, const CallContext& context);

  // Takes the text of a document, if it has one and no vector.
  absl::Status Add(UpsertOperation operation, int64_t operation_number);

  // Embeds what is left, and tells the job which documents failed.
  absl::Status Finish();

 private:
  // A document that waits; its failure, if it has one, is told once.
  struct Pending {
    std::string document_id;
    std::string text;
    std::vector<ChunkPlace> places = {};  // At least one.
    int64_t operation_number = 0;
  };

  absl::Status EmbedPending();
  absl::StatusOr<std::vector<EmbeddingOutcome>> EmbedTexts(
      const std::vector<absl::string_view>& texts);
  // `outcomes` are those of the chunks of `document`, of which some may have to
  // be cut in halves.
  absl::Status Settle(const Pending& document,
                      std::vector<EmbeddingOutcome> outcomes);
  void Fail(const Pending& document, absl::string_view message);
  void Report();

  const std::shared_ptr<Embedder> embedder_;
  const TextCutter cutter_;
  const DocumentRenderer renderer_;
  Job& job_;
  const CallContext& context_;
  std::vector<Pending> pending_;
  size_t chunk_count_ = 0;  // Of pending_.
  size_t pending_size_bytes_ = 0;
  JobProgress progress_;
  std::vector<JobFailure> failures_;
  size_t failures_size_bytes_ = 0;
};

// Thread safety: any number of threads may use one WarmJobHandler.
class WarmJobHandler final : public JobHandler {
 public:
  explicit WarmJobHandler(const PushServices& services) : services_(services) {}

  AfterRestart after_restart() const override {
    return AfterRestart::kRunAgain;
  }
  absl::StatusOr<std::unique_ptr<JobWork>> Prepare(
      const JobId& id, const JobRecord& record) override;
  void BeforeResume(const JobRecord& record) override;
  void Discard(const JobId& id) override;

 private:
  const PushServices services_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_WARM_JOB_H_
