// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// More findings than a report lists.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/util/check.h"
#include "tests/support/status_matchers.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

using ::testing::ElementsAre;

// The first domain of a store has number 1.
constexpr uint32_t kDomain = 1;

class VerifyManyTest : public ::testing::Test {
 protected:
  // Commit c1 has rows 0 to 1199, and c2 has rows 1200 to 1249 as well. None of
  // them has a record any more.
  VerifyManyTest() : test_({.thread_count = 1}) {
    test_.CreateDomain("d");
    Push({.domain = "d", .commit = "c1"}, 0, 1200);
    Push({.domain = "d", .commit = "c2", .parent_commit = "c1"}, 1200, 1250);
    test_.Close();
    const auto database =
        MetaDatabase::Open({.folder = test_.path() + "/meta"});
    COPSE_CHECK(database.ok());
    MetaBatch batch(**database);
    for (uint32_t row = 0; row < 1250; ++row) {
      batch.Delete(MetaTable::kRows, RowKey(kDomain, row));
    }
    COPSE_CHECK((*database)->Write(batch, Durability::kSynced).ok());
  }

  void Push(const CommitOptions& options, uint32_t first, uint32_t end) {
    std::vector<TestDocument> documents;
    for (uint32_t i = first; i < end; ++i) {
      documents.push_back({absl::StrCat("id", i), i});
    }
    COPSE_CHECK(test_.Push(options, documents).ok());
  }

  TestStore test_;
};

TEST_F(VerifyManyTest, AllAreCountedAndEachNamesItsOwnCommits) {
  test_.Open();
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_EQ(report.findings.size(), 1000u);
  EXPECT_EQ(report.unlisted_finding_count, 250);
  EXPECT_EQ(report.finding_count(), 1250);
  for (const VerifyFinding& finding : report.findings) {
    EXPECT_THAT(finding.commits, ElementsAre("c1", "c2")) << finding.object;
  }
  EXPECT_EQ(report.findings.back().object, "row 999");
}

}  // namespace
}  // namespace copse
