// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// HTTP Basic authentication of the one user that the port has.

#ifndef COPSE_SIDECAR_HTTP_BASIC_AUTH_H_
#define COPSE_SIDECAR_HTTP_BASIC_AUTH_H_

#include <array>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "sidecar/http/http_exchange.h"

namespace copse {

// Thread safety: immutable.
class BasicAuth {
 public:
  BasicAuth(absl::string_view user, absl::string_view secret);

  // Returns OK, or kUnauthenticated if `head` has no Authorization of this user
  // with this secret. What was given is compared in a time that does not depend
  // on it.
  absl::Status Check(const RequestHead& head) const;

 private:
  // SHA-256 of "user:secret", so that all comparisons are of equal length.
  const std::array<std::byte, 32> expected_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_BASIC_AUTH_H_
