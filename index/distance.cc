// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/distance.h"

#if defined(COPSE_INDEX_AARCH64) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "absl/strings/string_view.h"

#include "index/distance_kernels.h"
#include "index/metric.h"
#include "index/stored_vector.h"
#include "index/util/check.h"

namespace copse {
namespace {

// Sums of squares below this have lost bits of small terms, or all of them, to
// underflow: 4,096 squares that are each below the smallest normal float
// (1.2e-38) sum up to less than 1e-34, and float keeps 7 digits of the rest.
constexpr float kSquareSumMin = 1e-27F;

// Not a number, which only components that are not finite lead to, becomes the
// largest float: a sort must not meet it.
float ToFiniteFloat(double value) {
  constexpr double kMax = std::numeric_limits<float>::max();
  return static_cast<float>(value < kMax ? std::max(value, -kMax) : kMax);
}

// The products of two floats are exact in double and 4,096 of the largest are
// far from its end, so these three neither overflow nor underflow.
double DotInDouble(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += double{a[i]} * double{b[i]};
  }
  return sum;
}

double SquaredEuclideanInDouble(std::span<const float> a,
                                std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = double{a[i]} - double{b[i]};
    sum += difference * difference;
  }
  return sum;
}

double ManhattanInDouble(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += std::abs(double{a[i]} - double{b[i]});
  }
  return sum;
}

bool IsInRange(float square_sum) {
  return square_sum >= kSquareSumMin &&
         square_sum <= std::numeric_limits<float>::max();
}

// The product of two such sums is in the range of double. For equal vectors all
// three sums are equal, and the root of a rounded square is its root again: the
// distance is 0.
float CosineDistance(double dot, double a_square, double b_square) {
  if (a_square == 0 || b_square == 0) {
    return 1;
  }
  const double distance = 1 - dot / std::sqrt(a_square * b_square);
  return static_cast<float>(distance < 2 ? std::max(distance, 0.0) : 2);
}

const DistanceKernels& BestKernels() {
  static const DistanceKernels& kernels = KernelsFor(BestSimdLevel());
  return kernels;
}

#ifdef COPSE_INDEX_X86_64
// The functions of the compiler also ask whether the operating system saves
// the registers.
bool HasAvx2() {
  return __builtin_cpu_supports("avx2") != 0 &&
         __builtin_cpu_supports("fma") != 0;
}

bool HasAvx512() {
  return HasAvx2() && __builtin_cpu_supports("avx512f") != 0 &&
         __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0;
}

DistanceKernels BestAvx512Kernels() {
  DistanceKernels kernels = internal::kAvx512Kernels;
  if (__builtin_cpu_supports("avx512vnni") != 0) {
    kernels.dot_int8 = internal::DotInt8Avx512Vnni;
    kernels.dot_int8_rows = internal::DotInt8RowsAvx512Vnni;
  }
  return kernels;
}
#endif

#ifdef COPSE_INDEX_AARCH64
bool HasDotprod() {
#ifdef __linux__
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return false;
#endif
}

DistanceKernels BestNeonKernels() {
  DistanceKernels kernels = internal::kNeonKernels;
  if (HasDotprod()) {
    kernels.dot_int8 = internal::DotInt8NeonDotprod;
    kernels.dot_int8_rows = internal::DotInt8RowsNeonDotprod;
  }
  return kernels;
}
#endif

}  // namespace

absl::string_view SimdLevelName(SimdLevel level) {
  switch (level) {
    case SimdLevel::kScalar:
      return "scalar";
    case SimdLevel::kAvx2:
      return "avx2";
    case SimdLevel::kAvx512:
      return "avx512";
    case SimdLevel::kNeon:
      return "neon";
  }
  COPSE_CHECK(false, "not a SimdLevel");
  return "";
}

bool IsSupported(SimdLevel level) {
  switch (level) {
    case SimdLevel::kScalar:
      return true;
#ifdef COPSE_INDEX_X86_64
    case SimdLevel::kAvx2:
      return HasAvx2();
    case SimdLevel::kAvx512:
      return HasAvx512();
#endif
#ifdef COPSE_INDEX_AARCH64
    case SimdLevel::kNeon:
      return true;
#endif
    default:
      return false;
  }
}

SimdLevel BestSimdLevel() {
  for (const SimdLevel level :
       {SimdLevel::kNeon, SimdLevel::kAvx512, SimdLevel::kAvx2}) {
    if (IsSupported(level)) {
      return level;
    }
  }
  return SimdLevel::kScalar;
}

const DistanceKernels& KernelsFor(SimdLevel level) {
  COPSE_CHECK(IsSupported(level), SimdLevelName(level));
#ifdef COPSE_INDEX_X86_64
  if (level == SimdLevel::kAvx512) {
    static const DistanceKernels kernels = BestAvx512Kernels();
    return kernels;
  }
  if (level == SimdLevel::kAvx2) {
    return internal::kAvx2Kernels;
  }
#endif
#ifdef COPSE_INDEX_AARCH64
  if (level == SimdLevel::kNeon) {
    static const DistanceKernels kernels = BestNeonKernels();
    return kernels;
  }
#endif
  return internal::kScalarKernels;
}

// NOLINTNEXTLINE(*-member-init): query_words_, on purpose.
QueryDistance::QueryDistance(Metric metric, std::span<const float> query)
    : metric_(metric), query_(query), kernels_(&BestKernels()) {
  if (metric_ == Metric::kCosine) {
    query_square_ = kernels_->dot(query_.data(), query_.data(), query_.size());
  } else if (metric_ == Metric::kHamming && query_.size() <= kDimensionMax) {
    PackBits(query_,
             std::span(query_words_).first(BitWordCount(query_.size())));
  }
}

float QueryDistance::CosineTo(std::span<const float> vector) const {
  float vector_square = 0;
  const float dot = kernels_->dot_and_square(query_.data(), vector.data(),
                                             vector.size(), &vector_square);
  if (IsInRange(query_square_) && IsInRange(vector_square)) {
    return CosineDistance(dot, query_square_, vector_square);
  }
  return CosineDistance(DotInDouble(query_, vector),
                        DotInDouble(query_, query_),
                        DotInDouble(vector, vector));
}

float QueryDistance::To(std::span<const float> vector) const {
  COPSE_DCHECK(vector.size() == query_.size());
  const float* a = query_.data();
  const float* b = vector.data();
  const size_t size = vector.size();
  switch (metric_) {
    case Metric::kCosine:
      return CosineTo(vector);
    case Metric::kEuclidean: {
      const float sum = kernels_->squared_euclidean(a, b, size);
      return IsInRange(sum) ? std::sqrt(sum)
                            : ToFiniteFloat(std::sqrt(
                                  SquaredEuclideanInDouble(query_, vector)));
    }
    case Metric::kDotProduct: {
      const float sum = kernels_->dot(a, b, size);
      return std::isfinite(sum) ? 0 - sum
                                : ToFiniteFloat(-DotInDouble(query_, vector));
    }
    case Metric::kManhattan: {
      const float sum = kernels_->manhattan(a, b, size);
      return std::isfinite(sum)
                 ? sum
                 : ToFiniteFloat(ManhattanInDouble(query_, vector));
    }
    case Metric::kHamming:
      return kernels_->hamming(a, b, size);
  }
  COPSE_CHECK(false, "not a Metric");
  return 0;
}

float QueryDistance::ToBits(std::span<const uint64_t> words) const {
  COPSE_DCHECK(metric_ == Metric::kHamming && query_.size() <= kDimensionMax);
  COPSE_DCHECK(words.size() == BitWordCount(query_.size()));
  return kernels_->hamming_bits(query_words_.data(), words.data(),
                                words.size());
}

float Distance(Metric metric, std::span<const float> a,
               std::span<const float> b) {
  return QueryDistance(metric, a).To(b);
}

}  // namespace copse
