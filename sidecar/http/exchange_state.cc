// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/exchange_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/service/call_context.h"

namespace copse {
namespace {

// What may wait to be written before Write() waits.
constexpr size_t kOutgoingSizeBytesMax = size_t{256} << 10;

constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// A status that must not have a body.
bool IsBodiless(int status) { return status == 204 || status == 304; }

absl::Status DisconnectedError() {
  return WithReason(
      absl::CancelledError(
          "the client disconnected before its request was answered"),
      "CLIENT_DISCONNECTED");
}

// A name or value that could end its line is left out with its field.
bool IsSafe(absl::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t';
  });
}

}  // namespace

absl::string_view StatusPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

ExchangeState::ExchangeState(std::shared_ptr<ExchangeTransport> transport,
                             ExchangeOptions options)
    : transport_(std::move(transport)),
      options_(std::move(options)),
      expects_continue_(options_.expects_continue && options_.has_body),
      body_complete_(!options_.has_body),
      piece_(std::string()),
      close_(!options_.keep_alive) {}

absl::StatusOr<std::optional<std::string>> ExchangeState::ReadBody() {
  {
    MutexLock lock(mutex_);
    COPSE_CHECK(!reading_ && !ended_, "ReadBody() out of turn");
    COPSE_RETURN_IF_ERROR(piece_.status());
    if (body_complete_) {
      return std::nullopt;
    }
    COPSE_RETURN_IF_ERROR(Check());
    if (stopping_) {
      return ShuttingDownError();
    }
    if (std::exchange(expects_continue_, false) && !started_) {
      Append(kContinue);
    }
    reading_ = true;
  }
  transport_->StartRead();
  MutexLock lock(mutex_);
  while (reading_ && !stopping_) {
    changed_.Wait(mutex_);
  }
  if (reading_) {
    return ShuttingDownError();
  }
  COPSE_RETURN_IF_ERROR(piece_.status());
  std::string piece = *std::exchange(piece_, std::string());
  if (piece.empty() && body_complete_) {
    return std::nullopt;
  }
  return piece;
}

void ExchangeState::AddField(std::string name, std::string value) {
  MutexLock lock(mutex_);
  fields_.emplace_back(std::move(name), std::move(value));
}

void ExchangeState::Answer(HttpAnswer answer) {
  MutexLock lock(mutex_);
  COPSE_CHECK(!started_, "a second answer");
  AppendHead(answer, answer.body.size());
  ended_ = true;
  const bool has_body =
      !IsBodiless(answer.status) && options_.head.method != "HEAD";
  Append(has_body ? absl::string_view(answer.body) : absl::string_view());
}

void ExchangeState::StartStream(HttpAnswer answer) {
  MutexLock lock(mutex_);
  COPSE_CHECK(!started_, "a second answer");
  if (std::exchange(expects_continue_, false)) {
    Append(kContinue);  // The body is wanted; later it would be out of place.
  }
  AppendHead(answer, std::nullopt);
  Append("");
}

bool ExchangeState::TryWrite(absl::string_view piece) {
  MutexLock lock(mutex_);
  COPSE_CHECK(started_, "a piece without an answer");
  if (writing_ || lost_ || ended_) {
    return false;
  }
  AppendPiece(piece);
  return true;
}

absl::Status ExchangeState::Write(absl::string_view piece) {
  MutexLock lock(mutex_);
  COPSE_CHECK(started_ && !ended_, "a piece without an answer");
  while (outgoing_.size() > kOutgoingSizeBytesMax && !lost_) {
    changed_.Wait(mutex_);
  }
  if (lost_) {
    return DisconnectedError();
  }
  AppendPiece(piece);
  return absl::OkStatus();
}

void ExchangeState::EndStream() {
  MutexLock lock(mutex_);
  if (!started_ || ended_) {
    return;
  }
  ended_ = true;
  close_ = close_ || !chunked_;
  Append(chunked_ ? "0\r\n\r\n" : "");
}

void ExchangeState::BreakStream() {
  MutexLock lock(mutex_);
  if (!started_ || ended_) {
    return;
  }
  ended_ = true;
  close_ = true;  // Without the last chunk the client knows.
  Append("");
}

absl::Status ExchangeState::Interruption() const {
  MutexLock lock(mutex_);
  return Check();
}

void ExchangeState::OnReleased() {
  bool answered = false;
  {
    MutexLock lock(mutex_);
    answered = started_;
  }
  if (answered) {
    BreakStream();
  } else {
    Answer({.status = 500, .body = "{\"error\":\"no answer was made\"}"});
  }
}

void ExchangeState::OnRead(absl::StatusOr<std::string> piece, bool complete) {
  MutexLock lock(mutex_);
  if (!piece.ok()) {
    close_ = true;  // Nobody knows where the next request begins.
  } else {
    received_size_bytes_ += static_cast<int64_t>(piece->size());
  }
  piece_ = std::move(piece);
  body_complete_ = complete;
  reading_ = false;
  changed_.NotifyAll();
}

std::string ExchangeState::TakeOutgoing() {
  MutexLock lock(mutex_);
  if (outgoing_.empty()) {
    writing_ = false;
  }
  changed_.NotifyAll();
  sent_size_bytes_ += static_cast<int64_t>(outgoing_.size());
  return std::exchange(outgoing_, std::string());
}

void ExchangeState::OnLost() {
  MutexLock lock(mutex_);
  lost_ = true;
  writing_ = false;
  outgoing_.clear();
  changed_.NotifyAll();
}

void ExchangeState::OnStopping() {
  MutexLock lock(mutex_);
  stopping_ = true;
  close_ = true;
  changed_.NotifyAll();
}

bool ExchangeState::IsAnswered() const {
  MutexLock lock(mutex_);
  return ended_ && !writing_;
}

bool ExchangeState::MayContinue() const {
  MutexLock lock(mutex_);
  return !close_ && !lost_ && !reading_;
}

bool ExchangeState::IsReading() const {
  MutexLock lock(mutex_);
  return reading_;
}

int ExchangeState::status() const {
  MutexLock lock(mutex_);
  return status_;
}

int64_t ExchangeState::sent_size_bytes() const {
  MutexLock lock(mutex_);
  return sent_size_bytes_;
}

int64_t ExchangeState::received_size_bytes() const {
  MutexLock lock(mutex_);
  return received_size_bytes_;
}

void ExchangeState::AppendHead(const HttpAnswer& answer,
                               std::optional<size_t> size) {
  started_ = true;
  status_ = answer.status;
  // A client that still waits for 100 Continue may or may not send its body.
  close_ = close_ || expects_continue_;
  chunked_ = !size.has_value() && options_.is_http_1_1;
  close_ = close_ || (!size.has_value() && !chunked_);
  std::string head =
      absl::StrCat("HTTP/1.1 ", answer.status, " ", StatusPhrase(answer.status),
                   "\r\nServer: copse\r\nCache-Control: no-store\r\n");
  const auto append = [&head](absl::string_view name, absl::string_view value) {
    if (IsSafe(name) && IsSafe(value)) {
      absl::StrAppend(&head, name, ": ", value, "\r\n");
    }
  };
  if (!answer.content_type.empty() && !IsBodiless(answer.status)) {
    append("Content-Type", answer.content_type);
  }
  append("X-Request-Id", options_.head.request_id);
  for (const auto& [name, value] : answer.fields) {
    append(name, value);
  }
  for (const auto& [name, value] : fields_) {
    append(name, value);
  }
  if (chunked_) {
    append("Transfer-Encoding", "chunked");
  } else if (size.has_value() && !IsBodiless(answer.status)) {
    append("Content-Length", absl::StrCat(*size));
  }
  append("Connection", close_ ? "close" : "keep-alive");
  absl::StrAppend(&head, "\r\n");
  outgoing_ += head;
}

void ExchangeState::AppendPiece(absl::string_view piece) {
  if (piece.empty()) {
    return;  // A chunk of no bytes would end the body.
  }
  Append(chunked_ ? absl::StrCat(absl::Hex(piece.size()), "\r\n", piece, "\r\n")
                  : std::string(piece));
}

void ExchangeState::Append(absl::string_view bytes) {
  if (lost_) {
    return;
  }
  outgoing_.append(bytes.data(), bytes.size());
  if (!writing_) {
    writing_ = true;
    transport_->StartWrite();
  }
}

absl::Status ExchangeState::Check() const {
  return lost_ ? DisconnectedError() : absl::OkStatus();
}

}  // namespace copse
