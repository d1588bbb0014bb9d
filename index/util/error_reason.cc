// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/util/error_reason.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"

namespace copse {
namespace {

constexpr absl::string_view kTypeUrl = "copse.dev/error-reason";

// Each string is its length as 4 bytes, then its bytes. The payload never
// leaves the process, so the order of the bytes is the machine's.
void AppendString(absl::string_view value, std::string& out) {
  const auto size = static_cast<uint32_t>(value.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof(size));
  out.append(value.data(), value.size());
}

bool TakeString(absl::string_view& rest, std::string& value) {
  uint32_t size = 0;
  if (rest.size() < sizeof(size)) {
    return false;
  }
  std::memcpy(&size, rest.data(), sizeof(size));
  rest.remove_prefix(sizeof(size));
  if (rest.size() < size) {
    return false;
  }
  value.assign(rest.data(), size);
  rest.remove_prefix(size);
  return true;
}

}  // namespace

absl::Status WithReason(
    absl::Status status, absl::string_view reason,
    const std::vector<std::pair<std::string, std::string>>& metadata) {
  COPSE_CHECK(!status.ok());
  std::string bytes;
  AppendString(reason, bytes);
  for (const auto& [name, value] : metadata) {
    AppendString(name, bytes);
    AppendString(value, bytes);
  }
  status.SetPayload(kTypeUrl, absl::Cord(bytes));
  return status;
}

std::optional<ErrorReason> ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kTypeUrl);
  if (!payload.has_value()) {
    return std::nullopt;
  }
  const std::string bytes(*payload);
  absl::string_view rest = bytes;
  ErrorReason result;
  if (!TakeString(rest, result.reason)) {
    return std::nullopt;
  }
  while (!rest.empty()) {
    std::pair<std::string, std::string> entry;
    if (!TakeString(rest, entry.first) || !TakeString(rest, entry.second)) {
      return std::nullopt;
    }
    result.metadata.push_back(std::move(entry));
  }
  return result;
}

}  // namespace copse
