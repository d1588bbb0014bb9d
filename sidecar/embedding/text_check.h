// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Which texts can be embedded at all, whatever the provider.

#ifndef COPSE_SIDECAR_EMBEDDING_TEXT_CHECK_H_
#define COPSE_SIDECAR_EMBEDDING_TEXT_CHECK_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace copse {

// Returns whether `text` is nothing but white space of any script.
// REQUIRES: it is valid UTF-8
bool IsWhiteSpace(absl::string_view text);

// Returns kInvalidArgument with EMBEDDING_TEXT_EMPTY if `text` is nothing but
// white space of any script, and with EMBEDDING_TEXT_INVALID if it is not
// UTF-8.
absl::Status CheckText(absl::string_view text);

// Returns kInvalidArgument with EMBEDDING_TEXT_REFUSED: the text is too long,
// as far as anybody knows.
absl::Status TextRefused(absl::string_view message);

// The same for a text of which no vector can be made however short it is.
absl::Status TextWithoutVector(absl::string_view message);

// Returns whether `status` is of TextRefused(): pieces of the text may do.
bool MayBeTooLong(const absl::Status& status);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_TEXT_CHECK_H_
