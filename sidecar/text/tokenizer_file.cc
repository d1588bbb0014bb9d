// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/tokenizer_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bzlib.h"

#include "index/util/status_macros.h"

namespace copse {
namespace {

constexpr size_t kReadSize = size_t{64} << 10;

absl::Status TooLarge(size_t size_max) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "has more than %d bytes, the most that are read", size_max));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t size_max) {
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Closer> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) {
    const absl::string_view reason = std::strerror(errno);
    return errno == ENOENT ? absl::NotFoundError(reason)
                           : absl::UnavailableError(reason);
  }
  std::string bytes;
  std::array<char, kReadSize> buffer;
  while (const size_t count =
             std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    if (bytes.size() + count > size_max) {
      return TooLarge(size_max);
    }
    bytes.append(buffer.data(), count);
  }
  if (std::ferror(file.get()) != 0) {
    return absl::UnavailableError(std::strerror(errno));
  }
  return bytes;
}

// Ends the stream whatever happens.
class Bzip2Stream {
 public:
  Bzip2Stream() { state_ = BZ2_bzDecompressInit(&stream_, 0, 0); }
  ~Bzip2Stream() { BZ2_bzDecompressEnd(&stream_); }
  Bzip2Stream(const Bzip2Stream&) = delete;
  Bzip2Stream& operator=(const Bzip2Stream&) = delete;

  absl::StatusOr<std::string> Decompress(std::string& compressed,
                                         size_t size_max) {
    std::string bytes;
    std::array<char, kReadSize> buffer;
    stream_.next_in = compressed.data();
    stream_.avail_in = static_cast<unsigned>(compressed.size());
    while (state_ == BZ_OK) {
      stream_.next_out = buffer.data();
      stream_.avail_out = buffer.size();
      const unsigned left = stream_.avail_in;
      state_ = BZ2_bzDecompress(&stream_);
      const size_t count = buffer.size() - stream_.avail_out;
      if (bytes.size() + count > size_max) {
        return TooLarge(size_max);
      }
      bytes.append(buffer.data(), count);
      if (state_ == BZ_OK && count == 0 && stream_.avail_in == left) {
        state_ = BZ_UNEXPECTED_EOF;
      }
    }
    if (state_ != BZ_STREAM_END) {
      return absl::InvalidArgumentError(
          absl::StrFormat("is not a whole bzip2 file: error %d after %d bytes",
                          state_, bytes.size()));
    }
    return bytes;
  }

 private:
  bz_stream stream_ = {};
  int state_ = BZ_OK;
};

absl::StatusOr<std::string> ReadAndDecompress(const std::string& path,
                                              size_t size_max) {
  COPSE_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path, size_max));
  if (!absl::EndsWith(path, ".bz2")) {
    return bytes;
  }
  return Bzip2Stream().Decompress(bytes, size_max);
}

}  // namespace

absl::StatusOr<std::string> ReadTokenizerFile(const std::string& path,
                                              size_t size_max) {
  auto bytes = ReadAndDecompress(path, size_max);
  if (!bytes.ok()) {
    return AnnotateStatus(bytes.status(), absl::StrFormat("'%s'", path));
  }
  return bytes;
}

}  // namespace copse
