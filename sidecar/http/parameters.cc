// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/parameters.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/query_string.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/util/flat_object.h"

namespace copse {
namespace {

// All fields that the body of any endpoint has.
constexpr absl::string_view kBodyFields[] = {"ancestor",
                                             "ancestors",
                                             "branch",
                                             "commit",
                                             "count",
                                             "doc_id",
                                             "doc_ids",
                                             "doc_type",
                                             "doc_types",
                                             "domain",
                                             "id",
                                             "id_prefix",
                                             "include",
                                             "k",
                                             "method",
                                             "mode",
                                             "q",
                                             "role",
                                             "set_doc_ids",
                                             "set_doc_types",
                                             "snippet",
                                             "source",
                                             "start",
                                             "stream",
                                             "target",
                                             "target_doc_ids",
                                             "target_doc_types",
                                             "text",
                                             "threshold",
                                             "threshold_set",
                                             "threshold_target",
                                             "where"};

// Shows a number of a body that was not written as a whole one.
std::string ShownReal(double number) {
  std::string text = absl::StrCat(number);
  if (text.find_first_not_of("-0123456789") == std::string::npos) {
    absl::StrAppend(&text, ".0");
  }
  return text;
}

// Shows a value of a body.
std::string Shown(const FlatValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) {
    return *flag ? "true" : "false";
  }
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    return absl::StrCat(*integer);
  }
  if (const auto* real = std::get_if<double>(&value)) {
    return ShownReal(*real);
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    return absl::StrCat("the string ", ShownText(*text));
  }
  if (std::holds_alternative<std::monostate>(value)) {
    return "null";
  }
  if (std::holds_alternative<FlatMembers>(value)) {
    return "an object";
  }
  return std::holds_alternative<OtherJson>(value)
             ? "a mixed array or a large object"
             : "an array of strings";
}

std::string DescribeRange(IntegerRange range) {
  return absl::StrCat("a whole number from ", range.min, " to ", range.max);
}

// Returns OK if the value is what the client meant.
absl::Status CheckEncoding(absl::string_view name, const QueryField& field) {
  if (!field.is_decoded) {
    return FieldInvalidError(name, "not percent-encoded",
                             "two hexadecimal digits after each '%'");
  }
  return field.is_utf8 ? absl::OkStatus()
                       : FieldInvalidError(name, "not valid UTF-8",
                                           "percent-encoded UTF-8");
}

// SimpleAtoi() takes white space and a sign, too.
bool IsDecimal(absl::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  const absl::string_view digits = text.substr(negative ? 1 : 0);
  return !digits.empty() && std::ranges::all_of(digits, [](char c) {
    return c >= '0' && c <= '9';
  });
}

}  // namespace

absl::Status Parameters::AddBody(absl::string_view json) {
  absl::StatusOr<FlatObject> body = ParseFlatObject(json, kBodyFields);
  if (!body.ok()) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "the body is ", body.status().message())),
                      "BODY_INVALID");
  }
  body_ = *std::move(body);
  return absl::OkStatus();
}

const FlatValue* Parameters::FindInBody(absl::string_view name) const {
  if (!body_.has_value()) {
    return nullptr;
  }
  const auto found = body_->find(std::string(name));
  return found == body_->end() ? nullptr : &found->second;
}

absl::StatusOr<const QueryField*> Parameters::FindInQuery(
    absl::string_view name) const {
  const QueryField* found = nullptr;
  for (const QueryField& field : query_) {
    if (field.name != name) {
      continue;
    }
    if (found != nullptr) {
      return FieldInvalidError(name, "given twice", "one value");
    }
    COPSE_RETURN_IF_ERROR(CheckEncoding(name, field));
    found = &field;
  }
  return found;
}

absl::StatusOr<std::optional<std::string>> Parameters::FindText(
    absl::string_view name) const {
  std::string text;
  if (const FlatValue* value = FindInBody(name)) {
    if (const auto* string = std::get_if<std::string>(value)) {
      text = *string;
    } else if (!std::holds_alternative<std::monostate>(*value)) {
      return FieldInvalidError(name, Shown(*value), "a string");
    }
  } else {
    COPSE_ASSIGN_OR_RETURN(const QueryField* field, FindInQuery(name));
    if (field != nullptr) {
      text = field->value;
    }
  }
  if (text.empty()) {
    return std::optional<std::string>();
  }
  return std::optional<std::string>(std::move(text));
}

absl::StatusOr<std::string> Parameters::RequireText(
    absl::string_view name) const {
  COPSE_ASSIGN_OR_RETURN(std::optional<std::string> text, FindText(name));
  if (!text.has_value()) {
    return FieldInvalidError(name, "not set", "a value");
  }
  return *std::move(text);
}

absl::StatusOr<int64_t> Parameters::Integer(absl::string_view name,
                                            IntegerRange range,
                                            int64_t otherwise) const {
  int64_t number = 0;
  std::string shown;
  if (const FlatValue* value = FindInBody(name)) {
    if (std::holds_alternative<std::monostate>(*value)) {
      return otherwise;
    }
    const auto* integer = std::get_if<int64_t>(value);
    if (integer == nullptr) {
      return FieldInvalidError(name, Shown(*value), DescribeRange(range));
    }
    number = *integer;
    shown = absl::StrCat(number);
  } else {
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                           FindText(name));
    if (!text.has_value()) {
      return otherwise;
    }
    if (!IsDecimal(*text) || !absl::SimpleAtoi(*text, &number)) {
      return FieldInvalidError(name, ShownText(*text), DescribeRange(range));
    }
    shown = ShownText(*text);
  }
  if (number < range.min || number > range.max) {
    return FieldInvalidError(name, shown, DescribeRange(range));
  }
  return number;
}

absl::StatusOr<std::optional<double>> Parameters::FindNumber(
    absl::string_view name, double max) const {
  double number = 0;
  std::string shown;
  const std::string wanted = std::isfinite(max)
                                 ? absl::StrCat("a number from 0 to ", max)
                                 : std::string("a number of at least 0");
  if (const FlatValue* value = FindInBody(name)) {
    if (std::holds_alternative<std::monostate>(*value)) {
      return std::nullopt;
    }
    if (const auto* integer = std::get_if<int64_t>(value)) {
      number = static_cast<double>(*integer);
    } else if (const auto* real = std::get_if<double>(value)) {
      number = *real;
    } else {
      return FieldInvalidError(name, Shown(*value), wanted);
    }
    shown = Shown(*value);
  } else {
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                           FindText(name));
    if (!text.has_value()) {
      return std::nullopt;
    }
    shown = ShownText(*text);
    if (!absl::SimpleAtod(*text, &number)) {
      return FieldInvalidError(name, shown, wanted);
    }
  }
  // Not the negation of what is wrong, so that NaN is refused, too.
  if (!(number >= 0 && number <= max && std::isfinite(number))) {
    return FieldInvalidError(name, shown, wanted);
  }
  return number;
}

absl::StatusOr<bool> Parameters::Flag(absl::string_view name,
                                      bool otherwise) const {
  if (const FlatValue* value = FindInBody(name)) {
    if (std::holds_alternative<std::monostate>(*value)) {
      return otherwise;
    }
    const auto* flag = std::get_if<bool>(value);
    if (flag == nullptr) {
      return FieldInvalidError(name, Shown(*value), "true or false");
    }
    return *flag;
  }
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> text, FindText(name));
  if (!text.has_value()) {
    return otherwise;
  }
  if (*text != "true" && *text != "false") {
    return FieldInvalidError(name, ShownText(*text), "true or false");
  }
  return *text == "true";
}

absl::StatusOr<size_t> Parameters::Choice(
    absl::string_view name, std::span<const absl::string_view> choices) const {
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> text, FindText(name));
  if (!text.has_value()) {
    return 0;
  }
  const auto found = std::ranges::find(choices, absl::string_view(*text));
  if (found == choices.end()) {
    return FieldInvalidError(
        name, ShownText(*text),
        absl::StrCat(absl::StrJoin(choices.begin(), choices.end() - 1, ", "),
                     " or ", choices.back()));
  }
  return static_cast<size_t>(found - choices.begin());
}

absl::StatusOr<std::vector<std::string>> Parameters::List(
    std::initializer_list<absl::string_view> names) const {
  std::vector<std::string> list;
  for (const absl::string_view name : names) {
    COPSE_RETURN_IF_ERROR(AppendList(name, list));
  }
  std::erase_if(list, [](const std::string& entry) { return entry.empty(); });
  return list;
}

absl::Status Parameters::AppendList(absl::string_view name,
                                    std::vector<std::string>& list) const {
  if (const FlatValue* value = FindInBody(name)) {
    if (const auto* text = std::get_if<std::string>(value)) {
      list.push_back(*text);
    } else if (const auto* texts =
                   std::get_if<std::vector<std::string>>(value)) {
      list.insert(list.end(), texts->begin(), texts->end());
    } else if (!std::holds_alternative<std::monostate>(*value)) {
      return FieldInvalidError(name, Shown(*value), "an array of strings");
    }
    return absl::OkStatus();
  }
  const std::string bracketed = absl::StrCat(name, "[]");
  for (const QueryField& field : query_) {
    if (field.name != name && field.name != bracketed) {
      continue;
    }
    COPSE_RETURN_IF_ERROR(CheckEncoding(name, field));
    list.push_back(field.value);
  }
  return absl::OkStatus();
}

bool Parameters::Has(absl::string_view name) const {
  return FindInBody(name) != nullptr ||
         std::ranges::any_of(query_, [name](const QueryField& field) {
           return field.name == name;
         });
}

}  // namespace copse
