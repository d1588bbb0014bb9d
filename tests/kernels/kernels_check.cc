// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compares each kernel of the processor it runs on with the scalar one, on the
// same random and extreme values, and prints what it compared. It needs nothing
// but the kernels, so `./dev neon` runs it for ARM under an emulator, where
// neither the test framework nor Abseil is at hand; the tests in index/ say
// what the scalar kernels themselves must return. That they return the same
// bits on all processors is checked by a hash of what they return here.

#if defined(COPSE_INDEX_AARCH64) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "index/distance_kernels.h"
#include "index/fast_scan_kernels.h"
#include "index/rotation_kernels.h"

namespace copse::internal {
namespace {

// Counts comparisons, and reports those that fail.
class Checker {
 public:
  explicit Checker(std::string level) : level_(std::move(level)) {}

  template <typename T>
  void Equal(const char* kernel, size_t size, const std::vector<T>& actual,
             const std::vector<T>& expected) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(expected.data());
    for (size_t i = 0; i < expected.size() * sizeof(T); ++i) {
      hash_ = (hash_ ^ bytes[i]) * 0x100000001b3;  // FNV-1a.
    }
    Count(kernel, size,
          actual.size() == expected.size() &&
              (actual.empty() || std::memcmp(actual.data(), expected.data(),
                                             actual.size() * sizeof(T)) == 0));
  }

  void Near(const char* kernel, size_t size, float actual, float expected,
            float tolerance) {
    Count(kernel, size, std::abs(actual - expected) <= tolerance);
  }

  void Count(const char* kernel, size_t size, bool is_right) {
    ++count_;
    if (!is_right) {
      ++failure_count_;
      std::printf("%s: %s differs from scalar at size %zu\n", level_.c_str(),
                  kernel, size);
    }
  }

  // The hash of all results that Equal() was to find.
  uint64_t hash() const { return hash_; }

  bool Report() const {
    std::printf("%-32s %7zu comparisons, %zu failures\n", level_.c_str(),
                count_, failure_count_);
    return failure_count_ == 0;
  }

 private:
  std::string level_;
  uint64_t hash_ = 0xcbf29ce484222325;
  size_t count_ = 0;
  size_t failure_count_ = 0;
};

// Returns values in [-1, 1), the same on every machine.
std::vector<float> RandomFloats(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> floats(size);
  for (float& value : floats) {
    value = static_cast<float>(random() >> 8) * 0x1p-23F - 1;
  }
  return floats;
}

std::vector<size_t> Sizes() {
  std::vector<size_t> sizes = {384, 1000, 4096};
  for (size_t size = 0; size <= 70; ++size) {
    sizes.push_back(size);
  }
  return sizes;
}

void CheckFloatDistances(const DistanceKernels& kernels, size_t size,
                         Checker* checker) {
  const DistanceKernels& scalar = kScalarKernels;
  std::vector<float> a = RandomFloats(size, 1);
  std::vector<float> b = RandomFloats(size, 2);
  for (size_t i = 0; i < size; i += 5) {
    a[i] = i % 2 == 0 ? 0.0F : -0.0F;
    b[i] = i % 3 == 0 ? a[i] : b[i];
  }
  const float* x = a.data();
  const float* y = b.data();
  const float tolerance = 1e-5F * (1 + scalar.manhattan(x, y, size));
  checker->Near("dot", size, kernels.dot(x, y, size), scalar.dot(x, y, size),
                tolerance);
  checker->Near("squared_euclidean", size,
                kernels.squared_euclidean(x, y, size),
                scalar.squared_euclidean(x, y, size), tolerance);
  checker->Near("manhattan", size, kernels.manhattan(x, y, size),
                scalar.manhattan(x, y, size), tolerance);
  checker->Near("hamming", size, kernels.hamming(x, y, size),
                scalar.hamming(x, y, size), 0);
  checker->Count("dot, exchanged", size,
                 kernels.dot(x, y, size) == kernels.dot(y, x, size));
  float square = -1;
  checker->Count(
      "dot_and_square", size,
      kernels.dot_and_square(x, y, size, &square) == kernels.dot(x, y, size));
  checker->Count("dot_and_square", size, square == kernels.dot(y, y, size));
}

void CheckFloatRows(const DistanceKernels& kernels, size_t size,
                    Checker* checker) {
  constexpr size_t kRowCount = 7;
  const std::vector<float> query = RandomFloats(size, 3);
  const std::vector<float> rows = RandomFloats(size * kRowCount, 4);
  std::vector<float> dots(kRowCount);
  std::vector<float> squares(kRowCount);
  std::vector<float> expected_dots(kRowCount);
  std::vector<float> expected_squares(kRowCount);
  kernels.dot_rows(query.data(), rows.data(), size, kRowCount, dots.data());
  kernels.squared_euclidean_rows(query.data(), rows.data(), size, kRowCount,
                                 squares.data());
  for (size_t row = 0; row < kRowCount; ++row) {
    const float* values = rows.data() + row * size;
    expected_dots[row] = kernels.dot(query.data(), values, size);
    expected_squares[row] =
        kernels.squared_euclidean(query.data(), values, size);
  }
  checker->Equal("dot_rows", size, dots, expected_dots);
  checker->Equal("squared_euclidean_rows", size, squares, expected_squares);
}

void CheckInt8(const DistanceKernels& kernels, size_t size, bool is_extreme,
               Checker* checker) {
  constexpr size_t kRowCount = 7;
  std::mt19937 random(static_cast<uint32_t>(size));
  std::vector<int8_t> query(size);
  std::vector<int8_t> rows(size * kRowCount);
  for (int8_t& value : query) {
    value = static_cast<int8_t>(is_extreme ? -127 : random() % 255 - 127);
  }
  for (int8_t& value : rows) {
    value = static_cast<int8_t>(is_extreme ? 127 : random() % 255 - 127);
  }
  std::vector<int32_t> sums(kRowCount);
  std::vector<int32_t> expected(kRowCount);
  kernels.dot_int8_rows(query.data(), rows.data(), size, kRowCount,
                        sums.data());
  kScalarKernels.dot_int8_rows(query.data(), rows.data(), size, kRowCount,
                               expected.data());
  checker->Equal("dot_int8_rows", size, sums, expected);
  checker->Count(
      "dot_int8", size,
      kernels.dot_int8(query.data(), rows.data(), size) == expected[0]);
}

void CheckHammingBits(const DistanceKernels& kernels, Checker* checker) {
  std::mt19937_64 random(8);
  for (size_t word_count = 0; word_count <= 64; ++word_count) {
    std::vector<uint64_t> a(word_count);
    std::vector<uint64_t> b(word_count);
    for (size_t i = 0; i < word_count; ++i) {
      a[i] = random();
      b[i] = i % 5 == 0 ? ~a[i] : random();
    }
    checker->Count(
        "hamming_bits", word_count,
        kernels.hamming_bits(a.data(), b.data(), word_count) ==
            kScalarKernels.hamming_bits(a.data(), b.data(), word_count));
  }
}

void CheckDistances(const DistanceKernels& kernels, Checker* checker) {
  for (const size_t size : Sizes()) {
    CheckFloatDistances(kernels, size, checker);
    CheckFloatRows(kernels, size, checker);
    CheckInt8(kernels, size, false, checker);
    CheckInt8(kernels, size, true, checker);
  }
  CheckHammingBits(kernels, checker);
  const float values[] = {0.0F,
                          -0.0F,
                          1.0F,
                          1e-41F,
                          std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()};
  for (const float a : values) {
    for (const float b : values) {
      checker->Count(
          "hamming of special values", 1,
          kernels.hamming(&a, &b, 1) == kScalarKernels.hamming(&a, &b, 1));
    }
  }
}

enum class Fill { kRandom, kZeros, kLargest, kAlternating };

uint8_t Entry(Fill fill, size_t i, std::mt19937* random) {
  switch (fill) {
    case Fill::kRandom:
      return static_cast<uint8_t>((*random)() % 64);
    case Fill::kZeros:
      return 0;
    case Fill::kLargest:
      return 63;
    case Fill::kAlternating:
      return i % 2 == 0 ? 63 : 0;
  }
  return 0;
}

void CheckScan(const FastScanKernels& kernels, size_t group_count,
               size_t block_count, Fill fill, Checker* checker) {
  std::mt19937 random(static_cast<uint32_t>(group_count + block_count));
  // From the second element on: at no aligned address.
  std::vector<uint8_t> table(1 + group_count * 16);
  std::vector<std::byte> codes(1 + group_count * 16 * block_count);
  for (size_t i = 0; i < table.size(); ++i) {
    table[i] = Entry(fill, i, &random);
  }
  for (size_t i = 0; i < codes.size(); ++i) {
    codes[i] = fill == Fill::kAlternating
                   ? static_cast<std::byte>(i % 2 == 0 ? 0x5a : 0xa5)
                   : static_cast<std::byte>(random());
  }
  std::vector<uint16_t> sums(block_count * 32 + 1, 0xabcd);
  std::vector<uint16_t> expected = sums;
  kernels.scan_blocks(table.data() + 1, codes.data() + 1, group_count,
                      block_count, sums.data());
  kScalarFastScanKernels.scan_blocks(table.data() + 1, codes.data() + 1,
                                     group_count, block_count, expected.data());
  checker->Equal("scan_blocks", group_count, sums, expected);
}

// Rows for the estimators. Infinities but no NaN, whose bits are open.
struct Rows {
  explicit Rows(size_t count)
      : sums(count),
        factors(RandomFloats(count, 5)),
        biases(RandomFloats(count, 6)),
        half_factors(count),
        half_biases(count) {
    std::mt19937 random(static_cast<uint32_t>(count));
    for (size_t i = 0; i < count; ++i) {
      sums[i] = static_cast<uint16_t>(random());
      half_factors[i] = static_cast<uint16_t>(random() % 0x7c00);
      half_biases[i] =
          static_cast<uint16_t>(random() % 0x7c01 | (random() % 2) << 15);
      biases[i] =
          i % 17 == 3 ? -std::numeric_limits<float>::infinity() : biases[i];
    }
  }

  std::vector<uint16_t> sums;
  std::vector<float> factors;
  std::vector<float> biases;
  std::vector<uint16_t> half_factors;
  std::vector<uint16_t> half_biases;
};

constexpr EstimateTerms kTerms = {
    .scale = 0.0137F, .offset = -31.7F, .constant = 1.25F};

template <typename EstimateKernel, typename FusedKernel, typename Factor,
          typename Bias>
void CheckEstimate(const char* name, const FastScanKernels& kernels,
                   EstimateKernel estimate, FusedKernel fused, const Rows& rows,
                   const std::vector<Factor>& factors,
                   const std::vector<Bias>& biases, Checker* checker) {
  const FastScanKernels& scalar = kScalarFastScanKernels;
  const size_t count = rows.sums.size();
  std::vector<float> expected(count + 1, -7);
  (scalar.*estimate)(rows.sums.data(), factors.data(), biases.data(), count,
                     kTerms, expected.data());
  std::vector<float> estimates(count + 1, -7);
  (kernels.*estimate)(rows.sums.data(), factors.data(), biases.data(), count,
                      kTerms, estimates.data());
  checker->Equal(name, count, estimates, expected);
  for (const float threshold : {-std::numeric_limits<float>::infinity(), 0.5F,
                                std::numeric_limits<float>::infinity(),
                                std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<uint32_t> expected_indices(count);
    expected_indices.resize(scalar.select_below(
        expected.data(), count, threshold, expected_indices.data()));
    std::vector<uint32_t> indices(count);
    indices.resize(kernels.select_below(expected.data(), count, threshold,
                                        indices.data()));
    checker->Equal("select_below", count, indices, expected_indices);
    indices.resize(count);
    estimates.assign(count + 1, -7);
    indices.resize((kernels.*fused)(rows.sums.data(), factors.data(),
                                    biases.data(), count, kTerms, threshold,
                                    estimates.data(), indices.data()));
    checker->Equal(name, count, indices, expected_indices);
    checker->Equal(name, count, estimates, expected);
  }
}

void CheckEstimates(const FastScanKernels& kernels, size_t count,
                    Checker* checker) {
  using Kernels = FastScanKernels;
  const Rows rows(count);
  CheckEstimate("estimate", kernels, &Kernels::estimate,
                &Kernels::estimate_and_select, rows, rows.factors, rows.biases,
                checker);
  CheckEstimate("estimate_half_factors", kernels,
                &Kernels::estimate_half_factors,
                &Kernels::estimate_and_select_half_factors, rows,
                rows.half_factors, rows.biases, checker);
  CheckEstimate("estimate_halves", kernels, &Kernels::estimate_halves,
                &Kernels::estimate_and_select_halves, rows, rows.half_factors,
                rows.half_biases, checker);
}

void CheckSelectionOfNan(const FastScanKernels& kernels, Checker* checker) {
  std::vector<float> values = RandomFloats(37, 7);
  for (size_t i = 0; i < values.size(); i += 3) {
    values[i] = std::numeric_limits<float>::quiet_NaN();
  }
  std::vector<uint32_t> indices(values.size());
  checker->Count("select_below of NaN", values.size(),
                 kernels.select_below(values.data(), values.size(),
                                      std::numeric_limits<float>::infinity(),
                                      indices.data()) == 24);
}

void CheckTable(const FastScanKernels& kernels, const std::vector<float>& query,
                Checker* checker) {
  std::vector<uint8_t> table(query.size() * 4 + 1, 201);
  std::vector<uint8_t> expected = table;
  std::vector<float> line(2, -1);
  std::vector<float> expected_line(2, -1);
  kernels.build_table(query.data(), query.size() / 4, line.data(),
                      line.data() + 1, table.data());
  kScalarFastScanKernels.build_table(query.data(), query.size() / 4,
                                     expected_line.data(),
                                     expected_line.data() + 1, expected.data());
  checker->Equal("build_table", query.size(), table, expected);
  checker->Equal("build_table", query.size(), line, expected_line);
}

void CheckTables(const FastScanKernels& kernels, size_t dimension,
                 Checker* checker) {
  std::vector<std::vector<float>> queries(5, RandomFloats(dimension, 8));
  for (size_t i = 0; i < dimension; ++i) {
    queries[1][i] = i % 3 == 0 ? -1.0F : 1.0F;  // Many ties.
    queries[2][i] = i % 2 == 0 ? 0.0F : -0.0F;
    queries[3][i] = std::ldexp(queries[3][i], static_cast<int>(i % 90) - 80);
  }
  queries[4][dimension / 2] = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& query : queries) {
    CheckTable(kernels, query, checker);
  }
}

void CheckFastScan(const FastScanKernels& kernels, Checker* checker) {
  for (const size_t group_count : {16, 32, 48, 96, 192, 1024}) {
    for (const size_t block_count : {0, 1, 2, 3, 4, 5, 128}) {
      for (const Fill fill :
           {Fill::kRandom, Fill::kZeros, Fill::kLargest, Fill::kAlternating}) {
        CheckScan(kernels, group_count, block_count, fill, checker);
      }
    }
  }
  for (const size_t count : Sizes()) {
    CheckEstimates(kernels, count, checker);
  }
  CheckSelectionOfNan(kernels, checker);
  for (const size_t dimension : {64, 128, 192, 384, 1536, 4096}) {
    CheckTables(kernels, dimension, checker);
  }
}

void CheckRotation(const RotationKernels& kernels, Checker* checker) {
  for (const size_t size : {64, 128, 256, 512, 1024, 2048, 4096}) {
    std::vector<float> data = RandomFloats(size, 9);
    for (size_t i = 0; i < size; i += 9) {
      data[i] *= i % 2 == 0 ? -0.0F : 1e-40F;
    }
    std::vector<float> expected = data;
    kernels.transform(size, 0.3F, data.data());
    kScalarRotationKernels.transform(size, 0.3F, expected.data());
    checker->Equal("transform", size, data, expected);
  }
  for (size_t size = 64; size <= 1024; size += 64) {
    std::mt19937_64 random(size);
    std::vector<uint64_t> signs(size / 64);
    for (uint64_t& word : signs) {
      word = random();
    }
    std::vector<float> data = RandomFloats(size + 1, 10);
    std::vector<float> expected = data;
    kernels.flip_signs(signs.data(), size, data.data());
    kScalarRotationKernels.flip_signs(signs.data(), size, expected.data());
    checker->Equal("flip_signs", size, data, expected);
    kernels.mix_halves(size, 0.5F, data.data());
    kScalarRotationKernels.mix_halves(size, 0.5F, expected.data());
    checker->Equal("mix_halves", size, data, expected);
  }
}

// What the results of fast scan and rotation hash to, on all processors.
constexpr uint64_t kBitsHash = 0x3e1c5efe667bc6d4;

bool Check(const std::string& level, const DistanceKernels& distance,
           const FastScanKernels& fast_scan, const RotationKernels& rotation) {
  Checker distances(level + ", distances");
  CheckDistances(distance, &distances);
  Checker bits(level + ", codes");
  CheckFastScan(fast_scan, &bits);
  CheckRotation(rotation, &bits);
  const bool is_equal = bits.hash() == kBitsHash;
  if (!is_equal) {
    std::printf("%s: hash is %016llx, expected %016llx as elsewhere\n",
                level.c_str(), static_cast<unsigned long long>(bits.hash()),
                static_cast<unsigned long long>(kBitsHash));
  }
  const bool is_near = distances.Report();
  return bits.Report() && is_near && is_equal;
}

#ifdef COPSE_INDEX_X86_64
bool CheckAll() {
  bool is_right = true;
  if (__builtin_cpu_supports("avx2") != 0 &&
      __builtin_cpu_supports("fma") != 0) {
    is_right &=
        Check("avx2", kAvx2Kernels, kAvx2FastScanKernels, kAvx2RotationKernels);
  }
  if (__builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0) {
    is_right &= Check("avx512", kAvx512Kernels, kAvx512FastScanKernels,
                      kAvx512RotationKernels);
  }
  return is_right;
}
#elif defined(COPSE_INDEX_AARCH64)
bool CheckAll() {
  bool is_right =
      Check("neon", kNeonKernels, kNeonFastScanKernels, kNeonRotationKernels);
#ifdef __linux__
  if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) {
    DistanceKernels kernels = kNeonKernels;
    kernels.dot_int8 = DotInt8NeonDotprod;
    kernels.dot_int8_rows = DotInt8RowsNeonDotprod;
    is_right &= Check("neon, dot products", kernels, kNeonFastScanKernels,
                      kNeonRotationKernels);
  }
#endif
  return is_right;
}
#else
bool CheckAll() { return true; }
#endif

}  // namespace
}  // namespace copse::internal

int main() { return copse::internal::CheckAll() ? 0 : 1; }
