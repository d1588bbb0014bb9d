// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Bodies that are read whole.

#ifndef COPSE_SIDECAR_HTTP_REQUEST_BODY_H_
#define COPSE_SIDECAR_HTTP_REQUEST_BODY_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sidecar/http/http_exchange.h"

namespace copse {

// Returns the content type of `head` in lower case, without its parameters; ""
// if there is none.
std::string MediaTypeOf(const RequestHead& head);

// Fails with MEDIA_TYPE_UNSUPPORTED unless the body is JSON.
absl::Status CheckJsonType(const RequestHead& head);

// Returns the body. Fails with BODY_TOO_LARGE, and as HttpExchange::ReadBody().
absl::StatusOr<std::string> ReadWholeBody(HttpExchange& exchange,
                                          size_t size_bytes_max);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_REQUEST_BODY_H_
