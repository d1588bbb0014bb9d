// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Writes a long answer in pieces of a good size.
//
//   PieceWriter writer(exchange);
//   absl::StrAppend(&writer.text(), "{...}\n");
//   COPSE_RETURN_IF_ERROR(writer.WriteIfLarge());
//   ...
//   COPSE_RETURN_IF_ERROR(writer.Write());

#ifndef COPSE_SIDECAR_HTTP_PIECE_WRITER_H_
#define COPSE_SIDECAR_HTTP_PIECE_WRITER_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"

#include "sidecar/http/http_exchange.h"

namespace copse {

// Thread safety: one thread at a time.
class PieceWriter {
 public:
  static constexpr size_t kPieceSizeBytes = size_t{64} << 10;

  // `exchange` must outlive this, and its stream have been started.
  explicit PieceWriter(HttpExchange& exchange) : exchange_(exchange) {}

  // What is to be written next; append to it.
  std::string& text() { return text_; }

  absl::Status WriteIfLarge() {
    return text_.size() < kPieceSizeBytes ? absl::OkStatus() : Write();
  }

  absl::Status Write();

 private:
  HttpExchange& exchange_;
  std::string text_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_PIECE_WRITER_H_
