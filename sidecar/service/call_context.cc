// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/call_context.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"

namespace copse {

absl::Status CallContext::Check() const {
  // First, because a door may hear of the deadline as of a cancellation.
  if (deadline != absl::InfiniteFuture() && absl::Now() >= deadline) {
    return WithReason(
        absl::DeadlineExceededError("the deadline of the call has passed"),
        "DEADLINE_EXCEEDED");
  }
  return interruption == nullptr ? absl::OkStatus() : interruption();
}

EmbedContext ToEmbedContext(const CallContext& context) {
  EmbedContext embed_context;
  embed_context.deadline = context.deadline;
  embed_context.api_key = context.embedding_api_key;
  embed_context.cancelled = [&context] { return !context.Check().ok(); };
  return embed_context;
}

absl::Status ToCallStatus(const CallContext& context, absl::Status status) {
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) {
    COPSE_RETURN_IF_ERROR(context.Check());
  }
  return status;
}

absl::Status CallCancelledError() {
  return WithReason(absl::CancelledError("the caller cancelled the call"),
                    "CANCELLED");
}

absl::Status ShuttingDownError() {
  return WithReason(
      absl::UnavailableError("the server is shutting down, retry when it runs "
                             "again"),
      "SHUTTING_DOWN");
}

}  // namespace copse
