// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Who is told what the HTTP port does, to count it.

#ifndef COPSE_SIDECAR_HTTP_HTTP_OBSERVER_H_
#define COPSE_SIDECAR_HTTP_HTTP_OBSERVER_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace copse {

struct HttpRequestEvent {
  absl::string_view route;  // As OnStart() was told.
  int status = 0;
  int64_t received_size_bytes = 0;  // Of the body.
  int64_t sent_size_bytes = 0;      // Of the answer with its head.
  absl::Duration duration;          // Until the last byte was sent.
};

// Thread safety: the functions are called from any thread, and must not wait.
class HttpObserver {
 public:
  virtual ~HttpObserver() = default;

  // A request has come. `route` is method and path of an endpoint, such as
  // "GET /search", with "v1 " before it in the first dialect; or "other". So
  // there are few, whatever is sent.
  virtual void OnStart(absl::string_view route) = 0;

  // It has been answered, or its client has gone.
  virtual void OnEnd(const HttpRequestEvent& event) = 0;

  // `change` is 1 for a connection that opens and -1 for one that closes.
  virtual void OnConnection(int change) = 0;

  // One was refused, because there are too many.
  virtual void OnRefusal() = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_HTTP_OBSERVER_H_
