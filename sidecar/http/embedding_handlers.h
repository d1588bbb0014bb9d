// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// GET and POST /embeddings: the vectors of documents, as one JSON object or a
// line for each. Either is written as it is read, however many there are.

#ifndef COPSE_SIDECAR_HTTP_EMBEDDING_HANDLERS_H_
#define COPSE_SIDECAR_HTTP_EMBEDDING_HANDLERS_H_

#include "sidecar/http/http_services.h"

namespace copse {

// Reads the body of a POST by its content type itself: JSON, or lines that name
// documents one by one.
void HandleEmbeddings(HttpServices& services, const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_EMBEDDING_HANDLERS_H_
