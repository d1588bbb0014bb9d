// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the tests of backups share: a store whose commits are remembered as they
// answer, a backup folder beside it, and the comparison with what was restored.

#ifndef COPSE_VERSIONING_TESTING_BACKUP_FIXTURE_H_
#define COPSE_VERSIONING_TESTING_BACKUP_FIXTURE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/backup.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/test_folder.h"

namespace copse {

// Matches a status that has the machine-readable reason `reason`.
MATCHER_P(HasReason, reason, absl::StrCat("has the reason ", reason)) {
  const std::optional<ErrorReason> found = ReasonOf(internal::ToStatus(arg));
  return found.has_value() && found->reason == reason;
}

// How a commit answers.
struct CommitAnswers {
  Fingerprint fingerprint = {};
  std::map<std::string, uint32_t> contents = {};
  // For some queries: IDs and distances.
  std::vector<std::vector<std::pair<std::string, float>>> neighbors = {};

  friend bool operator==(const CommitAnswers&, const CommitAnswers&) = default;
};

class BackupFixture : public ::testing::Test {
 protected:
  static constexpr uint32_t kDimension = 384;

  BackupFixture() : test_(Options()) {
    test_.CreateDomain("d", Metric::kEuclidean, kDimension);
  }

  static StoreOptions Options() {
    return {.free_space_min_bytes = 0,
            .thread_count = 1,
            .forest = {.fan_out = 8, .leaf_row_count = 8},
            .forest_row_count_min = 50,
            .clock = [] { return absl::FromUnixSeconds(1'700'000'000); }};
  }

  static std::vector<TestDocument> Documents(uint32_t first, uint32_t count,
                                             uint32_t content) {
    std::vector<TestDocument> documents;
    for (uint32_t i = 0; i < count; ++i) {
      documents.push_back({absl::StrCat("doc", first + i), content + i});
    }
    return documents;
  }

  static void PushTo(Store& store, const std::string& commit,
                     const std::string& parent,
                     const std::vector<TestDocument>& upserts) {
    ASSERT_THAT(
        TestStore::PushTo(
            store, {.domain = "d", .commit = commit, .parent_commit = parent},
            upserts),
        IsOk());
  }
  void Push(const std::string& commit, const std::string& parent,
            const std::vector<TestDocument>& upserts) {
    PushTo(test_.store(), commit, parent, upserts);
  }

  static absl::StatusOr<CommitAnswers> Ask(Store& store,
                                           const std::string& commit) {
    CommitAnswers answers;
    COPSE_ASSIGN_OR_RETURN(const auto reader, store.OpenCommit("d", commit));
    answers.fingerprint = reader->info().fingerprint;
    COPSE_ASSIGN_OR_RETURN(answers.contents,
                           TestStore::ReadAllOf(store, "d", commit));
    for (uint32_t content = 0; content < 5; ++content) {
      const std::vector<float> query =
          MakeVector(Metric::kEuclidean, kDimension, 10 * content);
      COPSE_ASSIGN_OR_RETURN(
          const DocumentSearchResult result,
          reader->Search({.query = query, .neighbor_count = 5}));
      auto& found = answers.neighbors.emplace_back();
      for (const DocumentNeighbor& neighbor : result.neighbors) {
        found.emplace_back(neighbor.document_id, neighbor.distance);
      }
    }
    return answers;
  }

  // How all commits of a store answer.
  static std::map<std::string, CommitAnswers> AskAll(Store& store) {
    std::map<std::string, CommitAnswers> all;
    const absl::StatusOr<Page<CommitInfo>> page =
        store.ListCommits("d", {.page_size = 1000});
    COPSE_CHECK(page.ok(), page.status().ToString());
    for (const CommitInfo& info : page->items) {
      const absl::StatusOr<CommitAnswers> answers = Ask(store, info.commit);
      EXPECT_THAT(answers, IsOk()) << info.commit;
      all[info.commit] = answers.value_or(CommitAnswers());
    }
    return all;
  }

  BackupInfo Backup(Store& store, BackupOptions options = {}) {
    options.folder = backup_path();
    const absl::StatusOr<BackupInfo> backup = store.CreateBackup(options);
    EXPECT_THAT(backup, IsOk());
    return backup.value_or(BackupInfo());
  }
  BackupInfo Backup(BackupOptions options = {}) {
    return Backup(test_.store(), std::move(options));
  }

  // Restores into a new folder, and opens and verifies what is there.
  std::unique_ptr<Store> Restore(uint32_t backup_id) {
    StoreOptions options = Options();
    options.folder = folder_.path() + absl::StrCat("/restored", ++count_);
    EXPECT_THAT(RestoreBackup({.backup_folder = backup_path(),
                               .backup_id = backup_id,
                               .data_folder = options.folder}),
                IsOk());
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
    COPSE_CHECK(store.ok(), store.status().ToString());
    ExpectNoFindings(**store);
    return *std::move(store);
  }

  static void ExpectNoFindings(Store& store) {
    COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                               store.VerifyDomain("d"));
    for (const VerifyFinding& finding : report.findings) {
      ADD_FAILURE() << finding.object << ": " << finding.message;
    }
  }

  std::string backup_path() const { return folder_.path() + "/backup"; }

  TestStore test_;
  TestFolder folder_;
  int count_ = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_TESTING_BACKUP_FIXTURE_H_
