// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Renders a JSON document into the text that is embedded: Mustache templates
// (mustache.github.io), through kainjow-mustache.
//
//   COPSE_ASSIGN_OR_RETURN(
//       std::unique_ptr<TextTemplate> text_template,
//       TextTemplate::Compile("{{name}}\n{{#tags}}{{.}} {{/tags}}"));
//   COPSE_ASSIGN_OR_RETURN(
//       std::string text,
//       text_template->Render(R"({"name": "oak", "tags": ["tree", "old"]})"));
//
// What differs from Mustache for web pages:
//
// * Nothing is escaped: {{x}}, {{{x}}} and {{&x}} are the same.
// * Numbers and true are rendered as JSON writes them, doubles in the shortest
//   form. null, false, objects, lists and what is missing render empty.
// * A section of null, false, "" or [] is not rendered, and its inversion is.
// * Partials, {{>x}}, are refused.

#ifndef COPSE_SIDECAR_TEXT_TEXT_TEMPLATE_H_
#define COPSE_SIDECAR_TEXT_TEXT_TEMPLATE_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

// Thread safety: const functions may be called from several threads at once.
class TextTemplate {
 public:
  static constexpr size_t kTemplateSizeMax = size_t{64} << 10;
  static constexpr int kSectionDepthMax = 16;
  static constexpr size_t kDocumentSizeMax = size_t{64} << 20;
  static constexpr int kDocumentDepthMax = 64;
  static constexpr size_t kValueCountMax = 1'000'000;
  static constexpr size_t kOutputSizeMax = size_t{48} << 20;

  // Returns kInvalidArgument, with line and column, if the template is wrong:
  // a section that is not closed, a tag without an end or a name, a partial.
  static absl::StatusOr<std::unique_ptr<TextTemplate>> Compile(
      absl::string_view text);

  ~TextTemplate();
  TextTemplate(const TextTemplate&) = delete;
  TextTemplate& operator=(const TextTemplate&) = delete;

  // Returns the text of `document`, a JSON object. Returns kInvalidArgument if
  // it is none, or too large or deep, or if rendering it takes more than
  // kOutputSizeMax bytes or some million steps.
  absl::StatusOr<std::string> Render(absl::string_view document) const;

 private:
  struct Compiled;

  explicit TextTemplate(std::unique_ptr<Compiled> compiled);

  std::unique_ptr<Compiled> compiled_;
};

// The templates of a domain: one for each type of document, and one for those
// of other types.
//
// Thread safety: as TextTemplate.
class TextTemplateSet {
 public:
  // Compiles `by_type`, from types to templates, of which the type "" is for
  // all others. Returns kInvalidArgument, with the type, if one is wrong.
  static absl::StatusOr<TextTemplateSet> Compile(
      const std::map<std::string, std::string>& by_type);

  // Returns the template for documents of `type`; nullptr if there is none.
  const TextTemplate* Find(absl::string_view type) const;

 private:
  std::map<std::string, std::unique_ptr<const TextTemplate>> templates_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_TEXT_TEMPLATE_H_
