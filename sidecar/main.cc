// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copsed: reads its configuration, serves, and ends in order on a signal.
// README.md lists the exit codes.

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "index/util/status_macros.h"
#include "sidecar/config/command_line.h"
#include "sidecar/config/config.h"
#include "sidecar/daemon.h"
#include "sidecar/restore_command.h"
#include "sidecar/service_manager.h"
#include "sidecar/signal_watcher.h"
#include "sidecar/util/file_util.h"
#include "sidecar/util/logger.h"
#include "sidecar/verify_command.h"
#include "versioning/sigbus_guard.h"

namespace copse {
namespace {

enum ExitCode {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitDamaged = 3,
  kExitInterrupted = 4,
};

// How often the health of the store is looked at.
constexpr absl::Duration kHealthInterval = absl::Seconds(1);

// How much longer than asked for a shutdown may take before the process ends
// without it: closing the store writes what RocksDB holds in memory.
constexpr absl::Duration kShutdownSlack = absl::Seconds(30);

// Prints each line of the message as one of ours.
void PrintError(const absl::Status& status) {
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    std::cerr << "copsed: " << line << "\n";
  }
}

absl::StatusOr<Config> LoadConfigOf(const CommandLine& command_line) {
  ConfigSources sources;
  sources.file = command_line.config_file;
  if (const char* file = std::getenv("COPSE_CONFIG");
      sources.file.empty() && file != nullptr) {
    sources.file = file;
  }
  sources.environment = ReadEnvironment();
  sources.flags = command_line.settings;
  return LoadConfig(sources);
}

// As many files as the system allows: a segment of each domain is mapped, and
// RocksDB keeps its files open.
void RaiseFileLimit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// A core dump would hold the API keys and the texts of users. The limit of one
// byte, unlike that of none, also keeps the kernel from piping the dump to a
// program; where the system allows none at all, it stays at none.
void ForbidCoreDumps() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_CORE, &limit) == 0) {
    limit.rlim_cur = std::min<rlim_t>(1, limit.rlim_max);
    ::setrlimit(RLIMIT_CORE, &limit);
  }
}

absl::Status PrepareProcess(const Config& config) {
  ::umask(077);  // What users index is theirs.
  // A peer that has gone, and a file that may not grow, are errors of a write.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  RaiseFileLimit();
  if (!config.core_dumps) {
    ForbidCoreDumps();
  }
  // gRPC would write lines of its own between those of our log; what it says
  // there it says in its statuses, too.
  ::setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
#ifdef NDEBUG
  // Debian builds Abseil with its deadlock detector, which ends the process
  // when gRPC takes two locks in another order than before.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  return SigbusGuard::Install();
}

absl::Status WriteReadyFile(const std::string& path, const Daemon& daemon) {
  nlohmann::ordered_json ready;
  ready["pid"] = ::getpid();
  ready["version"] = COPSE_VERSION;
  ready["grpc_address"] = daemon.grpc_address();
  ready["http_address"] = daemon.http_address();
  ready["metrics_address"] = daemon.metrics_address();
  return ReplaceTextFile(path, absl::StrCat(ready.dump(2), "\n"));
}

absl::StatusOr<std::unique_ptr<Daemon>> StartDaemon(
    const CommandLine& command_line, const Config& config, Logger& logger) {
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<Daemon> daemon,
                         Daemon::Start(config, COPSE_VERSION, logger));
  if (!command_line.ready_file.empty()) {
    COPSE_RETURN_IF_ERROR(AnnotateStatus(
        WriteReadyFile(command_line.ready_file, *daemon), "flag --ready-file"));
  }
  NotifyServiceManager("READY=1");
  return daemon;
}

int Serve(const CommandLine& command_line, const Config& config) {
  Logger logger({.level = config.log_level, .format = config.log_format});
  SignalWatcher watcher(
      {.shutdown_duration_max = config.shutdown_timeout + kShutdownSlack,
       .exit_code = kExitInterrupted,
       .logger = &logger});
  logger.Info("starting", {{"version", COPSE_VERSION}, {"pid", ::getpid()}});
  const absl::StatusOr<std::unique_ptr<Daemon>> daemon =
      StartDaemon(command_line, config, logger);
  if (!daemon.ok()) {
    logger.Error("cannot start", {{"error", daemon.status().message()}});
    return kExitFailed;
  }
  while (!watcher.WaitFor(kHealthInterval)) {
    (*daemon)->CheckWrites();
  }
  NotifyServiceManager("STOPPING=1");
  if (!command_line.ready_file.empty()) {
    ::unlink(command_line.ready_file.c_str());
  }
  (*daemon)->ShutDown();
  logger.Info("ended");
  return kExitDone;
}

absl::StatusOr<VerifySummary> RunOffline(const CommandLine& command_line,
                                         const Config& config) {
  switch (command_line.command) {
    case DaemonCommand::kRestore:
      return RestoreDataFolder(config, command_line, std::cout);
    case DaemonCommand::kBackups:
      return ListBackupFolder(config, command_line, std::cout);
    default:
      return VerifyDataFolder(config, command_line.json, std::cout);
  }
}

// What needs no daemon, and none that has the folder open.
int WorkOffline(const CommandLine& command_line, const Config& config) {
  const absl::StatusOr<VerifySummary> summary =
      RunOffline(command_line, config);
  std::cout.flush();
  if (!summary.ok()) {
    PrintError(summary.status());
    return absl::IsDataLoss(summary.status())          ? kExitDamaged
           : absl::IsInvalidArgument(summary.status()) ? kExitUsage
                                                       : kExitFailed;
  }
  return summary->damaged ? kExitDamaged : kExitDone;
}

int RunWithConfig(const CommandLine& command_line) {
  const absl::StatusOr<Config> config = LoadConfigOf(command_line);
  if (!config.ok()) {
    PrintError(config.status());
    return kExitUsage;
  }
  if (command_line.command == DaemonCommand::kPrintConfig) {
    std::cout << PrintConfig(*config);
    return kExitDone;
  }
  // A list of backups is of no data folder.
  if (const absl::Status status =
          command_line.command == DaemonCommand::kBackups
              ? absl::OkStatus()
              : CheckServable(*config);
      !status.ok()) {
    PrintError(status);
    return kExitUsage;
  }
  if (const absl::Status status = PrepareProcess(*config); !status.ok()) {
    PrintError(status);
    return kExitFailed;
  }
  return command_line.command == DaemonCommand::kServe
             ? Serve(command_line, *config)
             : WorkOffline(command_line, *config);
}

int Run(const std::vector<std::string>& arguments) {
  const absl::StatusOr<CommandLine> command_line = ParseCommandLine(arguments);
  if (!command_line.ok()) {
    PrintError(command_line.status());
    return kExitUsage;
  }
  switch (command_line->command) {
    case DaemonCommand::kHelp:
      std::cout << HelpText();
      return kExitDone;
    case DaemonCommand::kVersion:
      std::cout << "copsed " << COPSE_VERSION << "\n";
      return kExitDone;
    case DaemonCommand::kPrintSampleConfig:
      std::cout << SampleConfig();
      return kExitDone;
    default:
      return RunWithConfig(*command_line);
  }
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) {
  return copse::Run(std::vector<std::string>(argv + 1, argv + argc));
}
