// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What embeds a text to answer: GET and POST /search, GET and POST /similar,
// and POST /compare.

#ifndef COPSE_SIDECAR_HTTP_SEARCH_HANDLERS_H_
#define COPSE_SIDECAR_HTTP_SEARCH_HANDLERS_H_

#include "absl/status/statusor.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"

namespace copse {

absl::StatusOr<HttpAnswer> HandleSearch(HttpServices& services,
                                        const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleSimilar(HttpServices& services,
                                         const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleCompare(HttpServices& services,
                                         const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_SEARCH_HANDLERS_H_
