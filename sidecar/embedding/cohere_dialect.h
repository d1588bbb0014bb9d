// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Cohere, POST {url}/embed of API version 2. The role is `input_type`. A text
// that is too long is refused: by default Cohere would cut it.

#ifndef COPSE_SIDECAR_EMBEDDING_COHERE_DIALECT_H_
#define COPSE_SIDECAR_EMBEDDING_COHERE_DIALECT_H_

#include "sidecar/embedding/provider_dialect.h"

namespace copse {

extern const ProviderDialect kCohereDialect;

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_COHERE_DIALECT_H_
