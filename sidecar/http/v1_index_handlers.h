// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How VectorLink's first dialect makes indexes: GET /index, which pulls
// a commit as a job, GET /check and GET /assign, which waits for it.

#ifndef COPSE_SIDECAR_HTTP_V1_INDEX_HANDLERS_H_
#define COPSE_SIDECAR_HTTP_V1_INDEX_HANDLERS_H_

#include "absl/status/statusor.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"

namespace copse {

absl::StatusOr<HttpAnswer> HandleV1Index(HttpServices& services,
                                         const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleV1Check(HttpServices& services,
                                         const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleV1Assign(HttpServices& services,
                                          const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_V1_INDEX_HANDLERS_H_
