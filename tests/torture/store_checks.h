// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compares what a store answers with what its model holds.
//
//   const CommitCheck check(shape);
//   COPSE_RETURN_IF_ERROR(check.CheckAll(*reader, snapshot, seed));

#ifndef COPSE_TESTS_TORTURE_STORE_CHECKS_H_
#define COPSE_TESTS_TORTURE_STORE_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "index/split_mix.h"
#include "tests/torture/model.h"
#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {

// All functions return what the store failed with, or kInternal saying what
// differs. Thread safety: any number of threads.
class CommitCheck {
 public:
  explicit CommitCheck(const DomainShape& shape);

  // Returns a query that is the vector of no document.
  std::vector<float> Query(internal::SplitMix& random) const;

  // Compares all documents of the commit, their texts, types and vectors.
  absl::Status CheckDocuments(const CommitReader& reader,
                              const Snapshot& snapshot) const;

  // Compares an exact search, and one through the forest whose budget is all
  // rows, with a filter or without.
  absl::Status CheckSearch(const CommitReader& reader, const Snapshot& snapshot,
                           uint64_t seed) const;

  absl::Status CheckAll(const CommitReader& reader, const Snapshot& snapshot,
                        uint64_t seed) const;

 private:
  using Found = std::pair<float, std::string>;

  absl::Status CheckDocument(const StoredDocument& document,
                             const Snapshot& snapshot) const;

  // Returns the distance of the nearest chunk.
  float DistanceTo(std::span<const float> query, uint32_t content) const;

  const DomainShape shape_;

  // Of the chunks of each content, as they are stored.
  std::vector<std::vector<std::vector<float>>> vectors_;
};

// Compares the difference of two commits with that of two snapshots.
absl::Status CheckDiff(Store& store, const DiffOptions& options,
                       const Snapshot& base, const Snapshot& target);

// Fails if something that the commits of `domain` reach is damaged.
absl::Status CheckVerify(Store& store, const std::string& domain);

}  // namespace copse

#endif  // COPSE_TESTS_TORTURE_STORE_CHECKS_H_
