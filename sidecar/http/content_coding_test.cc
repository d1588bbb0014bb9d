// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/content_coding.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::HasSubstr;

// Returns what `bytes`, given in pieces of `piece_size_bytes`, were made of.
absl::StatusOr<std::string> Decompress(ContentCoding coding,
                                       absl::string_view bytes,
                                       size_t piece_size_bytes) {
  StreamDecompressor decompressor(coding);
  std::string text;
  while (!bytes.empty()) {
    const absl::string_view piece = bytes.substr(0, piece_size_bytes);
    bytes.remove_prefix(piece.size());
    decompressor.Add(std::string(piece));
    while (true) {
      absl::StatusOr<std::string> part = decompressor.Take();
      if (!part.ok()) {
        return part;
      }
      EXPECT_LE(part->size(), StreamDecompressor::kPieceSizeBytesMax);
      if (part->empty()) {
        break;
      }
      text += *part;
    }
  }
  const absl::Status end = decompressor.CheckEnd();
  return end.ok() ? absl::StatusOr<std::string>(text) : end;
}

TEST(PreferredCodingTest, IsWhatTheClientLikesBest) {
  const std::pair<absl::string_view, ContentCoding> cases[] = {
      {"", ContentCoding::kIdentity},
      {"br", ContentCoding::kIdentity},
      {"gzip", ContentCoding::kGzip},
      {" GZIP ", ContentCoding::kGzip},
      {"deflate, gzip", ContentCoding::kGzip},
      {"deflate;q=1.0, gzip;q=0.5", ContentCoding::kDeflate},
      {"gzip, deflate, br, zstd", ContentCoding::kZstd},
      {"gzip;q=0", ContentCoding::kIdentity},
      {"gzip;q=0, *", ContentCoding::kZstd},
      {"*;q=0", ContentCoding::kIdentity},
      {"identity, gzip;q=0.5", ContentCoding::kIdentity},
      {"gzip;q=2, deflate;q=x, zstd;level=3", ContentCoding::kIdentity},
      {";,;;q,=,", ContentCoding::kIdentity},
  };
  for (const auto& [text, coding] : cases) {
    EXPECT_EQ(PreferredCoding(text), coding) << text;
  }
}

TEST(ParseContentEncodingTest, KnowsOneCodingAtATime) {
  EXPECT_EQ(*ParseContentEncoding("gzip"), ContentCoding::kGzip);
  EXPECT_EQ(*ParseContentEncoding("X-GZIP"), ContentCoding::kGzip);
  EXPECT_EQ(*ParseContentEncoding("identity"), ContentCoding::kIdentity);
  for (const absl::string_view text : {"br", "gzip, gzip", "", "*"}) {
    EXPECT_THAT(ParseContentEncoding(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected gzip, deflate or zstd")))
        << text;
  }
}

class StreamCodingTest : public ::testing::TestWithParam<ContentCoding> {};

TEST_P(StreamCodingTest, GivesBackWhatItWasGiven) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) {
    absl::StrAppend(&text, "{\"id\":\"Vessel/", i, "\"}\n");
  }
  StreamCompressor compressor(GetParam());
  std::string bytes;
  for (size_t begin = 0; begin < text.size(); begin += 70'000) {
    bytes += compressor.Compress(absl::string_view(text).substr(begin, 70'000),
                                 false);
  }
  bytes += compressor.Compress("", true);
  EXPECT_LT(bytes.size(), text.size() / 4);
  for (const size_t piece_size_bytes :
       {size_t{1}, size_t{1000}, bytes.size()}) {
    EXPECT_EQ(*Decompress(GetParam(), bytes, piece_size_bytes), text);
  }
}

TEST_P(StreamCodingTest, LetsEachPieceBeReadWhenItComes) {
  StreamCompressor compressor(GetParam());
  StreamDecompressor decompressor(GetParam());
  for (int i = 0; i < 100; ++i) {
    const std::string line = absl::StrCat("{\"indexed\":", i, "}\n");
    decompressor.Add(compressor.Compress(line, false));
    EXPECT_EQ(*decompressor.Take(), line);
    EXPECT_EQ(*decompressor.Take(), "");
  }
}

TEST_P(StreamCodingTest, HoldsABombInSmallPieces) {
  StreamCompressor compressor(GetParam());
  const std::string zeros(size_t{32} << 20, '0');
  const std::string bomb = compressor.Compress(zeros, true);
  EXPECT_LT(bomb.size(), zeros.size() / 100);
  // So much is free; of zstd more is not.
  StreamDecompressor decompressor(GetParam());
  decompressor.Add(bomb);
  size_t size_bytes = 0;
  absl::StatusOr<std::string> piece = decompressor.Take();
  for (; piece.ok() && !piece->empty(); piece = decompressor.Take()) {
    EXPECT_LE(piece->size(), StreamDecompressor::kPieceSizeBytesMax);
    size_bytes += piece->size();
  }
  EXPECT_GE(size_bytes, StreamDecompressor::kFreeSizeBytes);
  if (bomb.size() * StreamDecompressor::kFactorMax < zeros.size()) {
    EXPECT_THAT(piece, StatusIs(absl::StatusCode::kInvalidArgument,
                                HasSubstr("unfolds to more than 1100 times")));
  } else {
    EXPECT_THAT(piece, IsOk());
    EXPECT_EQ(size_bytes, zeros.size());
  }
}

TEST_P(StreamCodingTest, RefusesWhatIsCutOffOrFollowedByMore) {
  StreamCompressor compressor(GetParam());
  const std::string bytes = compressor.Compress("a pilot cutter", true);
  EXPECT_EQ(*Decompress(GetParam(), "", 1), "");
  for (size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_THAT(Decompress(GetParam(), bytes.substr(0, size), 1000),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("the body is cut off")))
        << size;
  }
  EXPECT_THAT(Decompress(GetParam(), bytes + "more of it", 1000),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the body is not ")));
  EXPECT_THAT(Decompress(GetParam(), "a pilot cutter", 1000),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("as its content-encoding says")));
}

INSTANTIATE_TEST_SUITE_P(Codings, StreamCodingTest,
                         ::testing::Values(ContentCoding::kGzip,
                                           ContentCoding::kDeflate,
                                           ContentCoding::kZstd),
                         [](const auto& coding) {
                           return std::string(ContentCodingName(coding.param));
                         });

TEST(GzipTest, ReadsFilesOfSeveralParts) {
  const auto gzip = [](absl::string_view text) {
    return StreamCompressor(ContentCoding::kGzip).Compress(text, true);
  };
  EXPECT_EQ(*Decompress(ContentCoding::kGzip, gzip("one ") + gzip("two"), 7),
            "one two");
}

}  // namespace
}  // namespace copse
