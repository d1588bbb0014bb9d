// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The secret of HTTP Basic, which guards the HTTP port.

#ifndef COPSE_SIDECAR_CONFIG_HTTP_SECRET_H_
#define COPSE_SIDECAR_CONFIG_HTTP_SECRET_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/config/config.h"

namespace copse {

// What the secret is unless another is set.
inline constexpr absl::string_view kDefaultHttpSecret = "root";

// Returns the secret from where `config` says it is. Fails if it cannot be
// read, with kInvalidArgument if it is empty, and as CheckHttpSecret() does.
absl::StatusOr<std::string> ReadHttpSecret(const Config& config);

// Fails with kInvalidArgument if `secret` is the default one, wherever it comes
// from, and other machines can reach the HTTP port though that was not asked
// for.
absl::Status CheckHttpSecret(const Config& config, absl::string_view secret);

}  // namespace copse

#endif  // COPSE_SIDECAR_CONFIG_HTTP_SECRET_H_
