// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Which documents a search may find, by their IDs and attributes.
//
//   SearchFilter filter;
//   filter.conditions.push_back(
//       {.name = "year", .test = AttributeRange{.least = int64_t{1980}}});
//   COPSE_RETURN_IF_ERROR(CheckSearchFilter(filter, "settings."));
//
// Values compare as attribute_order.h has it: numbers as the numbers they are,
// of int64 and double alike, and otherwise only those of one type, so that a
// condition on numbers passes no document whose attribute is a text.

#ifndef COPSE_VERSIONING_SEARCH_FILTER_H_
#define COPSE_VERSIONING_SEARCH_FILTER_H_

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "versioning/document.h"

namespace copse {

// Limits of what outsiders give.
inline constexpr size_t kConditionCountMax = 64;
inline constexpr size_t kConditionValueCountMax = 1000;
inline constexpr size_t kIdPrefixCountMax = 100;

// Passes documents that have the attribute, with whatever value.
struct AttributeExists {
  friend bool operator==(AttributeExists, AttributeExists) = default;
};

// Passes documents whose attribute is one of `values`.
struct AttributeIn {
  std::vector<AttributeValue> values;

  friend bool operator==(const AttributeIn&, const AttributeIn&) = default;
};

// Passes documents whose attribute is comparable with the bounds, and between
// them.
struct AttributeRange {
  // At least one is set, and both are comparable.
  std::optional<AttributeValue> least = std::nullopt;
  std::optional<AttributeValue> greatest = std::nullopt;

  // Whether the bound itself is left out.
  bool excludes_least = false;
  bool excludes_greatest = false;

  friend bool operator==(const AttributeRange&,
                         const AttributeRange&) = default;
};

struct AttributeCondition {
  std::string name;
  std::variant<AttributeExists, AttributeIn, AttributeRange> test = {};

  // Whether those documents pass that would not, also those that have no such
  // attribute.
  bool is_negated = false;

  friend bool operator==(const AttributeCondition&,
                         const AttributeCondition&) = default;
};

struct SearchFilter {
  // Each document passes all of them.
  std::vector<AttributeCondition> conditions = {};

  // If not empty, the ID of each document begins with one of these bytes.
  std::vector<std::string> id_prefixes = {};

  bool empty() const { return conditions.empty() && id_prefixes.empty(); }

  friend bool operator==(const SearchFilter&, const SearchFilter&) = default;
};

// Returns kInvalidArgument, FILTER_INVALID.
absl::Status FilterInvalidError(absl::string_view field,
                                absl::string_view found,
                                absl::string_view wanted);

// Returns OK, or kInvalidArgument, FILTER_INVALID, naming the field, such as
// "settings.conditions[2].range" where `place` is "settings.".
absl::Status CheckSearchFilter(const SearchFilter& filter,
                               absl::string_view place);

// Returns whether a document with `attributes` passes, by the definition.
bool Passes(const AttributeCondition& condition, const Attributes& attributes);

// Returns whether `value` passes. REQUIRES: it is of the attribute of the test.
bool PassesTest(const AttributeCondition& condition,
                const AttributeValue& value);

}  // namespace copse

#endif  // COPSE_VERSIONING_SEARCH_FILTER_H_
