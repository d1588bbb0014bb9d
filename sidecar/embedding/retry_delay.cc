// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/retry_delay.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace copse {
namespace {

constexpr std::pair<absl::string_view, absl::Duration> kUnits[] = {
    // Longer names first, so that "ms" is not "m".
    {"ms", absl::Milliseconds(1)}, {"us", absl::Microseconds(1)},
    {"ns", absl::Nanoseconds(1)},  {"h", absl::Hours(1)},
    {"m", absl::Minutes(1)},       {"s", absl::Seconds(1)},
};

// Takes decimal digits with at most one point; no sign, exponent or "inf".
std::optional<double> TakeNumber(absl::string_view& text) {
  size_t size = 0;
  while (size < text.size() &&
         (absl::ascii_isdigit(static_cast<unsigned char>(text[size])) ||
          text[size] == '.')) {
    ++size;
  }
  double value = 0.0;
  if (size == 0 || !absl::SimpleAtod(text.substr(0, size), &value) ||
      !std::isfinite(value)) {
    return std::nullopt;
  }
  text.remove_prefix(size);
  return value;
}

std::optional<absl::Time> ParseHttpDate(absl::string_view value) {
  // The form of today and the two that a recipient must still take.
  for (const absl::string_view format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %d %H:%M:%S %Y"}) {
    absl::Time time;
    if (absl::ParseTime(format, value, &time, nullptr)) {
      return time;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<absl::Duration> ParseDuration(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) {
    return std::nullopt;
  }
  absl::Duration sum;
  bool is_first = true;
  while (!text.empty()) {
    const std::optional<double> number = TakeNumber(text);
    if (!number.has_value()) {
      return std::nullopt;
    }
    if (text.empty()) {
      return is_first ? std::make_optional(absl::Seconds(*number))
                      : std::nullopt;
    }
    const auto* const unit =
        std::ranges::find_if(kUnits, [&text](const auto& candidate) {
          return absl::StartsWith(text, candidate.first);
        });
    if (unit == std::end(kUnits)) {
      return std::nullopt;
    }
    text.remove_prefix(unit->first.size());
    sum += *number * unit->second;
    is_first = false;
  }
  return sum;
}

std::optional<absl::Duration> ParseRetryAfter(absl::string_view value,
                                              absl::string_view date,
                                              absl::Time now) {
  value = absl::StripAsciiWhitespace(value);
  double seconds = 0.0;
  if (absl::SimpleAtod(value, &seconds)) {
    if (!std::isfinite(seconds)) {
      return std::nullopt;
    }
    return absl::Seconds(std::max(seconds, 0.0));
  }
  if (const auto time = ParseHttpDate(value); time.has_value()) {
    const absl::Time from = ParseHttpDate(date).value_or(now);
    return std::max(*time - from, absl::ZeroDuration());
  }
  return ParseDuration(value);
}

std::optional<absl::Duration> FindDelayInMessage(absl::string_view message) {
  const std::string lower_message = absl::AsciiStrToLower(message);
  const absl::string_view lower = lower_message;
  for (const absl::string_view phrase :
       {"try again in ", "retry after ", "retry in ", "try again after "}) {
    const size_t found = lower.find(phrase);
    if (found == absl::string_view::npos) {
      continue;
    }
    absl::string_view rest = lower.substr(found + phrase.size());
    rest = rest.substr(0, rest.find_first_of(",;)\""));
    absl::string_view after = rest;
    const std::optional<double> number = TakeNumber(after);
    if (number.has_value() && absl::ConsumePrefix(&after, " ")) {
      if (absl::StartsWith(after, "second")) {
        return absl::Seconds(*number);
      }
      if (absl::StartsWith(after, "minute")) {
        return absl::Minutes(*number);
      }
      if (absl::StartsWith(after, "millisecond") ||
          absl::StartsWith(after, "ms")) {
        return absl::Milliseconds(*number);
      }
    }
    // "1m30s. Visit ...": a point ends the sentence unless a digit follows.
    absl::string_view word = rest.substr(0, rest.find(' '));
    while (absl::ConsumeSuffix(&word, ".")) {
    }
    return ParseDuration(word);
  }
  return std::nullopt;
}

namespace {

// ServerDelay(), however long.
std::optional<absl::Duration> AskedDelay(const HttpReply& reply,
                                         std::optional<absl::Duration> hint,
                                         absl::Time now) {
  double milliseconds = 0.0;
  if (absl::SimpleAtod(reply.Header("retry-after-ms"), &milliseconds) &&
      std::isfinite(milliseconds)) {
    return absl::Milliseconds(std::max(milliseconds, 0.0));
  }
  if (const auto delay = ParseRetryAfter(reply.Header("retry-after"),
                                         reply.Header("date"), now);
      delay.has_value()) {
    return delay;
  }
  if (hint.has_value()) {
    return hint;
  }
  std::optional<absl::Duration> longest;
  for (const absl::string_view kind : {"requests", "tokens"}) {
    const std::string name(kind);
    if (reply.Header("x-ratelimit-remaining-" + name) != "0") {
      continue;  // The reset is when the bucket is full, not when we may go on.
    }
    const auto reset = ParseDuration(reply.Header("x-ratelimit-reset-" + name));
    if (reset.has_value() && *reset > absl::ZeroDuration()) {
      longest = std::max(longest.value_or(absl::ZeroDuration()), *reset);
    }
  }
  return longest;
}

}  // namespace

std::optional<absl::Duration> ServerDelay(const HttpReply& reply,
                                          std::optional<absl::Duration> hint,
                                          absl::Time now) {
  const std::optional<absl::Duration> delay = AskedDelay(reply, hint, now);
  return delay.has_value() ? std::min(*delay, kBelievedDelayMax) : delay;
}

absl::Duration BackoffDelay(uint32_t attempt,
                            std::optional<absl::Duration> server_delay,
                            absl::Duration base, absl::Duration max,
                            double random) {
  // A server that says "now" is believed once.
  if (server_delay.has_value() &&
      (*server_delay > absl::ZeroDuration() || attempt == 1)) {
    return *server_delay + *server_delay * (0.1 * random);
  }
  const uint32_t doublings = std::min(attempt - 1, 20U);
  return std::min(max, base * (int64_t{1} << doublings)) * random;
}

}  // namespace copse
