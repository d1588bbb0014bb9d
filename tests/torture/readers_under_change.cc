// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Threads search random commits of a store, first alone, and then while others
// push, fold, delete commits, collect garbage and make backups. Every answer is
// compared with a model, and so are those of the last backup, restored.
//
//   readers_under_change --seconds 600 --threads 8
//
// The result is JSON on standard output: searches and their latencies before
// and during the change. The exit code is 1 at the first wrong answer or error.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "index/split_mix.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "tests/torture/change_model.h"
#include "tests/torture/model.h"
#include "versioning/backup.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kExitUsage = 2;
constexpr char kDomain[] = "d";
constexpr std::array kBranches = {"left", "right"};

// A store has so many commits while it is changed, give or take a few.
constexpr size_t kCommitCount = 40;

// A reader is kept for so many searches, whatever becomes of its commit.
constexpr uint64_t kSearchesPerReaderMax = 50;

constexpr int64_t kBackupCount = 3;
constexpr int kRestoredSearchCount = 400;

struct Options {
  double seconds = 600;
  uint32_t thread_count = 8;
  uint32_t document_count = 4000;
  uint32_t changes_per_push = 60;
  uint64_t seed = 0;
  std::string folder;
};

// What one thread, or all of them, measured in one phase.
struct Searches {
  std::vector<float> microseconds;
  int64_t exact_count = 0;
  int64_t hit_count = 0;  // Of those that were not exact.
  int64_t wanted_count = 0;

  void Add(const Searches& other) {
    microseconds.insert(microseconds.end(), other.microseconds.begin(),
                        other.microseconds.end());
    exact_count += other.exact_count;
    hit_count += other.hit_count;
    wanted_count += other.wanted_count;
  }

  nlohmann::ordered_json ToJson() {
    std::ranges::sort(microseconds);
    const auto percentile = [this](double share) {
      return microseconds.empty()
                 ? 0.0F
                 : microseconds[static_cast<size_t>(
                       share * static_cast<double>(microseconds.size() - 1))];
    };
    return {
        {"searches", microseconds.size()},
        {"exact", exact_count},
        {"recall", static_cast<double>(hit_count) /
                       static_cast<double>(std::max<int64_t>(wanted_count, 1))},
        {"p50_us", percentile(0.5)},
        {"p99_us", percentile(0.99)},
        {"max_us", percentile(1)}};
  }
};

struct Changes {
  std::atomic<int64_t> pushes = 0;
  std::atomic<int64_t> folds = 0;
  std::atomic<int64_t> deletions = 0;
  std::atomic<int64_t> collections = 0;
  std::atomic<int64_t> backups = 0;
  std::atomic<int64_t> removed_rows = 0;
  std::atomic<int64_t> rewritten_segments = 0;
  std::atomic<int64_t> readers_of_deleted = 0;
};

class Run {
 public:
  explicit Run(const Options& options) : options_(options) {}

  absl::Status Start();
  // Searches for so long, and changes meanwhile if that is asked for.
  absl::Status RunPhase(double seconds, bool is_changed, Searches& searches);
  const Changes& changes() const { return changes_; }

  // Restores the last backup, and checks what it answers. Returns how many
  // searches were compared.
  absl::StatusOr<int64_t> CheckBackup();

 private:
  void Fail(const absl::Status& status) {
    MutexLock lock(mutex_);
    status_.Update(status);
    is_over_.store(true);
  }
  absl::Status status() const {
    MutexLock lock(mutex_);
    return status_;
  }

  absl::Status SearchUntilOver(uint64_t seed, Searches& searches);
  absl::Status SearchOnce(const CommitReader& reader, const Snapshot& snapshot,
                          internal::SplitMix& random, Searches& searches) const;
  absl::Status Push(const std::string& branch, internal::SplitMix& random,
                    Snapshot& head, std::string& head_commit);
  absl::Status PushUntilOver(size_t branch, uint64_t seed);
  absl::Status DeleteUntilOver(uint64_t seed);
  absl::Status CollectUntilOver();
  absl::Status BackUpUntilOver();

  std::string folder() const {
    return options_.folder.empty() ? own_folder_.path() : options_.folder;
  }

  const Options options_;
  const TestFolder own_folder_;
  ChangeModel model_;
  Changes changes_;
  std::array<Snapshot, kBranches.size()> heads_;
  std::array<std::string, kBranches.size()> head_commits_;
  std::unique_ptr<Store> store_;
  std::atomic<int64_t> commit_number_ = 0;
  std::atomic<bool> is_over_ = false;
  mutable Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

absl::Status Run::Start() {
  StoreOptions options;
  options.folder = folder() + "/data";
  options.free_space_min_bytes = 0;
  options.thread_count = 1;
  // Less than all commits take.
  options.pool_size_bytes = int64_t{4} << 20;
  options.forest_row_count_min = options_.document_count / 8;
  options.fold_mode = StoreOptions::FoldMode::kInBackground;
  options.on_fold = [this](const FoldReport& report) {
    if (absl::IsCancelled(report.status)) {
      return;  // The run has ended.
    }
    ++changes_.folds;
    if (!report.status.ok()) {
      Fail(AnnotateStatus(report.status, "a fold"));
    }
  };
  COPSE_ASSIGN_OR_RETURN(store_, Store::Open(options));
  COPSE_RETURN_IF_ERROR(
      store_
          ->CreateDomain({.domain = kDomain,
                          .metric = ChangeModel::kMetric,
                          .dimension = ChangeModel::kDimension})
          .status());
  internal::SplitMix random(options_.seed);
  for (size_t i = 0; i < kBranches.size(); ++i) {
    for (size_t j = 0; j < kCommitCount / kBranches.size(); ++j) {
      COPSE_RETURN_IF_ERROR(
          Push(kBranches[i], random, heads_[i], head_commits_[i]));
    }
  }
  store_->WaitForFolds();
  return status();
}

// ---- Searches --------------------------------------------------------------

absl::Status Run::SearchOnce(const CommitReader& reader,
                             const Snapshot& snapshot,
                             internal::SplitMix& random,
                             Searches& searches) const {
  const std::vector<float> query =
      MakeVector(ChangeModel::kMetric, ChangeModel::kDimension,
                 static_cast<uint32_t>(random.Next()));
  const DocumentSearchOptions options = {
      .query = query, .neighbor_count = 10, .exact = random.Below(4) == 0};
  const Clock::time_point start = Clock::now();
  COPSE_ASSIGN_OR_RETURN(const DocumentSearchResult result,
                         reader.Search(options));
  searches.microseconds.push_back(
      std::chrono::duration<float, std::micro>(Clock::now() - start).count());
  COPSE_ASSIGN_OR_RETURN(const size_t hit_count,
                         model_.Check(snapshot, query, options, result));
  if (options.exact) {
    ++searches.exact_count;
  } else {
    searches.hit_count += static_cast<int64_t>(hit_count);
    searches.wanted_count += static_cast<int64_t>(options.neighbor_count);
  }
  return absl::OkStatus();
}

absl::Status Run::SearchUntilOver(uint64_t seed, Searches& searches) {
  internal::SplitMix random(seed);
  while (!is_over_.load()) {
    const ChangeModel::Commit commit = model_.Draw(random);
    const auto reader = store_->OpenCommit(kDomain, commit.name);
    if (absl::IsNotFound(reader.status()) && !model_.Has(commit.name)) {
      continue;  // Deleted in between.
    }
    COPSE_RETURN_IF_ERROR(reader.status());
    for (uint64_t i = 1 + random.Below(kSearchesPerReaderMax);
         i > 0 && !is_over_.load(); --i) {
      COPSE_RETURN_IF_ERROR(AnnotateStatus(
          SearchOnce(**reader, *commit.snapshot, random, searches),
          absl::StrCat("a search at ", commit.name)));
    }
    if (!model_.Has(commit.name)) {
      ++changes_.readers_of_deleted;
    }
  }
  return absl::OkStatus();
}

// ---- Changes ---------------------------------------------------------------

absl::Status Run::Push(const std::string& branch, internal::SplitMix& random,
                       Snapshot& head, std::string& head_commit) {
  auto snapshot = std::make_shared<Snapshot>(head);
  std::vector<TestDocument> upserts;
  std::vector<std::string> deletes;
  const uint32_t change_count =
      head.empty() ? options_.document_count : options_.changes_per_push;
  for (uint32_t i = 0; i < change_count; ++i) {
    const std::string id =
        absl::StrCat("document", random.Below(options_.document_count));
    if (random.Below(8) == 0) {
      snapshot->erase(id);
      deletes.push_back(id);
      std::erase_if(upserts, [&id](const TestDocument& document) {
        return document.id == id;
      });
    } else {
      const auto content =
          static_cast<uint32_t>(random.Below(ChangeModel::kContentCountMax));
      (*snapshot)[id] = content;
      upserts.push_back({.id = id, .content = content});
      std::erase(deletes, id);
    }
  }
  const std::string commit = absl::StrCat("c", commit_number_++);
  COPSE_RETURN_IF_ERROR(TestStore::PushTo(*store_,
                                          {.domain = kDomain,
                                           .commit = commit,
                                           .parent_commit = head_commit,
                                           .branch = branch},
                                          upserts, deletes)
                            .status());
  ++changes_.pushes;
  model_.Add({.name = commit, .snapshot = snapshot});
  head = *snapshot;
  head_commit = commit;
  return absl::OkStatus();
}

absl::Status Run::PushUntilOver(size_t branch, uint64_t seed) {
  internal::SplitMix random(seed);
  while (!is_over_.load()) {
    COPSE_RETURN_IF_ERROR(AnnotateStatus(
        Push(kBranches[branch], random, heads_[branch], head_commits_[branch]),
        "a push"));
  }
  return absl::OkStatus();
}

absl::Status Run::DeleteUntilOver(uint64_t seed) {
  internal::SplitMix random(seed);
  while (!is_over_.load()) {
    if (model_.commit_count() <= kCommitCount) {
      std::this_thread::yield();
      continue;
    }
    const ChangeModel::Commit commit = model_.Draw(random);
    model_.Remove(commit.name);
    const absl::Status status = store_->DeleteCommit(kDomain, commit.name);
    if (absl::IsFailedPrecondition(status)) {
      model_.Add(commit);  // A head.
      continue;
    }
    if (absl::IsNotFound(status)) {
      return AnnotateStatus(status, "a deletion");
    }
    COPSE_RETURN_IF_ERROR(status);
    ++changes_.deletions;
  }
  return absl::OkStatus();
}

absl::Status Run::CollectUntilOver() {
  while (!is_over_.load()) {
    COPSE_ASSIGN_OR_RETURN(const GarbageReport report,
                           store_->CollectGarbage(kDomain, {}));
    ++changes_.collections;
    changes_.removed_rows += report.rows.removed_count;
    changes_.rewritten_segments += report.rewritten_segment_count;
  }
  return absl::OkStatus();
}

absl::Status Run::BackUpUntilOver() {
  while (!is_over_.load()) {
    COPSE_RETURN_IF_ERROR(
        AnnotateStatus(store_
                           ->CreateBackup({.folder = folder() + "/backups",
                                           .kept_count = kBackupCount})
                           .status(),
                       "a backup"));
    ++changes_.backups;
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Run::CheckBackup() {
  const std::string restored = folder() + "/restored";
  COPSE_RETURN_IF_ERROR(RestoreBackup({.backup_folder = folder() + "/backups",
                                       .data_folder = restored})
                            .status());
  COPSE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Store> store,
      Store::Open({.folder = restored, .free_space_min_bytes = 0}));
  internal::SplitMix random(options_.seed);
  Searches searches;
  for (int i = 0; i < kRestoredSearchCount; ++i) {
    const ChangeModel::Commit commit = model_.Draw(random);
    const auto reader = store->OpenCommit(kDomain, commit.name);
    if (absl::IsNotFound(reader.status())) {
      continue;  // Pushed later.
    }
    COPSE_RETURN_IF_ERROR(reader.status());
    COPSE_RETURN_IF_ERROR(AnnotateStatus(
        SearchOnce(**reader, *commit.snapshot, random, searches),
        absl::StrCat("a search of the backup at ", commit.name)));
  }
  return static_cast<int64_t>(searches.microseconds.size());
}

absl::Status Run::RunPhase(double seconds, bool is_changed,
                           Searches& searches) {
  is_over_.store(false);
  std::vector<Searches> parts(options_.thread_count);
  {
    std::vector<std::jthread> threads;
    uint64_t part = is_changed ? 1000 : 0;
    const auto start = [&](auto work) {
      threads.emplace_back(
          [this, work, seed = internal::DerivedSeed(options_.seed, ++part)] {
            const absl::Status status = work(seed);
            if (!status.ok()) {
              Fail(status);
            }
          });
    };
    for (Searches& own : parts) {
      start([this, &own](uint64_t seed) { return SearchUntilOver(seed, own); });
    }
    if (is_changed) {
      for (size_t i = 0; i < kBranches.size(); ++i) {
        start([this, i](uint64_t seed) { return PushUntilOver(i, seed); });
      }
      start([this](uint64_t seed) { return DeleteUntilOver(seed); });
      start([this](uint64_t) { return CollectUntilOver(); });
      start([this](uint64_t) { return BackUpUntilOver(); });
    }
    const Clock::time_point end =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(
                           std::chrono::duration<double>(seconds));
    while (Clock::now() < end && !is_over_.load()) {
      absl::SleepFor(absl::Milliseconds(20));
    }
    is_over_.store(true);
  }
  for (const Searches& own : parts) {
    searches.Add(own);
  }
  return status();
}

// ---- The program -----------------------------------------------------------

absl::Status RunAll(const Options& options) {
  Run run(options);
  COPSE_RETURN_IF_ERROR(run.Start());
  constexpr double kShareBefore = 0.1;
  Searches before;
  COPSE_RETURN_IF_ERROR(
      run.RunPhase(options.seconds * kShareBefore, false, before));
  Searches during;
  COPSE_RETURN_IF_ERROR(run.RunPhase(options.seconds, true, during));
  COPSE_ASSIGN_OR_RETURN(const int64_t restored_search_count,
                         run.CheckBackup());
  const Changes& changes = run.changes();
  const nlohmann::ordered_json json = {
      {"seed", options.seed},
      {"seconds", options.seconds},
      {"threads", options.thread_count},
      {"documents", options.document_count},
      {"before", before.ToJson()},
      {"during", during.ToJson()},
      {"pushes", changes.pushes.load()},
      {"folds", changes.folds.load()},
      {"deletions", changes.deletions.load()},
      {"collections", changes.collections.load()},
      {"backups", changes.backups.load()},
      {"searches_of_the_last_backup", restored_search_count},
      {"removed_rows", changes.removed_rows.load()},
      {"rewritten_segments", changes.rewritten_segments.load()},
      {"readers_of_deleted", changes.readers_of_deleted.load()}};
  std::cout << json.dump(2) << "\n";
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Options options;
  options.seed = std::random_device()();
  CLI::App app("Searches a store while it is changed, and checks each answer.",
               "readers_under_change");
  app.add_option("--seconds", options.seconds,
                 "How long to search under change; a tenth of it before")
      ->capture_default_str();
  app.add_option("--threads", options.thread_count, "How many search")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--documents", options.document_count,
                 "How many a commit has, about")
      ->check(CLI::Range(100, 1'000'000))
      ->capture_default_str();
  app.add_option("--changes", options.changes_per_push,
                 "How many of them a push changes")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Drawn unless given, and printed");
  app.add_option("--folder", options.folder,
                 "Where the data folder is made; a folder of its own unless "
                 "given");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  std::cerr << "seed " << options.seed << "\n";
  const absl::Status status = RunAll(options);
  if (!status.ok()) {
    std::cerr << "readers_under_change: " << status.ToString() << "\n";
  }
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) {
  try {
    return copse::Main(argc, argv);
  } catch (const std::exception& exception) {
    std::cerr << "readers_under_change: " << exception.what() << "\n";
    return 1;
  }
}
