// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/embedder_registry.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/builtin_embedder.h"
#include "sidecar/embedding/caching_embedder.h"
#include "sidecar/embedding/provider_embedder.h"

namespace copse {
namespace {

absl::StatusOr<std::unique_ptr<Embedder>> MakeEmbedder(
    const EmbeddingProfileOptions& profile,
    const EmbedderRegistryOptions& options) {
  if (profile.dialect == EmbeddingDialect::kBuiltin) {
    return MakeBuiltinEmbedder(profile, options.environment);
  }
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<Embedder> embedder,
                         MakeProviderEmbedder(profile, options.environment));
  if (options.cache == nullptr) {
    return embedder;
  }
  return MakeCachingEmbedder(std::move(embedder), *options.cache,
                             options.environment);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EmbedderRegistry>> EmbedderRegistry::Create(
    const EmbedderRegistryOptions& options) {
  std::unique_ptr<EmbedderRegistry> registry(new EmbedderRegistry());
  for (const EmbeddingProfileOptions& profile : options.profiles) {
    COPSE_ASSIGN_OR_RETURN(std::unique_ptr<Embedder> embedder,
                           MakeEmbedder(profile, options));
    const bool is_new =
        registry->embedders_.emplace(profile.name, std::move(embedder)).second;
    if (!is_new) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrFormat(
              "embedding profile '%s': name is used twice, expected each once",
              profile.name)),
          "EMBEDDING_PROFILE_INVALID",
          {{"profile", profile.name}, {"setting", "name"}});
    }
  }
  const std::string builtin_name(kBuiltinProfileName);
  if (!registry->embedders_.contains(builtin_name)) {
    EmbeddingProfileOptions builtin;
    builtin.name = builtin_name;
    COPSE_ASSIGN_OR_RETURN(registry->embedders_[builtin_name],
                           MakeEmbedder(builtin, options));
  }
  registry->default_profile_ = options.default_profile;
  if (options.default_profile.empty()) {
    registry->default_profile_ =
        options.profiles.empty() ? builtin_name : options.profiles.front().name;
  }
  COPSE_RETURN_IF_ERROR(registry->Get(registry->default_profile_).status());
  return registry;
}

absl::StatusOr<std::shared_ptr<Embedder>> EmbedderRegistry::Get(
    absl::string_view name) const {
  const auto found =
      embedders_.find(name.empty() ? default_profile_ : std::string(name));
  if (found == embedders_.end()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrFormat(
            "embedding profile '%s' is not configured, expected one of '%s'",
            name, absl::StrJoin(names(), "', '"))),
        "EMBEDDING_PROFILE_NOT_FOUND", {{"profile", std::string(name)}});
  }
  return found->second;
}

std::vector<std::string> EmbedderRegistry::names() const {
  std::vector<std::string> names;
  for (const auto& [name, embedder] : embedders_) {
    names.push_back(name);
  }
  return names;
}

}  // namespace copse
