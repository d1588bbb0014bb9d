// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/text_check.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "simdjson.h"
#include "unicode/uchar.h"
#include "unicode/utf8.h"

#include "index/util/error_reason.h"

namespace copse {
namespace {

constexpr char kTextRefusedReason[] = "EMBEDDING_TEXT_REFUSED";
constexpr char kCause[] = "cause";

// The offset of the first byte that is not UTF-8.
size_t InvalidOffset(absl::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    // Piece by piece, because ICU counts in 32 bits; no character is longer
    // than 4 bytes.
    const auto size =
        static_cast<int32_t>(std::min<size_t>(text.size() - offset, 4));
    int32_t i = 0;
    UChar32 c = 0;
    U8_NEXT(text.data() + offset, i, size, c);
    if (c < 0) {
      return offset;
    }
    offset += static_cast<size_t>(i);
  }
  return offset;
}

}  // namespace

bool IsWhiteSpace(absl::string_view text) {
  for (size_t offset = 0; offset < text.size();) {
    const auto size =
        static_cast<int32_t>(std::min<size_t>(text.size() - offset, 4));
    int32_t i = 0;
    UChar32 c = 0;
    U8_NEXT(text.data() + offset, i, size, c);
    if (!u_isUWhiteSpace(c)) {
      return false;
    }
    offset += static_cast<size_t>(i);
  }
  return true;
}

absl::Status CheckText(absl::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    return WithReason(absl::InvalidArgumentError(absl::StrFormat(
                          "text is not UTF-8 at byte %d, expected valid UTF-8",
                          InvalidOffset(text))),
                      "EMBEDDING_TEXT_INVALID");
  }
  if (IsWhiteSpace(text)) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrFormat(
            "text of %d bytes is empty or white space, expected something to "
            "embed",
            text.size())),
        "EMBEDDING_TEXT_EMPTY");
  }
  return absl::OkStatus();
}

absl::Status TextRefused(absl::string_view message) {
  return WithReason(absl::InvalidArgumentError(message), kTextRefusedReason);
}

absl::Status TextWithoutVector(absl::string_view message) {
  return WithReason(absl::InvalidArgumentError(message), kTextRefusedReason,
                    {{kCause, "no_vector"}});
}

bool MayBeTooLong(const absl::Status& status) {
  const std::optional<ErrorReason> reason = ReasonOf(status);
  return reason.has_value() && reason->reason == kTextRefusedReason &&
         std::ranges::none_of(reason->metadata, [](const auto& entry) {
           return entry.first == kCause;
         });
}

}  // namespace copse
