// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// POST {url}/embeddings as OpenAI has it, which most servers understand.

#ifndef COPSE_SIDECAR_EMBEDDING_OPENAI_DIALECT_H_
#define COPSE_SIDECAR_EMBEDDING_OPENAI_DIALECT_H_

#include "sidecar/embedding/provider_dialect.h"

namespace copse {

// Any of them: the signatures are those of every server that is known to be
// called so, directly or behind a gateway.
extern const ProviderDialect kOpenAiDialect;

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_OPENAI_DIALECT_H_
