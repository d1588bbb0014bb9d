// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Prints what a tokenizer of copse makes of texts, for check_tokenizers.py.
//
//   tokenize_texts tokenizer.json < TEXTS > TOKENS
//
// A text is a line with its size in bytes, and then its bytes. Tokens are a
// line for each text: "id:begin:end" with spaces between.

#include <cstdio>
#include <iostream>
#include <string>

#include "sidecar/text/hugging_face_tokenizer.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: tokenize_texts TOKENIZER_JSON\n");
    return 2;
  }
  const auto tokenizer = copse::HuggingFaceTokenizer::Load(argv[1]);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", tokenizer.status().ToString().c_str());
    return 1;
  }
  for (size_t size = 0; std::cin >> size;) {
    std::cin.get();
    std::string text(size, '\0');
    std::cin.read(text.data(), static_cast<std::streamsize>(size));
    const auto tokens = (*tokenizer)->Encode(text);
    if (!tokens.ok()) {
      std::fprintf(stderr, "%s\n", tokens.status().ToString().c_str());
      return 1;
    }
    for (const copse::EncodedToken& token : *tokens) {
      std::printf("%u:%zu:%zu ", token.id, token.range.begin, token.range.end);
    }
    std::printf("\n");
  }
  return 0;
}
