// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/file_util.h"

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::HasSubstr;

class FileUtilTest : public ::testing::Test {
 protected:
  FileUtilTest() : folder_(::testing::TempDir() + "/file_util.XXXXXX") {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  ~FileUtilTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(FileUtilTest, ReadsWhatWasWritten) {
  const std::string path = folder_ + "/f";
  const std::string content("a\0b\n", 4);
  ASSERT_THAT(ReplaceTextFile(path, content), IsOk());
  EXPECT_THAT(ReadTextFile(path, 4), IsOkAndHolds(content));
  ASSERT_THAT(ReplaceTextFile(path, ""), IsOk());
  EXPECT_THAT(ReadTextFile(path, 4), IsOkAndHolds(""));
  // Nothing else is left in the folder.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(FileUtilTest, RefusesWhatIsTooLong) {
  const std::string path = folder_ + "/f";
  ASSERT_THAT(ReplaceTextFile(path, std::string(100'000, 'x')), IsOk());
  EXPECT_THAT(ReadTextFile(path, 99'999),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       absl::StrCat("'", path,
                                    "' is longer than 99999 bytes, the most "
                                    "allowed")));
}

TEST_F(FileUtilTest, NamesWhatCannotBeReadOrWritten) {
  EXPECT_THAT(
      ReadTextFile(folder_ + "/none", 10),
      StatusIs(absl::StatusCode::kNotFound,
               HasSubstr(absl::StrCat("cannot open '", folder_, "/none'"))));
  EXPECT_THAT(ReadTextFile(folder_, 10),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       absl::StrCat("'", folder_,
                                    "' is a folder or a device, expected a "
                                    "file")));
  EXPECT_THAT(ReplaceTextFile(folder_ + "/none/f", "x"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr(absl::StrCat("cannot create '", folder_,
                                              "/none/f.tmp."))));
}

}  // namespace
}  // namespace copse
