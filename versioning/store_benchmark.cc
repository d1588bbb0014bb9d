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

}  // namespace
}  // namespace copse
