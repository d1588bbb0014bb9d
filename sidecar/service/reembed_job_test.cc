// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/reembed_job.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_intake.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "sidecar/service/testing/fake_embedder.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"
#include "versioning/files.h"
#include "versioning/job_record.h"
#include "versioning/store.h"

namespace copse {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr absl::string_view kDomain = "admin/trees";

// Makes other vectors than FakeEmbedder of the same texts.
class OtherEmbedder final : public FakeEmbedder {
 public:
  OtherEmbedder() : FakeEmbedder("other", 2) {}

  absl::StatusOr<std::vector<EmbeddingOutcome>> Embed(
      std::span<const absl::string_view> texts, EmbeddingRole role,
      const EmbedContext& context) override {
    absl::StatusOr<std::vector<EmbeddingOutcome>> outcomes =
        FakeEmbedder::Embed(texts, role, context);
    if (outcomes.ok()) {
      for (EmbeddingOutcome& outcome : *outcomes) {
        if (outcome.ok()) {
          std::ranges::reverse(*outcome);
        }
      }
    }
    return outcomes;
  }

  static std::vector<float> OtherVectorOf(absl::string_view text) {
    std::vector<float> vector = VectorOf(text);
    std::ranges::reverse(vector);
    return vector;
  }
};

std::vector<float> Normalized(std::vector<float> vector) {
  double sum = 0;
  for (const float component : vector) {
    sum += double{component} * component;
  }
  for (float& component : vector) {
    component = static_cast<float>(component / std::sqrt(sum));
  }
  return vector;
}

// What a commit holds, apart from its vectors.
using Contents = std::map<std::string, std::string>;

class ReembedJobTest : public EngineTest {
 protected:
  void ConfigureEngine(EngineOptions& options) override {
    options.find_embedder = [this](absl::string_view name)
        -> absl::StatusOr<std::shared_ptr<Embedder>> {
      if (name == "other") {
        return std::static_pointer_cast<Embedder>(other_);
      }
      return FindOnly(embedder_)(name);
    };
    options.embedding_profiles = {"fake", "other"};
  }

  static PushOptions On(absl::string_view branch, absl::string_view commit,
                        absl::string_view parent = "") {
    PushOptions options = Options(commit, parent);
    options.commit.branch = std::string(branch);
    return options;
  }

  absl::StatusOr<std::shared_ptr<Job>> Begin() {
    return engine_->Reembed(
        {.domain = std::string(kDomain), .embedding_profile = "other"}, {});
  }

  static JobRecord Await(const Job& job) {
    for (int64_t seen = -1; !job.has_ended();) {
      seen = job.WaitForChange(seen, absl::Seconds(10));
    }
    return job.record();
  }

  JobRecord Reembed() {
    const absl::StatusOr<std::shared_ptr<Job>> job = Begin();
    EXPECT_THAT(job, IsOk());
    return job.ok() ? Await(**job) : JobRecord();
  }

  Contents ContentsOf(absl::string_view commit) {
    Contents contents;
    const auto reader = store_->OpenCommit(kDomain, commit);
    EXPECT_THAT(reader, IsOk()) << commit;
    if (reader.ok()) {
      EXPECT_THAT(
          (*reader)->ForEachDocument({.text = true},
                                     [&](const StoredDocument& document) {
                                       contents[document.id] = absl::StrCat(
                                           document.type, ":", *document.text);
                                       return absl::OkStatus();
                                     }),
          IsOk());
    }
    return contents;
  }

  // Expects that each document of the commit has the vector of `other_`.
  void ExpectOtherVectors(absl::string_view commit) {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                               store_->OpenCommit(kDomain, commit));
    EXPECT_EQ(reader->domain_options().embedding_profile, "other");
    EXPECT_THAT(
        reader->ForEachDocument(
            {.text = true, .vector = true},
            [](const StoredDocument& document) {
              EXPECT_THAT(
                  document.chunks.at(0).vector,
                  ::testing::Pointwise(
                      ::testing::FloatNear(1e-5F),
                      Normalized(OtherEmbedder::OtherVectorOf(*document.text))))
                  << document.id;
              return absl::OkStatus();
            }),
        IsOk());
  }

  void ExpectOneDomainOnDisk() {
    EXPECT_THAT(ListFolder(folder_ + "/domains"), IsOkAndHolds(SizeIs(1)));
  }

  // c1 - c2 ------ m - c4  main      a root of its own: r
  //   \- x - c3 --/        dev       x is deleted
  void MakeHistory() {
    ASSERT_THAT(
        Push(On("main", "c1"), {Upsert("a", "apple"), Upsert("b", "birch"),
                                Upsert("c", "cedar")}),
        IsOk());
    ASSERT_THAT(Push(On("main", "c2", "c1"),
                     {Upsert("b", "beech"), Upsert("d", "dogwood")}),
                IsOk());
    ASSERT_THAT(Push(On("dev", "x", "c1"), {Upsert("x", "yew")}), IsOk());
    PushOptions skipping = On("dev", "c3", "x");
    skipping.skip_failed_documents = true;
    skipping.commit.author = "ann";
    skipping.commit.message = "more trees";
    skipping.commit.commit_time = absl::FromUnixSeconds(1'700'000'000);
    ASSERT_THAT(Push(skipping,
                     {DeleteOperation{"a"}, Upsert("e", "elm"), Upsert("f", ""),
                      DeleteOperation{"x"}, DeleteOperation{"nowhere"}}),
                IsOk());
    ASSERT_THAT(store_->MergeCommits({.commit = {.domain = std::string(kDomain),
                                                 .commit = "m",
                                                 .parent_commit = "c2",
                                                 .branch = "main"},
                                      .theirs_commit = "c3"},
                                     {}),
                IsOk());
    ASSERT_THAT(Push(On("main", "c4", "m"), {Upsert("g", "ginkgo")}), IsOk());
    ASSERT_THAT(
        Push(Options("r"), {Upsert("a", "alder"), Upsert("z", "zelkova")}),
        IsOk());
    ASSERT_THAT(store_->DeleteCommit(kDomain, "x"), IsOk());
  }

  const std::vector<std::string> kCommits = {"c1", "c2", "c3", "m", "c4", "r"};
  std::shared_ptr<OtherEmbedder> other_ = std::make_shared<OtherEmbedder>();
};

TEST_F(ReembedJobTest, KeepsAllCommitsAndChangesTheirVectors) {
  MakeHistory();
  ASSERT_THAT(store_->CreateLease(kDomain, "release", "c2",
                                  absl::Now() + absl::Hours(1)),
              IsOk());
  ASSERT_THAT(store_->UpdateDomain(kDomain, "our trees"), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo before,
                             store_->GetDomain(kDomain));
  std::map<std::string, Contents> contents;
  std::map<std::string, CommitInfo> infos;
  for (const std::string& commit : kCommits) {
    contents[commit] = ContentsOf(commit);
    infos[commit] = store_->GetCommit(kDomain, commit).value();
  }
  embedder_->Forget();

  const JobRecord record = Reembed();
  EXPECT_EQ(record.state, JobState::kSucceeded) << record.error;
  EXPECT_EQ(record.progress.done_count, record.progress.total_count);

  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo after,
                             store_->GetDomain(kDomain));
  EXPECT_EQ(after.options.embedding_profile, "other");
  EXPECT_EQ(after.options.description, "our trees");
  EXPECT_EQ(after.create_time, before.create_time);
  EXPECT_EQ(after.commit_count, before.commit_count);
  EXPECT_THAT(after.former_numbers, ElementsAre(before.domain_number));
  for (const std::string& commit : kCommits) {
    EXPECT_EQ(ContentsOf(commit), contents[commit]) << commit;
    ExpectOtherVectors(commit);
    const CommitInfo was = infos[commit];
    COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo is,
                               store_->GetCommit(kDomain, commit));
    EXPECT_EQ(is.parent_commits, was.parent_commits);
    EXPECT_EQ(is.branch, was.branch);
    EXPECT_EQ(is.create_time, was.create_time);
    EXPECT_EQ(is.commit_time, was.commit_time);
    EXPECT_EQ(is.author, was.author);
    EXPECT_EQ(is.message, was.message);
    EXPECT_EQ(is.document_count, was.document_count);
    EXPECT_EQ(is.vector_count, was.vector_count);
    EXPECT_EQ(is.inserted_count, was.inserted_count);
    EXPECT_EQ(is.replaced_count, was.replaced_count);
    EXPECT_EQ(is.deleted_count, was.deleted_count);
    EXPECT_EQ(is.unknown_delete_count, was.unknown_delete_count);
    EXPECT_EQ(is.skipped_documents.size(), was.skipped_documents.size());
  }
  EXPECT_EQ(store_->GetBranch(kDomain, "main")->head_commit, "c4");
  EXPECT_EQ(store_->GetBranch(kDomain, "main")->version, 4);
  EXPECT_EQ(store_->GetBranch(kDomain, "dev")->head_commit, "c3");
  EXPECT_THAT(store_->DeleteCommit(kDomain, "c2"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "COMMIT_IN_USE"))
      << "the lease is kept";
  EXPECT_THAT(embedder_->texts(), IsEmpty()) << "nobody needs the old profile";
  EXPECT_EQ(store_->VerifyDomain(kDomain)->finding_count(), 0);
  ExpectOneDomainOnDisk();
}

TEST_F(ReembedJobTest, EmbedsEachTextOnce) {
  MakeHistory();
  ASSERT_EQ(Reembed().state, JobState::kSucceeded);
  std::vector<std::string> texts = other_->texts();
  std::ranges::sort(texts);
  EXPECT_EQ(std::ranges::adjacent_find(texts), texts.end())
      << *std::ranges::adjacent_find(texts);
  EXPECT_THAT(texts, Not(Contains("yew"))) << "no commit has it";
}

TEST_F(ReembedJobTest, GoesOnAsTheSameHistory) {
  MakeHistory();
  ASSERT_EQ(Reembed().state, JobState::kSucceeded);
  // A merge finds its base, a push its parent, and a collection its garbage.
  ASSERT_THAT(Push(On("dev", "c5", "c3"), {Upsert("h", "hazel")}), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo merged,
      store_->MergeCommits({.commit = {.domain = std::string(kDomain),
                                       .commit = "m2",
                                       .parent_commit = "c4",
                                       .branch = "main"},
                            .theirs_commit = "c5"},
                           {}));
  EXPECT_EQ(merged.inserted_count, 1);
  ExpectOtherVectors("m2");
  EXPECT_THAT(store_->CollectGarbage(kDomain, {}), IsOk());
  EXPECT_EQ(store_->VerifyDomain(kDomain)->finding_count(), 0);
  // What the deleted commit was is not known any more.
  EXPECT_THAT(Push(Options("x", "c1"), {Upsert("x", "yew")}), IsOk());
  // And back.
  COPSE_ASSERT_OK_AND_ASSIGN(
      const std::shared_ptr<Job> back,
      engine_->Reembed(
          {.domain = std::string(kDomain), .embedding_profile = "fake"}, {}));
  EXPECT_EQ(Await(*back).state, JobState::kSucceeded) << Await(*back).error;
  EXPECT_THAT(store_->GetDomain(kDomain)->former_numbers, SizeIs(2));
  Restart();
  EXPECT_EQ(store_->GetDomain(kDomain)->options.embedding_profile, "fake");
  EXPECT_EQ(store_->VerifyDomain(kDomain)->finding_count(), 0);
}

TEST_F(ReembedJobTest, CatchesUpWithWhatIsPushedAndDeletedMeanwhile) {
  MakeHistory();
  std::atomic<int> count = 0;
  other_->OnEmbed([&](const EmbedContext&) {
    // The first is the probe.
    const int number = count++;
    if (number >= 1 && number <= 6) {
      const std::string last = absl::StrCat("n", number - 1);
      EXPECT_THAT(
          Push(On("main", absl::StrCat("n", number), number == 1 ? "c4" : last),
               {Upsert("n", absl::StrCat("nut ", number))}),
          IsOk());
      if (number == 3) {
        EXPECT_THAT(store_->DeleteCommit(kDomain, "n1"), IsOk());
      }
    }
    return absl::OkStatus();
  });
  const JobRecord record = Reembed();
  ASSERT_EQ(record.state, JobState::kSucceeded) << record.error;
  EXPECT_EQ(store_->GetBranch(kDomain, "main")->head_commit, "n6");
  EXPECT_THAT(ContentsOf("n6"), Contains(Pair("n", ":nut 6")));
  ExpectOtherVectors("n2");
  ExpectOtherVectors("n6");
  EXPECT_THAT(store_->GetCommit(kDomain, "n1"),
              FailsWith(absl::StatusCode::kNotFound, "COMMIT_NOT_FOUND"));
  EXPECT_EQ(store_->VerifyDomain(kDomain)->finding_count(), 0);
}

TEST_F(ReembedJobTest, APushThatWasAcceptedBeforeIsMadeAnewAfterTheSwitch) {
  MakeHistory();
  std::atomic<bool> is_switched = false;
  std::atomic<bool> has_begun = false;
  embedder_->OnEmbed([&](const EmbedContext&) {
    has_begun = true;
    while (!is_switched) {
      std::this_thread::yield();
    }
    return absl::OkStatus();
  });
  COPSE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<PushIntake> intake,
                             engine_->BeginIntake(On("main", "p", "c4"), {}));
  ASSERT_THAT(intake->Add(Upsert("p", "pine")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Job> push,
                             intake->Accept(1));
  while (!has_begun) {
    std::this_thread::yield();
  }
  // Another one has not been accepted yet, and a third waits for the first.
  COPSE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<PushIntake> open,
                             engine_->BeginIntake(On("dev", "q", "c3"), {}));
  ASSERT_THAT(open->Add(Upsert("q", "quince")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(intake,
                             engine_->BeginIntake(On("main", "s", "p"), {}));
  ASSERT_THAT(intake->Add(Upsert("s", "spruce")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Job> waiting,
                             intake->Accept(1));
  ASSERT_EQ(Reembed().state, JobState::kSucceeded);
  EXPECT_THAT(Push(Options("p", "c4"), {}),
              FailsWith(absl::StatusCode::kAborted, "COMMIT_IN_FLIGHT"));
  is_switched = true;
  EXPECT_EQ(Await(*push).state, JobState::kSucceeded) << Await(*push).error;
  EXPECT_EQ(Await(*waiting).state, JobState::kSucceeded)
      << Await(*waiting).error;
  ASSERT_THAT(open->Add(Upsert("q2", "quercus")), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Job> opened,
                             open->Accept(2));
  EXPECT_EQ(Await(*opened).state, JobState::kSucceeded) << Await(*opened).error;
  for (const absl::string_view commit : {"p", "s", "q"}) {
    ExpectOtherVectors(commit);
  }
  EXPECT_EQ(store_->GetBranch(kDomain, "main")->head_commit, "s");
  EXPECT_EQ(store_->GetStatistics()->in_flight_count, 0);
}

TEST_F(ReembedJobTest, ReadersOfTheOldVectorsGoOn) {
  MakeHistory();
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto reader,
                               store_->OpenCommit(kDomain, "c4"));
    ASSERT_EQ(Reembed().state, JobState::kSucceeded);
    const std::vector<float> query = FakeEmbedder::VectorOf("ginkgo");
    COPSE_ASSERT_OK_AND_ASSIGN(
        const DocumentSearchResult result,
        reader->Search({.query = query, .neighbor_count = 1}));
    EXPECT_EQ(result.neighbors.at(0).document_id, "g");
    EXPECT_THAT(store_->RemoveReplacedDomains(), IsOkAndHolds(Eq(1U)));
  }
  EXPECT_THAT(store_->RemoveReplacedDomains(), IsOkAndHolds(Eq(0U)));
  ExpectOneDomainOnDisk();
}

// Blocks the first embedding after the probe until it is cancelled.
std::function<absl::Status(const EmbedContext&)> BlockAfter(
    int free_count, std::atomic<bool>& is_blocked) {
  auto count = std::make_shared<std::atomic<int>>(0);
  return [=, &is_blocked](const EmbedContext& context) -> absl::Status {
    if ((*count)++ < free_count) {
      return absl::OkStatus();
    }
    is_blocked = true;
    while (!context.cancelled()) {
      std::this_thread::yield();
    }
    return absl::CancelledError("cancelled");
  };
}

TEST_F(ReembedJobTest, OneThatIsCancelledLeavesNothing) {
  MakeHistory();
  std::atomic<bool> is_blocked = false;
  other_->OnEmbed(BlockAfter(2, is_blocked));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Job> job, Begin());
  while (!is_blocked) {
    std::this_thread::yield();
  }
  EXPECT_THAT(Begin(),
              FailsWith(absl::StatusCode::kAborted, "REEMBEDDING_IN_FLIGHT"));
  EXPECT_THAT(store_->ListDomains({})->items, SizeIs(1));
  EXPECT_THAT(engine_->jobs().Cancel(job->id(), {}), IsOk());
  EXPECT_EQ(job->record().state, JobState::kCancelled);
  ExpectOneDomainOnDisk();
  EXPECT_THAT(store_->FindReplacement(kDomain), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_EQ(store_->GetDomain(kDomain)->options.embedding_profile, "fake");
  EXPECT_THAT(Push(On("main", "c5", "c4"), {Upsert("h", "hazel")}), IsOk());
  other_->OnEmbed(nullptr);
  EXPECT_EQ(Reembed().state, JobState::kSucceeded);
}

TEST_F(ReembedJobTest, OneThatWasInterruptedGoesOn) {
  MakeHistory();
  std::atomic<bool> is_blocked = false;
  other_->OnEmbed(BlockAfter(3, is_blocked));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Job> job, Begin());
  while (!is_blocked) {
    std::this_thread::yield();
  }
  const JobId id = job->id();
  other_->OnEmbed(nullptr);
  Restart();
  const std::shared_ptr<Job> resumed = engine_->jobs().Find(id);
  if (resumed != nullptr) {
    Await(*resumed);
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const JobRecord record, engine_->jobs().Get(id));
  EXPECT_EQ(record.state, JobState::kSucceeded) << record.error;
  std::vector<std::string> texts = other_->texts();
  std::ranges::sort(texts);
  EXPECT_EQ(std::ranges::adjacent_find(texts), texts.end())
      << *std::ranges::adjacent_find(texts);
  for (const std::string& commit : kCommits) {
    ExpectOtherVectors(commit);
  }
  ExpectOneDomainOnDisk();
}

// A crash came before the job was accepted.
TEST_F(ReembedJobTest, ADomainWhoseJobNeverCameGoesAtTheNextStart) {
  MakeHistory();
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo domain,
                             store_->GetDomain(kDomain));
  ASSERT_THAT(store_->BeginReplacement(domain.options,
                                       JobIdText(engine_->jobs().NewId())),
              IsOk());
  EXPECT_THAT(ListFolder(folder_ + "/domains"), IsOkAndHolds(SizeIs(2)));
  Restart();
  ExpectOneDomainOnDisk();
  EXPECT_THAT(store_->ListReplacementOwners(), IsOkAndHolds(IsEmpty()));
}

// A crash came between the end of the job and the removal.
TEST_F(ReembedJobTest, ADomainWhoseJobWasCancelledGoesAtTheNextStart) {
  MakeHistory();
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainInfo domain,
                             store_->GetDomain(kDomain));
  const JobId id = engine_->jobs().NewId();
  ASSERT_THAT(store_->BeginReplacement(domain.options, JobIdText(id)), IsOk());
  JobRecord record;
  record.kind = JobKind::kReembed;
  record.state = JobState::kCancelled;
  record.domain = std::string(kDomain);
  record.end_time = absl::Now();
  ASSERT_THAT(store_->jobs().PutDurably(id, record), IsOk());
  Restart();
  ExpectOneDomainOnDisk();
  EXPECT_THAT(engine_->jobs().Get(id), IsOk());
}

TEST_F(ReembedJobTest, WhatAFailedJobHasBuiltStaysForItsResumption) {
  MakeHistory();
  std::atomic<int> count = 0;
  other_->OnEmbed([&](const EmbedContext&) {
    return count++ < 2 ? absl::OkStatus() : absl::UnavailableError("down");
  });
  const JobRecord record = Reembed();
  EXPECT_EQ(record.state, JobState::kFailed) << record.error;
  ASSERT_TRUE(record.is_resumable);
  Restart();
  EXPECT_THAT(ListFolder(folder_ + "/domains"), IsOkAndHolds(SizeIs(2)));
}

// Its provider is that of the new profile.
TEST_F(ReembedJobTest, AsksTheProviderAtOnceWhenItIsResumed) {
  MakeHistory();
  std::atomic<int> count = 0;
  other_->OnEmbed([&](const EmbedContext&) {
    if (count++ == 2) {
      other_->Pause();
    }
    return absl::OkStatus();
  });
  COPSE_ASSERT_OK_AND_ASSIGN(const auto job, Begin());
  for (int64_t seen = -1; job->summary().state != JobState::kWaiting;) {
    seen = job->WaitForChange(seen, absl::Seconds(10));
  }
  EXPECT_THAT(engine_->jobs().Resume(job->id()), IsOk());
  EXPECT_EQ(Await(*job).state, JobState::kSucceeded);
  ExpectOtherVectors("m");
}

TEST_F(ReembedJobTest, EndsWithItsDomain) {
  MakeHistory();
  std::atomic<int> count = 0;
  other_->OnEmbed([&](const EmbedContext&) {
    return count++ == 2 ? store_->DeleteDomain(kDomain) : absl::OkStatus();
  });
  const JobRecord record = Reembed();
  EXPECT_EQ(record.state, JobState::kFailed);
  EXPECT_THAT(record.error,
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  EXPECT_THAT(ListFolder(folder_ + "/domains"), IsOkAndHolds(IsEmpty()));
}

TEST_F(ReembedJobTest, RefusesWhatCannotBeEmbedded) {
  EXPECT_THAT(Begin(),
              FailsWith(absl::StatusCode::kNotFound, "DOMAIN_NOT_FOUND"));
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "apple")}), IsOk());
  EXPECT_THAT(
      engine_->Reembed({.domain = std::string(kDomain)}, {}),
      FailsWith(absl::StatusCode::kFailedPrecondition, "NOTHING_TO_REEMBED"));
  EXPECT_THAT(
      engine_->Reembed(
          {.domain = std::string(kDomain), .embedding_profile = "nobody"}, {}),
      FailsWith(absl::StatusCode::kFailedPrecondition,
                "EMBEDDING_PROFILE_NOT_FOUND"));
  ASSERT_THAT(engine_->domains().Create(
                  "vectors", {.dimension = 4, .vectors_only = true}, {}),
              IsOk());
  EXPECT_THAT(
      engine_->Reembed({.domain = "vectors", .embedding_profile = "other"}, {}),
      FailsWith(absl::StatusCode::kFailedPrecondition,
                "DOMAIN_WITHOUT_PROFILE"));
  EXPECT_THAT(ListFolder(folder_ + "/domains"), IsOkAndHolds(SizeIs(2)));
}

TEST_F(ReembedJobTest, RefusesDocumentsWithVectorsBeforeItPaysForOthers) {
  ASSERT_THAT(Push(Options("c1"), {Upsert("a", "apple")}), IsOk());
  UpsertOperation both = UpsertVector("v", std::vector<float>(32, 1));
  both.document.text = "a text as well";
  ASSERT_THAT(Push(Options("c2", "c1"), {Upsert("b", "birch"), both}), IsOk());
  const JobRecord record = Reembed();
  EXPECT_EQ(record.state, JobState::kFailed);
  EXPECT_THAT(record.error, FailsWith(absl::StatusCode::kFailedPrecondition,
                                      "DOCUMENT_WITHOUT_TEXT"));
  EXPECT_THAT(record.error.message(),
              HasSubstr("document 'v' in commit 'c2' of domain 'admin/trees'"));
  EXPECT_THAT(other_->texts(), SizeIs(1)) << "the probe alone";
  ASSERT_THAT(store_->DeleteCommit(kDomain, "c2"), IsOk());
  EXPECT_EQ(Reembed().state, JobState::kSucceeded);
}

TEST_F(ReembedJobTest, FailsForTextsThatTheProfileRefuses) {
  MakeHistory();
  other_->FailText("ginkgo", absl::InvalidArgumentError("no such tree"));
  const JobRecord record = Reembed();
  EXPECT_EQ(record.state, JobState::kFailed);
  EXPECT_THAT(record.error, FailsWith(absl::StatusCode::kInvalidArgument,
                                      "DOCUMENTS_FAILED"));
  ASSERT_THAT(record.failures, SizeIs(1));
  EXPECT_EQ(record.failures[0].document_id, "g");
  ExpectOneDomainOnDisk();
  EXPECT_EQ(store_->GetDomain(kDomain)->options.embedding_profile, "fake");
}

TEST_F(ReembedJobTest, TakesTheTextsThatTemplatesHaveMade) {
  PushOptions options = On("main", "c1");
  options.create_domain->templates = {{"", "{{name}} of {{place}}"}};
  ASSERT_THAT(Push(options, {Upsert("a", R"({"name":"oak","place":"here"})")}),
              IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Job> job, Begin());
  EXPECT_EQ(Await(*job).state, JobState::kSucceeded);
  EXPECT_THAT(other_->texts(), Contains("oak of here"));
  // What is pushed afterwards is rendered, too.
  ASSERT_THAT(Push(On("main", "c2", "c1"),
                   {Upsert("b", R"({"name":"elm","place":"there"})")}),
              IsOk());
  EXPECT_THAT(other_->texts(), Contains("elm of there"));
  EXPECT_THAT(IdsOf("c2"), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace copse
