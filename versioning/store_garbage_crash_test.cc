// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A child process collects garbage and ends at its first, second, third ...
// call of the operating system that changes a file: those of RocksDB and of the
// segments alike. Each child first finds every commit whole and what the one
// before has left, so that a collection that was cut short anywhere loses
// nothing, and the next one goes on.

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "index/util/check.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/test_folder.h"
#include "versioning/testing/child_process.h"
#include "versioning/testing/file_calls.h"

namespace copse {
namespace {

// How many calls are left before the process ends; negative: it does not.
std::atomic<int64_t> calls_left = -1;

int CountCall(const FileCall& /*call*/) {
  if (calls_left.load() >= 0 && calls_left.fetch_sub(1) == 0) {
    ::_exit(0);
  }
  return 0;
}

// Each place is 1,536 bytes, so that a few rows are worth a rewritten segment.
constexpr uint32_t kDimension = 384;

using Snapshot = std::map<std::string, uint32_t>;

std::unique_ptr<Store> OpenStore(const std::string& folder) {
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open({.folder = folder,
                   .free_space_min_bytes = 0,
                   .thread_count = 1,
                   .forest = {.fan_out = 8, .leaf_row_count = 8},
                   .forest_row_count_min = 50});
  COPSE_CHECK(store.ok(), store.status().ToString());
  return *std::move(store);
}

Snapshot Documents(uint32_t first, uint32_t count, uint32_t content) {
  Snapshot documents;
  for (uint32_t i = 0; i < count; ++i) {
    documents[absl::StrCat("doc", first + i)] = content + i;
  }
  return documents;
}

void Push(Store& store, const std::string& commit, const std::string& parent,
          const Snapshot& documents) {
  std::vector<TestDocument> upserts;
  for (const auto& [id, content] : documents) {
    upserts.push_back({id, content});
  }
  const absl::Status status =
      TestStore::PushTo(
          store, {.domain = "d", .commit = commit, .parent_commit = parent},
          upserts)
          .status();
  COPSE_CHECK(status.ok(), status.ToString());
}

// The commits that are always there.
void CheckCommits(Store& store) {
  const Snapshot base = Documents(0, 120, 0);
  Snapshot child = base;
  for (const auto& [id, content] : Documents(100, 40, 700)) {
    child[id] = content;
  }
  const std::map<std::string, Snapshot> expected = {{"base", base},
                                                    {"child", child}};
  for (const auto& [commit, snapshot] : expected) {
    const auto found = TestStore::ReadAllOf(store, "d", commit);
    COPSE_CHECK(found.ok(), found.status().ToString());
    COPSE_CHECK(*found == snapshot, commit);
  }
  const absl::StatusOr<VerifyReport> report = store.VerifyDomain("d");
  COPSE_CHECK(report.ok(), report.status().ToString());
  for (const VerifyFinding& finding : report->findings) {
    COPSE_CHECK(false, absl::StrCat(finding.object, ": ", finding.message));
  }
}

// Commits that share rows with the others and have a forest, and are deleted,
// one of them by a rule of the collection.
void MakeGarbage(Store& store, int round) {
  const auto content = static_cast<uint32_t>(1000 * round);
  const std::string gone = absl::StrCat("gone", round);
  Push(store, gone, "base", Documents(60, 100, 10'000 + content));
  Push(store, gone + "x", gone, Documents(300, 60, 500'000 + content));
  for (const std::string& commit : {gone, gone + "x"}) {
    const absl::Status status = store.DeleteCommit("d", commit);
    COPSE_CHECK(status.ok(), status.ToString());
  }
}

// Ends the process at call `end_at` of a collection. Returns whether it came
// to its end before.
bool Collect(Store& store, int64_t end_at) {
  calls_left.store(end_at);
  const absl::StatusOr<GarbageReport> report = store.CollectGarbage("d", {});
  const int64_t left = calls_left.exchange(-1);
  COPSE_CHECK(report.ok(), report.status().ToString());
  COPSE_CHECK(report->commits.kept_count == 2);
  return left >= 0;
}

TEST(StoreGarbageCrashTest, GoesOnAfterACrashAtAnyWrite) {
  SetFileCallHook(CountCall);
  const TestFolder folder;
  const std::string path = folder.path() + "/data";
  RunChildProcess([&path](int) {
    const std::unique_ptr<Store> store = OpenStore(path);
    COPSE_CHECK(store
                    ->CreateDomain({.domain = "d",
                                    .metric = Metric::kEuclidean,
                                    .dimension = kDimension})
                    .ok());
    Push(*store, "base", "", Documents(0, 120, 0));
    Push(*store, "child", "base", Documents(100, 40, 700));
  });
  int64_t end_at = 0;
  bool is_done = false;
  for (int round = 0; !is_done; ++round) {
    ASSERT_LT(round, 200);
    const std::string report = RunChildProcess([&](int channel) {
      const std::unique_ptr<Store> store = OpenStore(path);
      CheckCommits(*store);
      MakeGarbage(*store, round);
      if (Collect(*store, end_at)) {
        CheckCommits(*store);
        COPSE_CHECK(::write(channel, "x", 1) == 1);
      }
    });
    ASSERT_FALSE(HasFailure()) << "call " << end_at;
    is_done = !report.empty();
    // The first calls, up to the synced deletion, one by one; later ones are
    // mostly those of tables that are compacted.
    end_at += end_at < 20 ? 1 : 3;
  }
  std::printf("a collection has about %ld calls\n", static_cast<long>(end_at));
  EXPECT_GT(end_at, 20);
  // Nothing of all that is left.
  RunChildProcess([&path](int) {
    const std::unique_ptr<Store> store = OpenStore(path);
    CheckCommits(*store);
    const absl::StatusOr<GarbageReport> last = store->CollectGarbage("d", {});
    COPSE_CHECK(last.ok(), last.status().ToString());
    COPSE_CHECK(last->rows.removed_count == 0);
    COPSE_CHECK(last->rows.kept_count == 160);
    COPSE_CHECK(last->rewritten_segment_count == 0);
    CheckCommits(*store);
  });
}

}  // namespace
}  // namespace copse
