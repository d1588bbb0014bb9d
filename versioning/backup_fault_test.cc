// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Backups and restores that come to no good end: a child process ends, or the
// disk of the backup folder is full, at the first, second, third ... call of
// the operating system that changes a file, those of RocksDB among them.

#include <fcntl.h>
#include <sys/syscall.h>
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
#include "absl/strings/string_view.h"
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

namespace copse {
namespace {

// How many calls are left before the process ends; negative: it does not.
std::atomic<int64_t> calls_left = -1;

// How many writes to files of a backup succeed; negative: all.
std::atomic<int64_t> writes_left = -1;

void CountCall() {
  if (calls_left.load() >= 0 && calls_left.fetch_sub(1) == 0) {
    ::_exit(0);
  }
}

bool DiskIsFull(int file) {
  if (writes_left.load() < 0) {
    return false;
  }
  char link[64];
  char path[512];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
  const ssize_t size = ::readlink(link, path, sizeof(path));
  if (size <= 0 ||
      !absl::StrContains(absl::string_view(path, static_cast<size_t>(size)),
                         "/backup/")) {
    return false;
  }
  int64_t left = writes_left.load();
  while (left > 0 && !writes_left.compare_exchange_weak(left, left - 1)) {
  }
  errno = ENOSPC;
  return left == 0;
}

}  // namespace
}  // namespace copse

// In the place of those of libc, for RocksDB, too.
extern "C" {

ssize_t write(int file, const void* data, size_t size) {
  copse::CountCall();
  return copse::DiskIsFull(file) ? -1 : ::syscall(SYS_write, file, data, size);
}

ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  copse::CountCall();
  return copse::DiskIsFull(file)
             ? -1
             : ::syscall(SYS_pwrite64, file, data, size, offset);
}

ssize_t pwrite64(int file, const void* data, size_t size, off64_t offset) {
  return pwrite(file, data, size, offset);
}

int fdatasync(int file) {
  copse::CountCall();
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

int fsync(int file) {
  copse::CountCall();
  return static_cast<int>(::syscall(SYS_fsync, file));
}

int ftruncate(int file, off_t size) noexcept {
  copse::CountCall();
  return static_cast<int>(::syscall(SYS_ftruncate, file, size));
}

int rename(const char* from, const char* to) noexcept {
  copse::CountCall();
  return static_cast<int>(
      ::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int unlink(const char* path) noexcept {
  copse::CountCall();
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

}  // extern "C"

namespace copse {
namespace {

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

TEST(BackupFaultTest, IsWholeOrNotThereAfterACrashAtAnyCall) {
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

TEST(BackupFaultTest, AFullDiskIsAnErrorAndHarmsNoOtherBackup) {
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

TEST(BackupFaultTest, NobodyOpensWhatARestoreLeavesThatACrashCutShort) {
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
