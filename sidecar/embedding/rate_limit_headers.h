// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the headers of a reply say about the provider's limits:
//
//   x-ratelimit-limit-requests, -remaining-requests, -reset-requests
//   x-ratelimit-limit-tokens,   -remaining-tokens,   -reset-tokens
//
// as OpenAI and Azure send them, and gateways after them. Whatever is absent,
// negative or not a number is unknown.

#ifndef COPSE_SIDECAR_EMBEDDING_RATE_LIMIT_HEADERS_H_
#define COPSE_SIDECAR_EMBEDDING_RATE_LIMIT_HEADERS_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

#include "sidecar/embedding/http_session.h"

namespace copse {

// One of the two limits.
struct RateLimitState {
  std::optional<int64_t> limit = {};      // A minute; above 0.
  std::optional<int64_t> remaining = {};  // From 0 on.

  // The time until all of `limit` is there again: not until the next request is
  // allowed, unless nothing remains. Above 0; Azure's 0 and -1 say nothing.
  std::optional<absl::Duration> reset = {};
};

struct RateLimitHeaders {
  RateLimitState requests;
  RateLimitState tokens;
};

// Never fails: at worst all is unknown.
RateLimitHeaders ReadRateLimitHeaders(const HttpReply& reply);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_RATE_LIMIT_HEADERS_H_
