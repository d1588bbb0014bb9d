// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a tokenizer.json searches for: a string or a regular expression.
//
// Expressions are run by ICU. They were written for Oniguruma, whose \s and \w
// are not ICU's, so these are spelled out. A search is given up when it takes
// too much time or memory.

#ifndef COPSE_SIDECAR_TEXT_TEXT_PATTERN_H_
#define COPSE_SIDECAR_TEXT_TEXT_PATTERN_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "unicode/regex.h"

#include "sidecar/text/code_points.h"
#include "sidecar/text/json_fields.h"

namespace copse {

// Thread safety: const functions may be called from several threads at once.
class TextPattern {
 public:
  using Visitor = absl::FunctionRef<void(TextRange match)>;

  // Reads {"String": "..."} or {"Regex": "..."}. Returns kInvalidArgument if it
  // is neither or ICU does not take the expression.
  static absl::StatusOr<TextPattern> Read(const JsonElement& pattern);

  static absl::StatusOr<TextPattern> MakeRegex(absl::string_view expression);

  // Calls `visit` for each match, from left to right; none is empty. Returns
  // kInvalidArgument if the search takes too long. REQUIRES: `text` is UTF-8 of
  // less than 1 GiB.
  absl::Status ForEachMatch(absl::string_view text, Visitor visit) const;

 private:
  absl::Status ForEachRegexMatch(absl::string_view text, Visitor visit) const;

  std::string string_;
  std::shared_ptr<const icu::RegexPattern> regex_;  // If it is one.
};

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_TEXT_PATTERN_H_
