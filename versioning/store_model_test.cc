// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A store against a model of it in a few lines: random pushes onto random
// parents, branches, deletions, garbage collections, readers that stay open and
// restarts. At every commit the IDs, the fingerprint, the answers and the
// differences must be those of the model, with and without forests.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/distance.h"
#include "tests/support/status_matchers.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/vector_check.h"

namespace copse {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

// Documents have few contents and vectors, so that histories meet again and
// distances tie.
constexpr uint32_t kContentCount = 40;

using Snapshot = std::map<std::string, uint32_t>;  // ID to content.

std::string TypeOf(uint32_t content) { return absl::StrCat("T", content % 3); }

struct Parameters {
  uint32_t seed;
  Metric metric;
  uint32_t forest_row_count_min;

  // Of many components, so that a collection finds segments worth rewriting.
  uint32_t dimension = 6;
  StoreOptions::FoldMode fold_mode = StoreOptions::FoldMode::kInCommit;
};

class StoreModelTest : public ::testing::TestWithParam<Parameters> {
 protected:
  StoreModelTest()
      : random_(GetParam().seed),
        test_({.forest = {.fan_out = 8, .leaf_row_count = 8},
               .forest_row_count_min = GetParam().forest_row_count_min,
               .fold_mode = GetParam().fold_mode}) {
    test_.CreateDomain("d", GetParam().metric, GetParam().dimension);
    test_.CreateDomain("scratch", GetParam().metric, GetParam().dimension);
    RecordProperty("seed", static_cast<int>(GetParam().seed));
  }

  std::string DrawId() {
    // With bytes that keys treat specially.
    static const std::string prefixes[] = {"", std::string("\0", 1),
                                           std::string("a\0\x01", 3), "z\n"};
    return absl::StrCat(prefixes[random_() % 4], "id", random_() % 60);
  }

  std::string DrawCommit() {
    auto commit = commits_.begin();
    std::advance(commit, random_() % commits_.size());
    return commit->first;
  }

  TestDocument DrawDocument() {
    const uint32_t content = random_() % kContentCount;
    return {DrawId(), content, TypeOf(content), ChunkCountOf(content)};
  }

  void Push();
  void DeleteCommit();
  void RenameBranch();
  void DeleteDomain();
  void Collect();
  void OpenReader();
  void CheckReaders();
  void CheckCommit(const std::string& commit);
  void CheckSearch(const std::string& commit, const Snapshot& snapshot);
  void CheckSearchOf(const CommitReader& reader, const Snapshot& snapshot);
  void CheckDiff(const std::string& base, const std::string& target);

  std::mt19937 random_;
  TestStore test_;
  std::map<std::string, Snapshot> commits_;
  std::map<std::string, std::string> branches_;

  // Opened readers and what they must go on to show, deleted commits or not.
  std::vector<std::pair<std::shared_ptr<const CommitReader>, Snapshot>>
      readers_;
  int64_t removed_row_count_ = 0;
  int64_t rewritten_segment_count_ = 0;
  int next_commit_ = 0;
};

void StoreModelTest::Push() {
  CommitOptions options = {.domain = "d",
                           .commit = absl::StrCat("c", next_commit_++)};
  Snapshot snapshot;
  if (!commits_.empty() && random_() % 10 != 0) {
    options.parent_commit = DrawCommit();
    snapshot = commits_[options.parent_commit];
  }
  if (random_() % 3 == 0) {
    options.branch = absl::StrCat("b", random_() % 3);
    if (random_() % 2 == 0) {
      options.expected_branch_commit = branches_[options.branch];
    }
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const auto builder, test_->BeginCommit(options));
  const Snapshot parent = snapshot;
  for (uint32_t i = random_() % 30; i > 0; --i) {
    const TestDocument document = DrawDocument();
    switch (random_() % 5) {
      case 0:
        ASSERT_THAT(builder->Delete(document.id), IsOk());
        snapshot.erase(document.id);
        break;
      case 1:
        ASSERT_THAT(builder->Keep(document.id), IsOk());
        snapshot.erase(document.id);
        if (parent.contains(document.id)) {
          snapshot[document.id] = parent.at(document.id);
        }
        break;
      default:
        ASSERT_THAT(TestStore::Apply(*builder, {document}), IsOk());
        snapshot[document.id] = document.content;
    }
    ASSERT_THAT(builder->Contains(document.id),
                IsOkAndHolds(snapshot.contains(document.id)));
  }
  if (random_() % 8 == 0) {
    return;  // Given up.
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info, builder->Commit({}));
  ASSERT_EQ(info.document_count, static_cast<int64_t>(snapshot.size()));
  int64_t chunk_count = 0;
  for (const auto& [id, content] : snapshot) {
    chunk_count += ChunkCountOf(content);
  }
  ASSERT_EQ(info.vector_count, chunk_count);
  commits_[options.commit] = snapshot;
  if (!options.branch.empty()) {
    branches_[options.branch] = options.commit;
  }
}

void StoreModelTest::DeleteCommit() {
  if (commits_.size() < 2) {
    return;
  }
  const std::string commit = DrawCommit();
  const bool is_head =
      std::any_of(branches_.begin(), branches_.end(),
                  [&](const auto& branch) { return branch.second == commit; });
  const absl::Status status = test_->DeleteCommit("d", commit);
  if (is_head) {
    ASSERT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  } else {
    ASSERT_THAT(status, IsOk());
    commits_.erase(commit);
  }
}

void StoreModelTest::RenameBranch() {
  const std::string branch = absl::StrCat("b", random_() % 3);
  const std::string new_branch = absl::StrCat("b", random_() % 3);
  const absl::Status status =
      test_->RenameBranch("d", branch, new_branch, std::nullopt).status();
  if (branches_[branch].empty()) {
    ASSERT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
  } else if (!branches_[new_branch].empty()) {
    ASSERT_THAT(status, StatusIs(absl::StatusCode::kAlreadyExists));
  } else {
    ASSERT_THAT(status, IsOk());
    branches_[new_branch] = std::exchange(branches_[branch], "");
  }
}

void StoreModelTest::DeleteDomain() {
  ASSERT_THAT(test_->DeleteDomain("d"), IsOk());
  commits_.clear();
  branches_.clear();
  readers_.clear();
  test_.CreateDomain("d", GetParam().metric, GetParam().dimension);
}

void StoreModelTest::Collect() {
  GarbageOptions options;
  if (random_() % 3 == 0 && !commits_.empty()) {
    options.retention = RetentionPolicy{
        .keep_last_count = static_cast<uint32_t>(1 + random_() % 20)};
  }
  options.is_dry_run = true;
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport expected,
                             test_->CollectGarbage("d", options));
  options.is_dry_run = false;
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbageReport report,
                             test_->CollectGarbage("d", options));
  // Of an expired commit the pool may have had a reader, and a fold in the
  // background may have made or used a forest in between.
  if (!options.retention.has_value() &&
      GetParam().fold_mode == StoreOptions::FoldMode::kInCommit) {
    ASSERT_EQ(report.rows, expected.rows);
    ASSERT_EQ(report.pages, expected.pages);
    ASSERT_EQ(report.live_sets, expected.live_sets);
    ASSERT_EQ(report.texts, expected.texts);
  }
  ASSERT_EQ(report.commits, expected.commits);
  removed_row_count_ += report.rows.removed_count;
  rewritten_segment_count_ += report.rewritten_segment_count;
  std::erase_if(commits_, [this](const auto& commit) {
    return !test_->GetCommit("d", commit.first).ok();
  });
  ASSERT_EQ(report.commits.kept_count, static_cast<int64_t>(commits_.size()));
  for (const auto& [branch, head] : branches_) {
    ASSERT_TRUE(head.empty() || commits_.contains(head)) << branch;
  }
}

void StoreModelTest::OpenReader() {
  if (commits_.empty()) {
    return;
  }
  if (readers_.size() >= 3) {
    readers_.erase(readers_.begin() +
                   static_cast<int64_t>(random_() % readers_.size()));
  }
  const std::string commit = DrawCommit();
  COPSE_ASSERT_OK_AND_ASSIGN(auto reader, test_->OpenCommit("d", commit));
  readers_.emplace_back(std::move(reader), commits_.at(commit));
}

void StoreModelTest::CheckReaders() {
  for (const auto& [reader, snapshot] : readers_) {
    Snapshot found;
    ASSERT_THAT(reader->ForEachDocument(
                    {.text = true, .vector = true},
                    [&found](const StoredDocument& document) {
                      const int64_t content =
                          std::get<int64_t>(document.attributes.at("content"));
                      EXPECT_EQ(document.text, absl::StrCat("text ", content));
                      EXPECT_EQ(document.chunks.size(),
                                ChunkCountOf(static_cast<uint32_t>(content)));
                      found[document.id] = static_cast<uint32_t>(content);
                      return absl::OkStatus();
                    }),
                IsOk());
    ASSERT_THAT(found, ElementsAreArray(snapshot));
    CheckSearchOf(*reader, snapshot);
  }
}

void StoreModelTest::CheckCommit(const std::string& commit) {
  const Snapshot& snapshot = commits_.at(commit);
  ASSERT_THAT(test_.ReadAll("d", commit),
              IsOkAndHolds(ElementsAreArray(snapshot)));
  std::vector<TestDocument> documents;
  for (const auto& [id, content] : snapshot) {
    documents.push_back({id, content, TypeOf(content), ChunkCountOf(content)});
  }
  std::shuffle(documents.begin(), documents.end(), random_);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitInfo scratch,
      test_.Push(
          {.domain = "scratch", .commit = absl::StrCat("s", next_commit_++)},
          documents));
  COPSE_ASSERT_OK_AND_ASSIGN(const CommitInfo info,
                             test_->GetCommit("d", commit));
  ASSERT_EQ(info.fingerprint, scratch.fingerprint);
  CheckSearch(commit, snapshot);
}

void StoreModelTest::CheckSearch(const std::string& commit,
                                 const Snapshot& snapshot) {
  COPSE_ASSERT_OK_AND_ASSIGN(const auto reader, test_->OpenCommit("d", commit));
  SCOPED_TRACE(commit);
  CheckSearchOf(*reader, snapshot);
}

void StoreModelTest::CheckSearchOf(const CommitReader& reader,
                                   const Snapshot& snapshot) {
  const Metric metric = GetParam().metric;
  const std::vector<float> query =
      MakeVector(metric, GetParam().dimension, random_());
  std::vector<std::string> types;
  if (random_() % 2 == 0) {
    types = {absl::StrCat("T", random_() % 4), "T1"};
  }
  const std::string excluded = random_() % 2 == 0 ? DrawId() : "";
  std::vector<std::pair<float, std::string>> expected;
  for (const auto& [id, content] : snapshot) {
    if (id == excluded ||
        (!types.empty() && std::find(types.begin(), types.end(),
                                     TypeOf(content)) == types.end())) {
      continue;
    }
    float nearest = std::numeric_limits<float>::infinity();
    for (uint32_t chunk = 0; chunk < ChunkCountOf(content); ++chunk) {
      std::vector<float> vector =
          MakeChunkVector(metric, GetParam().dimension, content, chunk);
      if (metric == Metric::kCosine) {
        ASSERT_THAT(NormalizeVector(vector), IsOk());
      }
      nearest = std::min(nearest, Distance(metric, query, vector));
    }
    expected.emplace_back(nearest, id);
  }
  std::sort(expected.begin(), expected.end());
  const size_t count = 1 + random_() % 20;
  expected.resize(std::min(expected.size(), count));
  COPSE_ASSERT_OK_AND_ASSIGN(const DocumentSearchResult exact,
                             reader.Search({.query = query,
                                            .neighbor_count = count,
                                            .exact = true,
                                            .types = types,
                                            .excluded_document_id = excluded}));
  std::vector<std::pair<float, std::string>> found;
  for (const DocumentNeighbor& neighbor : exact.neighbors) {
    found.emplace_back(neighbor.distance, neighbor.document_id);
    const uint32_t content = snapshot.at(neighbor.document_id);
    ASSERT_EQ(neighbor.type, TypeOf(content));
    ASSERT_EQ(neighbor.chunk_count, ChunkCountOf(content));
    ASSERT_EQ(neighbor.place, neighbor.chunk_count == 1
                                  ? ChunkPlace()
                                  : PlaceOfChunk(neighbor.chunk));
  }
  ASSERT_EQ(found, expected);
  // A budget of all rows makes a forest exact, too.
  COPSE_ASSERT_OK_AND_ASSIGN(const DocumentSearchResult whole,
                             reader.Search({.query = query,
                                            .neighbor_count = count,
                                            .scan_budget = 1000,
                                            .rerank_count = 1000,
                                            .types = types,
                                            .excluded_document_id = excluded}));
  ASSERT_EQ(whole.neighbors.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(whole.neighbors[i].document_id, expected[i].second) << i;
  }
}

void StoreModelTest::CheckDiff(const std::string& base,
                               const std::string& target) {
  const Snapshot& left = commits_.at(base);
  const Snapshot& right = commits_.at(target);
  std::map<std::string, DocumentChange::Kind> expected;
  for (const auto& [id, content] : left) {
    if (!right.contains(id)) {
      expected[id] = DocumentChange::Kind::kDeleted;
    } else if (right.at(id) != content) {
      expected[id] = DocumentChange::Kind::kReplaced;
    }
  }
  for (const auto& [id, content] : right) {
    if (!left.contains(id)) {
      expected[id] = DocumentChange::Kind::kInserted;
    }
  }
  std::vector<std::pair<std::string, DocumentChange::Kind>> found;
  ASSERT_THAT(test_->DiffCommits(
                  {.domain = "d", .base_commit = base, .target_commit = target},
                  [&](const DocumentChange& change) {
                    found.emplace_back(change.document_id, change.kind);
                    return absl::OkStatus();
                  }),
              IsOk());
  ASSERT_THAT(found, ElementsAreArray(expected));
}

TEST_P(StoreModelTest, BehavesAsTheModel) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam().seed));
  for (int step = 0; step < 120 && !HasFatalFailure(); ++step) {
    const uint32_t draw = random_() % 24;
    if (draw == 0) {
      readers_.clear();  // One keeps the folder open.
      test_.Reopen();
    } else if (draw <= 3) {
      DeleteCommit();
    } else if (draw <= 5) {
      Collect();
      CheckReaders();
    } else if (draw == 6) {
      OpenReader();
    } else if (draw == 7 && step < 60 && random_() % 3 == 0) {
      DeleteDomain();
    } else if (draw == 8) {
      RenameBranch();
    } else {
      Push();
    }
    if (!commits_.empty() && step % 3 == 0) {
      CheckCommit(DrawCommit());
      CheckDiff(DrawCommit(), DrawCommit());
    }
  }
  for (const auto& [branch, head] : branches_) {
    if (!head.empty()) {
      COPSE_ASSERT_OK_AND_ASSIGN(const BranchInfo info,
                                 test_->GetBranch("d", branch));
      EXPECT_EQ(info.head_commit, head);
    }
  }
  CheckReaders();
  readers_.clear();
  test_.Reopen();
  Collect();
  EXPECT_GT(removed_row_count_, 0);
  if (GetParam().dimension > 6) {
    EXPECT_GT(rewritten_segment_count_, 0);
  }
  for (const auto& [commit, snapshot] : commits_) {
    ASSERT_THAT(test_.ReadAll("d", commit),
                IsOkAndHolds(ElementsAreArray(snapshot)));
  }
  COPSE_ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                             test_->VerifyDomain("d"));
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.commits_checked, static_cast<int64_t>(commits_.size()));
  COPSE_ASSERT_OK_AND_ASSIGN(const SizeReport sizes, test_->MeasureSizes("d"));
  EXPECT_EQ(sizes.commits.size(), commits_.size());
  if (GetParam().forest_row_count_min < 100) {
    EXPECT_GT(report.pages_checked, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Seeds, StoreModelTest,
    ::testing::Values(Parameters{1, Metric::kCosine, 2048},
                      Parameters{2, Metric::kEuclidean, 2048},
                      Parameters{3, Metric::kCosine, 10, 300},
                      Parameters{4, Metric::kHamming, 10},
                      Parameters{5, Metric::kDotProduct, 8, 300},
                      Parameters{6, Metric::kManhattan, 12},
                      Parameters{7, Metric::kCosine, 10, 300,
                                 StoreOptions::FoldMode::kInBackground},
                      Parameters{8, Metric::kDotProduct, 8, 6,
                                 StoreOptions::FoldMode::kInBackground}),
    [](const auto& test) { return absl::StrCat("Seed", test.param.seed); });

}  // namespace
}  // namespace copse
