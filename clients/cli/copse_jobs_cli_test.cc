// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the program `copse` does with jobs, and with what begins them.

#include <fstream>
#include <mutex>
#include <string>

#include "gmock/gmock.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "clients/cli/copse_cli_fixture.h"
#include "clients/cli/fake_server.h"
#include "copse/v1/job_service.pb.h"

namespace copse {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class CopseJobsTest : public CopseCliTest {
 protected:
  void SetUp() override {
    CopseCliTest::SetUp();
    const std::lock_guard<std::mutex> lock(server_.store().mutex);
    server_.store().domains["d"].set_domain("d");
    AddJob("03", v1::Job::KIND_PUSH, v1::Job::STATE_WAITING, "d", "c3");
    v1::Job& waiting = server_.store().jobs.back();
    waiting.mutable_retry_time()->set_seconds(1'800'000'000);
    waiting.mutable_error()->set_code(14);
    waiting.mutable_error()->set_message("answered 429: slow down");
    AddJob("02", v1::Job::KIND_COLLECT, v1::Job::STATE_SUCCEEDED, "e", "");
    AddJob("01", v1::Job::KIND_PUSH, v1::Job::STATE_FAILED, "d", "c1");
    v1::Job& failed = server_.store().jobs.back();
    failed.set_is_resumable(true);
    failed.mutable_error()->set_code(14);
    failed.mutable_error()->set_message("the provider is down");
    v1::DocumentFailure& failure = *failed.add_failures();
    failure.set_document_id("a");
    failure.set_operation_number(7);
    failure.set_message("too long");
  }

  void AddJob(const std::string& id, v1::Job::Kind kind, v1::Job::State state,
              const std::string& domain, const std::string& commit) {
    v1::Job& job = server_.store().jobs.emplace_back();
    job.set_job_id(id);
    job.set_kind(kind);
    job.set_state(state);
    job.set_domain(domain);
    job.set_commit(commit);
    job.mutable_progress()->set_phase("embedding");
    job.mutable_progress()->set_done_count(50);
    job.mutable_progress()->set_total_count(200);
  }

  v1::Job::State StateOf(size_t index) {
    const std::lock_guard<std::mutex> lock(server_.store().mutex);
    return server_.store().jobs[index].state();
  }
};

TEST_F(CopseJobsTest, ListsJobsAcrossPages) {
  const Result table = Run({"job", "list"});
  EXPECT_EQ(table.exit_code, 0) << table.error;
  EXPECT_THAT(table.output, HasSubstr("waiting"));
  EXPECT_THAT(table.output, HasSubstr("collect"));
  EXPECT_THAT(table.output, HasSubstr("25%"));
  const json all = json::parse(Run({"job", "list", "--json"}).output);
  EXPECT_EQ(all["jobs"].size(), 3U);
  EXPECT_EQ(all["jobs"][0]["error"]["message"], "answered 429: slow down");
  const json some = json::parse(
      Run({"job", "list", "d", "--state", "failed", "--json"}).output);
  ASSERT_EQ(some["jobs"].size(), 1U);
  EXPECT_EQ(some["jobs"][0]["job_id"], "01");
  EXPECT_EQ(
      json::parse(Run({"job", "list", "-n", "1", "--json"}).output)["jobs"]
          .size(),
      1U);
  const Result wrong = Run({"job", "list", "--kind", "dance"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.error,
              HasSubstr("--kind is 'dance', expected one of push"));
  EXPECT_THAT(Run({"job", "list", "--help"}).output, HasSubstr("reembed"));
}

TEST_F(CopseJobsTest, ShowsWhyAJobWaitsOrFailed) {
  const Result waiting = Run({"job", "show", "03"});
  EXPECT_EQ(waiting.exit_code, 0) << waiting.error;
  EXPECT_THAT(waiting.output,
              HasSubstr("waiting, embedding, 50 of 200, goes on at "));
  EXPECT_THAT(waiting.output,
              HasSubstr("`copse job resume 03` tries again at once"));
  EXPECT_THAT(waiting.output, HasSubstr("answered 429: slow down"));
  const Result failed = Run({"job", "show", "01"});
  EXPECT_THAT(failed.output, HasSubstr("`copse job resume 01` does it again"));
  EXPECT_THAT(failed.output, HasSubstr("document 'a' (operation 7): too long"));
  const Result none = Run({"job", "show", "99"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.error, HasSubstr("there is no job 99"));
}

TEST_F(CopseJobsTest, WatchesCancelsAndResumes) {
  EXPECT_EQ(Run({"job", "watch", "03"}).exit_code, 0);
  // One that has failed fails the command that waits for it.
  EXPECT_EQ(Run({"job", "watch", "01"}).exit_code, 1);
  EXPECT_EQ(Run({"job", "resume", "01"}).exit_code, 0);
  EXPECT_EQ(StateOf(2), v1::Job::STATE_QUEUED);
  EXPECT_EQ(Run({"job", "cancel", "01"}).exit_code, 0);
  EXPECT_EQ(StateOf(2), v1::Job::STATE_CANCELLED);
}

TEST_F(CopseJobsTest, WarmsTheEmbeddingCache) {
  const std::string lines = R"({"op":"Inserted","id":"a","string":"oak"})";
  const Result warmed = Run({"embeddings", "warm", "d"}, lines);
  EXPECT_EQ(warmed.exit_code, 0) << warmed.error;
  EXPECT_THAT(warmed.error, HasSubstr("accepted as job 03"));
  EXPECT_THAT(warmed.output, HasSubstr("succeeded"));
  {
    const std::lock_guard<std::mutex> lock(server_.store().mutex);
    EXPECT_EQ(server_.store().jobs[0].progress().total_count(), 1);
  }
  EXPECT_EQ(Run({"embeddings", "warm", "d", "--no-wait"}, lines).output,
            "03\n");
  const Result none = Run({"embeddings", "warm", "none"}, lines);
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.error, HasSubstr("domain 'none' does not exist"));
  const Result malformed = Run({"embeddings", "warm", "d"}, lines + "\n{");
  EXPECT_EQ(malformed.exit_code, 1);
  EXPECT_THAT(malformed.error, HasSubstr("line 2"));
}

TEST_F(CopseJobsTest, ShowsAndClearsTheEmbeddingCache) {
  EXPECT_THAT(Run({"embeddings", "stats"}).output, HasSubstr("1,234"));
  const json stats = json::parse(Run({"embeddings", "stats", "--json"}).output);
  EXPECT_EQ(stats["entry_count"], 1'234);
  EXPECT_EQ(stats["hit_count"], 7);
  const Result unsure = Run({"embeddings", "clear"});
  EXPECT_EQ(unsure.exit_code, 2);
  EXPECT_THAT(unsure.error, HasSubstr("--yes"));
  const Result cleared = Run({"embeddings", "clear", "--yes"});
  EXPECT_EQ(cleared.exit_code, 0) << cleared.error;
  EXPECT_THAT(cleared.output, HasSubstr("forgot 1,234 vectors"));
}

TEST_F(CopseJobsTest, ReembedsADomainAndFollowsTheJob) {
  EXPECT_THAT(Run({"domain", "reembed", "d"}).error,
              HasSubstr("--profile is required"));
  EXPECT_EQ(Run({"domain", "reembed", "nowhere", "--profile", "p"}).exit_code,
            1);
  const Result followed =
      Run({"domain", "reembed", "d", "--profile", "minilm", "--chunking",
           "window", "--chunk-tokens", "200"});
  EXPECT_EQ(followed.exit_code, 0) << followed.error;
  {
    const std::lock_guard<std::mutex> lock(server_.store().mutex);
    const v1::ReembedDomainRequest& request = server_.store().reembed_request;
    EXPECT_EQ(request.domain(), "d");
    EXPECT_EQ(request.embedding_profile(), "minilm");
    EXPECT_EQ(request.chunking().mode(), v1::Chunking::MODE_WINDOW);
    EXPECT_EQ(request.chunking().chunk_token_count(), 200);
  }
  const Result begun =
      Run({"domain", "reembed", "d", "--profile", "minilm", "--no-wait"});
  EXPECT_EQ(begun.exit_code, 0) << begun.error;
  const std::lock_guard<std::mutex> lock(server_.store().mutex);
  EXPECT_THAT(begun.output, HasSubstr(server_.store().jobs.front().job_id()));
  EXPECT_FALSE(server_.store().reembed_request.has_chunking());
}

TEST_F(CopseJobsTest, PullsWithWhatItIsTold) {
  std::ofstream(folder_ + "/authorization") << "Bearer secret\nmore\n";
  const Result pulled =
      Run({"pull", "d", "--commit", "c3", "--previous", "c2", "--branch",
           "main", "--authorization-file", folder_ + "/authorization"});
  EXPECT_EQ(pulled.exit_code, 0) << pulled.error;
  EXPECT_THAT(pulled.output + pulled.error, Not(HasSubstr("secret")));
  const std::lock_guard<std::mutex> lock(server_.store().mutex);
  const v1::PullCommitRequest& request = server_.store().pull_request;
  EXPECT_EQ(request.commit(), "c3");
  EXPECT_EQ(request.previous_commit(), "c2");
  EXPECT_EQ(request.branch(), "main");
  EXPECT_EQ(request.authorization(), "Bearer secret");
}

}  // namespace
}  // namespace copse
