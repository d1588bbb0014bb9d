// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Counting tokens and cutting chunks beside a floor: one pass over the same
// text that checks its UTF-8. The text is 256 KB of prose; vocabularies are
// those of testdata, so real ones, which do not fit the caches, are slower.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"

#include "sidecar/text/approximate_tokenizer.h"
#include "sidecar/text/hugging_face_tokenizer.h"
#include "sidecar/text/snippet.h"
#include "sidecar/text/text_chunker.h"
#include "sidecar/text/upper_bound_counter.h"

namespace copse {
namespace {

constexpr size_t kTextSize = size_t{256} << 10;

// Words as frequent as in prose: the n-th of them 1/n times the first.
const std::string& Prose() {
  static const auto& text = *[] {
    std::mt19937 random(7);
    std::vector<std::string> words;
    std::vector<double> weights;
    for (size_t i = 0; i < 5000; ++i) {
      std::string word;
      for (size_t size = 2 + random() % 9; size > 0; --size) {
        word.push_back("etaoinshrdlucmfw"[random() % 16]);
      }
      words.push_back(word);
      weights.push_back(1.0 / (1.0 + static_cast<double>(i)));
    }
    std::discrete_distribution<size_t> next(weights.begin(), weights.end());
    auto* result = new std::string;
    for (int i = 1; result->size() < kTextSize; ++i) {
      absl::StrAppend(result, words[next(random)],
                      i % 90 == 0   ? ".\n\n"
                      : i % 15 == 0 ? ". "
                                    : " ");
    }
    return result;
  }();
  return text;
}

std::unique_ptr<TokenCounter> MakeCounter(absl::string_view name) {
  if (name == "approximate") {
    return std::make_unique<ApproximateTokenizer>();
  }
  if (name == "upper_bound") {
    return std::make_unique<UpperBoundCounter>(TokenizerFamily::kAny);
  }
  return HuggingFaceTokenizer::Load(absl::StrCat(COPSE_SOURCE_DIR,
                                                 "/sidecar/text/testdata/",
                                                 name, ".json"))
      .value();
}

void SetBytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(Prose().size()));
}

void BM_Count(benchmark::State& state, const char* name) {
  const auto counter = MakeCounter(name);
  for (auto _ : state) {
    benchmark::DoNotOptimize(counter->Count(Prose()));
  }
  SetBytes(state);
}
BENCHMARK_CAPTURE(BM_Count, approximate, "approximate");
BENCHMARK_CAPTURE(BM_Count, upper_bound, "upper_bound");
BENCHMARK_CAPTURE(BM_Count, wordpiece, "wordpiece");
BENCHMARK_CAPTURE(BM_Count, unigram, "unigram");
BENCHMARK_CAPTURE(BM_Count, byte_level, "byte_level");
BENCHMARK_CAPTURE(BM_Count, byte_level_split, "byte_level_split");
BENCHMARK_CAPTURE(BM_Count, byte_fallback, "byte_fallback");

void BM_Chunk(benchmark::State& state, ChunkingMode mode) {
  const ApproximateTokenizer counter;
  const ChunkingOptions options = mode == ChunkingMode::kWindow
                                      ? WindowChunking({}).value()
                                      : BoundaryChunking({}).value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(ChunkText(options, counter, Prose()));
  }
  SetBytes(state);
}
BENCHMARK_CAPTURE(BM_Chunk, window, ChunkingMode::kWindow);
BENCHMARK_CAPTURE(BM_Chunk, boundary, ChunkingMode::kBoundary);

void BM_Snippet(benchmark::State& state) {
  const absl::string_view chunk = absl::string_view(Prose()).substr(0, 2048);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        FindSnippet(chunk, chunk.substr(1000, 40), SnippetOptions()));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Snippet);

void BM_Floor(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(CheckUtf8(Prose()));
  }
  SetBytes(state);
}
BENCHMARK(BM_Floor);

}  // namespace
}  // namespace copse
