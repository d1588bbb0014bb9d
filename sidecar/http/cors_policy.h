// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Which web pages may call the port from a browser (Fetch, section 3.2). Off
// unless origins are configured.

#ifndef COPSE_SIDECAR_HTTP_CORS_POLICY_H_
#define COPSE_SIDECAR_HTTP_CORS_POLICY_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/http/http_exchange.h"

namespace copse {

// Thread safety: immutable.
class CorsPolicy {
 public:
  explicit CorsPolicy(std::vector<std::string> origins)
      : origins_(std::move(origins)) {}

  // Returns the answer if `head` asks in advance whether a request may be made,
  // from an origin that may: it needs no credentials.
  std::optional<HttpAnswer> AnswerPreflight(const RequestHead& head) const;

  // Returns the fields that let a page of the origin of `head` read the answer;
  // none if it may not.
  HttpFields FieldsFor(const RequestHead& head) const;

 private:
  const std::vector<std::string> origins_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_CORS_POLICY_H_
