// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Stops asking a provider that fails, and asks again with one text from time to
// time, until it answers.
//
//   closed     requests go
//   open       none goes until next_try_time()
//   half-open  that time has come: one request goes, the probe, and its outcome
//              closes or opens
//
// It opens after 5 failures without a success between, or when more than half
// of at least 20 requests within 30 s failed. Requests that were under way
// together fail together, so of those the first counts; but all count for the
// share. Then it stays open for a random time of 5 s up to 10 s, and after each
// probe that fails up to twice as long, at most 60 s. A refusal that no retry
// mends, such as a wrong key or an empty account, opens it at once, for 10
// minutes.
//
// Being told to slow down (429) is no failure: the provider lives. But who asks
// for a longer pause than a caller can be held up for is left alone that long.

#ifndef COPSE_SIDECAR_EMBEDDING_CIRCUIT_BREAKER_H_
#define COPSE_SIDECAR_EMBEDDING_CIRCUIT_BREAKER_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace copse {

struct CircuitBreakerOptions {
  absl::Duration delay_min = absl::Seconds(5);
  absl::Duration delay_max = absl::Minutes(1);
  absl::Duration refusal_delay = absl::Minutes(10);
};

// Thread safety: none; FlowControl holds a lock.
class CircuitBreaker {
 public:
  enum class State { kClosed, kOpen, kHalfOpen };

  explicit CircuitBreaker(const CircuitBreakerOptions& options)
      : options_(options) {}

  State state(absl::Time now) const;

  // Whether the probe is under way; then nothing else goes.
  bool is_probing() const { return is_probing_; }

  // Whether it is open because the provider refused us.
  bool is_refused() const { return is_refused_; }

  // When the next probe may go. REQUIRES: the state is not kClosed.
  absl::Time next_try_time() const { return next_try_time_; }

  // What the provider said when it last failed.
  const std::string& last_words() const { return last_words_; }

  // The probe goes. REQUIRES: the state is kHalfOpen and not is_probing().
  void BeginProbe() { is_probing_ = true; }

  // Nobody waits for the probe any more: another may go at once.
  void AbandonProbe() { is_probing_ = false; }

  // A request that began at `start` ended at `now`; `is_probe` says whether it
  // was the probe. `random` is in [0, 1).
  void OnSuccess(bool is_probe, absl::Time now);
  void OnFailure(bool is_probe, absl::string_view words, absl::Time start,
                 absl::Time now, double random);
  void OnRefusal(bool is_probe, absl::string_view words, absl::Time now);

  // The provider asks to be left alone until `until`.
  void OnLongPause(absl::string_view words, absl::Time until);

  // Somebody knows better, or wants to: if it is open, the next probe may go at
  // `now`.
  void AllowProbe(absl::Time now);

  // The configuration has changed, such as the key: all is forgotten.
  void Reset();

 private:
  struct Outcome {
    absl::Time time;
    bool is_failure = false;
  };

  void Note(bool is_failure, absl::Time now);
  bool MostFail() const;
  void Open(absl::Time now, double random);

  const CircuitBreakerOptions options_;
  bool is_open_ = false;
  bool is_probing_ = false;
  bool is_refused_ = false;
  uint32_t failure_count_ = 0;  // Without a success between.
  uint32_t open_count_ = 0;     // The same.
  absl::Time last_failure_time_ = absl::InfinitePast();
  absl::Time next_try_time_ = absl::InfinitePast();
  std::deque<Outcome> outcomes_;  // Of the last 30 s, oldest first.
  int64_t recent_failure_count_ = 0;
  std::string last_words_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_CIRCUIT_BREAKER_H_
