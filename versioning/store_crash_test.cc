// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A child process pushes and ends without warning: at the begin of every phase
// of a commit, and at random moments. Whoever opens the folder afterwards must
// find every commit that the child knew to be complete, and no part of another
// one. (What the operating system had not written yet survives the end of a
// process; what a lost machine loses is tested where the syncs are.)

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

#include "index/util/check.h"
#include "versioning/files.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/test_folder.h"
#include "versioning/testing/child_process.h"

namespace copse {
namespace {

StoreOptions Options(const std::string& folder) {
  return {.folder = folder,
          .free_space_min_bytes = 0,
          .thread_count = 1,
          .forest = {.fan_out = 8, .leaf_row_count = 8},
          .forest_row_count_min = 20};
}

// What commit `number` of a chain holds: each adds a document, replaces one
// and takes one away.
std::vector<TestDocument> UpsertsOf(const std::string& chain, uint32_t number) {
  std::vector<TestDocument> documents;
  for (uint32_t i = 0; i < 4; ++i) {
    documents.push_back(
        {absl::StrCat(chain, "doc", number * 4 + i), number * 100 + i});
  }
  documents.push_back({absl::StrCat(chain, "changing"), number});
  return documents;
}

std::vector<std::string> DeletesOf(const std::string& chain, uint32_t number) {
  return number == 0 ? std::vector<std::string>()
                     : std::vector<std::string>{
                           absl::StrCat(chain, "doc", number * 4 - 1)};
}

std::map<std::string, uint32_t> SnapshotOf(const std::string& chain,
                                           uint32_t number) {
  std::map<std::string, uint32_t> snapshot;
  for (uint32_t i = 0; i <= number; ++i) {
    for (const TestDocument& document : UpsertsOf(chain, i)) {
      snapshot[document.id] = document.content;
    }
    for (const std::string& id : DeletesOf(chain, i)) {
      snapshot.erase(id);
    }
  }
  return snapshot;
}

// Pushes commit `number` of `chain` onto the one before.
absl::Status PushNext(
    Store& store, const std::string& chain, uint32_t number,
    const std::function<absl::Status(CommitPhase)>& on_phase = nullptr) {
  return TestStore::PushTo(
             store,
             {.domain = "d",
              .commit = absl::StrCat(chain, number),
              .parent_commit =
                  number == 0 ? "" : absl::StrCat(chain, number - 1),
              .branch = chain},
             UpsertsOf(chain, number), DeletesOf(chain, number), on_phase)
      .status();
}

using Counts = std::map<std::string, uint32_t>;

// Writes that `chain` has `count` complete commits.
void Report(int channel, const std::string& chain, uint32_t count) {
  const std::string line = absl::StrCat(chain, " ", count, "\n");
  COPSE_CHECK(::write(channel, line.data(), line.size()) ==
              static_cast<ssize_t>(line.size()));
}

// Runs `work` in a child process, and returns what it reported last of each
// chain.
Counts RunChild(const std::function<void(int channel)>& work) {
  const std::string report = RunChildProcess(work);
  Counts counts;
  const std::vector<std::string> lines =
      absl::StrSplit(report, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    COPSE_CHECK(words.size() == 2 &&
                absl::SimpleAtoi(words[1], &counts[words[0]]));
  }
  return counts;
}

std::unique_ptr<Store> OpenStore(const std::string& folder) {
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(Options(folder));
  COPSE_CHECK(store.ok(), store.status().ToString());
  return *std::move(store);
}

// In a child process: opens the store, checks each chain, of which at least
// the commits that `complete` counts must be there, and reports how many are.
Counts CheckStore(const std::string& folder, const Counts& complete) {
  return RunChild([&](int channel) {
    const std::unique_ptr<Store> store = OpenStore(folder);
    for (const auto& [chain, complete_count] : complete) {
      uint32_t count = 0;
      for (; store->GetCommit("d", absl::StrCat(chain, count)).ok(); ++count) {
        const auto found =
            TestStore::ReadAllOf(*store, "d", absl::StrCat(chain, count));
        COPSE_CHECK(found.ok(), found.status().ToString());
        COPSE_CHECK(*found == SnapshotOf(chain, count),
                    absl::StrCat(chain, count));
      }
      COPSE_CHECK(count >= complete_count, absl::StrCat(chain, count));
      const absl::StatusOr<BranchInfo> branch = store->GetBranch("d", chain);
      if (count == 0) {
        COPSE_CHECK(absl::IsNotFound(branch.status()));
      } else {
        COPSE_CHECK(branch.ok(), branch.status().ToString());
        COPSE_CHECK(branch->head_commit == absl::StrCat(chain, count - 1));
      }
      Report(channel, chain, count);
    }
    const absl::StatusOr<VerifyReport> report = store->VerifyDomain("d");
    COPSE_CHECK(report.ok(), report.status().ToString());
    for (const VerifyFinding& finding : report->findings) {
      COPSE_CHECK(false, absl::StrCat(finding.object, ": ", finding.message));
    }
  });
}

class StoreCrashTest : public ::testing::Test {
 protected:
  StoreCrashTest() : path_(folder_.path() + "/data") {
    RunChild([this](int) {
      const absl::Status status =
          OpenStore(path_)
              ->CreateDomain({.domain = "d", .dimension = 4})
              .status();
      COPSE_CHECK(status.ok(), status.ToString());
    });
  }

  TestFolder folder_;
  const std::string path_;
};

TEST_F(StoreCrashTest, EndsInEveryPhase) {
  Counts counts = {{"a", 0}};
  for (int round = 0; round < 3; ++round) {
    for (const CommitPhase last :
         {CommitPhase::kAppending, CommitPhase::kSyncing, CommitPhase::kFolding,
          CommitPhase::kPublishing, CommitPhase::kDone}) {
      const uint32_t before = counts["a"];
      RunChild([&](int) {
        const std::unique_ptr<Store> store = OpenStore(path_);
        for (uint32_t number = before;; ++number) {
          // A fold is due after some commits only.
          const absl::Status status =
              PushNext(*store, "a", number, [&](CommitPhase phase) {
                if (phase == last) {
                  ::_exit(0);
                }
                return absl::OkStatus();
              });
          COPSE_CHECK(status.ok(), status.ToString());
        }
      });
      counts = CheckStore(path_, counts);
      ASSERT_FALSE(HasFailure());
      if (last == CommitPhase::kDone) {
        EXPECT_EQ(counts["a"], before + 1);
      } else if (last != CommitPhase::kFolding) {
        EXPECT_EQ(counts["a"], before);
      }
    }
  }
}

TEST_F(StoreCrashTest, EndsAtRandomMomentsOfTwoBranches) {
  constexpr uint32_t kSeed = 20261121;
  std::mt19937 random(kSeed);
  SCOPED_TRACE(absl::StrCat("seed ", kSeed));
  Counts counts = {{"a", 0}, {"b", 0}};
  // On a busy machine ten rounds may be too short for a single commit.
  for (uint32_t round = 1; round <= 10 || counts["a"] + counts["b"] == 0;
       ++round) {
    // Most rounds end between two system calls of a push.
    const uint32_t life_us =
        (2000 + random() % 60000) * std::max(round / 10, 1U);
    const Counts complete = RunChild([&](int channel) {
      const std::unique_ptr<Store> store = OpenStore(path_);
      std::vector<std::thread> threads;
      for (const auto& [name, count] : counts) {
        threads.emplace_back([&, chain = name, first = count] {
          Report(channel, chain, first);
          for (uint32_t number = first;; ++number) {
            const absl::Status status = PushNext(*store, chain, number);
            COPSE_CHECK(status.ok(), status.ToString());
            Report(channel, chain, number + 1);
          }
        });
      }
      absl::SleepFor(absl::Microseconds(life_us));
      ::_exit(0);
    });
    for (const auto& [chain, count] : complete) {
      counts[chain] = count;
    }
    counts = CheckStore(path_, counts);
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(StoreCrashTest, ADeletionThatWasCutShortGoesOnAtTheNextStart) {
  RunChild([this](int) {
    const std::unique_ptr<Store> store = OpenStore(path_);
    COPSE_CHECK(PushNext(*store, "a", 0).ok());
    // The folder of a domain that a crash left without a record.
    COPSE_CHECK(CreateFolder(path_ + "/domains/77").ok());
    std::thread([&store] {
      store->DeleteDomain("d").IgnoreError();
      ::_exit(0);
    }).detach();
    while (store->GetDomain("d").ok()) {
      std::this_thread::yield();
    }
    ::_exit(0);  // In the middle of it.
  });
  RunChild([this](int) {
    const std::unique_ptr<Store> store = OpenStore(path_);
    COPSE_CHECK(absl::IsNotFound(store->GetDomain("d").status()));
    const auto folders = ListFolder(path_ + "/domains");
    COPSE_CHECK(folders.ok() && folders->empty());
    COPSE_CHECK(store->CreateDomain({.domain = "d", .dimension = 4}).ok());
    COPSE_CHECK(PushNext(*store, "a", 0).ok());
  });
  EXPECT_EQ(CheckStore(path_, {{"a", 1}})["a"], 1);
}

}  // namespace
}  // namespace copse
