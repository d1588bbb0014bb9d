// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What Ctrl-C still says when it ends a command whose work goes on elsewhere.

#ifndef COPSE_CLIENTS_CLI_INTERRUPT_NOTE_H_
#define COPSE_CLIENTS_CLI_INTERRUPT_NOTE_H_

#include "absl/strings/string_view.h"

namespace copse {

// From now on SIGINT prints `note`, of at most 1000 bytes, to standard error
// and ends the process with exit code 130, as a shell has it. One note at a
// time.
void SetInterruptNote(absl::string_view note);

// Makes SIGINT end the process without a word again.
void ClearInterruptNote();

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_INTERRUPT_NOTE_H_
