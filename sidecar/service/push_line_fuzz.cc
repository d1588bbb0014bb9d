// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Properties of any bytes read as lines of operations:
//
// * Reading ends, and reads nothing outside the bytes.
// * It gives the same operations, and the same error, wherever the bytes are
//   cut into pieces.
// * An error is kInvalidArgument, names the line, and is valid UTF-8.

#include "sidecar/service/push_line.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/util/utf8.h"

namespace copse {
namespace {

constexpr size_t kLineSizeBytesMax = 1000;

std::string Describe(const PushLine& line) {
  if (const auto* upsert = std::get_if<UpsertOperation>(&line.operation)) {
    return absl::StrCat("+", line.is_insert, upsert->document.id, "\n",
                        upsert->document.type, "\n",
                        upsert->document.text.value_or(""));
  }
  if (const auto* drop = std::get_if<DeleteOperation>(&line.operation)) {
    return absl::StrCat("-", drop->document_id);
  }
  if (const auto* error = std::get_if<ErrorOperation>(&line.operation)) {
    return absl::StrCat("!", error->message);
  }
  return "abort";
}

// Returns what `bytes` say when they come in pieces of `size` bytes.
std::vector<std::string> ReadInPieces(absl::string_view bytes, size_t size) {
  std::vector<std::string> said;
  PushLineReader reader(kLineSizeBytesMax);
  const auto visit = [&said](const PushLine& line) {
    said.push_back(Describe(line));
    return absl::OkStatus();
  };
  absl::Status status;
  while (status.ok() && !bytes.empty()) {
    status = reader.Add(bytes.substr(0, size), visit);
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  if (status.ok()) {
    status = reader.Finish(visit);
  }
  if (!status.ok()) {
    COPSE_CHECK(absl::IsInvalidArgument(status), status.ToString());
    COPSE_CHECK(absl::StrContains(status.message(), "malformed"));
    for (absl::string_view rest = status.message(); !rest.empty();) {
      const Utf8Character next = FirstUtf8Character(rest);
      COPSE_CHECK(next.valid, status.ToString());
      rest.remove_prefix(next.size_bytes);
    }
    said.emplace_back(status.message());
  }
  return said;
}

}  // namespace
}  // namespace copse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> whole =
      copse::ReadInPieces(bytes, std::max<size_t>(size, 1));
  COPSE_CHECK(copse::ReadInPieces(bytes, 1) == whole);
  COPSE_CHECK(copse::ReadInPieces(bytes, 7) == whole);
  return 0;
}
