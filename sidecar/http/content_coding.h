// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The content codings of HTTP: what a client likes, and streams that compress
// and decompress.
//
//   StreamCompressor compressor(PreferredCoding("gzip, zstd;q=0.5"));
//   Send(compressor.Compress(line, /*is_last=*/false));
//
// What Compress() returns holds all that it was given, so a client can read
// each line when it comes.

#ifndef COPSE_SIDECAR_HTTP_CONTENT_CODING_H_
#define COPSE_SIDECAR_HTTP_CONTENT_CODING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

// kDeflate is what RFC 9110 calls deflate: the format of zlib.
enum class ContentCoding { kIdentity, kGzip, kDeflate, kZstd };

// Returns the name of a coding, such as "gzip".
absl::string_view ContentCodingName(ContentCoding coding);

// Returns the coding that a client with this Accept-Encoding likes best, and of
// those that it likes equally zstd, gzip, deflate, identity, in this order.
// What is malformed is passed over.
ContentCoding PreferredCoding(absl::string_view accept_encoding);

// Returns the coding that `content_encoding` names. Fails with
// kInvalidArgument, MEDIA_TYPE_UNSUPPORTED, for one that is not known, and for
// several.
absl::StatusOr<ContentCoding> ParseContentEncoding(
    absl::string_view content_encoding);

// Thread safety: one thread at a time.
class StreamCompressor {
 public:
  // REQUIRES: `coding` is not kIdentity.
  explicit StreamCompressor(ContentCoding coding);
  ~StreamCompressor();
  StreamCompressor(const StreamCompressor&) = delete;
  StreamCompressor& operator=(const StreamCompressor&) = delete;

  // Returns the bytes from which `piece` and all before it can be read; with
  // `is_last`, the end of the stream, too, after which nothing may follow.
  std::string Compress(absl::string_view piece, bool is_last);

 private:
  class Codec;
  class ZlibCodec;
  class ZstdCodec;

  const std::unique_ptr<Codec> codec_;
};

// Memory: a window of at most 8 MiB, whatever the stream asks for. Time: what
// comes out is bounded by what went in, because four bytes of zstd can stand
// for 128 KiB, and bodies of pushes may be as long as they like.
//
// Thread safety: one thread at a time.
class StreamDecompressor {
 public:
  static constexpr size_t kPieceSizeBytesMax = size_t{64} << 10;

  // What may come out: so much, or so many times what went in, which is a
  // little more than deflate ever gives.
  static constexpr uint64_t kFreeSizeBytes = uint64_t{1} << 20;
  static constexpr uint64_t kFactorMax = 1100;

  // REQUIRES: `coding` is not kIdentity.
  explicit StreamDecompressor(ContentCoding coding);
  ~StreamDecompressor();
  StreamDecompressor(const StreamDecompressor&) = delete;
  StreamDecompressor& operator=(const StreamDecompressor&) = delete;

  // Gives the next bytes of the stream. REQUIRES: Take() has returned "".
  void Add(std::string bytes);

  // Returns at most kPieceSizeBytesMax of what was compressed, "" if more bytes
  // are needed. Fails with kInvalidArgument: BODY_INVALID, if they are not of
  // the coding, and BODY_TOO_LARGE.
  absl::StatusOr<std::string> Take();

  // Fails with kInvalidArgument, BODY_INVALID, unless the stream is complete or
  // empty.
  absl::Status CheckEnd() const;

 private:
  class Codec;
  class ZlibCodec;
  class ZstdCodec;

  absl::Status CheckFactor() const;

  const ContentCoding coding_;
  const std::unique_ptr<Codec> codec_;
  std::string input_;
  size_t input_begin_ = 0;
  bool output_was_full_ = false;
  uint64_t added_size_bytes_ = 0;
  uint64_t taken_size_bytes_ = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_CONTENT_CODING_H_
