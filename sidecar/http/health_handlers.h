// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// GET /health/live and GET /health/ready.

#ifndef COPSE_SIDECAR_HTTP_HEALTH_HANDLERS_H_
#define COPSE_SIDECAR_HTTP_HEALTH_HANDLERS_H_

#include "absl/status/statusor.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"

namespace copse {

absl::StatusOr<HttpAnswer> HandleLive(HttpServices& services,
                                      const HttpRequest& request);

// The port listens only once the store is open, so `index` is whether it takes
// writes: one that has stopped to is to be restarted.
absl::StatusOr<HttpAnswer> HandleReady(HttpServices& services,
                                       const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_HEALTH_HANDLERS_H_
