// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/token_counter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"

namespace copse {
namespace {

constexpr size_t kPieceSizeMax = size_t{1} << 20;

// Where the piece of `text` that begins at `begin` ends.
size_t PieceEnd(absl::string_view text, size_t begin) {
  if (text.size() - begin <= kPieceSizeMax) {
    return text.size();
  }
  const size_t half = begin + kPieceSizeMax / 2;
  for (const char separator : {'\n', ' '}) {
    const size_t last = text.rfind(separator, begin + kPieceSizeMax - 1);
    if (last != absl::string_view::npos && last >= half) {
      // A token may begin with a space but hardly ever with a line end.
      return separator == ' ' ? last : last + 1;
    }
  }
  return CodePointStart(text, begin + kPieceSizeMax);
}

}  // namespace

absl::Status TokenCounter::ForEachToken(absl::string_view text,
                                        Visitor visit) const {
  if (text.size() > kTextSizeMax) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "text has %d bytes, expected at most %d", text.size(), kTextSizeMax));
  }
  COPSE_RETURN_IF_ERROR(CheckUtf8(text));
  TextRange last;
  return VisitTokens(text, [&](TextRange token) {
    last = {.begin = std::max(last.begin, token.begin),
            .end = std::max(last.end, token.end)};
    visit(last);
  });
}

absl::StatusOr<int64_t> TokenCounter::Count(absl::string_view text) const {
  int64_t count = 0;
  COPSE_RETURN_IF_ERROR(ForEachToken(text, [&](TextRange) { ++count; }));
  return count;
}

absl::Status ForEachPiece(
    absl::string_view text,
    absl::FunctionRef<absl::Status(absl::string_view piece, size_t offset)>
        visit) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = PieceEnd(text, begin);
    COPSE_RETURN_IF_ERROR(visit(text.substr(begin, end - begin), begin));
    begin = end;
  }
  return absl::OkStatus();
}

}  // namespace copse
