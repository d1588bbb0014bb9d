// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/job_runner.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "sidecar/service/job.h"
#include "sidecar/service/testing/memory_job_table.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What the jobs of a test are at, and what they should do. A job is named by
// its commit.
class Stage {
 public:
  // Called by a job: says that it runs, and waits until it may go on. Returns
  // what it ends with.
  absl::Status Play(const std::string& name, const CallContext& context) {
    MutexLock lock(mutex_);
    begun_.push_back(name);
    running_.insert(name);
    changed_.NotifyAll();
    while (held_.contains(name)) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(1));
      if (absl::Status status = context.Check(); !status.ok()) {
        running_.erase(name);
        return status;
      }
    }
    running_.erase(name);
    changed_.NotifyAll();
    const auto result = results_.find(name);
    return result == results_.end() ? absl::OkStatus() : result->second;
  }

  void Hold(const std::string& name) {
    MutexLock lock(mutex_);
    held_.insert(name);
  }
  void LetGo(const std::string& name) {
    MutexLock lock(mutex_);
    held_.erase(name);
    changed_.NotifyAll();
  }
  void EndWith(const std::string& name, absl::Status status) {
    MutexLock lock(mutex_);
    results_[name] = std::move(status);
  }
  void WaitUntilRunning(const std::string& name) {
    MutexLock lock(mutex_);
    while (!running_.contains(name)) {
      changed_.Wait(mutex_);
    }
  }
  std::vector<std::string> begun() {
    MutexLock lock(mutex_);
    return begun_;
  }
  void NoteResumed() {
    MutexLock lock(mutex_);
    ++resumed_count_;
  }
  int resumed_count() {
    MutexLock lock(mutex_);
    return resumed_count_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> begun_ ABSL_GUARDED_BY(mutex_);
  int resumed_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> running_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> held_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> results_ ABSL_GUARDED_BY(mutex_);
};

class StageWork final : public JobWork {
 public:
  explicit StageWork(Stage& stage) : stage_(stage) {}
  absl::Status Run(Job& job, const CallContext& context) override {
    return stage_.Play(job.summary().commit, context);
  }

 private:
  Stage& stage_;
};

class StageHandler final : public JobHandler {
 public:
  StageHandler(Stage& stage, AfterRestart after_restart, bool makes_commit)
      : stage_(stage),
        after_restart_(after_restart),
        makes_commit_(makes_commit) {}
  AfterRestart after_restart() const override { return after_restart_; }
  bool makes_commit() const override { return makes_commit_; }
  absl::StatusOr<std::unique_ptr<JobWork>> Prepare(
      const JobId& /*id*/, const JobRecord& /*record*/) override {
    return std::make_unique<StageWork>(stage_);
  }
  void BeforeResume(const JobRecord& /*record*/) override {
    stage_.NoteResumed();
  }

 private:
  Stage& stage_;
  const AfterRestart after_restart_;
  const bool makes_commit_;
};

class JobRunnerTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(); }

  // A process that uses the table.
  void Start(size_t concurrency_max = 4) {
    JobRunnerOptions options;
    using After = JobHandler::AfterRestart;
    options.handlers[JobKind::kPush] =
        std::make_unique<StageHandler>(stage_, After::kRunAgain, true);
    options.handlers[JobKind::kCollect] =
        std::make_unique<StageHandler>(stage_, After::kRunAgain, false);
    options.handlers[JobKind::kBackup] =
        std::make_unique<StageHandler>(stage_, After::kFail, false);
    options.handlers[JobKind::kFold] =
        std::make_unique<StageHandler>(stage_, After::kForget, false);
    options.concurrency_max = concurrency_max;
    options.unfinished_count_max = 100;
    options.retention = absl::Hours(1);
    options.retention_count = 3;
    options.clock = [this] {
      MutexLock lock(mutex_);
      return now_;
    };
    options.random = [] { return uint64_t{7}; };
    runner_ = std::make_unique<JobRunner>(table_, std::move(options));
  }

  void Advance(absl::Duration duration) {
    {
      MutexLock lock(mutex_);
      now_ += duration;
    }
    runner_->Wake();
  }

  static JobRecord Record(const std::string& domain, const std::string& branch,
                          const std::string& commit,
                          const std::string& parent = "") {
    JobRecord record;
    record.domain = domain;
    record.branch = branch;
    record.commit = commit;
    record.parent_commit = parent;
    return record;
  }

  std::shared_ptr<Job> Submit(JobRecord record) {
    absl::StatusOr<std::shared_ptr<Job>> job =
        runner_->Submit(runner_->NewId(), std::move(record),
                        std::make_unique<StageWork>(stage_));
    EXPECT_THAT(job, IsOk());
    return *job;
  }

  static JobState StateOf(const Job& job) { return job.summary().state; }

  static void WaitForEnd(const Job& job) {
    for (int64_t seen = -1; !job.has_ended();) {
      seen = job.WaitForChange(seen, absl::Seconds(10));
    }
  }
  void WaitForState(const Job& job, JobState state) {
    for (int64_t seen = -1; StateOf(job) != state;) {
      seen = job.WaitForChange(seen, absl::Seconds(10));
    }
  }

  static std::string ReasonName(const absl::Status& status) {
    const auto reason = ReasonOf(status);
    return reason.has_value() ? reason->reason : "";
  }

  Stage stage_;
  MemoryJobTable table_;
  Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_) = absl::FromUnixSeconds(1000);
  std::unique_ptr<JobRunner> runner_;
};

TEST_F(JobRunnerTest, DoesAJobAndKeepsItsRecord) {
  JobRecord record = Record("d", "", "c1");
  record.kind = JobKind::kCollect;
  const std::shared_ptr<Job> job = Submit(record);
  WaitForEnd(*job);
  COPSE_ASSERT_OK_AND_ASSIGN(const JobRecord kept, runner_->Get(job->id()));
  EXPECT_EQ(kept.state, JobState::kSucceeded);
  EXPECT_EQ(kept.attempt_count, 1);
  EXPECT_EQ(kept.end_time, absl::FromUnixSeconds(1000));
  EXPECT_EQ(runner_->totals().ended[JobKind::kCollect][JobState::kSucceeded],
            1);
}

TEST_F(JobRunnerTest, DoesTheJobsOfABranchInTheirOrder) {
  stage_.Hold("a1");
  const auto first = Submit(Record("d", "main", "a1"));
  const auto second = Submit(Record("d", "main", "a2"));
  const auto other = Submit(Record("d", "draft", "b1"));
  const auto third = Submit(Record("d", "main", "a3"));
  WaitForEnd(*other);
  EXPECT_EQ(StateOf(*second), JobState::kQueued);
  EXPECT_TRUE(runner_->MustWait("d", "", "main"));
  EXPECT_TRUE(runner_->MustWait("d", "a3", ""));
  EXPECT_FALSE(runner_->MustWait("d", "b1", "draft"));
  EXPECT_FALSE(runner_->MustWait("e", "a3", "main"));
  stage_.LetGo("a1");
  WaitForEnd(*third);
  EXPECT_TRUE(second->has_ended());
  std::vector<std::string> begun = stage_.begun();
  std::erase(begun, "b1");
  EXPECT_THAT(begun, ElementsAre("a1", "a2", "a3"));
}

TEST_F(JobRunnerTest, DoesAJobAfterThatOfItsParent) {
  stage_.Hold("p");
  const auto parent = Submit(Record("d", "x", "p"));
  const auto child = Submit(Record("d", "y", "c", "p"));
  const auto elsewhere = Submit(Record("e", "y", "c", "p"));
  WaitForEnd(*elsewhere);
  EXPECT_EQ(StateOf(*child), JobState::kQueued);
  stage_.LetGo("p");
  WaitForEnd(*child);
  EXPECT_THAT(stage_.begun(), ElementsAre("p", "c", "c"));
}

TEST_F(JobRunnerTest, GivesEachDomainItsTurn) {
  Start(1);
  stage_.Hold("first");
  Submit(Record("a", "", "first"));
  std::vector<std::shared_ptr<Job>> jobs;
  for (int i = 0; i < 3; ++i) {
    jobs.push_back(Submit(Record("a", "", absl::StrCat("a", i))));
  }
  jobs.push_back(Submit(Record("b", "", "b0")));
  jobs.push_back(Submit(Record("c", "", "c0")));
  stage_.LetGo("first");
  for (const auto& job : jobs) {
    WaitForEnd(*job);
  }
  EXPECT_THAT(stage_.begun(),
              ElementsAre("first", "b0", "c0", "a0", "a1", "a2"));
}

TEST_F(JobRunnerTest, DoesJobsSideBySideHoweverFastTheyCome) {
  // The thread that did this one is idle then.
  WaitForEnd(*Submit(Record("d", "", "first")));
  std::vector<std::shared_ptr<Job>> jobs;
  for (const char* name : {"a", "b", "c", "d"}) {
    stage_.Hold(name);
    jobs.push_back(Submit(Record("d", "", name)));
  }
  for (const char* name : {"a", "b", "c", "d"}) {
    stage_.WaitUntilRunning(name);
  }
  for (const char* name : {"a", "b", "c", "d"}) {
    stage_.LetGo(name);
  }
  for (const auto& job : jobs) {
    WaitForEnd(*job);
  }
}

TEST_F(JobRunnerTest, DoesNoMoreAtOnceThanItMay) {
  Start(2);
  for (const char* name : {"a", "b", "c"}) {
    stage_.Hold(name);
  }
  const auto a = Submit(Record("d", "", "a"));
  const auto b = Submit(Record("d", "", "b"));
  const auto c = Submit(Record("d", "", "c"));
  stage_.WaitUntilRunning("a");
  stage_.WaitUntilRunning("b");
  EXPECT_EQ(StateOf(*c), JobState::kQueued);
  EXPECT_EQ(runner_->totals().unfinished[JobKind::kPush][JobState::kQueued], 1);
  stage_.LetGo("b");
  stage_.WaitUntilRunning("c");
  EXPECT_EQ(StateOf(*a), JobState::kRunning);
  stage_.LetGo("a");
  stage_.LetGo("c");
  WaitForEnd(*c);
}

// ---- Ends ------------------------------------------------------------------

TEST_F(JobRunnerTest, CancelsWhatRunsAndWhatWaits) {
  stage_.Hold("a");
  const auto running = Submit(Record("d", "main", "a"));
  const auto queued = Submit(Record("d", "main", "b"));
  stage_.WaitUntilRunning("a");
  EXPECT_THAT(runner_->Cancel(queued->id(), {}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const JobRecord record,
                             runner_->Cancel(running->id(), {}));
  EXPECT_EQ(record.state, JobState::kCancelled);
  EXPECT_EQ(ReasonName(record.error), "JOB_CANCELLED");
  EXPECT_THAT(stage_.begun(), ElementsAre("a"));
  // Once more changes nothing.
  EXPECT_THAT(runner_->Cancel(running->id(), {}), IsOk());
  EXPECT_EQ(ReasonName(runner_->Cancel(JobId{}, {}).status()), "JOB_NOT_FOUND");
  EXPECT_EQ(ReasonName(runner_->Resume(running->id()).status()),
            "JOB_NOT_RESUMABLE");
}

TEST_F(JobRunnerTest, ResumesAJobThatFailed) {
  stage_.EndWith("a", absl::UnavailableError("the provider is down"));
  const auto job = Submit(Record("d", "", "a"));
  WaitForEnd(*job);
  COPSE_ASSERT_OK_AND_ASSIGN(JobRecord record, runner_->Get(job->id()));
  EXPECT_EQ(record.state, JobState::kFailed);
  EXPECT_TRUE(record.is_resumable);
  EXPECT_THAT(record.error, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(ReasonName(runner_->Cancel(job->id(), {}).status()), "JOB_ENDED");

  stage_.EndWith("a", absl::OkStatus());
  stage_.Hold("a");
  EXPECT_THAT(runner_->Resume(job->id()), IsOk());
  EXPECT_THAT(runner_->Resume(job->id()), IsOk());
  const std::shared_ptr<Job> again = runner_->Find(job->id());
  ASSERT_NE(again, nullptr);
  stage_.LetGo("a");
  WaitForEnd(*again);
  EXPECT_EQ(again->summary().attempt_count, 2);
  EXPECT_EQ(StateOf(*again), JobState::kSucceeded);
}

TEST_F(JobRunnerTest, DoesNotResumeWhatWouldFailAgain) {
  stage_.EndWith("a", absl::InvalidArgumentError("documents failed"));
  const auto job = Submit(Record("d", "", "a"));
  WaitForEnd(*job);
  EXPECT_FALSE(job->summary().is_resumable);
  EXPECT_EQ(ReasonName(runner_->Resume(job->id()).status()),
            "JOB_NOT_RESUMABLE");
}

TEST_F(JobRunnerTest, WaitsUntilTheTimeThatAnErrorNames) {
  stage_.EndWith("a", WithReason(absl::UnavailableError("too fast"), "BUSY",
                                 {{"retry_time", "1970-01-01T00:17:40Z"}}));
  const auto job = Submit(Record("d", "main", "a"));
  const auto behind = Submit(Record("d", "main", "b"));
  WaitForState(*job, JobState::kWaiting);
  EXPECT_EQ(job->summary().retry_time, absl::FromUnixSeconds(1060));
  EXPECT_EQ(ReasonName(job->summary().error), "BUSY");
  stage_.EndWith("a", absl::OkStatus());
  Advance(absl::Seconds(59));
  runner_->WaitUntilIdle();
  EXPECT_THAT(stage_.begun(), ElementsAre("a"));
  Advance(absl::Seconds(1));
  WaitForEnd(*behind);
  EXPECT_EQ(StateOf(*job), JobState::kSucceeded);
  EXPECT_THAT(stage_.begun(), ElementsAre("a", "a", "b"));
}

TEST_F(JobRunnerTest, AJobThatWaitsTriesAgainWhenItIsResumed) {
  stage_.EndWith("a", WithReason(absl::UnavailableError("too fast"), "BUSY",
                                 {{"retry_time", "1970-01-01T01:16:40Z"}}));
  const auto job = Submit(Record("d", "main", "a"));
  const auto behind = Submit(Record("d", "main", "b"));
  WaitForState(*job, JobState::kWaiting);
  // It fails once more, and waits again.
  EXPECT_THAT(runner_->Resume(job->id()), IsOk());
  while (job->summary().attempt_count < 2) {
    std::this_thread::yield();
  }
  WaitForState(*job, JobState::kWaiting);
  EXPECT_EQ(job->summary().retry_time, absl::FromUnixSeconds(4600));
  stage_.EndWith("a", absl::OkStatus());
  stage_.Hold("a");
  COPSE_ASSERT_OK_AND_ASSIGN(const JobRecord record,
                             runner_->Resume(job->id()));
  EXPECT_EQ(record.retry_time, absl::UnixEpoch());
  EXPECT_THAT(record.error, IsOk());
  stage_.WaitUntilRunning("a");
  EXPECT_THAT(runner_->Resume(job->id()), IsOk()) << "it runs";
  stage_.LetGo("a");
  WaitForEnd(*behind);
  EXPECT_EQ(StateOf(*job), JobState::kSucceeded);
  EXPECT_EQ(job->summary().attempt_count, 3);
  EXPECT_THAT(stage_.begun(), ElementsAre("a", "a", "a", "b"));
  EXPECT_EQ(stage_.resumed_count(), 2);
}

TEST_F(JobRunnerTest, WaitsNoLongerThanADay) {
  stage_.EndWith("a",
                 WithReason(absl::UnavailableError("too fast"), "BUSY",
                            {{"retry_time", "292277026596-12-04T15:30:07Z"}}));
  const auto job = Submit(Record("d", "", "a"));
  WaitForState(*job, JobState::kWaiting);
  EXPECT_EQ(job->summary().retry_time,
            absl::FromUnixSeconds(1000) + absl::Hours(24));
  stage_.EndWith("a", absl::OkStatus());
  Advance(absl::Hours(24));
  WaitForEnd(*job);
}

TEST_F(JobRunnerTest, AcceptsNothingThatTheTableDoesNotTake) {
  table_.FailWrites(absl::ResourceExhaustedError("the disk is full"));
  EXPECT_THAT(runner_->Submit(runner_->NewId(), Record("d", "main", "a"),
                              std::make_unique<StageWork>(stage_)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_FALSE(runner_->MustWait("d", "a", "main"));
  table_.FailWrites(absl::OkStatus());
  WaitForEnd(*Submit(Record("d", "main", "a")));
}

TEST_F(JobRunnerTest, BoundsWhatIsUnfinished) {
  stage_.Hold("0");
  for (int i = 0; i < 100; ++i) {
    Submit(Record("d", "main", absl::StrCat(i)));
  }
  EXPECT_EQ(ReasonName(runner_
                           ->Submit(runner_->NewId(), Record("d", "main", "x"),
                                    std::make_unique<StageWork>(stage_))
                           .status()),
            "JOBS_UNFINISHED");
  stage_.LetGo("0");
}

// ---- Restarts --------------------------------------------------------------

TEST_F(JobRunnerTest, GoesOnAfterARestart) {
  stage_.Hold("a");
  const auto running = Submit(Record("d", "main", "a"));
  Submit(Record("d", "main", "b"));
  stage_.WaitUntilRunning("a");
  runner_->Stop();
  EXPECT_TRUE(running->has_ended()) << "for those who watch it";
  EXPECT_EQ(StateOf(*running), JobState::kRunning);
  stage_.LetGo("a");
  Start();
  EXPECT_THAT(stage_.begun(), ElementsAre("a"));
  ASSERT_THAT(runner_->Recover(), IsOk());
  runner_->WaitUntilIdle();
  EXPECT_THAT(stage_.begun(), ElementsAre("a", "a", "b"));
}

TEST_F(JobRunnerTest, WaitsNoLongerAfterARestart) {
  stage_.EndWith("a", WithReason(absl::UnavailableError("no credit"), "BUSY",
                                 {{"retry_time", "1970-01-01T00:17:40Z"}}));
  const auto job = Submit(Record("d", "main", "a"));
  WaitForState(*job, JobState::kWaiting);
  runner_->Stop();
  stage_.EndWith("a", absl::OkStatus());
  Start();
  ASSERT_THAT(runner_->Recover(), IsOk());
  runner_->WaitUntilIdle();
  EXPECT_THAT(stage_.begun(), ElementsAre("a", "a"));
  EXPECT_EQ(runner_->totals().ended[JobKind::kPush][JobState::kSucceeded], 1);
}

TEST_F(JobRunnerTest, GivesIdsThatGrowAcrossRestartsAndStepsOfTheClock) {
  const auto job = Submit(Record("d", "", "a"));
  WaitForEnd(*job);
  {
    MutexLock lock(mutex_);
    now_ = absl::FromUnixSeconds(10);
  }
  Start();
  ASSERT_THAT(runner_->Recover(), IsOk());
  const JobId next = runner_->NewId();
  EXPECT_GT(next, job->id());
  EXPECT_GT(runner_->NewId(), next);
}

TEST_F(JobRunnerTest, TreatsEachKindAsItWantsAfterARestart) {
  JobRecord record = Record("d", "", "fold");
  record.kind = JobKind::kFold;
  const auto fold = runner_->Attach(record, /*is_durable=*/false);
  record.commit = "backup";
  record.kind = JobKind::kBackup;
  const auto backup = runner_->Attach(record, /*is_durable=*/true);
  record.commit = "collect";
  record.kind = JobKind::kCollect;
  const auto collect = runner_->Attach(record, /*is_durable=*/true);
  runner_->Stop();
  Start();
  ASSERT_THAT(runner_->Recover(), IsOk());
  runner_->WaitUntilIdle();
  EXPECT_EQ(ReasonName(runner_->Get(fold->id()).status()), "JOB_NOT_FOUND");
  COPSE_ASSERT_OK_AND_ASSIGN(const JobRecord failed,
                             runner_->Get(backup->id()));
  EXPECT_EQ(failed.state, JobState::kFailed);
  EXPECT_EQ(ReasonName(failed.error), "JOB_INTERRUPTED");
  EXPECT_TRUE(failed.is_resumable);
  EXPECT_THAT(stage_.begun(), ElementsAre("collect"));
}

TEST_F(JobRunnerTest, RemovesFilesThatNoJobNeeds) {
  const std::string text = "x";
  for (const char* name :
       {"00000000000000000000000000000001", "something else"}) {
    ASSERT_THAT(
        WriteFileAtomically(absl::StrCat(table_.folder(), "/", name),
                            std::as_bytes(std::span(text.data(), text.size()))),
        IsOk());
  }
  JobRecord record = Record("d", "", "a");
  record.state = JobState::kFailed;
  record.end_time = absl::FromUnixSeconds(1000);
  record.has_payload_file = true;
  record.is_resumable = true;
  ASSERT_THAT(
      table_.Put(*ParseJobId("00000000000000000000000000000001"), record),
      IsOk());
  ASSERT_THAT(runner_->Recover(), IsOk());
  EXPECT_THAT(ListFolder(table_.folder()),
              IsOkAndHolds(ElementsAre("00000000000000000000000000000001")));
}

TEST_F(JobRunnerTest, ForgetsOldJobsAndThoseThatAreTooMany) {
  std::vector<JobId> ids;
  for (int i = 0; i < 5; ++i) {
    JobRecord record = Record("d", "", absl::StrCat(i));
    record.kind = JobKind::kCollect;
    const auto job = Submit(record);
    WaitForEnd(*job);
    ids.push_back(job->id());
  }
  ASSERT_THAT(runner_->RemoveOld(), IsOk());
  EXPECT_EQ(ReasonName(runner_->Get(ids[1]).status()), "JOB_NOT_FOUND");
  EXPECT_THAT(runner_->Get(ids[2]), IsOk());
  Advance(absl::Hours(2));
  ASSERT_THAT(runner_->RemoveOld(), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const JobPage page, runner_->List({}));
  EXPECT_THAT(page.items, IsEmpty());
}

TEST_F(JobRunnerTest, CancelsWhatOthersDo) {
  JobRecord record = Record("d", "", "c");
  record.kind = JobKind::kCollect;
  const auto job = runner_->Attach(record, /*is_durable=*/true);
  std::jthread worker([&] {
    while (!job->is_cancelled()) {
      job->WaitForChange(-1, absl::Milliseconds(1));
    }
    runner_->Detach(job, JobCancelledError(job->id()));
  });
  COPSE_ASSERT_OK_AND_ASSIGN(const JobRecord ended,
                             runner_->Cancel(job->id(), {}));
  EXPECT_EQ(ended.state, JobState::kCancelled);
}

}  // namespace
}  // namespace copse
