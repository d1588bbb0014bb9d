// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/search_filter.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/attribute_order.h"
#include "versioning/document.h"
#include "versioning/utf8.h"

namespace copse {
namespace {

absl::Status CheckFilterText(const std::string& field, absl::string_view text,
                             size_t size_min, size_t size_max) {
  if (text.size() < size_min || text.size() > size_max) {
    return FilterInvalidError(
        field, absl::StrCat(text.size(), " bytes"),
        absl::StrCat(size_min, " to ", size_max, " bytes"));
  }
  const size_t valid_size = ValidUtf8Size(text);
  if (valid_size != text.size()) {
    return FilterInvalidError(
        field, absl::StrCat("not valid UTF-8 at byte ", valid_size),
        "valid UTF-8");
  }
  return absl::OkStatus();
}

absl::string_view TypeName(const AttributeValue& value) {
  constexpr absl::string_view kNames[] = {"a string", "an int64", "a double",
                                          "a bool"};
  return kNames[value.index()];
}

absl::Status CheckValue(const std::string& field, const AttributeValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    return CheckFilterText(field, *text, 0, kAttributeValueSizeBytesMax);
  }
  const auto* number = std::get_if<double>(&value);
  if (number != nullptr && !std::isfinite(*number)) {
    return FilterInvalidError(field, absl::StrCat(*number), "a finite number");
  }
  return absl::OkStatus();
}

absl::Status CheckTest(const std::string& field, const AttributeIn& test) {
  if (test.values.empty() || test.values.size() > kConditionValueCountMax) {
    return FilterInvalidError(absl::StrCat(field, ".any_of"),
                              absl::StrCat(test.values.size(), " values"),
                              absl::StrCat("1 to ", kConditionValueCountMax));
  }
  for (size_t i = 0; i < test.values.size(); ++i) {
    COPSE_RETURN_IF_ERROR(CheckValue(
        absl::StrCat(field, ".any_of.values[", i, "]"), test.values[i]));
  }
  return absl::OkStatus();
}

absl::Status CheckTest(const std::string& field, const AttributeRange& test) {
  if (!test.least.has_value() && !test.greatest.has_value()) {
    return FilterInvalidError(absl::StrCat(field, ".range"), "without a bound",
                              "at least one");
  }
  if (test.least.has_value()) {
    COPSE_RETURN_IF_ERROR(
        CheckValue(absl::StrCat(field, ".range.least"), *test.least));
  }
  if (test.greatest.has_value()) {
    COPSE_RETURN_IF_ERROR(
        CheckValue(absl::StrCat(field, ".range.greatest"), *test.greatest));
  }
  if (test.least.has_value() && test.greatest.has_value() &&
      !AreComparable(*test.least, *test.greatest)) {
    return FilterInvalidError(absl::StrCat(field, ".range"),
                              absl::StrCat("from ", TypeName(*test.least),
                                           " to ", TypeName(*test.greatest)),
                              "bounds of one type, or numbers");
  }
  return absl::OkStatus();
}

absl::Status CheckTest(const std::string& /*field*/, AttributeExists /*test*/) {
  return absl::OkStatus();
}

// What is not comparable with a bound is unordered, and never in a range.
bool IsInRange(const AttributeRange& range, const AttributeValue& value) {
  if (range.least.has_value()) {
    const std::partial_ordering order = CompareValues(value, *range.least);
    if (!(range.excludes_least ? order > 0 : order >= 0)) {
      return false;
    }
  }
  if (!range.greatest.has_value()) {
    return true;
  }
  const std::partial_ordering order = CompareValues(value, *range.greatest);
  return range.excludes_greatest ? order < 0 : order <= 0;
}

}  // namespace

absl::Status FilterInvalidError(absl::string_view field,
                                absl::string_view found,
                                absl::string_view wanted) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        field, " is ", found, ", expected ", wanted)),
                    "FILTER_INVALID",
                    {{"field", std::string(field)},
                     {"found", std::string(found)},
                     {"wanted", std::string(wanted)}});
}

absl::Status CheckSearchFilter(const SearchFilter& filter,
                               absl::string_view place) {
  if (filter.conditions.size() > kConditionCountMax) {
    return FilterInvalidError(
        absl::StrCat(place, "conditions"),
        absl::StrCat(filter.conditions.size(), " conditions"),
        absl::StrCat("at most ", kConditionCountMax));
  }
  for (size_t i = 0; i < filter.conditions.size(); ++i) {
    const AttributeCondition& condition = filter.conditions[i];
    const std::string field = absl::StrCat(place, "conditions[", i, "]");
    COPSE_RETURN_IF_ERROR(CheckFilterText(absl::StrCat(field, ".name"),
                                          condition.name, 1,
                                          kAttributeNameSizeBytesMax));
    COPSE_RETURN_IF_ERROR(std::visit(
        [&field](const auto& test) { return CheckTest(field, test); },
        condition.test));
  }
  if (filter.id_prefixes.size() > kIdPrefixCountMax) {
    return FilterInvalidError(
        absl::StrCat(place, "document_id_prefixes"),
        absl::StrCat(filter.id_prefixes.size(), " prefixes"),
        absl::StrCat("at most ", kIdPrefixCountMax));
  }
  for (size_t i = 0; i < filter.id_prefixes.size(); ++i) {
    COPSE_RETURN_IF_ERROR(
        CheckFilterText(absl::StrCat(place, "document_id_prefixes[", i, "]"),
                        filter.id_prefixes[i], 1, kDocumentIdSizeBytesMax));
  }
  return absl::OkStatus();
}

bool PassesTest(const AttributeCondition& condition,
                const AttributeValue& value) {
  if (const auto* in = std::get_if<AttributeIn>(&condition.test)) {
    return std::ranges::any_of(in->values,
                               [&value](const AttributeValue& passing) {
                                 return CompareValues(value, passing) == 0;
                               });
  }
  const auto* range = std::get_if<AttributeRange>(&condition.test);
  return range == nullptr || IsInRange(*range, value);
}

bool Passes(const AttributeCondition& condition, const Attributes& attributes) {
  const auto attribute = attributes.find(condition.name);
  const bool passes =
      attribute != attributes.end() && PassesTest(condition, attribute->second);
  return passes != condition.is_negated;
}

}  // namespace copse
