// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Where the forest reads the exact vectors of rows. A row is named by its
// ordinal, a 32-bit number that its domain gives in order of arrival and never
// reuses.

#ifndef COPSE_INDEX_VECTOR_SOURCE_H_
#define COPSE_INDEX_VECTOR_SOURCE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

#include "index/stored_vector.h"

namespace copse {

using Ordinal = uint32_t;

// A row near a query, and how far it is in the domain's metric.
struct Neighbor {
  Ordinal ordinal = 0;
  float distance = 0;

  friend bool operator==(const Neighbor&, const Neighbor&) = default;
};

// Thread safety: any number of threads may read from one VectorSource.
class VectorSource {
 public:
  virtual ~VectorSource() = default;

  // Returns the number of components of each vector.
  virtual size_t dimension() const = 0;

  // Returns the vector of row `ordinal`, valid as long as the source. For
  // cosine domains it has unit length, or is zero; only Hamming domains have
  // bits. Fails with kDataLoss if it cannot be read intact, and with kNotFound
  // if there is no such row.
  virtual absl::StatusOr<StoredVector> Read(Ordinal ordinal) const = 0;

  // Asks for the memory of row `ordinal`, which will be read soon.
  virtual void Prefetch(Ordinal /*ordinal*/) const {}
};

}  // namespace copse

#endif  // COPSE_INDEX_VECTOR_SOURCE_H_
