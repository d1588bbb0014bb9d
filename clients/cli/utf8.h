// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Text as it goes over the wire, which is always valid UTF-8, and text as it
// is safe to print on a terminal.

#ifndef COPSE_CLIENTS_CLI_UTF8_H_
#define COPSE_CLIENTS_CLI_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace copse {

bool IsValidUtf8(absl::string_view bytes);

// Returns whether `text`, which is valid UTF-8, is nothing but white space of
// any script, or empty. A server refuses to embed such a text.
bool IsWhiteSpace(absl::string_view text);

// Returns `bytes` as UTF-8. They are taken to be in `encoding`, a name such as
// `ISO-8859-1`; if it is empty or unknown, in UTF-8, and what is ill-formed
// becomes U+FFFD.
std::string ToValidUtf8(absl::string_view bytes,
                        absl::string_view encoding = "");

// Returns the longest prefix of `text`, which is valid UTF-8, that has at most
// `size_bytes_max` bytes and cuts no character.
absl::string_view TruncateUtf8(absl::string_view text, size_t size_bytes_max);

// Returns `text` with everything that could move the cursor or change the
// colours of a terminal written as an escape: a line feed is `\n`, an escape
// character `\x1b`.
std::string Printable(absl::string_view text);

// Returns the number of terminal columns that `text` takes: 2 for a wide East
// Asian character, 0 for a combining mark, 1 for most others.
size_t DisplayWidth(absl::string_view text);

// Returns the longest prefix of `text` that takes at most `width_max` columns,
// with its last column an ellipsis if something was cut.
std::string TruncateToWidth(absl::string_view text, size_t width_max);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_UTF8_H_
