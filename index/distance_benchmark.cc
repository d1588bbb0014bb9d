// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What each kernel costs at each level, on 8 rows that fit the first cache.
// The scalar level of the same run is the floor: machines differ and are busy,
// so the ratio of two rows of one run is the result, not the time of either.
// Run it from the release build, with --benchmark_repetitions=5, and compare
// medians.

#include "index/distance.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"

#include "index/distance_kernels.h"
#include "index/metric.h"
#include "index/stored_vector.h"

namespace copse {
namespace {

constexpr size_t kRowCount = 8;

std::vector<float> RandomFloats(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> floats(size);
  for (float& value : floats) {
    value = normal(random);
  }
  return floats;
}

void SetRows(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * int64_t{kRowCount});
}

// Which levels there are is known only when the program runs.
void ApplyLevelsAndSizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"level", "size"});
  for (const SimdLevel level : {SimdLevel::kScalar, SimdLevel::kAvx2,
                                SimdLevel::kAvx512, SimdLevel::kNeon}) {
    for (const int64_t size : {384, 1536}) {
      if (IsSupported(level)) {
        benchmark->Args({static_cast<int64_t>(level), size});
      }
    }
  }
}

const DistanceKernels& KernelsOf(benchmark::State& state) {
  const auto level = static_cast<SimdLevel>(state.range(0));
  const absl::string_view name = SimdLevelName(level);
  state.SetLabel(std::string(name));
  return KernelsFor(level);
}

template <auto kKernel>
void BM_Floats(benchmark::State& state) {
  const auto kernel = KernelsOf(state).*kKernel;
  const auto size = static_cast<size_t>(state.range(1));
  const std::vector<float> query = RandomFloats(size, 1);
  const std::vector<float> rows = RandomFloats(size * kRowCount, 2);
  for (auto _ : state) {
    for (size_t row = 0; row < kRowCount; ++row) {
      benchmark::DoNotOptimize(
          kernel(query.data(), rows.data() + row * size, size));
    }
  }
  SetRows(state);
}
BENCHMARK_TEMPLATE(BM_Floats, &DistanceKernels::dot)
    ->Apply(ApplyLevelsAndSizes);
BENCHMARK_TEMPLATE(BM_Floats, &DistanceKernels::squared_euclidean)
    ->Apply(ApplyLevelsAndSizes);
BENCHMARK_TEMPLATE(BM_Floats, &DistanceKernels::manhattan)
    ->Apply(ApplyLevelsAndSizes);
BENCHMARK_TEMPLATE(BM_Floats, &DistanceKernels::hamming)
    ->Apply(ApplyLevelsAndSizes);

// `size` components, packed: the peer is the same in floats, above.
void BM_HammingBits(benchmark::State& state) {
  const auto kernel = KernelsOf(state).hamming_bits;
  const size_t word_count = BitWordCount(static_cast<size_t>(state.range(1)));
  const std::vector<uint64_t> query(word_count, 0x5555);
  const std::vector<uint64_t> rows(word_count * kRowCount, 0x3333);
  for (auto _ : state) {
    for (size_t row = 0; row < kRowCount; ++row) {
      benchmark::DoNotOptimize(
          kernel(query.data(), rows.data() + row * word_count, word_count));
    }
  }
  SetRows(state);
}
BENCHMARK(BM_HammingBits)->Apply(ApplyLevelsAndSizes);

template <auto kKernel>
void BM_Rows(benchmark::State& state) {
  const auto kernel = KernelsOf(state).*kKernel;
  const auto size = static_cast<size_t>(state.range(1));
  const std::vector<float> query = RandomFloats(size, 1);
  const std::vector<float> rows = RandomFloats(size * kRowCount, 2);
  std::vector<float> sums(kRowCount);
  for (auto _ : state) {
    kernel(query.data(), rows.data(), size, kRowCount, sums.data());
    benchmark::DoNotOptimize(sums.data());
    benchmark::ClobberMemory();
  }
  SetRows(state);
}
BENCHMARK_TEMPLATE(BM_Rows, &DistanceKernels::dot_rows)
    ->Apply(ApplyLevelsAndSizes);
BENCHMARK_TEMPLATE(BM_Rows, &DistanceKernels::squared_euclidean_rows)
    ->Apply(ApplyLevelsAndSizes);

void BM_Int8(benchmark::State& state) {
  const auto kernel = KernelsOf(state).dot_int8;
  const auto size = static_cast<size_t>(state.range(1));
  const std::vector<int8_t> query(size, 77);
  const std::vector<int8_t> rows(size * kRowCount, -99);
  for (auto _ : state) {
    for (size_t row = 0; row < kRowCount; ++row) {
      benchmark::DoNotOptimize(
          kernel(query.data(), rows.data() + row * size, size));
    }
  }
  SetRows(state);
}
BENCHMARK(BM_Int8)->Apply(ApplyLevelsAndSizes);

void BM_Int8Rows(benchmark::State& state) {
  const auto kernel = KernelsOf(state).dot_int8_rows;
  const auto size = static_cast<size_t>(state.range(1));
  const std::vector<int8_t> query(size, 77);
  const std::vector<int8_t> rows(size * kRowCount, -99);
  std::vector<int32_t> sums(kRowCount);
  for (auto _ : state) {
    kernel(query.data(), rows.data(), size, kRowCount, sums.data());
    benchmark::DoNotOptimize(sums.data());
    benchmark::ClobberMemory();
  }
  SetRows(state);
}
BENCHMARK(BM_Int8Rows)->Apply(ApplyLevelsAndSizes);

// The whole of what a re-ranked row costs, at the best level.
void BM_Distance(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(1));
  const std::vector<float> query = RandomFloats(size, 1);
  const std::vector<float> rows = RandomFloats(size * kRowCount, 2);
  const QueryDistance distance(static_cast<Metric>(state.range(0)), query);
  for (auto _ : state) {
    for (size_t row = 0; row < kRowCount; ++row) {
      benchmark::DoNotOptimize(
          distance.To(std::span(rows).subspan(row * size, size)));
    }
  }
  SetRows(state);
}
BENCHMARK(BM_Distance)
    ->ArgNames({"metric", "size"})
    ->ArgsProduct({{1, 2, 3, 4, 5}, {384, 1536}});

}  // namespace
}  // namespace copse
