// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An error reason is what a program may branch on: a word in capitals, and the
// values of the message one by one. It travels as a payload of absl::Status;
// sidecar turns it into a google.rpc.ErrorInfo, so the layers below need to
// know neither gRPC nor protocol buffers.
//
//   return WithReason(
//       absl::NotFoundError(absl::StrFormat("domain '%s' does not exist",
//       name)), "DOMAIN_NOT_FOUND", {{"domain", name}});
//   ...
//   std::optional<ErrorReason> reason = ReasonOf(status);

#ifndef COPSE_INDEX_UTIL_ERROR_REASON_H_
#define COPSE_INDEX_UTIL_ERROR_REASON_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace copse {

// Why a call failed, for programs.
struct ErrorReason {
  // UPPER_SNAKE_CASE, at most 63 characters, fixed once published.
  std::string reason;

  // Pairs of a name in lower_snake_case and a value, in the order given.
  std::vector<std::pair<std::string, std::string>> metadata;
};

// Returns `status` with the reason attached; a reason it already has is
// replaced. REQUIRES: !status.ok()
absl::Status WithReason(
    absl::Status status, absl::string_view reason,
    const std::vector<std::pair<std::string, std::string>>& metadata = {});

// Returns the reason that `status` carries, if any.
std::optional<ErrorReason> ReasonOf(const absl::Status& status);

}  // namespace copse

#endif  // COPSE_INDEX_UTIL_ERROR_REASON_H_
