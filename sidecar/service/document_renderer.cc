// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/document_renderer.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "sidecar/service/push_operation.h"
#include "sidecar/text/text_template.h"
#include "versioning/commit.h"
#include "versioning/document.h"

namespace copse {

absl::StatusOr<DocumentRenderer> DocumentRenderer::Make(
    const DomainOptions& domain) {
  absl::StatusOr<TextTemplateSet> templates =
      TextTemplateSet::Compile(domain.templates);
  if (!templates.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("domain '", domain.domain,
                     "' has a template that is not taken any more: ",
                     templates.status().message()));
  }
  return DocumentRenderer(*std::move(templates));
}

absl::Status DocumentRenderer::Render(UpsertOperation& operation) const {
  Document& document = operation.document;
  if (operation.text_is_rendered || !document.text.has_value() ||
      document.text->empty()) {
    return absl::OkStatus();
  }
  const TextTemplate* text_template = templates_.Find(document.type);
  if (text_template == nullptr) {
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> text = text_template->Render(*document.text);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the text goes into no template: ", text.status().message()));
  }
  if (!document.vector.has_value() &&
      absl::StripAsciiWhitespace(*text).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the template for type '", document.type,
                     "' makes no text of the document"));
  }
  document.text = *std::move(text);
  operation.text_is_rendered = true;
  return absl::OkStatus();
}

}  // namespace copse
