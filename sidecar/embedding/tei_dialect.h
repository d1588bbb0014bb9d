// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// text-embeddings-inference by its own route, POST {url}/embed, which refuses
// texts that are too long whatever the server is told. The server has one
// model, so none is named, and GET {url}/info tells its limits.

#ifndef COPSE_SIDECAR_EMBEDDING_TEI_DIALECT_H_
#define COPSE_SIDECAR_EMBEDDING_TEI_DIALECT_H_

#include "sidecar/embedding/provider_dialect.h"

namespace copse {

extern const ProviderDialect kTeiDialect;

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_TEI_DIALECT_H_
