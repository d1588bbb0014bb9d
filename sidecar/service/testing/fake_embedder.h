// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An embedder for tests: quick, deterministic, and as obstinate as a test wants
// it to be.
//
//   FakeEmbedder embedder;
//   embedder.FailText("refuse me", absl::InvalidArgumentError("too long"));
//   ...
//   EXPECT_THAT(embedder.texts(), ElementsAre("oak", "beech"));

#ifndef COPSE_SIDECAR_SERVICE_TESTING_FAKE_EMBEDDER_H_
#define COPSE_SIDECAR_SERVICE_TESTING_FAKE_EMBEDDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/service/domain_embedders.h"

namespace copse {

// A text becomes the counts of its words by their first byte, plus a little in
// the last component, so texts that share words are near.
//
// Thread safety: any number of threads may use one FakeEmbedder.
class FakeEmbedder : public Embedder {
 public:
  static constexpr uint32_t kDimension = 32;

  explicit FakeEmbedder(std::string name = "fake", uint8_t hash_byte = 1) {
    profile_.name = std::move(name);
    profile_.dimension = kDimension;
    profile_.model = "fake-model";
    for (auto* prefix :
         {&profile_.document_prefix, &profile_.query_prefix,
          &profile_.clustering_prefix, &profile_.classification_prefix}) {
      *prefix = "";
    }
    hash_.fill(std::byte{hash_byte});
  }

  // In US dollars for a million tokens. Called before anybody embeds.
  void SetPrice(double price) { profile_.price_per_million_tokens = price; }

  // What its model takes. Called before anybody embeds.
  void SetTokensPerTextMax(uint32_t token_count) {
    profile_.tokens_per_text_max = token_count;
  }

  // What is put before each text. Called before anybody embeds.
  void SetDocumentPrefix(std::string prefix) {
    profile_.document_prefix = std::move(prefix);
  }

  // What the counts of a provider would say of estimates from now on.
  void SetTypicalTokenRatio(double ratio) {
    MutexLock lock(mutex_);
    typical_token_ratio_ = ratio;
  }
  // As if its vectors came from a provider, and not from inside copse. Called
  // before anybody embeds.
  void SetDialect(EmbeddingDialect dialect) { profile_.dialect = dialect; }

  const EmbeddingProfileOptions& profile() const override { return profile_; }
  const ProfileHash& profile_hash() const override { return hash_; }
  double typical_token_ratio() const override {
    MutexLock lock(mutex_);
    return typical_token_ratio_;
  }

  void EndPause() override {
    MutexLock lock(mutex_);
    is_paused_ = false;
  }

  // As a provider that asks to be left alone for an hour: from now on each
  // Embed() fails, until EndPause().
  void Pause() {
    MutexLock lock(mutex_);
    is_paused_ = true;
  }

  absl::StatusOr<std::vector<EmbeddingOutcome>> Embed(
      std::span<const absl::string_view> texts, EmbeddingRole role,
      const EmbedContext& context) override {
    std::function<absl::Status(const EmbedContext&)> on_embed;
    {
      MutexLock lock(mutex_);
      on_embed = on_embed_;
    }
    if (on_embed != nullptr) {
      if (absl::Status status = on_embed(context); !status.ok()) {
        return status;
      }
    }
    MutexLock lock(mutex_);
    if (is_paused_) {
      return WithReason(
          absl::UnavailableError("answered 429: quota of the hour"),
          "EMBEDDING_PROVIDER_UNAVAILABLE",
          {{"retry_time",
            absl::FormatTime(absl::RFC3339_full, absl::Now() + absl::Hours(1),
                             absl::UTCTimeZone())}});
    }
    std::vector<EmbeddingOutcome> outcomes;
    for (const absl::string_view text : texts) {
      texts_.emplace_back(text);
      roles_.push_back(role);
      const auto failure = failures_.find(std::string(text));
      if (failure != failures_.end()) {
        outcomes.emplace_back(failure->second);
      } else if (text.size() > size_bytes_max_) {
        outcomes.emplace_back(
            WithReason(absl::InvalidArgumentError("too long for the model"),
                       "EMBEDDING_TEXT_REFUSED", {}));
      } else {
        outcomes.emplace_back(VectorOf(text));
      }
      if (context.progress != nullptr) {
        context.progress(static_cast<int64_t>(outcomes.size()));
      }
    }
    if (context.statistics != nullptr) {
      context.statistics->token_count += static_cast<int64_t>(texts.size());
    }
    return outcomes;
  }

  // Returns the vector of `text`, of length 1.
  static std::vector<float> VectorOf(absl::string_view text) {
    std::vector<float> vector(kDimension, 0.0F);
    vector[kDimension - 1] = 0.1F;
    for (const absl::string_view word :
         absl::StrSplit(text, ' ', absl::SkipEmpty())) {
      const auto byte = static_cast<unsigned char>(word[0]);
      vector[byte % (kDimension - 1)] += 1.0F;
    }
    return vector;
  }

  // Makes `text` fail with `status` from now on.
  void FailText(const std::string& text, absl::Status status) {
    MutexLock lock(mutex_);
    failures_[text] = std::move(status);
  }

  // Makes texts of more than `size_bytes_max` bytes fail from now on, as those
  // that are too long for a model.
  void RefuseLongerTexts(size_t size_bytes_max) {
    MutexLock lock(mutex_);
    size_bytes_max_ = size_bytes_max;
  }

  // Calls `on_embed` at the start of each Embed() from now on; what it returns,
  // unless OK, is the result.
  void OnEmbed(std::function<absl::Status(const EmbedContext&)> on_embed) {
    MutexLock lock(mutex_);
    on_embed_ = std::move(on_embed);
  }

  // Returns all texts that were embedded, in their order.
  std::vector<std::string> texts() const {
    MutexLock lock(mutex_);
    return texts_;
  }
  std::vector<EmbeddingRole> roles() const {
    MutexLock lock(mutex_);
    return roles_;
  }
  void Forget() {
    MutexLock lock(mutex_);
    texts_.clear();
    roles_.clear();
  }

 private:
  EmbeddingProfileOptions profile_;
  ProfileHash hash_;
  mutable Mutex mutex_;
  std::vector<std::string> texts_ ABSL_GUARDED_BY(mutex_);
  std::vector<EmbeddingRole> roles_ ABSL_GUARDED_BY(mutex_);
  bool is_paused_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
  size_t size_bytes_max_ ABSL_GUARDED_BY(mutex_) =
      std::numeric_limits<size_t>::max();
  double typical_token_ratio_ ABSL_GUARDED_BY(mutex_) = kTypicalTokenRatio;
  std::function<absl::Status(const EmbedContext&)> on_embed_
      ABSL_GUARDED_BY(mutex_);
};

// Finds `embedder` by its name and by "".
inline EmbedderFinder FindOnly(std::shared_ptr<Embedder> embedder) {
  return
      [embedder = std::move(embedder)](
          absl::string_view name) -> absl::StatusOr<std::shared_ptr<Embedder>> {
        if (name.empty() || name == embedder->name()) {
          return embedder;
        }
        return WithReason(absl::FailedPreconditionError(
                              "no such embedding profile is configured"),
                          "EMBEDDING_PROFILE_NOT_FOUND",
                          {{"profile", std::string(name)}});
      };
}

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_TESTING_FAKE_EMBEDDER_H_
