// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a dialect is asked to write, and the pieces that most of them share.

#ifndef COPSE_SIDECAR_EMBEDDING_DIALECT_REQUEST_H_
#define COPSE_SIDECAR_EMBEDDING_DIALECT_REQUEST_H_

#include <span>
#include <string>

#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedding_profile.h"

namespace copse {

// The texts of one request.
struct DialectRequest {
  const EmbeddingProfileOptions& profile;  // Resolved.
  EmbeddingRole role = EmbeddingRole::kDocument;
  std::span<const absl::string_view> texts;  // Valid UTF-8.
  bool asks_for_base64 = false;
};

// How a provider calls the roles; "" where it has no word.
struct RoleWords {
  absl::string_view document = "";
  absl::string_view query = "";
  absl::string_view clustering = "";
  absl::string_view classification = "";
};

absl::string_view WordOf(const RoleWords& words, EmbeddingRole role);

// Appends `"NAME":"VALUE"`, with a comma before it unless it is the first
// field.
void AppendField(absl::string_view name, absl::string_view value,
                 std::string& body);

// Appends `,"NAME":[` and the texts with the prefix of their role and `]`.
void AppendTexts(absl::string_view name, const DialectRequest& request,
                 std::string& body);

// Appends `,"NAME":DIMENSION` if the profile says that it is to be sent.
void AppendDimension(absl::string_view name, const DialectRequest& request,
                     std::string& body);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_DIALECT_REQUEST_H_
