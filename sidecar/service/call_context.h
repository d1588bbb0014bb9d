// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the service layer must know of a call, whatever door it came through:
// how long the caller waits, and whether it still does.
//
//   COPSE_RETURN_IF_ERROR(context.Check());

#ifndef COPSE_SIDECAR_SERVICE_CALL_CONTEXT_H_
#define COPSE_SIDECAR_SERVICE_CALL_CONTEXT_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "sidecar/embedding/embedder.h"

namespace copse {

struct CallContext {
  // When the caller loses interest.
  absl::Time deadline = absl::InfiniteFuture();

  // Returns OK, or why the call should end now: kCancelled if the caller has
  // gone, kUnavailable if the server stops. Must be cheap and thread-safe. May
  // be empty.
  std::function<absl::Status()> interruption;

  // What the caller shows an embedding provider in place of the key of its
  // profile; empty for that key.
  std::string embedding_api_key = {};

  // Returns what interruption() returns, or kDeadlineExceeded,
  // DEADLINE_EXCEEDED, after the deadline.
  absl::Status Check() const;
};

// Returns a context for an embedder that ends when `context` does. `context`
// must outlive it.
EmbedContext ToEmbedContext(const CallContext& context);

// Returns what to tell the caller if an embedder failed with `status`: why the
// call was interrupted, if it was, else `status`.
absl::Status ToCallStatus(const CallContext& context, absl::Status status);

// The error of a call whose caller has gone: kCancelled, CANCELLED.
absl::Status CallCancelledError();

// The error of a call that the end of the server interrupts: kUnavailable,
// SHUTTING_DOWN.
absl::Status ShuttingDownError();

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_CALL_CONTEXT_H_
