// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The embedder of a model behind an HTTP API, whatever its dialect.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<Embedder> embedder,
//                          MakeProviderEmbedder(options));
//
// What it does beside sending texts and reading vectors:
//
//   batches   by number and size of the texts, several in flight, more or fewer
//             as the provider bears it (concurrency_limiter.h)
//   retries   what may pass, after a random delay or the one the provider asks
//             for; nothing that will be refused again (provider_error.h)
//   halves    requests that are too large, and remembers the limit; requests
//             with a text that the provider blames, until that one is alone
//   checks    number, order, dimension and components (embedding_reply.h)
//
// Invariants:
//
// * The API key goes to the configured URL and nowhere else: not into an error,
//   an event or a log.
// * At most 512 bytes of what a provider says get into an error, without keys
//   and without what it quotes of the texts.

#ifndef COPSE_SIDECAR_EMBEDDING_PROVIDER_EMBEDDER_H_
#define COPSE_SIDECAR_EMBEDDING_PROVIDER_EMBEDDER_H_

#include <memory>

#include "absl/status/statusor.h"

#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedder_environment.h"
#include "sidecar/embedding/embedding_profile.h"

namespace copse {

// Returns the embedder of `options`, whose dialect is any but `builtin`,
// without asking the provider anything. Fails with kInvalidArgument as
// ResolveProfile(), with kFailedPrecondition, EMBEDDING_KEY_MISSING, if the key
// cannot be found, and with kFailedPrecondition, EMBEDDING_PROFILE_INVALID, if
// `ca_file` cannot be read.
absl::StatusOr<std::unique_ptr<Embedder>> MakeProviderEmbedder(
    const EmbeddingProfileOptions& options,
    EmbedderEnvironment environment = {});

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_PROVIDER_EMBEDDER_H_
