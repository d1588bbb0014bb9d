// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An inner page names the children of one node of a tree: leaf pages at level
// 1, inner pages of the level below at higher ones. The centroids of the
// children are on centroid pages: the first `centroid_counts[0]` children have
// theirs on the first of these pages in order, and so on.
//
//   std::vector<std::byte> bytes = EncodeInnerPage(contents);
//   COPSE_ASSIGN_OR_RETURN(InnerPage page, InnerPage::Parse(bytes));
//   PageId child = page.children()[3];
//
// Layout in the envelope of checksum_page.h, little-endian; sizes in bytes,
// offsets from the first byte of the page:
//
//   OFFSET        SIZE  FIELD
//       16           2  layout, 2
//       18           1  level, 1 to kLevelMax
//       19           1  reserved, zero
//       20           4  child count n, 1 to kChildCountMax
//       24           4  centroid page count m, 1 to n
//       28           4  dimension d, 1 to kDimensionMax
//       32           2  exponent of the factors of the coded rows
//       34           2  exponent of the biases of the coded rows
//       36          28  reserved, zero
//       64         8*m  numbers of the centroid pages, none of them 0
//   64+8*m         8*n  numbers of the children, none of them 0
//      ...         4*m  centroids on each centroid page, at least 1, sum n
//      ...         4*n  rows below each child, at least 1
//      ...         4*n  spreads, fp32, finite, at least 0: the mean squared
//                       distance of the rows below each child to its centroid
//      ...              coded rows (coded_rows.h): the centroids of the
//                       children, relative to that of the node, which for the
//                       top of a tree is the origin

#ifndef COPSE_INDEX_INNER_PAGE_H_
#define COPSE_INDEX_INNER_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/coded_rows.h"
#include "index/page_store.h"

namespace copse::internal {

// The most children of an inner page.
inline constexpr uint32_t kChildCountMax = 1024;

// The highest level. Four children a page reach 2^32 rows at level 16; the
// rest is for trees that deletions have left thin.
inline constexpr uint32_t kLevelMax = 32;

// What an inner page says; the spans are not owned.
struct InnerPageContents {
  uint32_t level = 1;
  std::span<const PageId> centroid_pages;
  std::span<const uint32_t> centroid_counts;  // As many as centroid_pages.
  std::span<const PageId> children;
  std::span<const uint32_t> row_counts;  // As many as children.
  std::span<const float> spreads;        // As many as children.
};

// Returns the page that says `contents`, and has `codes` for the centroids of
// the children, in their order.
// REQUIRES: contents are within the bounds of the layout.
std::vector<std::byte> EncodeInnerPage(const InnerPageContents& contents,
                                       size_t dimension,
                                       const CodedRowsBuilder& codes);

// A view of one page that has been checked.
class InnerPage {
 public:
  // Checks `bytes`, which must outlive the view. Fails with kDataLoss, and
  // with kUnimplemented for a newer layout.
  // REQUIRES: bytes begin at an address that is a multiple of 8.
  static absl::StatusOr<InnerPage> Parse(std::span<const std::byte> bytes);

  uint32_t level() const { return contents_.level; }
  std::span<const PageId> centroid_pages() const {
    return contents_.centroid_pages;
  }
  std::span<const uint32_t> centroid_counts() const {
    return contents_.centroid_counts;
  }
  std::span<const PageId> children() const { return contents_.children; }
  std::span<const uint32_t> row_counts() const { return contents_.row_counts; }
  std::span<const float> spreads() const { return contents_.spreads; }

  // Returns the rows below all children.
  uint64_t row_count() const { return row_count_; }

  size_t dimension() const { return dimension_; }
  const CodedRows& coded_rows() const { return coded_rows_; }

 private:
  InnerPage(const InnerPageContents& contents, size_t dimension,
            const CodedRows& coded_rows);

  InnerPageContents contents_;  // Spans into the bytes; not owned.
  uint64_t row_count_;
  size_t dimension_;
  CodedRows coded_rows_;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_INNER_PAGE_H_
