// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads a condition on an attribute, as users write it:
//
//   year>=1980          lang in (en, de)      has:author
//   title="Star Wars"   rating<4.5            not lang=en
//
//   condition = ["not"] ("has:" name
//                        | name ("=" | "!=" | "<" | "<=" | ">" | ">=") value
//                        | name "in" "(" value {"," value} ")")
//   name      = word | quoted
//   value     = "true" | "false" | number | word | quoted
//   quoted    = between " or ', where a \ stands before either and itself
//   word      = characters but white space and = ! < > ( ) , " '
//
// White space may stand between all of these. A number is one as in JSON:
// without a fraction and an exponent it is an int64, else a double, as it is in
// documents that are pushed as JSON; 1980 and 1980.0 say the same. What is
// quoted is a text, and so is any other word, such as 2026-03-01. `name !=
// value` is the same as `not name = value`.
//
//   COPSE_ASSIGN_OR_RETURN(const ConditionText condition,
//                          ParseConditionText("year>=1980"));

#ifndef COPSE_SIDECAR_TEXT_CONDITION_TEXT_H_
#define COPSE_SIDECAR_TEXT_CONDITION_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

// What a condition says; AttributeCondition of versioning says what it means.
struct ConditionText {
  using Value = std::variant<std::string, int64_t, double, bool>;

  struct Exists {};
  struct In {
    std::vector<Value> values;
  };
  struct Range {  // One of the bounds is set.
    std::optional<Value> least;
    std::optional<Value> greatest;
    bool excludes_least = false;
    bool excludes_greatest = false;
  };

  std::string name;
  bool is_negated = false;
  std::variant<Exists, In, Range> test;
};

// Fails with kInvalidArgument saying at which byte, from 1, what was found and
// what was wanted. What was found is shown as it is.
absl::StatusOr<ConditionText> ParseConditionText(absl::string_view text);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_CONDITION_TEXT_H_
