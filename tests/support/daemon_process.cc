// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/daemon_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "index/util/check.h"
#include "index/util/status_macros.h"

namespace copse {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file),
          std::istreambuf_iterator<char>()};
}

// Returns NAME=VALUE of all variables that the daemon gets.
std::vector<std::string> EnvironmentLines(const Environment& environment) {
  std::vector<std::string> lines;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!absl::StartsWith(*entry, "COPSE_") &&
        !absl::StartsWith(*entry, "VECTORLINK_")) {
      lines.emplace_back(*entry);
    }
  }
  for (const auto& [name, value] : environment) {
    lines.push_back(absl::StrCat(name, "=", value));
  }
  return lines;
}

std::vector<char*> Pointers(std::vector<std::string>& lines) {
  std::vector<char*> pointers;
  pointers.reserve(lines.size() + 1);
  for (std::string& line : lines) {
    pointers.push_back(line.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

// Starts copsed, its output in the files `folder`/output and `folder`/log.
pid_t Spawn(const std::vector<std::string>& arguments,
            const Environment& environment, const std::string& folder) {
  std::vector<std::string> words = {COPSE_COPSED_PATH};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> lines = EnvironmentLines(environment);
  const std::vector<char*> argv = Pointers(words);
  const std::vector<char*> envp = Pointers(lines);
  const std::string output_path = folder + "/output";
  const std::string log_path = folder + "/log";
  const pid_t pid = ::fork();
  COPSE_CHECK(pid >= 0);
  if (pid > 0) {
    return pid;
  }
  // Only what is allowed between fork and exec, for there may be threads.
  const int output =
      ::open(output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execve(argv[0], argv.data(), envp.data());
  ::_exit(127);
}

// Returns how the process `pid` ended, or "" if it runs.
std::string EndOf(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, WNOHANG) != pid) {
    return "";
  }
  return WIFEXITED(status) ? absl::StrCat("exit code ", WEXITSTATUS(status))
                           : absl::StrCat("signal ", WTERMSIG(status));
}

// Returns how the process `pid` ended; it is killed after `timeout`.
std::string WaitForEnd(pid_t pid, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (absl::Now() < deadline) {
    std::string end = EndOf(pid);
    if (!end.empty()) {
      return end;
    }
    absl::SleepFor(kPollInterval);
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return absl::StrCat("still running after ", absl::FormatDuration(timeout));
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  const char* parent = std::getenv("TMPDIR");
  path_ = absl::StrCat(parent == nullptr ? "/tmp" : parent, "/copse.XXXXXX");
  COPSE_CHECK(::mkdtemp(path_.data()) != nullptr, path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

DaemonProcess::DaemonProcess(Options options)
    : options_(std::move(options)),
      ready_file_(absl::StrCat(work_.path(), "/ready.json")) {
  if (options_.data.empty()) {
    options_.data = absl::StrCat(work_.path(), "/data");
  }
}

absl::StatusOr<std::unique_ptr<DaemonProcess>> DaemonProcess::Start(
    Options options) {
  auto daemon =
      std::unique_ptr<DaemonProcess>(new DaemonProcess(std::move(options)));
  // What the caller says comes last and so wins.
  std::vector<std::string> arguments = {"--data",
                                        daemon->data(),
                                        "--ready-file",
                                        daemon->ready_file(),
                                        "--grpc-address",
                                        "127.0.0.1:0",
                                        "--http-address",
                                        "localhost:0",
                                        "--metrics-address",
                                        "127.0.0.1:0",
                                        "--free-space-min-bytes",
                                        "16MiB"};
  arguments.insert(arguments.end(), daemon->options_.arguments.begin(),
                   daemon->options_.arguments.end());
  daemon->pid_ =
      Spawn(arguments, daemon->options_.environment, daemon->work_.path());
  COPSE_RETURN_IF_ERROR(daemon->WaitUntilReady());
  return daemon;
}

DaemonProcess::Outcome DaemonProcess::Run(
    const std::vector<std::string>& arguments, const Environment& environment) {
  const TemporaryFolder work;
  const pid_t pid = Spawn(arguments, environment, work.path());
  Outcome outcome;
  outcome.end = WaitForEnd(pid, Options().timeout);
  outcome.output = ReadWhole(work.path() + "/output");
  outcome.log = ReadWhole(work.path() + "/log");
  return outcome;
}

DaemonProcess::~DaemonProcess() {
  if (pid_ > 0 && end_.empty()) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

absl::Status DaemonProcess::WaitUntilReady() {
  const absl::Time deadline = absl::Now() + options_.timeout;
  while (!std::filesystem::exists(ready_file_)) {
    end_ = EndOf(pid_);
    if (!end_.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("copsed did not start: ", end_, "\n", log()));
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("copsed is not ready\n", log()));
    }
    absl::SleepFor(kPollInterval);
  }
  const nlohmann::json ready =
      nlohmann::json::parse(ReadWhole(ready_file_), nullptr, false);
  if (!ready.is_object()) {
    return absl::InternalError("the ready file is not JSON");
  }
  grpc_address_ = ready.value("grpc_address", "");
  http_address_ = ready.value("http_address", "");
  metrics_address_ = ready.value("metrics_address", "");
  return absl::OkStatus();
}

void DaemonProcess::Signal(int signal) const { ::kill(pid_, signal); }

std::string DaemonProcess::Stop(int signal) {
  Signal(signal);
  return Wait();
}

std::string DaemonProcess::Wait() {
  if (end_.empty()) {
    end_ = WaitForEnd(pid_, options_.timeout);
  }
  return end_;
}

std::string DaemonProcess::log() const {
  return ReadWhole(work_.path() + "/log");
}

}  // namespace copse
