// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs the normalization rules that sentencepiece compiles into its models and
// tokenizer.json files carry in Base64, such as `nmt_nfkc`:
//
//   offset  size  field
//        0     4  size of the trie in bytes, little-endian
//        4     n  a double array (Darts-clone): units of 4 bytes
//    4 + n        replacements, each ended by a zero byte; values of the trie
//                 are offsets into them
//
// A grapheme of less than 6 bytes is looked up whole, and then, if nothing that
// it begins with is found, code point by code point. That takes the shortest
// match for the whole, as the tokenizers library does, which models were
// trained with.

#ifndef COPSE_SIDECAR_TEXT_PRECOMPILED_NORMALIZER_H_
#define COPSE_SIDECAR_TEXT_PRECOMPILED_NORMALIZER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/text/text_normalizer.h"

namespace copse {

// `encoded` is the field `precompiled_charsmap`. Returns kInvalidArgument if it
// is not such a map.
absl::StatusOr<std::unique_ptr<const TextNormalizer>> MakePrecompiledNormalizer(
    absl::string_view encoded);

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_PRECOMPILED_NORMALIZER_H_
