// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The exchange of a StreamServer: what the thread of a handler and the
// coroutine of a connection have in common. It knows how HTTP/1.1 is written
// and nothing of sockets.
//
// Invariants:
//
// * The bytes of one answer leave in the order in which they were given.
// * Nothing is sent after the end of the answer.
// * No field holds a control character: such a field is left out.

#ifndef COPSE_SIDECAR_HTTP_EXCHANGE_STATE_H_
#define COPSE_SIDECAR_HTTP_EXCHANGE_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/http/http_exchange.h"

namespace copse {

// What moves the bytes. All functions return at once and may be called from any
// thread.
class ExchangeTransport {
 public:
  virtual ~ExchangeTransport() = default;

  // Reads a piece of the body and tells ExchangeState::OnRead().
  virtual void StartRead() = 0;

  // Writes what ExchangeState::TakeOutgoing() gives until that is nothing.
  virtual void StartWrite() = 0;
};

// What is known of the request and its connection.
struct ExchangeOptions {
  RequestHead head;
  std::string peer;
  bool has_body = false;
  bool expects_continue = false;
  bool is_http_1_1 = true;
  bool keep_alive = true;
};

// Thread safety: as HttpExchange; the On...() functions by any thread.
class ExchangeState final : public HttpExchange {
 public:
  ExchangeState(std::shared_ptr<ExchangeTransport> transport,
                ExchangeOptions options);

  // ---- For handlers ----
  const RequestHead& head() const override { return options_.head; }
  const std::string& peer() const override { return options_.peer; }
  absl::StatusOr<std::optional<std::string>> ReadBody() override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void AddField(std::string name, std::string value) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Answer(HttpAnswer answer) override ABSL_LOCKS_EXCLUDED(mutex_);
  void StartStream(HttpAnswer answer) override ABSL_LOCKS_EXCLUDED(mutex_);
  bool TryWrite(absl::string_view piece) override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Write(absl::string_view piece) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void EndStream() override ABSL_LOCKS_EXCLUDED(mutex_);
  void BreakStream() override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Interruption() const override ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- For the connection ----

  // The handler has let the exchange go: what it left open ends now.
  void OnReleased() ABSL_LOCKS_EXCLUDED(mutex_);

  // A read has ended: with a piece, which may be empty, or an error, and
  // `complete` after the last piece.
  void OnRead(absl::StatusOr<std::string> piece, bool complete)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns what to write, or "" if there is nothing now; then StartWrite() is
  // called when there is.
  std::string TakeOutgoing() ABSL_LOCKS_EXCLUDED(mutex_);

  // The connection is lost.
  void OnLost() ABSL_LOCKS_EXCLUDED(mutex_);

  // The server shuts down.
  void OnStopping() ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether all of the answer has been written, or the connection is lost.
  bool IsAnswered() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether the connection can serve another request after this one.
  bool MayContinue() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether a read is under way, which nobody may wait for any more.
  bool IsReading() const ABSL_LOCKS_EXCLUDED(mutex_);

  int status() const ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t sent_size_bytes() const ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t received_size_bytes() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Appends status line and fields. `size` is unset for a stream.
  void AppendHead(const HttpAnswer& answer, std::optional<size_t> size)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AppendPiece(absl::string_view piece)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Append(absl::string_view bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Check() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<ExchangeTransport> transport_;
  const ExchangeOptions options_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool expects_continue_ ABSL_GUARDED_BY(mutex_);
  bool body_complete_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  absl::StatusOr<std::string> piece_ ABSL_GUARDED_BY(mutex_);
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool chunked_ ABSL_GUARDED_BY(mutex_) = false;
  bool close_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  HttpFields fields_ ABSL_GUARDED_BY(mutex_);  // Beside those of the answer.
  std::string outgoing_ ABSL_GUARDED_BY(mutex_);
  int status_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t sent_size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t received_size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // Of the body.
};

// Returns what stands after a status code, such as "Not Found".
absl::string_view StatusPhrase(int status);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_EXCHANGE_STATE_H_
