// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A text that normalizers rewrite, which knows for each of its characters
// which range of the original it came from.
//
//   AlignedText text(piece, offset);
//   AlignedTextBuilder builder(text);
//   builder.Copy({.begin = 0, .end = 4});
//   builder.Replace({.begin = 4, .end = 6}, "e");  // Of both bytes.
//   text = std::move(builder).Build();
//   text.Source({.begin = 4, .end = 5});  // Where the "e" came from.
//
// Ranges of a text are given at starts of code points; all bytes of a code
// point have the range of the code point as their source.

#ifndef COPSE_SIDECAR_TEXT_ALIGNED_TEXT_H_
#define COPSE_SIDECAR_TEXT_ALIGNED_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "sidecar/text/code_points.h"

namespace copse {

// Thread safety: as a value.
class AlignedText {
 public:
  AlignedText() = default;

  // The text as it is in the original, at `offset`.
  // REQUIRES: offset + original.size() < 2^32
  AlignedText(absl::string_view original, size_t offset)
      : text_(original), offset_(offset) {}

  absl::string_view text() const { return text_; }

  // Returns the range of the original that `range` came from.
  // REQUIRES: `range` is not empty and inside the text.
  TextRange Source(TextRange range) const {
    if (begins_.empty()) {
      return {.begin = range.begin + offset_, .end = range.end + offset_};
    }
    return {.begin = begins_[range.begin], .end = ends_[range.end - 1]};
  }

  // Returns `range` of it as a text.
  AlignedText Slice(TextRange range) const;

 private:
  friend class AlignedTextBuilder;

  std::string text_;
  size_t offset_ = 0;

  // For each byte of the text; empty if nothing has changed.
  std::vector<uint32_t> begins_;
  std::vector<uint32_t> ends_;
};

// Makes a text out of another one, from its start to its end.
//
// Thread safety: none.
class AlignedTextBuilder {
 public:
  // `source` must outlive the builder.
  explicit AlignedTextBuilder(const AlignedText& source);

  // How many bytes the new text has so far.
  size_t size() const { return result_.text_.size(); }

  // Appends `range` of the source as it is.
  void Copy(TextRange range);

  // Appends `text` in the place of `range` of the source, which is not empty.
  void Replace(TextRange range, absl::string_view text);

  AlignedText Build() && { return std::move(result_); }

 private:
  const AlignedText& source_;
  AlignedText result_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_ALIGNED_TEXT_H_
