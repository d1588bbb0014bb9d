// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the endpoints of VectorLink's first dialect have in common: parameters
// whose absence is a 404, and answers that are plain text where something is
// wrong.

#ifndef COPSE_SIDECAR_HTTP_V1_REQUEST_H_
#define COPSE_SIDECAR_HTTP_V1_REQUEST_H_

#include <initializer_list>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/http/domain_path.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"

namespace copse {

// Header of the API key of the embedding provider.
inline constexpr absl::string_view kV1KeyField = "vectorlink_embedding_api_key";

HttpAnswer TextAnswer(int http_status, absl::string_view text);

// Returns the answer for `status`: 404 for what V1TextsOf() misses, 401 and 503
// as in the second dialect, else `otherwise`. REQUIRES: !status.ok()
HttpAnswer V1ErrorAnswer(const absl::Status& status, int otherwise);

// Returns the texts of `names`, which are all needed. Fails with kNotFound,
// V1_PARAMETER_MISSING, and as Parameters::FindText().
absl::StatusOr<std::map<absl::string_view, std::string>> V1TextsOf(
    const HttpRequest& request, std::initializer_list<absl::string_view> names);

// Opens the commit that the parameters domain and commit name.
absl::StatusOr<ResolvedCommit> OpenV1Read(HttpServices& services,
                                          const HttpRequest& request);

// Returns the context of `request`, with the API key that it brings, if such
// keys are taken.
CallContext V1ContextOf(const HttpServices& services,
                        const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_V1_REQUEST_H_
