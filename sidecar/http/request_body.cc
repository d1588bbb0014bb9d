// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/request_body.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/http_exchange.h"

namespace copse {

std::string MediaTypeOf(const RequestHead& head) {
  const std::string* field = head.Find("content-type");
  if (field == nullptr) {
    return "";
  }
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(
      absl::string_view(*field).substr(0, field->find(';'))));
}

absl::Status CheckJsonType(const RequestHead& head) {
  const std::string found = MediaTypeOf(head);
  return found == "application/json" ? absl::OkStatus() : MediaTypeError(found);
}

absl::StatusOr<std::string> ReadWholeBody(HttpExchange& exchange,
                                          size_t size_bytes_max) {
  const std::string* const declared = exchange.head().Find("content-length");
  uint64_t declared_size_bytes = 0;
  if (declared != nullptr &&
      absl::SimpleAtoi(*declared, &declared_size_bytes) &&
      declared_size_bytes > size_bytes_max) {
    return BodyTooLargeError(size_bytes_max);
  }
  std::string body;
  while (true) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> piece,
                           exchange.ReadBody());
    if (!piece.has_value()) {
      return body;
    }
    if (body.size() + piece->size() > size_bytes_max) {
      return BodyTooLargeError(size_bytes_max);
    }
    body += *piece;
  }
}

}  // namespace copse
