// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A condition on an attribute, as --where takes it, for a request.
//
//   COPSE_CLIENT_ASSIGN_OR_RETURN(v1::AttributeCondition condition,
//                                 ParseCondition("year>=1980"));

#ifndef COPSE_CLIENTS_CLI_CONDITION_PARSER_H_
#define COPSE_CLIENTS_CLI_CONDITION_PARSER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "copse/v1/search_service.pb.h"

namespace copse {

// Fails as ParseConditionText(), which has the grammar, with a message that is
// safe to print.
absl::StatusOr<v1::AttributeCondition> ParseCondition(absl::string_view text);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_CONDITION_PARSER_H_
