// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Standard output, written in large pieces. A reader that has seen enough
// (`copse log D | head`) ends a command without a complaint.

#ifndef COPSE_CLIENTS_CLI_OUTPUT_H_
#define COPSE_CLIENTS_CLI_OUTPUT_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace copse {

// Thread safety: one thread at a time.
class Output {
 public:
  // `fd` is not owned. REQUIRES: SIGPIPE is ignored.
  explicit Output(int fd);

  // Fails with kCancelled once the reader is gone, and kDataLoss if the system
  // refuses what is written.
  absl::Status Write(absl::string_view text);
  absl::Status WriteLine(absl::string_view text);
  absl::Status Flush();

  // Whether the other end of the pipe was closed.
  bool reader_is_gone() const { return reader_is_gone_; }

  // Whether nothing was written yet.
  bool is_untouched() const { return is_untouched_; }

  bool is_terminal() const { return is_terminal_; }

  // The number of columns of the terminal, or 0 if it is none.
  size_t width() const { return width_; }

 private:
  const int fd_;
  bool is_terminal_ = false;
  size_t width_ = 0;
  std::string buffer_;
  bool reader_is_gone_ = false;
  bool is_untouched_ = true;
};

// Whether `fd` is a terminal, and how many columns it has; 0 if it is none.
size_t TerminalWidth(int fd);

// Writes all of `text`, and whatever goes wrong leaves it at that.
void WriteBestEffort(int fd, absl::string_view text);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_OUTPUT_H_
