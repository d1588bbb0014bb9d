// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// history_bench: what old commits cost in a data folder that no daemon has
// open.
//
//   history_bench --data /var/lib/copse --domain tldr --commits 200
//
// For random commits of a domain: how long it takes to open one in a new
// process, with nothing in its pools, and to answer a first search; how good
// default searches are next to exact ones; and how many searches a second go
// to random commits while the pool may hold a share of all that they take.
// One JSON object goes to standard output. Exit codes: 0 done, 1 failed, 2
// wrong usage.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <sstream>
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
#include "index/vector_source.h"
#include "tests/bench/search_runs.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr size_t kNeighborCount = 10;

struct Flags {
  std::string data;
  std::string domain;
  int64_t commit_count = 200;
  int64_t query_count = 5;
  double pool_share = 0.1;
  double seconds = 5;
  uint64_t seed = 1;

  // If not empty, only this commit is opened and its times are printed.
  std::string only;
};

// What a process says that opened one commit.
struct ColdOpen {
  double open_seconds = 0;
  double search_seconds = 0;
};

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const Flags& flags,
                                                 int64_t pool_size_bytes) {
  return Store::Open({.folder = flags.data,
                      .pool_size_bytes = pool_size_bytes,
                      .free_space_min_bytes = 0});
}

absl::StatusOr<std::vector<std::string>> ListCommits(
    Store& store, const std::string& domain) {
  std::vector<std::string> commits;
  ListOptions options = {.page_size = 1000};
  do {
    COPSE_ASSIGN_OR_RETURN(Page<CommitInfo> page,
                           store.ListCommits(domain, options));
    for (CommitInfo& info : page.items) {
      commits.push_back(std::move(info.commit));
    }
    options.page_token = std::move(page.next_page_token);
  } while (!options.page_token.empty());
  return commits;
}

absl::StatusOr<ColdOpen> OpenCold(const Flags& flags,
                                  const std::string& commit) {
  COPSE_ASSIGN_OR_RETURN(const auto store, OpenStore(flags, int64_t{1} << 30));
  ColdOpen times;
  const Stopwatch opening;
  COPSE_ASSIGN_OR_RETURN(const auto reader,
                         store->OpenCommit(flags.domain, commit));
  times.open_seconds = opening.Seconds();
  const std::vector<float> query(reader->domain_options().dimension, 1.0F);
  const Stopwatch searching;
  COPSE_RETURN_IF_ERROR(reader->Search({.query = query}).status());
  times.search_seconds = searching.Seconds();
  return times;
}

// Opens `commit` in a process of its own, which runs this program again: a
// forked one would miss the threads of its parent.
absl::StatusOr<ColdOpen> OpenColdInChild(const Flags& flags,
                                         const std::string& commit) {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a pipe");
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execl("/proc/self/exe", "history_bench", "--data", flags.data.c_str(),
            "--domain", flags.domain.c_str(), "--only", commit.c_str(),
            nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::array<char, 256> buffer = {};
  const ssize_t size = ::read(ends[0], buffer.data(), buffer.size() - 1);
  ::close(ends[0]);
  int status = 0;
  if (child > 0) {
    ::waitpid(child, &status, 0);
  }
  ColdOpen times;
  std::istringstream line(buffer.data());
  if (child < 0 || status != 0 || size <= 0 ||
      !(line >> times.open_seconds >> times.search_seconds)) {
    return absl::InternalError(
        absl::StrCat("commit ", commit, " could not be opened"));
  }
  return times;
}

nlohmann::ordered_json Milliseconds(const std::vector<double>& seconds) {
  return {{"p50", 1e3 * internal::Percentile(seconds, 0.5)},
          {"p99", 1e3 * internal::Percentile(seconds, 0.99)},
          {"max", 1e3 * internal::Percentile(seconds, 1)}};
}

class HistoryBench {
 public:
  explicit HistoryBench(Flags flags)
      : flags_(std::move(flags)), random_(flags_.seed) {}

  absl::StatusOr<nlohmann::ordered_json> Run() {
    {
      COPSE_ASSIGN_OR_RETURN(const auto store,
                             OpenStore(flags_, int64_t{1} << 30));
      COPSE_ASSIGN_OR_RETURN(commits_, ListCommits(*store, flags_.domain));
    }
    if (commits_.empty()) {
      return absl::NotFoundError(
          absl::StrCat("domain ", flags_.domain, " has no commits"));
    }
    for (int64_t i = 0; i < flags_.commit_count; ++i) {
      sample_.push_back(RandomCommit());
    }
    report_["commits"] = commits_.size();
    report_["commits_sampled"] = sample_.size();
    report_["seed"] = flags_.seed;
    COPSE_RETURN_IF_ERROR(MeasureColdOpens());
    COPSE_RETURN_IF_ERROR(MeasureRecall());
    COPSE_RETURN_IF_ERROR(MeasurePressure());
    return std::move(report_);
  }

 private:
  const std::string& RandomCommit() {
    return commits_[random_.Below(commits_.size())];
  }

  absl::Status MeasureColdOpens() {
    std::vector<double> opens;
    std::vector<double> searches;
    for (const std::string& commit : sample_) {
      COPSE_ASSIGN_OR_RETURN(const ColdOpen times,
                             OpenColdInChild(flags_, commit));
      opens.push_back(times.open_seconds);
      searches.push_back(times.search_seconds);
    }
    report_["cold_open_ms"] = Milliseconds(opens);
    report_["first_search_ms"] = Milliseconds(searches);
    return absl::OkStatus();
  }

  // What searches found of what exact ones do.
  struct Recall {
    size_t hits = 0;
    size_t wanted = 0;

    double share() const {
      return static_cast<double>(hits) /
             static_cast<double>(std::max(wanted, size_t{1}));
    }
  };

  absl::StatusOr<std::vector<Neighbor>> Search(
      const CommitReader& reader, const DocumentSearchOptions& options) {
    COPSE_ASSIGN_OR_RETURN(const DocumentSearchResult result,
                           reader.Search(options));
    std::vector<Neighbor> neighbors;
    for (const DocumentNeighbor& neighbor : result.neighbors) {
      neighbors.push_back({0, neighbor.distance});
    }
    return neighbors;
  }

  // Compares searches for random documents of a commit with exact ones.
  absl::StatusOr<Recall> CompareSearches(const CommitReader& reader,
                                         double recall_target, uint64_t seed) {
    COPSE_ASSIGN_OR_RETURN(
        const std::vector<SampledRow> rows,
        reader.SampleRows(static_cast<size_t>(flags_.query_count), seed));
    Recall recall;
    for (const SampledRow& row : rows) {
      DocumentSearchOptions options = {.query = row.vector,
                                       .neighbor_count = kNeighborCount,
                                       .recall_target = recall_target,
                                       .excluded_document_id = row.document_id};
      COPSE_ASSIGN_OR_RETURN(const std::vector<Neighbor> found,
                             Search(reader, options));
      options.exact = true;
      COPSE_ASSIGN_OR_RETURN(const std::vector<Neighbor> truth,
                             Search(reader, options));
      recall.hits += internal::CountHits(truth, found, kNeighborCount);
      recall.wanted += std::min(kNeighborCount, truth.size());
    }
    return recall;
  }

  absl::Status MeasureRecall() {
    COPSE_ASSIGN_OR_RETURN(const auto store,
                           OpenStore(flags_, int64_t{1} << 30));
    report_["queries_per_commit"] = flags_.query_count;
    for (const double recall_target : {0.0, 0.99}) {
      Recall all;
      double worst = 1;
      for (size_t i = 0; i < sample_.size(); ++i) {
        COPSE_ASSIGN_OR_RETURN(const auto reader,
                               store->OpenCommit(flags_.domain, sample_[i]));
        COPSE_ASSIGN_OR_RETURN(
            const Recall recall,
            CompareSearches(*reader, recall_target, flags_.seed + i));
        all.hits += recall.hits;
        all.wanted += recall.wanted;
        worst = std::min(worst, recall.share());
      }
      report_["recall"].push_back({{"recall_target", recall_target},
                                   {"recall_at_10", all.share()},
                                   {"of_the_worst_commit", worst}});
    }
    return absl::OkStatus();
  }

  // Returns what all commits take in memory when nothing is dropped.
  absl::StatusOr<int64_t> LoadAll() {
    COPSE_ASSIGN_OR_RETURN(const auto store,
                           OpenStore(flags_, int64_t{1} << 40));
    const Stopwatch watch;
    for (const std::string& commit : commits_) {
      COPSE_RETURN_IF_ERROR(store->OpenCommit(flags_.domain, commit).status());
    }
    report_["open_all_seconds"] = watch.Seconds();
    COPSE_ASSIGN_OR_RETURN(const StoreStatistics statistics,
                           store->GetStatistics());
    return statistics.pool.loaded_size_bytes;
  }

  absl::Status MeasurePressure() {
    COPSE_ASSIGN_OR_RETURN(const int64_t all_size_bytes, LoadAll());
    const auto pool_size_bytes = static_cast<int64_t>(
        flags_.pool_share * static_cast<double>(all_size_bytes));
    COPSE_ASSIGN_OR_RETURN(const auto store,
                           OpenStore(flags_, pool_size_bytes));
    std::vector<float> query;
    std::vector<double> seconds;
    const Stopwatch all;
    while (all.Seconds() < flags_.seconds) {
      const Stopwatch watch;
      COPSE_ASSIGN_OR_RETURN(const auto reader,
                             store->OpenCommit(flags_.domain, RandomCommit()));
      query.resize(reader->domain_options().dimension);
      std::ranges::generate(query, [this] {
        return static_cast<float>(random_.Below(1000)) / 1000 - 0.5F;
      });
      COPSE_RETURN_IF_ERROR(reader->Search({.query = query}).status());
      seconds.push_back(watch.Seconds());
    }
    const double total = all.Seconds();
    COPSE_ASSIGN_OR_RETURN(const StoreStatistics statistics,
                           store->GetStatistics());
    const PoolStatistics& pool = statistics.pool;
    report_["pool"] = {
        {"all_commits_bytes", all_size_bytes},
        {"budget_bytes", pool.budget_size_bytes},
        {"loaded_bytes", pool.loaded_size_bytes},
        {"loaded_commits", pool.loaded_commit_count},
        {"hits", pool.hit_count},
        {"misses", pool.miss_count},
        {"searches", seconds.size()},
        {"searches_per_second", static_cast<double>(seconds.size()) / total},
        {"search_ms", Milliseconds(seconds)}};
    return absl::OkStatus();
  }

  const Flags flags_;
  internal::SplitMix random_;
  std::vector<std::string> commits_;
  std::vector<std::string> sample_;
  nlohmann::ordered_json report_;
};

int Fail(const absl::Status& status) {
  std::cerr << "history_bench: " << status.message() << "\n";
  return 1;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("What old commits of a data folder cost");
  app.option_defaults()->always_capture_default();
  app.add_option("--data", flags.data, "Data folder, which no daemon has open")
      ->required();
  app.add_option("--domain", flags.domain, "Domain")->required();
  app.add_option("--commits", flags.commit_count, "Random commits to open")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--queries", flags.query_count, "Queries at each of them")
      ->check(CLI::Range(1, 10000));
  app.add_option("--pool-share", flags.pool_share,
                 "Share of what all commits take that the pool may hold")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--seconds", flags.seconds, "Search at random so long")
      ->check(CLI::Range(0.1, 3600.0));
  app.add_option("--seed", flags.seed, "Picks commits and queries")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--only", flags.only,
                 "Open this commit alone, and print the seconds of that and of "
                 "a search");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!flags.only.empty()) {
    const absl::StatusOr<ColdOpen> times = OpenCold(flags, flags.only);
    if (!times.ok()) {
      return Fail(times.status());
    }
    std::cout << times->open_seconds << " " << times->search_seconds << "\n";
    return 0;
  }
  const auto report = HistoryBench(flags).Run();
  if (!report.ok()) {
    return Fail(report.status());
  }
  std::cout << report->dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) { return copse::Main(argc, argv); }
