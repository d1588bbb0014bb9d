// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tokens without a tokenizer: an estimate by bytes, and what a provider's own
// counts say about it.
//
//   const double estimate = EstimateTokenCount(text);
//   ...
//   meter.Observe(reply.token_count, estimate_of_the_request);
//   if (estimate * meter.upper_ratio() > 0.8 * limit) { ... }
//
// For English the estimate is 2.4 to 2.6 times what tokenizers count, for JSON,
// Chinese and Thai up to 2 times; for base64 and rare characters 0.6 to 0.8.

#ifndef COPSE_SIDECAR_EMBEDDING_TOKEN_METER_H_
#define COPSE_SIDECAR_EMBEDDING_TOKEN_METER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"

namespace copse {

// What EstimateTokenCount() is to be multiplied by while no provider has
// counted: right for English.
inline constexpr double kTypicalTokenRatio = 0.4;

// Returns 0.45 for each byte of ASCII in `text` and 0.75 for each other one.
double EstimateTokenCount(absl::string_view text);

// Thread safety: any number of threads may use one meter.
class TokenMeter {
 public:
  // A request that was estimated at `estimate` tokens had `token_count`. Counts
  // that no tokenizer would come to are taken for the nearest that one would.
  void Observe(int64_t token_count, double estimate);

  // By what to multiply an estimate so that hardly a request has more tokens:
  // the 99th percentile of the last 128 requests, and at least 1.
  double upper_ratio() const;

  // By what to multiply an estimate to be right in general: the median of the
  // same, or kTypicalTokenRatio while there are none.
  double typical_ratio() const;

 private:
  mutable Mutex mutex_;
  std::vector<double> ratios_ ABSL_GUARDED_BY(mutex_);
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  double upper_ratio_ ABSL_GUARDED_BY(mutex_) = 1.0;
  double typical_ratio_ ABSL_GUARDED_BY(mutex_) = kTypicalTokenRatio;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_TOKEN_METER_H_
