// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How many texts a provider manages within the time of a request. A large batch
// on a slow machine times out again and again, so a time-out halves what later
// requests hold. It may have been the network, or a model that was loading: so
// after 16 such requests in time, twice as many are tried.

#ifndef COPSE_SIDECAR_EMBEDDING_SLOW_BATCH_LIMIT_H_
#define COPSE_SIDECAR_EMBEDDING_SLOW_BATCH_LIMIT_H_

#include <algorithm>
#include <cstdint>
#include <limits>

namespace copse {

// Thread safety: none.
class SlowBatchLimit {
 public:
  uint32_t text_count_max() const { return text_count_max_; }

  void OnTimeOut(uint32_t text_count) {
    text_count_max_ =
        std::min(text_count_max_, std::max<uint32_t>(text_count / 2, 1));
    success_count_ = 0;
  }

  void OnVectors(uint32_t text_count) {
    if (text_count < text_count_max_ || text_count_max_ == kUnlimited) {
      return;  // Says nothing about more.
    }
    if (++success_count_ >= kSuccessCount) {
      text_count_max_ =
          text_count_max_ >= kTextCountMax ? kUnlimited : 2 * text_count_max_;
      success_count_ = 0;
    }
  }

 private:
  static constexpr uint32_t kUnlimited = std::numeric_limits<uint32_t>::max();
  static constexpr uint32_t kSuccessCount = 16;
  static constexpr uint32_t kTextCountMax = 2048;  // Of all settings.

  uint32_t text_count_max_ = kUnlimited;
  uint32_t success_count_ = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_SLOW_BATCH_LIMIT_H_
