// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// GET /statistics and GET /integrity.

#ifndef COPSE_SIDECAR_HTTP_STATISTICS_HANDLERS_H_
#define COPSE_SIDECAR_HTTP_STATISTICS_HANDLERS_H_

#include "absl/status/statusor.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"

namespace copse {

absl::StatusOr<HttpAnswer> HandleStatistics(HttpServices& services,
                                            const HttpRequest& request);

// Reads all that the commits of the domain reach.
absl::StatusOr<HttpAnswer> HandleIntegrity(HttpServices& services,
                                           const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_STATISTICS_HANDLERS_H_
