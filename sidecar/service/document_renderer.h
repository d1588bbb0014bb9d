// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Makes the texts of documents by the templates of their domain. All that takes
// operations and looks at texts does it first: a push, an estimate, a warming.
//
//   COPSE_ASSIGN_OR_RETURN(const DocumentRenderer renderer,
//                          DocumentRenderer::Make(domain));
//   COPSE_RETURN_IF_ERROR(renderer.Render(operation));

#ifndef COPSE_SIDECAR_SERVICE_DOCUMENT_RENDERER_H_
#define COPSE_SIDECAR_SERVICE_DOCUMENT_RENDERER_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sidecar/service/push_operation.h"
#include "sidecar/text/text_template.h"
#include "versioning/commit.h"

namespace copse {

// Thread safety: const functions may be called from several threads at once.
class DocumentRenderer {
 public:
  // Has no templates, and so renders nothing.
  DocumentRenderer() = default;

  // Compiles the templates of `domain`. Fails with kFailedPrecondition if one
  // that was right when the domain was created is not any more.
  static absl::StatusOr<DocumentRenderer> Make(const DomainOptions& domain);

  // Puts what the template for the type of the document makes of its text in
  // the place of the text; does nothing if there is no template or no text, or
  // the text is rendered already. Returns kInvalidArgument, for people, if the
  // text is no JSON object or nothing is made of it and there is no vector: why
  // the document failed.
  absl::Status Render(UpsertOperation& operation) const;

 private:
  explicit DocumentRenderer(TextTemplateSet templates)
      : templates_(std::move(templates)) {}

  TextTemplateSet templates_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_DOCUMENT_RENDERER_H_
