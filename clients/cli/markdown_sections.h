// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Splits a Markdown text at its headings, and names the parts as GitHub does in
// links, so that `docs/guide.md#first-steps` is both the ID of a document and
// the address of a section.
//
//   for (const MarkdownSection& section : SplitMarkdown(text)) {
//     Put(section.anchor.has_value() ? absl::StrCat(path, "#", *section.anchor)
//                                    : path,
//         section.text);
//   }
//
// Headings are lines `# ...` to `###### ...`, and lines underlined with `===`
// or `---`. What looks like one inside of fenced or indented code, front
// matter, an HTML comment or raw HTML (`<pre>`, `<script>`, `<style>`,
// `<textarea>`) is none.
//
// Invariants: the texts of the sections, one after the other, are the text that
// was split. Anchors are unique. The first section has no anchor if it is what
// stands before the first heading, and every other one has.

#ifndef COPSE_CLIENTS_CLI_MARKDOWN_SECTIONS_H_
#define COPSE_CLIENTS_CLI_MARKDOWN_SECTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace copse {

// A part of a text, from a heading up to the next. Views the text.
struct MarkdownSection {
  // The part of a link behind '#'. Empty if no character of the heading can
  // stand there; the second section of the same heading has `-1` at its end,
  // the third `-2`. At most 512 bytes and such an ending.
  std::optional<std::string> anchor;

  // The heading as it reads, without markup.
  std::string heading;

  // The section, its heading included. Not owned.
  absl::string_view text;
};

// Splits `text`, which is valid UTF-8, in time in proportion to its size.
std::vector<MarkdownSection> SplitMarkdown(absl::string_view text);

// Returns what a reader sees of the source of a heading: links and images
// without their addresses, no tags, no emphasis.
std::string PlainHeading(absl::string_view source);

// Returns the anchor of a heading as it reads: lower case, letters, marks,
// digits, `_` and `-` only, a `-` for each space.
std::string HeadingAnchor(absl::string_view heading);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_MARKDOWN_SECTIONS_H_
