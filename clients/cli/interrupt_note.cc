// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/interrupt_note.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstring>

#include "absl/strings/string_view.h"

namespace copse {
namespace {

constexpr int kInterruptedExitCode = 128 + SIGINT;

// A signal handler may use nothing that takes a lock: memory of its own, made
// before it is installed.
constexpr size_t kNoteSizeBytesMax = 1000;
char note_text[kNoteSizeBytesMax];
size_t note_size = 0;

void PrintNote(int /*signal*/) {
  // Nobody is left to hear of an error.
  [[maybe_unused]] const ssize_t written =
      ::write(STDERR_FILENO, note_text, note_size);
  ::_exit(kInterruptedExitCode);
}

}  // namespace

void SetInterruptNote(absl::string_view note) {
  std::signal(SIGINT, SIG_DFL);
  note_size = std::min(note.size(), kNoteSizeBytesMax);
  std::memcpy(note_text, note.data(), note_size);
  std::signal(SIGINT, PrintNote);
}

void ClearInterruptNote() { std::signal(SIGINT, SIG_DFL); }

}  // namespace copse
