// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/job_runner.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/job.h"
#include "versioning/files.h"
#include "versioning/job_table.h"

namespace copse {
namespace {

// How often jobs are looked through for those that are too old.
constexpr absl::Duration kRemovalInterval = absl::Minutes(10);
constexpr int64_t kRemovalEndedCount = 1000;

// Jobs that hold memory while they wait, such as a batch of documents.
constexpr size_t kLiveCountMax = 64;

constexpr absl::Duration kWaitMax = absl::Hours(1);
constexpr absl::Duration kCancelCheckInterval = absl::Milliseconds(100);
constexpr absl::Duration kResumeInterval = absl::Milliseconds(5);

uint64_t RandomOfTheSystem() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

JobId MakeId(uint64_t micros, uint64_t random) {
  JobId id;
  for (size_t i = 0; i < sizeof(uint64_t); ++i) {
    id[i] = static_cast<std::byte>(micros >> (56 - 8 * i));
    id[sizeof(uint64_t) + i] = static_cast<std::byte>(random >> (56 - 8 * i));
  }
  return id;
}

uint64_t MicrosOf(const JobId& id) {
  uint64_t micros = 0;
  for (size_t i = 0; i < sizeof(uint64_t); ++i) {
    micros = (micros << 8) | static_cast<uint8_t>(id[i]);
  }
  return micros;
}

absl::Status TooManyError(size_t count) {
  return WithReason(
      absl::ResourceExhaustedError(absl::StrFormat(
          "%d jobs are unfinished, which is as many as the server allows: "
          "retry when some have ended",
          count)),
      "JOBS_UNFINISHED", {{"count", absl::StrCat(count)}});
}

absl::Status EndedError(const JobId& id, JobState state) {
  const std::string text = JobIdText(id);
  return WithReason(
      absl::FailedPreconditionError(
          absl::StrFormat("job %s has %s: there is nothing to cancel", text,
                          JobStateName(state))),
      "JOB_ENDED",
      {{"job", text}, {"state", std::string(JobStateName(state))}});
}

absl::Status NotResumableError(const JobId& id, const JobRecord& record) {
  const std::string text = JobIdText(id);
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "job %s cannot be resumed: %s", text,
          record.state == JobState::kFailed ? "its error would come again"
          : record.state == JobState::kCancelled
              ? "it was cancelled, so begin anew; what was embedded is cached"
              : absl::StrCat("it has ", JobStateName(record.state)))),
      "JOB_NOT_RESUMABLE",
      {{"job", text}, {"state", std::string(JobStateName(record.state))}});
}

absl::Status InterruptedError() {
  return WithReason(
      absl::AbortedError("the server ended while the job ran: resume it, or "
                         "begin anew"),
      "JOB_INTERRUPTED");
}

// Whether the same again may end otherwise.
bool MayEndOtherwise(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnimplemented:
      return false;
    default:
      return true;
  }
}

bool IsWaiting(const Job& job) {
  return job.summary().state == JobState::kWaiting;
}

// When `status` says to try again, if it does: kRetryDelayMax after `now` at
// the latest.
std::optional<absl::Time> RetryTimeOf(const absl::Status& status,
                                      absl::Time now) {
  const std::optional<ErrorReason> reason = ReasonOf(status);
  if (!reason.has_value()) {
    return std::nullopt;
  }
  for (const auto& [name, value] : reason->metadata) {
    absl::Time time;
    std::string ignored;
    if (name == "retry_time" &&
        absl::ParseTime(absl::RFC3339_full, value, &time, &ignored)) {
      return std::min(time, now + kRetryDelayMax);
    }
  }
  return std::nullopt;
}

}  // namespace

JobRunner::JobRunner(JobTable& table, JobRunnerOptions options)
    : table_(table), options_(std::move(options)) {
  options_.concurrency_max = std::max<size_t>(options_.concurrency_max, 1);
  if (options_.random == nullptr) {
    options_.random = RandomOfTheSystem;
  }
}

JobRunner::~JobRunner() { Stop(); }

void JobRunner::BeginStop() {
  MutexLock lock(mutex_);
  stopping_ = true;
  for (const auto& [id, entry] : entries_) {
    // Those that run end when they hear of it.
    if (!entry->is_running || entry->work == nullptr) {
      entry->job->End();
    }
  }
  for (const std::shared_ptr<Entry>& entry : ready_) {
    entry->job->End();
  }
  changed_.NotifyAll();
}

void JobRunner::Stop() {
  BeginStop();
  std::vector<std::jthread> threads;
  {
    MutexLock lock(mutex_);
    threads.swap(threads_);
  }
  threads.clear();  // Joins them.
}

JobId JobRunner::NewId() {
  MutexLock lock(mutex_);
  return NewIdLocked();
}

JobId JobRunner::NewIdLocked() {
  const int64_t now = std::max<int64_t>(absl::ToUnixMicros(Now()), 0);
  last_id_micros_ = std::max(static_cast<uint64_t>(now), last_id_micros_ + 1);
  return MakeId(last_id_micros_, options_.random());
}

// ---- Taking up what was left -----------------------------------------------

absl::Status JobRunner::Recover() {
  std::vector<StoredJob> unfinished;
  std::set<std::string> kept_files;
  COPSE_RETURN_IF_ERROR(table_.ForEach(
      [&](const JobId& id, const absl::StatusOr<JobRecord>& record) {
        {
          MutexLock lock(mutex_);
          last_id_micros_ = std::max(last_id_micros_, MicrosOf(id));
        }
        // What is damaged stays, and its file with it, for those who look.
        if (!record.ok() || record->has_payload_file) {
          kept_files.insert(JobIdText(id));
        }
        if (record.ok() && !IsFinal(record->state)) {
          unfinished.push_back({id, *record});
        }
        return absl::OkStatus();
      }));
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                         ListFolder(table_.folder()));
  for (const std::string& file : files) {
    if (!kept_files.contains(file)) {
      COPSE_RETURN_IF_ERROR(
          RemoveTree(absl::StrCat(table_.folder(), "/", file)));
    }
  }
  for (const auto& [kind, handler] : options_.handlers) {
    handler->DiscardLeftovers(table_);
  }
  std::ranges::sort(unfinished, [](const StoredJob& a, const StoredJob& b) {
    return a.record.create_time < b.record.create_time;
  });
  for (StoredJob& job : unfinished) {
    RecoverJob(job.id, std::move(job.record));
  }
  return RemoveOld();
}

void JobRunner::RecoverJob(const JobId& id, JobRecord record) {
  const auto found = options_.handlers.find(record.kind);
  const auto after = found == options_.handlers.end()
                         ? JobHandler::AfterRestart::kFail
                         : found->second->after_restart();
  if (after == JobHandler::AfterRestart::kForget) {
    // If it fails, the next start does it.
    table_.Delete(id).IgnoreError();
    return;
  }
  // One that waits, too: what it waits for may be other than before, such as a
  // key or a limit.
  record.state = JobState::kQueued;
  record.retry_time = absl::UnixEpoch();
  absl::StatusOr<std::unique_ptr<JobWork>> work =
      after == JobHandler::AfterRestart::kFail
          ? absl::StatusOr<std::unique_ptr<JobWork>>(InterruptedError())
          : found->second->Prepare(id, record);
  auto job = std::make_shared<Job>(id, std::move(record));
  if (!work.ok()) {
    WriteEnd(*job, work.status());
    return;
  }
  Note(*job);
  MutexLock lock(mutex_);
  const std::shared_ptr<Entry> entry = Insert(job, *std::move(work));
  entry->is_durable = true;
  Schedule();
}

// ---- The list --------------------------------------------------------------

std::shared_ptr<JobRunner::Entry> JobRunner::Insert(
    std::shared_ptr<Job> job, std::unique_ptr<JobWork> work) {
  auto entry = std::make_shared<Entry>();
  const JobRecord record = job->summary();
  entry->domain = record.domain;
  const auto handler = options_.handlers.find(record.kind);
  if (handler != options_.handlers.end() && handler->second->makes_commit()) {
    entry->commit = record.commit;
    entry->branch = record.branch;
    entry->parent_commit = record.parent_commit;
  }
  last_create_time_ = std::max(last_create_time_, record.create_time);
  entry->order = next_order_++;
  entry->work = std::move(work);
  entry->job = std::move(job);
  entries_[entry->job->id()] = entry;
  domains_[entry->domain][entry->order] = entry;
  return entry;
}

void JobRunner::Remove(const Entry& entry) {
  const std::string domain_name = entry.domain;
  const auto domain = domains_.find(domain_name);
  const JobId id = entry.job->id();
  if (domain != domains_.end()) {
    domain->second.erase(entry.order);
    if (domain->second.empty()) {
      domains_.erase(domain);
    }
  }
  entries_.erase(id);
}

bool JobRunner::MustWait(absl::string_view domain,
                         absl::string_view parent_commit,
                         absl::string_view branch) {
  MutexLock lock(mutex_);
  return MustWaitLocked(domain, parent_commit, branch);
}

bool JobRunner::MustShelve() const {
  return static_cast<size_t>(
             std::ranges::count_if(entries_, [](const auto& item) {
               return item.second->is_live && !item.second->is_running;
             })) >= kLiveCountMax;
}

bool JobRunner::MustWaitLocked(absl::string_view domain,
                               absl::string_view parent_commit,
                               absl::string_view branch) const {
  const auto found = domains_.find(std::string(domain));
  return found != domains_.end() &&
         std::ranges::any_of(found->second, [&](const auto& item) {
           const Entry& entry = *item.second;
           return (!branch.empty() && entry.branch == branch) ||
                  (!parent_commit.empty() && entry.commit == parent_commit);
         });
}

absl::StatusOr<std::shared_ptr<Job>> JobRunner::Submit(
    const JobId& id, JobRecord record, std::unique_ptr<JobWork> work) {
  std::shared_ptr<Job> job;
  std::shared_ptr<Entry> entry;
  {
    MutexLock lock(mutex_);
    if (stopping_) {
      return ShuttingDownError();
    }
    if (entries_.size() >= options_.unfinished_count_max) {
      return TooManyError(entries_.size());
    }
    const absl::Time now = Now();
    record.create_time =
        std::max(now, last_create_time_ + absl::Nanoseconds(1));
    // If it runs at once, that is written with it.
    const bool runs =
        running_count_ < options_.concurrency_max &&
        !MustWaitLocked(record.domain, record.parent_commit, record.branch);
    record.state = runs ? JobState::kRunning : JobState::kQueued;
    record.start_time = runs ? now : absl::UnixEpoch();
    record.attempt_count = runs ? 1 : 0;
    job = std::make_shared<Job>(id, std::move(record));
    entry = Insert(job, std::move(work));
    entry->is_live = runs || !MustShelve();
    if (!entry->is_live) {
      entry->work->Shelve();
    }
    entry->is_running = runs;
    running_count_ += runs ? 1 : 0;
  }
  // Not under the lock, so that others are accepted meanwhile.
  const absl::Status status = table_.PutDurably(id, job->record());
  MutexLock lock(mutex_);
  if (!status.ok()) {
    running_count_ -= entry->is_running ? 1 : 0;
    Remove(*entry);
    Schedule();
    return status;
  }
  entry->is_durable = true;
  if (entry->is_running) {
    ready_.push_back(entry);
  }
  Schedule();
  return job;
}

// ---- What others do --------------------------------------------------------

std::shared_ptr<Job> JobRunner::Attach(JobRecord record, bool is_durable) {
  record.create_time = Now();
  record.start_time = record.create_time;
  record.state = JobState::kRunning;
  record.attempt_count = 1;
  const auto job = std::make_shared<Job>(NewId(), std::move(record));
  if (!is_durable || !table_.PutDurably(job->id(), job->record()).ok()) {
    Note(*job);
  }
  MutexLock lock(mutex_);
  const std::shared_ptr<Entry> entry = Insert(job, nullptr);
  entry->is_running = true;
  entry->is_durable = true;
  return job;
}

void JobRunner::Detach(const std::shared_ptr<Job>& job,
                       const absl::Status& status) {
  std::shared_ptr<Entry> entry;
  {
    MutexLock lock(mutex_);
    entry = entries_.at(job->id());
  }
  if (absl::IsCancelled(status)) {
    job->Cancel();
  }
  EndJob(*entry, status, /*is_counted=*/false);
}

// ---- Whose turn it is ------------------------------------------------------

std::shared_ptr<JobRunner::Entry> JobRunner::FindIn(const Domain& domain,
                                                    absl::Time now) {
  std::set<absl::string_view> branches;
  std::set<absl::string_view> commits;
  for (const auto& [order, entry] : domain) {
    if (entry->is_running) {
      branches.insert(entry->branch);
      commits.insert(entry->commit);
    }
  }
  for (const auto& [order, entry] : domain) {
    const bool is_blocked =
        (!entry->branch.empty() && branches.contains(entry->branch)) ||
        (!entry->parent_commit.empty() &&
         commits.contains(entry->parent_commit));
    if (!entry->is_running && entry->is_durable && !is_blocked &&
        entry->retry_time <= now) {
      return entry;
    }
    branches.insert(entry->branch);
    commits.insert(entry->commit);
  }
  return nullptr;
}

std::shared_ptr<JobRunner::Entry> JobRunner::FindNext() const {
  const absl::Time now = Now();
  // Once around, from the domain after the one that was served last.
  auto domain = domains_.upper_bound(last_domain_);
  for (size_t i = 0; i < domains_.size(); ++i) {
    if (domain == domains_.end()) {
      domain = domains_.begin();
    }
    if (std::shared_ptr<Entry> entry = FindIn(domain->second, now)) {
      return entry;
    }
    ++domain;
  }
  return nullptr;
}

std::shared_ptr<JobRunner::Entry> JobRunner::TakeNext() {
  if (!ready_.empty()) {
    std::shared_ptr<Entry> entry = std::move(ready_.front());
    ready_.pop_front();
    last_domain_ = entry->domain;
    return entry;
  }
  if (running_count_ >= options_.concurrency_max) {
    return nullptr;
  }
  std::shared_ptr<Entry> entry = FindNext();
  if (entry != nullptr) {
    entry->is_running = true;
    ++running_count_;
    last_domain_ = entry->domain;
  }
  return entry;
}

absl::Duration JobRunner::TimeToNext() const {
  // Jobs whose time has come, but whose turn has not, are woken for when those
  // before them end.
  const absl::Time now = Now();
  absl::Time next = now + kWaitMax;
  for (const auto& [id, entry] : entries_) {
    if (!entry->is_running && entry->retry_time > now) {
      next = std::min(next, entry->retry_time);
    }
  }
  return next - now;
}

void JobRunner::Schedule() {
  if (stopping_ || entries_.empty()) {
    return;
  }
  if (idle_count_ == 0 && threads_.size() < options_.concurrency_max) {
    threads_.emplace_back([this] { RunThread(); });
  }
  changed_.NotifyAll();
}

void JobRunner::Wake() {
  MutexLock lock(mutex_);
  Schedule();
}

void JobRunner::WaitUntilIdle() {
  MutexLock lock(mutex_);
  while (running_count_ > 0 || FindNext() != nullptr) {
    changed_.Wait(mutex_);
  }
}

// ---- Doing them ------------------------------------------------------------

void JobRunner::RunThread() {
  while (true) {
    std::shared_ptr<Entry> entry;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && (entry = TakeNext()) == nullptr) {
        ++idle_count_;
        changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(TimeToNext()));
        --idle_count_;
      }
      if (stopping_) {
        return;
      }
      // One notice may have been of several jobs.
      if (!ready_.empty() || (running_count_ < options_.concurrency_max &&
                              FindNext() != nullptr)) {
        Schedule();
      }
    }
    RunEntry(*entry);
  }
}

absl::Status JobRunner::Interruption(const Job& job) const {
  if (job.is_cancelled()) {
    return JobCancelledError(job.id());
  }
  MutexLock lock(mutex_);
  return stopping_ ? ShuttingDownError() : absl::OkStatus();
}

void JobRunner::RunEntry(Entry& entry) {
  Job& job = *entry.job;
  if (job.summary().state != JobState::kRunning) {
    job.Update([now = Now()](JobRecord& record) {
      record.state = JobState::kRunning;
      record.retry_time = absl::UnixEpoch();
      record.end_time = absl::UnixEpoch();
      record.error = absl::OkStatus();
      ++record.attempt_count;
      if (record.start_time == absl::UnixEpoch()) {
        record.start_time = now;
      }
    });
    Note(job);
  }
  CallContext context;
  context.interruption = [this, &job] { return Interruption(job); };
  const absl::Status status = entry.work->Run(job, context);
  if (LeaveUnfinished(entry, status) || Park(entry, status)) {
    return;
  }
  EndJob(entry, status, /*is_counted=*/true);
}

bool JobRunner::LeaveUnfinished(Entry& entry, const absl::Status& status) {
  MutexLock lock(mutex_);
  if (status.ok() || !stopping_ || entry.job->is_cancelled()) {
    return false;
  }
  entry.is_running = false;
  --running_count_;
  entry.job->End();
  changed_.NotifyAll();
  return true;
}

bool JobRunner::Park(Entry& entry, const absl::Status& status) {
  Job& job = *entry.job;
  const std::optional<absl::Time> retry_time = RetryTimeOf(status, Now());
  if (!retry_time.has_value() || job.is_cancelled()) {
    return false;
  }
  job.Update([&](JobRecord& record) {
    record.state = JobState::kWaiting;
    record.retry_time = *retry_time;
    record.error = status;
  });
  Note(job);
  MutexLock lock(mutex_);
  if (job.is_cancelled()) {
    return false;  // Who cancels it now waits for its end.
  }
  entry.retry_time = *retry_time;
  entry.is_running = false;
  entry.is_live = false;
  --running_count_;
  Schedule();
  return true;
}

void JobRunner::EndJob(Entry& entry, const absl::Status& status,
                       bool is_counted) {
  const std::shared_ptr<Job> job = entry.job;
  std::unique_ptr<JobWork> work;
  {
    MutexLock lock(mutex_);
    work = std::move(entry.work);
  }
  // Before anybody hears of the end, the commit is free.
  work = nullptr;
  WriteEnd(*job, status);
  const JobRecord record = job->summary();
  {
    MutexLock lock(mutex_);
    running_count_ -= is_counted ? 1 : 0;
    ++totals_.ended[record.kind][record.state];
    totals_.seconds[record.kind] +=
        absl::ToDoubleSeconds(record.start_time == absl::UnixEpoch()
                                  ? absl::ZeroDuration()
                                  : record.end_time - record.start_time);
    ++ended_since_removal_;
    Remove(entry);
    Schedule();
    changed_.NotifyAll();
  }
  job->End();
  if (options_.on_end != nullptr) {
    options_.on_end(job->id(), record);
  }
  RemoveOldNowAndThen();
}

void JobRunner::WriteEnd(Job& job, const absl::Status& status) {
  const JobRecord before = job.record();
  const auto handler = options_.handlers.find(before.kind);
  const bool is_cancelled = !status.ok() && job.is_cancelled();
  const bool stays = !status.ok() && !is_cancelled && MayEndOtherwise(status) &&
                     (handler == options_.handlers.end() ||
                      handler->second->may_resume(before));
  const absl::Time now = Now();
  job.Update([&](JobRecord& record) {
    record = status.ok() ? Succeeded(std::move(record), now) : record;
    if (status.ok()) {
      return;
    }
    record.state = is_cancelled ? JobState::kCancelled : JobState::kFailed;
    record.end_time = now;
    record.retry_time = absl::UnixEpoch();
    record.error = status;
    record.is_resumable = stays;
    if (!stays) {
      record.request.clear();
      record.payload.clear();
      record.has_payload_file = false;
    }
  });
  const bool is_written = status.ok() && handler != options_.handlers.end() &&
                          handler->second->writes_end();
  if (is_cancelled) {
    // Else a crash would bring it back.
    if (const absl::Status written = table_.PutDurably(job.id(), job.record());
        !written.ok()) {
      Note(job);
    }
  } else if (!is_written) {
    Note(job);
  }
  if (!stays && handler != options_.handlers.end()) {
    handler->second->Discard(job.id());
  }
}

void JobRunner::Note(const Job& job) {
  table_.Put(job.id(), job.record()).IgnoreError();
}

// ---- What callers ask for --------------------------------------------------

std::shared_ptr<Job> JobRunner::Find(const JobId& id) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(id);
  return found == entries_.end() || !IsVisible(*found->second)
             ? nullptr
             : found->second->job;
}

absl::StatusOr<JobRecord> JobRunner::Get(const JobId& id) {
  if (const std::shared_ptr<Job> job = Find(id)) {
    return job->summary();
  }
  COPSE_ASSIGN_OR_RETURN(std::optional<JobRecord> record, table_.Get(id));
  if (!record.has_value()) {
    return JobNotFoundError(JobIdText(id));
  }
  return *std::move(record);
}

absl::StatusOr<JobPage> JobRunner::List(const ListJobsOptions& options) {
  COPSE_ASSIGN_OR_RETURN(JobPage page, table_.List(options));
  for (StoredJob& item : page.items) {
    if (const std::shared_ptr<Job> job = Find(item.id)) {
      item.record = job->summary();
    }
  }
  return page;
}

absl::StatusOr<JobRecord> JobRunner::Cancel(const JobId& id,
                                            const CallContext& context) {
  std::shared_ptr<Entry> entry;
  bool is_mine = false;
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find(id);
    if (found != entries_.end() && IsVisible(*found->second)) {
      entry = found->second;
      // One that does not run is taken, so that nobody begins it.
      is_mine = !entry->is_running && !stopping_;
      entry->is_running = entry->is_running || is_mine;
      // Before whoever has it gives it back.
      entry->job->Cancel();
    }
  }
  if (entry == nullptr) {
    COPSE_ASSIGN_OR_RETURN(JobRecord record, Get(id));
    if (record.state == JobState::kCancelled) {
      return record;
    }
    return EndedError(id, record.state);
  }
  const std::shared_ptr<Job> job = entry->job;
  if (is_mine) {
    EndJob(*entry, JobCancelledError(id), /*is_counted=*/false);
  }
  int64_t seen = -1;
  while (!job->has_ended()) {
    COPSE_RETURN_IF_ERROR(context.Check());
    seen = job->WaitForChange(seen, kCancelCheckInterval);
  }
  JobRecord record = job->summary();
  if (!IsFinal(record.state)) {
    return ShuttingDownError();
  }
  if (record.state != JobState::kCancelled) {
    return EndedError(id, record.state);
  }
  return record;
}

absl::StatusOr<JobRecord> JobRunner::Resume(const JobId& id) {
  std::shared_ptr<Entry> entry;
  bool is_mine = false;
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find(id);
    if (found != entries_.end() && IsVisible(*found->second)) {
      entry = found->second;
      const Job& job = *entry->job;
      // Whoever has one that waits, such as the thread that has just written
      // that it does, gives it back or begins it soon; that it begins is not
      // told here.
      while (entry->is_running && IsWaiting(job) && !stopping_) {
        changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(kResumeInterval));
      }
      // Taken, so that nobody begins it before all is told.
      is_mine = !entry->is_running && IsWaiting(job);
      if (is_mine && stopping_) {
        return ShuttingDownError();
      }
      entry->is_running = entry->is_running || is_mine;
    }
  }
  if (entry == nullptr) {
    return ResumeEnded(id);
  }
  if (is_mine) {
    EndWait(*entry);
  }
  return entry->job->summary();
}

void JobRunner::EndWait(Entry& entry) {
  Job& job = *entry.job;
  const JobRecord record = job.record();
  handler(record.kind).BeforeResume(record);
  job.Update([](JobRecord& changed) {
    changed.state = JobState::kQueued;
    changed.retry_time = absl::UnixEpoch();
    changed.error = absl::OkStatus();
  });
  Note(job);
  {
    MutexLock lock(mutex_);
    if (!job.is_cancelled()) {
      entry.retry_time = absl::InfinitePast();
      entry.is_running = false;
      if (stopping_) {
        job.End();
      }
      Schedule();
      return;
    }
  }
  EndJob(entry, JobCancelledError(job.id()), /*is_counted=*/false);
}

absl::StatusOr<JobRecord> JobRunner::ResumeEnded(const JobId& id) {
  COPSE_ASSIGN_OR_RETURN(std::optional<JobRecord> record, table_.Get(id));
  if (!record.has_value()) {
    return JobNotFoundError(JobIdText(id));
  }
  const auto handler = options_.handlers.find(record->kind);
  if (record->state != JobState::kFailed || !record->is_resumable ||
      handler == options_.handlers.end()) {
    return NotResumableError(id, *record);
  }
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<JobWork> work,
                         handler->second->Prepare(id, *record));
  handler->second->BeforeResume(*record);
  record->state = JobState::kQueued;
  record->end_time = absl::UnixEpoch();
  record->error = absl::OkStatus();
  record->is_resumable = false;
  record->failures.clear();
  auto job = std::make_shared<Job>(id, *std::move(record));
  std::shared_ptr<Entry> entry;
  {
    MutexLock lock(mutex_);
    if (stopping_) {
      return ShuttingDownError();
    }
    if (const auto other = entries_.find(id); other != entries_.end()) {
      return other->second->job->summary();
    }
    if (entries_.size() >= options_.unfinished_count_max) {
      return TooManyError(entries_.size());
    }
    entry = Insert(job, std::move(work));
  }
  const absl::Status status = table_.PutDurably(id, job->record());
  MutexLock lock(mutex_);
  if (!status.ok()) {
    Remove(*entry);
    return status;
  }
  entry->is_durable = true;
  Schedule();
  return job->summary();
}

JobTotals JobRunner::totals() const {
  MutexLock lock(mutex_);
  JobTotals totals = totals_;
  for (const auto& [id, entry] : entries_) {
    const JobRecord record = entry->job->summary();
    ++totals.unfinished[record.kind][record.state];
  }
  return totals;
}

// ---- Retention -------------------------------------------------------------

void JobRunner::RemoveOldNowAndThen() {
  {
    MutexLock lock(mutex_);
    const absl::Time now = Now();
    if (now < next_removal_time_ && ended_since_removal_ < kRemovalEndedCount) {
      return;
    }
    next_removal_time_ = now + kRemovalInterval;
    ended_since_removal_ = 0;
  }
  // What cannot be removed now is removed the next time.
  RemoveOld().IgnoreError();
}

absl::Status JobRunner::RemoveOld() {
  {
    MutexLock lock(mutex_);
    next_removal_time_ = Now() + kRemovalInterval;
  }
  const absl::Time oldest = Now() - options_.retention;
  int64_t count = 0;
  std::vector<std::pair<JobId, JobKind>> old;
  COPSE_RETURN_IF_ERROR(table_.ForEach(
      [&](const JobId& id, const absl::StatusOr<JobRecord>& record) {
        if (!record.ok() || !IsFinal(record->state)) {
          return absl::OkStatus();
        }
        ++count;
        if (count > options_.retention_count || record->end_time < oldest) {
          old.emplace_back(id, record->kind);
        }
        return absl::OkStatus();
      }));
  for (const auto& [id, kind] : old) {
    if (Find(id) != nullptr) {
      continue;  // It was resumed since.
    }
    COPSE_RETURN_IF_ERROR(table_.Delete(id));
    if (const auto handler = options_.handlers.find(kind);
        handler != options_.handlers.end()) {
      handler->second->Discard(id);
    }
  }
  return absl::OkStatus();
}

}  // namespace copse
