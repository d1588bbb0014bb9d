// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/embedding_probe.h"

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"

namespace copse {
namespace {

absl::Status ProfileChanged(const Embedder& embedder,
                            absl::string_view finding) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "embedding profile '%s' is no longer the one the domain was made "
          "with: %s, expected a cosine of at least %.3f; set it back, or "
          "embed the domain again",
          embedder.name(), finding, kProbeCosineMin)),
      "EMBEDDING_PROFILE_CHANGED", {{"profile", std::string(embedder.name())}});
}

double CosineOf(std::span<const float> a, std::span<const float> b) {
  double dot = 0.0;
  double a_norm = 0.0;
  double b_norm = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += double{a[i]} * double{b[i]};
    a_norm += double{a[i]} * double{a[i]};
    b_norm += double{b[i]} * double{b[i]};
  }
  const double norms = std::sqrt(a_norm) * std::sqrt(b_norm);
  return norms > 0.0 ? dot / norms : 0.0;
}

}  // namespace

const absl::string_view kProbeText =
    "The old lighthouse keeper counts seven ships in the harbour before dawn.";

absl::StatusOr<std::vector<float>> ProbeVector(Embedder& embedder,
                                               const EmbedContext& context) {
  const absl::string_view texts[] = {kProbeText};
  COPSE_ASSIGN_OR_RETURN(
      std::vector<EmbeddingOutcome> outcomes,
      embedder.Embed(texts, EmbeddingRole::kDocument, context));
  return std::move(outcomes.front());
}

bool IsSameSpace(std::span<const float> stored, std::span<const float> fresh) {
  return stored.size() == fresh.size() && !stored.empty() &&
         CosineOf(stored, fresh) >= kProbeCosineMin;
}

absl::Status CheckProfile(Embedder& embedder, const ProfileHash& profile_hash,
                          std::span<const float> probe_vector,
                          const EmbedContext& context) {
  if (profile_hash == embedder.profile_hash()) {
    return absl::OkStatus();
  }
  if (probe_vector.empty()) {
    return ProfileChanged(embedder, "its hash differs and no probe is stored");
  }
  if (probe_vector.size() != embedder.dimension()) {
    return ProfileChanged(
        embedder, absl::StrFormat("it has %d dimensions and the domain has %d",
                                  embedder.dimension(), probe_vector.size()));
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<float> fresh,
                         ProbeVector(embedder, context));
  if (!IsSameSpace(probe_vector, fresh)) {
    return ProfileChanged(
        embedder, absl::StrFormat("a probe text has a cosine of %.6f to its "
                                  "stored vector",
                                  CosineOf(probe_vector, fresh)));
  }
  return absl::OkStatus();
}

}  // namespace copse
