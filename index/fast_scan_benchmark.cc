// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the parts of a scan cost at each level: 2, 3 and 100 blocks of 32 rows
// are a small leaf, a leaf and an inner page. The scalar level of the same run
// is the floor: the ratio is the result. Run it from the release build, with
// --benchmark_repetitions=5, and compare medians.

#include "index/fast_scan.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"

#include "index/distance.h"
#include "index/fast_scan_kernels.h"

namespace copse::internal {
namespace {

std::vector<float> RandomFloats(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> floats(size);
  for (float& value : floats) {
    value = normal(random);
  }
  return floats;
}

void ApplyLevelsAndSizes(benchmark::internal::Benchmark* benchmark,
                         const std::vector<int64_t>& dimensions,
                         const std::vector<int64_t>& sizes) {
  benchmark->ArgNames({"level", "dimension", "size"});
  for (const SimdLevel level : {SimdLevel::kScalar, SimdLevel::kAvx2,
                                SimdLevel::kAvx512, SimdLevel::kNeon}) {
    for (const int64_t dimension : dimensions) {
      for (const int64_t size : sizes) {
        if (IsSupported(level)) {
          benchmark->Args({static_cast<int64_t>(level), dimension, size});
        }
      }
    }
  }
}

const FastScanKernels& KernelsOf(benchmark::State& state) {
  const auto level = static_cast<SimdLevel>(state.range(0));
  const absl::string_view name = SimdLevelName(level);
  state.SetLabel(std::string(name));
  return FastScanKernelsFor(level);
}

// The counter is the time of one block.
void BM_ScanBlocks(benchmark::State& state) {
  const FastScanKernels& kernels = KernelsOf(state);
  const auto group_count = static_cast<size_t>(state.range(1)) / 4;
  const auto block_count = static_cast<size_t>(state.range(2));
  std::mt19937 random(1);
  std::vector<uint8_t> table(group_count * 16);
  for (uint8_t& entry : table) {
    entry = static_cast<uint8_t>(random() % 64);
  }
  std::vector<std::byte> codes(
      CodesSizeBytes(group_count, block_count * kBlockRowCount));
  for (std::byte& code : codes) {
    code = static_cast<std::byte>(random());
  }
  std::vector<uint16_t> sums(block_count * kBlockRowCount);
  for (auto _ : state) {
    kernels.scan_blocks(table.data(), codes.data(), group_count, block_count,
                        sums.data());
    benchmark::DoNotOptimize(sums.data());
    benchmark::ClobberMemory();
  }
  state.counters["block"] =
      benchmark::Counter(static_cast<double>(block_count),
                         benchmark::Counter::kIsIterationInvariantRate |
                             benchmark::Counter::kInvert);
}
BENCHMARK(BM_ScanBlocks)->Apply([](auto* benchmark) {
  ApplyLevelsAndSizes(benchmark, {384, 1536}, {1, 2, 3, 100});
});

// Estimates of rows, one in ten of which is below the threshold.
struct Rows {
  explicit Rows(size_t count)
      : sums(count),
        factors(RandomFloats(count, 3)),
        biases(count, 0.5F),
        half_factors(count),
        estimates(count),
        indices(count) {
    std::mt19937 random(4);
    for (size_t i = 0; i < count; ++i) {
      sums[i] = static_cast<uint16_t>(1000 + random() % 1000);
      factors[i] = 0.01F;
      half_factors[i] = ToHalf(factors[i]);
    }
  }

  std::vector<uint16_t> sums;
  std::vector<float> factors;
  std::vector<float> biases;
  std::vector<uint16_t> half_factors;
  std::vector<float> estimates;
  std::vector<uint32_t> indices;
};

constexpr EstimateTerms kTerms = {.scale = 0.1F, .offset = -150, .constant = 1};
constexpr float kThreshold = 1.5F - 0.4F;

void BM_EstimateThenSelect(benchmark::State& state) {
  const FastScanKernels& kernels = KernelsOf(state);
  const auto count = static_cast<size_t>(state.range(2));
  Rows rows(count);
  for (auto _ : state) {
    kernels.estimate(rows.sums.data(), rows.factors.data(), rows.biases.data(),
                     count, kTerms, rows.estimates.data());
    benchmark::DoNotOptimize(kernels.select_below(
        rows.estimates.data(), count, kThreshold, rows.indices.data()));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_EstimateThenSelect)->Apply([](auto* benchmark) {
  ApplyLevelsAndSizes(benchmark, {384}, {64, 83, 96});
});

void BM_EstimateAndSelect(benchmark::State& state) {
  const FastScanKernels& kernels = KernelsOf(state);
  const auto count = static_cast<size_t>(state.range(2));
  Rows rows(count);
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels.estimate_and_select(
        rows.sums.data(), rows.factors.data(), rows.biases.data(), count,
        kTerms, kThreshold, rows.estimates.data(), rows.indices.data()));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_EstimateAndSelect)->Apply([](auto* benchmark) {
  ApplyLevelsAndSizes(benchmark, {384}, {64, 83, 96});
});

void BM_EstimateAndSelectHalfFactors(benchmark::State& state) {
  const FastScanKernels& kernels = KernelsOf(state);
  const auto count = static_cast<size_t>(state.range(2));
  Rows rows(count);
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels.estimate_and_select_half_factors(
        rows.sums.data(), rows.half_factors.data(), rows.biases.data(), count,
        kTerms, kThreshold, rows.estimates.data(), rows.indices.data()));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_EstimateAndSelectHalfFactors)->Apply([](auto* benchmark) {
  ApplyLevelsAndSizes(benchmark, {384}, {64, 83, 96});
});

void BM_BuildTable(benchmark::State& state) {
  const FastScanKernels& kernels = KernelsOf(state);
  const auto dimension = static_cast<size_t>(state.range(1));
  const std::vector<float> query = RandomFloats(dimension, 5);
  std::vector<uint8_t> table(dimension * 4);
  float scale = 0;
  float offset = 0;
  for (auto _ : state) {
    kernels.build_table(query.data(), dimension / 4, &scale, &offset,
                        table.data());
    benchmark::DoNotOptimize(table.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_BuildTable)->Apply([](auto* benchmark) {
  ApplyLevelsAndSizes(benchmark, {384, 1536}, {1});
});

void BM_PackCode(benchmark::State& state) {
  const auto dimension = static_cast<size_t>(state.range(0));
  const std::vector<float> rotated = RandomFloats(dimension, 6);
  std::vector<std::byte> codes(CodesSizeBytes(dimension / 4, 1));
  size_t row = 0;
  for (auto _ : state) {
    PackCode(rotated, row, codes.data());
    row = (row + 1) % kBlockRowCount;
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_PackCode)->Arg(384)->Arg(1536);

void BM_CopyCode(benchmark::State& state) {
  const size_t group_count = static_cast<size_t>(state.range(0)) / 4;
  std::vector<std::byte> codes(CodesSizeBytes(group_count, 1));
  size_t row = 0;
  for (auto _ : state) {
    CopyCode(codes.data(), row, group_count, 31 - row, codes.data());
    row = (row + 1) % kBlockRowCount;
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_CopyCode)->Arg(384)->Arg(1536);

}  // namespace
}  // namespace copse::internal
