// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads a condition on an attribute, as --where takes it:
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
// documents that are pushed as JSON; 1980 and 1980.0 are of two types. What is
// quoted is a text, and so is any other word, such as 2026-03-01. `name !=
// value` is the same as `not name = value`.
//
//   COPSE_CLIENT_ASSIGN_OR_RETURN(v1::AttributeCondition condition,
//                                 ParseCondition("year>=1980"));

#ifndef COPSE_CLIENTS_CLI_CONDITION_PARSER_H_
#define COPSE_CLIENTS_CLI_CONDITION_PARSER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "copse/v1/search_service.pb.h"

namespace copse {

// Fails with kInvalidArgument saying at which byte, from 1, what was found and
// what was wanted.
absl::StatusOr<v1::AttributeCondition> ParseCondition(absl::string_view text);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_CONDITION_PARSER_H_
