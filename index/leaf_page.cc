// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/leaf_page.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/checksum_page.h"
#include "index/distance.h"
#include "index/metric.h"
#include "index/page_payload.h"
#include "index/top_k.h"
#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse::internal {
namespace {

constexpr uint16_t kLayout = 1;

constexpr size_t kLayoutOffset = 0;
constexpr size_t kDimensionOffset = 4;
constexpr size_t kRowCountOffset = kDimensionOffset + sizeof(uint32_t);
constexpr size_t kReservedOffset = kRowCountOffset + sizeof(uint32_t);
static_assert(kReservedOffset + 36 == kPayloadHeadSizeBytes);

constexpr int kCodeMax = 127;
constexpr size_t kCodeMultiple = 32;  // Components of one AVX2 register.
constexpr size_t kAlignment = 64;

constexpr size_t RoundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

constexpr size_t CodeSizeBytes(size_t dimension) {
  return RoundUp(dimension, kCodeMultiple);
}

// Where the arrays begin in the payload, and where it ends.
struct Offsets {
  constexpr Offsets(size_t dimension, size_t row_count)
      : scales(ordinals + sizeof(Ordinal) * row_count),
        biases(scales + sizeof(float) * row_count),
        padding(biases + sizeof(float) * row_count),
        codes(RoundUp(ChecksumPage::kHeaderSizeBytes + padding, kAlignment) -
              ChecksumPage::kHeaderSizeBytes),
        end(codes + CodeSizeBytes(dimension) * row_count) {}

  size_t ordinals = kPayloadHeadSizeBytes;
  size_t scales;
  size_t biases;
  size_t padding;
  size_t codes;
  size_t end;
};
static_assert(Offsets(kDimensionMax, kLeafRowCountMax).end <=
              ChecksumPage::kPayloadSizeBytesMax);

// Rounds `values` to `code`, which may be longer, and returns the scale with
// which the code comes closest.
float Quantize(std::span<const float> values, std::span<int8_t> code) {
  float largest = 0;
  for (const float value : values) {
    largest = std::max(largest, std::abs(value));
  }
  const float scale = largest / kCodeMax;
  // Below the smallest normal number the quotient may be infinite.
  const bool usable = scale >= std::numeric_limits<float>::min();
  const float inverse = usable ? 1 / scale : 0;
  for (size_t i = 0; i < values.size(); ++i) {
    // A product of a largest number and its inverse can pass 127 by rounding.
    const float rounded = std::nearbyint(values[i] * inverse);
    code[i] =
        static_cast<int8_t>(std::clamp<float>(rounded, -kCodeMax, kCodeMax));
  }
  std::fill(code.begin() + values.size(), code.end(), int8_t{0});
  return usable ? scale : 0;
}

// Returns `value` as the nearest finite fp32.
float ToFinite(double value) {
  constexpr double kMax = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kMax, kMax));
}

absl::Status CheckRows(std::span<const Ordinal> ordinals,
                       std::span<const float> scales,
                       std::span<const int8_t> codes) {
  const auto unordered = std::ranges::adjacent_find(
      ordinals, [](Ordinal left, Ordinal right) { return left >= right; });
  if (unordered != ordinals.end()) {
    return absl::DataLossError(absl::StrFormat(
        "ordinal %d of row %d is followed by %d, expected a larger one",
        *unordered, unordered - ordinals.begin(), *(unordered + 1)));
  }
  const auto negative = std::ranges::find_if(
      scales, [](float scale) { return std::signbit(scale); });
  if (negative != scales.end()) {
    return absl::DataLossError(
        absl::StrFormat("scale of row %d is %f, expected at least 0",
                        negative - scales.begin(), *negative));
  }
  const void* bad = std::memchr(codes.data(), 0x80, codes.size());
  if (bad != nullptr) {
    return absl::DataLossError(
        absl::StrFormat("code at byte %d is -128, expected -127 to 127",
                        static_cast<const int8_t*>(bad) - codes.data()));
  }
  return absl::OkStatus();
}

// Checks that each code is zero behind its `dimension` components.
absl::Status CheckCodePadding(std::span<const std::byte> payload,
                              const Offsets& offsets, size_t dimension) {
  const size_t code_size_bytes = CodeSizeBytes(dimension);
  if (code_size_bytes == dimension) {
    return absl::OkStatus();
  }
  for (size_t first = offsets.codes; first < offsets.end;
       first += code_size_bytes) {
    COPSE_RETURN_IF_ERROR(
        CheckZero(payload, first + dimension, first + code_size_bytes));
  }
  return absl::OkStatus();
}

}  // namespace

void LeafQuery::Prepare(Ranking ranking, std::span<const float> query,
                        std::span<const float> origin) {
  COPSE_CHECK(origin.empty() || origin.size() == query.size());
  COPSE_CHECK(origin.empty() || ranking != Ranking::kInnerProduct);
  ranking_ = ranking;
  code_.resize(CodeSizeBytes(query.size()));
  if (origin.empty()) {
    scale_ = Quantize(query, code_);
    return;
  }
  difference_.resize(query.size());
  for (size_t i = 0; i < query.size(); ++i) {
    difference_[i] = ToFinite(double{query[i]} - origin[i]);
  }
  scale_ = Quantize(difference_, code_);
}

absl::StatusOr<LeafPage> LeafPage::Parse(std::span<const std::byte> bytes) {
  COPSE_ASSIGN_OR_RETURN(const std::span<const std::byte> payload,
                         OpenPayload(bytes, PageKind::kLeaf, kLayout));
  const auto dimension = LoadLittleEndian<uint32_t>(payload, kDimensionOffset);
  const auto row_count = LoadLittleEndian<uint32_t>(payload, kRowCountOffset);
  COPSE_RETURN_IF_ERROR(
      CheckZero(payload, kLayoutOffset + sizeof(uint16_t), kDimensionOffset));
  COPSE_RETURN_IF_ERROR(
      CheckField("dimension", kDimensionOffset, dimension, 1, kDimensionMax));
  COPSE_RETURN_IF_ERROR(
      CheckField("row count", kRowCountOffset, row_count, 1, kLeafRowCountMax));
  COPSE_RETURN_IF_ERROR(
      CheckZero(payload, kReservedOffset, kPayloadHeadSizeBytes));
  const Offsets offsets(dimension, row_count);
  COPSE_RETURN_IF_ERROR(CheckPayloadSize(payload, offsets.end));
  COPSE_RETURN_IF_ERROR(CheckZero(payload, offsets.padding, offsets.codes));
  COPSE_RETURN_IF_ERROR(CheckCodePadding(payload, offsets, dimension));
  const auto ordinals =
      PayloadArray<Ordinal>(payload, offsets.ordinals, row_count);
  const auto scales = PayloadArray<float>(payload, offsets.scales, row_count);
  const auto biases = PayloadArray<float>(payload, offsets.biases, row_count);
  const auto codes =
      PayloadArray<int8_t>(payload, offsets.codes, offsets.end - offsets.codes);
  COPSE_RETURN_IF_ERROR(CheckFinite("scale", offsets.scales, scales));
  COPSE_RETURN_IF_ERROR(CheckFinite("bias", offsets.biases, biases));
  COPSE_RETURN_IF_ERROR(CheckRows(ordinals, scales, codes));
  return LeafPage(dimension, ordinals, scales, biases, codes);
}

std::optional<size_t> LeafPage::Find(Ordinal ordinal) const {
  const auto found = std::ranges::lower_bound(ordinals_, ordinal);
  if (found == ordinals_.end() || *found != ordinal) {
    return std::nullopt;
  }
  return found - ordinals_.begin();
}

// Calls visit(i, estimate) for each row i for which wanted(i).
template <typename Wanted, typename Visit>
void LeafPage::ForEachEstimate(const LeafQuery& query, float centroid_score,
                               const Wanted& wanted, const Visit& visit) const {
  static const auto dot_int8 = KernelsFor(BestSimdLevel()).dot_int8;
  const size_t code_size_bytes = query.code_.size();
  COPSE_DCHECK(code_size_bytes == CodeSizeBytes(dimension_));
  const bool squared = query.ranking_ == Ranking::kSquaredEuclidean;
  const float factor = squared ? -2 * query.scale_ : -query.scale_;
  const float bias_factor = squared ? 1 : 0;
  const int8_t* code = codes_.data();
  for (size_t i = 0; i < ordinals_.size(); ++i, code += code_size_bytes) {
    if (!wanted(i)) {
      continue;
    }
    const auto product =
        static_cast<float>(dot_int8(query.code_.data(), code, code_size_bytes));
    visit(i, Ordered(centroid_score + bias_factor * biases_[i] +
                     factor * scales_[i] * product));
  }
}

size_t LeafPage::Scan(const LeafQuery& query, float centroid_score,
                      const RowFilter& filter, TopK& candidates) const {
  size_t count = 0;
  const auto visit = [&](size_t i, float estimate) {
    ++count;
    candidates.Add(estimate, ordinals_[i]);
  };
  if (filter.empty()) {
    ForEachEstimate(
        query, centroid_score, [](size_t) { return true; }, visit);
  } else {
    ForEachEstimate(
        query, centroid_score,
        [&](size_t i) { return filter.Passes(ordinals_[i]); }, visit);
  }
  return count;
}

void LeafPage::Estimate(const LeafQuery& query, float centroid_score,
                        std::span<float> estimates) const {
  COPSE_CHECK(estimates.size() == ordinals_.size());
  ForEachEstimate(
      query, centroid_score, [](size_t) { return true; },
      [&](size_t i, float estimate) { estimates[i] = estimate; });
}

void LeafPage::Prefetch() const {
  // The head arrays and the first codes; the processor sees the rest coming.
  const auto* first = reinterpret_cast<const char*>(ordinals_.data());
  const size_t size_bytes =
      3 * ordinals_.size_bytes() + std::min<size_t>(codes_.size(), 1024);
  for (size_t offset = 0; offset < size_bytes; offset += kAlignment) {
    __builtin_prefetch(first + offset);
  }
}

LeafPageBuilder::LeafPageBuilder(Metric metric, std::span<const float> centroid,
                                 std::span<const float> origin)
    : metric_(metric),
      centroid_(centroid),
      origin_(origin),
      difference_(centroid.size()) {
  COPSE_CHECK(origin.empty() || origin.size() == centroid.size());
}

void LeafPageBuilder::AddRow(Ordinal ordinal, std::span<const float> vector) {
  COPSE_CHECK(vector.size() == centroid_.size());
  double square = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    difference_[i] = ToFinite(double{vector[i]} - centroid_[i]);
    square += double{difference_[i]} * difference_[i];
  }
  const size_t code_size_bytes = CodeSizeBytes(vector.size());
  codes_.resize(codes_.size() + code_size_bytes);
  const std::span<int8_t> code = std::span(codes_).last(code_size_bytes);
  const float scale = Quantize(difference_, code);
  double product = 0;
  bool zero = true;
  for (size_t i = 0; i < vector.size(); ++i) {
    const double origin = origin_.empty() ? 0 : origin_[i];
    product += (centroid_[i] - origin) * (double{scale} * code[i]);
    zero = zero && vector[i] == 0;
  }
  // A zero vector has cosine distance 1 to everything, as has a vector at the
  // squared distance 2 on the unit sphere; it is at 1.
  const double correction = metric_ == Metric::kCosine && zero ? 1 : 0;
  ordinals_.push_back(ordinal);
  scales_.push_back(scale);
  biases_.push_back(ToFinite(square + 2 * product + correction));
}

void LeafPageBuilder::CopyRow(const LeafPage& page, size_t index) {
  COPSE_CHECK(page.dimension() == centroid_.size() && index < page.row_count());
  const size_t code_size_bytes = CodeSizeBytes(page.dimension());
  const auto code =
      page.codes_.subspan(index * code_size_bytes, code_size_bytes);
  ordinals_.push_back(page.ordinals_[index]);
  scales_.push_back(page.scales_[index]);
  biases_.push_back(page.biases_[index]);
  codes_.insert(codes_.end(), code.begin(), code.end());
}

float LeafPageBuilder::spread() const {
  static const auto dot_int8 = KernelsFor(BestSimdLevel()).dot_int8;
  const size_t code_size_bytes = CodeSizeBytes(centroid_.size());
  double sum = 0;
  for (size_t i = 0; i < ordinals_.size(); ++i) {
    const int8_t* code = codes_.data() + i * code_size_bytes;
    sum +=
        double{scales_[i]} * scales_[i] * dot_int8(code, code, code_size_bytes);
  }
  return ordinals_.empty()
             ? 0
             : ToFinite(sum / static_cast<double>(ordinals_.size()));
}

std::vector<std::byte> LeafPageBuilder::Finish() {
  const size_t row_count = ordinals_.size();
  const size_t dimension = centroid_.size();
  COPSE_CHECK(row_count >= 1 && row_count <= kLeafRowCountMax);
  std::vector<uint32_t> order(row_count);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [this](uint32_t i) { return ordinals_[i]; });

  const Offsets offsets(dimension, row_count);
  std::vector<std::byte> payload(offsets.end);
  StoreLittleEndian<uint16_t>(payload, kLayoutOffset, kLayout);
  StoreLittleEndian<uint32_t>(payload, kDimensionOffset,
                              static_cast<uint32_t>(dimension));
  StoreLittleEndian<uint32_t>(payload, kRowCountOffset,
                              static_cast<uint32_t>(row_count));
  const std::span<std::byte> bytes(payload);
  const size_t code_size_bytes = CodeSizeBytes(dimension);
  for (size_t i = 0; i < row_count; ++i) {
    const uint32_t source = order[i];
    COPSE_CHECK(i == 0 || ordinals_[order[i - 1]] < ordinals_[source]);
    StorePayloadArray(bytes, offsets.ordinals + sizeof(Ordinal) * i,
                      std::span<const Ordinal>(&ordinals_[source], 1));
    StorePayloadArray(bytes, offsets.scales + sizeof(float) * i,
                      std::span<const float>(&scales_[source], 1));
    StorePayloadArray(bytes, offsets.biases + sizeof(float) * i,
                      std::span<const float>(&biases_[source], 1));
    StorePayloadArray(bytes, offsets.codes + code_size_bytes * i,
                      std::span<const int8_t>(&codes_[code_size_bytes * source],
                                              code_size_bytes));
  }
  ordinals_.clear();
  scales_.clear();
  biases_.clear();
  codes_.clear();
  return SealPage(PageKind::kLeaf, payload);
}

}  // namespace copse::internal
