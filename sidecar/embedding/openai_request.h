// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The body of an embedding request.

#ifndef COPSE_SIDECAR_EMBEDDING_OPENAI_REQUEST_H_
#define COPSE_SIDECAR_EMBEDDING_OPENAI_REQUEST_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedding_profile.h"

namespace copse {

// Returns the JSON that asks for the vectors of `texts`.
// REQUIRES: `texts` and the settings are valid UTF-8.
std::string MakeRequestBody(const EmbeddingProfileOptions& profile,
                            absl::string_view prefix,
                            std::span<const absl::string_view> texts,
                            bool asks_for_base64);

// Returns the size that `text` has in such a body.
int64_t JsonSizeBytes(absl::string_view text);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_OPENAI_REQUEST_H_
