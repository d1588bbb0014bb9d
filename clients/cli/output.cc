// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "clients/cpp/status_macros.h"

namespace copse {
namespace {

constexpr size_t kBufferSizeBytes = size_t{64} << 10;
constexpr size_t kDefaultWidth = 80;

// Writes all of `text`. Returns 0 or an errno.
int WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno != EINTR) {
      return errno;
    }
    text.remove_prefix(static_cast<size_t>(count > 0 ? count : 0));
  }
  return 0;
}

}  // namespace

Output::Output(int fd)
    : fd_(fd), is_terminal_(isatty(fd) == 1), width_(TerminalWidth(fd)) {}

absl::Status Output::Write(absl::string_view text) {
  is_untouched_ = is_untouched_ && text.empty();
  absl::StrAppend(&buffer_, text);
  return buffer_.size() < kBufferSizeBytes ? absl::OkStatus() : Flush();
}

absl::Status Output::WriteLine(absl::string_view text) {
  COPSE_CLIENT_RETURN_IF_ERROR(Write(text));
  return Write("\n");
}

absl::Status Output::Flush() {
  if (reader_is_gone_) {
    return absl::CancelledError("nobody reads standard output any more");
  }
  const int error = WriteAll(fd_, buffer_);
  buffer_.clear();
  if (error == EPIPE) {
    reader_is_gone_ = true;
    return absl::CancelledError("nobody reads standard output any more");
  }
  if (error != 0) {
    return absl::DataLossError(absl::StrCat("cannot write to standard output: ",
                                            std::strerror(error)));
  }
  return absl::OkStatus();
}

size_t TerminalWidth(int fd) {
  if (isatty(fd) != 1) {
    return 0;
  }
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return kDefaultWidth;
  }
  return size.ws_col;
}

void WriteBestEffort(int fd, absl::string_view text) { WriteAll(fd, text); }

}  // namespace copse
