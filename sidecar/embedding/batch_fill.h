// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How many texts go into one request: as many as keep to three limits at once.
//
//   BatchFill fill(endpoint.batch_limits());
//   while (i < sizes.size() && fill.TryAdd(sizes[i])) {
//     ++i;
//   }

#ifndef COPSE_SIDECAR_EMBEDDING_BATCH_FILL_H_
#define COPSE_SIDECAR_EMBEDDING_BATCH_FILL_H_

#include <cstdint>
#include <limits>

namespace copse {

// What a text takes of a request, its prefix included.
struct TextSize {
  int64_t size_bytes = 0;    // As JSON.
  double token_count = 0.0;  // Estimated.
};

struct BatchLimits {
  uint32_t text_count_max = 1;
  int64_t size_bytes_max = 0;

  // Of estimated tokens in a request, and in a text that has company: one that
  // is probably too long goes alone, so that it is refused alone.
  double token_count_max = std::numeric_limits<double>::infinity();
  double tokens_per_text_max = std::numeric_limits<double>::infinity();
};

// Thread safety: none.
class BatchFill {
 public:
  explicit BatchFill(const BatchLimits& limits) : limits_(limits) {}

  // Returns whether the text belongs to the request, and counts it if so. The
  // first always does.
  bool TryAdd(const TextSize& text) {
    const bool is_long = text.token_count > limits_.tokens_per_text_max;
    if (text_count_ > 0 &&
        (is_long || has_long_text_ || text_count_ >= limits_.text_count_max ||
         size_bytes_ + text.size_bytes > limits_.size_bytes_max ||
         token_count_ + text.token_count > limits_.token_count_max)) {
      return false;
    }
    has_long_text_ = is_long;
    ++text_count_;
    size_bytes_ += text.size_bytes;
    token_count_ += text.token_count;
    return true;
  }

  uint32_t text_count() const { return text_count_; }
  double token_count() const { return token_count_; }

 private:
  BatchLimits limits_;
  bool has_long_text_ = false;
  uint32_t text_count_ = 0;
  int64_t size_bytes_ = 0;
  double token_count_ = 0.0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_BATCH_FILL_H_
