// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/page_token.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "xxhash.h"

#include "index/util/error_reason.h"
#include "index/util/little_endian.h"

namespace copse {
namespace {

// A token before base64: kind (1), domain number (4), key, checksum (4).
constexpr size_t kDomainOffset = 1;
constexpr size_t kKeyOffset = 5;
constexpr size_t kChecksumSizeBytes = 4;

uint32_t ChecksumOf(absl::string_view bytes) {
  return static_cast<uint32_t>(XXH3_64bits(bytes.data(), bytes.size()));
}

absl::Status InvalidTokenError(absl::string_view token) {
  // What a caller sends may be of any length and any bytes.
  const std::string shown = absl::CHexEscape(token.substr(0, 40));
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "page_token is '", shown,
          "', expected the next_page_token of an earlier page of this list")),
      "PAGE_TOKEN_INVALID", {{"found", shown}});
}

}  // namespace

std::string MakePageToken(PageTokenKind kind, uint32_t domain_number,
                          absl::string_view last_key) {
  std::string bytes(kKeyOffset, '\0');
  const auto header = std::as_writable_bytes(std::span(bytes));
  StoreLittleEndian<uint8_t>(header, 0, static_cast<uint8_t>(kind));
  StoreLittleEndian<uint32_t>(header, kDomainOffset, domain_number);
  absl::StrAppend(&bytes, last_key);
  const uint32_t checksum = ChecksumOf(bytes);
  bytes.resize(bytes.size() + kChecksumSizeBytes);
  StoreLittleEndian<uint32_t>(std::as_writable_bytes(std::span(bytes)),
                              bytes.size() - kChecksumSizeBytes, checksum);
  return absl::WebSafeBase64Escape(bytes);
}

absl::StatusOr<std::string> ParsePageToken(PageTokenKind kind,
                                           uint32_t domain_number,
                                           absl::string_view token) {
  std::string decoded;
  if (token.size() > 8192 || !absl::WebSafeBase64Unescape(token, &decoded) ||
      decoded.size() < kKeyOffset + kChecksumSizeBytes) {
    return InvalidTokenError(token);
  }
  const std::span<const std::byte> bytes = std::as_bytes(std::span(decoded));
  const size_t checksum_offset = decoded.size() - kChecksumSizeBytes;
  if (LoadLittleEndian<uint32_t>(bytes, checksum_offset) !=
          ChecksumOf(absl::string_view(decoded).substr(0, checksum_offset)) ||
      LoadLittleEndian<uint8_t>(bytes, 0) != static_cast<uint8_t>(kind) ||
      LoadLittleEndian<uint32_t>(bytes, kDomainOffset) != domain_number) {
    return InvalidTokenError(token);
  }
  return decoded.substr(kKeyOffset, checksum_offset - kKeyOffset);
}

absl::StatusOr<size_t> EffectivePageSize(int32_t page_size) {
  if (page_size < 0) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "page_size is ", page_size, ", expected 0 (for ",
                          kPageSizeDefault, ") to ", kPageSizeMax)),
                      "PAGE_SIZE_INVALID",
                      {{"found", absl::StrCat(page_size)},
                       {"wanted", absl::StrCat("0 to ", kPageSizeMax)}});
  }
  if (page_size == 0) {
    page_size = kPageSizeDefault;
  }
  return static_cast<size_t>(std::min(page_size, kPageSizeMax));
}

}  // namespace copse
