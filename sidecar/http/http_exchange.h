// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One request and its answer, as a handler sees them: a body that can be read
// piece by piece while the answer is already on its way.
//
//   exchange->StartStream({.content_type = "application/x-ndjson"});
//   while (true) {
//     COPSE_ASSIGN_OR_RETURN(auto piece, exchange->ReadBody());
//     if (!piece.has_value()) break;
//     exchange->TryWrite(ProgressLine());
//   }
//   exchange->EndStream();
//
// Bytes are taken from the connection only when ReadBody() asks for them, so a
// client that sends faster than its request is worked on has to wait.

#ifndef COPSE_SIDECAR_HTTP_HTTP_EXCHANGE_H_
#define COPSE_SIDECAR_HTTP_HTTP_EXCHANGE_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

using HttpFields = std::vector<std::pair<std::string, std::string>>;

// What stands before the body of a request.
struct RequestHead {
  std::string method;
  std::string path;   // Without the query, as sent.
  std::string query;  // Without the '?', as sent.
  HttpFields fields;  // Names in lower case.
  std::string request_id;

  // Returns the first field of `name`, in lower case, or null.
  const std::string* Find(absl::string_view name) const {
    for (const auto& [field, value] : fields) {
      if (field == name) {
        return &value;
      }
    }
    return nullptr;
  }
};

// An answer, whole or without its body.
struct HttpAnswer {
  int status = 200;
  std::string content_type = "application/json";  // Empty for none.
  HttpFields fields = {};
  std::string body = {};
};

// Thread safety: ReadBody(), Write() and what starts and ends the answer are
// called by one thread at a time; TryWrite() and Interruption() by any.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  virtual const RequestHead& head() const = 0;

  // Waits for the next piece of the body; nullopt at its end. Fails with
  //
  //   kCancelled         the client disconnected before the body was complete;
  //   kDeadlineExceeded  it sent nothing for too long;
  //   kInvalidArgument   the chunked encoding is broken;
  //   kUnavailable       the server shuts down.
  virtual absl::StatusOr<std::optional<std::string>> ReadBody() = 0;

  // Adds a field to the answer. REQUIRES: no answer was started.
  virtual void AddField(std::string name, std::string value) = 0;

  // Sends a whole answer, without waiting. REQUIRES: no answer was started.
  virtual void Answer(HttpAnswer answer) = 0;

  // Sends all but the body, which follows in pieces, without waiting.
  // REQUIRES: no answer was started.
  virtual void StartStream(HttpAnswer answer) = 0;

  // Sends a piece unless one is still on its way: for what may be left out.
  // Returns whether it is sent. After EndStream() it has no effect.
  virtual bool TryWrite(absl::string_view piece) = 0;

  // Sends a piece, waiting while the client is slow to take those before. Fails
  // with kCancelled if the client has gone.
  virtual absl::Status Write(absl::string_view piece) = 0;

  // Ends the answer after StartStream().
  virtual void EndStream() = 0;

  // Ends the answer after StartStream() so that the client sees that something
  // is missing.
  virtual void BreakStream() = 0;

  // OK, or kCancelled if the connection is lost, and nobody waits for the
  // answer. It is lost, too, when the server has waited long enough for the
  // requests that were under way when it began to shut down.
  virtual absl::Status Interruption() const = 0;

  // The address of the client, for the log.
  virtual const std::string& peer() const = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_HTTP_EXCHANGE_H_
