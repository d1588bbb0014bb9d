// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How long to wait before a request is tried again.

#ifndef COPSE_SIDECAR_EMBEDDING_RETRY_DELAY_H_
#define COPSE_SIDECAR_EMBEDDING_RETRY_DELAY_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/embedding/http_session.h"

namespace copse {

// A server may ask for a longer pause than this; then the call fails instead of
// holding its caller up.
inline constexpr absl::Duration kServerDelayMax = absl::Seconds(120);

// A server that asks for more than this is not taken at its word: quotas are of
// a day at most, and a far time is more often a mistake.
inline constexpr absl::Duration kBelievedDelayMax = absl::Hours(24);

// Parses one or more of a number and a unit (h, m, s, ms, us, ns), such as
// "6m0s", "1.5s" or "20ms"; a bare number is in seconds. Returns nullopt for
// anything else, and for what is negative or not finite.
std::optional<absl::Duration> ParseDuration(absl::string_view text);

// Parses the value of Retry-After: seconds, whole or not, or an HTTP date,
// which is compared with `date`, the reply's own clock, if that is one, and
// with `now` if not. Dates that have passed and negative numbers mean now.
std::optional<absl::Duration> ParseRetryAfter(absl::string_view value,
                                              absl::string_view date,
                                              absl::Time now);

// Returns the wait that a provider's error text asks for, as in "try again in
// 1.5s" or "retry after 12 seconds".
std::optional<absl::Duration> FindDelayInMessage(absl::string_view message);

// Returns the wait that `reply` asks for, in this order: retry-after-ms,
// Retry-After, `hint` (from the body), the rate-limit reset headers whose
// remaining count is 0; at most kBelievedDelayMax.
std::optional<absl::Duration> ServerDelay(const HttpReply& reply,
                                          std::optional<absl::Duration> hint,
                                          absl::Time now);

// Returns the delay before attempt `attempt` + 1, for attempts from 1.
// `server_delay` is kept and up to a tenth added; without one, or with one of 0
// after the first attempt, it is uniform in [0, min(max, base * 2^(attempt -
// 1))]. `random` is in [0, 1).
absl::Duration BackoffDelay(uint32_t attempt,
                            std::optional<absl::Duration> server_delay,
                            absl::Duration base, absl::Duration max,
                            double random);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_RETRY_DELAY_H_
