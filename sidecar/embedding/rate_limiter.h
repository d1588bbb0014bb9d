// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Keeps what is sent to a provider below its limits of requests and of tokens a
// minute: two token buckets that fill all the time.
//
//   RateLimiter limiter({.requests_per_minute = 600,
//                        .tokens_per_minute = 200000}, now);
//   if (limiter.StartTime(cost, FlowLane::kDocument, now) <= now) {
//     limiter.Reserve(cost, now);
//     ...                                  // Send; `cost` was an estimate.
//     limiter.Settle(cost);
//     limiter.Learn(ReadRateLimitHeaders(reply), now);
//     limiter.Correct(cost, real_cost, now);
//   }
//
// What it keeps to:
//
// * 95 % of a limit, so that clocks, networks and estimates may be off a
// little.
// * What is not used is saved for a moment only: a request and those of 50 ms,
//   since Azure looks at slices of 1 and of 10 seconds, where a burst is
//   refused that a minute has room for; tokens of 2 s, which a request takes at
//   once. So in no minute more than the limit is sent, however it is cut out.
// * Documents go once what they cost is saved, so that they leave no debt, if
//   they are cut to request_token_count_max(); a single longer text goes on
//   credit. A query may borrow 1.5 % of a minute. So however many documents
//   there are, a query goes at once.
// * Headers only tighten: the lower of the setting and the provider's limit
//   counts, and what remains there is never exceeded. Where nothing remains,
//   nothing goes before the reset; where something does, the reset says when
//   the bucket is full, and nobody waits for that.

#ifndef COPSE_SIDECAR_EMBEDDING_RATE_LIMITER_H_
#define COPSE_SIDECAR_EMBEDDING_RATE_LIMITER_H_

#include <cstdint>

#include "absl/time/time.h"

#include "sidecar/embedding/rate_limit_headers.h"

namespace copse {

// Who asks. A person waits for a query.
enum class FlowLane { kDocument, kQuery };

// Per minute; 0 means unknown, and then not limited.
struct RateLimits {
  int64_t requests_per_minute = 0;
  int64_t tokens_per_minute = 0;
};

// Thread safety: none; FlowControl holds a lock.
class RateLimiter {
 public:
  // `configured` are the limits that the operator knows of.
  RateLimiter(const RateLimits& configured, absl::Time now);

  // Returns when a request of `token_count` tokens may start, as far as can be
  // said at `now`: not after it if at once.
  absl::Time StartTime(int64_t token_count, FlowLane lane, absl::Time now);

  // A request of about `token_count` tokens starts.
  void Reserve(int64_t token_count, absl::Time now);

  // The reply to a request is there for which `reserved_token_count` were
  // reserved: the provider has counted it.
  void Settle(int64_t reserved_token_count);

  // The settled request took `token_count`.
  void Correct(int64_t reserved_token_count, int64_t token_count,
               absl::Time now);

  // Takes in what the reply to a settled request says.
  void Learn(const RateLimitHeaders& headers, absl::Time now);

  // Forgets the resets that headers named, until they name others.
  void ForgetResets();

  // The limits that count, from settings or headers.
  RateLimits limits() const;

  // What a request of documents should cost at most, so that it need not wait
  // for more than can be saved; 0 if no limit is known.
  int64_t request_token_count_max() const;

 private:
  class Bucket {
   public:
    // Saves up to `saved_min` and `saved_share` of a minute's limit.
    Bucket(int64_t configured, double saved_share, double saved_min,
           absl::Time now);

    absl::Time StartTime(double cost, FlowLane lane, absl::Time now);
    void Take(double cost, absl::Time now);
    void Settle(double reserved);
    void Correct(double reserved, double cost, absl::Time now);
    void Learn(const RateLimitState& state, absl::Time now);
    void ForgetReset() { blocked_until_ = absl::InfinitePast(); }
    int64_t limit() const { return limit_; }
    double saved_max() const;

   private:
    double rate() const;  // A second.
    void Fill(absl::Time now);
    void Add(double amount);

    const int64_t configured_;
    const double saved_share_;
    const double saved_min_;
    int64_t limit_;       // A minute; 0 if none is known.
    double level_ = 0.0;  // Below 0 in debt.
    double in_flight_ = 0.0;
    absl::Time fill_time_;
    absl::Time blocked_until_ = absl::InfinitePast();
  };

  Bucket requests_;
  Bucket tokens_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_RATE_LIMITER_H_
