// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A checksum page is the envelope of the pages copse stores. It says what it
// holds, how long it is and whether it arrived intact, so that a damaged page
// is refused before anything looks inside.
//
//   COPSE_ASSIGN_OR_RETURN(std::vector<std::byte> bytes,
//                          ChecksumPage::Encode(PageKind::kLeaf, payload));
//   ...
//   COPSE_ASSIGN_OR_RETURN(ChecksumPage page, ChecksumPage::Parse(bytes));
//   ScanLeaf(page.payload());
//
// Layout, little-endian, without padding; sizes are in bytes:
//
//   OFFSET  SIZE  FIELD
//        0     4  magic, the characters "CPSE"
//        4     2  format version, 1
//        6     2  page kind, see PageKind
//        8     4  payload size n, at most kPayloadSizeBytesMax
//       12     4  reserved, zero
//       16     n  payload
//     16+n     8  checksum, XXH3-64 with seed 0 of the 16 + n bytes before it
//
// Invariants:
//
// * Equal kinds and payloads give equal bytes, and each page has one encoding:
//   Encode() of what Parse() accepted gives the bytes that Parse() was given.
//   Pages can therefore be compared, and shared between commits, by content.
// * Every version keeps the magic, the payload size and the checksum where
//   they are, so that damage is told from a newer version.
//
// XXH3 finds accidents, such as torn writes and flipped bits. It is no defence
// against someone who makes a page on purpose, and a whole page in the place of
// another one passes: only the caller knows which page it asked for. Its output
// is fixed since xxHash 0.8.0, so it may be stored. doc/format.md has the
// history of the layout and a page to compare with.

#ifndef COPSE_INDEX_CHECKSUM_PAGE_H_
#define COPSE_INDEX_CHECKSUM_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

// What the payload of a page is. The values are stored: a value keeps its
// meaning for ever, and a new kind takes the next free one.
enum class PageKind : uint16_t {
  kForest = 1,       // forest_page.h
  kInner = 2,        // inner_page.h
  kLeaf = 3,         // leaf_page.h
  kCentroids = 4,    // centroid_page.h
  kCalibration = 5,  // calibration.h
};

// Returns "forest", "inner", "leaf", "centroids" or "calibration".
absl::string_view PageKindName(PageKind kind);

// A view of one page that has been checked.
//
// Thread safety: immutable; any number of threads may use one ChecksumPage.
class ChecksumPage {
 public:
  static constexpr size_t kHeaderSizeBytes = 16;
  static constexpr size_t kChecksumSizeBytes = 8;

  // A leaf of 256 vectors of 4,096 float dimensions fills 4 MiB. Four times
  // that leaves room, and bounds what a reader allocates on the word of a
  // header it has not checked yet.
  static constexpr size_t kPayloadSizeBytesMax = size_t{16} << 20;

  // Returns the size of a page with `payload_size_bytes` of payload.
  static constexpr size_t SizeBytes(size_t payload_size_bytes) {
    return kHeaderSizeBytes + payload_size_bytes + kChecksumSizeBytes;
  }

  // Returns the page of `kind` that holds a copy of `payload`, which may be
  // empty. Fails with kInvalidArgument if `payload` is longer than
  // kPayloadSizeBytesMax.
  static absl::StatusOr<std::vector<std::byte>> Encode(
      PageKind kind, std::span<const std::byte> payload);

  // Checks `bytes`, one whole page, and returns a view of it; `bytes` must
  // outlive the view. Reads each byte once and allocates nothing unless it
  // fails. Fails with
  //
  //   kDataLoss       if the page is torn or damaged, or breaks an invariant;
  //   kUnimplemented  if it is intact but of a version this build cannot read.
  static absl::StatusOr<ChecksumPage> Parse(std::span<const std::byte> bytes);

  PageKind kind() const { return kind_; }
  std::span<const std::byte> payload() const { return payload_; }

 private:
  ChecksumPage(PageKind kind, std::span<const std::byte> payload)
      : kind_(kind), payload_(payload) {}

  PageKind kind_;
  std::span<const std::byte> payload_;  // Not owned.
};

}  // namespace copse

#endif  // COPSE_INDEX_CHECKSUM_PAGE_H_
