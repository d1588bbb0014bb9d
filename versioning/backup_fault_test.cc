// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Backups and restores that come to no good end: a child process ends, or the
// disk of the backup folder is full, at the first, second, third ... call of
// the operating system that changes a file, those of RocksDB among them.

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "versioning/backup.h"
#include "versioning/files.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/test_folder.h"
#include "versioning/testing/child_process.h"
#include "versioning/testing/file_calls.h"

namespace copse {
namespace {

// How many calls are left before the process ends; negative: it does not.
std::atomic<int64_t> calls_left = -1;

// How many writes to files of a backup succeed; negative: all.
std::atomic<int64_t> writes_left = -1;

// A call that changes something whose path contains `failing_path` fails after
// so many that succeed, and later ones do if it lasts; negative: none.
std::atomic<int64_t> calls_to_failure = -1;
std::atomic<bool> failure_lasts = false;
const char* failing_path = "/backup/";

bool TakeOne(std::atomic<int64_t>& count) {
  int64_t left = count.load();
  while (left > 0 && !count.compare_exchange_weak(left, left - 1)) {
  }
  return left > 0;
}

int OnFileCall(const FileCall& call) {
  if (calls_left.load() >= 0 && calls_left.fetch_sub(1) == 0) {
    ::_exit(0);
  }
  if (call.kind == FileCall::Kind::kWrite && writes_left.load() >= 0 &&
      absl::StrContains(PathOf(call), "/backup/") && !TakeOne(writes_left)) {
    return ENOSPC;
  }
  if (calls_to_failure.load() >= 0 &&
      absl::StrContains(PathOf(call), failing_path)) {
    const int64_t left = calls_to_failure.fetch_sub(1);
    if (left == 0 && failure_lasts.load()) {
      calls_to_failure.store(0);
    }
    return left == 0 ? EIO : 0;
  }
  return 0;
}

constexpr uint32_t kDimension = 16;

StoreOptions Options(const std::string& folder) {
  return {.folder = folder,
          .free_space_min_bytes = 0,
          .thread_count = 1,
          .forest = {.fan_out = 8, .leaf_row_count = 8},
          .forest_row_count_min = 50};
}

std::unique_ptr<Store> OpenStore(const std::string& folder) {
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(Options(folder));
  COPSE_CHECK(store.ok(), store.status().ToString());
  return *std::move(store);
}

void Push(Store& store, const std::string& commit, uint32_t count,
          uint32_t content) {
  std::vector<TestDocument> upserts;
  for (uint32_t i = 0; i < count; ++i) {
    upserts.push_back({absl::StrCat("doc", i), content + i});
  }
  const absl::Status status =
      TestStore::PushTo(store, {.domain = "d", .commit = commit}, upserts)
          .status();
  COPSE_CHECK(status.ok(), status.ToString());
}

// A store with two commits, and a backup of the first.
void MakeFirstBackup(const TestFolder& folder) {
  RunChildProcess([&folder](int) {
    const std::unique_ptr<Store> store = OpenStore(folder.path() + "/data");
    COPSE_CHECK(store
                    ->CreateDomain({.domain = "d",
                                    .metric = Metric::kEuclidean,
                                    .dimension = kDimension})
                    .ok());
    Push(*store, "c0", 120, 0);
    COPSE_CHECK(
        store->CreateBackup({.folder = folder.path() + "/backup"}).ok());
    Push(*store, "c1", 120, 1000);
  });
}

// Every backup there is, is whole; returns how many there are.
int64_t CheckBackups(const std::string& path) {
  const absl::StatusOr<std::vector<BackupInfo>> backups = ListBackups(path);
  COPSE_CHECK(backups.ok(), backups.status().ToString());
  for (const BackupInfo& backup : *backups) {
    const absl::Status status = VerifyBackup(path, backup.id).status();
    COPSE_CHECK(status.ok(), status.ToString());
  }
  return static_cast<int64_t>(backups->size());
}

// A restored folder has commit c0, and nothing is damaged.
void CheckRestored(const std::string& path) {
  const std::unique_ptr<Store> store = OpenStore(path);
  const auto found = TestStore::ReadAllOf(*store, "d", "c0");
  COPSE_CHECK(found.ok(), found.status().ToString());
  COPSE_CHECK(found->size() == 120);
  const absl::StatusOr<VerifyReport> report = store->VerifyDomain("d");
  COPSE_CHECK(report.ok(), report.status().ToString());
  COPSE_CHECK(report->findings.empty());
}

// Nobody can open what a restore left that ended at call `end_at`, unless it
// was not begun, or whole.
void CheckCutShort(const std::string& path, int64_t end_at) {
  const absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(Options(path));
  if (store.ok()) {
    const bool is_empty = !(*store)->GetDomain("d").ok();
    COPSE_CHECK(!is_empty || end_at < 8, absl::StrCat(end_at));
    return;
  }
  COPSE_CHECK(absl::IsFailedPrecondition(store.status()),
              store.status().ToString());
  COPSE_CHECK(ReasonOf(store.status())->reason == "DATA_FOLDER_RESTORING");
}

// Replaces the calls in every test.
class BackupFaultTest : public ::testing::Test {
 protected:
  BackupFaultTest() { SetFileCallHook(OnFileCall); }
};

TEST_F(BackupFaultTest, IsWholeOrNotThereAfterACrashAtAnyCall) {
  const TestFolder folder;
  const std::string backup = folder.path() + "/backup";
  MakeFirstBackup(folder);
  int64_t end_at = 0;
  for (bool is_done = false; !is_done; end_at += end_at < 20 ? 1 : 4) {
    ASSERT_LT(end_at, 1000);
    const std::string report = RunChildProcess([&](int channel) {
      // What the child before has left; two while one is not deleted yet.
      const int64_t count = CheckBackups(backup);
      COPSE_CHECK(count == 1 || count == 2, absl::StrCat(count));
      const std::unique_ptr<Store> store = OpenStore(folder.path() + "/data");
      // So that a deletion is cut short, too.
      calls_left.store(end_at);
      const absl::Status status =
          store->CreateBackup({.folder = backup, .kept_count = 1}).status();
      const int64_t left = calls_left.exchange(-1);
      COPSE_CHECK(status.ok(), status.ToString());
      if (left >= 0) {
        COPSE_CHECK(::write(channel, "x", 1) == 1);
      }
    });
    ASSERT_FALSE(HasFailure()) << "call " << end_at;
    is_done = !report.empty();
  }
  std::printf("a backup has about %ld calls\n", static_cast<long>(end_at));
  EXPECT_GT(end_at, 50);
  RunChildProcess([&](int) {
    COPSE_CHECK(CheckBackups(backup) == 1);
    const absl::Status status =
        RestoreBackup({.backup_folder = backup,
                       .data_folder = folder.path() + "/restored"})
            .status();
    COPSE_CHECK(status.ok(), status.ToString());
    CheckRestored(folder.path() + "/restored");
  });
}

TEST_F(BackupFaultTest, AFullDiskIsAnErrorAndHarmsNoOtherBackup) {
  const TestFolder folder;
  const std::string backup = folder.path() + "/backup";
  MakeFirstBackup(folder);
  RunChildProcess([&](int) {
    const std::unique_ptr<Store> store = OpenStore(folder.path() + "/data");
    int64_t count = 0;
    for (;; count += 3) {
      writes_left.store(count);
      const absl::Status status =
          store->CreateBackup({.folder = backup}).status();
      writes_left.store(-1);
      COPSE_CHECK(store->write_status().ok());
      if (status.ok()) {
        break;
      }
      COPSE_CHECK(absl::IsResourceExhausted(status), status.ToString());
      COPSE_CHECK(ReasonOf(status)->reason == "DISK_FULL");
      COPSE_CHECK(
          absl::StrContains(status.message(),
                            absl::StrCat("backup folder '", backup, "'")),
          status.ToString());
      COPSE_CHECK(CheckBackups(backup) == 1);
      COPSE_CHECK(count < 1000);
    }
    // The daemon goes on.
    Push(*store, "c2", 60, 2000);
    std::printf("a backup has %ld writes\n", static_cast<long>(count));
    COPSE_CHECK(count > 5);
    COPSE_CHECK(CheckBackups(backup) == 2);
  });
}

// Makes one backup after the other, of which the first, second, third ... call
// that changes something in `path` fails, until none is hit. Each is whole or
// not there.
void FailAtAnyCall(const std::string& folder, const char* path, bool lasts) {
  const std::string backup = folder + "/backup";
  const std::unique_ptr<Store> store = OpenStore(folder + "/data");
  failing_path = path;
  failure_lasts.store(lasts);
  int64_t failed_at = 0;
  for (bool is_hit = true; is_hit; failed_at += failed_at < 8 ? 1 : 5) {
    COPSE_CHECK(failed_at < 1000);
    calls_to_failure.store(failed_at);
    const absl::Status status =
        store->CreateBackup({.folder = backup, .kept_count = 1}).status();
    is_hit = calls_to_failure.exchange(-1) <= (lasts ? 0 : -1);
    COPSE_CHECK(status.ok() || (is_hit && absl::IsDataLoss(status)),
                status.ToString());
    const int64_t count = CheckBackups(backup);
    COPSE_CHECK(count == 1 || (!status.ok() && count == 2),
                absl::StrCat(count, " after call ", failed_at));
  }
  COPSE_CHECK(failed_at > 6 && CheckBackups(backup) == 1);
  COPSE_CHECK(store->write_status().ok());
}

TEST_F(BackupFaultTest, IsWholeOrNotThereAfterACallThatFails) {
  for (const bool lasts : {false, true}) {
    for (const char* path : {"/backup/backups", "/backup/"}) {
      const TestFolder folder;
      MakeFirstBackup(folder);
      RunChildProcess([&](int) { FailAtAnyCall(folder.path(), path, lasts); });
      EXPECT_FALSE(HasFailure()) << path << (lasts ? " from then on" : "");
    }
  }
}

// A power cut brings the record back.
TEST_F(BackupFaultTest, KeepsAllOfABackupWhoseDeletionWasNotSynced) {
  const TestFolder folder;
  const std::string backup = folder.path() + "/backup";
  MakeFirstBackup(folder);
  RunChildProcess([&](int) {
    const std::unique_ptr<Store> store = OpenStore(folder.path() + "/data");
    COPSE_CHECK(store->CreateBackup({.folder = backup}).ok());
    const std::string record = backup + "/backups/1";
    const absl::StatusOr<std::string> bytes = ReadSmallFile(record, 100'000);
    COPSE_CHECK(bytes.ok());
    // After the deletion itself.
    failing_path = "/backup/backups";
    failure_lasts.store(true);
    calls_to_failure.store(1);
    for (int attempt = 0; attempt < 2; ++attempt) {
      const absl::Status status = DeleteBackups(backup, 1).status();
      COPSE_CHECK(absl::IsDataLoss(status), status.ToString());
    }
    calls_to_failure.store(-1);
    WriteFile(record, *bytes);
    COPSE_CHECK(CheckBackups(backup) == 2);
  });
}

TEST_F(BackupFaultTest, NobodyOpensWhatARestoreLeavesThatACrashCutShort) {
  const TestFolder folder;
  const std::string backup = folder.path() + "/backup";
  MakeFirstBackup(folder);
  std::string target;
  int64_t end_at = 0;
  for (bool is_done = false; !is_done; end_at += end_at < 12 ? 1 : 7) {
    ASSERT_LT(end_at, 1000);
    const std::string before = target;
    target = absl::StrCat(folder.path(), "/to", end_at);
    const std::string report = RunChildProcess([&](int channel) {
      if (!before.empty()) {
        CheckCutShort(before, end_at - 1);
      }
      calls_left.store(end_at);
      const absl::Status status =
          RestoreBackup({.backup_folder = backup, .data_folder = target})
              .status();
      const int64_t left = calls_left.exchange(-1);
      COPSE_CHECK(status.ok(), status.ToString());
      if (left >= 0) {
        COPSE_CHECK(::write(channel, "x", 1) == 1);
        CheckRestored(target);
      }
    });
    ASSERT_FALSE(HasFailure()) << "call " << end_at;
    is_done = !report.empty();
  }
  std::printf("a restore has about %ld calls\n", static_cast<long>(end_at));
  EXPECT_GT(end_at, 20);
}

}  // namespace
}  // namespace copse
