// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/npy_header.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"

namespace copse {
namespace {

constexpr absl::string_view kMagic = "\x93NUMPY";
constexpr size_t kVersionOffset = 6;
constexpr size_t kTextSizeOffset = 8;

// Arrays of more dimensions than NumPy itself allows are not read on.
constexpr size_t kShapeSizeMax = 32;

// Takes the few kinds of token that the dictionary has.
class Reader {
 public:
  explicit Reader(absl::string_view text) : text_(text), rest_(text) {}

  // Takes `token` if it comes next, and says whether it did.
  bool Take(absl::string_view token) {
    SkipSpace();
    if (rest_.substr(0, token.size()) != token) {
      return false;
    }
    rest_.remove_prefix(token.size());
    return true;
  }

  absl::Status Expect(absl::string_view token) {
    return Take(token) ? absl::OkStatus() : Unexpected(token);
  }

  absl::StatusOr<std::string> String() {
    SkipSpace();
    const absl::string_view quote = rest_.substr(0, 1);
    const size_t end = quote == "'" || quote == "\"" ? rest_.find(quote, 1)
                                                     : absl::string_view::npos;
    if (end == absl::string_view::npos) {
      return Unexpected("a string");
    }
    const std::string value(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return value;
  }

  absl::StatusOr<size_t> Number() {
    SkipSpace();
    size_t size = 0;
    while (size < rest_.size() && absl::ascii_isdigit(rest_[size])) {
      ++size;
    }
    uint64_t value = 0;
    if (!absl::SimpleAtoi(rest_.substr(0, size), &value)) {
      return Unexpected("a number below 2^64");
    }
    rest_.remove_prefix(size);
    return value;
  }

  bool IsAtEnd() {
    SkipSpace();
    return rest_.empty();
  }

  absl::Status Unexpected(absl::string_view wanted) const {
    return absl::DataLossError(
        absl::StrFormat("header has '%s' at position %d, expected %s",
                        absl::CHexEscape(rest_.substr(0, 16)),
                        text_.size() - rest_.size(), wanted));
  }

 private:
  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  absl::string_view text_;
  absl::string_view rest_;
};

absl::StatusOr<std::vector<size_t>> ReadShape(Reader& reader) {
  std::vector<size_t> shape;
  COPSE_RETURN_IF_ERROR(reader.Expect("("));
  while (!reader.Take(")")) {
    if (shape.size() == kShapeSizeMax) {
      return absl::DataLossError(
          absl::StrFormat("shape has more than %d dimensions", kShapeSizeMax));
    }
    COPSE_ASSIGN_OR_RETURN(const size_t extent, reader.Number());
    shape.push_back(extent);
    if (!reader.Take(",")) {
      COPSE_RETURN_IF_ERROR(reader.Expect(")"));
      break;
    }
  }
  return shape;
}

}  // namespace

absl::StatusOr<size_t> ParseNpyPreamble(std::span<const std::byte> bytes) {
  if (bytes.size() < kNpyPreambleSizeBytes) {
    return absl::DataLossError(
        absl::StrFormat("size is %d bytes, expected at least %d", bytes.size(),
                        kNpyPreambleSizeBytes));
  }
  if (std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return absl::DataLossError("magic at offset 0 is not that of a NumPy file");
  }
  const auto version = LoadLittleEndian<uint8_t>(bytes, kVersionOffset);
  if (version < 1 || version > 3) {
    return absl::DataLossError(
        absl::StrFormat("version at offset %d is %d, expected 1 to 3",
                        kVersionOffset, version));
  }
  const size_t text_size_bytes =
      version == 1 ? LoadLittleEndian<uint16_t>(bytes, kTextSizeOffset)
                   : LoadLittleEndian<uint32_t>(bytes, kTextSizeOffset);
  if (text_size_bytes < 2 || text_size_bytes > kNpyTextSizeBytesMax) {
    return absl::DataLossError(absl::StrFormat(
        "header size at offset %d is %d bytes, expected 2 to %d",
        kTextSizeOffset, text_size_bytes, kNpyTextSizeBytesMax));
  }
  return text_size_bytes;
}

size_t NpyTextOffset(std::span<const std::byte> bytes) {
  return LoadLittleEndian<uint8_t>(bytes, kVersionOffset) == 1 ? 10 : 12;
}

absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view text) {
  NpyHeader header;
  bool has_type = false;
  bool has_order = false;
  bool has_shape = false;
  Reader reader(text);
  COPSE_RETURN_IF_ERROR(reader.Expect("{"));
  while (!reader.Take("}")) {
    COPSE_ASSIGN_OR_RETURN(const std::string key, reader.String());
    COPSE_RETURN_IF_ERROR(reader.Expect(":"));
    if (key == "descr" && !has_type) {
      has_type = true;
      COPSE_ASSIGN_OR_RETURN(header.type, reader.String());
    } else if (key == "fortran_order" && !has_order) {
      has_order = true;
      header.is_fortran_order = reader.Take("True");
      if (!header.is_fortran_order) {
        COPSE_RETURN_IF_ERROR(reader.Expect("False"));
      }
    } else if (key == "shape" && !has_shape) {
      has_shape = true;
      COPSE_ASSIGN_OR_RETURN(header.shape, ReadShape(reader));
    } else {
      return absl::DataLossError(absl::StrFormat(
          "header has key '%s', expected descr, fortran_order and shape once",
          absl::CHexEscape(key)));
    }
    if (!reader.Take(",")) {
      COPSE_RETURN_IF_ERROR(reader.Expect("}"));
      break;
    }
  }
  if (!reader.IsAtEnd()) {
    return reader.Unexpected("the end");
  }
  if (!has_type || !has_order || !has_shape) {
    return absl::DataLossError(
        "header lacks a key, expected descr, fortran_order and shape");
  }
  return header;
}

std::string EncodeNpyHeader(absl::string_view type,
                            std::span<const size_t> shape) {
  constexpr size_t kTextOffset = 10;
  constexpr size_t kAlignment = 64;
  std::string text = absl::StrFormat(
      "{'descr': '%s', 'fortran_order': False, 'shape': (%s,), }", type,
      absl::StrJoin(shape, ", "));
  while ((kTextOffset + text.size() + 1) % kAlignment != 0) {
    text.push_back(' ');
  }
  text.push_back('\n');
  COPSE_CHECK(text.size() <= UINT16_MAX);
  std::string header =
      absl::StrCat(kMagic, absl::string_view("\x01\x00\x00\x00", 4));
  StoreLittleEndian<uint16_t>(
      std::as_writable_bytes(std::span(header.data(), header.size())),
      kTextSizeOffset, static_cast<uint16_t>(text.size()));
  return header + text;
}

}  // namespace copse
