// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The builtin embedder beside a floor: one pass over the same bytes with XXH3.
// A document has about 600 bytes, as a page of a manual.

#include "sidecar/embedding/builtin_embedder.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"
#include "xxhash.h"

#include "sidecar/embedding/embedder.h"

namespace copse {
namespace {

constexpr size_t kDocumentCount = 100;
constexpr size_t kDocumentSize = 600;

// Words of 1 to 10 letters, of which one in `accent_period` has an accent.
std::vector<std::string> MakeDocuments(uint32_t accent_period) {
  std::mt19937 random(7);
  std::vector<std::string> documents;
  for (size_t i = 0; i < kDocumentCount; ++i) {
    std::string document;
    while (document.size() < kDocumentSize) {
      const size_t size = 1 + random() % 10;
      for (size_t letter = 0; letter < size; ++letter) {
        document.push_back(static_cast<char>('a' + random() % 26));
      }
      if (accent_period != 0 && random() % accent_period == 0) {
        absl::StrAppend(&document, "\u00e9");
      }
      document.push_back(' ');
    }
    documents.push_back(std::move(document));
  }
  return documents;
}

void BM_Embed(benchmark::State& state) {
  EmbeddingProfileOptions options;
  options.name = "builtin";
  const std::unique_ptr<Embedder> embedder =
      MakeBuiltinEmbedder(options).value();
  const std::vector<std::string> documents =
      MakeDocuments(static_cast<uint32_t>(state.range(0)));
  const std::vector<absl::string_view> texts(documents.begin(),
                                             documents.end());
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        embedder->Embed(texts, EmbeddingRole::kDocument, {}));
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<int64_t>(texts.size()));
}
BENCHMARK(BM_Embed)->ArgName("accent_period")->Arg(0)->Arg(10)->Arg(1);

void BM_Floor(benchmark::State& state) {
  const std::vector<std::string> documents = MakeDocuments(0);
  for (auto _ : state) {
    for (const std::string& document : documents) {
      benchmark::DoNotOptimize(
          XXH3_128bits(document.data(), document.size()).low64);
    }
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<int64_t>(documents.size()));
}
BENCHMARK(BM_Floor);

}  // namespace
}  // namespace copse
