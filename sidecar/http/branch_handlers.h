// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What names commits and forgets them: GET /last-indexed, GET /check, POST
// /assign, DELETE /domain and DELETE /branch-index. None of them waits for a
// push.

#ifndef COPSE_SIDECAR_HTTP_BRANCH_HANDLERS_H_
#define COPSE_SIDECAR_HTTP_BRANCH_HANDLERS_H_

#include "absl/status/statusor.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"

namespace copse {

absl::StatusOr<HttpAnswer> HandleLastIndexed(HttpServices& services,
                                             const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleCheck(HttpServices& services,
                                       const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleAssign(HttpServices& services,
                                        const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleDeleteDomain(HttpServices& services,
                                              const HttpRequest& request);
absl::StatusOr<HttpAnswer> HandleDeleteBranchIndex(HttpServices& services,
                                                   const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_BRANCH_HANDLERS_H_
