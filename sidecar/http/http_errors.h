// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What an error is over HTTP: a status and {"error": "..."}.

#ifndef COPSE_SIDECAR_HTTP_HTTP_ERRORS_H_
#define COPSE_SIDECAR_HTTP_HTTP_ERRORS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "sidecar/http/http_exchange.h"

namespace copse {

// Returns the status that tells a client of `status`. REQUIRES: !status.ok()
int HttpStatusOf(const absl::Status& status);

// Returns `text` in quotation marks, for a message; of a long one the
// beginning.
std::string ShownText(absl::string_view text);

// Returns the answer that tells of `status`; 503 has Retry-After and 401 has
// WWW-Authenticate. REQUIRES: !status.ok()
HttpAnswer ErrorAnswer(const absl::Status& status);
HttpAnswer ErrorAnswer(int http_status, absl::string_view message);

// 404 of an ID that no task has.
absl::Status TaskNotFoundError(absl::string_view id);

// 413, naming the limit.
absl::Status BodyTooLargeError(size_t size_bytes_max);

// 415.
absl::Status MediaTypeError(absl::string_view found);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_HTTP_ERRORS_H_
