// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/domain_embedders.h"

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_probe.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/service/call_context.h"
#include "versioning/commit.h"

namespace copse {
namespace {

// A query waits for a provider, so it is given up sooner than a push.
constexpr uint32_t kQueryAttemptCountMax = 2;

// Far more than profiles change while a daemon runs.
constexpr size_t kSameSpaceCountMax = 1024;

}  // namespace

absl::StatusOr<std::shared_ptr<Embedder>> DomainEmbedders::GetUnasked(
    const DomainOptions& domain) const {
  if (domain.embedding_profile.empty()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrFormat(
            "domain '%s' has no embedding profile, so a text has no vector: "
            "give a vector, or use a domain that was created with "
            "embedding_profile",
            domain.domain)),
        "EMBEDDING_PROFILE_NOT_FOUND",
        {{"domain", domain.domain}, {"setting", "embedding_profile"}});
  }
  return find_(domain.embedding_profile);
}

absl::StatusOr<std::shared_ptr<Embedder>> DomainEmbedders::Get(
    const DomainOptions& domain, const CallContext& context) {
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Embedder> embedder,
                         GetUnasked(domain));
  if (HashChunkedProfile(embedder->profile_hash(), domain.chunking) ==
      domain.profile_hash) {
    return embedder;
  }
  const HashPair pair(domain.profile_hash, embedder->profile_hash());
  {
    MutexLock lock(mutex_);
    if (same_space_.contains(pair)) {
      return embedder;
    }
  }
  const absl::Status checked =
      CheckProfile(*embedder, domain.profile_hash, domain.probe_vector,
                   ToEmbedContext(context));
  if (!checked.ok()) {
    return ToCallStatus(context, checked);
  }
  MutexLock lock(mutex_);
  if (same_space_.size() >= kSameSpaceCountMax) {
    same_space_.clear();
  }
  same_space_.insert(pair);
  return embedder;
}

void DomainEmbedders::EndPause(const DomainOptions& domain) const {
  const absl::StatusOr<std::shared_ptr<Embedder>> embedder = GetUnasked(domain);
  if (embedder.ok()) {
    (*embedder)->EndPause();
  }
}

absl::StatusOr<TextCutter> DomainEmbedders::MakeCutter(
    const DomainOptions& domain, const EmbeddingProfileOptions& profile) const {
  const Chunking& chunking = domain.chunking;
  if (chunking.mode == Chunking::Mode::kWhole) {
    return TextCutter(chunking, nullptr);
  }
  ProfileTokenizer tokenizer = tokenizers_.Find(profile, chunking.mode);
  if (tokenizer.name != chunking.tokenizer) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrFormat(
            "texts of domain '%s' are cut with tokenizer '%s', but embedding "
            "profile '%s' has '%s': set tokenizer_file of the profile as it "
            "was, or make another domain",
            domain.domain, chunking.tokenizer, profile.name, tokenizer.name)),
        "TOKENIZER_CHANGED",
        {{"domain", domain.domain},
         {"setting", "tokenizer_file"},
         {"profile", profile.name},
         {"found", tokenizer.name},
         {"wanted", chunking.tokenizer}});
  }
  return TextCutter(chunking, std::move(tokenizer.counter));
}

absl::StatusOr<std::vector<float>> DomainEmbedders::EmbedText(
    const DomainOptions& domain, absl::string_view text, EmbeddingRole role,
    const CallContext& context) {
  COPSE_ASSIGN_OR_RETURN(std::vector<EmbeddingOutcome> outcomes,
                         EmbedTexts(domain, {&text, 1}, role, context));
  return std::move(outcomes[0]);
}

absl::StatusOr<std::vector<EmbeddingOutcome>> DomainEmbedders::EmbedTexts(
    const DomainOptions& domain, std::span<const absl::string_view> texts,
    EmbeddingRole role, const CallContext& context) {
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Embedder> embedder,
                         Get(domain, context));
  EmbedContext embed_context = ToEmbedContext(context);
  embed_context.attempt_count_max = kQueryAttemptCountMax;
  absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes =
      embedder->Embed(texts, role, embed_context);
  if (!outcomes.ok()) {
    return ToCallStatus(context, outcomes.status());
  }
  COPSE_CHECK(outcomes->size() == texts.size());
  return outcomes;
}

}  // namespace copse
