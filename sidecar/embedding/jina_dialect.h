// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Jina, POST {url}/embeddings. The role is `task`, which models before v3 do
// not have, and which has other words in v4.

#ifndef COPSE_SIDECAR_EMBEDDING_JINA_DIALECT_H_
#define COPSE_SIDECAR_EMBEDDING_JINA_DIALECT_H_

#include "sidecar/embedding/provider_dialect.h"

namespace copse {

extern const ProviderDialect kJinaDialect;

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_JINA_DIALECT_H_
