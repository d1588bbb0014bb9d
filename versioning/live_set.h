// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A live set: the rows that exist at a commit, as a compressed set of ordinals.
//
//   LiveSet rows;
//   rows.AddRange(0, 1000);
//   rows.Remove(17);
//   LiveSet added = LiveSet::Difference(rows, parent);
//
// Stored form: the portable format of Roaring bitmaps, version of CRoaring
// 0.2, run-optimised. It carries no checksum of its own: it is always a field
// of a record that does.

#ifndef COPSE_VERSIONING_LIVE_SET_H_
#define COPSE_VERSIONING_LIVE_SET_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/vector_source.h"

namespace copse {

// A value: copies are deep.
//
// Thread safety: const functions may be called by any number of threads while
// none changes the set.
class LiveSet {
 public:
  LiveSet();
  LiveSet(const LiveSet& other);
  LiveSet(LiveSet&& other) noexcept;
  LiveSet& operator=(const LiveSet& other);
  LiveSet& operator=(LiveSet&& other) noexcept;
  ~LiveSet();

  // Returns the set of `ordinals`, in any order.
  static LiveSet Of(std::span<const Ordinal> ordinals);

  void Add(Ordinal ordinal);
  // Adds [first, first + count). REQUIRES: first + count <= 2^32
  void AddRange(Ordinal first, uint64_t count);
  void Remove(Ordinal ordinal);

  // Adds, or takes out, all of `other`.
  void AddAll(const LiveSet& other);
  void RemoveAll(const LiveSet& other);

  bool Contains(Ordinal ordinal) const;
  bool ContainsAll(const LiveSet& other) const;
  bool Intersects(const LiveSet& other) const;
  int64_t row_count() const;
  bool empty() const;

  // One more than the greatest ordinal; 0 for the empty set.
  uint64_t ordinal_end() const;

  // Calls `visit` with each ordinal, ascending.
  void ForEach(const std::function<void(Ordinal)>& visit) const;
  // The same, until `visit` returns a status that is not OK, which is
  // returned.
  absl::Status ForEachOrFail(
      const std::function<absl::Status(Ordinal)>& visit) const;
  // All ordinals, ascending: 4 bytes each.
  std::vector<Ordinal> ToVector() const;

  // Returns what is in `left` and not in `right`.
  static LiveSet Difference(const LiveSet& left, const LiveSet& right);
  static LiveSet SymmetricDifference(const LiveSet& left, const LiveSet& right);
  static LiveSet Intersection(const LiveSet& left, const LiveSet& right);
  // Costs no set: the number of ordinals in exactly one of the two.
  static int64_t SymmetricDifferenceCount(const LiveSet& left,
                                          const LiveSet& right);

  // Returns the stored form; equal sets have equal ones.
  std::string Encode() const;

  // Reads what Encode() wrote. Fails with kDataLoss if it is anything else;
  // reads and allocates no more than `bytes` justifies.
  static absl::StatusOr<LiveSet> Parse(absl::string_view bytes);

  // Returns the bytes of memory it takes.
  size_t memory_size_bytes() const;

  friend bool operator==(const LiveSet& left, const LiveSet& right) {
    return left.Equals(right);
  }

 private:
  struct Bitmap;

  bool Equals(const LiveSet& other) const;

  std::unique_ptr<Bitmap> bitmap_;  // Never null, but in a moved-from set.
};

}  // namespace copse

#endif  // COPSE_VERSIONING_LIVE_SET_H_
