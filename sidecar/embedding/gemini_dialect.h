// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Gemini, POST {url}/models/{model}:batchEmbedContents: a request object for
// each text, since several parts of one content give one vector. The role is
// `taskType`; gemini-embedding-2 ignores that and wants a prefix instead
// (embedding_model.h).

#ifndef COPSE_SIDECAR_EMBEDDING_GEMINI_DIALECT_H_
#define COPSE_SIDECAR_EMBEDDING_GEMINI_DIALECT_H_

#include "sidecar/embedding/provider_dialect.h"

namespace copse {

extern const ProviderDialect kGeminiDialect;

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_GEMINI_DIALECT_H_
