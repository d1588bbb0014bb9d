// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Voyage, POST {url}/embeddings. The role is `input_type`, where the server
// then puts a prompt of its own before the text; grouping and classification
// have none. A text that is too long is refused: by default Voyage would cut
// it. Keys that begin with "al-" belong to https://ai.mongodb.com/v1.

#ifndef COPSE_SIDECAR_EMBEDDING_VOYAGE_DIALECT_H_
#define COPSE_SIDECAR_EMBEDDING_VOYAGE_DIALECT_H_

#include "sidecar/embedding/provider_dialect.h"

namespace copse {

extern const ProviderDialect kVoyageDialect;

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_VOYAGE_DIALECT_H_
