// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/backup_keeper.h"

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/error_reason.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/testing/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class BackupKeeperTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_THAT(Push(Options("c1"), {Upsert("a", "oak"), Upsert("b", "ash")}),
                IsOk());
  }

  absl::StatusOr<BackupInfo> Create(const CallContext& call = {}) {
    phases_.clear();
    return engine_->backup_keeper().Create(
        0, call, [this](const BackupProgress& progress) {
          phases_.push_back(progress.phase);
          return absl::OkStatus();
        });
  }

  std::vector<BackupPhase> phases_;
};

TEST_F(BackupKeeperTest, MakesBackupsAndRemembersTheLastOne) {
  EXPECT_THAT(engine_->backup_keeper().List(), IsOkAndHolds(SizeIs(0)));
  EXPECT_EQ(engine_->backup_keeper().totals().last.id, 0u);
  COPSE_ASSERT_OK_AND_ASSIGN(const BackupInfo backup, Create());
  EXPECT_THAT(phases_, ElementsAre(BackupPhase::kCopyingMeta,
                                   BackupPhase::kCopyingVectors));
  EXPECT_EQ(backup.commit_count, 1);
  EXPECT_THAT(engine_->backup_keeper().List(), IsOkAndHolds(SizeIs(1)));
  const BackupTotals totals = engine_->backup_keeper().totals();
  EXPECT_EQ(totals.backup_count, 1);
  EXPECT_EQ(totals.failure_count, 0);
  EXPECT_EQ(totals.last.id, 1u);
  EXPECT_EQ(totals.last.size_bytes, backup.size_bytes);
  EXPECT_GT(totals.last_duration, absl::ZeroDuration());
}

TEST_F(BackupKeeperTest, EndsWithTheCall) {
  EXPECT_THAT(Create({.interruption = [] { return CallCancelledError(); }}),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(
      engine_->backup_keeper().Create(
          0, {},
          [](const BackupProgress&) { return absl::UnavailableError("gone"); }),
      StatusIs(absl::StatusCode::kUnavailable, Eq("gone")));
  EXPECT_EQ(engine_->backup_keeper().totals().failure_count, 2);
  EXPECT_THAT(engine_->backup_keeper().List(), IsOkAndHolds(SizeIs(0)));
}

TEST_F(BackupKeeperTest, NamesTheSettingThatIsMissing) {
  BackupKeeper keeper(engine_->store(), "");
  const absl::Status status = keeper.Create(0, {}, nullptr).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("set 'backup_folder'")));
  EXPECT_EQ(ReasonOf(status)->reason, "SETTING_MISSING");
  EXPECT_THAT(keeper.List(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace copse
