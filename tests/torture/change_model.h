// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A domain that threads read and change at once, and what each of its commits
// holds.
//
//   ChangeModel model(seed);
//   model.Add("c1", snapshot);
//   const ChangeModel::Commit commit = model.Draw(random);
//   COPSE_RETURN_IF_ERROR(model.Check(*commit.snapshot, query, ...));

#ifndef COPSE_TESTS_TORTURE_CHANGE_MODEL_H_
#define COPSE_TESTS_TORTURE_CHANGE_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/metric.h"
#include "index/split_mix.h"
#include "index/util/mutex.h"
#include "tests/torture/model.h"
#include "versioning/commit_reader.h"

namespace copse {

// Thread safety: any number of threads.
class ChangeModel {
 public:
  static constexpr Metric kMetric = Metric::kEuclidean;
  static constexpr uint32_t kDimension = 64;
  static constexpr uint32_t kContentCountMax = 20'000;

  struct Commit {
    std::string name;
    std::shared_ptr<const Snapshot> snapshot;
  };

  ChangeModel();

  const std::vector<float>& vector(uint32_t content) const {
    return vectors_[content];
  }

  // Whether the commit is complete and has not begun to be deleted.
  bool Has(const std::string& name) const ABSL_LOCKS_EXCLUDED(mutex_);
  size_t commit_count() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Add(const Commit& commit) ABSL_LOCKS_EXCLUDED(mutex_);
  // Before the commit is deleted, so that nobody misses it who should not.
  void Remove(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_);
  // REQUIRES: there is a commit
  Commit Draw(internal::SplitMix& random) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Checks an answer: that documents exist, come once and in order, and are as
  // far as is said. Returns how many are among the nearest; with `is_exact`,
  // all must be.
  absl::StatusOr<size_t> Check(const Snapshot& snapshot,
                               std::span<const float> query,
                               const DocumentSearchOptions& options,
                               const DocumentSearchResult& result) const;

 private:
  std::vector<std::vector<float>> vectors_;  // By content.
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<const Snapshot>> commits_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_TESTS_TORTURE_CHANGE_MODEL_H_
