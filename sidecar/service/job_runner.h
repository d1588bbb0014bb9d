// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Does the jobs: those that are accepted now, and those that a process before
// left unfinished.
//
//   JobRunner runner(store.jobs(), {.handlers = MakeJobHandlers(services)});
//   COPSE_RETURN_IF_ERROR(runner.Recover());
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Job> job,
//                          runner.Submit(runner.NewId(), record, work));
//   ...
//   runner.Stop();
//
// Invariants:
//
// * What Submit() has returned is durable: it is done by this process or by
//   a later one, until it has succeeded, failed or was cancelled.
// * Jobs of one domain that move the same branch are done one after the other,
//   in the order of Submit(), and one that needs the commit of another after
//   it. Others are done side by side, `concurrency_max` at most; a domain with
//   many jobs does not keep those of another waiting.
// * A job whose error has a `retry_time` waits until then, kRetryDelayMax at
//   most, or Resume(), or a restart, with its place in the order, and begins
//   anew. Any other error ends it; the commit is then free, and what it was
//   made of stays until its record goes, if Resume() can help.
// * Work that others do, such as a call that collects garbage, is a job from
//   Attach() to its end, too, and is not counted.

#ifndef COPSE_SIDECAR_SERVICE_JOB_RUNNER_H_
#define COPSE_SIDECAR_SERVICE_JOB_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/job.h"
#include "versioning/job_table.h"

namespace copse {

// How long a job waits, whatever its error says.
inline constexpr absl::Duration kRetryDelayMax = absl::Hours(24);

// What is left of a job to be done, once.
class JobWork {
 public:
  virtual ~JobWork() = default;

  // Does it; again after an error that says when to retry. `context` says when
  // to end early.
  virtual absl::Status Run(Job& job, const CallContext& context) = 0;

  // Lets go of memory, because many others wait, too.
  virtual void Shelve() {}
};

// What the runner must know of a kind of job.
class JobHandler {
 public:
  // What becomes of a job that a crash or the end of the process interrupted.
  enum class AfterRestart { kRunAgain, kFail, kForget };

  virtual ~JobHandler() = default;
  virtual AfterRestart after_restart() const = 0;

  // Whether it makes the commit of its record.
  virtual bool makes_commit() const { return false; }

  // Whether the work writes Job::MakeSucceeded() itself, with what it has done.
  virtual bool writes_end() const { return makes_commit(); }

  // Prepares a job to be done, again or for the first time: takes what nobody
  // else may take until then.
  virtual absl::StatusOr<std::unique_ptr<JobWork>> Prepare(
      const JobId& id, const JobRecord& record) = 0;

  // Somebody wants it to be done again now: what keeps it from that only for a
  // time, such as a provider's wish to be left alone, no longer does.
  virtual void BeforeResume(const JobRecord& /*record*/) {}

  // Whether Prepare() may succeed for a job that has failed.
  virtual bool may_resume(const JobRecord& /*record*/) const { return true; }

  // Removes what came with a job that will not be done again.
  virtual void Discard(const JobId& /*id*/) {}

  // Removes what a process before left of jobs that were never accepted, or
  // never discarded. Called before any job is taken up.
  virtual void DiscardLeftovers(JobTable& /*table*/) {}
};

using JobHandlers = std::map<JobKind, std::unique_ptr<JobHandler>>;

struct JobRunnerOptions {
  JobHandlers handlers = {};

  // Jobs that are done at the same time.
  size_t concurrency_max = 8;

  // Jobs that may be unfinished; more are refused.
  size_t unfinished_count_max = 10'000;

  // How long and how many finished jobs are kept.
  absl::Duration retention = absl::Hours(7 * 24);
  int64_t retention_count = 10'000;

  // Time and chance, injected for tests.
  std::function<absl::Time()> clock = [] { return absl::Now(); };
  std::function<uint64_t()> random = nullptr;  // Null: of the system.

  // Told of every job that has ended, on some thread. May be null.
  std::function<void(const JobId&, const JobRecord&)> on_end = nullptr;
};

// Since the start, and now.
struct JobTotals {
  // By kind, then by state: how many ended, or are in it.
  std::map<JobKind, std::map<JobState, int64_t>> ended;
  std::map<JobKind, std::map<JobState, int64_t>> unfinished;
  // By kind: the seconds that those that ended took, from their start.
  std::map<JobKind, double> seconds;
};

// Thread safety: any number of threads may use one JobRunner; Recover() and
// Stop() are called once.
class JobRunner {
 public:
  // `table` must outlive this.
  JobRunner(JobTable& table, JobRunnerOptions options);

  // Stops, unless Stop() was called.
  ~JobRunner();
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // Takes up the jobs that a process before left unfinished, and removes
  // records and files that are not needed any more. Called first.
  absl::Status Recover() ABSL_LOCKS_EXCLUDED(mutex_);

  // Tells what runs to end, and all who watch that it does, and accepts no
  // more. The jobs stay unfinished for the next process.
  void BeginStop() ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, and returns when nothing runs any more.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::function<absl::Time()>& clock() const { return options_.clock; }

  // Returns an ID above all that this or a process before gave.
  JobId NewId() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns whether a push into `domain` would have to wait: its parent is
  // being made by an unfinished job, or its branch moved by one.
  bool MustWait(absl::string_view domain, absl::string_view parent_commit,
                absl::string_view branch) ABSL_LOCKS_EXCLUDED(mutex_);

  // Makes a job durable, and does it when its turn comes. `work` is what
  // JobHandler::Prepare() would return, or has begun already. Fails with
  // kResourceExhausted, JOBS_UNFINISHED, and the errors of the table; there is
  // no job then.
  absl::StatusOr<std::shared_ptr<Job>> Submit(const JobId& id, JobRecord record,
                                              std::unique_ptr<JobWork> work)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Makes what the caller does a job, from now on until Detach(). `is_durable`:
  // whether a crash must not forget it, as far as the disk has space.
  std::shared_ptr<Job> Attach(JobRecord record, bool is_durable)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends it. `status` is how.
  void Detach(const std::shared_ptr<Job>& job, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns the job if it is not finished, else null.
  std::shared_ptr<Job> Find(const JobId& id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns the record of a job. Fails with kNotFound, JOB_NOT_FOUND.
  absl::StatusOr<JobRecord> Get(const JobId& id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Newest first, each as it is now.
  absl::StatusOr<JobPage> List(const ListJobsOptions& options)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends a job, and returns when it has ended, or when `context` says. Without
  // effect if it was cancelled before. Fails with kNotFound, JOB_NOT_FOUND, and
  // kFailedPrecondition, JOB_ENDED, if it has succeeded or failed.
  absl::StatusOr<JobRecord> Cancel(const JobId& id, const CallContext& context)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Does a job again that has failed, and at once one that waits for its retry
  // time. Without effect on one that is queued or runs. Fails with kNotFound,
  // JOB_NOT_FOUND, and kFailedPrecondition, JOB_NOT_RESUMABLE; and if it cannot
  // be prepared.
  absl::StatusOr<JobRecord> Resume(const JobId& id) ABSL_LOCKS_EXCLUDED(mutex_);

  JobTotals totals() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Looks at the clock, and for jobs whose time has come.
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_);

  // Removes finished jobs that are too old or too many.
  absl::Status RemoveOld() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns when nothing runs and nothing could run now.
  void WaitUntilIdle() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // A job that is not finished.
  struct Entry {
    std::shared_ptr<Job> job;
    std::unique_ptr<JobWork> work;  // Null for attached ones.
    uint64_t order = 0;             // Its place in its domain.
    std::string domain;

    // What it makes and moves, and needs; empty if nothing.
    std::string commit;
    std::string branch;
    std::string parent_commit;

    bool is_durable = false;  // Else it may not run yet.
    bool is_running = false;  // Or somebody else has it.
    bool is_live = false;     // Its work holds memory, and has not been begun.
    absl::Time retry_time = absl::InfinitePast();
  };
  using Domain = std::map<uint64_t, std::shared_ptr<Entry>>;

  JobHandler& handler(JobKind kind) { return *options_.handlers.at(kind); }
  absl::Time Now() const { return options_.clock(); }

  // Whether callers know of it: Submit() has returned.
  static bool IsVisible(const Entry& entry) { return entry.is_durable; }

  void RecoverJob(const JobId& id, JobRecord record)
      ABSL_LOCKS_EXCLUDED(mutex_);
  JobId NewIdLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<Entry> Insert(std::shared_ptr<Job> job,
                                std::unique_ptr<JobWork> work)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(const Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether so much waits that more must not hold memory.
  bool MustShelve() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MustWaitLocked(absl::string_view domain, absl::string_view parent_commit,
                      absl::string_view branch) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Returns the job whose turn it is, or null.
  std::shared_ptr<Entry> FindNext() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static std::shared_ptr<Entry> FindIn(const Domain& domain, absl::Time now);
  // The same, and takes it.
  std::shared_ptr<Entry> TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Until a waiting job may go on.
  absl::Duration TimeToNext() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has a thread look for work.
  void Schedule() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void RunThread() ABSL_LOCKS_EXCLUDED(mutex_);
  void RunEntry(Entry& entry) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Interruption(const Job& job) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns whether the process ends, which is no end of a job.
  bool LeaveUnfinished(Entry& entry, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Does a job again that has ended, if it can be.
  absl::StatusOr<JobRecord> ResumeEnded(const JobId& id)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends the wait of `entry`, which the caller has taken.
  void EndWait(Entry& entry) ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns whether `entry` waits for another attempt after `status`.
  bool Park(Entry& entry, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Writes the end of a job, and forgets it. `is_counted`: whether it is one of
  // running_count_.
  void EndJob(Entry& entry, const absl::Status& status, bool is_counted)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void WriteEnd(Job& job, const absl::Status& status);
  // Writes a record whose loss changes nothing but what is told.
  void Note(const Job& job);
  void RemoveOldNowAndThen() ABSL_LOCKS_EXCLUDED(mutex_);

  JobTable& table_;
  JobRunnerOptions options_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, Domain> domains_ ABSL_GUARDED_BY(mutex_);
  std::string last_domain_ ABSL_GUARDED_BY(mutex_);
  std::map<JobId, std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);

  // That run, but for a thread.
  std::deque<std::shared_ptr<Entry>> ready_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_order_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t last_id_micros_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time last_create_time_ ABSL_GUARDED_BY(mutex_) = absl::UnixEpoch();
  absl::Time next_removal_time_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int64_t ended_since_removal_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t idle_count_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t running_count_ ABSL_GUARDED_BY(mutex_) = 0;  // With ready ones.
  JobTotals totals_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_JOB_RUNNER_H_
