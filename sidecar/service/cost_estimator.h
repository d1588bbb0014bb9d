// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a push would cost, without doing it: which documents differ from the
// parent, which texts the embedding cache lacks, how many tokens they have and
// what those cost. Nothing is sent to the embedding provider, and nothing is
// written.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<CostEstimator> estimator,
//                          CostEstimator::Begin(services, options, context));
//   COPSE_RETURN_IF_ERROR(estimator->Add(UpsertOperation{document}));
//   COPSE_ASSIGN_OR_RETURN(CostEstimate estimate, estimator->Finish());
//
// Invariants:
//
// * The number of texts is what the push would ask for, unless two operations
//   are on one document: then both count. A text that comes twice counts once.
// * Tokens, with those of the prefix of the profile, are counted by the model's
//   tokenizer if the profile has its file. Else they are an estimate from bytes
//   (token_meter.h) at the ratio that the provider's own counts had since the
//   start; before any, one that is right for English on average, of which
//   Chinese, code and JSON have up to twice as many.
// * Memory: 16 bytes for each text that would be embedded, and a batch of them.

#ifndef COPSE_SIDECAR_SERVICE_COST_ESTIMATOR_H_
#define COPSE_SIDECAR_SERVICE_COST_ESTIMATOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/document_renderer.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/text_cutter.h"
#include "sidecar/text/token_counter.h"
#include "versioning/commit.h"
#include "versioning/commit_reader.h"
#include "versioning/embedding_cache.h"

namespace copse {

struct CostEstimate {
  int64_t operation_count = 0;
  int64_t unchanged_document_count = 0;
  int64_t changed_document_count = 0;  // Inserted or replaced.
  int64_t deleted_document_count = 0;
  int64_t failed_document_count = 0;  // What the database could not give,
                                      // or a template makes nothing of.
  int64_t text_count = 0;  // Chunks of the changed documents, each once.
  int64_t cache_hit_count = 0;
  int64_t token_count = 0;  // Of the texts that are not in the cache.

  std::string embedding_profile = {};  // Empty if the domain has none.
  std::string model = {};

  // US dollars. Unset if no price is known.
  std::optional<double> price_per_million_tokens = {};
  std::optional<double> cost = {};
};

// Returns what a million tokens cost at `profile`, in US dollars; nullopt if no
// price is known. The builtin embedder costs nothing.
std::optional<double> PriceOf(const EmbeddingProfileOptions& profile);

// Thread safety: one thread at a time.
class CostEstimator {
 public:
  // Makes no domain: one that `options` would create is estimated as if it
  // were there. Fails as PushSession::Begin(), but not for a commit that exists
  // or is in flight.
  static absl::StatusOr<std::unique_ptr<CostEstimator>> Begin(
      const PushServices& services, const PushOptions& options,
      const CallContext& context);

  // Fails as PushSession::Add() with what an operation may not be. A text that
  // no provider takes counts as a failed document, one that this provider
  // refuses does not.
  absl::Status Add(PushOperation operation);

  absl::StatusOr<CostEstimate> Finish();

  const CostEstimate& estimate() const { return estimate_; }

 private:
  using TextHash = std::array<std::byte, 16>;

  CostEstimator(const PushServices& services, const CallContext& context,
                DomainOptions domain, DocumentRenderer renderer,
                std::shared_ptr<const CommitReader> parent)
      : services_(services),
        context_(context),
        domain_(std::move(domain)),
        renderer_(std::move(renderer)),
        parent_(std::move(parent)) {}

  absl::Status AddUpsert(UpsertOperation& operation);
  absl::Status AddDelete(absl::string_view document_id);
  absl::Status AddText(absl::string_view text);
  absl::Status AddChunk(absl::string_view chunk);
  absl::Status AskCache();
  // Finds what cuts and embeds texts, once a text needs it.
  absl::Status PrepareEmbedder();
  double CountTokens(absl::string_view text) const;

  struct Pending {
    EmbeddingKey key = {};
    std::string text = {};
  };

  const PushServices services_;
  const CallContext context_;
  const DomainOptions domain_;
  const DocumentRenderer renderer_;
  const std::shared_ptr<const CommitReader> parent_;  // Null without one.
  std::shared_ptr<Embedder> embedder_;           // Null until a text needs it.
  std::optional<TextCutter> cutter_;             // The same.
  std::shared_ptr<const TokenCounter> counter_;  // Null to estimate.
  double prefix_token_count_ = 0;                // Of each text.
  CostEstimate estimate_;
  double token_count_ = 0;
  std::vector<Pending> pending_;
  size_t pending_size_bytes_ = 0;
  absl::flat_hash_set<TextHash> texts_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_COST_ESTIMATOR_H_
