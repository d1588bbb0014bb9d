// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/provider_embedder.h"

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/provider_call.h"
#include "sidecar/embedding/provider_endpoint.h"

namespace copse {
namespace {

class ProviderEmbedder final : public Embedder {
 public:
  explicit ProviderEmbedder(std::unique_ptr<ProviderEndpoint> endpoint)
      : endpoint_(std::move(endpoint)),
        profile_hash_(HashProfile(endpoint_->profile())) {}

  const EmbeddingProfileOptions& profile() const override {
    return endpoint_->profile();
  }
  const ProfileHash& profile_hash() const override { return profile_hash_; }
  double typical_token_ratio() const override {
    return endpoint_->token_meter().typical_ratio();
  }
  void EndPause() override {
    endpoint_->flow().EndPause(endpoint_->environment().clock());
  }

  absl::StatusOr<std::vector<EmbeddingOutcome>> Embed(
      std::span<const absl::string_view> texts, EmbeddingRole role,
      const EmbedContext& context) override {
    ProviderCall call(*endpoint_, texts, role, context);
    absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes = call.Run();
    if (context.statistics != nullptr) {
      *context.statistics += call.statistics();
    }
    return outcomes;
  }

 private:
  const std::unique_ptr<ProviderEndpoint> endpoint_;
  const ProfileHash profile_hash_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Embedder>> MakeProviderEmbedder(
    const EmbeddingProfileOptions& options, EmbedderEnvironment environment) {
  COPSE_CHECK(options.dialect != EmbeddingDialect::kBuiltin);
  COPSE_ASSIGN_OR_RETURN(const EmbeddingProfileOptions profile,
                         ResolveProfile(options));
  COPSE_ASSIGN_OR_RETURN(
      std::unique_ptr<ProviderEndpoint> endpoint,
      ProviderEndpoint::Create(profile, WithDefaults(std::move(environment))));
  return std::make_unique<ProviderEmbedder>(std::move(endpoint));
}

}  // namespace copse
