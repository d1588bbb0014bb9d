// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Puts a cache before an embedder, so that no text is paid for twice: not when
// a push is repeated after a crash, not when a document comes back to what it
// was, and not when two branches hold the same text.
//
//   std::unique_ptr<Embedder> cached = MakeCachingEmbedder(
//       std::move(embedder), store->embedding_cache(), environment);
//
// Invariants:
//
// * Equal texts of one call are asked for once, and so are equal texts of calls
//   that are under way at the same time.
// * A vector is kept as soon as it is there, also if the call fails later.
// * The cache is a convenience: when it fails, texts are embedded as if it were
//   empty, and the observer is told.
// * Refusals are not kept: the next call asks again.
//
// A key is the SHA-256 of the characters "copse embedding key 1", the profile's
// hash (32 bytes), the role (1 byte) and the text as given, without the prefix,
// which the profile's hash covers.

#ifndef COPSE_SIDECAR_EMBEDDING_CACHING_EMBEDDER_H_
#define COPSE_SIDECAR_EMBEDDING_CACHING_EMBEDDER_H_

#include <memory>

#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedder_environment.h"
#include "versioning/commit.h"
#include "versioning/embedding_cache.h"

namespace copse {

// Returns `embedder` with `cache`, which must outlive it, before it.
std::unique_ptr<Embedder> MakeCachingEmbedder(
    std::unique_ptr<Embedder> embedder, EmbeddingCache& cache,
    EmbedderEnvironment environment = {});

// Returns the key of `text` in `role`.
EmbeddingKey MakeEmbeddingKey(const ProfileHash& profile_hash,
                              EmbeddingRole role, absl::string_view text);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_CACHING_EMBEDDER_H_
