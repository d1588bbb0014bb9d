// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The order of values of attributes, by which filters compare them: texts by
// their bytes, false before true, and numbers by what they are, whether they
// are int64 or double, for writers of JSON tell 10 and 10.0 apart only by
// chance. No number is rounded: 2^53 + 1 is greater than 9007199254740992.0.

#ifndef COPSE_VERSIONING_ATTRIBUTE_ORDER_H_
#define COPSE_VERSIONING_ATTRIBUTE_ORDER_H_

#include <compare>
#include <cstdint>
#include <optional>

#include "versioning/document.h"

namespace copse {

bool IsNumber(const AttributeValue& value);

// Whether one of `a` and `b` may be before the other: numbers of both types
// may, and otherwise two values of one type.
bool AreComparable(const AttributeValue& a, const AttributeValue& b);

// Returns how `a` stands to `b`, unordered if they are not comparable.
std::partial_ordering CompareValues(const AttributeValue& a,
                                    const AttributeValue& b);

// What is nearest to a finite number among those of one type that are not less
// than it, or not greater. Unset if there is none: doubles reach further than
// int64.
std::optional<int64_t> LeastIntegerFrom(double number);
std::optional<int64_t> GreatestIntegerUpTo(double number);
double LeastDoubleFrom(int64_t number);
double GreatestDoubleUpTo(int64_t number);

}  // namespace copse

#endif  // COPSE_VERSIONING_ATTRIBUTE_ORDER_H_
