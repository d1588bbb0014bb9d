// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/cost_estimator.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/embedding/caching_embedder.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/embedding/text_check.h"
#include "sidecar/embedding/token_meter.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/document_renderer.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/push_session.h"
#include "sidecar/service/text_cutter.h"
#include "versioning/commit.h"
#include "versioning/commit_reader.h"
#include "versioning/document.h"
#include "versioning/embedding_cache.h"
#include "versioning/store.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

// Keys that the cache is asked for at once; it answers with their vectors.
constexpr size_t kAskedKeyCount = 256;

// Texts that wait for that, at most one more than so many bytes.
constexpr size_t kPendingSizeBytesMax = size_t{1} << 20;

constexpr double kMillion = 1e6;

// Returns the parent of a push, or null if it has none.
absl::StatusOr<std::shared_ptr<const CommitReader>> OpenParent(
    Store& store, const CommitOptions& commit) {
  if (commit.parent_commit.empty()) {
    return std::shared_ptr<const CommitReader>();
  }
  absl::StatusOr<std::shared_ptr<const CommitReader>> parent =
      store.OpenCommit(commit.domain, commit.parent_commit);
  return absl::IsNotFound(parent.status())
             ? ParentCommitNotFoundError(commit.domain, commit.commit,
                                         commit.parent_commit)
             : parent;
}

}  // namespace

std::optional<double> PriceOf(const EmbeddingProfileOptions& profile) {
  return !profile.price_per_million_tokens.has_value() &&
                 profile.dialect == EmbeddingDialect::kBuiltin
             ? 0.0
             : profile.price_per_million_tokens;
}

absl::StatusOr<std::unique_ptr<CostEstimator>> CostEstimator::Begin(
    const PushServices& services, const PushOptions& options,
    const CallContext& context) {
  COPSE_RETURN_IF_ERROR(context.Check());
  COPSE_RETURN_IF_ERROR(CheckPushOptions(options));
  const CommitOptions& commit = options.commit;
  DomainOptions domain;
  if (options.create_domain.has_value()) {
    COPSE_ASSIGN_OR_RETURN(domain, services.domains->GetOrPlan(
                                       commit.domain, *options.create_domain));
  } else {
    COPSE_ASSIGN_OR_RETURN(DomainInfo info,
                           services.store->GetDomain(commit.domain));
    domain = std::move(info.options);
  }
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<const CommitReader> parent,
                         OpenParent(*services.store, commit));
  COPSE_ASSIGN_OR_RETURN(DocumentRenderer renderer,
                         DocumentRenderer::Make(domain));
  return std::unique_ptr<CostEstimator>(
      new CostEstimator(services, context, std::move(domain),
                        std::move(renderer), std::move(parent)));
}

absl::Status CostEstimator::Add(PushOperation operation) {
  COPSE_RETURN_IF_ERROR(context_.Check());
  ++estimate_.operation_count;
  COPSE_RETURN_IF_ERROR(
      CheckPushOperation(operation, domain_, estimate_.operation_count));
  if (auto* upsert = std::get_if<UpsertOperation>(&operation)) {
    return AddUpsert(*upsert);
  }
  if (const auto* erase = std::get_if<DeleteOperation>(&operation)) {
    return AddDelete(erase->document_id);
  }
  ++estimate_.failed_document_count;
  return absl::OkStatus();
}

absl::Status CostEstimator::AddUpsert(UpsertOperation& operation) {
  const Document& document = operation.document;
  const bool is_rendered = renderer_.Render(operation).ok();
  const bool has_text = document.text.has_value() && !document.text->empty();
  if (!is_rendered || (!document.vector.has_value() && !has_text)) {
    ++estimate_.failed_document_count;
    return absl::OkStatus();
  }
  if (parent_ != nullptr) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<StoredDocument> stored,
                           parent_->GetDocument(document.id, {}));
    if (stored.has_value() && stored->content_hash == HashContent(document)) {
      ++estimate_.unchanged_document_count;
      return absl::OkStatus();
    }
  }
  if (!document.vector.has_value()) {
    return AddText(*document.text);
  }
  ++estimate_.changed_document_count;
  return absl::OkStatus();
}

absl::Status CostEstimator::AddDelete(absl::string_view document_id) {
  if (parent_ == nullptr) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(const std::optional<StoredDocument> stored,
                         parent_->GetDocument(document_id, {}));
  estimate_.deleted_document_count += stored.has_value() ? 1 : 0;
  return absl::OkStatus();
}

absl::Status CostEstimator::PrepareEmbedder() {
  if (embedder_ != nullptr) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Embedder> embedder,
                         services_.embedders->GetUnasked(domain_));
  COPSE_ASSIGN_OR_RETURN(TextCutter cutter, services_.embedders->MakeCutter(
                                                domain_, embedder->profile()));
  cutter_.emplace(std::move(cutter));
  embedder_ = std::move(embedder);
  counter_ = services_.embedders->FindExactCounter(embedder_->profile());
  const absl::string_view prefix =
      PrefixOf(embedder_->profile(), EmbeddingRole::kDocument);
  prefix_token_count_ = prefix.empty() ? 0 : CountTokens(prefix);
  return absl::OkStatus();
}

double CostEstimator::CountTokens(absl::string_view text) const {
  if (counter_ != nullptr) {
    const absl::StatusOr<int64_t> count = counter_->Count(text);
    if (count.ok()) {
      return static_cast<double>(*count);
    }
  }
  return EstimateTokenCount(text) * embedder_->typical_token_ratio();
}

absl::Status CostEstimator::AddText(absl::string_view text) {
  COPSE_RETURN_IF_ERROR(PrepareEmbedder());
  const absl::StatusOr<std::vector<ChunkPlace>> places = cutter_->Cut(text);
  if (!places.ok() || !CheckText(text).ok()) {
    ++estimate_.failed_document_count;
    return absl::OkStatus();
  }
  ++estimate_.changed_document_count;
  if (places->empty()) {
    return AddChunk(text);
  }
  for (const ChunkPlace& place : *places) {
    COPSE_RETURN_IF_ERROR(AddChunk(TextAt(text, place)));
  }
  return absl::OkStatus();
}

absl::Status CostEstimator::AddChunk(absl::string_view chunk) {
  Pending pending;
  pending.key = MakeEmbeddingKey(embedder_->profile_hash(),
                                 EmbeddingRole::kDocument, chunk);
  TextHash hash;
  std::copy_n(pending.key.begin(), hash.size(), hash.begin());
  if (!texts_.insert(hash).second) {
    return absl::OkStatus();
  }
  ++estimate_.text_count;
  pending.text = std::string(chunk);
  pending_size_bytes_ += chunk.size();
  pending_.push_back(std::move(pending));
  return pending_.size() < kAskedKeyCount &&
                 pending_size_bytes_ <= kPendingSizeBytesMax
             ? absl::OkStatus()
             : AskCache();
}

absl::Status CostEstimator::AskCache() {
  std::vector<EmbeddingKey> keys;
  keys.reserve(pending_.size());
  for (const Pending& pending : pending_) {
    keys.push_back(pending.key);
  }
  COPSE_ASSIGN_OR_RETURN(const auto vectors,
                         services_.store->embedding_cache().Get(keys));
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (vectors[i].has_value()) {
      ++estimate_.cache_hit_count;
    } else {
      token_count_ += prefix_token_count_ + CountTokens(pending_[i].text);
    }
  }
  pending_.clear();
  pending_size_bytes_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<CostEstimate> CostEstimator::Finish() {
  COPSE_RETURN_IF_ERROR(AskCache());
  estimate_.token_count = std::llround(token_count_);
  estimate_.embedding_profile = domain_.embedding_profile;
  if (embedder_ != nullptr) {
    estimate_.model = embedder_->profile().model;
    estimate_.price_per_million_tokens = PriceOf(embedder_->profile());
  }
  if (estimate_.price_per_million_tokens.has_value()) {
    estimate_.cost = static_cast<double>(estimate_.token_count) *
                     *estimate_.price_per_million_tokens / kMillion;
  }
  return estimate_;
}

}  // namespace copse
