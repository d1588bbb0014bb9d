// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the payloads of all kinds of forest pages have in common: a head of 48
// bytes that begins with a layout number, and arrays behind it. With the 16
// bytes of the envelope the arrays begin at offset 64 of the page, a multiple
// of the cache line, as the page itself begins at one.
//
//   COPSE_ASSIGN_OR_RETURN(
//       std::span<const std::byte> payload,
//       OpenPayload(page_bytes, PageKind::kLeaf, kLeafLayout));
//   COPSE_RETURN_IF_ERROR(CheckPayloadSize(payload, wanted_size_bytes));
//   std::span<const float> scales = PayloadArray<float>(payload, offset,
//   count);
//
// Offsets in messages and in the tables of the headers count from the first
// byte of the page.

#ifndef COPSE_INDEX_PAGE_PAYLOAD_H_
#define COPSE_INDEX_PAGE_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/checksum_page.h"
#include "index/util/check.h"

namespace copse::internal {

// The offset in the payload at which the arrays begin.
inline constexpr size_t kPayloadHeadSizeBytes = 48;

// Returns the payload of the page `bytes` after checking the envelope, that
// the page is of `kind`, that it has a whole head and that the head begins
// with `layout`. Fails with kDataLoss, and with kUnimplemented if the page is
// intact but of another layout. No layout below the present one was released;
// who changes one that was, makes a reader of the old one first.
absl::StatusOr<std::span<const std::byte>> OpenPayload(
    std::span<const std::byte> bytes, PageKind kind, uint16_t layout);

// Returns kDataLoss unless `payload` has exactly `size_bytes` bytes.
absl::Status CheckPayloadSize(std::span<const std::byte> payload,
                              size_t size_bytes);

// Returns kDataLoss unless the bytes [first, last) of `payload` are zero.
absl::Status CheckZero(std::span<const std::byte> payload, size_t first,
                       size_t last);

// Returns kDataLoss, naming the field and its offset in the page, unless
// min <= value <= max.
absl::Status CheckField(absl::string_view field, size_t payload_offset,
                        uint64_t value, uint64_t min, uint64_t max);

// Returns kDataLoss, naming the field and its offset in the page, unless all
// `values`, which begin at `payload_offset`, are finite.
absl::Status CheckFinite(absl::string_view field, size_t payload_offset,
                         std::span<const float> values);

// Returns a view of the `count` values of type T at `offset` in `payload`.
// REQUIRES: they lie within it, at an address that is a multiple of alignof(T).
template <typename T>
std::span<const T> PayloadArray(std::span<const std::byte> payload,
                                size_t offset, size_t count) {
  COPSE_DCHECK(offset <= payload.size() &&
               count <= (payload.size() - offset) / sizeof(T));
  return {reinterpret_cast<const T*>(payload.data() + offset), count};
}

// Copies `values` to `offset` in `payload`.
// REQUIRES: they fit.
template <typename T>
void StorePayloadArray(std::span<std::byte> payload, size_t offset,
                       std::span<const T> values) {
  COPSE_CHECK(offset <= payload.size() &&
              values.size_bytes() <= payload.size() - offset);
  if (!values.empty()) {
    std::memcpy(payload.data() + offset, values.data(), values.size_bytes());
  }
}

// Returns the page of `kind` with `payload`, whose size has been bounded.
std::vector<std::byte> SealPage(PageKind kind,
                                std::span<const std::byte> payload);

}  // namespace copse::internal

#endif  // COPSE_INDEX_PAGE_PAYLOAD_H_
