// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Recent queries of a domain, for calibrations of its forests: rows alone say
// little about what questions need. Bounded, and forgetful: of a long stream it
// holds mostly the last few thousand queries' share.
//
//   QuerySample sample(dimension, seed);
//   sample.Add(query);
//   QuerySampleRecord record = sample.ToRecord();
//
// Until kCapacity queries are there, each is kept; after that one in
// kAcceptDivisor takes the place of any, as chance has it.
//
// Fields of the record (see record_codec.h for the envelope and the types),
// version 1; the value under QuerySampleKey():
//
//   accepted count     u64      queries that were ever kept, below 2^63
//   dimension          u32      not 0
//   components         floats   of at most kCapacity queries, finite

#ifndef COPSE_VERSIONING_QUERY_SAMPLE_H_
#define COPSE_VERSIONING_QUERY_SAMPLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/split_mix.h"
#include "index/util/mutex.h"

namespace copse {

struct QuerySampleRecord {
  int64_t accepted_count = 0;
  uint32_t dimension = 0;
  std::vector<float> components;

  size_t query_count() const {
    return dimension == 0 ? 0 : components.size() / dimension;
  }
  std::span<const float> query(size_t index) const {
    return std::span(components).subspan(index * dimension, dimension);
  }

  std::string Encode() const;
  static absl::StatusOr<QuerySampleRecord> Parse(absl::string_view bytes);

  friend bool operator==(const QuerySampleRecord&,
                         const QuerySampleRecord&) = default;
};

// Thread safety: any number of threads may use one QuerySample.
class QuerySample {
 public:
  static constexpr size_t kCapacity = 512;
  static constexpr uint64_t kAcceptDivisor = 8;

  QuerySample(uint32_t dimension, uint64_t seed)
      : dimension_(dimension), random_(seed) {}

  // REQUIRES: query.size() is the dimension, and all components are finite.
  void Add(std::span<const float> query);

  QuerySampleRecord ToRecord() const;

  // Replaces everything. Records of another dimension are not taken.
  void Restore(QuerySampleRecord record);

 private:
  const uint32_t dimension_;
  mutable Mutex mutex_;
  internal::SplitMix random_ ABSL_GUARDED_BY(mutex_);
  int64_t accepted_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<float> components_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_QUERY_SAMPLE_H_
