// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// GET /suggest: documents of a commit that have the words of a text, or the
// text as a part of words if none has, and how it may go on in them.

#ifndef COPSE_SIDECAR_HTTP_SUGGEST_HANDLER_H_
#define COPSE_SIDECAR_HTTP_SUGGEST_HANDLER_H_

#include "absl/status/statusor.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"

namespace copse {

absl::StatusOr<HttpAnswer> HandleSuggest(HttpServices& services,
                                         const HttpRequest& request);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_SUGGEST_HANDLER_H_
