// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Ollama by its own route, POST {url}/embed, which can be told to refuse texts
// that are too long; by the OpenAI route it always cuts them.

#ifndef COPSE_SIDECAR_EMBEDDING_OLLAMA_DIALECT_H_
#define COPSE_SIDECAR_EMBEDDING_OLLAMA_DIALECT_H_

#include "sidecar/embedding/provider_dialect.h"

namespace copse {

extern const ProviderDialect kOllamaDialect;

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_OLLAMA_DIALECT_H_
