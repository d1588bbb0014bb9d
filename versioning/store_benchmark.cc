// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a commit, an opening and a search cost, in the library alone. The floor
// of a commit is two syncs of the disk, which BM_SyncTwice measures beside it.

#include "versioning/store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"

#include "index/util/check.h"
#include "versioning/test_folder.h"

namespace copse {
namespace {

constexpr uint32_t kDimension = 384;
constexpr uint32_t kIdCount = 7500;

template <typename T>
T Must(absl::StatusOr<T> value) {
  COPSE_CHECK(value.ok(), value.status().ToString());
  return *std::move(value);
}

void Must(const absl::Status& status) {
  COPSE_CHECK(status.ok(), status.ToString());
}

// A history like that of a repository of small pages: 2.4 documents of about
// 600 bytes a commit, most of them new at first and replaced later.
class History {
 public:
  History()
      : store_(Must(Store::Open(
            {.folder = folder_.path() + "/data", .free_space_min_bytes = 0}))) {
    Must(store_->CreateDomain({.domain = "d", .dimension = kDimension})
             .status());
  }

  Store& store() { return *store_; }
  uint32_t commit_count() const { return commit_count_; }

  std::vector<float> DrawVector() {
    std::normal_distribution<float> normal;
    std::vector<float> vector(kDimension);
    for (float& component : vector) {
      component = normal(random_);
    }
    return vector;
  }

  void Push(uint32_t document_count) {
    CommitOptions options = {.domain = "d",
                             .commit = absl::StrCat("c", commit_count_),
                             .branch = "main"};
    if (commit_count_ > 0) {
      options.parent_commit = absl::StrCat("c", commit_count_ - 1);
    }
    const auto builder = Must(store_->BeginCommit(options));
    for (uint32_t i = 0; i < document_count; ++i) {
      Document document = {.id = absl::StrCat("pages/", random_() % kIdCount),
                           .type = "page",
                           .attributes = {},
                           .text = std::string(),
                           .vector = {}};
      while (document.text->size() < 600) {
        absl::StrAppend(&*document.text, "word", random_() % 5000, " ");
      }
      if (!Must(builder->TryUpsertUnchanged(document))) {
        const EmbeddedDocument embedded = {&document, vectors_[next_vector_]};
        next_vector_ = (next_vector_ + 1) % vectors_.size();
        Must(builder->Upsert({&embedded, 1}));
      }
    }
    Must(builder->Commit({}).status());
    ++commit_count_;
  }

  void MakeVectors(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      vectors_.push_back(DrawVector());
    }
  }

 private:
  TestFolder folder_;
  std::unique_ptr<Store> store_;
  std::mt19937 random_{1};
  std::vector<std::vector<float>> vectors_;
  size_t next_vector_ = 0;
  uint32_t commit_count_ = 0;
};

void BM_PushSmallCommit(benchmark::State& state) {
  History history;
  history.MakeVectors(1000);
  for (auto _ : state) {
    history.Push(2 + (history.commit_count() % 5 < 2 ? 1 : 0));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_PushSmallCommit)->Unit(benchmark::kMicrosecond)->UseRealTime();

void BM_SyncTwice(benchmark::State& state) {
  const TestFolder folder;
  const int file =
      ::open((folder.path() + "/f").c_str(), O_CREAT | O_RDWR, 0600);
  COPSE_CHECK(file >= 0);
  const std::string bytes(1536, 'x');
  for (auto _ : state) {
    for (int i = 0; i < 2; ++i) {
      COPSE_CHECK(::write(file, bytes.data(), bytes.size()) > 0);
      COPSE_CHECK(::fdatasync(file) == 0);
    }
  }
  ::close(file);
}
BENCHMARK(BM_SyncTwice)->Unit(benchmark::kMicrosecond)->UseRealTime();

void BM_PushManyRows(benchmark::State& state) {
  History history;
  history.MakeVectors(1000);
  for (auto _ : state) {
    history.Push(2000);
  }
  state.SetItemsProcessed(2000 * state.iterations());
}
BENCHMARK(BM_PushManyRows)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_OpenOldCommit(benchmark::State& state) {
  History history;
  history.MakeVectors(1000);
  history.Push(2000);
  while (history.commit_count() < 300) {
    history.Push(3);
  }
  std::mt19937 random(2);
  for (auto _ : state) {
    const auto reader = Must(history.store().OpenCommit(
        "d", absl::StrCat("c", random() % history.commit_count())));
    benchmark::DoNotOptimize(reader);
  }
}
BENCHMARK(BM_OpenOldCommit)->Unit(benchmark::kMicrosecond);

void BM_Search(benchmark::State& state) {
  History history;
  history.MakeVectors(5000);
  for (int i = 0; i < state.range(0); ++i) {
    history.Push(1000);
  }
  history.Push(3);
  const auto reader = Must(history.store().OpenCommit(
      "d", absl::StrCat("c", history.commit_count() - 1)));
  const std::vector<float> query = history.DrawVector();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Must(reader->Search({.query = query})));
  }
}
BENCHMARK(BM_Search)->Arg(1)->Arg(6)->Unit(benchmark::kMicrosecond);

// Documents with so many chunks each, 40,000 rows in all, in one commit with a
// forest. The chunks of a document are near each other, as those of a text are.
class ChunkedDocuments {
 public:
  explicit ChunkedDocuments(uint32_t chunk_count)
      : store_(Must(Store::Open(
            {.folder = folder_.path() + "/data", .free_space_min_bytes = 0}))) {
    Must(store_->CreateDomain({.domain = "d", .dimension = kDimension})
             .status());
    const auto builder =
        Must(store_->BeginCommit({.domain = "d", .commit = "c"}));
    for (uint32_t i = 0; i < kRowCount / chunk_count; ++i) {
      const std::vector<float> center = Draw({});
      std::vector<std::vector<float>> vectors;
      std::vector<EmbeddedChunk> chunks;
      for (uint32_t chunk = 0; chunk < chunk_count; ++chunk) {
        vectors.push_back(Draw(center));
      }
      for (uint32_t chunk = 0; chunk < chunk_count; ++chunk) {
        chunks.push_back({vectors[chunk], {.first_byte = chunk}});
      }
      const Document document = {
          .id = absl::StrCat("pages/", i),
          .type = "page",
          .attributes = {},
          .text = std::string(600, 'x') + absl::StrCat(i),
          .vector = {}};
      const EmbeddedDocument embedded = {&document, {}, chunks};
      Must(builder->Upsert({&embedded, 1}));
    }
    written_size_bytes_ = Must(builder->Commit({})).written_size_bytes;
    reader_ = Must(store_->OpenCommit("d", "c"));
  }

  // Returns the vector of a topic, or of something about `center`.
  std::vector<float> Draw(const std::vector<float>& center) {
    std::normal_distribution<float> normal;
    std::vector<float> vector(kDimension);
    for (size_t i = 0; i < vector.size(); ++i) {
      vector[i] = normal(random_) + (center.empty() ? 0 : center[i]);
    }
    return vector;
  }

  const CommitReader& reader() const { return *reader_; }
  int64_t written_size_bytes() const { return written_size_bytes_; }

  static constexpr uint32_t kRowCount = 40'000;

 private:
  TestFolder folder_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<const CommitReader> reader_;
  std::mt19937 random_{1};
  int64_t written_size_bytes_ = 0;
};

void BM_SearchChunks(benchmark::State& state) {
  ChunkedDocuments documents(static_cast<uint32_t>(state.range(0)));
  std::vector<std::vector<float>> queries;
  for (int i = 0; i < 100; ++i) {
    queries.push_back(documents.Draw({}));
  }
  size_t next = 0;
  int64_t scanned_count = 0;
  for (auto _ : state) {
    const DocumentSearchResult result = Must(
        documents.reader().Search({.query = queries[next++ % queries.size()]}));
    COPSE_CHECK(result.neighbors.size() == 10);
    scanned_count += result.work.rows_scanned;
  }
  state.counters["rows_scanned"] = static_cast<double>(scanned_count) /
                                   static_cast<double>(state.iterations());
  state.counters["bytes_per_row"] =
      static_cast<double>(documents.written_size_bytes()) /
      static_cast<double>(ChunkedDocuments::kRowCount);
}
BENCHMARK(BM_SearchChunks)
    ->Arg(1)
    ->Arg(4)
    ->Arg(16)
    ->Unit(benchmark::kMicrosecond);

// A commit "base" of many documents and two of it, "ours" and "theirs", which
// replaced as many documents each, no one both.
class Fork {
 public:
  Fork(uint32_t document_count, uint32_t change_count)
      : store_(Must(Store::Open(
            {.folder = folder_.path() + "/data", .free_space_min_bytes = 0}))) {
    constexpr uint32_t kForkDimension = 32;
    Must(store_->CreateDomain({.domain = "d", .dimension = kForkDimension})
             .status());
    vector_.resize(kForkDimension);
    Push("base", "", 0, document_count);
    Push("ours", "base", 0, change_count);
    Push("theirs", "base", change_count, change_count);
  }

  Store& store() { return *store_; }

 private:
  void Push(const std::string& commit, const std::string& parent,
            uint32_t first, uint32_t count) {
    const auto builder = Must(store_->BeginCommit(
        {.domain = "d", .commit = commit, .parent_commit = parent}));
    std::normal_distribution<float> normal;
    for (uint32_t i = first; i < first + count; ++i) {
      const Document document = {.id = absl::StrCat("pages/", i),
                                 .type = "page",
                                 .attributes = {},
                                 .text = absl::StrCat("of ", commit),
                                 .vector = {}};
      for (float& component : vector_) {
        component = normal(random_);
      }
      const EmbeddedDocument embedded = {&document, vector_};
      Must(builder->Upsert({&embedded, 1}));
    }
    Must(builder->Commit({}).status());
  }

  TestFolder folder_;
  std::unique_ptr<Store> store_;
  std::mt19937 random_{1};
  std::vector<float> vector_;
};

// Arguments: documents of the base, changes of each side.
void BM_Merge(benchmark::State& state) {
  Fork fork(static_cast<uint32_t>(state.range(0)),
            static_cast<uint32_t>(state.range(1)));
  int merge_count = 0;
  int64_t written_size_bytes = 0;
  for (auto _ : state) {
    const CommitInfo info = Must(fork.store().MergeCommits(
        {.commit = {.domain = "d",
                    .commit = absl::StrCat("m", merge_count++),
                    .parent_commit = "ours"},
         .theirs_commit = "theirs"},
        {}));
    COPSE_CHECK(info.replaced_count == state.range(1));
    written_size_bytes += info.written_size_bytes;
  }
  state.counters["bytes"] =
      benchmark::Counter(static_cast<double>(written_size_bytes),
                         benchmark::Counter::kAvgIterations);
}
BENCHMARK(BM_Merge)
    ->Args({10000, 10})
    ->Args({100000, 10})
    ->Args({100000, 1000})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

// The same arguments; all changes have their distance and are sorted by it.
void BM_DiffByDistance(benchmark::State& state) {
  Fork fork(static_cast<uint32_t>(state.range(0)),
            static_cast<uint32_t>(state.range(1)));
  for (auto _ : state) {
    int64_t change_count = 0;
    Must(fork.store().DiffCommits({.domain = "d",
                                   .base_commit = "base",
                                   .target_commit = "ours",
                                   .order = DiffOptions::Order::kDistance},
                                  [&](const DocumentChange&) {
                                    ++change_count;
                                    return absl::OkStatus();
                                  }));
    COPSE_CHECK(change_count == state.range(1));
  }
}
BENCHMARK(BM_DiffByDistance)
    ->Args({10000, 10})
    ->Args({100000, 10})
    ->Args({100000, 1000})
    ->Unit(benchmark::kMicrosecond);

// What all commits of a history take, of about 2.4 documents each after a first
// one of 7,000.
void BM_MeasureSizes(benchmark::State& state) {
  History history;
  history.MakeVectors(1000);
  history.Push(7000);
  while (history.commit_count() < state.range(0)) {
    history.Push(2 + (history.commit_count() % 5 < 2 ? 1 : 0));
  }
  for (auto _ : state) {
    const SizeReport report = Must(history.store().MeasureSizes("d"));
    COPSE_CHECK(report.domain.commit_count == state.range(0));
  }
}
BENCHMARK(BM_MeasureSizes)
    ->Arg(10)
    ->Arg(1000)
    ->Arg(4000)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace copse
