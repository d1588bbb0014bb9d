// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Texts as JSON strings.

#ifndef COPSE_SIDECAR_EMBEDDING_JSON_TEXT_H_
#define COPSE_SIDECAR_EMBEDDING_JSON_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace copse {

// Appends `text` with the escapes of JSON, without quotes, to `body`.
// REQUIRES: `text` is valid UTF-8.
void AppendJsonEscaped(absl::string_view text, std::string& body);

// Appends `prefix` and `text` as one JSON string, in quotes.
void AppendJsonString(absl::string_view prefix, absl::string_view text,
                      std::string& body);

// Returns the size that `text` has in an array of JSON strings.
int64_t JsonSizeBytes(absl::string_view text);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_JSON_TEXT_H_
