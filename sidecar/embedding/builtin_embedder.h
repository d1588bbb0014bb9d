// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The embedder inside copse: it needs no model and no server, and finds shared
// words, not meaning. Synonyms, other languages and typing errors are beyond
// it.
//
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Embedder> embedder,
//                          MakeBuiltinEmbedder({.name = "builtin"}));
//
// A vector of dimension d has a lexical part, components 0 to d - 2, and a
// constant, component d - 1. Each term of the text (lexical_terms.h) that
// occurs n times adds 1 + ln n, with signs, at four places of the lexical part
// that its hash chooses. Lexical part and constant each have length 1 before
// the whole is scaled to length 1. So
//
// * no vector is zero: a text of stop words only is the constant alone;
// * texts without a common word have a cosine near 1/2, as real models have it,
//   and texts with equal words have 1;
// * a single collision of two terms changes a quarter of their weight. With one
//   place for each term, one document of six would match any one-word query.
//
// Invariants:
//
// * The same text gives the same bits, in every role, on every machine. Only +,
//   -, *, / and square root are used, in a fixed order and without contraction;
//   ln is computed from them. builtin_embedder_test has a golden vector.

#ifndef COPSE_SIDECAR_EMBEDDING_BUILTIN_EMBEDDER_H_
#define COPSE_SIDECAR_EMBEDDING_BUILTIN_EMBEDDER_H_

#include <memory>

#include "absl/status/statusor.h"

#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedder_environment.h"
#include "sidecar/embedding/embedding_profile.h"

namespace copse {

// Returns the embedder of `options`, whose dialect is `builtin`. Fails with
// kInvalidArgument, EMBEDDING_PROFILE_INVALID, as ResolveProfile().
absl::StatusOr<std::unique_ptr<Embedder>> MakeBuiltinEmbedder(
    const EmbeddingProfileOptions& options,
    EmbedderEnvironment environment = {});

namespace internal {

// Returns the natural logarithm of `count`, the same bits on every machine, at
// most 4e-16 off. REQUIRES: count >= 1
double PortableLog(uint32_t count);

}  // namespace internal
}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_BUILTIN_EMBEDDER_H_
