// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/coded_rows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/checksum_page.h"
#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/distance.h"
#include "index/fast_scan.h"
#include "index/fast_scan_kernels.h"
#include "index/page_payload.h"
#include "index/top_k.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"

namespace copse::internal {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHalfSizeBytes = sizeof(uint16_t);
constexpr uint16_t kHalfSign = 0x8000;

// The largest stored number is in [2^13, 2^14): far from the end of the range
// of half floats, and with a range of 2^38 below it.
constexpr int kExponentOfLargest = 14;
constexpr uint16_t kHalfLargestMin = 0x7000;  // 2^13.
constexpr uint16_t kHalfEnd = 0x7400;         // 2^14.

// That of the largest fp32, and one at which 2^e and its inverse are still far
// from the ends of the range; what is smaller counts as zero.
constexpr int kExponentMax = 128 - kExponentOfLargest;
constexpr int kExponentMin = -100;

// Standard deviations by which an estimate may be too large.
constexpr double kLimitDeviations = 3;

constexpr size_t RoundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

size_t GroupCount(size_t dimension) {
  return RoundUp(dimension, kAlignment) / kGroupDimension;
}

// Where the arrays begin in the payload.
struct Offsets {
  Offsets(size_t offset, size_t row_count)
      : factors(offset),
        biases(factors + kHalfSizeBytes * row_count),
        padding(biases + kHalfSizeBytes * row_count),
        codes(RoundUp(ChecksumPage::kHeaderSizeBytes + padding, kAlignment) -
              ChecksumPage::kHeaderSizeBytes) {}

  size_t factors;
  size_t biases;
  size_t padding;
  size_t codes;
};

const FastScanKernels& Kernels() {
  static const FastScanKernels& kernels = FastScanKernelsFor(BestSimdLevel());
  return kernels;
}

// Checks that the magnitudes are below 2^14, and that `exponent` is the one
// that ExponentFor() returns.
absl::Status CheckHalves(absl::string_view field,
                         std::span<const uint16_t> halves, uint16_t sign_mask,
                         int exponent) {
  uint16_t largest = 0;
  for (size_t i = 0; i < halves.size(); ++i) {
    const auto magnitude = static_cast<uint16_t>(halves[i] & ~sign_mask);
    if (magnitude >= kHalfEnd) {
      return absl::DataLossError(absl::StrFormat(
          "%s of entry %d is the half float 0x%04x, expected %s below 16384",
          field, i, halves[i], sign_mask == 0 ? "a number" : "a magnitude"));
    }
    largest = std::max(largest, magnitude);
  }
  const bool is_right =
      largest == 0 ? exponent == 0
                   : exponent == kExponentMin ||
                         (exponent > kExponentMin && exponent <= kExponentMax &&
                          largest >= kHalfLargestMin);
  if (!is_right) {
    return absl::DataLossError(
        absl::StrFormat("exponent of every %s is %d, expected another for the "
                        "largest of them, the half float 0x%04x",
                        field, exponent, largest));
  }
  return absl::OkStatus();
}

// Checks that entries behind the last have zeros as their code.
absl::Status CheckUnusedCodes(std::span<const std::byte> codes,
                              size_t group_count, size_t row_count) {
  const size_t used = row_count % kBlockRowCount;
  if (used == 0) {
    return absl::OkStatus();
  }
  const std::span<const std::byte> block =
      codes.last(group_count * kGroupSizeBytes);
  for (size_t i = 0; i < block.size(); ++i) {
    const size_t row = i % kGroupSizeBytes;
    std::byte unused{0};
    unused |= row >= used ? std::byte{0x0f} : std::byte{0};
    unused |= row + kGroupSizeBytes >= used ? std::byte{0xf0} : std::byte{0};
    if ((block[i] & unused) != std::byte{0}) {
      return absl::DataLossError(absl::StrFormat(
          "byte %d of the last block has a code of an entry past the %d there "
          "are, expected zeros",
          i, row_count));
    }
  }
  return absl::OkStatus();
}

// Returns the half float for `value` in units of 2^exponent.
uint16_t ScaledHalf(float value, int exponent) {
  const uint16_t half =
      ToHalf(static_cast<float>(std::ldexp(double{value}, -exponent)));
  // The largest fp32 is rounded down, as there is no exponent for 2^128.
  const bool is_past_end =
      exponent == kExponentMax && (half & ~kHalfSign) >= kHalfEnd;
  return is_past_end ? half - 1 : half;
}

// Returns the exponent with which the largest of `values` is stored well.
int16_t ExponentFor(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) {
    largest = std::max(largest, std::abs(value));
  }
  int exponent = 0;
  std::frexp(largest, &exponent);
  exponent = std::max(exponent - kExponentOfLargest, kExponentMin);
  const uint16_t half = ScaledHalf(largest, exponent);
  if (half == 0) {
    return 0;
  }
  // Rounding may have made it 2^14.
  return static_cast<int16_t>(half < kHalfEnd ? exponent : exponent + 1);
}

}  // namespace

size_t CodedRowsEnd(size_t offset, size_t dimension, size_t row_count) {
  return Offsets(offset, row_count).codes +
         CodesSizeBytes(GroupCount(dimension), row_count);
}

absl::StatusOr<CodedRows> CodedRows::Parse(
    std::span<const std::byte> payload, size_t offset, size_t dimension,
    size_t row_count, const CodedRowsExponents& exponents) {
  const size_t group_count = GroupCount(dimension);
  const Offsets offsets(offset, row_count);
  COPSE_RETURN_IF_ERROR(CheckZero(payload, offsets.padding, offsets.codes));
  const auto factors =
      PayloadArray<uint16_t>(payload, offsets.factors, row_count);
  const auto biases =
      PayloadArray<uint16_t>(payload, offsets.biases, row_count);
  const auto codes = PayloadArray<std::byte>(
      payload, offsets.codes, CodesSizeBytes(group_count, row_count));
  COPSE_RETURN_IF_ERROR(
      CheckHalves("factor", factors, /*sign_mask=*/0, exponents.factors));
  COPSE_RETURN_IF_ERROR(
      CheckHalves("bias", biases, kHalfSign, exponents.biases));
  COPSE_RETURN_IF_ERROR(CheckUnusedCodes(codes, group_count, row_count));
  return CodedRows(group_count, exponents, factors, biases, codes);
}

CodedRows::CodedRows(size_t group_count, const CodedRowsExponents& exponents,
                     std::span<const uint16_t> factors,
                     std::span<const uint16_t> biases,
                     std::span<const std::byte> codes)
    : group_count_(group_count),
      factor_unit_(std::ldexp(1.0F, exponents.factors)),
      bias_unit_(std::ldexp(1.0F, exponents.biases)),
      factors_(factors),
      biases_(biases),
      codes_(codes) {}

// The kernels compute in units of the biases, so that these need no scaling,
// and without the score of the centroid, which may be out of range there.
EstimateTerms CodedRows::Terms(const CodedQuery& query) const {
  // The stored factors are 2 f.
  const double sign = query.ranking() == Ranking::kInnerProduct ? -0.5 : -1;
  const double factor = sign * factor_unit_ / bias_unit_;
  return {.scale = ToFinite(factor * query.table_scale()),
          .offset = ToFinite(factor * query.table_offset()),
          .constant = 0};
}

void CodedRows::Scan(const CodedQuery& query, std::span<uint16_t> sums) const {
  COPSE_DCHECK(sums.size() >= BlockCount(row_count()) * kBlockRowCount);
  Kernels().scan_blocks(query.table(), codes_.data(), group_count_,
                        BlockCount(row_count()), sums.data());
}

size_t CodedRows::Select(const CodedQuery& query, float centroid_score,
                         float limit, std::span<uint16_t> sums,
                         std::span<float> estimates,
                         std::span<uint32_t> indices) const {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Scan(query, sums);
  // Whatever estimate would be rounded to `limit` is below the next number.
  const float next = std::nextafter(limit, kInfinity);
  const float threshold =
      std::nextafter((next - centroid_score) / bias_unit_, kInfinity);
  const size_t count = Kernels().estimate_and_select_halves(
      sums.data(), factors_.data(), biases_.data(), row_count(), Terms(query),
      threshold, estimates.data(), indices.data());
  for (size_t i = 0; i < count; ++i) {
    float& estimate = estimates[indices[i]];
    estimate = Ordered(centroid_score + bias_unit_ * estimate);
  }
  return count;
}

void CodedRows::Estimate(const CodedQuery& query, float centroid_score,
                         std::span<uint16_t> sums,
                         std::span<float> estimates) const {
  Scan(query, sums);
  Kernels().estimate_halves(sums.data(), factors_.data(), biases_.data(),
                            row_count(), Terms(query), estimates.data());
  for (size_t i = 0; i < row_count(); ++i) {
    estimates[i] = Ordered(centroid_score + bias_unit_ * estimates[i]);
  }
}

void CodedRows::EstimateProducts(const CodedQuery& query,
                                 std::span<uint16_t> sums,
                                 std::span<float> products) const {
  Scan(query, sums);
  for (size_t i = 0; i < row_count(); ++i) {
    products[i] =
        factor(i) * (query.table_scale() * static_cast<float>(sums[i]) +
                     query.table_offset());
  }
}

RowMagnitudes CodedRows::Magnitudes() const {
  uint16_t factor = 0;
  uint16_t bias = 0;
  for (size_t i = 0; i < row_count(); ++i) {
    factor = std::max(factor, factors_[i]);
    bias = std::max(bias, static_cast<uint16_t>(biases_[i] & ~kHalfSign));
  }
  return {.factor = ToFinite(double{factor_unit_} * FromHalf(factor)),
          .bias = ToFinite(double{bias_unit_} * FromHalf(bias))};
}

float CodedRows::RoundingError(const CodedQuery& query) const {
  return RoundingError(query, Magnitudes());
}

float CodedRows::RoundingError(const CodedQuery& query,
                               const RowMagnitudes& magnitudes) const {
  return ToFinite(std::sqrt(RoundingVariance(query, magnitudes)));
}

double CodedRows::RoundingVariance(const CodedQuery& query,
                                   const RowMagnitudes& magnitudes) const {
  // What is rounded to steps is off by a twelfth of a squared step on average.
  // The step of a half float is at most 2^-10 of it.
  const double of_table = double{magnitudes.factor} * query.table_scale();
  const double of_bias = magnitudes.bias * 0x1p-10;
  return (of_table * of_table * static_cast<double>(group_count_) +
          of_bias * of_bias) /
         12;
}

float CodedRows::EstimateLimit(const CodedQuery& query,
                               const RowMagnitudes& magnitudes,
                               float centroid_score, float reach) const {
  // |r| = f sqrt(2 D / pi), so that 0.75 |r| |v| / sqrt(D) = 0.6 f |v|; a
  // squared distance has it twice.
  const bool is_product = query.ranking() == Ranking::kInnerProduct;
  const double square =
      is_product ? query.square() / 4 : std::max(0.0F, centroid_score);
  const double of_codes = 0.36 * magnitudes.factor * magnitudes.factor * square;
  return ToFinite(
      reach + kLimitDeviations *
                  std::sqrt(of_codes + RoundingVariance(query, magnitudes)));
}

float CodedRows::factor(size_t index) const {
  return 0.5F * factor_unit_ * FromHalf(factors_[index]);
}

void CodedRows::Prefetch() const {
  const auto* first = reinterpret_cast<const char*>(factors_.data());
  const auto* end =
      reinterpret_cast<const char*>(codes_.data() + codes_.size());
  for (const char* line = first; line < end; line += kAlignment) {
    __builtin_prefetch(line);
  }
}

CodedRowsBuilder::CodedRowsBuilder(const CodeSpace& space,
                                   std::span<const float> centroid)
    : space_(space),
      centroid_(centroid.empty() ? space.origin : centroid),
      rotated_centroid_(space.rotation->padded_dimension()),
      residual_(space.dimension()),
      rotated_(space.rotation->padded_dimension()) {
  COPSE_CHECK(centroid_.empty() || centroid_.size() == space.dimension());
  if (centroid.empty()) {
    return;
  }
  for (size_t i = 0; i < centroid.size(); ++i) {
    residual_[i] = ToFinite(double{centroid[i]} - space.OriginAt(i));
  }
  space_.rotation->Apply(residual_, rotated_centroid_);
}

// Returns the block for the next row, which is zero.
std::byte* CodedRowsBuilder::NextCode() {
  const size_t size_bytes = CodesSizeBytes(
      space_.rotation->padded_dimension() / kGroupDimension, row_count() + 1);
  if (codes_.size() < size_bytes) {
    codes_.resize(size_bytes);
  }
  return codes_.data();
}

void CodedRowsBuilder::Add(std::span<const float> vector,
                           float bias_correction) {
  COPSE_CHECK(vector.size() == space_.dimension());
  for (size_t i = 0; i < vector.size(); ++i) {
    residual_[i] =
        ToFinite(double{vector[i]} - (centroid_.empty() ? 0 : centroid_[i]));
  }
  space_.rotation->Apply(residual_, rotated_);
  double square = 0;
  double magnitude = 0;
  double product = 0;  // <s, c - m>
  for (size_t i = 0; i < rotated_.size(); ++i) {
    const double component = rotated_[i];
    square += component * component;
    magnitude += std::abs(component);
    product += component >= 0 ? rotated_centroid_[i] : -rotated_centroid_[i];
  }
  // At the end of the range of fp32 a rotated vector may have components that
  // are infinite or not a number.
  const bool in_range = std::isfinite(square) && magnitude > 0;
  const double factor = in_range ? square / magnitude : 0;
  const double bias = space_.ranking() == Ranking::kInnerProduct
                          ? 0
                          : square + 2 * factor * product;
  PackCode(rotated_, row_count(), NextCode());
  factors_.push_back(ToFinite(2 * factor));
  biases_.push_back(Ordered(ToFinite(bias + bias_correction)));
}

void CodedRowsBuilder::Copy(const CodedRows& rows, size_t index) {
  COPSE_CHECK(index < rows.row_count());
  CopyCode(rows.codes_.data(), index, rows.group_count_, row_count(),
           NextCode());
  biases_.push_back(rows.bias_unit_ * FromHalf(rows.biases_[index]));
  factors_.push_back(2 * rows.factor(index));
}

float CodedRowsBuilder::spread() const {
  if (factors_.empty()) {
    return 0;
  }
  double sum = 0;
  for (const float factor : factors_) {
    sum += 0.25 * factor * factor;
  }
  const double ratio =
      2 * static_cast<double>(rotated_.size()) / std::numbers::pi;
  return ToFinite(ratio * sum / static_cast<double>(factors_.size()));
}

CodedRowsExponents CodedRowsBuilder::Store(std::span<const uint32_t> order,
                                           std::span<std::byte> payload,
                                           size_t offset) const {
  COPSE_CHECK(order.size() == row_count());
  const Offsets offsets(offset, row_count());
  const size_t group_count =
      space_.rotation->padded_dimension() / kGroupDimension;
  const CodedRowsExponents exponents = {.factors = ExponentFor(factors_),
                                        .biases = ExponentFor(biases_)};
  std::vector<uint16_t> factors;
  std::vector<uint16_t> biases;
  for (const uint32_t row : order) {
    factors.push_back(ScaledHalf(factors_[row], exponents.factors));
    biases.push_back(ScaledHalf(biases_[row], exponents.biases));
  }
  StorePayloadArray(payload, offsets.factors,
                    std::span<const uint16_t>(factors));
  StorePayloadArray(payload, offsets.biases, std::span<const uint16_t>(biases));
  for (size_t i = 0; i < order.size(); ++i) {
    CopyCode(codes_.data(), order[i], group_count, i,
             payload.data() + offsets.codes);
  }
  return exponents;
}

}  // namespace copse::internal
