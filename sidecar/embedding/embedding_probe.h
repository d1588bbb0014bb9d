// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The probe tells a provider that moved from a model that changed. A domain
// keeps the vector of one fixed text; when the hash of its profile no longer
// matches, the text is embedded again, and a cosine of at least 0.999 says that
// the space is still the same.
//
//   COPSE_ASSIGN_OR_RETURN(domain_options.probe_vector,
//                          ProbeVector(*embedder, context));
//   ...
//   COPSE_RETURN_IF_ERROR(
//       CheckProfile(*embedder, info.options.profile_hash,
//                    info.options.probe_vector, context));

#ifndef COPSE_SIDECAR_EMBEDDING_EMBEDDING_PROBE_H_
#define COPSE_SIDECAR_EMBEDDING_EMBEDDING_PROBE_H_

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedder.h"
#include "versioning/commit.h"

namespace copse {

// Fixed for ever: stored vectors were made of it.
extern const absl::string_view kProbeText;

inline constexpr double kProbeCosineMin = 0.999;

// Returns the vector of kProbeText as a document.
absl::StatusOr<std::vector<float>> ProbeVector(Embedder& embedder,
                                               const EmbedContext& context);

// Returns whether two probe vectors come from the same space: equal dimension
// and a cosine of at least kProbeCosineMin.
bool IsSameSpace(std::span<const float> stored, std::span<const float> fresh);

// Returns OK if `embedder` makes vectors for a domain that was created with
// `profile_hash` and `probe_vector`: the hashes are equal, or the probe says so
// (one request). Fails with kFailedPrecondition, EMBEDDING_PROFILE_CHANGED,
// which says the cosine that was found, and with the errors of Embed().
absl::Status CheckProfile(Embedder& embedder, const ProfileHash& profile_hash,
                          std::span<const float> probe_vector,
                          const EmbedContext& context);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_EMBEDDING_PROBE_H_
