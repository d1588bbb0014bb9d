// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The embedders of a daemon, by the name of their profile.
//
//   EmbedderRegistryOptions options;
//   options.profiles = config.embedding_profiles;
//   options.cache = &store->embedding_cache();
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<EmbedderRegistry> embedders,
//                          EmbedderRegistry::Create(options));
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Embedder> embedder,
//                          embedders->Get(domain.options.embedding_profile));
//
// The profile "builtin" always exists, so that copse works without any model
// server; a configured profile of that name takes its place.

#ifndef COPSE_SIDECAR_EMBEDDING_EMBEDDER_REGISTRY_H_
#define COPSE_SIDECAR_EMBEDDING_EMBEDDER_REGISTRY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedder_environment.h"
#include "sidecar/embedding/embedding_profile.h"
#include "versioning/embedding_cache.h"

namespace copse {

inline constexpr absl::string_view kBuiltinProfileName = "builtin";

struct EmbedderRegistryOptions {
  std::vector<EmbeddingProfileOptions> profiles;

  // The name of the profile for domains that name none. Empty means the first
  // of `profiles`, or "builtin" if there are none.
  std::string default_profile;

  // Remembers the vectors of remote profiles. The builtin embedder is faster
  // than any look-up and is not cached. May be null. Not owned.
  EmbeddingCache* cache = nullptr;

  // The world outside; replaced in tests.
  EmbedderEnvironment environment;
};

// Thread safety: immutable; any number of threads may use one registry.
class EmbedderRegistry {
 public:
  // Makes the embedders. Opens no connection: a provider that is down does not
  // keep the daemon from starting. Fails with kInvalidArgument if a profile is
  // wrong or named twice (EMBEDDING_PROFILE_INVALID), and with
  // kFailedPrecondition if a key or `ca_file` cannot be read
  // (EMBEDDING_KEY_MISSING, EMBEDDING_PROFILE_INVALID); each error names
  // profile and setting, and no key.
  static absl::StatusOr<std::unique_ptr<EmbedderRegistry>> Create(
      const EmbedderRegistryOptions& options);

  // Returns the embedder of the profile `name`; "" means the default. Fails
  // with kFailedPrecondition, EMBEDDING_PROFILE_NOT_FOUND, naming the profiles
  // that exist.
  absl::StatusOr<std::shared_ptr<Embedder>> Get(absl::string_view name) const;

  const std::string& default_profile() const { return default_profile_; }

  // The names of all profiles, ascending.
  std::vector<std::string> names() const;

 private:
  EmbedderRegistry() = default;

  std::map<std::string, std::shared_ptr<Embedder>, std::less<>> embedders_;
  std::string default_profile_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_EMBEDDER_REGISTRY_H_
