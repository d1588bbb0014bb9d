// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Several HTTP requests at a time to one endpoint, over connections that are
// kept: a thin layer over libcurl's multi interface without a thread of its
// own.
//
//   HttpSession session(endpoint);
//   session.Start(1, {.body = "{}", .reply_size_max = 1 << 20});
//   while (session.in_flight_count() > 0) {
//     for (HttpReply& reply : session.Wait(absl::Milliseconds(50))) {
//       ...
//     }
//   }
//
// Invariants:
//
// * Nothing but the endpoint's own URL is ever asked: redirects are answers,
//   not followed, because libcurl would carry key headers along to other hosts.
// * The peer's certificate is always verified; there is no switch.
// * A reply holds at most `reply_size_max` bytes, and 64 KiB if its status is
//   an error, counted after decompression. What `on_body` takes is not held.

#ifndef COPSE_SIDECAR_EMBEDDING_HTTP_SESSION_H_
#define COPSE_SIDECAR_EMBEDDING_HTTP_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace copse {

struct HttpEndpoint {
  std::string url;
  std::string proxy;    // Empty for none, whatever the environment says.
  std::string ca_file;  // Empty for the system's certificates.
  absl::Duration connect_timeout = absl::Seconds(5);
};

struct HttpHeader {
  std::string name;
  std::string value;
};

struct HttpRequest {
  bool is_get = false;              // Else POST.
  std::string body;                 // Sent as application/json; not by GET.
  std::vector<HttpHeader> headers;  // Beside those every request has: the key.
  absl::Duration timeout = absl::Minutes(2);  // May be infinite.
  size_t reply_size_max = size_t{1} << 20;

  // If not zero, a transfer on which nothing comes for so long, in whole
  // seconds, has timed out.
  absl::Duration idle_timeout = absl::ZeroDuration();

  // If set, takes the body of a reply of status 200 as it comes, of whatever
  // size, instead of HttpReply::body; false ends the transfer.
  std::function<bool(absl::string_view piece)> on_body = nullptr;
};

// How a transfer ended, as far as it matters to who might try again.
enum class TransferResult {
  kComplete,       // A whole reply, of whatever status.
  kNotConnected,   // Name, connection or handshake failed: try again.
  kInterrupted,    // The connection broke before the reply was whole: the same.
  kTimedOut,       // Connected, but no whole reply within the time.
  kTooLarge,       // The reply passed `reply_size_max`.
  kUntrusted,      // The certificate is wrong, or `ca_file` is.
  kMisconfigured,  // libcurl does not take the URL, proxy or protocol.
};

struct HttpReply {
  uint64_t id = 0;
  TransferResult result = TransferResult::kComplete;
  std::string failure;  // Why, if `result` is not kComplete.
  int status = 0;       // 0 if no status line came.
  std::map<std::string, std::string, std::less<>> headers;  // Lower-case names.
  std::string body;
  absl::Duration latency;

  // Returns the value of the header `name`, given in lower case, or "".
  absl::string_view Header(absl::string_view name) const;
};

// Escapes what may not stand in a segment of a path, or in a value of a query.
std::string ToPathSegment(absl::string_view text);

// Thread safety: none; one thread at a time uses a session.
class HttpSession {
 public:
  explicit HttpSession(const HttpEndpoint& endpoint);
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  // Begins `request`; `id` comes back with its reply.
  void Start(uint64_t id, HttpRequest request);

  // Returns the replies that have ended; waits up to `timeout` for the first.
  std::vector<HttpReply> Wait(absl::Duration timeout);

  // Sends and receives what is possible without waiting, for a caller that will
  // be busy before it waits.
  void Drive();

  // Drops what is in flight.
  void CancelAll();

  size_t in_flight_count() const { return transfers_.size(); }

 private:
  class Transfer;
  struct MultiDeleter {
    void operator()(void* multi) const;
  };

  std::vector<HttpReply> TakeFinished();

  const HttpEndpoint endpoint_;
  std::set<int> sockets_;  // Outlives `multi_`, which closes them.
  std::unique_ptr<void, MultiDeleter> multi_;             // A CURLM.
  std::map<void*, std::unique_ptr<Transfer>> transfers_;  // By easy handle.
  std::vector<std::unique_ptr<Transfer>> idle_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_HTTP_SESSION_H_
