// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/dialect_request.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/json_text.h"

namespace copse {
namespace {

void AppendName(absl::string_view name, std::string& body) {
  absl::StrAppend(&body, body.back() == '{' ? "\"" : ",\"", name, "\":");
}

}  // namespace

absl::string_view WordOf(const RoleWords& words, EmbeddingRole role) {
  switch (role) {
    case EmbeddingRole::kDocument:
      return words.document;
    case EmbeddingRole::kQuery:
      return words.query;
    case EmbeddingRole::kClustering:
      return words.clustering;
    case EmbeddingRole::kClassification:
      return words.classification;
  }
  return "";
}

void AppendField(absl::string_view name, absl::string_view value,
                 std::string& body) {
  AppendName(name, body);
  AppendJsonString("", value, body);
}

void AppendTexts(absl::string_view name, const DialectRequest& request,
                 std::string& body) {
  const absl::string_view prefix = PrefixOf(request.profile, request.role);
  AppendName(name, body);
  for (size_t i = 0; i < request.texts.size(); ++i) {
    body.push_back(i == 0 ? '[' : ',');
    AppendJsonString(prefix, request.texts[i], body);
  }
  body.push_back(']');
}

void AppendDimension(absl::string_view name, const DialectRequest& request,
                     std::string& body) {
  if (request.profile.send_dimensions.value_or(false)) {
    AppendName(name, body);
    absl::StrAppend(&body, request.profile.dimension);
  }
}

}  // namespace copse
