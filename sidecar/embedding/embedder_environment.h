// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The world outside as an embedder sees it: time, chance, the process
// environment and whoever counts. Tests put their own in its place and so need
// no real waiting.

#ifndef COPSE_SIDECAR_EMBEDDING_EMBEDDER_ENVIRONMENT_H_
#define COPSE_SIDECAR_EMBEDDING_EMBEDDER_ENVIRONMENT_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"

#include "sidecar/embedding/embedding_observer.h"

namespace copse {

// Thread safety: the functions are called from many threads at once.
struct EmbedderEnvironment {
  // Each function that is empty is replaced by the real one.
  std::function<absl::Time()> clock;

  // Returns after `duration`, or sooner once `cancelled`, which may be empty,
  // returns true.
  std::function<void(absl::Duration duration,
                     const std::function<bool()>& cancelled)>
      sleep;

  // Uniform in [0, 1).
  std::function<double()> random;

  // The value of a variable of the process's environment.
  std::function<std::optional<std::string>(const std::string& name)>
      environment_variable;

  // Not owned; may be null.
  EmbeddingObserver* observer = nullptr;
};

// Returns `environment` with the real functions where it has none.
EmbedderEnvironment WithDefaults(EmbedderEnvironment environment);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_EMBEDDER_ENVIRONMENT_H_
