// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/condition_parser.h"

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "clients/cli/utf8.h"
#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"
#include "sidecar/text/condition_text.h"

namespace copse {
namespace {

v1::AttributeValue ToMessage(const ConditionText::Value& value) {
  v1::AttributeValue message;
  if (const auto* text = std::get_if<std::string>(&value)) {
    message.set_string_value(*text);
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    message.set_int64_value(*integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    message.set_double_value(*real);
  } else {
    message.set_bool_value(std::get<bool>(value));
  }
  return message;
}

v1::AttributeCondition::Range ToMessage(const ConditionText::Range& range) {
  v1::AttributeCondition::Range message;
  if (range.least.has_value()) {
    *message.mutable_least() = ToMessage(*range.least);
  }
  if (range.greatest.has_value()) {
    *message.mutable_greatest() = ToMessage(*range.greatest);
  }
  message.set_excludes_least(range.excludes_least);
  message.set_excludes_greatest(range.excludes_greatest);
  return message;
}

}  // namespace

absl::StatusOr<v1::AttributeCondition> ParseCondition(absl::string_view text) {
  const absl::StatusOr<ConditionText> condition = ParseConditionText(text);
  if (!condition.ok()) {
    return absl::InvalidArgumentError(Printable(condition.status().message()));
  }
  v1::AttributeCondition message;
  message.set_name(condition->name);
  message.set_negated(condition->is_negated);
  if (const auto* in = std::get_if<ConditionText::In>(&condition->test)) {
    for (const ConditionText::Value& value : in->values) {
      *message.mutable_any_of()->add_values() = ToMessage(value);
    }
  } else if (const auto* range =
                 std::get_if<ConditionText::Range>(&condition->test)) {
    *message.mutable_range() = ToMessage(*range);
  } else {
    message.set_exists(true);
  }
  return message;
}

}  // namespace copse
