// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/torture_child.h"

#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/split_mix.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "tests/torture/faulty_disk.h"
#include "tests/torture/model.h"
#include "tests/torture/observation.h"
#include "tests/torture/operation.h"
#include "tests/torture/store_checks.h"
#include "versioning/backup.h"
#include "versioning/files.h"
#include "versioning/store.h"
#include "versioning/testing/system_calls.h"

namespace copse {
namespace {

// Commits of each domain that are read whole when a store was opened, and after
// a fault.
constexpr size_t kReadCommitCount = 3;

constexpr size_t kReaderCountMax = 4;

// After so many operations that failed on a full disk there is space again.
constexpr int64_t kFaultCountMax = 4;

// So many may still fail then: a flush or a compaction of RocksDB that began
// before may tell of it later.
constexpr int64_t kLateFaultCountMax = 2;

struct KeptReader {
  std::string domain;
  std::shared_ptr<const CommitReader> reader;
  std::shared_ptr<const Snapshot> snapshot;
};

class Child {
 public:
  Child(const ChildOptions& options, Model model, FaultRecord* record,
        int channel)
      : options_(options),
        model_(std::move(model)),
        record_(*record),
        channel_(channel),
        disk_(options.plan, record),
        operation_random_(options.seed),
        random_(options.plan.seed),
        clock_(absl::ToUnixMicros(model_.now)),
        data_folder_(model_.data_folder) {
    for (const DomainShape& shape : kDomainShapes) {
      checks_.emplace(shape.name, CommitCheck(shape));
    }
  }

  [[noreturn]] void Run(const Inheritance& inheritance);
  void Inherit(const Inheritance& inheritance, const Observation& found);

 private:
  // What became of a part.
  struct PartResult {
    absl::Status status;
    Outcome outcome;
  };

  void Tell(absl::string_view text) const;
  void TellOutcome(int64_t number, size_t part, const Outcome& outcome) const;
  [[noreturn]] void FailWrong(const absl::Status& status);
  void Check(const absl::Status& status) {
    if (!status.ok()) {
      FailWrong(status);
    }
  }
  [[noreturn]] void End(Ending ending);

  StoreOptions MakeStoreOptions();
  absl::StatusOr<std::unique_ptr<Store>> TryToOpen(int64_t data_folder);
  void OpenStore();
  void ReopenStore();
  Observation Look();
  void CheckAll(const Observation& found);
  void VerifyBackups(const std::vector<uint32_t>& ids);
  absl::Status ReadSomeCommits();
  absl::Status CheckReaders() const;

  bool IsFaultOf(const absl::Status& status) const;
  bool IsRepairedDisk() const {
    return options_.plan.kind == FaultKind::kNoSpace && disk_.is_repaired();
  }
  // Whether the store takes no writes until it is opened again.
  bool IsStopped() const {
    return !store_->write_status().ok() &&
           !absl::IsResourceExhausted(store_->write_status());
  }

  void RunNext(int64_t number);
  PartResult RunPart(const Operation& part);
  absl::Status RunLook(const Operation& look);
  void OpenReader(const Operation& operation);
  PartResult RunRestore(const Operation& restore);
  void FinishRestore(const Operation& restore);
  void Settle(int64_t number, const std::vector<Operation>& parts,
              std::vector<PartResult> results);
  void LiveWithFault();

  const ChildOptions options_;
  Model model_;
  FaultRecord& record_;
  const int channel_;
  FaultyDisk disk_;
  internal::SplitMix operation_random_;  // For DrawOperation() alone.
  internal::SplitMix random_;
  std::atomic<int64_t> clock_;  // Microseconds.
  std::map<std::string, CommitCheck> checks_;
  int64_t data_folder_ = 0;  // That of the store.
  std::unique_ptr<Store> store_;
  std::vector<KeptReader> readers_;
  int64_t fault_count_ = 0;
  int64_t late_fault_count_ = 0;
  // A full disk had space again, and then a write succeeded: from now on none
  // fails.
  std::atomic<bool> has_recovered_ = false;
  std::string operation_text_ = "opening";
};

// ---- The channel -----------------------------------------------------------

void Child::Tell(absl::string_view text) const {
  const std::string line = absl::StrCat(text, "\n");
  if (system_calls::Write(channel_, line.data(), line.size()) !=
      static_cast<ssize_t>(line.size())) {
    system_calls::ExitNow(kWrongExitCode);  // Nobody listens any more.
  }
}

void Child::TellOutcome(int64_t number, size_t part,
                        const Outcome& outcome) const {
  Tell(absl::StrCat("done ", number, " ", part, " ", Encode(outcome)));
}

void Child::FailWrong(const absl::Status& status) {
  Tell(absl::StrReplaceAll(
      absl::StrCat("wrong ", status.ToString(), " in: ", operation_text_),
      {{"\n", " "}}));
  system_calls::ExitNow(kWrongExitCode);
}

void Child::End(Ending ending) {
  // A store that refuses writes is not closed: RocksDB may abort.
  if (ending == Ending::kClose && store_->write_status().ok()) {
    operation_text_ = "closing";
    readers_.clear();
    store_.reset();
    Tell("closed");
    system_calls::ExitNow(0);
  }
  disk_.Die();
}

// ---- The store -------------------------------------------------------------

StoreOptions Child::MakeStoreOptions() {
  StoreOptions options;
  options.folder = DataPath(options_.plan.folder, data_folder_);
  options.pool_size_bytes = 200'000;
  options.free_space_min_bytes = 0;
  options.thread_count = 1;
  options.forest.fan_out = 8;
  options.forest.leaf_row_count = 8;
  options.forest_row_count_min = 15;
  options.fold_mode = options_.folds_in_background
                          ? StoreOptions::FoldMode::kInBackground
                          : StoreOptions::FoldMode::kInCommit;
  options.on_fold = [this](const FoldReport& report) {
    if (!report.status.ok() && !absl::IsCancelled(report.status) &&
        !IsFaultOf(report.status)) {
      FailWrong(AnnotateStatus(report.status, "a fold in the background"));
    }
  };
  options.clock = [this] { return absl::FromUnixMicros(clock_.load()); };
  return options;
}

// Ends the process if a fault is in the way.
absl::StatusOr<std::unique_ptr<Store>> Child::TryToOpen(int64_t data_folder) {
  data_folder_ = data_folder;
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(MakeStoreOptions());
  if (!store.ok() && IsFaultOf(store.status())) {
    Tell("refused");
    disk_.Die();
  }
  return store;
}

void Child::OpenStore() {
  absl::StatusOr<std::unique_ptr<Store>> store = TryToOpen(data_folder_);
  Check(store.status());
  store_ = *std::move(store);
}

void Child::ReopenStore() {
  if (!store_->write_status().ok()) {
    return;  // As in End().
  }
  readers_.clear();  // One keeps the folder open.
  store_.reset();
  OpenStore();
}

Observation Child::Look() {
  absl::StatusOr<Observation> found =
      Observe(*store_, BackupPath(options_.plan.folder));
  Check(found.status());
  found->data_folder = data_folder_;
  return *std::move(found);
}

// Compares all that the store has with the model.
void Child::CheckAll(const Observation& found) {
  Check(Compare(model_, found));
  Check(ReadSomeCommits());
  for (const auto& [name, domain] : model_.domains) {
    Check(CheckVerify(*store_, name));
  }
}

void Child::VerifyBackups(const std::vector<uint32_t>& ids) {
  for (const uint32_t id : ids) {
    Check(AnnotateStatus(
        VerifyBackup(BackupPath(options_.plan.folder), id).status(),
        absl::StrCat("backup ", id)));
  }
}

absl::Status Child::ReadSomeCommits() {
  for (const auto& [name, domain] : model_.domains) {
    for (size_t i = 0; i < std::min(kReadCommitCount, domain.commits.size());
         ++i) {
      auto commit = domain.commits.begin();
      std::advance(commit, random_.Below(domain.commits.size()));
      COPSE_ASSIGN_OR_RETURN(const auto reader,
                             store_->OpenCommit(name, commit->first));
      COPSE_RETURN_IF_ERROR(
          AnnotateStatus(checks_.at(name).CheckAll(
                             *reader, *commit->second.snapshot, random_.Next()),
                         absl::StrCat("commit ", commit->first, " of ", name)));
    }
  }
  return absl::OkStatus();
}

absl::Status Child::CheckReaders() const {
  for (const KeptReader& kept : readers_) {
    const absl::Status status =
        checks_.at(kept.domain)
            .CheckAll(*kept.reader, *kept.snapshot, kept.snapshot->size());
    COPSE_RETURN_IF_ERROR(AnnotateStatus(
        status, absl::StrCat("kept reader of ", kept.reader->info().commit)));
  }
  return absl::OkStatus();
}

// ---- Faults ----------------------------------------------------------------

bool Child::IsFaultOf(const absl::Status& status) const {
  if (record_.hit_count.load() == 0 || has_recovered_.load()) {
    return false;
  }
  const std::optional<ErrorReason> reason = ReasonOf(status);
  const std::string name = reason.has_value() ? reason->reason : "";
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return options_.plan.kind == FaultKind::kNoSpace && name == "DISK_FULL";
    case absl::StatusCode::kDataLoss:
      return options_.plan.kind == FaultKind::kIoError &&
             name == "DATA_DAMAGED";
    case absl::StatusCode::kUnavailable:
      return options_.plan.kind == FaultKind::kIoError ||
             options_.plan.kind == FaultKind::kNoSpace;
    default:
      return false;
  }
}

// The store goes on answering. A disk that was full has space again, and the
// store takes writes, by and by.
void Child::LiveWithFault() {
  Check(AnnotateStatus(ReadSomeCommits(), "after a fault"));
  Check(AnnotateStatus(CheckReaders(), "after a fault"));
  if (IsStopped()) {
    Tell("stopped");
    disk_.Die();
  }
  if (++fault_count_ >= kFaultCountMax || random_.Below(3) == 0) {
    disk_.Repair();
  }
}

// ---- Operations ------------------------------------------------------------

absl::Status Child::RunLook(const Operation& look) {
  const ModelDomain& domain = model_.domains.at(look.domain);
  if (look.kind == OperationKind::kVerify) {
    return CheckVerify(*store_, look.domain);
  }
  const Snapshot& snapshot = *domain.commits.at(look.commit).snapshot;
  if (look.kind == OperationKind::kDiff) {
    return CheckDiff(*store_,
                     {.domain = look.domain,
                      .base_commit = look.commit,
                      .target_commit = look.parent},
                     snapshot, *domain.commits.at(look.parent).snapshot);
  }
  COPSE_ASSIGN_OR_RETURN(const auto reader,
                         store_->OpenCommit(look.domain, look.commit));
  return checks_.at(look.domain).CheckAll(*reader, snapshot, look.seed);
}

void Child::OpenReader(const Operation& operation) {
  if (readers_.size() >= kReaderCountMax) {
    readers_.erase(readers_.begin() +
                   static_cast<int64_t>(operation.seed % readers_.size()));
  }
  auto reader = store_->OpenCommit(operation.domain, operation.commit);
  Check(reader.status());
  readers_.push_back({operation.domain, *std::move(reader),
                      model_.domains.at(operation.domain)
                          .commits.at(operation.commit)
                          .snapshot});
}

// Goes on in the new data folder, or in the old one if a fault ended the
// restore: what that has left is no concern of a restore into another folder.
Child::PartResult Child::RunRestore(const Operation& restore) {
  PartResult result;
  const bool is_refused = !MaySucceed(restore);
  if (!is_refused && !store_->write_status().ok()) {
    return result;  // As in End().
  }
  if (!is_refused) {
    readers_.clear();  // One keeps the folder open.
    store_.reset();
  }
  result.status =
      RestoreBackup(
          {.backup_folder = BackupPath(options_.plan.folder),
           .backup_id = restore.backup,
           .data_folder = DataPath(options_.plan.folder, restore.data_folder)})
          .status();
  if (!is_refused) {
    if (result.status.ok()) {
      data_folder_ = restore.data_folder;
    }
    OpenStore();
    result.outcome = Resolve(restore, model_, Look());
  }
  return result;
}

Child::PartResult Child::RunPart(const Operation& part) {
  PartResult result;
  switch (part.kind) {
    case OperationKind::kRead:
    case OperationKind::kDiff:
    case OperationKind::kVerify:
      Check(RunLook(part));
      break;
    case OperationKind::kOpenReader:
      OpenReader(part);
      break;
    case OperationKind::kCheckReaders:
      Check(CheckReaders());
      break;
    case OperationKind::kReopen:
      ReopenStore();
      break;
    case OperationKind::kRestore:
      return RunRestore(part);
    case OperationKind::kDeleteDomain:
      std::erase_if(readers_, [&part](const KeptReader& kept) {
        return kept.domain == part.domain;
      });
      [[fallthrough]];
    default:
      result.status = RunOperation(*store_, BackupPath(options_.plan.folder),
                                   part, result.outcome);
  }
  return result;
}

void Child::RunNext(int64_t number) {
  const Operation operation = DrawOperation(model_, operation_random_);
  operation_text_ =
      absl::StrCat("operation ", number, ", ", Describe(operation));
  clock_.store(absl::ToUnixMicros(model_.now));
  Tell(absl::StrCat("begin ", number));
  const std::vector<Operation> parts = PartsOf(operation);
  std::vector<PartResult> results(parts.size());
  if (parts.size() == 1) {
    results[0] = RunPart(parts[0]);
  } else {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < parts.size(); ++i) {
      threads.emplace_back([&, i] { results[i] = RunPart(parts[i]); });
    }
  }
  Settle(number, parts, std::move(results));
}

// Tells what became of the parts, and does it to the model. What a fault cut
// short is looked up.
void Child::Settle(int64_t number, const std::vector<Operation>& parts,
                   std::vector<PartResult> results) {
  std::vector<size_t> unknown;
  for (size_t i = 0; i < parts.size(); ++i) {
    const PartResult& result = results[i];
    if (IsExpected(parts[i], result.status)) {
      TellOutcome(number, i, result.outcome);
    } else if (IsFaultOf(result.status) &&
               (!IsRepairedDisk() || IsStopped() ||
                ++late_fault_count_ <= kLateFaultCountMax)) {
      Tell(absl::StrCat("fault ", number, " ", i));
      unknown.push_back(i);
    } else {
      FailWrong(AnnotateStatus(result.status, "an unexpected outcome"));
    }
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (std::ranges::find(unknown, i) == unknown.end()) {
      Apply(parts[i], results[i].outcome, model_);
    }
  }
  if (!unknown.empty()) {
    const Observation found = Look();
    for (const size_t i : unknown) {
      Outcome outcome = Resolve(parts[i], model_, found);
      outcome.is_sure = false;
      TellOutcome(number, i, outcome);
      Apply(parts[i], outcome, model_);
    }
    Check(AnnotateStatus(Compare(model_, found), "after a fault"));
  } else if (parts.front().kind == OperationKind::kRestore) {
    CheckAll(Look());
  }
  Tell(absl::StrCat("end ", number));
  if (!unknown.empty()) {
    LiveWithFault();
  } else if (IsRepairedDisk() && results.front().outcome.has_happened &&
             WritesToStore(parts.front())) {
    has_recovered_.store(true);
  }
}

// Finds out what became of what was in the middle.
void Child::Inherit(const Inheritance& inheritance, const Observation& found) {
  const bool is_restored = found.data_folder != model_.data_folder;
  for (size_t i = 0; i < inheritance.deleted.size(); ++i) {
    const DeletedCommit& deleted = inheritance.deleted[i];
    const auto domain = found.domains.find(deleted.domain);
    if (!is_restored && domain != found.domains.end() &&
        domain->second.commits.contains(deleted.name)) {
      Tell(absl::StrCat("back ", i));
      Revive(deleted, model_);
    }
  }
  for (const PendingPart& part : inheritance.pending) {
    const Outcome outcome = Resolve(part.operation, model_, found);
    TellOutcome(part.operation_number, part.part_number, outcome);
    Apply(part.operation, outcome, model_);
  }
}

// Opens the target of a restore that was cut short, if that is whole: nobody
// can open it otherwise.
void Child::FinishRestore(const Operation& restore) {
  operation_text_ = absl::StrCat("opening after ", Describe(restore));
  const std::string path = DataPath(options_.plan.folder, restore.data_folder);
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(path);
  if (absl::IsNotFound(names.status())) {
    return;
  }
  Check(names.status());
  if (std::ranges::find(*names, "FORMAT") == names->end()) {
    for (const std::string& name : *names) {
      if (name != "LOCK" && name != "FORMAT.tmp") {
        FailWrong(absl::InternalError(absl::StrCat(
            "there is a file ", name, " before FORMAT says what it is")));
      }
    }
    return;
  }
  absl::StatusOr<std::unique_ptr<Store>> store = TryToOpen(restore.data_folder);
  if (store.ok()) {
    store_ = *std::move(store);
    return;
  }
  const std::optional<ErrorReason> reason = ReasonOf(store.status());
  if (!reason.has_value() || reason->reason != "DATA_FOLDER_RESTORING") {
    FailWrong(AnnotateStatus(store.status(), "a half of a restore"));
  }
}

void Child::Run(const Inheritance& inheritance) {
  for (const PendingPart& part : inheritance.pending) {
    if (part.operation.kind == OperationKind::kRestore &&
        MaySucceed(part.operation)) {
      FinishRestore(part.operation);
    }
  }
  if (store_ == nullptr) {
    data_folder_ = model_.data_folder;
    OpenStore();
  }
  const Observation found = Look();
  Inherit(inheritance, found);
  CheckAll(found);
  VerifyBackups(found.backups);
  Tell(absl::StrCat("backups ", absl::StrJoin(found.backups, " ")));
  model_.SettleBackups(found.backups);
  Tell("opened");
  for (int64_t i = 0; i < options_.operation_count; ++i) {
    RunNext(options_.first_operation_number + i);
  }
  End(options_.ending);
}

// An assert of RocksDB does not say who called it.
void PrintStack(int signal_number) {
  void* frames[64];
  const int count = ::backtrace(frames, static_cast<int>(std::size(frames)));
  ::backtrace_symbols_fd(frames, count, STDERR_FILENO);
  ::signal(signal_number, SIG_DFL);
  ::raise(signal_number);
}

}  // namespace

bool WritesToStore(const Operation& operation) {
  return operation.kind != OperationKind::kCreateBackup &&
         operation.kind != OperationKind::kDeleteBackups;
}

void Revive(const DeletedCommit& deleted, Model& model) {
  ModelDomain& domain = model.domains.at(deleted.domain);
  domain.deleted.erase(deleted.name);
  domain.commits[deleted.name] = deleted.commit;
}

std::vector<Operation> PartsOf(const Operation& operation) {
  return operation.kind == OperationKind::kTogether
             ? *operation.parts
             : std::vector<Operation>{operation};
}

void RunTortureChild(const ChildOptions& options,
                     const Inheritance& inheritance, FaultRecord* record,
                     int channel) {
  ::alarm(kChildSecondsMax);
  ::signal(SIGABRT, PrintStack);
  // Never destroyed: the threads of a store that is stopped live on.
  auto* const child = new Child(options, inheritance.model, record, channel);
  child->Run(inheritance);
}

}  // namespace copse
