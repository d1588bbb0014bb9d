// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Passes errors up in the clients, which share no code with the server.
//
//   COPSE_CLIENT_ASSIGN_OR_RETURN(v1::Commit commit,
//   client.GetCommit(request));
//   COPSE_CLIENT_RETURN_IF_ERROR(output.Write(line));
//
// Both macros evaluate their expression once and return from the enclosing
// function, whose result is absl::Status or absl::StatusOr.

#ifndef COPSE_CLIENTS_CPP_STATUS_MACROS_H_
#define COPSE_CLIENTS_CPP_STATUS_MACROS_H_

#include <utility>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// Returns the status that `expression`, an absl::Status, has unless it is OK.
// May stand in a lambda in an expression of its own kind.
#define COPSE_CLIENT_RETURN_IF_ERROR(...) \
  COPSE_CLIENT_RETURN_IF_ERROR_(          \
      COPSE_CLIENT_CONCAT_(copse_client_status_, __COUNTER__), (__VA_ARGS__))

// NOLINTBEGIN(bugprone-macro-parentheses): names and declarations take none.
#define COPSE_CLIENT_RETURN_IF_ERROR_(status, expression) \
  do {                                                    \
    absl::Status status = expression;                     \
    if (ABSL_PREDICT_FALSE(!status.ok())) {               \
      return status;                                      \
    }                                                     \
  } while (false)
// NOLINTEND(bugprone-macro-parentheses)

// Assigns the value of an absl::StatusOr to `target`, or returns its status.
// It expands to several statements, so it never stands alone under an if.
#define COPSE_CLIENT_ASSIGN_OR_RETURN(target, ...)                        \
  COPSE_CLIENT_ASSIGN_OR_RETURN_(                                         \
      COPSE_CLIENT_CONCAT_(copse_client_status_or_, __COUNTER__), target, \
      (__VA_ARGS__))

// NOLINTBEGIN(bugprone-macro-parentheses): names and declarations take none.
#define COPSE_CLIENT_ASSIGN_OR_RETURN_(status_or, target, expression) \
  auto status_or = expression;                                        \
  if (ABSL_PREDICT_FALSE(!status_or.ok())) {                          \
    return std::move(status_or).status();                             \
  }                                                                   \
  target = *std::move(status_or)
// NOLINTEND(bugprone-macro-parentheses)

#define COPSE_CLIENT_CONCAT_(left, right) \
  COPSE_CLIENT_CONCAT_TOKENS_(left, right)
#define COPSE_CLIENT_CONCAT_TOKENS_(left, right) left##right

namespace copse {

// Returns `status` with "`place`: " before its message; code and payloads stay
// as they are, and an OK status is returned unchanged.
inline absl::Status AddContext(const absl::Status& status,
                               absl::string_view place) {
  if (status.ok()) {
    return status;
  }
  absl::Status result(status.code(),
                      absl::StrCat(place, ": ", status.message()));
  status.ForEachPayload(
      [&result](absl::string_view type_url, const absl::Cord& payload) {
        result.SetPayload(type_url, payload);
      });
  return result;
}

}  // namespace copse

#endif  // COPSE_CLIENTS_CPP_STATUS_MACROS_H_
