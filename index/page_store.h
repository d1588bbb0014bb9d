// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Where the forest reads and writes its pages. A page is an immutable string
// of bytes with a number; the store gives the numbers and never reuses one. A
// database, a test's memory and later an object store implement the two
// interfaces.

#ifndef COPSE_INDEX_PAGE_STORE_H_
#define COPSE_INDEX_PAGE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace copse {

using PageId = uint64_t;

// No page has this number.
inline constexpr PageId kNoPage = 0;

// A loaded page: its bytes begin at an address that is a multiple of 64, and
// stay as they are while a PageRef exists.
class PageBytes {
 public:
  // Copies `bytes` to aligned memory.
  explicit PageBytes(std::span<const std::byte> bytes);
  ~PageBytes();
  PageBytes(const PageBytes&) = delete;
  PageBytes& operator=(const PageBytes&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_;
  size_t size_;
};
using PageRef = std::shared_ptr<const PageBytes>;

// Thread safety: any number of threads may use one PageSource.
class PageSource {
 public:
  virtual ~PageSource() = default;

  // Returns page `page_id`. Fails with kDataLoss naming the page if the store
  // does not have it. The bytes are not checked here: who parses them does.
  virtual absl::StatusOr<PageRef> Read(PageId page_id) const = 0;
};

// Thread safety: any number of threads may use one PageSink.
class PageSink {
 public:
  virtual ~PageSink() = default;

  // Stores `bytes` as a new page and returns its number.
  virtual absl::StatusOr<PageId> Write(std::span<const std::byte> bytes) = 0;
};

}  // namespace copse

#endif  // COPSE_INDEX_PAGE_STORE_H_
