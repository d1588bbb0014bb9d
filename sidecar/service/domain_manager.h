// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Creates domains: fills in what the caller leaves open, and stores the probe
// that later tells a changed embedding model from a moved one.

#ifndef COPSE_SIDECAR_SERVICE_DOMAIN_MANAGER_H_
#define COPSE_SIDECAR_SERVICE_DOMAIN_MANAGER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/metric.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/domain_embedders.h"
#include "versioning/commit.h"
#include "versioning/domain_record.h"
#include "versioning/store.h"

namespace copse {

// What a caller says about how the texts of a new domain are cut.
struct ChunkingSettings {
  // Unset means DomainSettings::default_chunking.
  std::optional<Chunking::Mode> mode = {};
  int64_t chunk_token_count = 0;  // 0 means that of the profile.
  std::optional<int64_t> overlap_token_count = {};  // Unset: of the mode.

  bool is_default() const {
    return !mode.has_value() && chunk_token_count == 0 &&
           !overlap_token_count.has_value();
  }
};

// What a caller says about a new domain.
struct DomainSettings {
  std::optional<Metric> metric = {};   // Unset means cosine.
  int64_t dimension = 0;               // 0 means that of the profile.
  std::string embedding_profile = {};  // Empty means the default profile.
  bool vectors_only = false;           // Whether there is no profile.
  std::string description = {};
  RetentionPolicy retention = {};
  ChunkingSettings chunking = {};

  // How a new domain with a profile is cut if `chunking` does not say it; the
  // door decides.
  Chunking::Mode default_chunking = Chunking::Mode::kWhole;
  std::optional<LexicalOptions> lexical = {};  // Unset means the defaults.

  // As in DomainOptions. None agrees with those of a domain that exists.
  std::map<std::string, std::string> templates = {};
};

// What a caller says about the vectors that a domain is to have.
struct ReembedSettings {
  std::string domain = {};
  std::string embedding_profile = {};  // Empty means the default profile.
  int64_t dimension = 0;               // 0 means that of the profile.

  // Defaults: what the domain has. Of the numbers, if the mode stays, and as
  // far as the model is known to take so many tokens.
  ChunkingSettings chunking = {};
};

// Thread safety: any number of threads may use one DomainManager.
class DomainManager {
 public:
  // Both must outlive this.
  DomainManager(Store& store, DomainEmbedders& embedders)
      : store_(store), embedders_(embedders) {}

  // Creates a domain. Fails with kInvalidArgument for a name or settings out
  // of range, kAlreadyExists, DOMAIN_EXISTS, kFailedPrecondition,
  // EMBEDDING_PROFILE_NOT_FOUND or EMBEDDING_DIMENSION_MISMATCH, and the errors
  // of Embedder and Store.
  absl::StatusOr<DomainInfo> Create(absl::string_view domain,
                                    const DomainSettings& settings,
                                    const CallContext& context);

  // Returns the options of the domain, or those that it would be created with,
  // but for the probe vector. Creates nothing, and asks no provider. Fails as
  // GetOrCreate() otherwise.
  absl::StatusOr<DomainOptions> GetOrPlan(absl::string_view domain,
                                          const DomainSettings& settings);

  // Returns the options that `domain` is to have with other vectors, with their
  // probe. Fails as Create() for settings that cannot be.
  absl::StatusOr<DomainOptions> PlanReembedding(const DomainOptions& domain,
                                                const ReembedSettings& settings,
                                                const CallContext& context);

  // Returns the domain, which is created if it does not exist. Fails with
  // kFailedPrecondition, DOMAIN_SETTINGS_DIFFER, if it exists and is not as
  // `settings` wants it; description and retention are not compared.
  absl::StatusOr<DomainInfo> GetOrCreate(absl::string_view domain,
                                         const DomainSettings& settings,
                                         const CallContext& context);

  // Replaces the description. Fails with kInvalidArgument, FIELD_INVALID, if it
  // is too long, and kNotFound, DOMAIN_NOT_FOUND.
  absl::StatusOr<DomainInfo> UpdateDescription(absl::string_view domain,
                                               absl::string_view description);

 private:
  // Returns the options of a new domain but for the probe vector.
  absl::StatusOr<DomainOptions> Plan(absl::string_view domain,
                                     const DomainSettings& settings) const;

  // Returns them all.
  absl::StatusOr<DomainOptions> PlanWithProbe(absl::string_view domain,
                                              const DomainSettings& settings,
                                              const CallContext& context) const;

  Store& store_;
  DomainEmbedders& embedders_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_DOMAIN_MANAGER_H_
