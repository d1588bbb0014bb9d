// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/v1_task_table.h"

#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "versioning/job_record.h"

namespace copse {
namespace {

TEST(V1TaskIdTest, IsTheSameInEveryProcess) {
  EXPECT_EQ(V1TaskId("pier/harbour", "c8"), V1TaskId("pier/harbour", "c8"));
  EXPECT_NE(V1TaskId("pier/harbour", "c8"), V1TaskId("pier/harbour", "c9"));
  EXPECT_NE(V1TaskId("pier/harbour", "c8"), V1TaskId("pier/harbou", "rc8"));
}

TEST(V1TaskIdTest, IsEightLettersAndDigitsAndNoNumber) {
  std::set<std::string> ids;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = V1TaskId("pier/harbour", absl::StrCat("c", i));
    EXPECT_TRUE(IsV1TaskId(id)) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 10'000U);
}

TEST(V1TaskIdTest, TellsItsFormFromOthers) {
  EXPECT_TRUE(IsV1TaskId("tR4kk09q"));
  for (const absl::string_view text :
       {"", "4R4kk09q", "tR4kk09", "tR4kk09qq", "tR4kk-9q", "tR4kk\xc3\xa4q",
        "task-0123456789abcdef0123456789abcdef"}) {
    EXPECT_FALSE(IsV1TaskId(text)) << text;
  }
}

TEST(V1TaskTableTest, KeepsTheLastJobOfACommit) {
  V1TaskTable table;
  const std::string id = table.Add({"a/b", "c1", std::nullopt});
  EXPECT_FALSE(table.Find(id)->job.has_value());
  table.Add({"a/b", "c1", JobId{std::byte{1}}});
  table.Add({"a/b", "c1", std::nullopt});
  EXPECT_EQ(table.Find(id)->job, JobId{std::byte{1}});
  EXPECT_EQ(table.Find(id)->commit, "c1");
  EXPECT_FALSE(table.Find("tR4kk09q").has_value());
}

TEST(V1TaskTableTest, ForgetsTheOldest) {
  V1TaskTable table;
  const std::string first = table.Add({"a/b", "first", std::nullopt});
  for (size_t i = 1; i < V1TaskTable::kTaskCountMax; ++i) {
    table.Add({"a/b", absl::StrCat(i), std::nullopt});
  }
  EXPECT_TRUE(table.Find(first).has_value());
  table.Add({"a/b", "one more", std::nullopt});
  EXPECT_FALSE(table.Find(first).has_value());
}

}  // namespace
}  // namespace copse
