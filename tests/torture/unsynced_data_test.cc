// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/unsynced_data.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/check.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr uint64_t kSeedCount = 40;
constexpr size_t kReadSizeBytesMax = 1000;

class UnsyncedDataTest : public ::testing::Test {
 protected:
  UnsyncedDataTest() {
    COPSE_CHECK(CreateFolder(data()).ok() && CreateFolder(graves()).ok());
  }

  std::string data() const { return folder_.path() + "/data"; }
  std::string graves() const { return folder_.path() + "/graves"; }
  std::string path(const std::string& name) const {
    return data() + "/" + name;
  }

  // Writes to a file, at `offset`, and says so.
  void Write(UnsyncedData& unsynced, const std::string& name,
             const std::string& text, off_t offset) {
    const bool is_new = ::access(path(name).c_str(), F_OK) != 0;
    const auto file = OpenFile(path(name), O_RDWR | O_CREAT);
    COPSE_CHECK(file.ok());
    if (is_new) {
      unsynced.Created(path(name));
    }
    unsynced.WillWrite(file->get(), offset, text.size());
    COPSE_CHECK(::pwrite(file->get(), text.data(), text.size(), offset) > 0);
  }
  void Sync(UnsyncedData& unsynced, const std::string& name, bool succeeds) {
    const auto file = OpenFile(path(name), O_RDWR);
    COPSE_CHECK(file.ok());
    if (succeeds) {
      unsynced.Synced(file->get());
    } else {
      unsynced.SyncFailed(file->get());
    }
  }
  std::string Read(const std::string& name) const {
    return ReadSmallFile(path(name), kReadSizeBytesMax).value_or("missing");
  }

  TestFolder folder_;
};

TEST_F(UnsyncedDataTest, KeepsWhatIsSyncedAndLosesPartsOfTheRest) {
  std::set<std::string> found;
  for (uint64_t seed = 0; seed < kSeedCount; ++seed) {
    ASSERT_THAT(RemoveTree(path("f")), IsOk());
    UnsyncedData unsynced(graves());
    Write(unsynced, "f", "synced", 0);
    Sync(unsynced, "f", true);
    unsynced.FolderSynced(data());
    Write(unsynced, "f", "ABCD", 6);
    Write(unsynced, "f", "xy", 10);
    unsynced.Lose(seed);
    found.insert(Read("f"));
    EXPECT_THAT(Read("f"), StartsWith("synced")) << "seed " << seed;
  }
  // Nothing, a torn write, the first, only the second, both.
  EXPECT_THAT(found, Contains("synced"));
  EXPECT_THAT(found, Contains("syncedAB"));
  EXPECT_THAT(found, Contains("syncedABCD"));
  EXPECT_THAT(found, Contains(std::string("synced\0\0\0\0xy", 12)));
  EXPECT_THAT(found, Contains("syncedABCDxy"));
}

TEST_F(UnsyncedDataTest, OverwrittenBytesComeBack) {
  for (uint64_t seed = 0; seed < kSeedCount; ++seed) {
    UnsyncedData unsynced(graves());
    Write(unsynced, "f", "before", 0);
    Sync(unsynced, "f", true);
    unsynced.FolderSynced(data());
    Write(unsynced, "f", "AFTER!", 0);
    unsynced.Lose(seed);
    EXPECT_THAT(Read("f"), AnyOf("before", "AFTER!", "AFTore"));
  }
}

TEST_F(UnsyncedDataTest, ASyncAfterOneThatFailedKeepsNothing) {
  for (uint64_t seed = 0; seed < kSeedCount; ++seed) {
    ASSERT_THAT(RemoveTree(path("f")), IsOk());
    UnsyncedData unsynced(graves());
    Write(unsynced, "f", "lost", 0);
    unsynced.FolderSynced(data());
    Sync(unsynced, "f", false);
    Sync(unsynced, "f", true);
    unsynced.Lose(seed);
    EXPECT_THAT(Read("f"), AnyOf(IsEmpty(), Eq(std::string(4, '\0'))));
  }
}

TEST_F(UnsyncedDataTest, NamesGoBackToTheirSync) {
  std::set<std::string> found;
  for (uint64_t seed = 0; seed < kSeedCount; ++seed) {
    for (const std::string& folder : {data(), graves()}) {
      ASSERT_THAT(RemoveTree(folder), IsOk());
      ASSERT_THAT(CreateFolder(folder), IsOk());
    }
    UnsyncedData unsynced(graves());
    for (const char* name : {"old", "new", "gone"}) {
      Write(unsynced, name, name, 0);
      Sync(unsynced, name, true);
    }
    unsynced.FolderSynced(data());
    ASSERT_EQ(unsynced.Rename(path("new"), path("old")), 0);
    ASSERT_EQ(unsynced.Unlink(path("gone")), 0);
    EXPECT_EQ(Read("old") + Read("new") + Read("gone"), "newmissingmissing");
    unsynced.Lose(seed);
    found.insert(Read("old") + Read("new") + Read("gone"));
  }
  EXPECT_THAT(found,
              ElementsAre("newmissinggone", "newmissingmissing", "oldnewgone"));
}

TEST_F(UnsyncedDataTest, AFolderThatIsGoneForGoodTakesWhatWasInIt) {
  UnsyncedData unsynced(graves());
  ASSERT_THAT(CreateFolder(path("sub")), IsOk());
  Write(unsynced, "sub/f", "text", 0);
  Sync(unsynced, "sub/f", true);
  ASSERT_EQ(unsynced.Unlink(path("sub/f")), 0);
  ASSERT_EQ(::rmdir(path("sub").c_str()), 0);
  unsynced.FolderRemoved(path("sub"));
  unsynced.FolderSynced(data());
  unsynced.Lose(0);
  EXPECT_THAT(ListFolder(data()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ListFolder(graves()), IsOkAndHolds(IsEmpty()));
}

}  // namespace
}  // namespace copse
