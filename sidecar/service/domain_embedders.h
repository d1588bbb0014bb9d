// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds the embedder of a domain and makes sure that it still makes vectors of
// the space that the domain's rows live in.

#ifndef COPSE_SIDECAR_SERVICE_DOMAIN_EMBEDDERS_H_
#define COPSE_SIDECAR_SERVICE_DOMAIN_EMBEDDERS_H_

#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/text_cutter.h"
#include "sidecar/text/token_counter.h"
#include "versioning/commit.h"

namespace copse {

// Returns the embedder of a profile; "" means the default profile. Fails with
// kFailedPrecondition, EMBEDDING_PROFILE_NOT_FOUND. In the daemon it is
// EmbedderRegistry::Get().
using EmbedderFinder =
    std::function<absl::StatusOr<std::shared_ptr<Embedder>>(absl::string_view)>;

// Thread safety: any number of threads may use one DomainEmbedders.
class DomainEmbedders {
 public:
  explicit DomainEmbedders(EmbedderFinder find,
                           Tokenizers tokenizers = Tokenizers())
      : find_(std::move(find)), tokenizers_(std::move(tokenizers)) {}
  DomainEmbedders(const DomainEmbedders&) = delete;
  DomainEmbedders& operator=(const DomainEmbedders&) = delete;

  // Returns the embedder of the profile `name`; "" means the default.
  absl::StatusOr<std::shared_ptr<Embedder>> Find(absl::string_view name) const {
    return find_(name);
  }

  // Returns the embedder for the texts of `domain`. Fails with
  // kFailedPrecondition: EMBEDDING_PROFILE_NOT_FOUND, if the domain has no
  // profile or the server has no such profile, and EMBEDDING_PROFILE_CHANGED,
  // if the profile makes other vectors than those in the domain. Asks the
  // provider once for each change of a profile that keeps its space.
  absl::StatusOr<std::shared_ptr<Embedder>> Get(const DomainOptions& domain,
                                                const CallContext& context)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The same without asking the provider: a profile that was changed is taken
  // for one that keeps its space.
  absl::StatusOr<std::shared_ptr<Embedder>> GetUnasked(
      const DomainOptions& domain) const;

  // Has the provider of `domain` asked again at the next call, whatever pause
  // it has asked for. Without effect if there is no such profile.
  void EndPause(const DomainOptions& domain) const;

  // Returns what counts tokens as the model of `profile` does; null if its
  // tokenizer is not at hand.
  std::shared_ptr<const TokenCounter> FindExactCounter(
      const EmbeddingProfileOptions& profile) const {
    return tokenizers_.FindExact(profile.name);
  }

  // Returns the tokenizer that new domains of `profile` have.
  ProfileTokenizer FindTokenizer(const EmbeddingProfileOptions& profile,
                                 Chunking::Mode mode) const {
    return tokenizers_.Find(profile, mode);
  }

  // Returns what cuts the texts of `domain`, whose embedder has `profile`.
  // Fails with kFailedPrecondition, TOKENIZER_CHANGED, if its tokenizer is not
  // at hand: another one would cut the same text otherwise.
  absl::StatusOr<TextCutter> MakeCutter(
      const DomainOptions& domain,
      const EmbeddingProfileOptions& profile) const;

  // Returns the vector of one text in the space of `domain`. Fails with the
  // errors of Get() and of Embedder, those of the text among them.
  absl::StatusOr<std::vector<float>> EmbedText(const DomainOptions& domain,
                                               absl::string_view text,
                                               EmbeddingRole role,
                                               const CallContext& context);

  // The same for many texts in one call of the embedder: one outcome for each,
  // in their order.
  absl::StatusOr<std::vector<EmbeddingOutcome>> EmbedTexts(
      const DomainOptions& domain, std::span<const absl::string_view> texts,
      EmbeddingRole role, const CallContext& context);

 private:
  // The hash that a domain has, and the hash of the profile as it is now.
  using HashPair = std::pair<ProfileHash, ProfileHash>;

  const EmbedderFinder find_;
  const Tokenizers tokenizers_;
  Mutex mutex_;
  // Pairs that a probe found to be the same space.
  absl::flat_hash_set<HashPair> same_space_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_DOMAIN_EMBEDDERS_H_
