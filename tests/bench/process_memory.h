// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What this process has in memory.

#ifndef COPSE_TESTS_BENCH_PROCESS_MEMORY_H_
#define COPSE_TESTS_BENCH_PROCESS_MEMORY_H_

#include <cstdint>
#include <fstream>
#include <string>

namespace copse {

// Returns RssAnon, the bytes of memory that no file backs, or -1 where
// /proc/self/status does not tell.
inline int64_t AnonymousMemoryBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    int64_t kibibytes = 0;
    if (key == "RssAnon:" && status >> kibibytes) {
      return kibibytes * 1024;
    }
  }
  return -1;
}

}  // namespace copse

#endif  // COPSE_TESTS_BENCH_PROCESS_MEMORY_H_
