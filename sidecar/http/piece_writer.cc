// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/piece_writer.h"

#include "absl/status/status.h"

#include "sidecar/http/http_exchange.h"

namespace copse {

absl::Status PieceWriter::Write() {
  absl::Status status = exchange_.Write(text_);
  text_.clear();
  return status;
}

}  // namespace copse
