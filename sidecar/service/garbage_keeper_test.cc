// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/garbage_keeper.h"

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/service/call_context.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Key;

class GarbageKeeperTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "ash")}),
                IsOk());
    ASSERT_THAT(Push(Options("c2", "c1"), {Upsert("a", "elm")}), IsOk());
  }

  absl::Status Collect(const GarbageRequest& request,
                       const CallContext& call = {}) {
    results_.clear();
    phases_.clear();
    return engine_->garbage_keeper().Collect(
        request, call,
        {.on_progress =
             [this](const GarbageProgress& progress) {
               phases_.push_back(progress.phase);
               return absl::OkStatus();
             },
         .on_result =
             [this](const std::string& domain, const GarbageReport& report) {
               results_[domain] = report;
               return absl::OkStatus();
             }});
  }

  std::map<std::string, GarbageReport> results_;
  std::vector<GarbagePhase> phases_;
};

TEST_F(GarbageKeeperTest, CollectsOneDomainAndCounts) {
  ASSERT_THAT(engine_->store().DeleteCommit("admin/trees", "c2"), IsOk());
  ASSERT_THAT(Collect({.domain = "admin/trees", .is_dry_run = true}), IsOk());
  EXPECT_EQ(results_["admin/trees"].rows.removed_count, 1);
  EXPECT_EQ(engine_->garbage_keeper().totals().collection_count, 0);
  ASSERT_THAT(Collect({.domain = "admin/trees"}), IsOk());
  EXPECT_EQ(results_["admin/trees"].rows.removed_count, 1);
  EXPECT_THAT(phases_,
              ElementsAre(GarbagePhase::kExpiring, GarbagePhase::kMarking,
                          GarbagePhase::kSweeping, GarbagePhase::kRewriting,
                          GarbagePhase::kCompacting));
  EXPECT_THAT(Collect({.domain = "no"}), StatusIs(absl::StatusCode::kNotFound));
  const GarbageTotals totals = engine_->garbage_keeper().totals();
  EXPECT_EQ(totals.collection_count, 2);
  EXPECT_EQ(totals.failure_count, 1);
  EXPECT_EQ(totals.removed_row_count, 1);
  EXPECT_EQ(totals.removed_commit_count, 0);
}

TEST_F(GarbageKeeperTest, CollectsAllDomains) {
  ASSERT_THAT(
      engine_->store().CreateDomain({.domain = "other", .dimension = 2}),
      IsOk());
  ASSERT_THAT(Collect({.retention = RetentionPolicy{.keep_last_count = 1}}),
              IsOk());
  EXPECT_THAT(results_, ElementsAre(Key("admin/trees"), Key("other")));
  EXPECT_EQ(results_["admin/trees"].commits.kept_count, 1);
  EXPECT_EQ(engine_->garbage_keeper().totals().collection_count, 2);
}

TEST_F(GarbageKeeperTest, EndsWithTheCall) {
  EXPECT_THAT(Collect({.domain = "admin/trees"},
                      {.interruption = [] { return CallCancelledError(); }}),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(engine_->garbage_keeper().Collect(
                  {.domain = "admin/trees"}, {},
                  {.on_progress =
                       [](const GarbageProgress&) {
                         return absl::UnavailableError("gone");
                       },
                   .on_result = nullptr}),
              StatusIs(absl::StatusCode::kUnavailable, Eq("gone")));
}

}  // namespace
}  // namespace copse
