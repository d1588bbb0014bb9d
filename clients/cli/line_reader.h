// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads lines from a file, a pipe or a terminal, in bounded memory.
//
//   LineReader lines(fd, {});
//   while (true) {
//     COPSE_CLIENT_ASSIGN_OR_RETURN(auto line, lines.Next());
//     if (!line.has_value()) break;
//     Use(lines.line_number(), *line);
//   }

#ifndef COPSE_CLIENTS_CLI_LINE_READER_H_
#define COPSE_CLIENTS_CLI_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

struct LineReaderOptions {
  // Longer lines are refused, in bytes.
  size_t line_size_bytes_max = size_t{96} << 20;

  // Called every quarter of a second while there is nothing to read; a status
  // other than OK ends Next().
  std::function<absl::Status()> on_idle;
};

// Thread safety: one thread at a time.
class LineReader {
 public:
  // `fd` is not owned.
  LineReader(int fd, LineReaderOptions options);

  // Returns the next line without its end (LF or CR LF), or nullopt at the end
  // of the file; the last line needs no end. The view is valid until the next
  // call. Fails with kInvalidArgument for a line that is too long, naming its
  // number, and kDataLoss if the file cannot be read.
  absl::StatusOr<std::optional<absl::string_view>> Next();

  // The number of the line that was returned last, counted from 1.
  int64_t line_number() const { return line_number_; }

  // The number of bytes of all lines returned up to now.
  int64_t consumed_size_bytes() const { return consumed_size_bytes_; }

 private:
  absl::Status WaitForInput();
  // Reads more into `buffer_`. Sets `at_end_` if there is no more.
  absl::Status Fill();

  const int fd_;
  const LineReaderOptions options_;
  std::string buffer_;
  size_t begin_ = 0;    // Of what was not yet returned.
  size_t scanned_ = 0;  // Up to here there is no line feed behind `begin_`.
  bool at_end_ = false;
  int64_t line_number_ = 0;
  int64_t consumed_size_bytes_ = 0;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_LINE_READER_H_
