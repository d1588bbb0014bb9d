// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Checks a Mustache template before it is compiled, because the library says
// neither line nor column, and takes what copse refuses.

#ifndef COPSE_SIDECAR_TEXT_TEMPLATE_SCANNER_H_
#define COPSE_SIDECAR_TEXT_TEMPLATE_SCANNER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace copse {

// Returns kInvalidArgument, which begins with "line L, column C", if `text` has
// a tag without an end or a name, a partial, a wrong delimiter, sections that
// do not match, or more than `depth_max` of them in each other. Columns are
// counted in characters, and both from 1.
absl::Status CheckTemplate(absl::string_view text, int depth_max);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_TEMPLATE_SCANNER_H_
