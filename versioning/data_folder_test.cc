// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/data_folder.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "xxhash.h"

#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/files.h"
#include "versioning/test_folder.h"
#include "versioning/testing/child_process.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr absl::string_view kGoldenFormat =
    "copse data folder\n"
    "format 2\n"
    "state ready\n"
    "checksum e2085d71b267f06c\n";

// As builds before the first release wrote it.
constexpr absl::string_view kFormatVersion1 =
    "copse data folder\n"
    "format 1\n"
    "state ready\n"
    "checksum 6cba803769854857\n";

std::string Sealed(absl::string_view lines) {
  return absl::StrFormat("%schecksum %016x\n", lines,
                         XXH3_64bits(lines.data(), lines.size()));
}

class DataFolderTest : public ::testing::Test {
 protected:
  std::string path() const { return parent_.path() + "/data"; }
  std::string format_path() const { return path() + "/FORMAT"; }

  // Makes a folder as a first start leaves it.
  void MakeReady() {
    COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DataFolder> folder,
                               DataFolder::Open(path()));
    WriteFile(folder->meta_path() + "/CURRENT", "MANIFEST-000001\n");
    ASSERT_THAT(folder->MarkReady(), IsOk());
  }

  const TestFolder parent_;
};

TEST_F(DataFolderTest, SettlesInAFolderThatDoesNotExist) {
  const std::string deep = path() + "/a/b";
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DataFolder> folder,
                             DataFolder::Open(deep));
  EXPECT_EQ(folder->path(), deep);
  EXPECT_THAT(
      ListFolder(deep),
      IsOkAndHolds(ElementsAre("FORMAT", "LOCK", "domains", "meta", "spool")));
  struct stat found = {};
  ASSERT_EQ(::stat(deep.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
}

TEST_F(DataFolderTest, KeepsTheBytesOfFormatVersion2) {
  MakeReady();
  EXPECT_THAT(ReadSmallFile(format_path(), 4096),
              IsOkAndHolds(Eq(kGoldenFormat)));
  WriteFile(format_path(), kGoldenFormat);
  EXPECT_THAT(DataFolder::Open(path()), IsOk());
}

TEST_F(DataFolderTest, NamesTheProcessThatHasItOpen) {
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DataFolder> folder,
                             DataFolder::Open(path()));
  const absl::Status status = DataFolder::Open(path()).status();
  EXPECT_THAT(
      status,
      StatusIs(absl::StatusCode::kFailedPrecondition,
               Eq(absl::StrFormat("data folder '%s' is in use by process %d: "
                                  "stop it, or choose another folder",
                                  path(), ::getpid()))));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_FOLDER_LOCKED");
}

TEST_F(DataFolderTest, CanBeOpenedAgainWhenItsProcessIsKilled) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto folder = DataFolder::Open(path());
    ::_exit(folder.ok() ? 7 : 1);  // Without closing anything.
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(WEXITSTATUS(status), 7);
  EXPECT_THAT(DataFolder::Open(path()), IsOk());
}

TEST_F(DataFolderTest, TellsWhyOnlyAPartOfTheLockCouldBeWritten) {
  const std::string report = RunChildProcess([this](int channel) {
    // A limit on the sizes of files cuts a write as a full disk does.
    const rlimit limit = {.rlim_cur = 1, .rlim_max = 1};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    ::signal(SIGXFSZ, SIG_IGN);
    const absl::Status status = DataFolder::Open(path()).status();
    const std::string text = status.ToString();
    ASSERT_GT(::write(channel, text.data(), text.size()), 0);
  });
  EXPECT_THAT(report,
              StartsWith(absl::StrCat("RESOURCE_EXHAUSTED: cannot write '",
                                      path(), "/LOCK': File too large")));
}

TEST_F(DataFolderTest, LeavesAForeignFolderAlone) {
  ASSERT_THAT(CreateFolder(path()), IsOk());
  WriteFile(path() + "/thesis.tex", "");
  const absl::Status status = DataFolder::Open(path()).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("holds 'thesis.tex' but no file "
                                         "FORMAT: choose an empty folder")));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_FOLDER_FOREIGN");
  EXPECT_THAT(ListFolder(path()), IsOkAndHolds(ElementsAre("thesis.tex")));
}

TEST_F(DataFolderTest, SettlesOnAFreshDisk) {
  ASSERT_THAT(CreateFolder(path() + "/lost+found"), IsOk());
  WriteFile(path() + "/FORMAT.tmp", "cut sho");
  EXPECT_THAT(DataFolder::Open(path()), IsOk());
}

TEST_F(DataFolderTest, TellsANewerFormatFromDamage) {
  MakeReady();
  WriteFile(format_path(),
            Sealed("copse data folder\nformat 3\nwhat comes then\n"));
  const absl::Status status = DataFolder::Open(path()).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnimplemented,
                       Eq(absl::StrFormat(
                           "file '%s': format is 3, expected at most 2: a "
                           "newer copse wrote the data folder, upgrade copse "
                           "to open it",
                           format_path()))));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_FORMAT_NEWER");
}

TEST_F(DataFolderTest, RefusesTheFormatFromBeforeTheFirstRelease) {
  MakeReady();
  WriteFile(format_path(), kFormatVersion1);
  const absl::Status status = DataFolder::Open(path()).status();
  EXPECT_THAT(
      status,
      StatusIs(absl::StatusCode::kFailedPrecondition,
               Eq(absl::StrFormat(
                   "file '%s': format is 1, expected 2: a copse from before "
                   "the first release wrote the data folder, choose an empty "
                   "folder and push the commits again",
                   format_path()))));
  EXPECT_EQ(ReasonOf(status)->reason, "DATA_FORMAT_OLDER");
  EXPECT_THAT(ReadSmallFile(format_path(), 4096),
              IsOkAndHolds(Eq(kFormatVersion1)));
}

TEST_F(DataFolderTest, RefusesEveryTruncationOfFormat) {
  MakeReady();
  for (size_t size = 0; size < kGoldenFormat.size(); ++size) {
    WriteFile(format_path(), kGoldenFormat.substr(0, size));
    const absl::Status status = DataFolder::Open(path()).status();
    EXPECT_THAT(
        status,
        StatusIs(absl::StatusCode::kDataLoss,
                 StartsWith(absl::StrFormat("file '%s'", format_path()))))
        << size;
    EXPECT_EQ(ReasonOf(status)->reason, "DATA_DAMAGED");
  }
}

TEST_F(DataFolderTest, RefusesEveryFlippedBitOfFormat) {
  MakeReady();
  for (size_t bit = 0; bit < kGoldenFormat.size() * 8; ++bit) {
    std::string damaged(kGoldenFormat);
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    WriteFile(format_path(), damaged);
    EXPECT_THAT(DataFolder::Open(path()), StatusIs(absl::StatusCode::kDataLoss))
        << bit;
  }
}

TEST_F(DataFolderTest, RefusesVersionAndStateThatNobodyWrites) {
  MakeReady();
  for (const char* lines : {"copse data folder\nformat 0\nstate ready\n",
                            "copse data folder\nformat x\nstate ready\n",
                            "copse data folder\nformat 2\nstate odd\n",
                            "copse data folder\nformat 2\n"}) {
    WriteFile(format_path(), Sealed(lines));
    EXPECT_THAT(DataFolder::Open(path()), StatusIs(absl::StatusCode::kDataLoss))
        << lines;
  }
}

TEST_F(DataFolderTest, NoticesALostDatabase) {
  MakeReady();
  ASSERT_THAT(RemoveTree(path() + "/meta"), IsOk());
  EXPECT_THAT(DataFolder::Open(path()),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq(absl::StrFormat("file '%s/meta/CURRENT': it is "
                                          "missing: restore the data folder "
                                          "from a backup",
                                          path()))));
}

TEST_F(DataFolderTest, StartsAnewAfterAFirstStartThatWasCutShort) {
  {
    COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DataFolder> folder,
                               DataFolder::Open(path()));
    WriteFile(folder->meta_path() + "/half", "");
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DataFolder> folder,
                             DataFolder::Open(path()));
  EXPECT_THAT(ListFolder(folder->meta_path()), IsOkAndHolds(IsEmpty()));
}

TEST_F(DataFolderTest, KeepsFoldersOfDomains) {
  COPSE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DataFolder> folder,
                             DataFolder::Open(path()));
  for (const uint32_t number : {12u, 3u}) {
    EXPECT_THAT(folder->CreateDomainFolder(number), IsOk());
    EXPECT_THAT(folder->CreateDomainFolder(number), IsOk());
  }
  WriteFile(folder->DomainPath(3) + "/vectors-000000.seg", "rows");
  WriteFile(path() + "/domains/notes", "");
  EXPECT_THAT(folder->ListDomainFolders(), IsOkAndHolds(ElementsAre(3u, 12u)));
  EXPECT_THAT(folder->RemoveDomainFolder(3), IsOk());
  EXPECT_THAT(folder->RemoveDomainFolder(3), IsOk());
  EXPECT_THAT(folder->ListDomainFolders(), IsOkAndHolds(ElementsAre(12u)));
  EXPECT_THAT(folder->FreeSizeBytes(), IsOkAndHolds(Gt(0)));
}

TEST_F(DataFolderTest, NamesAFileInThePlaceOfAFolder) {
  WriteFile(path(), "");
  EXPECT_THAT(DataFolder::Open(path()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr(absl::StrCat("'", path(), "'"))));
}

}  // namespace
}  // namespace copse
