// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs the real copsed as a process of its own.
//
//   COPSE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<DaemonProcess> daemon,
//                              DaemonProcess::Start({}));
//   auto channel = grpc::CreateChannel(daemon->grpc_address(), ...);
//   ...
//   EXPECT_EQ(daemon->Stop(SIGTERM), "exit code 0");
//   EXPECT_THAT(daemon->log(), HasSubstr("store closed"));
//
// Ports are free ones, and everything lies in a temporary folder that goes with
// the last object that uses it.

#ifndef COPSE_TESTS_SUPPORT_DAEMON_PROCESS_H_
#define COPSE_TESTS_SUPPORT_DAEMON_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace copse {

// A folder that is removed with this.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Thread safety: one thread at a time.
class DaemonProcess {
 public:
  struct Options {
    // The data folder; empty for a new one in a temporary folder.
    std::string data = {};

    // Further arguments, and variables beside those of this process. COPSE_ and
    // VECTORLINK_ variables of this process are not passed on.
    std::vector<std::string> arguments = {};
    std::vector<std::pair<std::string, std::string>> environment = {};

    // How long it may take to serve, or to end.
    absl::Duration timeout = absl::Seconds(60);
  };

  // What a process that has ended left.
  struct Outcome {
    std::string end;     // "exit code 0", "signal 9".
    std::string output;  // Standard output.
    std::string log;     // Standard error.
  };

  // Starts copsed and returns once it serves. Fails with kFailedPrecondition if
  // it ends before, and kDeadlineExceeded; the message holds its log.
  static absl::StatusOr<std::unique_ptr<DaemonProcess>> Start(Options options);

  // Runs copsed with `arguments` alone until it ends.
  static Outcome Run(
      const std::vector<std::string>& arguments,
      const std::vector<std::pair<std::string, std::string>>& environment = {});

  // Kills the process if it runs.
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  pid_t pid() const { return pid_; }
  const std::string& data() const { return options_.data; }
  const std::string& ready_file() const { return ready_file_; }

  // Such as "127.0.0.1:40311".
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& http_address() const { return http_address_; }
  const std::string& metrics_address() const { return metrics_address_; }

  // Sends `signal` and waits until the process has ended. Returns how it did,
  // as Outcome::end, or "still running after ..." and kills it.
  std::string Stop(int signal);

  // Sends `signal` and does not wait.
  void Signal(int signal) const;

  // Waits until the process has ended by itself, as Stop() does.
  std::string Wait();

  // Returns what the process has logged so far.
  std::string log() const;

 private:
  explicit DaemonProcess(Options options);

  absl::Status WaitUntilReady();

  Options options_;
  TemporaryFolder work_;
  std::string ready_file_;
  std::string grpc_address_;
  std::string http_address_;
  std::string metrics_address_;
  pid_t pid_ = -1;
  std::string end_;  // Empty while it runs.
};

}  // namespace copse

#endif  // COPSE_TESTS_SUPPORT_DAEMON_PROCESS_H_
