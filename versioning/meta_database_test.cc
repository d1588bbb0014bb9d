// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/meta_database.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/fault_file_system.h"
#include "versioning/files.h"
#include "versioning/keys.h"
#include "versioning/meta_backups.h"
#include "versioning/test_folder.h"

// RocksDB 7.8 forgets a write buffer when it cannot begin a new log, as on a
// full disk. The sanitizer fixes the name of this function.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" const char* __lsan_default_suppressions() {
  return "leak:rocksdb::DBImpl::SwitchMemtable\n";
}

namespace copse {
namespace {

using Fault = FaultFileSystem::Fault;

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

absl::Status Put(MetaDatabase& database, absl::string_view key,
                 absl::string_view value,
                 Durability durability = Durability::kUnsynced,
                 MetaTable table = MetaTable::kRows) {
  MetaBatch batch(database);
  batch.Put(table, key, value);
  return database.Write(batch, durability);
}

std::vector<std::pair<std::string, std::string>> List(
    const MetaDatabase& database, const KeyRange& range,
    MetaTable table = MetaTable::kRows) {
  std::vector<std::pair<std::string, std::string>> pairs;
  EXPECT_THAT(
      database.ForEach(table, range,
                       [&](absl::string_view key, absl::string_view value) {
                         pairs.emplace_back(key, value);
                         return absl::OkStatus();
                       }),
      IsOk());
  return pairs;
}

using Pair = std::pair<std::string, std::string>;

// Returns the files of the database whose name ends so.
std::vector<std::string> FilesWith(const std::string& folder,
                                   absl::string_view suffix) {
  std::vector<std::string> paths;
  const std::vector<std::string> names = ListFolder(folder).value();
  for (const std::string& name : names) {
    if (absl::EndsWith(name, suffix)) {
      paths.push_back(absl::StrCat(folder, "/", name));
    }
  }
  return paths;
}

void FlipBit(const std::string& path, size_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(file.good()) << path;
  file.seekg(static_cast<std::streamoff>(offset));
  const auto byte = static_cast<char>(file.get() ^ 1);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

class MetaDatabaseTest : public ::testing::Test {
 protected:
  void Reopen() {
    database_.reset();
    database_ = OpenTestDatabase(folder_);
  }

  const TestFolder folder_;
  std::unique_ptr<MetaDatabase> database_ = OpenTestDatabase(folder_);
};

// Two ranges of rows, "a" and "b", in one file, of which a block of "a" has
// rotted.
class RottenRowsTest : public MetaDatabaseTest {
 protected:
  // RocksDB compacts a table by itself that has so many new files.
  static constexpr int kNewFileCount = 4;

  static KeyRange RangeA() { return {.lower = "a", .upper = "b"}; }
  static KeyRange RangeB() { return {.lower = "b", .upper = "c"}; }

  RottenRowsTest() {
    for (int i = 0; i < 100; ++i) {
      PutRow(absl::StrFormat("a%03d", i));
      PutRow(absl::StrFormat("b%03d", i));
    }
    EXPECT_THAT(database_->Flush(), IsOk());
    database_.reset();
    for (const std::string& path :
         FilesWith(folder_.path() + "/meta", ".sst")) {
      if (std::filesystem::file_size(path) > kRowSizeBytes) {
        FlipBit(path, 100);  // In its first block.
      }
    }
    Reopen();
  }

  void PutRow(const std::string& key) {
    std::string value(kRowSizeBytes, '\0');
    for (char& byte : value) {
      byte = static_cast<char>(random_());
    }
    EXPECT_THAT(Put(*database_, key, value, Durability::kSynced), IsOk());
  }

  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) const {
    return database_->Get(MetaTable::kRows, key);
  }

  void WaitUntilHalted() const {
    while (database_->GetStatistics()->halted_table_count == 0) {
      std::this_thread::yield();
    }
  }

  static constexpr size_t kRowSizeBytes = 2000;
  std::minstd_rand random_;  // Of the same seed always.
};

TEST_F(RottenRowsTest, ACompactionThatMeetsThemStopsNoWrites) {
  EXPECT_THAT(database_->CompactRange(MetaTable::kRows, RangeB(), nullptr),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("block checksum mismatch")));
  EXPECT_THAT(database_->write_status(), IsOk());
  PutRow("b200");
  EXPECT_THAT(database_->Flush(), IsOk());
  EXPECT_THAT(Get("a000"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Get("b050"), IsOkAndHolds(Optional(SizeIs(kRowSizeBytes))));
  EXPECT_THAT(Get("b200"), IsOkAndHolds(Optional(SizeIs(kRowSizeBytes))));
}

TEST_F(RottenRowsTest, CanBeDeleted) {
  MetaBatch batch(*database_);
  batch.DeleteRange(MetaTable::kRows, RangeA());
  EXPECT_THAT(database_->Write(batch, Durability::kSynced), IsOk());
  EXPECT_THAT(List(*database_, RangeA()), IsEmpty());
  EXPECT_THAT(List(*database_, RangeB()), SizeIs(100));
}

// RocksDB would try again every second, for ever, and hold up all writes once
// there are too many new files.
TEST_F(RottenRowsTest, TheirTableIsNotCompactedAgainAndAgain) {
  for (int i = 0; i < kNewFileCount; ++i) {
    PutRow(absl::StrFormat("a%03d", i));
    PutRow("b000");
    EXPECT_THAT(database_->Flush(), IsOk());
  }
  WaitUntilHalted();
  EXPECT_EQ(database_->GetStatistics()->halted_table_count, 1);
  // RocksDB would stop writes at 36.
  for (int i = 0; i < 40; ++i) {
    PutRow(absl::StrFormat("b%03d", 200 + i));
    EXPECT_THAT(database_->Flush(), IsOk());
  }
  EXPECT_THAT(database_->write_status(), IsOk());
  EXPECT_THAT(List(*database_, RangeB()), SizeIs(140));

  // The next start tries once more, and is soon as before.
  Reopen();
  PutRow("b300");
  WaitUntilHalted();
  EXPECT_THAT(List(*database_, RangeB()), SizeIs(141));
}

TEST(FromRocksStatusTest, AFileThatRefusesAfterAnErrorIsNoDamage) {
  EXPECT_THAT(FromRocksStatus(
                  rocksdb::Status::IOError("Seen error. Skip writing buffer.")),
              StatusIs(absl::StatusCode::kUnavailable,
                       "database: IO error: Seen error. Skip writing buffer."));
  EXPECT_THAT(FromRocksStatus(rocksdb::Status::IOError("read of 000012.sst")),
              StatusIs(absl::StatusCode::kDataLoss,
                       "database: IO error: read of 000012.sst"));
}

TEST_F(MetaDatabaseTest, KeepsTablesApart) {
  for (size_t i = 0; i < kMetaTableCount; ++i) {
    ASSERT_THAT(Put(*database_, "key", absl::StrCat(i), Durability::kUnsynced,
                    static_cast<MetaTable>(i)),
                IsOk());
  }
  for (size_t i = 0; i < kMetaTableCount; ++i) {
    EXPECT_THAT(database_->Get(static_cast<MetaTable>(i), "key"),
                IsOkAndHolds(Optional(absl::StrCat(i))));
  }
  EXPECT_THAT(database_->Get(MetaTable::kRows, "other"),
              IsOkAndHolds(Eq(std::nullopt)));
}

TEST_F(MetaDatabaseTest, AppliesABatchInOrder) {
  ASSERT_THAT(Put(*database_, "b", "old"), IsOk());
  MetaBatch batch(*database_);
  EXPECT_TRUE(batch.empty());
  batch.DeleteRange(MetaTable::kRows, {.lower = "a", .upper = "c"});
  batch.Put(MetaTable::kRows, "a", "1");
  batch.Put(MetaTable::kRows, "c", "2");
  batch.Put(MetaTable::kRows, "d", "3");
  batch.Delete(MetaTable::kRows, "c");
  batch.PutCounter(CounterKind::kCommitCount, 3, 17);
  EXPECT_FALSE(batch.empty());
  EXPECT_GT(batch.size_bytes(), 5u);
  ASSERT_THAT(database_->Write(batch, Durability::kSynced), IsOk());
  EXPECT_THAT(List(*database_, {}),
              ElementsAre(Pair("a", "1"), Pair("d", "3")));
  EXPECT_THAT(database_->GetCounter(CounterKind::kCommitCount, 3),
              IsOkAndHolds(Eq(17u)));
  EXPECT_THAT(database_->GetCounter(CounterKind::kCommitCount, 4),
              IsOkAndHolds(Eq(0u)));
}

TEST_F(MetaDatabaseTest, KeepsTheBytesOfACounter) {
  MetaBatch batch(*database_);
  batch.PutCounter(CounterKind::kOrdinal, 3, 4096);
  ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  const std::string golden =
      absl::HexStringToBytes("0b010010000000000000e60f013f311613ad");
  EXPECT_THAT(database_->Get(MetaTable::kCounters,
                             CounterKey(CounterKind::kOrdinal, 3)),
              IsOkAndHolds(Optional(golden)));
  batch.Clear();
  batch.Put(MetaTable::kCounters, CounterKey(CounterKind::kOrdinal, 3),
            golden.substr(1));
  ASSERT_THAT(database_->Write(batch, Durability::kUnsynced), IsOk());
  const absl::Status status =
      database_->GetCounter(CounterKind::kOrdinal, 3).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("counter 2 of domain 3: counter "
                                         "record: checksum is")));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
}

TEST_F(MetaDatabaseTest, WalksARange) {
  for (const char* key : {"a", "b", "ba", "bb", "c"}) {
    ASSERT_THAT(Put(*database_, key, "v"), IsOk());
  }
  EXPECT_THAT(List(*database_, PrefixRange("b")),
              ElementsAre(Pair("b", "v"), Pair("ba", "v"), Pair("bb", "v")));
  MetaCursor cursor = database_->NewCursor(MetaTable::kRows, PrefixRange("b"));
  cursor.Seek("b\x01");
  ASSERT_TRUE(cursor.Valid());
  EXPECT_EQ(cursor.key(), "ba");
  cursor.Seek("a");  // Not before the range.
  ASSERT_TRUE(cursor.Valid());
  EXPECT_EQ(cursor.key(), "b");
  cursor.Seek("c");
  EXPECT_FALSE(cursor.Valid());
  EXPECT_THAT(cursor.status(), IsOk());
}

TEST_F(MetaDatabaseTest, ACursorSeesTheTableAsItWas) {
  ASSERT_THAT(Put(*database_, "a", "1"), IsOk());
  MetaCursor cursor = database_->NewCursor(MetaTable::kRows, {});
  ASSERT_THAT(Put(*database_, "b", "2"), IsOk());
  cursor.SeekToFirst();
  ASSERT_TRUE(cursor.Valid());
  EXPECT_EQ(cursor.value(), "1");
  cursor.Next();
  EXPECT_FALSE(cursor.Valid());
}

TEST_F(MetaDatabaseTest, ForEachStopsAtAnError) {
  ASSERT_THAT(Put(*database_, "a", "1"), IsOk());
  ASSERT_THAT(Put(*database_, "b", "2"), IsOk());
  int count = 0;
  EXPECT_THAT(database_->ForEach(MetaTable::kRows, {},
                                 [&](absl::string_view, absl::string_view) {
                                   ++count;
                                   return absl::CancelledError("enough");
                                 }),
              StatusIs(absl::StatusCode::kCancelled, "enough"));
  EXPECT_EQ(count, 1);
}

TEST_F(MetaDatabaseTest, MultiGetAnswersInTheOrderOfTheKeys) {
  ASSERT_THAT(Put(*database_, "a", "1"), IsOk());
  ASSERT_THAT(Put(*database_, "b", "2"), IsOk());
  const std::vector<std::string> keys = {"b", "x", "a", "b"};
  EXPECT_THAT(database_->MultiGet(MetaTable::kRows, keys),
              IsOkAndHolds(ElementsAre(Optional(std::string("2")), std::nullopt,
                                       Optional(std::string("1")),
                                       Optional(std::string("2")))));
  EXPECT_THAT(database_->MultiGet(MetaTable::kRows, {}),
              IsOkAndHolds(IsEmpty()));
}

TEST_F(MetaDatabaseTest, KeepsSmallAndLargeValuesOverRestarts) {
  const std::string large(3 << 20, 'x');
  for (const MetaTable table : {MetaTable::kPages, MetaTable::kTexts}) {
    ASSERT_THAT(Put(*database_, "small", "s", Durability::kUnsynced, table),
                IsOk());
    ASSERT_THAT(Put(*database_, "large", large, Durability::kUnsynced, table),
                IsOk());
  }
  for (int start = 0; start < 2; ++start) {
    Reopen();
    for (const MetaTable table : {MetaTable::kPages, MetaTable::kTexts}) {
      EXPECT_THAT(database_->Get(table, "small"),
                  IsOkAndHolds(Optional(std::string("s"))));
      EXPECT_THAT(database_->Get(table, "large"),
                  IsOkAndHolds(Optional(large)));
    }
  }
  EXPECT_THAT(database_->VerifyFiles(), IsOkAndHolds(IsEmpty()));
  COPSE_ASSERT_OK_AND_ASSIGN(const MetaStatistics statistics,
                             database_->GetStatistics());
  EXPECT_GT(statistics.disk_size_bytes, 6 << 20);
  EXPECT_GT(statistics.memory_size_bytes, 0);
}

TEST_F(MetaDatabaseTest, ReservesNoSpaceForWhatMayCome) {
  ASSERT_THAT(Put(*database_, "a", "v"), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const MetaStatistics statistics,
                             database_->GetStatistics());
  EXPECT_GT(statistics.disk_size_bytes, 0);
  EXPECT_LT(statistics.disk_size_bytes, 1 << 20);
}

// A process that ends without closing keeps what it wrote: the log is written
// at once, and only the disk can be late.
TEST_F(MetaDatabaseTest, KeepsWritesOfAProcessThatIsKilled) {
  if (!kCanForkWithThreads) {
    GTEST_SKIP() << "the thread sanitizer cannot fork a process with threads";
  }
  database_.reset();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::unique_ptr<MetaDatabase> database = OpenTestDatabase(folder_);
    bool ok = true;
    for (int i = 0; i < 1000; ++i) {
      ok = ok && Put(*database, absl::StrFormat("%04d", i), "v",
                     i % 10 == 0 ? Durability::kSynced : Durability::kUnsynced)
                     .ok();
    }
    ::_exit(ok ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(WEXITSTATUS(status), 7);
  database_ = OpenTestDatabase(folder_);
  EXPECT_EQ(List(*database_, {}).size(), 1000u);
}

// Ends a process that has written `count` keys, each synced, without closing
// the database.
void WriteAndEnd(const TestFolder& folder, int count) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::unique_ptr<MetaDatabase> database = OpenTestDatabase(folder);
    bool ok = true;
    for (int i = 0; i < count; ++i) {
      ok = ok && Put(*database, absl::StrFormat("%04d", i),
                     std::string(100, 'v'), Durability::kSynced)
                     .ok();
    }
    ::_exit(ok ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(MetaDatabaseTest, NoticesSyncedWritesThatAreGone) {
  if (!kCanForkWithThreads) {
    GTEST_SKIP() << "the thread sanitizer cannot fork a process with threads";
  }
  database_.reset();
  WriteAndEnd(folder_, 100);
  const std::string meta = folder_.path() + "/meta";
  const std::vector<std::string> logs = FilesWith(meta, ".log");
  ASSERT_FALSE(logs.empty());
  const std::string log = ReadSmallFile(logs.back(), 1 << 20).value();
  FlipBit(logs.back(), log.size() / 2);
  const absl::Status status = MetaDatabase::Open({.folder = meta}).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("its log is damaged. Restore the data "
                                         "folder from a backup, or remove "
                                         "'" +
                                         meta + "/SYNCED'")));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
  ASSERT_THAT(RemoveTree(meta + "/SYNCED"), IsOk());
  database_ = OpenTestDatabase(folder_);
  const size_t left = List(*database_, {}).size();
  EXPECT_GT(left, 10u);
  EXPECT_LT(left, 90u);
}

TEST_F(MetaDatabaseTest, ATornEndOfWhatWasNotSyncedIsNoDamage) {
  if (!kCanForkWithThreads) {
    GTEST_SKIP() << "the thread sanitizer cannot fork a process with threads";
  }
  database_.reset();
  WriteAndEnd(folder_, 100);
  const std::string meta = folder_.path() + "/meta";
  const std::vector<std::string> logs = FilesWith(meta, ".log");
  ASSERT_FALSE(logs.empty());
  const std::string log = ReadSmallFile(logs.back(), 1 << 20).value();
  WriteFile(logs.back(), log + log.substr(log.size() - 70, 50));
  database_ = OpenTestDatabase(folder_);
  EXPECT_EQ(List(*database_, {}).size(), 100u);
  // A torn number beside the log is none, either.
  database_.reset();
  WriteFile(meta + "/SYNCED", std::string(16, 'x'));
  database_ = OpenTestDatabase(folder_);
  EXPECT_EQ(List(*database_, {}).size(), 100u);
}

TEST_F(MetaDatabaseTest, RefusesTablesOfANewerCopse) {
  database_.reset();
  {
    rocksdb::DB* raw = nullptr;
    std::vector<rocksdb::ColumnFamilyDescriptor> families = {
        {"default", rocksdb::ColumnFamilyOptions()}};
    for (size_t i = 0; i < kMetaTableCount; ++i) {
      families.emplace_back(
          std::string(MetaTableName(static_cast<MetaTable>(i))),
          rocksdb::ColumnFamilyOptions());
    }
    families.emplace_back("sketches", rocksdb::ColumnFamilyOptions());
    rocksdb::DBOptions options;
    options.create_missing_column_families = true;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    ASSERT_TRUE(rocksdb::DB::Open(options, folder_.path() + "/meta", families,
                                  &handles, &raw)
                    .ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    }
  }
  const absl::Status status =
      MetaDatabase::Open({.folder = folder_.path() + "/meta"}).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                               HasSubstr("has the unknown tables sketches: a "
                                         "newer copse wrote it")));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_FORMAT_NEWER");
}

TEST_F(MetaDatabaseTest, NamesTheTableFileThatIsDamaged) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_THAT(Put(*database_, absl::StrFormat("%04d", i),
                    absl::StrFormat("%0100d", i * 7919)),
                IsOk());
  }
  ASSERT_THAT(database_->Flush(), IsOk());
  const std::vector<std::string> paths =
      FilesWith(folder_.path() + "/meta", ".sst");
  ASSERT_FALSE(paths.empty());
  Reopen();  // Nothing of the file is in the cache.
  FlipBit(paths.back(), 100);
  const absl::Status status = database_->ForEach(
      MetaTable::kRows, {},
      [](absl::string_view, absl::string_view) { return absl::OkStatus(); });
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(paths.back())));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
  EXPECT_THAT(database_->VerifyFiles(),
              IsOkAndHolds(ElementsAre(HasSubstr(paths.back()))));
}

TEST_F(MetaDatabaseTest, NamesTheTableWhoseBlobIsDamaged) {
  ASSERT_THAT(Put(*database_, "k", std::string(100000, 'x'),
                  Durability::kUnsynced, MetaTable::kPages),
              IsOk());
  ASSERT_THAT(database_->Flush(), IsOk());
  const std::vector<std::string> paths =
      FilesWith(folder_.path() + "/meta", ".blob");
  ASSERT_EQ(paths.size(), 1u);
  Reopen();
  FlipBit(paths[0], 5000);
  EXPECT_THAT(database_->Get(MetaTable::kPages, "k"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("Corruption")));
  EXPECT_THAT(database_->VerifyFiles(),
              IsOkAndHolds(ElementsAre(HasSubstr("table pages: "))));
}

TEST_F(MetaDatabaseTest, RefusesToStartWithoutAFile) {
  ASSERT_THAT(Put(*database_, "a", "1"), IsOk());
  ASSERT_THAT(database_->Flush(), IsOk());
  database_.reset();
  const std::vector<std::string> paths =
      FilesWith(folder_.path() + "/meta", ".sst");
  ASSERT_FALSE(paths.empty());
  ASSERT_THAT(RemoveTree(paths.back()), IsOk());
  const absl::Status status =
      MetaDatabase::Open({.folder = folder_.path() + "/meta"}).status();
  // RocksDB also looks for the name that LevelDB gave such files.
  const std::string stem = paths.back().substr(0, paths.back().size() - 3);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr(stem)));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
}

TEST_F(MetaDatabaseTest, WritesFromManyThreadsAtOnce) {
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 200; ++round) {
          const std::string key = absl::StrFormat("%d-%04d", i, round);
          ASSERT_THAT(Put(*database_, key, "v",
                          round % 50 == 0 ? Durability::kSynced
                                          : Durability::kUnsynced),
                      IsOk());
          EXPECT_THAT(database_->Get(MetaTable::kRows, key),
                      IsOkAndHolds(Optional(std::string("v"))));
        }
      });
    }
  }  // Joins the threads.
  EXPECT_EQ(List(*database_, {}).size(), 800u);
}

class MetaDatabaseFaultTest : public ::testing::Test {
 protected:
  void Open() {
    database_.reset();
    COPSE_ASSERT_OK_AND_ASSIGN(
        database_, MetaDatabase::Open({.folder = folder_.path() + "/meta",
                                       .env = env_.get()}));
  }
  void SetUp() override { Open(); }
  void TearDown() override {
    faults_->FailAppends(Fault::kNone);
    faults_->FailSyncs(Fault::kNone);
  }

  const TestFolder folder_;
  FaultFileSystem* faults_ = nullptr;
  const std::unique_ptr<rocksdb::Env> env_ = MakeFaultEnv(&faults_);
  std::unique_ptr<MetaDatabase> database_;
};

TEST_F(MetaDatabaseFaultTest, GoesOnByItselfWhenAFullDiskHasSpaceAgain) {
  ASSERT_THAT(Put(*database_, "before", "1", Durability::kSynced), IsOk());
  faults_->FailAppends(Fault::kNoSpace);
  for (int attempt = 0; attempt < 3; ++attempt) {
    const absl::Status status =
        Put(*database_, "full", "2", Durability::kSynced);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                                 HasSubstr("No space left on device")));
    EXPECT_EQ(ReasonOf(status)->reason, "DISK_FULL");
    EXPECT_THAT(database_->write_status(),
                StatusIs(absl::StatusCode::kResourceExhausted));
  }
  EXPECT_THAT(database_->Get(MetaTable::kRows, "before"),
              IsOkAndHolds(Optional(std::string("1"))));
  faults_->FailAppends(Fault::kNone);
  EXPECT_THAT(Put(*database_, "after", "3", Durability::kSynced), IsOk());
  EXPECT_THAT(database_->write_status(), IsOk());
  Open();
  EXPECT_THAT(database_->Get(MetaTable::kRows, "before"),
              IsOkAndHolds(Optional(std::string("1"))));
  EXPECT_THAT(database_->Get(MetaTable::kRows, "after"),
              IsOkAndHolds(Optional(std::string("3"))));
}

TEST_F(MetaDatabaseFaultTest, GoesOnAfterAFlushOnAFullDisk) {
  ASSERT_THAT(Put(*database_, "before", "1", Durability::kSynced), IsOk());
  faults_->FailAppends(Fault::kNoSpace);
  EXPECT_THAT(database_->Flush(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Put(*database_, "full", "2", Durability::kSynced),
              StatusIs(absl::StatusCode::kResourceExhausted));
  faults_->FailAppends(Fault::kNone);
  EXPECT_THAT(Put(*database_, "after", "3", Durability::kSynced), IsOk());
  EXPECT_THAT(database_->Flush(), IsOk());
  Open();
  EXPECT_THAT(database_->Get(MetaTable::kRows, "before"),
              IsOkAndHolds(Optional(std::string("1"))));
}

// RocksDB 7.8 does not always come back from its recovery here. What must not
// be is a process that ends, or a write that waits for ever.
TEST_F(MetaDatabaseFaultTest, LivesThoughTheFullDiskTookTheFirstWrite) {
  database_.reset();
  COPSE_ASSERT_OK_AND_ASSIGN(
      database_, MetaDatabase::Open({.folder = folder_.path() + "/meta",
                                     .resume_timeout = absl::Seconds(3),
                                     .env = env_.get()}));
  faults_->FailAppends(Fault::kNoSpace);
  EXPECT_THAT(Put(*database_, "full", "1", Durability::kSynced),
              StatusIs(absl::StatusCode::kResourceExhausted));
  faults_->FailAppends(Fault::kNone);
  const absl::Status status =
      Put(*database_, "after", "2", Durability::kSynced);
  EXPECT_TRUE(status.ok() || absl::IsUnavailable(status)) << status;
  EXPECT_EQ(database_->write_status(), status);
  Open();
  EXPECT_THAT(database_->Get(MetaTable::kRows, "after"),
              IsOkAndHolds(status.ok() ? std::optional<std::string>("2")
                                       : std::nullopt));
}

TEST_F(MetaDatabaseFaultTest, GoesOnThoughTheFullDiskTookTheWriteAfterABackup) {
  ASSERT_THAT(Put(*database_, "before", "1", Durability::kSynced), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const auto backups,
                             MetaBackups::Open(folder_.path() + "/backups"));
  ASSERT_THAT(
      backups->Create(*database_, [](int64_t) { return absl::OkStatus(); }),
      IsOk());
  faults_->FailAppends(Fault::kNoSpace);
  EXPECT_THAT(Put(*database_, "full", "2", Durability::kSynced),
              StatusIs(absl::StatusCode::kResourceExhausted));
  faults_->FailAppends(Fault::kNone);
  EXPECT_THAT(Put(*database_, "after", "3", Durability::kSynced), IsOk());
  Open();
  EXPECT_THAT(database_->Get(MetaTable::kRows, "after"),
              IsOkAndHolds(Optional(std::string("3"))));
}

TEST_F(MetaDatabaseFaultTest, GoesOnAfterAListOfTablesThatDidNotFit) {
  ASSERT_THAT(Put(*database_, "before", "1", Durability::kSynced), IsOk());
  faults_->FailManifests(Fault::kNoSpace);
  EXPECT_THAT(database_->Flush(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  faults_->FailManifests(Fault::kNone);
  EXPECT_THAT(Put(*database_, "after", "2", Durability::kSynced), IsOk());
  EXPECT_THAT(database_->Flush(), IsOk());
  Open();
  EXPECT_THAT(List(*database_, {}),
              ElementsAre(Pair{"after", "2"}, Pair{"before", "1"}));
}

TEST_F(MetaDatabaseFaultTest, TakesNoWritesWhereRocksDbDoesNotComeBack) {
  database_.reset();
  COPSE_ASSERT_OK_AND_ASSIGN(
      database_, MetaDatabase::Open({.folder = folder_.path() + "/meta",
                                     .resume_timeout = absl::Milliseconds(1),
                                     .env = env_.get()}));
  faults_->FailAppends(Fault::kNoSpace);
  EXPECT_THAT(Put(*database_, "full", "1", Durability::kSynced),
              StatusIs(absl::StatusCode::kResourceExhausted));
  faults_->FailAppends(Fault::kNone);
  faults_->HoldAppends(true);
  EXPECT_THAT(Put(*database_, "stuck", "2", Durability::kSynced),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("not over a full disk after 1ms")));
  EXPECT_THAT(Put(*database_, "stuck", "2", Durability::kSynced),
              StatusIs(absl::StatusCode::kUnavailable));
  faults_->HoldAppends(false);
  Open();
  EXPECT_THAT(Put(*database_, "again", "3", Durability::kSynced), IsOk());
}

TEST_F(MetaDatabaseFaultTest, TakesNoWritesAfterALogThatCouldNotBeCreated) {
  ASSERT_THAT(Put(*database_, "before", "1", Durability::kSynced), IsOk());
  faults_->FailCreations(Fault::kNoSpace);
  EXPECT_THAT(database_->Flush(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  faults_->FailCreations(Fault::kNone);
  // RocksDB does not go on when there is space again, and so this is not said.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const absl::Status status = Put(*database_, "after", "2");
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                                 HasSubstr("No space left on device")));
    EXPECT_EQ(ReasonOf(status)->reason, "WRITES_STOPPED");
  }
  EXPECT_THAT(database_->Get(MetaTable::kRows, "before"),
              IsOkAndHolds(Optional(std::string("1"))));
  Open();
  EXPECT_THAT(database_->Get(MetaTable::kRows, "before"),
              IsOkAndHolds(Optional(std::string("1"))));
  EXPECT_THAT(Put(*database_, "again", "3", Durability::kSynced), IsOk());
}

TEST_F(MetaDatabaseFaultTest, TakesNoWritesAfterAFailedSync) {
  ASSERT_THAT(Put(*database_, "before", "1", Durability::kSynced), IsOk());
  faults_->FailSyncs(Fault::kIoError);
  const absl::Status status = Put(*database_, "lost", "2", Durability::kSynced);
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("the store takes no writes until it is "
                                 "opened again: database: IO error")));
  EXPECT_EQ(ReasonOf(status)->reason, "WRITES_STOPPED");
  faults_->FailSyncs(Fault::kNone);
  EXPECT_THAT(Put(*database_, "after", "3", Durability::kUnsynced),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(database_->write_status(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(database_->Get(MetaTable::kRows, "before"),
              IsOkAndHolds(Optional(std::string("1"))));
  Open();
  EXPECT_THAT(database_->write_status(), IsOk());
  EXPECT_THAT(database_->Get(MetaTable::kRows, "before"),
              IsOkAndHolds(Optional(std::string("1"))));
  EXPECT_THAT(database_->Get(MetaTable::kRows, "after"),
              IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(Put(*database_, "again", "4", Durability::kSynced), IsOk());
}

TEST_F(MetaDatabaseFaultTest, NoSpaceToStartIsDiskFull) {
  database_.reset();
  faults_->FailAppends(Fault::kNoSpace);
  const absl::Status status =
      MetaDatabase::Open({.folder = folder_.path() + "/new", .env = env_.get()})
          .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ReasonOf(status)->reason, "DISK_FULL");
}

TEST_F(MetaDatabaseFaultTest, OnlySyncedWritesWaitForTheDisk) {
  const int64_t before = faults_->sync_count();
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(Put(*database_, absl::StrCat(i), "v"), IsOk());
  }
  EXPECT_EQ(faults_->sync_count(), before);
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(Put(*database_, absl::StrCat(i), "v", Durability::kSynced),
                IsOk());
  }
  EXPECT_EQ(faults_->sync_count(), before + 20);
}

}  // namespace
}  // namespace copse
