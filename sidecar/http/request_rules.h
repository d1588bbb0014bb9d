// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What RFC 9112 asks of a server that the parser of heads leaves to others.

#ifndef COPSE_SIDECAR_HTTP_REQUEST_RULES_H_
#define COPSE_SIDECAR_HTTP_REQUEST_RULES_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "sidecar/http/http_exchange.h"

namespace copse {

// What a request target asks for, as it was sent.
struct RequestTarget {
  absl::string_view path = {};
  absl::string_view query = {};  // Without the '?'.
};

// Returns the parts of `target`. Of an absolute one, such as proxies send
// ("http://host/path?query", section 3.2.2), scheme and host say nothing here:
// whoever reached this port means it.
RequestTarget SplitTarget(absl::string_view target);

// Returns OK if it is certain where the body of a request ends (section 6).
// Else kUnimplemented for a transfer coding other than chunked, and
// kInvalidArgument where a length stands beside it, or it is of HTTP/1.0: the
// server in front may have taken another end, and what it let through with the
// body would be read here as a request. Then the connection must be closed.
absl::Status CheckFraming(const RequestHead& head, bool is_http_1_1);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_REQUEST_RULES_H_
