// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What names commits and forgets them: GET /last-indexed, GET /check, POST
// /assign, DELETE /domain and DELETE /branch-index. None of them waits for a
// push.

#ifndef COPSE_SIDECAR_HTTP_BRANCH_HANDLERS_H_
#define COPSE_SIDECAR_HTTP_BRANCH_HANDLERS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"

namespace copse {

// Makes `target_commit` another name of `source_commit`; the branch follows if
// it is at the source. Fails with kNotFound, and kAlreadyExists for a target
// that has another index, and kAborted for one that is in flight.
absl::Status AssignCommit(HttpServices& services, absl::string_view domain,
                          absl::string_view branch,
                          absl::string_view source_commit,
                          absl::string_view target_commit);

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
