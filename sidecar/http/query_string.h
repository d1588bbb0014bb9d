// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The query of a request target, form-encoded: "a=1&b=x+y" is a -> "1" and b ->
// "x y".

#ifndef COPSE_SIDECAR_HTTP_QUERY_STRING_H_
#define COPSE_SIDECAR_HTTP_QUERY_STRING_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace copse {

struct QueryField {
  std::string name = {};
  std::string value = {};

  // Whether percent signs are followed by two hexadecimal digits. Else `value`
  // is empty.
  bool is_decoded = true;

  // Whether the decoded value is UTF-8. Else `value` is empty.
  bool is_utf8 = true;
};

// Returns the fields in their order. One whose name is not valid is left out,
// like all that nobody asks for; '=' and the value may be missing.
std::vector<QueryField> ParseQuery(absl::string_view query);

// Returns `text` with its percent signs and '+' decoded, or nullopt if a
// percent sign is without its two hexadecimal digits. Any byte may come out.
std::optional<std::string> DecodeForm(absl::string_view text);

// Returns whether all of `text` is UTF-8.
bool IsUtf8(absl::string_view text);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_QUERY_STRING_H_
