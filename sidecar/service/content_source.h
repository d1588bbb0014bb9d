// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Where a database gives the operations of its commits: TerminusDB up to 12.0
// answers
//
//   GET {endpoint}/{domain}?commit_id={commit}
//       [&previous_commit_id={previous}&previous={previous}]
//
// with one operation a line (push_line.h): what changed since the previous
// commit, or all documents without one.
//
//   COPSE_RETURN_IF_ERROR(FetchContent(
//       source, {.domain = "admin/trees", .commit = "c1"}, context,
//       [&](PushLine line) { return spool.Add(line.operation); }));
//
// Invariants:
//
// * Nothing but the endpoint is asked; redirects are errors, because they would
//   carry the credentials to another host. Certificates are always verified.
// * Memory: one line, at most kContentLineSizeBytesMax.
// * The end of the content is known from its framing. What a broken connection
//   leaves is an error, however whole its last line looks.

#ifndef COPSE_SIDECAR_SERVICE_CONTENT_SOURCE_H_
#define COPSE_SIDECAR_SERVICE_CONTENT_SOURCE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/service/call_context.h"
#include "sidecar/service/push_line.h"

namespace copse {

// A text of 48 MiB with some escapes.
inline constexpr size_t kContentLineSizeBytesMax = size_t{64} << 20;

struct ContentSourceOptions {
  // Such as "http://db:6363/api/index"; empty for none.
  std::string endpoint = {};

  // The header by which the database knows `user`, such as "X-User-Forward";
  // empty for none.
  std::string user_header = {};
  std::string user = "admin";

  // The `Authorization` of requests that bring none; empty for none.
  std::string authorization = {};

  std::string ca_file = {};  // Empty for the system's certificates.
  absl::Duration connect_timeout = absl::Seconds(10);
  absl::Duration idle_timeout = absl::Minutes(5);  // In whole seconds.
};

struct ContentRequest {
  std::string domain = {};
  std::string commit = {};
  std::string previous_commit = {};  // Empty for all documents.
  std::string authorization = {};    // Empty for that of the source.
};

// Whether `text` can be the value of a header that says who asks: printable
// ASCII, at most 16 KiB of it, and not empty.
bool IsCredential(absl::string_view text);

// Returns OK if `source` can be asked, or has no endpoint. Else
// kInvalidArgument that names the setting.
absl::Status CheckContentSource(const ContentSourceOptions& source);

// Returns the URL of `request`.
std::string ContentUrl(absl::string_view endpoint,
                       const ContentRequest& request);

// Visits all operations. Fails with
//
//   kUnavailable         CONTENT_UNAVAILABLE, the endpoint cannot be reached,
//                        breaks off, is idle for too long, or answers with
//                        status 429 or one above 499;
//   kFailedPrecondition  CONTENT_REFUSED, it answers with another status than
//                        200, is not trusted, or what it sends has no end;
//   kInvalidArgument     PUSH_LINE_MALFORMED;
//
// and with what `visit` and context.Check() return.
absl::Status FetchContent(const ContentSourceOptions& source,
                          const ContentRequest& request,
                          const CallContext& context,
                          const PushLineVisitor& visit);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_CONTENT_SOURCE_H_
