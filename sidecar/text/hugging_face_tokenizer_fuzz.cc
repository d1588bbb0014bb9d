// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A tokenizer.json of any bytes, and a text for it. Properties:
//
// * Nothing crashes or reads outside its memory.
// * Tokens are ranges of code points of the text and never go back.
//
// The first line is the text, the rest is the file.

#include "sidecar/text/hugging_face_tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

#include "index/util/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line_end = std::min(input.find('\n'), input.size());
  const absl::string_view text = input.substr(0, line_end);
  const auto tokenizer =
      copse::HuggingFaceTokenizer::Parse(input.substr(line_end));
  if (!tokenizer.ok()) {
    return 0;
  }
  copse::TextRange last;
  (*tokenizer)
      ->ForEachToken(text,
                     [&](copse::TextRange token) {
                       COPSE_CHECK(token.begin <= token.end);
                       COPSE_CHECK(token.end <= text.size());
                       COPSE_CHECK(token.begin >= last.begin);
                       COPSE_CHECK(token.end >= last.end);
                       COPSE_CHECK(copse::IsCodePointStart(text, token.begin));
                       COPSE_CHECK(copse::IsCodePointStart(text, token.end));
                       last = token;
                     })
      .IgnoreError();
  return 0;
}
