// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/vector_file.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/bench/npy_header.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

template <typename T>
std::string Binary(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          values.size() * sizeof(T)};
}

// Builds what NumPy writes without the code under test.
std::string Npy(absl::string_view text, absl::string_view array,
                uint8_t version = 1) {
  std::string file = absl::StrCat("\x93NUMPY");
  file.push_back(static_cast<char>(version));
  file.push_back('\0');
  for (size_t i = 0; i < (version == 1 ? 2 : 4); ++i) {
    file.push_back(static_cast<char>((text.size() >> (8 * i)) & 0xff));
  }
  return absl::StrCat(file, text, array);
}

constexpr absl::string_view kFloat32Header =
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }     \n";

std::string TwoRows() { return Binary<float>({1, -2.5F, 3e-40F, 0, 5, 6}); }

class VectorFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/copse-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(absl::string_view name) const {
    return absl::StrCat(folder_, "/", name);
  }

  // Writes `bytes` and reads them as a file of that name.
  absl::StatusOr<VectorMatrix> Read(
      absl::string_view name, absl::string_view bytes,
      size_t row_count_max = std::numeric_limits<size_t>::max()) const {
    std::ofstream(Path(name), std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return ReadVectorFile(Path(name), row_count_max);
  }

 private:
  std::string folder_;
};

TEST_F(VectorFileTest, ReadsFloat32OfEveryVersion) {
  for (const uint8_t version : {1, 2, 3}) {
    COPSE_ASSERT_OK_AND_ASSIGN(
        const VectorMatrix matrix,
        Read("a.npy", Npy(kFloat32Header, TwoRows(), version)));
    EXPECT_EQ(matrix.dimension, 3U);
    EXPECT_EQ(matrix.row_count(), 2U);
    EXPECT_THAT(matrix.components, ElementsAre(1, -2.5F, 3e-40F, 0, 5, 6));
    EXPECT_THAT(matrix.row(1), ElementsAre(0, 5, 6));
  }
}

TEST_F(VectorFileTest, ReadsFloat16) {
  const std::string file =
      Npy("{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2)}\n",
          Binary<uint16_t>({0x3c00, 0xc100, 0x0001, 0x7bff}));
  COPSE_ASSERT_OK_AND_ASSIGN(const VectorMatrix matrix, Read("a.npy", file));
  EXPECT_THAT(matrix.components, ElementsAre(1, -2.5F, 0x1p-24F, 65504));
}

TEST_F(VectorFileTest, ReadsFvecsAndBvecs) {
  std::string fvecs;
  std::string bvecs;
  for (const float row : {1.0F, 7.0F}) {
    fvecs += Binary<uint32_t>({2}) + Binary<float>({row, row + 0.5F});
    bvecs += Binary<uint32_t>({2}) +
             Binary<uint8_t>({static_cast<uint8_t>(row), 255});
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const VectorMatrix floats, Read("a.fvecs", fvecs));
  EXPECT_EQ(floats.dimension, 2U);
  EXPECT_THAT(floats.components, ElementsAre(1, 1.5F, 7, 7.5F));
  COPSE_ASSERT_OK_AND_ASSIGN(const VectorMatrix bytes, Read("a.bvecs", bvecs));
  EXPECT_THAT(bytes.components, ElementsAre(1, 255, 7, 255));
}

TEST_F(VectorFileTest, ReadsNoMoreRowsThanAsked) {
  const std::string file = Npy(kFloat32Header, TwoRows());
  COPSE_ASSERT_OK_AND_ASSIGN(const VectorMatrix one, Read("a.npy", file, 1));
  EXPECT_THAT(one.components, ElementsAre(1, -2.5F, 3e-40F));
  COPSE_ASSERT_OK_AND_ASSIGN(const VectorMatrix two, Read("a.npy", file, 9));
  EXPECT_EQ(two.row_count(), 2U);
}

TEST_F(VectorFileTest, NamesTheFileInEveryError) {
  EXPECT_THAT(ReadVectorFile(Path("none.npy")),
              StatusIs(absl::StatusCode::kNotFound,
                       StartsWith(absl::StrCat(Path("none.npy"),
                                               ": cannot be opened: "))));
  EXPECT_THAT(Read("a.csv", "1,2"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       EndsWith("a.csv: name ends in none of .npy, .fvecs and "
                                ".bvecs")));
}

TEST_F(VectorFileTest, RejectsEveryTruncation) {
  const std::string npy = Npy(kFloat32Header, TwoRows());
  for (size_t size = 0; size < npy.size(); ++size) {
    EXPECT_THAT(Read("a.npy", npy.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("expected")))
        << "cut to " << size << " bytes";
  }
  const std::string fvecs = Binary<uint32_t>({2}) + Binary<float>({1, 2}) +
                            Binary<uint32_t>({2}) + Binary<float>({3, 4});
  for (size_t size = 0; size < fvecs.size(); ++size) {
    if (size != fvecs.size() / 2) {
      EXPECT_THAT(Read("a.fvecs", fvecs.substr(0, size)),
                  StatusIs(absl::StatusCode::kDataLoss, HasSubstr("expected")))
          << "cut to " << size << " bytes";
    }
  }
}

TEST_F(VectorFileTest, RejectsTrailingBytes) {
  EXPECT_THAT(
      Read("a.npy", Npy(kFloat32Header, TwoRows()) + "x"),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("25 bytes follow offset 75, expected 2 rows of 12 "
                         "bytes")));
}

TEST_F(VectorFileTest, RejectsArraysItCannotRead) {
  const struct {
    absl::string_view text;
    absl::string_view message;
  } cases[] = {
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3)}",
       "descr is '>f4', expected '<f4' or '<f2'"},
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}",
       "fortran_order is True, expected False"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)}",
       "shape is (6), expected 2 dimensions"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}",
       "shape is (), expected 2 dimensions"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4097)}",
       "dimension is 4097, expected 1 to 4096"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0)}",
       "dimension is 0, expected 1 to 4096"},
      {"{'descr': '<f4', 'fortran_order': False, "
       "'shape': (4611686018427387904, 4)}",
       "expected 4611686018427387904 rows of 16 bytes"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}",
       "expected 0 rows of 12 bytes"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(Read("a.npy", Npy(c.text, TwoRows())),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr(std::string(c.message))));
  }
  EXPECT_THAT(
      Read(
          "a.npy",
          Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}", "")),
      StatusIs(absl::StatusCode::kDataLoss,
               EndsWith("file has 0 rows, expected at least 1")));
}

TEST_F(VectorFileTest, NamesTheRowAndComponentThatIsNotFinite) {
  const std::string rows = Binary<float>({1, 2, 3, 4, std::nanf(""), 6});
  EXPECT_THAT(Read("a.npy", Npy(kFloat32Header, rows)),
              StatusIs(absl::StatusCode::kDataLoss,
                       EndsWith("a.npy: row 1: component 1 of the vector is "
                                "nan, expected a finite number")));
}

TEST_F(VectorFileTest, RejectsRowsOfDifferentDimensions) {
  const std::string fvecs = Binary<uint32_t>({2}) + Binary<float>({1, 2}) +
                            Binary<uint32_t>({3}) + Binary<float>({3, 4});
  EXPECT_THAT(Read("a.fvecs", fvecs),
              StatusIs(absl::StatusCode::kDataLoss,
                       EndsWith("row 1: dimension is 3, expected 2 as in row "
                                "0")));
  EXPECT_THAT(Read("a.bvecs", Binary<uint32_t>({0xffffffff})),
              StatusIs(absl::StatusCode::kDataLoss,
                       EndsWith("dimension is 4294967295, expected 1 to "
                                "4096")));
}

TEST_F(VectorFileTest, WritesWhatNumPyReads) {
  const size_t shape[] = {2, 1, 3};
  const int32_t values[] = {1, -1, 2, 3, 4, 5};
  ASSERT_THAT(WriteNpyInt32(Path("out.npy"), shape, values), IsOk());
  std::ifstream stream(Path("out.npy"), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  ASSERT_EQ(bytes.size(), 128 + sizeof(values));
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  COPSE_ASSERT_OK_AND_ASSIGN(const NpyHeader header,
                             ParseNpyHeader(bytes.substr(10, 118)));
  EXPECT_EQ(header.type, "<i4");
  EXPECT_FALSE(header.is_fortran_order);
  EXPECT_THAT(header.shape, ElementsAre(2, 1, 3));
  EXPECT_EQ(std::memcmp(bytes.data() + 128, values, sizeof(values)), 0);
}

TEST_F(VectorFileTest, SaysThatAFileCannotBeWritten) {
  EXPECT_THAT(WriteNpyInt32(Path("no/such/folder.npy"), {}, {}),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("folder.npy: cannot be written: ")));
}

TEST(FloatFromHalfTest, AgreesWithItsDefinitionForEveryHalf) {
  for (uint32_t half = 0; half <= 0xffff; ++half) {
    const int exponent = static_cast<int>((half >> 10) & 0x1f);
    const int fraction = static_cast<int>(half & 0x3ff);
    const float value = internal::FloatFromHalf(static_cast<uint16_t>(half));
    EXPECT_EQ(std::signbit(value), (half & 0x8000) != 0) << half;
    if (exponent == 31) {
      EXPECT_EQ(std::isinf(value), fraction == 0) << half;
      EXPECT_EQ(std::isnan(value), fraction != 0) << half;
    } else {
      const double magnitude = exponent == 0
                                   ? std::ldexp(fraction, -24)
                                   : std::ldexp(1024 + fraction, exponent - 25);
      EXPECT_EQ(std::abs(value), magnitude) << half;
    }
  }
}

TEST(NpyHeaderTest, TakesAnyLayoutOfTheDictionary) {
  for (const absl::string_view text :
       {"{'descr':'<f4','fortran_order':False,'shape':(3,4)}",
        "{\"shape\": (3, 4,), \"descr\": \"<f4\", \"fortran_order\": False,}",
        "  { 'fortran_order' : False , 'shape' : ( 3 , 4 ) ,\n"
        "    'descr' : '<f4' , }  \n"}) {
    COPSE_ASSERT_OK_AND_ASSIGN(const NpyHeader header, ParseNpyHeader(text));
    EXPECT_EQ(header.type, "<f4");
    EXPECT_FALSE(header.is_fortran_order);
    EXPECT_THAT(header.shape, ElementsAre(3, 4));
  }
}

TEST(NpyHeaderTest, RejectsWhatIsNoSuchDictionary) {
  const struct {
    absl::string_view text;
    absl::string_view message;
  } cases[] = {
      {"", "header has '' at position 0, expected {"},
      {"[1]", "header has '[1]' at position 0, expected {"},
      {"{'descr': '<f4', 'fortran_order': False}", "header lacks a key"},
      {"{'descr': '<f4', 'descr': '<f4'}", "header has key 'descr', expected"},
      {"{'size': 3}", "header has key 'size', expected"},
      {"{'descr': [('x', '<f4')]}", "at position 10, expected a string"},
      {"{'descr': '<f4}", "at position 10, expected a string"},
      {"{'shape': (3, -4)}", "header has '-4)}' at position 14"},
      {"{'shape': (3, 99999999999999999999)}", "expected a number below 2^64"},
      {"{'shape': 3}", "at position 10, expected ("},
      {"{'fortran_order': 0}", "at position 18, expected False"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)} x",
       "expected the end"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(ParseNpyHeader(c.text),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr(std::string(c.message))))
        << c.text;
  }
}

TEST(NpyHeaderTest, BoundsTheNumberOfDimensions) {
  std::string shape;
  for (size_t i = 0; i < 1000; ++i) {
    shape += "1, ";
  }
  EXPECT_THAT(ParseNpyHeader(absl::StrCat("{'shape': (", shape, ")}")),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("shape has more than 32 dimensions")));
}

TEST(NpyHeaderTest, RejectsForeignPreambles) {
  const struct {
    std::string bytes;
    absl::string_view message;
  } cases[] = {
      {std::string(12, 'x'), "magic at offset 0 is not that of a NumPy file"},
      {std::string("\x93NUMPY\x04\x00\x10\x00\x00\x00", 12),
       "version at offset 6 is 4, expected 1 to 3"},
      {std::string("\x93NUMPY\x02\x00\x01\x00\x01\x00", 12),
       "header size at offset 8 is 65537 bytes, expected 2 to 65536"},
      {std::string("\x93NUMPY\x01\x00\x00\x00{}", 12),
       "header size at offset 8 is 0 bytes, expected 2 to 65536"},
      {std::string("\x93NUMPY\x01\x00", 8),
       "size is 8 bytes, expected at least 12"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(ParseNpyPreamble(std::as_bytes(std::span(c.bytes))),
                StatusIs(absl::StatusCode::kDataLoss,
                         testing::Eq(std::string(c.message))));
  }
}

}  // namespace
}  // namespace copse
