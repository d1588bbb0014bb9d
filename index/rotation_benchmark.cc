// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a rotation costs at each level, for dimensions that are a power of two
// and that are not. The scalar level of the same run is the floor: the ratio is
// the result. Run it from the release build, with --benchmark_repetitions=5,
// and compare medians.

#include "index/rotation.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"

#include "index/distance.h"

namespace copse::internal {
namespace {

void ApplyLevelsAndDimensions(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"level", "dimension"});
  for (const SimdLevel level : {SimdLevel::kScalar, SimdLevel::kAvx2,
                                SimdLevel::kAvx512, SimdLevel::kNeon}) {
    for (const int64_t dimension : {64, 384, 768, 1024, 1536, 4096}) {
      if (IsSupported(level)) {
        benchmark->Args({static_cast<int64_t>(level), dimension});
      }
    }
  }
}

void BM_Rotate(benchmark::State& state) {
  const auto level = static_cast<SimdLevel>(state.range(0));
  const absl::string_view name = SimdLevelName(level);
  state.SetLabel(std::string(name));
  const Rotation rotation(static_cast<size_t>(state.range(1)), 1, level);
  const std::vector<float> vector(rotation.dimension(), 0.5F);
  std::vector<float> rotated(rotation.padded_dimension());
  for (auto _ : state) {
    rotation.Apply(vector, rotated);
    benchmark::DoNotOptimize(rotated.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_Rotate)->Apply(ApplyLevelsAndDimensions);

}  // namespace
}  // namespace copse::internal
