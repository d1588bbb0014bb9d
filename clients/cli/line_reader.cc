// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "clients/cpp/status_macros.h"

namespace copse {
namespace {

constexpr size_t kReadSizeBytes = size_t{256} << 10;
constexpr int kIdleMs = 250;

}  // namespace

LineReader::LineReader(int fd, LineReaderOptions options)
    : fd_(fd), options_(std::move(options)) {}

absl::StatusOr<std::optional<absl::string_view>> LineReader::Next() {
  while (true) {
    const size_t line_feed = buffer_.find('\n', scanned_);
    const bool is_found = line_feed != std::string::npos;
    if (!is_found && !at_end_) {
      scanned_ = buffer_.size();
      if (buffer_.size() - begin_ > options_.line_size_bytes_max) {
        return absl::InvalidArgumentError(
            absl::StrFormat("line %d: more than %d bytes", line_number_ + 1,
                            options_.line_size_bytes_max));
      }
      COPSE_CLIENT_RETURN_IF_ERROR(Fill());
      continue;
    }
    if (!is_found && begin_ == buffer_.size()) {
      return std::nullopt;
    }
    const size_t end = is_found ? line_feed : buffer_.size();
    absl::string_view line =
        absl::string_view(buffer_).substr(begin_, end - begin_);
    const size_t next = is_found ? end + 1 : end;
    consumed_size_bytes_ += static_cast<int64_t>(next - begin_);
    begin_ = next;
    scanned_ = next;
    ++line_number_;
    if (!line.empty() && line.back() == '\r') {
      line.remove_suffix(1);
    }
    return line;
  }
}

absl::Status LineReader::Fill() {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  COPSE_CLIENT_RETURN_IF_ERROR(WaitForInput());
  const size_t old_size = buffer_.size();
  // A long line is read in growing pieces, so that it is not searched and moved
  // once for each small one.
  buffer_.resize(old_size + std::max(kReadSizeBytes, old_size / 2));
  ssize_t count = 0;
  do {
    count = read(fd_, buffer_.data() + old_size, buffer_.size() - old_size);
  } while (count < 0 && errno == EINTR);
  const int error = errno;
  buffer_.resize(old_size + static_cast<size_t>(count > 0 ? count : 0));
  if (count < 0) {
    return absl::DataLossError(
        absl::StrCat("cannot read the input: ", std::strerror(error)));
  }
  at_end_ = count == 0;
  return absl::OkStatus();
}

absl::Status LineReader::WaitForInput() {
  while (options_.on_idle) {
    pollfd input = {fd_, POLLIN, 0};
    const int ready = poll(&input, 1, kIdleMs);
    if (ready != 0 && !(ready < 0 && errno == EINTR)) {
      break;  // Input, its end, or an error that read() will tell.
    }
    COPSE_CLIENT_RETURN_IF_ERROR(options_.on_idle());
  }
  return absl::OkStatus();
}

}  // namespace copse
