// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/rate_limit_headers.h"

#include <cstdint>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/embedding/http_session.h"
#include "sidecar/embedding/retry_delay.h"

namespace copse {
namespace {

std::optional<int64_t> ReadCount(const HttpReply& reply, absl::string_view name,
                                 absl::string_view kind, int64_t min) {
  int64_t count = 0;
  if (!absl::SimpleAtoi(
          reply.Header(absl::StrCat("x-ratelimit-", name, "-", kind)),
          &count) ||
      count < min) {
    return std::nullopt;
  }
  return count;
}

RateLimitState ReadState(const HttpReply& reply, absl::string_view kind) {
  RateLimitState state;
  state.limit = ReadCount(reply, "limit", kind, 1);
  state.remaining = ReadCount(reply, "remaining", kind, 0);
  state.reset =
      ParseDuration(reply.Header(absl::StrCat("x-ratelimit-reset-", kind)));
  if (state.reset.has_value() && *state.reset <= absl::ZeroDuration()) {
    state.reset.reset();
  }
  return state;
}

}  // namespace

RateLimitHeaders ReadRateLimitHeaders(const HttpReply& reply) {
  return {ReadState(reply, "requests"), ReadState(reply, "tokens")};
}

}  // namespace copse
