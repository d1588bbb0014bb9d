// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/aligned_text.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace copse {

AlignedText AlignedText::Slice(TextRange range) const {
  AlignedText result(range.In(text_), offset_ + range.begin);
  if (!begins_.empty()) {
    const auto begin = static_cast<int64_t>(range.begin);
    const auto end = static_cast<int64_t>(range.end);
    result.begins_.assign(begins_.begin() + begin, begins_.begin() + end);
    result.ends_.assign(ends_.begin() + begin, ends_.begin() + end);
  }
  return result;
}

AlignedTextBuilder::AlignedTextBuilder(const AlignedText& source)
    : source_(source) {
  const size_t size = source.text_.size() + source.text_.size() / 8;
  result_.text_.reserve(size);
  result_.begins_.reserve(size);
  result_.ends_.reserve(size);
}

void AlignedTextBuilder::Copy(TextRange range) {
  if (range.size() == 1) {
    // As most code points are copied one by one.
    const TextRange source = source_.Source(range);
    result_.text_.push_back(source_.text_[range.begin]);
    result_.begins_.push_back(static_cast<uint32_t>(source.begin));
    result_.ends_.push_back(static_cast<uint32_t>(source.end));
    return;
  }
  const absl::string_view text = range.In(source_.text_);
  result_.text_.append(text.data(), text.size());
  if (!source_.begins_.empty()) {
    const auto begin = static_cast<int64_t>(range.begin);
    const auto end = static_cast<int64_t>(range.end);
    result_.begins_.insert(result_.begins_.end(),
                           source_.begins_.begin() + begin,
                           source_.begins_.begin() + end);
    result_.ends_.insert(result_.ends_.end(), source_.ends_.begin() + begin,
                         source_.ends_.begin() + end);
    return;
  }
  for (size_t offset = range.begin; offset < range.end;) {
    const size_t begin = offset;
    NextCodePoint(source_.text_, offset);
    const auto count = static_cast<int64_t>(offset - begin);
    result_.begins_.insert(result_.begins_.end(), count,
                           static_cast<uint32_t>(begin + source_.offset_));
    result_.ends_.insert(result_.ends_.end(), count,
                         static_cast<uint32_t>(offset + source_.offset_));
  }
}

void AlignedTextBuilder::Replace(TextRange range, absl::string_view text) {
  const TextRange source = source_.Source(range);
  result_.text_.append(text.data(), text.size());
  result_.begins_.resize(result_.text_.size(),
                         static_cast<uint32_t>(source.begin));
  result_.ends_.resize(result_.text_.size(), static_cast<uint32_t>(source.end));
}

}  // namespace copse
