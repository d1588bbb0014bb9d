// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// For tests: a look at the calls of the operating system by which a program
// changes files, those of RocksDB among them, before they are made.
//
//   SetFileCallHook([](const FileCall& call) {
//     return call.kind == FileCall::Kind::kSync ? EIO : 0;
//   });
//
// The calls are write, pwrite, ftruncate, fsync, fdatasync, rename and unlink.
// Linking file_calls.cc into a program replaces them; without a hook they do
// what they always do.

#ifndef COPSE_VERSIONING_TESTING_FILE_CALLS_H_
#define COPSE_VERSIONING_TESTING_FILE_CALLS_H_

#include <string>

namespace copse {

struct FileCall {
  enum class Kind { kWrite, kResize, kSync, kName };
  Kind kind = Kind::kWrite;
  int file = -1;               // Of a kName: none.
  const char* path = nullptr;  // Of a kName; of a rename the target.
};

// Returns 0, or the error with which the call fails. Called by any thread.
using FileCallHook = int (*)(const FileCall& call);

// Null: none.
void SetFileCallHook(FileCallHook hook);

// Returns what the call is about.
std::string PathOf(const FileCall& call);

}  // namespace copse

#endif  // COPSE_VERSIONING_TESTING_FILE_CALLS_H_
