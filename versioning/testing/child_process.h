// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// For tests: work in a process that ends without warning.
//
//   const std::string report = RunChildProcess([](int channel) {
//     ... write(channel, ...) ...
//     ::_exit(0);  // In the middle of it.
//   });

#ifndef COPSE_VERSIONING_TESTING_CHILD_PROCESS_H_
#define COPSE_VERSIONING_TESTING_CHILD_PROCESS_H_

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "gtest/gtest.h"

#include "index/util/check.h"

namespace copse {

// Runs `work` in a child process, which must end with _exit(0), and returns
// what it wrote to `channel`. The calling process must never open a store: the
// threads of a database would not be in the child, and it would wait for them.
inline std::string RunChildProcess(
    const std::function<void(int channel)>& work) {
  int channel[2];
  COPSE_CHECK(::pipe(channel) == 0);
  const pid_t child = ::fork();
  COPSE_CHECK(child >= 0);
  if (child == 0) {
    ::close(channel[0]);
    work(channel[1]);
    ::_exit(0);
  }
  ::close(channel[1]);
  std::string report;
  char buffer[4096];
  for (ssize_t size = 0;
       (size = ::read(channel[0], buffer, sizeof(buffer))) > 0;) {
    report.append(buffer, static_cast<size_t>(size));
  }
  ::close(channel[0]);
  int status = 0;
  COPSE_CHECK(::waitpid(child, &status, 0) == child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << "child ended with " << status;
  return report;
}

}  // namespace copse

#endif  // COPSE_VERSIONING_TESTING_CHILD_PROCESS_H_
