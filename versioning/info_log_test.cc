// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/info_log.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/env.h"

#include "index/util/check.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"
#include "versioning/meta_database.h"
#include "versioning/test_folder.h"
#include "versioning/testing/child_process.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kReadSizeBytesMax = 1 << 20;

std::shared_ptr<rocksdb::Logger> MakeLog(const std::string& folder,
                                         int64_t size_bytes_max = 1000) {
  return std::make_shared<InfoLog>(folder, rocksdb::Env::Default(),
                                   size_bytes_max);
}

TEST(InfoLogTest, KeepsWarningsOverRestarts) {
  const TestFolder folder;
  for (int start = 0; start < 2; ++start) {
    const auto log = MakeLog(folder.path());
    rocksdb::Info(log, "nobody wants to know");
    rocksdb::Warn(log, "start %d", start);
  }
  EXPECT_THAT(ReadSmallFile(folder.path() + "/LOG", kReadSizeBytesMax),
              IsOkAndHolds(AllOf(HasSubstr("[WARN] start 0\n"),
                                 EndsWith("[WARN] start 1\n"),
                                 Not(HasSubstr("nobody")))));
}

TEST(InfoLogTest, KeepsTwoFilesOfTheGreatestSize) {
  const TestFolder folder;
  const auto log = MakeLog(folder.path());
  for (int i = 0; i < 200; ++i) {
    rocksdb::Error(log, "message %d", i);
  }
  EXPECT_THAT(ListFolder(folder.path()),
              IsOkAndHolds(ElementsAre("LOG", "LOG.old")));
  for (const char* name : {"/LOG", "/LOG.old"}) {
    EXPECT_THAT(ReadSmallFile(folder.path() + name, 1100),
                IsOkAndHolds(HasSubstr("message 1")));
  }
  EXPECT_THAT(ReadSmallFile(folder.path() + "/LOG", kReadSizeBytesMax),
              IsOkAndHolds(EndsWith("message 199\n")));
}

TEST(InfoLogTest, LosesWhatCannotBeWritten) {
  const TestFolder folder;
  const auto log = MakeLog(folder.path() + "/missing");
  rocksdb::Warn(log, "first");
  rocksdb::Warn(log, "second");
  ASSERT_THAT(CreateFolder(folder.path() + "/missing"), IsOk());
  rocksdb::Warn(log, "third");
  EXPECT_THAT(
      ReadSmallFile(folder.path() + "/missing/LOG", kReadSizeBytesMax),
      IsOkAndHolds(AllOf(EndsWith("third\n"), Not(HasSubstr("second")))));
}

// A limit on the sizes of files is to a long log what a full disk is. What a
// database writes of its options at a start would pass it.
TEST(InfoLogTest, ADatabaseGoesOnWithoutRoomForMessages) {
  const TestFolder folder;
  const std::string report = RunChildProcess([&folder](int channel) {
    const rlimit limit = {.rlim_cur = 80'000, .rlim_max = 80'000};
    COPSE_CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    ::signal(SIGXFSZ, SIG_IGN);
    const auto database = OpenTestDatabase(folder);
    MetaBatch batch(*database);
    batch.Put(MetaTable::kRows, "key", "value");
    const absl::Status status = database->Write(batch, Durability::kSynced);
    COPSE_CHECK(status.ok(), status.ToString());
    COPSE_CHECK(::write(channel, "x", 1) == 1);
  });
  EXPECT_EQ(report, "x");
}

TEST(InfoLogTest, CutsALongMessage) {
  const TestFolder folder;
  const std::string text(10'000, 'x');
  rocksdb::Warn(MakeLog(folder.path()), "%s", text.c_str());
  EXPECT_THAT(ReadSmallFile(folder.path() + "/LOG", 4200),
              IsOkAndHolds(EndsWith("xxx\n")));
}

}  // namespace
}  // namespace copse
