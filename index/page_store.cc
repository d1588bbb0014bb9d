// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/page_store.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <span>

namespace copse {
namespace {

// A cache line, and the widest vector register.
constexpr std::align_val_t kAlignment{64};

}  // namespace

PageBytes::PageBytes(std::span<const std::byte> bytes)
    : data_(static_cast<std::byte*>(::operator new(bytes.size(), kAlignment))),
      size_(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), data_);
}

PageBytes::~PageBytes() { ::operator delete(data_, kAlignment); }

}  // namespace copse
