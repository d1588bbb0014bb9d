// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// scale_bench: what a large domain costs, from its first commit to the
// collection of most of its history.
//
//   scale_bench --base base.npy --query query.npy --rows 1000000 --folder /data
//
// Rows beyond those of the file are rows of it with noise. The first commit
// brings all of them; large commits change a twentieth of all each, small ones,
// which follow, 1,000 documents. Then 9 of 10 commits are deleted and
// collected. Before that the store is closed and opened again. One JSON object
// goes to standard output. Exit codes: 0 done, 1 failed, 2 wrong usage.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "index/split_mix.h"
#include "index/util/status_macros.h"
#include "tests/bench/process_memory.h"
#include "tests/bench/search_runs.h"
#include "versioning/files.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr char kDomain[] = "scale";
constexpr size_t kNeighborCount = 10;
constexpr size_t kExactCount = 200;
constexpr size_t kUpsertCount = 256;
constexpr size_t kSmallChangeCount = 1000;
constexpr size_t kLargeChangeParts = 20;

struct Flags {
  BenchInput input;
  size_t row_count = 1000000;
  size_t small_commit_count = 50;
  size_t large_commit_count = 10;
  double noise = 0.02;  // Standard deviation is about 0.6 of it.
  std::string folder = "/tmp/copse-scale";
  bool keeps_folder = false;
};

// The vector of version `version` of document `document`: a row of the file,
// with noise that goes with both.
std::vector<float> VectorOf(const Flags& flags, const MemoryVectors& base,
                            size_t document, size_t version) {
  const std::span<const float> row = base.row(
      static_cast<Ordinal>((document + version * 7919) % base.row_count()));
  std::vector<float> vector(row.begin(), row.end());
  if (document < base.row_count() && version == 0) {
    return vector;
  }
  internal::SplitMix random((document << 8) + version);
  for (float& component : vector) {
    component += static_cast<float>(
        flags.noise * (static_cast<double>(random.Below(2001)) / 1000 - 1));
  }
  return vector;
}

class ScaleBench {
 public:
  explicit ScaleBench(Flags flags) : flags_(std::move(flags)) {}

  absl::StatusOr<nlohmann::ordered_json> Run() {
    COPSE_ASSIGN_OR_RETURN(data_, ReadBenchData(flags_.input));
    versions_.assign(flags_.row_count, 0);
    COPSE_RETURN_IF_ERROR(Open());
    report_ = {{"rows", flags_.row_count},
               {"dimension", data_.base.dimension()},
               {"memory_before_bytes", AnonymousMemoryBytes()}};
    COPSE_RETURN_IF_ERROR(MakeFirst());
    COPSE_RETURN_IF_ERROR(Search("search_of_the_first_commit"));
    COPSE_RETURN_IF_ERROR(MakeCommits("large", flags_.large_commit_count,
                                      flags_.row_count / kLargeChangeParts));
    COPSE_RETURN_IF_ERROR(
        MakeCommits("small", flags_.small_commit_count, kSmallChangeCount));
    COPSE_RETURN_IF_ERROR(Search("search_of_the_last_commit"));
    report_["memory_after_searches_bytes"] = AnonymousMemoryBytes();
    COPSE_RETURN_IF_ERROR(OpenAgain());
    COPSE_RETURN_IF_ERROR(Collect());
    return std::move(report_);
  }

 private:
  absl::Status Open() {
    StoreOptions options = {.folder = flags_.folder, .free_space_min_bytes = 0};
    options.thread_count = flags_.input.forest.thread_count;
    options.forest = flags_.input.forest;
    options.fold_mode = StoreOptions::FoldMode::kInBackground;
    COPSE_ASSIGN_OR_RETURN(store_, Store::Open(options));
    return absl::OkStatus();
  }

  absl::Status MakeFirst() {
    COPSE_RETURN_IF_ERROR(
        store_
            ->CreateDomain(
                {.domain = kDomain,
                 .metric = flags_.input.forest.metric,
                 .dimension = static_cast<uint32_t>(data_.base.dimension())})
            .status());
    std::vector<size_t> documents(flags_.row_count);
    for (size_t i = 0; i < documents.size(); ++i) {
      documents[i] = i;
    }
    flags_.input.progress("the first commit");
    const Stopwatch watch;
    COPSE_RETURN_IF_ERROR(Commit(documents));
    report_["first_commit_seconds"] = watch.Seconds();
    store_->WaitForFolds();
    report_["first_commit_with_fold_seconds"] = watch.Seconds();
    report_["memory_after_first_commit_bytes"] = AnonymousMemoryBytes();
    return SayFolderSize("folder_after_first_commit_bytes");
  }

  absl::Status MakeCommits(const std::string& kind, size_t commit_count,
                           size_t change_count) {
    flags_.input.progress(
        absl::StrCat(commit_count, " commits of ", change_count, " changes"));
    std::vector<double> seconds;
    for (size_t i = 0; i < commit_count; ++i) {
      std::vector<size_t> documents;
      for (size_t j = 0; j < change_count; ++j) {
        documents.push_back(random_.Below(flags_.row_count));
        ++versions_[documents.back()];
      }
      const Stopwatch watch;
      COPSE_RETURN_IF_ERROR(Commit(documents));
      seconds.push_back(watch.Seconds());
    }
    const Stopwatch watch;
    store_->WaitForFolds();
    if (!seconds.empty()) {
      report_[kind + "_commits"] = {
          {"count", commit_count},
          {"changes", change_count},
          {"p50_seconds", internal::Percentile(seconds, 0.5)},
          {"p99_seconds", internal::Percentile(seconds, 0.99)},
          {"waited_for_folds_seconds", watch.Seconds()}};
    }
    return SayFolderSize(absl::StrCat("folder_after_", kind, "_commits_bytes"));
  }

  absl::Status Commit(std::span<const size_t> documents) {
    CommitOptions options = {.domain = kDomain,
                             .commit = absl::StrCat("c", commit_count_ + 1),
                             .branch = "main"};
    if (commit_count_ > 0) {
      options.parent_commit = absl::StrCat("c", commit_count_);
    }
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<CommitBuilder> builder,
                           store_->BeginCommit(options));
    while (!documents.empty()) {
      const size_t count = std::min(documents.size(), kUpsertCount);
      COPSE_RETURN_IF_ERROR(Upsert(*builder, documents.first(count)));
      documents = documents.subspan(count);
    }
    ++commit_count_;
    return builder->Commit({}).status();
  }

  absl::Status Upsert(CommitBuilder& builder,
                      std::span<const size_t> documents) {
    std::vector<Document> batch;
    batch.reserve(documents.size());
    std::vector<std::vector<float>> vectors;
    vectors.reserve(documents.size());
    std::vector<EmbeddedDocument> embedded;
    for (const size_t document : documents) {
      batch.push_back({.id = absl::StrCat("document/", document),
                       .type = "Page",
                       .attributes = {},
                       .text = absl::StrCat("document ", document, " version ",
                                            versions_[document]),
                       .vector = std::nullopt});
      vectors.push_back(
          VectorOf(flags_, data_.base, document, versions_[document]));
      embedded.push_back({.document = &batch.back(), .vector = vectors.back()});
    }
    return builder.Upsert(embedded);
  }

  absl::Status SayFolderSize(const std::string& key) {
    COPSE_RETURN_IF_ERROR(store_->Flush());
    COPSE_ASSIGN_OR_RETURN(const int64_t size_bytes,
                           AllocatedSizeBytes(flags_.folder));
    report_[key] = size_bytes;
    return absl::OkStatus();
  }

  // Searches the last commit by recall targets, and exactly.
  absl::Status Search(const std::string& key) {
    COPSE_ASSIGN_OR_RETURN(
        const auto reader,
        store_->OpenCommit(kDomain, absl::StrCat("c", commit_count_)));
    std::vector<std::vector<Neighbor>> truth;
    for (Ordinal i = 0; i < std::min(kExactCount, data_.queries.row_count());
         ++i) {
      COPSE_ASSIGN_OR_RETURN(
          const DocumentSearchResult exact,
          reader->Search({.query = data_.queries.row(i), .exact = true}));
      truth.push_back(ToNeighbors(exact));
    }
    for (const double recall_target : {0.9, 0.95, 0.99}) {
      COPSE_RETURN_IF_ERROR(
          SearchFor(*reader, recall_target, truth, report_[key]));
    }
    return absl::OkStatus();
  }

  absl::Status SearchFor(const CommitReader& reader, double recall_target,
                         const std::vector<std::vector<Neighbor>>& truth,
                         nlohmann::ordered_json& results) {
    std::vector<double> seconds;
    std::vector<std::vector<Neighbor>> found;
    SearchWork work;
    for (Ordinal i = 0; i < data_.queries.row_count(); ++i) {
      const Stopwatch watch;
      COPSE_ASSIGN_OR_RETURN(const DocumentSearchResult result,
                             reader.Search({.query = data_.queries.row(i),
                                            .recall_target = recall_target}));
      seconds.push_back(watch.Seconds());
      work.rows_scanned += result.work.rows_scanned;
      work.rows_reranked += result.work.rows_reranked;
      if (i < truth.size()) {
        found.push_back(ToNeighbors(result));
      }
    }
    const auto count = static_cast<int64_t>(data_.queries.row_count());
    results.push_back({{"recall_target", recall_target},
                       {"recall_at_10", Recall(truth, found, kNeighborCount)},
                       {"rows_scanned", work.rows_scanned / count},
                       {"rows_reranked", work.rows_reranked / count},
                       {"p50_ms", 1e3 * internal::Percentile(seconds, 0.5)},
                       {"p99_ms", 1e3 * internal::Percentile(seconds, 0.99)}});
    return absl::OkStatus();
  }

  static std::vector<Neighbor> ToNeighbors(const DocumentSearchResult& result) {
    std::vector<Neighbor> neighbors;
    for (const DocumentNeighbor& neighbor : result.neighbors) {
      neighbors.push_back({0, neighbor.distance});
    }
    return neighbors;
  }

  // Opens the store and its last commit with empty pools.
  absl::Status OpenAgain() {
    store_.reset();
    const int64_t memory_bytes = AnonymousMemoryBytes();
    const Stopwatch starting;
    COPSE_RETURN_IF_ERROR(Open());
    report_["start_seconds"] = starting.Seconds();
    const Stopwatch opening;
    COPSE_ASSIGN_OR_RETURN(
        const auto reader,
        store_->OpenCommit(kDomain, absl::StrCat("c", commit_count_)));
    report_["cold_open_seconds"] = opening.Seconds();
    const Stopwatch searching;
    COPSE_RETURN_IF_ERROR(
        reader->Search({.query = data_.queries.row(0)}).status());
    report_["first_search_seconds"] = searching.Seconds();
    report_["memory_for_it_bytes"] = AnonymousMemoryBytes() - memory_bytes;
    return absl::OkStatus();
  }

  // Deletes all commits but the last tenth, and what they alone used.
  absl::Status Collect() {
    flags_.input.progress("deleting 9 of 10 commits");
    const size_t deleted_count = commit_count_ - (commit_count_ + 9) / 10;
    const Stopwatch deleting;
    for (size_t i = 1; i <= deleted_count; ++i) {
      COPSE_RETURN_IF_ERROR(
          store_->DeleteCommit(kDomain, absl::StrCat("c", i)));
    }
    report_["deleted_commits"] = deleted_count;
    report_["delete_seconds"] = deleting.Seconds();
    COPSE_RETURN_IF_ERROR(SayFolderSize("folder_before_collection_bytes"));
    const Stopwatch watch;
    COPSE_ASSIGN_OR_RETURN(const GarbageReport garbage,
                           store_->CollectGarbage(kDomain, {}));
    report_["collection_seconds"] = watch.Seconds();
    report_["collection_removed_rows"] = garbage.rows.removed_count;
    report_["collection_kept_rows"] = garbage.rows.kept_count;
    report_["memory_after_collection_bytes"] = AnonymousMemoryBytes();
    return SayFolderSize("folder_after_collection_bytes");
  }

  Flags flags_;
  BenchData data_;
  internal::SplitMix random_{1};
  std::vector<size_t> versions_;  // Of each document.
  std::unique_ptr<Store> store_;
  size_t commit_count_ = 0;
  nlohmann::ordered_json report_;
};

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("What a large domain costs");
  app.option_defaults()->always_capture_default();
  flags.input.progress = [](absl::string_view line) {
    std::cerr << line << "\n";
  };
  app.add_option("--base", flags.input.base_path, "Rows: .npy, .fvecs, .bvecs")
      ->required();
  app.add_option("--query", flags.input.query_path, "Queries: the same formats")
      ->required();
  app.add_option("--rows", flags.row_count, "Documents of the domain")
      ->check(CLI::Range(2000, 100000000));
  app.add_option("--noise", flags.noise,
                 "Added to each component of a row that is used again, at most")
      ->check(CLI::Range(0.0, 10.0));
  app.add_option("--small-commits", flags.small_commit_count,
                 "Commits of 1,000 changes");
  app.add_option("--large-commits", flags.large_commit_count,
                 "Commits that change a twentieth of the documents");
  app.add_option("--threads", flags.input.forest.thread_count,
                 "Threads of builds")
      ->check(CLI::Range(1, 256));
  app.add_option("--folder", flags.folder,
                 "Where the store is made, and removed again; must not exist");
  app.add_flag("--keep", flags.keeps_folder, "Leave the store");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (::access(flags.folder.c_str(), F_OK) == 0) {
    std::cerr << "--folder " << flags.folder
              << " exists, expected a name that is free\n";
    return 2;
  }
  const auto report = ScaleBench(flags).Run();
  if (!flags.keeps_folder) {
    RemoveTree(flags.folder).IgnoreError();
  }
  if (!report.ok()) {
    std::cerr << "scale_bench: " << report.status().message() << "\n";
    return 1;
  }
  std::cout << report->dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) { return copse::Main(argc, argv); }
