// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Backups through the door: what one copies, what it holds up, and that it has
// everything while the store goes on.

#include "versioning/backup.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"
#include "versioning/meta_database.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/test_folder.h"
#include "versioning/testing/backup_fixture.h"
#include "versioning/testing/rot.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::SizeIs;

class BackupTest : public BackupFixture {};

TEST_F(BackupTest, HasEveryCommit) {
  Push("c1", "", Documents(0, 120, 0));
  Push("c2", "c1", Documents(100, 40, 700));
  test_.CreateDomain("empty");
  const auto expected = AskAll(test_.store());

  const BackupInfo backup = Backup();
  EXPECT_EQ(backup.id, 1u);
  EXPECT_EQ(backup.create_time, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_EQ(backup.domain_count, 2);
  EXPECT_EQ(backup.commit_count, 2);
  // 160 rows of 1,536 bytes, at least.
  EXPECT_GT(backup.size_bytes, 160 * 1536);
  EXPECT_GT(backup.new_size_bytes, 160 * 1536);

  const std::unique_ptr<Store> restored = Restore(0);
  EXPECT_EQ(AskAll(*restored), expected);
  EXPECT_THAT(restored->GetDomain("empty"), IsOk());
}

TEST_F(BackupTest, OfAnEmptyStoreIsRestored) {
  Backup();
  const std::unique_ptr<Store> restored = Restore(0);
  EXPECT_THAT(AskAll(*restored), SizeIs(0));
  PushTo(*restored, "c1", "", Documents(0, 3, 0));
}

TEST_F(BackupTest, CopiesOnlyWhatIsNew) {
  Push("c1", "", Documents(0, 2000, 0));
  const BackupInfo first = Backup();
  EXPECT_GT(first.new_size_bytes, 2000 * 1536);

  // Nothing: a manifest of RocksDB and the like.
  const BackupInfo second = Backup();
  EXPECT_THAT(second.new_size_bytes, Lt(int64_t{200} << 10));
  EXPECT_THAT(second.size_bytes, Gt(int64_t{2000} * 1536));

  Push("c2", "c1", Documents(0, 20, 100'000));
  const BackupInfo third = Backup();
  EXPECT_THAT(third.new_size_bytes,
              AllOf(Gt(int64_t{20} * 1536), Lt(int64_t{400} << 10)));
  std::printf("bytes new: %ld at first, %ld for nothing, %ld for 20 rows\n",
              static_cast<long>(first.new_size_bytes),
              static_cast<long>(second.new_size_bytes),
              static_cast<long>(third.new_size_bytes));

  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<BackupInfo> backups,
                             ListBackups(backup_path()));
  ASSERT_THAT(backups, SizeIs(3));
  EXPECT_EQ(backups[1].id, 2u);
  EXPECT_EQ(backups[1].new_size_bytes, second.new_size_bytes);
  EXPECT_THAT(backups[2].status, IsOk());
}

TEST_F(BackupTest, IsConsistentWhilePushesRun) {
  Push("c0", "", Documents(0, 120, 0));
  std::atomic<bool> stop = false;
  std::atomic<int> pushed = 0;
  std::thread pusher([&] {
    for (int i = 1; !stop.load(); ++i) {
      Push(absl::StrCat("c", i), absl::StrCat("c", i - 1),
           Documents(static_cast<uint32_t>(i) % 100, 15,
                     1000 + 20 * static_cast<uint32_t>(i)));
      pushed.store(i);
    }
  });
  const auto wait_for = [&pushed](int count) {
    while (pushed.load() < count) {
      std::this_thread::yield();
    }
  };
  std::vector<BackupInfo> backups;
  for (int i = 0; i < 4; ++i) {
    wait_for(3 * i + 3);
    // In the middle of each phase, a push ends.
    BackupPhase last = BackupPhase::kWaiting;
    backups.push_back(Backup({.on_progress = [&](const BackupProgress& told) {
      if (told.phase != last) {
        last = told.phase;
        wait_for(pushed.load() + 1);
      }
      return absl::OkStatus();
    }}));
  }
  stop.store(true);
  pusher.join();
  const auto expected = AskAll(test_.store());
  for (const BackupInfo& backup : backups) {
    const std::unique_ptr<Store> restored = Restore(backup.id);
    const auto found = AskAll(*restored);
    EXPECT_GE(static_cast<int64_t>(found.size()), backup.commit_count);
    for (const auto& [commit, answers] : found) {
      EXPECT_EQ(answers.fingerprint, expected.at(commit).fingerprint);
      EXPECT_EQ(answers.contents, expected.at(commit).contents);
    }
  }
}

TEST_F(BackupTest, HoldsUpTheRewritingOfSegmentsAndNothingElse) {
  Push("c1", "", Documents(0, 120, 0));
  Push("c2", "", Documents(0, 120, 1000));
  const auto expected = AskAll(test_.store());
  std::future<absl::StatusOr<GarbageReport>> collection;
  std::atomic<int> told_count = 0;
  std::atomic<int64_t> rewritten_count = 0;
  const auto collect = [&] {
    return test_->CollectGarbage(
        "d",
        {.on_progress = [&](GarbagePhase phase, const GarbageReport& report) {
          if (phase == GarbagePhase::kRewriting) {
            rewritten_count.store(report.rewritten_segment_count);
            told_count.fetch_add(1);
          }
          return absl::OkStatus();
        }});
  };
  const BackupInfo backup =
      Backup({.on_progress = [&](const BackupProgress& progress) {
        if (progress.phase == BackupPhase::kCopyingVectors &&
            !collection.valid()) {
          EXPECT_THAT(test_->DeleteCommit("d", "c2"), IsOk());
          collection = std::async(std::launch::async, collect);
          // First when the phase begins, then while it waits.
          while (told_count.load() < 2) {
            std::this_thread::yield();
          }
          Push("c3", "c1", Documents(0, 5, 5000));
        }
        EXPECT_EQ(rewritten_count.load(), 0);
        return absl::OkStatus();
      }});
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport report, collection.get());
  EXPECT_EQ(report.rewritten_segment_count, 1);
  EXPECT_EQ(AskAll(*Restore(backup.id)), expected);
}

TEST_F(BackupTest, HasADomainThatIsDeletedMeanwhile) {
  Push("c1", "", Documents(0, 120, 0));
  const auto expected = AskAll(test_.store());
  const BackupInfo backup =
      Backup({.on_progress = [&](const BackupProgress& progress) {
        if (progress.phase == BackupPhase::kCopyingVectors &&
            progress.total_size_bytes == 0) {
          EXPECT_THAT(test_->DeleteDomain("d"), IsOk());
          EXPECT_THAT(test_->GetDomain("d"),
                      StatusIs(absl::StatusCode::kNotFound,
                               HasSubstr("domain 'd' does not exist")));
        }
        return absl::OkStatus();
      }});
  // Its removal came at the end.
  EXPECT_FALSE(std::filesystem::exists(test_.path() + "/domains/1"));
  EXPECT_EQ(AskAll(*Restore(backup.id)), expected);
}

TEST_F(BackupTest, IsMadeOneAtATime) {
  Push("c1", "", Documents(0, 3, 0));
  bool was_refused = false;
  Backup({.on_progress = [&](const BackupProgress&) {
    EXPECT_THAT(test_->CreateBackup({.folder = backup_path()}),
                AllOf(StatusIs(absl::StatusCode::kAborted,
                               HasSubstr("a backup is being made")),
                      HasReason("BACKUP_IN_FLIGHT")));
    was_refused = true;
    return absl::OkStatus();
  }});
  EXPECT_TRUE(was_refused);
}

TEST_F(BackupTest, LeavesNothingWhenItIsStopped) {
  Push("c1", "", Documents(0, 120, 0));
  Backup();
  COPSE_ASSERT_OK_AND_ASSIGN(const int64_t size_before,
                             AllocatedSizeBytes(backup_path()));
  Push("c2", "c1", Documents(0, 120, 1000));
  const auto expected = AskAll(test_.store());
  for (const BackupPhase phase :
       {BackupPhase::kCopyingMeta, BackupPhase::kCopyingVectors}) {
    // In the middle of vectors, whose copy is longer.
    const auto stop = [phase](const BackupProgress& progress) {
      return progress.phase == phase && (phase == BackupPhase::kCopyingMeta ||
                                         progress.done_size_bytes > 0)
                 ? absl::CancelledError("stopped")
                 : absl::OkStatus();
    };
    EXPECT_THAT(
        test_->CreateBackup({.folder = backup_path(), .on_progress = stop}),
        StatusIs(absl::StatusCode::kCancelled, HasSubstr("stopped")));
    COPSE_ASSERT_OK_AND_ASSIGN(const int64_t size_after,
                               AllocatedSizeBytes(backup_path()));
    EXPECT_LE(size_after, size_before + 8192);
    COPSE_ASSERT_OK_AND_ASSIGN(const auto backups, ListBackups(backup_path()));
    EXPECT_THAT(backups, SizeIs(1));
  }
  EXPECT_EQ(Backup().id, 2u);
  EXPECT_EQ(AskAll(*Restore(2)), expected);
}

TEST_F(BackupTest, StopsBeforeTheDiskIsFull) {
  test_.Close();
  test_.options().free_space_min_bytes = int64_t{1} << 60;
  test_.Open();
  EXPECT_THAT(
      test_->CreateBackup({.folder = backup_path()}),
      AllOf(StatusIs(absl::StatusCode::kResourceExhausted,
                     AllOf(HasSubstr("backup folder '" + backup_path() + "'"),
                           HasSubstr("free_space_min_bytes"))),
            HasReason("DISK_FULL")));
  EXPECT_THAT(ListBackups(backup_path()), IsOkAndHolds(SizeIs(0)));
}

TEST_F(BackupTest, KeepsTheNewestOnes) {
  Push("c1", "", Documents(0, 120, 0));
  Backup();
  Push("c2", "c1", Documents(0, 120, 1000));
  Backup();
  Push("c3", "c2", Documents(0, 120, 2000));
  const auto expected = AskAll(test_.store());
  Backup({.kept_count = 2});
  COPSE_ASSERT_OK_AND_ASSIGN(std::vector<BackupInfo> backups,
                             ListBackups(backup_path()));
  ASSERT_THAT(backups, SizeIs(2));
  EXPECT_EQ(backups[0].id, 2u);
  EXPECT_THAT(VerifyBackup(backup_path(), 2), IsOk());

  EXPECT_THAT(DeleteBackups(backup_path(), 1), IsOkAndHolds(1));
  EXPECT_THAT(ListBackups(backup_path()), IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(AskAll(*Restore(3)), expected);
  EXPECT_EQ(Backup().id, 4u);
}

// Else a segment would have as many pieces as there were backups, and garbage
// would stay as long as anything else of its piece does.
TEST_F(BackupTest, PutsPiecesTogetherAndGivesGarbageBack) {
  Push("c0", "", Documents(0, 400, 0));
  for (int i = 1; i <= 20; ++i) {
    Push(absl::StrCat("c", i), absl::StrCat("c", i - 1),
         Documents(0, 10, 1000 + 20 * static_cast<uint32_t>(i)));
    Backup({.kept_count = 1});
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> pieces,
                             ListFolder(backup_path() + "/vectors/1"));
  EXPECT_THAT(pieces, SizeIs(Lt(16u)));

  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(test_->DeleteCommit("d", absl::StrCat("c", i)), IsOk());
  }
  Push("d", "", Documents(0, 5, 90'000));
  ASSERT_THAT(test_->DeleteCommit("d", "c20"), IsOk());
  ASSERT_THAT(test_->CollectGarbage("d", {}), IsOk());
  const auto expected = AskAll(test_.store());
  Backup({.kept_count = 1});
  COPSE_ASSERT_OK_AND_ASSIGN(const int64_t size_bytes,
                             AllocatedSizeBytes(backup_path() + "/vectors"));
  EXPECT_LT(size_bytes, int64_t{64} << 10);
  EXPECT_EQ(AskAll(*Restore(0)), expected);
}

TEST_F(BackupTest, RefusesFoldersThatAreNotForBackups) {
  for (const std::string& folder :
       {test_.path(), test_.path() + "/backups", test_.path() + "/../data/b",
        std::filesystem::path(test_.path()).parent_path().string()}) {
    EXPECT_THAT(test_->CreateBackup({.folder = folder}),
                AllOf(StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("one lies in the other")),
                      HasReason("BACKUP_FOLDER_INVALID")))
        << folder;
  }
  EXPECT_THAT(test_->CreateBackup({}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the backup folder has no name")));
  ASSERT_THAT(CreateFolder(backup_path()), IsOk());
  WriteFile(backup_path() + "/letter.txt", "Dear");
  EXPECT_THAT(test_->CreateBackup({.folder = backup_path()}),
              AllOf(StatusIs(absl::StatusCode::kFailedPrecondition,
                             HasSubstr("holds 'letter.txt'")),
                    HasReason("BACKUP_FOLDER_FOREIGN")));
}

TEST_F(BackupTest, RefusesAFolderThatAnotherStoreUses) {
  TestStore other;
  Backup({.on_progress = [&](const BackupProgress&) {
    EXPECT_THAT(other->CreateBackup({.folder = backup_path()}),
                AllOf(StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("is in use by process")),
                      HasReason("BACKUP_FOLDER_LOCKED")));
    return absl::OkStatus();
  }});
}

TEST_F(BackupTest, CopiesAgainWhatIsDamagedInTheBackupFolder) {
  Push("c1", "", Documents(0, 120, 0));
  Backup();
  const std::string checks = backup_path() + "/vectors/1/000000-1.checks";
  WriteFile(checks, std::string(size_t{120} * 8, 'x'));
  EXPECT_THAT(VerifyBackup(backup_path(), 1),
              AllOf(StatusIs(absl::StatusCode::kDataLoss, HasSubstr(checks)),
                    HasReason("DATA_DAMAGED")));
  const auto expected = AskAll(test_.store());
  Backup();
  EXPECT_THAT(VerifyBackup(backup_path(), 2), IsOk());
  EXPECT_EQ(AskAll(*Restore(2)), expected);
}

TEST_F(BackupTest, FailsOnATableThatHasRotted) {
  Push("c1", "", Documents(0, 120, 0));
  test_.Close();
  ASSERT_EQ(RotFirstBlocks(test_.path() + "/meta", MetaTable::kRows), 1);
  test_.Open();
  EXPECT_THAT(test_->CreateBackup({.folder = backup_path()}),
              AllOf(StatusIs(absl::StatusCode::kDataLoss,
                             HasSubstr("hecksum mismatch")),
                    HasReason("DATA_DAMAGED")));
  EXPECT_THAT(ListBackups(backup_path()), IsOkAndHolds(SizeIs(0)));
}

// RocksDB takes a file that it finds in the backup folder for what it was.
TEST_F(BackupTest, KeepsTheOlderOnesWhereTheNewOneIsDamaged) {
  Push("c1", "", Documents(0, 120, 0));
  Backup();
  Backup();
  ASSERT_EQ(
      RotFirstBlocks(backup_path() + "/meta/shared_checksum", MetaTable::kRows),
      1);
  Push("c2", "c1", Documents(0, 20, 1000));
  std::vector<BackupPhase> phases;
  EXPECT_THAT(
      test_->CreateBackup({.folder = backup_path(),
                           .kept_count = 1,
                           .on_progress =
                               [&](const BackupProgress& told) {
                                 phases.push_back(told.phase);
                                 return absl::OkStatus();
                               }}),
      AllOf(StatusIs(absl::StatusCode::kDataLoss,
                     AllOf(HasSubstr("the new backup could not be verified, no "
                                     "older one was deleted: "),
                           HasSubstr("shared_checksum"))),
            HasReason("DATA_DAMAGED")));
  EXPECT_EQ(phases.back(), BackupPhase::kVerifying);
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<BackupInfo> backups,
                             ListBackups(backup_path()));
  ASSERT_THAT(backups, SizeIs(2));
  EXPECT_EQ(backups[0].id, 1u);
  EXPECT_EQ(backups[1].id, 2u);
}

TEST_F(BackupTest, FailsOnAFolderThatIsMissing) {
  std::filesystem::remove_all(test_.path() + "/domains/1");
  EXPECT_THAT(test_->CreateBackup({.folder = backup_path()}),
              AllOf(StatusIs(absl::StatusCode::kDataLoss,
                             HasSubstr("/domains/1': it is missing")),
                    HasReason("DATA_DAMAGED")));
}

TEST_F(BackupTest, FailsOnASegmentThatIsMissing) {
  Push("c1", "", Documents(0, 120, 0));
  const std::string checks = test_.path() + "/domains/1/checks-000000.seg";
  std::filesystem::remove(checks);
  EXPECT_THAT(test_->CreateBackup({.folder = backup_path()}),
              AllOf(StatusIs(absl::StatusCode::kDataLoss,
                             HasSubstr(checks + "': the file is missing")),
                    HasReason("DATA_DAMAGED")));
  EXPECT_THAT(ListBackups(backup_path()), IsOkAndHolds(SizeIs(0)));
}

}  // namespace
}  // namespace copse
