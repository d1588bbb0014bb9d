// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/json_fields.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "simdjson.h"

namespace copse {
namespace {

absl::Status WrongType(absl::string_view name, const JsonElement& found,
                       absl::string_view wanted) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "'%s' is %s, expected %s", name, NameOfType(found), wanted));
}

absl::Status Missing(absl::string_view name, absl::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrFormat("'%s' is missing, expected %s", name, wanted));
}

// The value of type T of a field, `missing` if it is not there.
template <typename T>
absl::StatusOr<T> FieldOr(const JsonElement& object, absl::string_view name,
                          absl::string_view wanted, std::optional<T> missing) {
  const std::optional<JsonElement> field = FindField(object, name);
  if (!field.has_value()) {
    if (missing.has_value()) {
      return *missing;
    }
    return Missing(name, wanted);
  }
  T value;
  if (field->get(value) != simdjson::SUCCESS) {
    return WrongType(name, *field, wanted);
  }
  return value;
}

absl::StatusOr<std::string> StringOr(const JsonElement& object,
                                     absl::string_view name,
                                     std::optional<std::string_view> missing) {
  const absl::StatusOr<std::string_view> value =
      FieldOr<std::string_view>(object, name, "a string", missing);
  if (!value.ok()) {
    return value.status();
  }
  return std::string(*value);
}

}  // namespace

absl::StatusOr<std::string> StringField(const JsonElement& object,
                                        absl::string_view name) {
  return StringOr(object, name, std::nullopt);
}

absl::StatusOr<std::string> StringField(const JsonElement& object,
                                        absl::string_view name,
                                        absl::string_view missing) {
  return StringOr(object, name,
                  std::string_view(missing.data(), missing.size()));
}

absl::StatusOr<bool> BoolField(const JsonElement& object,
                               absl::string_view name, bool missing) {
  return FieldOr<bool>(object, name, "true or false", missing);
}

absl::StatusOr<int64_t> IntegerField(const JsonElement& object,
                                     absl::string_view name, int64_t missing) {
  return FieldOr<int64_t>(object, name, "an integer", missing);
}

absl::StatusOr<simdjson::dom::array> ArrayField(const JsonElement& object,
                                                absl::string_view name) {
  return FieldOr<simdjson::dom::array>(object, name, "an array", std::nullopt);
}

std::optional<JsonElement> FindField(const JsonElement& element,
                                     absl::string_view name) {
  simdjson::dom::object object;
  JsonElement field;
  if (element.get(object) != simdjson::SUCCESS ||
      object.at_key(std::string_view(name.data(), name.size())).get(field) !=
          simdjson::SUCCESS ||
      field.is_null()) {
    return std::nullopt;
  }
  return field;
}

absl::string_view NameOfType(const JsonElement& element) {
  switch (element.type()) {
    case simdjson::dom::element_type::ARRAY:
      return "an array";
    case simdjson::dom::element_type::OBJECT:
      return "an object";
    case simdjson::dom::element_type::STRING:
      return "a string";
    case simdjson::dom::element_type::BOOL:
      return "true or false";
    case simdjson::dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

absl::string_view StringOf(const JsonElement& element) {
  std::string_view value;
  if (element.get(value) != simdjson::SUCCESS) {
    return {};
  }
  return {value.data(), value.size()};
}

}  // namespace copse
