// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What VectorLink's first dialect reads: POST /search with a text as its body,
// and, where it is the only one, GET /similar, GET /duplicates and
// GET /statistics.

#ifndef COPSE_SIDECAR_HTTP_V1_READ_HANDLERS_H_
#define COPSE_SIDECAR_HTTP_V1_READ_HANDLERS_H_

#include "absl/status/statusor.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"

namespace copse {

absl::StatusOr<HttpAnswer> HandleV1Search(HttpServices& services,
                                          const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleV1Similar(HttpServices& services,
                                           const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleV1Duplicates(HttpServices& services,
                                              const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleV1Statistics(HttpServices& services,
                                              const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_V1_READ_HANDLERS_H_
