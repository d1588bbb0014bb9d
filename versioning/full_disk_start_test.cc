// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A start on a disk without room. RocksDB as Debian builds it ends the process
// with an assert when it cannot write what it makes of its log, so it must not
// come to that.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/env.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/fault_file_system.h"
#include "versioning/meta_database.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr int64_t kMiB = int64_t{1} << 20;

class FullDiskStartTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<MetaDatabase>> Open(const std::string& name) {
    return MetaDatabase::Open(
        {.folder = folder_.path() + "/" + name, .env = env_.get()});
  }

  // Makes folder `crashed`, as kill -9 leaves it, with 8 MiB in its log.
  void MakeCrashedFolder() {
    COPSE_ASSERT_OK_AND_ASSIGN(const auto database, Open("running"));
    MetaBatch batch(*database);
    batch.Put(MetaTable::kRows, "key", std::string(8 * kMiB, 'v'));
    ASSERT_THAT(database->Write(batch, Durability::kSynced), IsOk());
    std::filesystem::copy(folder_.path() + "/running",
                          folder_.path() + "/crashed",
                          std::filesystem::copy_options::recursive);
  }

  const TestFolder folder_;
  FaultFileSystem* faults_ = nullptr;
  const std::unique_ptr<rocksdb::Env> env_ = MakeFaultEnv(&faults_);
};

TEST_F(FullDiskStartTest, IsRefusedBeforeAnythingIsWritten) {
  MakeCrashedFolder();
  for (const int64_t free_size_bytes : {int64_t{0}, 4 * kMiB, 8 * kMiB}) {
    faults_->SetFreeSize(free_size_bytes);
    const int64_t sync_count = faults_->sync_count();
    const absl::Status status = Open("crashed").status();
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kResourceExhausted,
                         AllOf(HasSubstr("bytes free, expected at least"),
                               HasSubstr(folder_.path() + "/crashed"))));
    EXPECT_EQ(ReasonOf(status)->reason, "DISK_FULL");
    EXPECT_EQ(faults_->sync_count(), sync_count);
  }
}

TEST_F(FullDiskStartTest, SucceedsWhenThereIsRoomForTheLog) {
  MakeCrashedFolder();
  faults_->SetFreeSize(13 * kMiB);
  COPSE_ASSERT_OK_AND_ASSIGN(const auto database, Open("crashed"));
  EXPECT_THAT(database->Get(MetaTable::kRows, "key"),
              IsOkAndHolds(Optional(std::string(8 * kMiB, 'v'))));
}

TEST_F(FullDiskStartTest, ANewFolderNeedsLittle) {
  faults_->SetFreeSize(kMiB);
  EXPECT_THAT(Open("new").status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  faults_->SetFreeSize(4 * kMiB);
  EXPECT_THAT(Open("new"), IsOk());
}

}  // namespace
}  // namespace copse
