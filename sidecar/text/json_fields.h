// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads fields of a JSON object of a model's file, with errors that name them.
//
//   COPSE_ASSIGN_OR_RETURN(const bool lowercase,
//                          BoolField(object, "lowercase", true));

#ifndef COPSE_SIDECAR_TEXT_JSON_FIELDS_H_
#define COPSE_SIDECAR_TEXT_JSON_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "simdjson.h"

namespace copse {

using JsonElement = simdjson::dom::element;

// Each returns kInvalidArgument if the field has another type or is missing;
// one that is null is missing. The forms with a default return that then.

absl::StatusOr<std::string> StringField(const JsonElement& object,
                                        absl::string_view name);
absl::StatusOr<std::string> StringField(const JsonElement& object,
                                        absl::string_view name,
                                        absl::string_view missing);
absl::StatusOr<bool> BoolField(const JsonElement& object,
                               absl::string_view name, bool missing);
absl::StatusOr<int64_t> IntegerField(const JsonElement& object,
                                     absl::string_view name, int64_t missing);
absl::StatusOr<simdjson::dom::array> ArrayField(const JsonElement& object,
                                                absl::string_view name);

// Returns the field, or nothing if it is missing, null, or `element` no object.
std::optional<JsonElement> FindField(const JsonElement& element,
                                     absl::string_view name);

// What a type is called in errors: "a string".
absl::string_view NameOfType(const JsonElement& element);

// Returns the string that `element` is, or an empty view.
absl::string_view StringOf(const JsonElement& element);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_JSON_FIELDS_H_
