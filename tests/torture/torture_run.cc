// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/torture_run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <new>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "index/split_mix.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "versioning/files.h"

namespace copse {
namespace {

constexpr int64_t kRoundsPerHistory = 60;
constexpr uint64_t kOperationsPerRoundMax = 180;

// A store is opened with some 60 calls, and an operation makes about 8: two in
// five faults hit a start, and one in four lives ends before its fault.
constexpr double kCallNumberMax = 20'000;

FaultRecord* MapRecord() {
  void* const memory =
      ::mmap(nullptr, sizeof(FaultRecord), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  COPSE_CHECK(memory != MAP_FAILED);
  return new (memory) FaultRecord;
}

// What a process has to say when it aborts, without its stack.
std::string Message(const std::string& path) {
  std::ifstream file(path);
  std::string message;
  for (std::string line; std::getline(file, line);) {
    if (line.find("ssert") != std::string::npos ||
        line.find("check failed") != std::string::npos) {
      message = line;
    }
  }
  return message;
}

int64_t ToNumber(const std::string& word) {
  int64_t number = 0;
  COPSE_CHECK(absl::SimpleAtoi(word, &number), word);
  return number;
}

}  // namespace

TortureRun::TortureRun(const TortureOptions& options)
    : options_(options),
      record_(MapRecord()),
      start_(std::chrono::steady_clock::now()) {}

double TortureRun::Seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                       start_)
      .count();
}

bool TortureRun::IsDone() const {
  return Seconds() >= options_.seconds_max ||
         (report_.operation_count >= options_.operation_count &&
          report_.crash_count >= options_.crash_count);
}

absl::Status TortureRun::Run() {
  absl::Status status;
  if (options_.history >= 0) {
    status = RunHistory(options_.history);
  } else {
    for (int64_t number = 0; status.ok() && !IsDone(); ++number) {
      status = RunHistory(number);
    }
  }
  report_.seconds = Seconds();
  return status;
}

absl::Status TortureRun::RunHistory(int64_t number) {
  History history;
  history.number = number;
  history.folder = absl::StrCat(options_.folder, "/history-", number);
  COPSE_RETURN_IF_ERROR(RemoveTree(history.folder));
  COPSE_RETURN_IF_ERROR(CreateFolder(history.folder));
  history.trace.open(history.folder + "/trace");
  ++report_.history_count;
  while (history.round < kRoundsPerHistory &&
         (!IsDone() || options_.history >= 0)) {
    COPSE_RETURN_IF_ERROR(RunRound(history));
    ++history.round;
  }
  if (options_.is_verbose) {
    std::fprintf(stderr, "history %ld: %ld operations, %ld crashes, %.0f s\n",
                 static_cast<long>(number),
                 static_cast<long>(report_.operation_count),
                 static_cast<long>(report_.crash_count), Seconds());
  }
  return RemoveTree(history.folder);
}

// ---- A round ---------------------------------------------------------------

ChildOptions TortureRun::DrawRound(const History& history,
                                   internal::SplitMix& random) const {
  ChildOptions child;
  FaultPlan& plan = child.plan;
  plan.folder = history.folder + "/disk";
  plan.seed = random.Next();
  const uint64_t draw = random.Below(20);
  plan.kind = draw < 9    ? FaultKind::kKill
              : draw < 12 ? FaultKind::kTornWrite
              : draw < 15 ? FaultKind::kIoError
              : draw < 18 ? FaultKind::kNoSpace
              : draw < 19 ? FaultKind::kShortWrite
                          : FaultKind::kNone;
  // As often among the first ten calls as among the next ninety.
  plan.call_number = static_cast<int64_t>(
      std::exp(random.Fraction() * std::log(kCallNumberMax)));
  plan.is_lasting = plan.kind == FaultKind::kNoSpace || random.Below(2) == 0;
  plan.loses_power = random.Below(2) == 0;
  child.seed = random.Next();
  child.first_operation_number = history.operation_number;
  child.operation_count =
      static_cast<int64_t>(10 + random.Below(kOperationsPerRoundMax));
  child.folds_in_background = random.Below(2) == 0;
  child.ending = random.Below(4) == 0 ? Ending::kClose : Ending::kKill;
  return child;
}

absl::Status TortureRun::RemoveOldFolders(const std::string& disk,
                                          const History& history) {
  std::set<std::string> kept = {BackupPath(disk),
                                DataPath(disk, history.model.data_folder)};
  for (const PendingPart& part : history.pending) {
    if (part.operation.kind == OperationKind::kRestore) {
      kept.insert(DataPath(disk, part.operation.data_folder));
    }
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         ListFolder(disk));
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(disk, "/", name);
    if (!kept.contains(path)) {
      COPSE_RETURN_IF_ERROR(RemoveTree(path));
    }
  }
  return absl::OkStatus();
}

absl::Status TortureRun::RunRound(History& history) {
  internal::SplitMix random(internal::DerivedSeed(
      internal::DerivedSeed(options_.seed,
                            static_cast<uint64_t>(history.number)),
      static_cast<uint64_t>(history.round)));
  const ChildOptions child = DrawRound(history, random);
  COPSE_RETURN_IF_ERROR(CreateFolder(child.plan.folder));
  // What was removed for good by the child before.
  COPSE_RETURN_IF_ERROR(RemoveTree(child.plan.folder + ".graves"));
  COPSE_RETURN_IF_ERROR(CreateFolder(child.plan.folder + ".graves"));
  COPSE_RETURN_IF_ERROR(RemoveOldFolders(child.plan.folder, history));
  record_->call_count.store(0);
  record_->hit_count.store(0);
  std::vector<PendingPart> pending = std::move(history.pending);
  pending.insert(pending.end(), history.failed.begin(), history.failed.end());
  history.trace << absl::StrFormat(
      "round %d: %s%s at call %d%s, %d operations, folds in %s, then %s\n",
      history.round, FaultKindName(child.plan.kind),
      child.plan.is_lasting ? " from then on" : "", child.plan.call_number,
      child.plan.loses_power ? ", with loss of power" : "",
      child.operation_count,
      child.folds_in_background ? "the background" : "commits",
      child.ending == Ending::kClose ? "closed" : "killed");
  history.trace.flush();
  int channel[2];
  COPSE_CHECK(::pipe(channel) == 0);
  const pid_t process = ::fork();
  COPSE_CHECK(process >= 0);
  if (process == 0) {
    ::close(channel[0]);
    // An assert of RocksDB says there which one it is.
    const std::string log = history.folder + "/stderr";
    COPSE_CHECK(::freopen(log.c_str(), "a", stderr) != nullptr);
    ::setvbuf(stderr, nullptr, _IONBF, 0);
    RunTortureChild(child,
                    {.model = history.model,
                     .pending = pending,
                     .deleted = history.deleted},
                    record_, channel[1]);
  }
  ::close(channel[1]);
  history.pending = std::move(pending);
  history.failed.clear();
  const Life life = Listen(channel[0], child.seed, history);
  ::close(channel[0]);
  int wait_status = 0;
  COPSE_CHECK(::waitpid(process, &wait_status, 0) == process);
  history.trace << "ended with " << wait_status << "\n";
  ++report_.round_count;
  return CountEnd(life, wait_status, child, history);
}

TortureRun::Life TortureRun::Listen(int channel, uint64_t seed,
                                    History& history) {
  internal::SplitMix random(seed);
  Life life;
  std::string text;
  char buffer[16384];
  for (ssize_t size = 0;
       (size = ::read(channel, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(size));
    size_t begin = 0;
    for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      const std::string line = text.substr(begin, end - begin);
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      history.trace << line << "\n";
      if (words[0] == "begin") {
        const Operation operation = DrawOperation(history.model, random);
        history.trace << Describe(operation) << "\n";
        const std::vector<Operation> parts = PartsOf(operation);
        for (size_t i = 0; i < parts.size(); ++i) {
          history.pending.push_back({ToNumber(words[1]), i, parts[i]});
        }
        ++history.operation_number;
        history.fault_parts.clear();
        ++report_.operation_count;
        ++report_.operations[static_cast<size_t>(operation.kind)];
      } else if (words[0] == "done") {
        HearDone(words, life.is_opened, history);
      } else if (words[0] == "fault") {
        history.fault_parts.insert(static_cast<size_t>(ToNumber(words[2])));
      } else if (words[0] == "backups") {
        std::vector<uint32_t> ids;
        for (size_t i = 1; i < words.size() && !words[i].empty(); ++i) {
          ids.push_back(static_cast<uint32_t>(ToNumber(words[i])));
        }
        history.model.SettleBackups(ids);
      } else if (words[0] == "wrong") {
        life.wrong = line;
      }
      if (words[0] == "back") {
        Revive(history.deleted[static_cast<size_t>(ToNumber(words[1]))],
               history.model);
      } else if (words[0] == "opened") {
        history.deleted.clear();
      }
      life.is_opened |= words[0] == "opened";
      life.is_refused |= words[0] == "refused";
      life.is_stopped |= words[0] == "stopped";
      life.is_closed |= words[0] == "closed";
    }
    text.erase(0, begin);
  }
  return life;
}

void TortureRun::HearDone(const std::vector<std::string>& words, bool is_opened,
                          History& history) {
  const int64_t number = ToNumber(words[1]);
  const auto part_number = static_cast<size_t>(ToNumber(words[2]));
  const auto is_it = [&](const PendingPart& part) {
    return part.operation_number == number && part.part_number == part_number;
  };
  const auto part = std::ranges::find_if(history.pending, is_it);
  COPSE_CHECK(part != history.pending.end());
  Outcome outcome = ParseOutcome(std::span(words).subspan(3));
  const bool is_last = number == history.operation_number - 1;
  const bool is_fault = is_last && history.fault_parts.contains(part_number);
  const bool was_cut_short = is_fault || !is_opened;
  outcome.is_sure = !is_fault;
  if (is_fault) {
    for (const std::string& name : outcome.removed) {
      const std::string& domain = part->operation.domain;
      history.deleted.push_back(
          {domain, name, history.model.domains.at(domain).commits.at(name)});
    }
  }
  Apply(part->operation, outcome, history.model);
  report_.cut_short_count += was_cut_short ? 1 : 0;
  report_.found_whole_count += was_cut_short && outcome.has_happened ? 1 : 0;
  report_.refused_count +=
      !was_cut_short && !MaySucceed(part->operation) ? 1 : 0;
  const OperationKind kind = part->operation.kind;
  if (is_fault && !outcome.has_happened) {
    // A backup, or a restore, that failed does not come back.
    if (WritesToStore(part->operation) && kind != OperationKind::kRestore) {
      history.failed.push_back(*part);
    }
  } else if (outcome.has_happened && is_opened && !is_fault &&
             WritesToStore(part->operation)) {
    history.failed.clear();
    history.deleted.clear();
  }
  history.pending.erase(part);
}

// ---- The end of a round ----------------------------------------------------

absl::Status TortureRun::Failure(const History& history,
                                 absl::string_view what) const {
  return absl::InternalError(absl::StrFormat(
      "seed %d, history %d, round %d: %s. Its folder is '%s'; to repeat it: "
      "store_torture --seed %d --history %d",
      options_.seed, history.number, history.round, what, history.folder,
      options_.seed, history.number));
}

absl::Status TortureRun::CountEnd(const Life& life, int wait_status,
                                  const ChildOptions& child,
                                  const History& history) {
  if (!life.wrong.empty()) {
    return Failure(history, life.wrong);
  }
  const int64_t hit_count = record_->hit_count.load();
  if (hit_count > 0) {
    ++report_.faults[static_cast<size_t>(child.plan.kind)]
                    [static_cast<size_t>(record_->call.load())];
  }
  report_.refused_open_count += life.is_refused ? 1 : 0;
  report_.stopped_count += life.is_stopped ? 1 : 0;
  if (life.is_closed && WIFEXITED(wait_status) &&
      WEXITSTATUS(wait_status) == 0) {
    ++report_.closed_count;
    return absl::OkStatus();
  }
  ++report_.crash_count;
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == kDiedExitCode) {
    report_.power_cut_count += child.plan.loses_power ? 1 : 0;
    return absl::OkStatus();
  }
  return Failure(
      history,
      WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGALRM
          ? "the process hung"
          : absl::StrCat("the process ended with ", wait_status,
                         " and said: ", Message(history.folder + "/stderr")));
}

std::string TortureReport::ToJson() const {
  nlohmann::ordered_json json = {
      {"histories", history_count},    {"rounds", round_count},
      {"operations", operation_count}, {"refused", refused_count},
      {"cut_short", cut_short_count},  {"found_whole", found_whole_count},
      {"crashes", crash_count},        {"power_cuts", power_cut_count},
      {"closed", closed_count},        {"refused_opens", refused_open_count},
      {"stopped", stopped_count},      {"seconds", seconds}};
  for (int kind = 0; kind < kOperationKindCount; ++kind) {
    json["operations_by_kind"]
        [OperationKindName(static_cast<OperationKind>(kind))] =
            operations[static_cast<size_t>(kind)];
  }
  for (int kind = 1; kind < kFaultKindCount; ++kind) {
    for (int call = 0; call < kDiskCallCount; ++call) {
      json["faults"][std::string(FaultKindName(static_cast<FaultKind>(kind)))]
          [std::string(DiskCallName(static_cast<DiskCall>(call)))] =
              faults[static_cast<size_t>(kind)][static_cast<size_t>(call)];
    }
  }
  return json.dump(2);
}

}  // namespace copse
