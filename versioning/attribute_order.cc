// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/attribute_order.h"

#include <cmath>
#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <variant>

#include "versioning/document.h"

namespace copse {
namespace {

// The first double behind all int64 numbers; the first of these is its
// negative.
constexpr double kIntegersEnd = 0x1p63;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::partial_ordering CompareNumbers(int64_t integer, double number) {
  if (number >= kIntegersEnd) {
    return std::partial_ordering::less;
  }
  if (number < -kIntegersEnd) {
    return std::partial_ordering::greater;
  }
  const double whole = std::trunc(number);
  const std::partial_ordering order = integer <=> static_cast<int64_t>(whole);
  return order != 0 ? order : whole <=> number;
}

}  // namespace

bool IsNumber(const AttributeValue& value) {
  return std::holds_alternative<int64_t>(value) ||
         std::holds_alternative<double>(value);
}

bool AreComparable(const AttributeValue& a, const AttributeValue& b) {
  return a.index() == b.index() || (IsNumber(a) && IsNumber(b));
}

std::partial_ordering CompareValues(const AttributeValue& a,
                                    const AttributeValue& b) {
  if (!AreComparable(a, b)) {
    return std::partial_ordering::unordered;
  }
  if (a.index() == b.index()) {
    // Not <=>, which the variant has only where its library has it.
    return a < b   ? std::partial_ordering::less
           : b < a ? std::partial_ordering::greater
                   : std::partial_ordering::equivalent;
  }
  if (std::holds_alternative<int64_t>(a)) {
    return CompareNumbers(std::get<int64_t>(a), std::get<double>(b));
  }
  return 0 <=> CompareNumbers(std::get<int64_t>(b), std::get<double>(a));
}

std::optional<int64_t> LeastIntegerFrom(double number) {
  if (number < -kIntegersEnd) {
    return std::numeric_limits<int64_t>::min();
  }
  const double whole = std::ceil(number);
  return whole < kIntegersEnd
             ? std::optional<int64_t>(static_cast<int64_t>(whole))
             : std::nullopt;
}

std::optional<int64_t> GreatestIntegerUpTo(double number) {
  if (number >= kIntegersEnd) {
    return std::numeric_limits<int64_t>::max();
  }
  const double whole = std::floor(number);
  return whole >= -kIntegersEnd
             ? std::optional<int64_t>(static_cast<int64_t>(whole))
             : std::nullopt;
}

double LeastDoubleFrom(int64_t number) {
  const auto nearest = static_cast<double>(number);
  return CompareNumbers(number, nearest) > 0
             ? std::nextafter(nearest, kInfinity)
             : nearest;
}

double GreatestDoubleUpTo(int64_t number) {
  const auto nearest = static_cast<double>(number);
  return CompareNumbers(number, nearest) < 0
             ? std::nextafter(nearest, -kInfinity)
             : nearest;
}

}  // namespace copse
