// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/vector_file.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ios>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "index/exact_search.h"
#include "index/metric.h"
#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"
#include "tests/bench/npy_header.h"

namespace copse {
namespace {

enum class Component { kFloat32, kFloat16, kUint8 };

size_t SizeBytes(Component component) {
  switch (component) {
    case Component::kFloat32:
      return 4;
    case Component::kFloat16:
      return 2;
    case Component::kUint8:
      return 1;
  }
  COPSE_CHECK(false, "not a Component");
  return 0;
}

// How the rows stand in a file.
struct Layout {
  Component component = Component::kFloat32;
  size_t rows_offset = 0;
  size_t row_count = 0;
  size_t dimension = 0;
  // Whether the dimension stands before each row, as in .fvecs.
  bool has_row_header = false;

  size_t row_size_bytes() const {
    return dimension * SizeBytes(component) +
           (has_row_header ? sizeof(uint32_t) : 0);
  }
};

// A file that is read from its beginning to its end.
class InputFile {
 public:
  static absl::StatusOr<InputFile> Open(const std::string& path) {
    std::error_code error;
    const auto size_bytes = std::filesystem::file_size(path, error);
    if (error) {
      return absl::NotFoundError(
          absl::StrCat("cannot be opened: ", error.message()));
    }
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
      return absl::NotFoundError(
          absl::StrCat("cannot be opened: ", std::strerror(errno)));
    }
    return InputFile(std::move(stream), size_bytes);
  }

  size_t size_bytes() const { return size_bytes_; }
  size_t offset() const { return offset_; }

  // Fills `bytes` with what comes next.
  absl::Status Read(std::span<std::byte> bytes) {
    if (bytes.size() > size_bytes_ - offset_) {
      return absl::DataLossError(absl::StrFormat(
          "file ends at offset %d, expected %d bytes from offset %d on",
          size_bytes_, bytes.size(), offset_));
    }
    if (!stream_.read(reinterpret_cast<char*>(bytes.data()),
                      static_cast<std::streamsize>(bytes.size()))) {
      return absl::DataLossError(absl::StrFormat(
          "cannot read %d bytes from offset %d on", bytes.size(), offset_));
    }
    offset_ += bytes.size();
    return absl::OkStatus();
  }

 private:
  InputFile(std::ifstream stream, size_t size_bytes)
      : stream_(std::move(stream)), size_bytes_(size_bytes) {}

  std::ifstream stream_;
  size_t size_bytes_;
  size_t offset_ = 0;
};

absl::Status CheckDimension(uint64_t dimension) {
  if (dimension < 1 || dimension > kDimensionMax) {
    return absl::DataLossError(absl::StrFormat(
        "dimension is %d, expected 1 to %d", dimension, kDimensionMax));
  }
  return absl::OkStatus();
}

absl::StatusOr<Layout> ReadNpyLayout(InputFile& file) {
  std::vector<std::byte> bytes(
      std::min(file.size_bytes(), kNpyPreambleSizeBytes));
  COPSE_RETURN_IF_ERROR(file.Read(bytes));
  COPSE_ASSIGN_OR_RETURN(const size_t text_size_bytes, ParseNpyPreamble(bytes));
  const size_t text_offset = NpyTextOffset(bytes);
  bytes.resize(text_offset + text_size_bytes);
  COPSE_RETURN_IF_ERROR(
      file.Read(std::span(bytes).subspan(kNpyPreambleSizeBytes)));
  const auto text = std::span(bytes).subspan(text_offset);
  COPSE_ASSIGN_OR_RETURN(
      const NpyHeader header,
      ParseNpyHeader(
          {reinterpret_cast<const char*>(text.data()), text.size()}));
  if (header.type != "<f4" && header.type != "<f2") {
    return absl::DataLossError(
        absl::StrFormat("descr is '%s', expected '<f4' or '<f2'", header.type));
  }
  if (header.is_fortran_order) {
    return absl::DataLossError("fortran_order is True, expected False");
  }
  if (header.shape.size() != 2) {
    return absl::DataLossError(
        absl::StrFormat("shape is (%s), expected 2 dimensions",
                        absl::StrJoin(header.shape, ", ")));
  }
  COPSE_RETURN_IF_ERROR(CheckDimension(header.shape[1]));
  return Layout{.component = header.type == "<f4" ? Component::kFloat32
                                                  : Component::kFloat16,
                .rows_offset = file.offset(),
                .row_count = header.shape[0],
                .dimension = header.shape[1]};
}

// The dimension of the first row is that of all; it stays to be read again.
absl::StatusOr<Layout> ReadVecsLayout(InputFile& file, Component component) {
  std::byte bytes[sizeof(uint32_t)];
  COPSE_RETURN_IF_ERROR(file.Read(bytes));
  const auto dimension = LoadLittleEndian<uint32_t>(bytes, 0);
  COPSE_RETURN_IF_ERROR(CheckDimension(dimension));
  Layout layout = {
      .component = component, .dimension = dimension, .has_row_header = true};
  layout.row_count = file.size_bytes() / layout.row_size_bytes();
  return layout;
}

absl::Status CheckSize(const Layout& layout, size_t size_bytes) {
  const size_t rows_size_bytes = size_bytes - layout.rows_offset;
  // Divided, because the product may not fit.
  if (rows_size_bytes % layout.row_size_bytes() != 0 ||
      rows_size_bytes / layout.row_size_bytes() != layout.row_count) {
    return absl::DataLossError(absl::StrFormat(
        "%d bytes follow offset %d, expected %d rows of %d bytes",
        rows_size_bytes, layout.rows_offset, layout.row_count,
        layout.row_size_bytes()));
  }
  if (layout.row_count == 0) {
    return absl::DataLossError("file has 0 rows, expected at least 1");
  }
  return absl::OkStatus();
}

void Convert(std::span<const std::byte> bytes, Component component,
             std::span<float> components) {
  for (size_t i = 0; i < components.size(); ++i) {
    switch (component) {
      case Component::kFloat32:
        components[i] =
            std::bit_cast<float>(LoadLittleEndian<uint32_t>(bytes, 4 * i));
        break;
      case Component::kFloat16:
        components[i] =
            internal::FloatFromHalf(LoadLittleEndian<uint16_t>(bytes, 2 * i));
        break;
      case Component::kUint8:
        components[i] = static_cast<float>(bytes[i]);
        break;
    }
  }
}

absl::Status ReadRow(InputFile& file, const Layout& layout,
                     std::span<std::byte> bytes, std::span<float> row) {
  COPSE_RETURN_IF_ERROR(file.Read(bytes));
  std::span<const std::byte> components = bytes;
  if (layout.has_row_header) {
    const auto dimension = LoadLittleEndian<uint32_t>(bytes, 0);
    if (dimension != layout.dimension) {
      return absl::DataLossError(
          absl::StrFormat("dimension is %d, expected %d as in row 0", dimension,
                          layout.dimension));
    }
    components = components.subspan(sizeof(uint32_t));
  }
  Convert(components, layout.component, row);
  const absl::Status check = CheckVector(row, layout.dimension);
  return check.ok() ? check : absl::DataLossError(check.message());
}

absl::StatusOr<Layout> ReadLayout(const std::string& path, InputFile& file) {
  if (absl::EndsWith(path, ".npy")) {
    return ReadNpyLayout(file);
  }
  if (absl::EndsWith(path, ".fvecs")) {
    return ReadVecsLayout(file, Component::kFloat32);
  }
  if (absl::EndsWith(path, ".bvecs")) {
    return ReadVecsLayout(file, Component::kUint8);
  }
  return absl::InvalidArgumentError(
      "name ends in none of .npy, .fvecs and .bvecs");
}

absl::StatusOr<VectorMatrix> ReadRows(const std::string& path,
                                      size_t row_count_max) {
  COPSE_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  COPSE_ASSIGN_OR_RETURN(const Layout layout, ReadLayout(path, file));
  COPSE_RETURN_IF_ERROR(CheckSize(layout, file.size_bytes()));
  if (layout.has_row_header) {
    COPSE_ASSIGN_OR_RETURN(file, InputFile::Open(path));
  }
  const size_t row_count = std::min(layout.row_count, row_count_max);
  VectorMatrix matrix = {.dimension = layout.dimension, .components = {}};
  matrix.components.resize(row_count * layout.dimension);
  std::vector<std::byte> bytes(layout.row_size_bytes());
  for (size_t i = 0; i < row_count; ++i) {
    const absl::Status status =
        ReadRow(file, layout, bytes,
                std::span(matrix.components)
                    .subspan(i * layout.dimension, layout.dimension));
    if (!status.ok()) {
      return AnnotateStatus(status, absl::StrFormat("row %d", i));
    }
  }
  return matrix;
}

}  // namespace

namespace internal {

float FloatFromHalf(uint16_t half) {
  constexpr uint32_t kExponentShift = 10;
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = (half >> kExponentShift) & 0x1f;
  const uint32_t fraction = half & 0x3ff;
  if (exponent == 0) {  // Zero and subnormal: a multiple of 2^-24.
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  const uint32_t float_exponent = exponent == 0x1f ? 0xff : exponent + 112;
  return std::bit_cast<float>(sign | (float_exponent << 23) | (fraction << 13));
}

}  // namespace internal

absl::StatusOr<VectorMatrix> ReadVectorFile(const std::string& path,
                                            size_t row_count_max) {
  absl::StatusOr<VectorMatrix> matrix = ReadRows(path, row_count_max);
  if (!matrix.ok()) {
    return AnnotateStatus(matrix.status(), path);
  }
  return matrix;
}

absl::Status WriteNpyInt32(const std::string& path,
                           std::span<const size_t> shape,
                           std::span<const int32_t> values) {
  const std::string header = EncodeNpyHeader("<i4", shape);
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(header.data(), static_cast<std::streamsize>(header.size()));
  stream.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size_bytes()));
  stream.close();
  if (!stream) {
    return absl::UnavailableError(
        absl::StrCat(path, ": cannot be written: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace copse
