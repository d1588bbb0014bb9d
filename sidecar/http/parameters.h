// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The parameters of a request: those of its query, and the fields of its JSON
// body, which replace those of the same name.
//
//   Parameters parameters(head.query);
//   COPSE_RETURN_IF_ERROR(parameters.AddBody(body));
//   COPSE_ASSIGN_OR_RETURN(const std::string domain,
//                          parameters.RequireText("domain"));
//   COPSE_ASSIGN_OR_RETURN(const int64_t count,
//                          parameters.Integer("count", {1, 1000}, 10));
//
// All functions fail with kInvalidArgument, FIELD_INVALID, naming the
// parameter, what was found and what was wanted. What nobody asks for is never
// looked at.

#ifndef COPSE_SIDECAR_HTTP_PARAMETERS_H_
#define COPSE_SIDECAR_HTTP_PARAMETERS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/http/query_string.h"
#include "sidecar/util/flat_object.h"

namespace copse {

struct IntegerRange {
  int64_t min = 0;
  int64_t max = 0;
};

// Thread safety: const functions may be called from several threads at once.
class Parameters {
 public:
  explicit Parameters(absl::string_view query) : query_(ParseQuery(query)) {}

  // Takes the fields of the object `json`. Fails with BODY_INVALID if it is not
  // one.
  absl::Status AddBody(absl::string_view json);

  // Returns the value of a parameter that may be given once. The empty string
  // and null are as if it were not given.
  absl::StatusOr<std::optional<std::string>> FindText(
      absl::string_view name) const;

  // The same, of a parameter that must be given.
  absl::StatusOr<std::string> RequireText(absl::string_view name) const;

  // Returns the number, or `otherwise` if none is given.
  absl::StatusOr<int64_t> Integer(absl::string_view name, IntegerRange range,
                                  int64_t otherwise) const;

  // Returns the finite number of at least 0 and at most `max`, if one is given.
  absl::StatusOr<std::optional<double>> FindNumber(absl::string_view name,
                                                   double max) const;

  absl::StatusOr<bool> Flag(absl::string_view name, bool otherwise) const;

  // Returns the place of the value in `choices`; 0 if none is given.
  absl::StatusOr<size_t> Choice(
      absl::string_view name, std::span<const absl::string_view> choices) const;

  // Returns what the parameters `names` list, which are names of one thing:
  // repeated in a query, also as "name[]", or an array in a body. Empty entries
  // are left out.
  absl::StatusOr<std::vector<std::string>> List(
      std::initializer_list<absl::string_view> names) const;

  // Whether the query or the body has `name`, whatever its value.
  bool Has(absl::string_view name) const;

 private:
  const FlatValue* FindInBody(absl::string_view name) const;
  // Returns the only field of the query, or null.
  absl::StatusOr<const QueryField*> FindInQuery(absl::string_view name) const;
  absl::Status AppendList(absl::string_view name,
                          std::vector<std::string>& list) const;

  std::vector<QueryField> query_;
  std::optional<FlatObject> body_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_PARAMETERS_H_
