// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Whether the caller of Embed() is still interested.

#ifndef COPSE_SIDECAR_EMBEDDING_CALL_CHECK_H_
#define COPSE_SIDECAR_EMBEDDING_CALL_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "sidecar/embedding/embedder.h"

namespace copse {

// Returns kCancelled or kDeadlineExceeded if the call is over at `now`.
inline absl::Status CheckCall(const EmbedContext& context,
                              absl::string_view profile, absl::Time now) {
  if (context.cancelled && context.cancelled()) {
    return WithReason(
        absl::CancelledError(absl::StrFormat(
            "embedding profile '%s': the call was cancelled", profile)),
        "EMBEDDING_CANCELLED", {{"profile", std::string(profile)}});
  }
  if (now >= context.deadline) {
    return WithReason(
        absl::DeadlineExceededError(absl::StrFormat(
            "embedding profile '%s': the deadline of the call has passed",
            profile)),
        "EMBEDDING_DEADLINE_EXCEEDED", {{"profile", std::string(profile)}});
  }
  return absl::OkStatus();
}

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_CALL_CHECK_H_
