// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A template of any bytes, and a document. Properties:
//
// * Nothing crashes, no exception leaves, and nothing runs for long.
// * What is rendered keeps to its size.
//
// The first line is the document, the rest is the template.

#include "sidecar/text/text_template.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

#include "index/util/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line_end = std::min(input.find('\n'), input.size());
  const auto compiled = copse::TextTemplate::Compile(input.substr(line_end));
  if (!compiled.ok()) {
    return 0;
  }
  const auto text = (*compiled)->Render(input.substr(0, line_end));
  COPSE_CHECK(!text.ok() ||
              text->size() <= copse::TextTemplate::kOutputSizeMax);
  return 0;
}
