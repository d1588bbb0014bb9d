// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/centroid_page.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/checksum_page.h"
#include "index/coded_query.h"
#include "index/distance.h"
#include "index/metric.h"
#include "index/page_payload.h"
#include "index/top_k.h"
#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"

namespace copse::internal {
namespace {

constexpr uint16_t kLayout = 2;

constexpr size_t kLayoutOffset = 0;
constexpr size_t kEncodingOffset = kLayoutOffset + sizeof(uint16_t);
constexpr size_t kReservedByteOffset = kEncodingOffset + sizeof(uint8_t);
constexpr size_t kDimensionOffset = kReservedByteOffset + sizeof(uint8_t);
constexpr size_t kCountOffset = kDimensionOffset + sizeof(uint32_t);
constexpr size_t kReservedOffset = kCountOffset + sizeof(uint32_t);
static_assert(kReservedOffset + 36 == kPayloadHeadSizeBytes);

constexpr size_t kInt8DimensionMin = 64;

size_t VectorSizeBytes(CentroidEncoding encoding, size_t dimension) {
  return encoding == CentroidEncoding::kInt8 ? Int8SizeBytes(dimension)
                                             : sizeof(float) * dimension;
}

// Where the arrays begin in the payload, and where it ends.
struct Offsets {
  Offsets(CentroidEncoding encoding, size_t dimension, size_t count)
      : scales(vectors + VectorSizeBytes(encoding, dimension) * count),
        squares(scales + sizeof(float) * count),
        end(squares + sizeof(float) * count) {}

  size_t vectors = kPayloadHeadSizeBytes;
  size_t scales;
  size_t squares;
  size_t end;
};

// Returns the squared length of what is decoded.
float SquareOf(std::span<const float> vector) {
  double square = 0;
  for (const float component : vector) {
    square += double{component} * component;
  }
  return ToFinite(square);
}

float SquareOf(std::span<const int8_t> code, float scale) {
  int32_t square = 0;  // At most 127^2 * kDimensionMax.
  for (const int8_t component : code) {
    square += int32_t{component} * component;
  }
  return ToFinite(double{scale} * scale * square);
}

// Returns component `difference` of a vector that is stored relative to
// `origin`.
float Decoded(float difference, float origin) {
  return origin == 0 ? difference : ToFinite(double{difference} + origin);
}

// Checks the scale or square `found` of vector `index`.
absl::Status CheckNumber(absl::string_view field, size_t index, float found,
                         float expected) {
  if (!(found == expected) || std::signbit(found)) {
    return absl::DataLossError(
        absl::StrFormat("%s of vector %d is %g, expected %g for its components",
                        field, index, found, expected));
  }
  return absl::OkStatus();
}

// Checks int8 codes and that they are zero behind their `dimension` components.
absl::Status CheckCodes(std::span<const std::byte> payload,
                        const Offsets& offsets, size_t dimension) {
  const size_t size_bytes = Int8SizeBytes(dimension);
  const void* bad = std::memchr(payload.data() + offsets.vectors, 0x80,
                                offsets.scales - offsets.vectors);
  if (bad != nullptr) {
    return absl::DataLossError(absl::StrFormat(
        "code at offset %d is -128, expected -127 to 127",
        ChecksumPage::kHeaderSizeBytes +
            (static_cast<const std::byte*>(bad) - payload.data())));
  }
  for (size_t first = offsets.vectors;
       size_bytes > dimension && first < offsets.scales; first += size_bytes) {
    COPSE_RETURN_IF_ERROR(
        CheckZero(payload, first + dimension, first + size_bytes));
  }
  return absl::OkStatus();
}

std::vector<float> Difference(std::span<const float> vector,
                              std::span<const float> origin) {
  std::vector<float> difference(vector.begin(), vector.end());
  for (size_t i = 0; i < origin.size(); ++i) {
    difference[i] = ToFinite(double{vector[i]} - origin[i]);
  }
  return difference;
}

}  // namespace

CentroidEncoding EncodingFor(size_t dimension) {
  return dimension < kInt8DimensionMin ? CentroidEncoding::kFloat
                                       : CentroidEncoding::kInt8;
}

void RoundCentroid(std::span<const float> origin, std::span<float> centroid) {
  std::vector<float> difference = Difference(centroid, origin);
  if (EncodingFor(centroid.size()) == CentroidEncoding::kInt8) {
    std::vector<int8_t> code(Int8SizeBytes(centroid.size()));
    const float scale = QuantizeInt8(difference, code);
    for (size_t i = 0; i < centroid.size(); ++i) {
      difference[i] = ToFinite(double{scale} * code[i]);
    }
  }
  for (size_t i = 0; i < centroid.size(); ++i) {
    centroid[i] = Decoded(difference[i], origin.empty() ? 0 : origin[i]);
  }
}

absl::StatusOr<CentroidPage> CentroidPage::Parse(
    std::span<const std::byte> bytes) {
  COPSE_ASSIGN_OR_RETURN(const std::span<const std::byte> payload,
                         OpenPayload(bytes, PageKind::kCentroids, kLayout));
  const auto encoding = LoadLittleEndian<uint8_t>(payload, kEncodingOffset);
  const auto dimension = LoadLittleEndian<uint32_t>(payload, kDimensionOffset);
  const auto count = LoadLittleEndian<uint32_t>(payload, kCountOffset);
  COPSE_RETURN_IF_ERROR(
      CheckField("encoding", kEncodingOffset, encoding,
                 static_cast<uint8_t>(CentroidEncoding::kFloat),
                 static_cast<uint8_t>(CentroidEncoding::kInt8)));
  COPSE_RETURN_IF_ERROR(
      CheckZero(payload, kReservedByteOffset, kDimensionOffset));
  COPSE_RETURN_IF_ERROR(
      CheckField("dimension", kDimensionOffset, dimension, 1, kDimensionMax));
  COPSE_RETURN_IF_ERROR(
      CheckField("vector count", kCountOffset, count, 1, kCentroidCountMax));
  COPSE_RETURN_IF_ERROR(
      CheckZero(payload, kReservedOffset, kPayloadHeadSizeBytes));
  const auto known_encoding = static_cast<CentroidEncoding>(encoding);
  const Offsets offsets(known_encoding, dimension, count);
  COPSE_RETURN_IF_ERROR(CheckPayloadSize(payload, offsets.end));
  if (known_encoding == CentroidEncoding::kInt8) {
    COPSE_RETURN_IF_ERROR(CheckCodes(payload, offsets, dimension));
  } else {
    COPSE_RETURN_IF_ERROR(
        CheckFinite("component", offsets.vectors,
                    PayloadArray<float>(payload, offsets.vectors,
                                        size_t{dimension} * count)));
  }
  const auto scales = PayloadArray<float>(payload, offsets.scales, count);
  const auto squares = PayloadArray<float>(payload, offsets.squares, count);
  const CentroidPage page(
      known_encoding, dimension,
      payload.subspan(offsets.vectors, offsets.scales - offsets.vectors),
      scales, squares);
  COPSE_RETURN_IF_ERROR(page.CheckNumbers());
  return page;
}

// Checks that each vector has the one scale and square that belong to it.
absl::Status CentroidPage::CheckNumbers() const {
  for (size_t i = 0; i < vector_count(); ++i) {
    float square = 0;
    if (encoding_ == CentroidEncoding::kInt8) {
      if (!IsInt8Code(scales_[i], Int8Vector(i))) {
        return absl::DataLossError(absl::StrFormat(
            "code of vector %d with the scale %g is not one that is written", i,
            scales_[i]));
      }
      square = SquareOf(Int8Vector(i), scales_[i]);
    } else {
      COPSE_RETURN_IF_ERROR(CheckNumber("scale", i, scales_[i], 1));
      square = SquareOf(FloatVector(i));
    }
    COPSE_RETURN_IF_ERROR(CheckNumber("square", i, squares_[i], square));
  }
  return absl::OkStatus();
}

std::span<const float> CentroidPage::FloatVector(size_t index) const {
  return {reinterpret_cast<const float*>(vectors_.data()) + index * dimension_,
          dimension_};
}

std::span<const int8_t> CentroidPage::Int8Vector(size_t index) const {
  const size_t size_bytes = Int8SizeBytes(dimension_);
  return {reinterpret_cast<const int8_t*>(vectors_.data()) + index * size_bytes,
          size_bytes};
}

void CentroidPage::Decode(size_t index, std::span<const float> origin,
                          std::span<float> vector) const {
  COPSE_CHECK(index < vector_count() && vector.size() == dimension_);
  COPSE_CHECK(origin.empty() || origin.size() == dimension_);
  for (size_t i = 0; i < dimension_; ++i) {
    const float difference =
        encoding_ == CentroidEncoding::kInt8
            ? ToFinite(double{scales_[index]} * Int8Vector(index)[i])
            : FloatVector(index)[i];
    vector[i] = Decoded(difference, origin.empty() ? 0 : origin[i]);
  }
}

float CentroidPage::Score(const CodedQuery& query, size_t index) const {
  static const DistanceKernels& kernels = KernelsFor(BestSimdLevel());
  COPSE_DCHECK(index < vector_count());
  const bool inner_product = query.ranking() == Ranking::kInnerProduct;
  if (encoding_ == CentroidEncoding::kInt8) {
    const std::span<const int8_t> code = Int8Vector(index);
    const float product =
        query.int8_scale() * scales_[index] *
        static_cast<float>(kernels.dot_int8(query.int8_code().data(),
                                            code.data(), code.size()));
    return Ordered(inner_product
                       ? -product
                       : query.square() + squares_[index] - 2 * product);
  }
  const float* vector = FloatVector(index).data();
  return Ordered(
      inner_product
          ? -kernels.dot(query.difference().data(), vector, dimension_)
          : kernels.squared_euclidean(query.difference().data(), vector,
                                      dimension_));
}

float CentroidPage::ExactScore(const CodedQuery& query, size_t index) const {
  if (encoding_ == CentroidEncoding::kFloat ||
      query.ranking() == Ranking::kInnerProduct) {
    return Score(query, index);
  }
  const std::span<const int8_t> code = Int8Vector(index);
  const float scale = scales_[index];
  double sum = 0;
  for (size_t i = 0; i < dimension_; ++i) {
    const double difference =
        double{query.difference()[i]} - double{scale} * code[i];
    sum += difference * difference;
  }
  return Ordered(ToFinite(sum));
}

void CentroidPage::Prefetch(size_t index) const {
  constexpr size_t kLineSizeBytes = 64;
  const size_t size_bytes = VectorSizeBytes(encoding_, dimension_);
  const auto* first =
      reinterpret_cast<const char*>(vectors_.data()) + index * size_bytes;
  for (size_t offset = 0; offset < size_bytes; offset += kLineSizeBytes) {
    __builtin_prefetch(first + offset);
  }
}

std::vector<std::byte> EncodeCentroidPage(CentroidEncoding encoding,
                                          size_t dimension,
                                          std::span<const float> differences) {
  COPSE_CHECK(dimension > 0 && dimension <= kDimensionMax);
  const size_t count = differences.size() / dimension;
  COPSE_CHECK(differences.size() % dimension == 0 && count > 0 &&
              count <= kCentroidCountMax);
  const Offsets offsets(encoding, dimension, count);
  std::vector<std::byte> payload(offsets.end);
  const std::span<std::byte> bytes(payload);
  StoreLittleEndian<uint16_t>(payload, kLayoutOffset, kLayout);
  StoreLittleEndian<uint8_t>(payload, kEncodingOffset,
                             static_cast<uint8_t>(encoding));
  StoreLittleEndian<uint32_t>(payload, kDimensionOffset,
                              static_cast<uint32_t>(dimension));
  StoreLittleEndian<uint32_t>(payload, kCountOffset,
                              static_cast<uint32_t>(count));
  std::vector<float> scales(count, 1);
  std::vector<float> squares(count);
  std::vector<int8_t> code(Int8SizeBytes(dimension));
  for (size_t i = 0; i < count; ++i) {
    const auto vector = differences.subspan(i * dimension, dimension);
    if (encoding == CentroidEncoding::kInt8) {
      scales[i] = QuantizeInt8(vector, code);
      StorePayloadArray(bytes, offsets.vectors + i * code.size(),
                        std::span<const int8_t>(code));
      squares[i] = SquareOf(code, scales[i]);
    } else {
      StorePayloadArray(bytes, offsets.vectors + i * vector.size_bytes(),
                        vector);
      squares[i] = SquareOf(vector);
    }
  }
  StorePayloadArray(bytes, offsets.scales, std::span<const float>(scales));
  StorePayloadArray(bytes, offsets.squares, std::span<const float>(squares));
  return SealPage(PageKind::kCentroids, payload);
}

}  // namespace copse::internal
