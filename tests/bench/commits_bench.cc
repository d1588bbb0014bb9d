// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/commits_bench.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "index/distance.h"
#include "index/split_mix.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "tests/bench/exact_truth.h"
#include "tests/bench/search_runs.h"
#include "versioning/files.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr size_t kNeighborCount = 10;
constexpr uint64_t kSeed = 1;
constexpr double kFirstShare = 0.9;
constexpr double kBudgets[] = {0.02, 0.05};
constexpr size_t kUpsertCount = 256;
constexpr size_t kTextWordCount = 40;
constexpr int kSyncCount = 51;

using Row = Ordinal;

absl::string_view NameOf(ChangeOrder order) {
  return order == ChangeOrder::kClustered ? "clustered" : "scattered";
}

// A text of about 250 bytes: words of a small vocabulary, as texts have.
std::string TextOf(Row row) {
  internal::SplitMix random(row + 1);
  std::string text;
  for (size_t i = 0; i < kTextWordCount; ++i) {
    absl::StrAppend(&text, "word", random.Below(4000), " ");
  }
  return text;
}

absl::StatusOr<double> MedianSyncSeconds(const std::string& folder) {
  const std::string path = folder + "/sync";
  COPSE_ASSIGN_OR_RETURN(const FileDescriptor file,
                         OpenFile(path, O_RDWR | O_CREAT | O_TRUNC));
  const std::string block(4096, 's');
  std::vector<double> seconds;
  for (int i = 0; i < kSyncCount; ++i) {
    const Stopwatch watch;
    if (::pwrite(file.get(), block.data(), block.size(),
                 static_cast<off_t>(block.size()) * i) < 0 ||
        ::fdatasync(file.get()) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot sync ", path));
    }
    seconds.push_back(watch.Seconds());
  }
  return internal::Percentile(std::move(seconds), 0.5);
}

// Folds in the background, as the store tells of them.
class FoldLog {
 public:
  void Add(const FoldReport& report) {
    MutexLock lock(mutex_);
    status_.Update(report.status);
    ++count_;
    size_bytes_ += report.written_size_bytes;
  }

  absl::Status Read(int64_t& count, int64_t& size_bytes) const {
    MutexLock lock(mutex_);
    count = count_;
    size_bytes = size_bytes_;
    return status_;
  }

 private:
  mutable Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  int64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

// One commit: documents to delete, and those that get a row.
struct Change {
  std::vector<size_t> deleted;
  std::vector<std::pair<size_t, Row>> upserted;
};

// A store with one domain and a chain of commits, and what it should hold.
class History {
 public:
  History(const CommitsBenchOptions& options, const BenchData& data,
          std::string folder)
      : options_(options), data_(data), folder_(std::move(folder)) {}

  ~History() {
    store_.reset();
    RemoveTree(folder_).IgnoreError();
  }
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  absl::Status Open() {
    StoreOptions options = {.folder = folder_, .free_space_min_bytes = 0};
    options.thread_count = options_.forest.thread_count;
    options.forest = options_.forest;
    options.fold_mode = options_.folds_in_commit
                            ? StoreOptions::FoldMode::kInCommit
                            : StoreOptions::FoldMode::kInBackground;
    options.on_fold = [this](const FoldReport& report) { folds_.Add(report); };
    COPSE_ASSIGN_OR_RETURN(store_, Store::Open(options));
    return store_
        ->CreateDomain(
            {.domain = kDomain,
             .metric = options_.forest.metric,
             .dimension = static_cast<uint32_t>(data_.base.dimension())})
        .status();
  }

  // Makes the next commit of the chain. Adds the bytes that it must store.
  absl::StatusOr<CommitInfo> Commit(const Change& change, double& raw_bytes) {
    CommitOptions options = {.domain = kDomain,
                             .commit = absl::StrCat("c", commit_count_ + 1),
                             .branch = "main"};
    if (commit_count_ > 0) {
      options.parent_commit = absl::StrCat("c", commit_count_);
    }
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<CommitBuilder> builder,
                           store_->BeginCommit(options));
    COPSE_RETURN_IF_ERROR(Upsert(*builder, change.upserted, raw_bytes));
    for (const size_t document : change.deleted) {
      COPSE_RETURN_IF_ERROR(builder->Delete(IdOf(document)));
    }
    COPSE_ASSIGN_OR_RETURN(CommitInfo info, builder->Commit({}));
    ++commit_count_;
    return info;
  }

  absl::Status WaitForFolds() {
    store_->WaitForFolds();
    int64_t count = 0;
    int64_t size_bytes = 0;
    return folds_.Read(count, size_bytes);
  }

  absl::StatusOr<double> FolderBytes() {
    COPSE_RETURN_IF_ERROR(store_->Flush());
    COPSE_ASSIGN_OR_RETURN(const int64_t size_bytes,
                           AllocatedSizeBytes(folder_));
    return static_cast<double>(size_bytes);
  }

  const FoldLog& folds() const { return folds_; }

  // Recall@10 at the last commit, whose documents have the rows `live`.
  absl::StatusOr<double> RecallAt(
      size_t scan_budget, const std::vector<std::vector<Neighbor>>& truth) {
    COPSE_ASSIGN_OR_RETURN(
        const auto reader,
        store_->OpenCommit(kDomain, absl::StrCat("c", commit_count_)));
    size_t hits = 0;
    for (Ordinal i = 0; i < data_.queries.row_count(); ++i) {
      COPSE_ASSIGN_OR_RETURN(const DocumentSearchResult result,
                             reader->Search({.query = data_.queries.row(i),
                                             .neighbor_count = kNeighborCount,
                                             .scan_budget = scan_budget}));
      std::vector<Neighbor> found;
      for (const DocumentNeighbor& neighbor : result.neighbors) {
        found.push_back({.ordinal = 0, .distance = neighbor.distance});
      }
      hits += internal::CountHits(truth[i], found, kNeighborCount);
    }
    return static_cast<double>(hits) /
           static_cast<double>(data_.queries.row_count() * kNeighborCount);
  }

 private:
  static constexpr char kDomain[] = "bench";

  static std::string IdOf(size_t document) {
    return absl::StrCat("document/", document);
  }

  absl::Status Upsert(CommitBuilder& builder,
                      std::span<const std::pair<size_t, Row>> upserted,
                      double& raw_bytes) {
    while (!upserted.empty()) {
      const size_t count = std::min(upserted.size(), kUpsertCount);
      std::vector<Document> documents;
      documents.reserve(count);
      std::vector<EmbeddedDocument> embedded;
      for (const auto& [document, row] : upserted.first(count)) {
        documents.push_back({.id = IdOf(document),
                             .type = "Page",
                             .attributes = {},
                             .text = TextOf(row),
                             .vector = std::nullopt});
        embedded.push_back(
            {.document = &documents.back(), .vector = data_.base.row(row)});
        raw_bytes += static_cast<double>(documents.back().text->size() +
                                         data_.base.dimension() * 4);
      }
      COPSE_RETURN_IF_ERROR(builder.Upsert(embedded));
      upserted = upserted.subspan(count);
    }
    return absl::OkStatus();
  }

  const CommitsBenchOptions& options_;
  const BenchData& data_;
  const std::string folder_;
  FoldLog folds_;  // Outlives the store.
  std::unique_ptr<Store> store_;
  int64_t commit_count_ = 0;
};

// Which documents there are, and which rows they have.
class Population {
 public:
  explicit Population(const BenchData& data)
      : data_(data), random_(kSeed), spare_(data.base.ordinals()) {
    for (size_t i = spare_.size(); i > 1; --i) {
      std::swap(spare_[i - 1], spare_[random_.Below(i)]);
    }
  }

  // The change that brings the first documents.
  Change First() {
    Change change;
    const auto count = static_cast<size_t>(
        kFirstShare * static_cast<double>(data_.base.row_count()));
    for (size_t i = 0; i < count; ++i) {
      change.upserted.emplace_back(next_document_,
                                   TakeSpare(spare_.size() - 1));
      live_.push_back(change.upserted.back());
      ++next_document_;
    }
    return change;
  }

  // Deletes, inserts and replaces `count` documents in equal parts.
  Change Next(size_t count, ChangeOrder order) {
    if (order == ChangeOrder::kClustered) {
      SortByDistance(live_[random_.Below(live_.size())].second);
    }
    Change change;
    const size_t third = std::max<size_t>(count / 3, 1);
    std::vector<Row> freed;
    for (size_t i = 0; i < third; ++i) {
      const std::pair<size_t, Row> gone = TakeLive(order);
      change.deleted.push_back(gone.first);
      freed.push_back(gone.second);
      const std::pair<size_t, Row> replaced = TakeLive(order);
      change.upserted.emplace_back(replaced.first, DrawSpare(order));
      freed.push_back(replaced.second);
      change.upserted.emplace_back(next_document_, DrawSpare(order));
      ++next_document_;
    }
    live_.insert(live_.end(), change.upserted.begin(), change.upserted.end());
    spare_.insert(spare_.end(), freed.begin(), freed.end());
    return change;
  }

  size_t document_count() const { return live_.size(); }
  const std::vector<std::pair<size_t, Row>>& live() const { return live_; }

 private:
  // Both lists are sorted such that the nearest rows are at the end.
  void SortByDistance(Row center) {
    std::vector<float> distances(data_.base.row_count());
    KernelsFor(BestSimdLevel())
        .squared_euclidean_rows(
            data_.base.row(center).data(), data_.base.row(0).data(),
            data_.base.dimension(), distances.size(), distances.data());
    std::ranges::stable_sort(live_, std::greater(), [&](const auto& document) {
      return distances[document.second];
    });
    std::ranges::stable_sort(spare_, std::greater(),
                             [&](Row row) { return distances[row]; });
  }

  template <typename T>
  static T Take(std::vector<T>& list, size_t place) {
    std::swap(list[place], list.back());
    T taken = list.back();
    list.pop_back();
    return taken;
  }

  std::pair<size_t, Row> TakeLive(ChangeOrder order) {
    return Take(live_, order == ChangeOrder::kClustered
                           ? live_.size() - 1
                           : random_.Below(live_.size()));
  }
  Row TakeSpare(size_t place) { return Take(spare_, place); }
  Row DrawSpare(ChangeOrder order) {
    return TakeSpare(order == ChangeOrder::kClustered
                         ? spare_.size() - 1
                         : random_.Below(spare_.size()));
  }

  const BenchData& data_;
  internal::SplitMix random_;
  std::vector<Row> spare_;
  std::vector<std::pair<size_t, Row>> live_;
  size_t next_document_ = 0;
};

class CommitsBench {
 public:
  explicit CommitsBench(const CommitsBenchOptions& options)
      : options_(options) {}

  absl::StatusOr<CommitsBenchReport> Run() {
    COPSE_ASSIGN_OR_RETURN(data_, ReadBenchData(options_));
    report_.options = options_;
    report_.dimension = data_.base.dimension();
    COPSE_RETURN_IF_ERROR(CreateFolder(options_.folder));
    COPSE_ASSIGN_OR_RETURN(report_.fdatasync_seconds,
                           MedianSyncSeconds(options_.folder));
    for (const ChangeOrder order :
         {ChangeOrder::kScattered, ChangeOrder::kClustered}) {
      for (const double share : options_.shares) {
        COPSE_RETURN_IF_ERROR(RunShare(share, order));
      }
    }
    return std::move(report_);
  }

 private:
  absl::Status RunShare(double share, ChangeOrder order) {
    options_.progress(absl::StrFormat("%d commits that change %g %%, %s",
                                      options_.commit_count, 100 * share,
                                      NameOf(order)));
    Population population(data_);
    History history(options_, data_, options_.folder + "/store");
    COPSE_RETURN_IF_ERROR(history.Open());
    COPSE_RETURN_IF_ERROR(MakeFirst(history, population));
    CommitsBenchRun run = {
        .share = share,
        .order = order,
        .change_count = std::max<size_t>(
            static_cast<size_t>(
                share * static_cast<double>(population.document_count())),
            3)};
    COPSE_RETURN_IF_ERROR(MakeCommits(history, population, run));
    COPSE_RETURN_IF_ERROR(MeasureRecall(history, population, run));
    report_.runs.push_back(std::move(run));
    return absl::OkStatus();
  }

  // The times of the first run stand for all, as all begin alike.
  absl::Status MakeFirst(History& history, Population& population) {
    const Change first = population.First();
    const Stopwatch watch;
    double raw_bytes = 0;
    COPSE_RETURN_IF_ERROR(history.Commit(first, raw_bytes).status());
    const double commit_seconds = watch.Seconds();
    COPSE_RETURN_IF_ERROR(history.WaitForFolds());
    const double seconds = watch.Seconds();
    COPSE_ASSIGN_OR_RETURN(folder_bytes_, history.FolderBytes());
    if (report_.runs.empty()) {
      report_.documents = population.document_count();
      report_.full_seconds = seconds;
      report_.full_fold_seconds = seconds - commit_seconds;
      report_.full_folder_bytes = folder_bytes_;
    }
    return history.folds().Read(fold_count_, fold_bytes_);
  }

  absl::Status MakeCommits(History& history, Population& population,
                           CommitsBenchRun& run) {
    std::vector<double> seconds;
    for (size_t i = 0; i < options_.commit_count; ++i) {
      const Change change = population.Next(run.change_count, run.order);
      const Stopwatch watch;
      COPSE_ASSIGN_OR_RETURN(const CommitInfo info,
                             history.Commit(change, run.raw_bytes));
      seconds.push_back(watch.Seconds());
      run.written_bytes += static_cast<double>(info.written_size_bytes);
    }
    const Stopwatch watch;
    COPSE_RETURN_IF_ERROR(history.WaitForFolds());
    run.drained_seconds = watch.Seconds();
    COPSE_ASSIGN_OR_RETURN(const double after, history.FolderBytes());
    const auto count = static_cast<double>(options_.commit_count);
    run.raw_bytes /= count;
    run.written_bytes /= count;
    run.folder_bytes = (after - folder_bytes_) / count;
    COPSE_RETURN_IF_ERROR(history.folds().Read(run.fold_count, run.fold_bytes));
    run.fold_count -= fold_count_;
    run.fold_bytes -= fold_bytes_;
    run.p99_seconds = internal::Percentile(seconds, 0.99);
    run.median_seconds = internal::Percentile(std::move(seconds), 0.5);
    return absl::OkStatus();
  }

  absl::Status MeasureRecall(History& history, const Population& population,
                             CommitsBenchRun& run) {
    MemoryVectors live(data_.base.dimension(), {});
    for (const auto& [document, row] : population.live()) {
      live.Append(data_.base.row(row));
    }
    const std::vector<std::vector<Neighbor>> truth =
        ExactTruth(options_.forest.metric, live, data_.queries, kNeighborCount,
                   options_.forest.thread_count);
    History rebuilt(options_, data_, options_.folder + "/rebuilt");
    COPSE_RETURN_IF_ERROR(rebuilt.Open());
    double raw_bytes = 0;
    COPSE_RETURN_IF_ERROR(
        rebuilt
            .Commit({.deleted = {}, .upserted = population.live()}, raw_bytes)
            .status());
    COPSE_RETURN_IF_ERROR(rebuilt.WaitForFolds());
    for (const double budget : kBudgets) {
      const auto scan_budget = static_cast<size_t>(
          budget * static_cast<double>(population.document_count()));
      CommitsBenchRecall recall = {.scan_budget = budget};
      COPSE_ASSIGN_OR_RETURN(recall.recall,
                             history.RecallAt(scan_budget, truth));
      COPSE_ASSIGN_OR_RETURN(recall.rebuilt_recall,
                             rebuilt.RecallAt(scan_budget, truth));
      run.recalls.push_back(recall);
    }
    return absl::OkStatus();
  }

  const CommitsBenchOptions& options_;
  BenchData data_;
  CommitsBenchReport report_;

  // Of the run that goes on, after its first commit.
  double folder_bytes_ = 0;
  int64_t fold_count_ = 0;
  int64_t fold_bytes_ = 0;
};

// The time that a commit should take at most: twice its share of the full
// build, and a little that every commit pays.
double AimSeconds(const CommitsBenchReport& report,
                  const CommitsBenchRun& run) {
  return 2 * run.share * report.full_seconds +
         std::max(0.005, 4 * report.fdatasync_seconds);
}

}  // namespace

absl::StatusOr<CommitsBenchReport> RunCommitsBench(
    const CommitsBenchOptions& options) {
  for (const double share : options.shares) {
    if (!(share > 0 && share <= 0.1)) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "shares contain %g, expected shares above 0 up to 0.1", share));
    }
  }
  if (options.commit_count == 0) {
    return absl::InvalidArgumentError("commits is 0, expected at least 1");
  }
  return CommitsBench(options).Run();
}

std::string ToTable(const CommitsBenchReport& report) {
  std::string table = absl::StrFormat(
      "%d documents of %d components: first commit %.2f s (its fold %.2f s), "
      "%.1f MB; fdatasync %.2f ms\n"
      "%d commits each; times in ms, bytes of one commit, ratios to the first\n"
      "\n"
      "   share      order  changes  median     p99     aim    ratio"
      "      raw  written   folder  folds  recall@10, rebuilt\n",
      report.documents, report.dimension, report.full_seconds,
      report.full_fold_seconds, report.full_folder_bytes / 1e6,
      1e3 * report.fdatasync_seconds, report.options.commit_count);
  for (const CommitsBenchRun& run : report.runs) {
    absl::StrAppendFormat(
        &table,
        "%6.2f %% %10s %8d %7.2f %7.2f %7.2f %8.5f %8.0f %8.0f %8.0f %6d",
        100 * run.share, NameOf(run.order), run.change_count,
        1e3 * run.median_seconds, 1e3 * run.p99_seconds,
        1e3 * AimSeconds(report, run), run.median_seconds / report.full_seconds,
        run.raw_bytes, run.written_bytes, run.folder_bytes, run.fold_count);
    for (const CommitsBenchRecall& recall : run.recalls) {
      absl::StrAppendFormat(&table, "  %g %%: %.4f, %.4f",
                            100 * recall.scan_budget, recall.recall,
                            recall.rebuilt_recall);
    }
    table += "\n";
  }
  return table;
}

std::string ToJson(const CommitsBenchReport& report) {
  nlohmann::ordered_json json = {
      {"documents", report.documents},
      {"dimension", report.dimension},
      {"commits", report.options.commit_count},
      {"folds_in_commit", report.options.folds_in_commit},
      {"threads", report.options.forest.thread_count},
      {"full_seconds", report.full_seconds},
      {"full_fold_seconds", report.full_fold_seconds},
      {"full_folder_bytes", report.full_folder_bytes},
      {"fdatasync_seconds", report.fdatasync_seconds}};
  for (const CommitsBenchRun& run : report.runs) {
    nlohmann::ordered_json recalls = nlohmann::ordered_json::array();
    for (const CommitsBenchRecall& recall : run.recalls) {
      recalls.push_back({{"scan_budget", recall.scan_budget},
                         {"recall_at_10", recall.recall},
                         {"rebuilt_recall_at_10", recall.rebuilt_recall}});
    }
    json["results"].push_back(
        {{"share", run.share},
         {"order", NameOf(run.order)},
         {"changes", run.change_count},
         {"median_seconds", run.median_seconds},
         {"p99_seconds", run.p99_seconds},
         {"aim_seconds", AimSeconds(report, run)},
         {"median_ratio", run.median_seconds / report.full_seconds},
         {"p99_ratio", run.p99_seconds / report.full_seconds},
         {"raw_bytes", run.raw_bytes},
         {"written_bytes", run.written_bytes},
         {"folder_bytes", run.folder_bytes},
         {"folder_ratio", run.folder_bytes / report.full_folder_bytes},
         {"folds", run.fold_count},
         {"fold_bytes", run.fold_bytes},
         {"drained_seconds", run.drained_seconds},
         {"recalls", std::move(recalls)}});
  }
  return json.dump(2);
}

}  // namespace copse
