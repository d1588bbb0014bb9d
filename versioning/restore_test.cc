// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The way back: whatever happened to the data folder since, a backup answers as
// it did; and what stands in the way is named.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "tests/support/status_matchers.h"
#include "versioning/backup.h"
#include "versioning/backup_folder.h"
#include "versioning/backup_record.h"
#include "versioning/data_folder.h"
#include "versioning/files.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/test_folder.h"
#include "versioning/testing/backup_fixture.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class RestoreTest : public BackupFixture {
 protected:
  static std::vector<std::string> FilesIn(const std::string& folder) {
    std::vector<std::string> files;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) {
        files.push_back(entry.path().string());
      }
    }
    std::ranges::sort(files);
    return files;
  }

  // Flips bits of a file in its middle.
  static void Damage(const std::string& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(0, std::ios::end);
    const auto middle = static_cast<int64_t>(file.tellg()) / 2;
    file.seekg(middle);
    const int found = file.get();
    file.seekp(middle);
    file.put(static_cast<char>(found ^ 0xff));
    ASSERT_TRUE(file.good()) << path;
  }

  absl::Status TryRestore(uint32_t backup_id = 0) {
    const std::string target = folder_.path() + "/tried";
    EXPECT_THAT(RemoveTree(target), IsOk());
    return RestoreBackup({.backup_folder = backup_path(),
                          .backup_id = backup_id,
                          .data_folder = target})
        .status();
  }
};

TEST_F(RestoreTest, AnswersAsBeforeWhateverBecameOfTheDataFolder) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  Push("c0", "", Documents(0, 200, 0));
  for (int i = 1; i < 20; ++i) {
    Push(absl::StrCat("c", i), absl::StrCat("c", i - 1),
         Documents(random() % 150, 30, 1000 * static_cast<uint32_t>(i)));
  }
  ASSERT_THAT(test_->CreateBranch("d", "main", "c19"), IsOk());
  const auto expected = AskAll(test_.store());
  Backup();

  for (int i = 0; i < 18; ++i) {
    ASSERT_THAT(test_->DeleteCommit("d", absl::StrCat("c", i)), IsOk());
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport report,
                             test_->CollectGarbage("d", {}));
  EXPECT_GT(report.rows.removed_count, 100);
  EXPECT_EQ(report.rewritten_segment_count, 1);
  // Another backup, so that what it shares with the first is not touched.
  Backup();
  test_.Close();
  for (const std::string& file : FilesIn(test_.path())) {
    if (random() % 3 == 0) {
      std::filesystem::remove(file);
    } else if (std::filesystem::file_size(file) > 0) {
      Damage(file);
    }
  }

  const std::unique_ptr<Store> restored = Restore(1);
  EXPECT_EQ(AskAll(*restored), expected);
  COPSE_ASSERT_OK_AND_ASSIGN(const BranchInfo branch,
                             restored->GetBranch("d", "main"));
  EXPECT_EQ(branch.head_commit, "c19");
  EXPECT_EQ(AskAll(*Restore(2)).size(), 2u);
}

TEST_F(RestoreTest, GivesEachOfSeveralBackupsBack) {
  Push("c1", "", Documents(0, 120, 0));
  const auto first = AskAll(test_.store());
  Backup();
  Push("c2", "", Documents(0, 120, 1000));
  const auto second = AskAll(test_.store());
  Backup();
  ASSERT_THAT(test_->DeleteCommit("d", "c1"), IsOk());
  ASSERT_THAT(test_->CollectGarbage("d", {}), IsOk());
  Push("c3", "c2", Documents(60, 120, 2000));
  const auto third = AskAll(test_.store());
  Backup();
  EXPECT_EQ(AskAll(*Restore(1)), first);
  EXPECT_EQ(AskAll(*Restore(2)), second);
  EXPECT_EQ(AskAll(*Restore(3)), third);
}

// The restored folder gives the same ordinals to other rows than the one that
// the backups are of.
TEST_F(RestoreTest, GoesOnInTheSameBackupFolder) {
  Push("c1", "", Documents(0, 120, 0));
  const auto first = AskAll(test_.store());
  Backup();
  Push("c2", "c1", Documents(0, 120, 1000));
  const auto second = AskAll(test_.store());
  Backup();

  std::unique_ptr<Store> restored = Restore(1);
  PushTo(*restored, "e2", "c1", Documents(0, 90, 50'000));
  PushTo(*restored, "e3", "e2", Documents(90, 100, 60'000));
  const auto other = AskAll(*restored);
  EXPECT_EQ(Backup(*restored).id, 3u);
  // Both go on in turns.
  Push("c3", "c2", Documents(0, 50, 3000));
  const auto fourth = AskAll(test_.store());
  Backup();
  PushTo(*restored, "e4", "e3", Documents(0, 50, 70'000));
  const auto fifth = AskAll(*restored);
  Backup(*restored);

  restored.reset();
  EXPECT_EQ(AskAll(*Restore(1)), first);
  EXPECT_EQ(AskAll(*Restore(2)), second);
  EXPECT_EQ(AskAll(*Restore(3)), other);
  EXPECT_EQ(AskAll(*Restore(4)), fourth);
  EXPECT_EQ(AskAll(*Restore(5)), fifth);
}

// A copy of the data folder, such as a snapshot of the disk, put back.
TEST_F(RestoreTest, NoticesThatTheDataFolderWasSetBack) {
  Push("c1", "", Documents(0, 120, 0));
  test_.Close();
  const std::string copy = folder_.path() + "/copy";
  std::filesystem::copy(test_.path(), copy,
                        std::filesystem::copy_options::recursive);
  test_.Open();
  Push("c2", "c1", Documents(0, 120, 1000));
  const auto first = AskAll(test_.store());
  Backup();
  test_.Close();
  std::filesystem::remove_all(test_.path());
  std::filesystem::rename(copy, test_.path());
  test_.Open();
  Push("e2", "c1", Documents(0, 120, 9000));
  const auto second = AskAll(test_.store());
  Backup();
  EXPECT_EQ(AskAll(*Restore(1)), first);
  EXPECT_EQ(AskAll(*Restore(2)), second);
}

TEST_F(RestoreTest, LeavesPlacesEmptyThatAreGivenAgain) {
  Push("c1", "", Documents(0, 120, 0));
  // Rows that no commit in the copy of the database has, and that are there
  // when vectors are copied.
  bool is_done = false;
  Backup({.on_progress = [&](const BackupProgress& progress) {
    if (progress.phase == BackupPhase::kCopyingVectors && !is_done) {
      is_done = true;
      Push("c2", "c1", Documents(0, 3000, 10'000));
    }
    return absl::OkStatus();
  }});
  const std::unique_ptr<Store> restored = Restore(1);
  EXPECT_EQ(AskAll(*restored).size(), 1u);
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainStatistics statistics,
                             restored->GetDomainStatistics("d"));
  // Only what was reserved for one push.
  EXPECT_LT(statistics.row_count, 3000);
  EXPECT_LT(statistics.vector_size_bytes, 3000 * 1536);
}

TEST_F(RestoreTest, RefusesAFolderThatIsNotEmpty) {
  Push("c1", "", Documents(0, 3, 0));
  Backup();
  test_.Close();
  EXPECT_THAT(
      RestoreBackup(
          {.backup_folder = backup_path(), .data_folder = test_.path()}),
      AllOf(StatusIs(absl::StatusCode::kFailedPrecondition,
                     HasSubstr("a backup is restored into an empty folder")),
            HasReason("DATA_FOLDER_NOT_EMPTY")));
  test_.Open();
  EXPECT_EQ(AskAll(test_.store()).size(), 1u);
}

TEST_F(RestoreTest, RefusesWhatThereIsNot) {
  EXPECT_THAT(
      TryRestore(),
      AllOf(StatusIs(absl::StatusCode::kNotFound,
                     HasSubstr("'" + backup_path() + "' has no backup")),
            HasReason("BACKUP_NOT_FOUND")));
  Backup();
  EXPECT_THAT(TryRestore(7), StatusIs(absl::StatusCode::kNotFound,
                                      HasSubstr("has no backup 7")));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/tried"));
}

TEST_F(RestoreTest, RefusesABackupOfANewerFormat) {
  Push("c1", "", Documents(0, 3, 0));
  Backup();
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<StoredBackup> backups,
                             ReadBackups(backup_path()));
  BackupRecord record = *backups[0].record;
  record.data_format_version = kDataFormatVersion + 1;
  const std::string path = backup_path() + "/backups/1";
  WriteFile(path, record.Encode());
  EXPECT_THAT(TryRestore(),
              AllOf(StatusIs(absl::StatusCode::kUnimplemented,
                             HasSubstr("of a data folder of format 3, "
                                       "expected 2: a newer copse")),
                    HasReason("DATA_FORMAT_NEWER")));
  record.data_format_version = 1;
  WriteFile(path, record.Encode());
  EXPECT_THAT(TryRestore(),
              AllOf(StatusIs(absl::StatusCode::kFailedPrecondition,
                             HasSubstr("of format 1, expected 2")),
                    HasReason("DATA_FORMAT_OLDER")));
}

TEST_F(RestoreTest, ABackupThatCannotBeRestoredIsListedAndDoesNotCount) {
  Push("c1", "", Documents(0, 3, 0));
  for (int i = 0; i < 4; ++i) {
    Backup();
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<StoredBackup> stored,
                             ReadBackups(backup_path()));
  BackupRecord record = *stored[1].record;
  record.data_format_version = kDataFormatVersion + 1;
  WriteFile(backup_path() + "/backups/2", record.Encode());
  Damage(backup_path() + "/backups/4");

  COPSE_ASSERT_OK_AND_ASSIGN(std::vector<BackupInfo> backups,
                             ListBackups(backup_path()));
  ASSERT_EQ(backups.size(), 4u);
  EXPECT_THAT(backups[1].status,
              AllOf(StatusIs(absl::StatusCode::kUnimplemented,
                             HasSubstr("backup 2 is of a data folder of format "
                                       "3, expected 2: a newer copse")),
                    HasReason("DATA_FORMAT_NEWER")));

  // 3 is the newest good one. Of the older ones a newer copse can use 2.
  EXPECT_THAT(DeleteBackups(backup_path(), 1), IsOkAndHolds(1));
  COPSE_ASSERT_OK_AND_ASSIGN(backups, ListBackups(backup_path()));
  ASSERT_EQ(backups.size(), 3u);
  EXPECT_EQ(backups[0].id, 2u);
  EXPECT_EQ(backups[1].id, 3u);
  EXPECT_EQ(backups[2].id, 4u);
  EXPECT_THAT(VerifyBackup(backup_path(), 3), IsOk());
}

TEST_F(RestoreTest, NamesTheFileThatIsDamaged) {
  Push("c1", "", Documents(0, 120, 0));
  Backup();
  for (const std::string& file : FilesIn(backup_path())) {
    if (absl::EndsWith(file, "/LOCK") ||
        std::filesystem::file_size(file) == 0) {
      continue;
    }
    const std::string bytes = ReadSmallFile(file, size_t{1} << 28).value();
    Damage(file);
    EXPECT_THAT(TryRestore(), AllOf(StatusIs(absl::StatusCode::kDataLoss,
                                             HasSubstr(backup_path())),
                                    HasReason("DATA_DAMAGED")))
        << file;
    EXPECT_THAT(VerifyBackup(backup_path(), 0),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(backup_path())))
        << file;
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/tried"));
    std::filesystem::remove(file);
    EXPECT_THAT(TryRestore(), Not(IsOk())) << file;
    WriteFile(file, bytes);
  }
  EXPECT_THAT(TryRestore(), IsOk());
}

TEST_F(RestoreTest, ListsADamagedBackupAndRestoresTheOthers) {
  Push("c1", "", Documents(0, 120, 0));
  const auto first = AskAll(test_.store());
  Backup();
  Push("c2", "c1", Documents(0, 120, 1000));
  Backup();
  Damage(backup_path() + "/backups/2");
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<BackupInfo> backups,
                             ListBackups(backup_path()));
  ASSERT_EQ(backups.size(), 2u);
  EXPECT_THAT(backups[1].status,
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr(backup_path() + "/backups/2': backup record: "
                                                 "checksum is")));
  EXPECT_EQ(AskAll(*Restore(1)), first);
  // The next one does not rest on it, and keeps what it may need.
  Push("c3", "c2", Documents(0, 20, 2000));
  const auto third = AskAll(test_.store());
  EXPECT_EQ(Backup().id, 3u);
  EXPECT_EQ(AskAll(*Restore(3)), third);
  EXPECT_TRUE(
      std::filesystem::exists(backup_path() + "/vectors/1/000000-2.vectors"));
}

TEST_F(RestoreTest, IsStoppedAndLeavesNothing) {
  Push("c1", "", Documents(0, 120, 0));
  Backup();
  const std::string target = folder_.path() + "/tried";
  EXPECT_THAT(
      RestoreBackup(
          {.backup_folder = backup_path(),
           .data_folder = target,
           .on_progress = [](int64_t) { return absl::CancelledError("no"); }}),
      StatusIs(absl::StatusCode::kCancelled, HasSubstr("no")));
  EXPECT_FALSE(std::filesystem::exists(target));
  // What was there before stays, and is empty again.
  std::filesystem::create_directory(target);
  EXPECT_FALSE(
      RestoreBackup(
          {.backup_folder = backup_path(),
           .data_folder = target,
           .on_progress = [](int64_t) { return absl::CancelledError("no"); }})
          .ok());
  EXPECT_TRUE(std::filesystem::is_empty(target));
}

}  // namespace
}  // namespace copse
