// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Whether text is UTF-8, as RFC 3629 has it.

#ifndef COPSE_VERSIONING_UTF8_H_
#define COPSE_VERSIONING_UTF8_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace copse {

// Returns the offset of the first byte that does not belong to a valid
// sequence (overlong forms, surrogates and values above 10FFFF are none), or
// text.size() if all do.
size_t ValidUtf8Size(absl::string_view text);

inline bool IsValidUtf8(absl::string_view text) {
  return ValidUtf8Size(text) == text.size();
}

}  // namespace copse

#endif  // COPSE_VERSIONING_UTF8_H_
