// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// GET /duplicates and POST /candidates: which documents of a commit are near
// which. Every pair is compared, so none is missed; what is found is written as
// it is known.

#ifndef COPSE_SIDECAR_HTTP_PAIR_HANDLERS_H_
#define COPSE_SIDECAR_HTTP_PAIR_HANDLERS_H_

#include "sidecar/http/http_services.h"

namespace copse {

void HandleDuplicates(HttpServices& services, const HttpRequest& request);
void HandleCandidates(HttpServices& services, const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_PAIR_HANDLERS_H_
