// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A set of row ordinals that never changes, and shares all it can with the set
// it was made from. The live sets of a thousand commits in a row take little
// more memory than one, and what differs between two of them is found without
// looking at what they share.
//
//   const RowSet parent = RowSet::FromSorted(ordinals, &counter);
//   const RowSet child = parent.Edit(inserted, deleted);
//   RowSet::Compare(parent, child, &only_parent, &only_child);
//
// It is a tree of two levels below a directory: a leaf holds 4,096 bits, a
// group 64 leaves, the directory one pointer for each 262,144 ordinals. A
// change copies one leaf (512 bytes), one group (1 KiB) and the directory; a
// flat vector of leaves would copy 40 KB for each commit of a domain of ten
// million rows.
//
// Roaring is what is stored (versioning/live_set.h); its containers of 65,536
// cost 8 KiB a change and its copy-on-write is not safe between threads.

#ifndef COPSE_VERSIONING_ROW_SET_H_
#define COPSE_VERSIONING_ROW_SET_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/vector_source.h"
#include "versioning/memory_counter.h"

namespace copse {

// Thread safety: immutable but for assignment; any number of threads may use
// one RowSet and its copies.
class RowSet {
 public:
  // The empty set. What is made from it is charged to `counter`, which may be
  // null and outlives all sets otherwise.
  explicit RowSet(MemoryCounter* counter = nullptr) : counter_(counter) {}

  // REQUIRES: `ordinals` ascends strictly.
  static RowSet FromSorted(std::span<const Ordinal> ordinals,
                           MemoryCounter* counter = nullptr);

  // Appends to `only_left` and `only_right`, ascending, what only one of the
  // two sets has; either may be null. Takes time with what they do not share.
  static void Compare(const RowSet& left, const RowSet& right,
                      std::vector<Ordinal>* only_left,
                      std::vector<Ordinal>* only_right);

  // Returns how many ordinals only one of the two sets has.
  static int64_t DifferenceCount(const RowSet& left, const RowSet& right);

  // Returns this set with `inserted` and without `deleted`. Ordinals of the
  // first that it has, and of the second that it has not, make no difference.
  // REQUIRES: both ascend strictly and have no ordinal in common.
  RowSet Edit(std::span<const Ordinal> inserted,
              std::span<const Ordinal> deleted) const;

  // Returns this set, made to share with `relative` the leaves that are equal.
  RowSet ShareWith(const RowSet& relative) const;

  bool Contains(Ordinal ordinal) const {
    const size_t group = ordinal >> kGroupBits;
    if (group >= groups_.size() || groups_[group] == nullptr) {
      return false;
    }
    const Leaf* leaf = groups_[group]->leaves[LeafIn(ordinal)].get();
    return leaf != nullptr &&
           ((leaf->words[WordIn(ordinal)] >> (ordinal % 64)) & 1) != 0;
  }

  int64_t row_count() const { return row_count_; }
  bool empty() const { return row_count_ == 0; }

  // Returns the greatest member. REQUIRES: !empty()
  Ordinal Last() const;

  // Calls `visit(Ordinal)` with each member, ascending.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t group = 0; group < groups_.size(); ++group) {
      if (groups_[group] == nullptr) {
        continue;
      }
      for (size_t leaf = 0; leaf < kLeavesInGroup; ++leaf) {
        VisitLeaf(
            groups_[group]->leaves[leaf].get(),
            static_cast<Ordinal>((group << kGroupBits) + (leaf << kLeafBits)),
            visit);
      }
    }
  }

  // Returns the members, ascending.
  std::vector<Ordinal> ToVector() const;

 private:
  static constexpr int kLeafBits = 12;
  static constexpr int kGroupBits = 18;
  static constexpr size_t kLeavesInGroup = size_t{1}
                                           << (kGroupBits - kLeafBits);
  static constexpr size_t kWordsInLeaf = (size_t{1} << kLeafBits) / 64;

  using Words = std::array<uint64_t, kWordsInLeaf>;
  struct Leaf {
    Leaf(MemoryCounter* counter, const Words& bits)
        : charge(counter, sizeof(Leaf)), words(bits) {}
    MemoryCharge charge;
    Words words;
  };
  using Leaves = std::array<std::shared_ptr<const Leaf>, kLeavesInGroup>;
  struct Group {
    Group(MemoryCounter* counter, const Leaves& shared)
        : charge(counter, sizeof(Group)), leaves(shared) {}
    MemoryCharge charge;
    Leaves leaves;
  };
  struct Change;

  static size_t LeafIn(Ordinal ordinal) {
    return (ordinal >> kLeafBits) % kLeavesInGroup;
  }
  static size_t WordIn(Ordinal ordinal) {
    return (ordinal / 64) % kWordsInLeaf;
  }

  template <typename Visit>
  static void VisitLeaf(const Leaf* leaf, Ordinal first, Visit& visit) {
    if (leaf == nullptr) {
      return;
    }
    for (size_t word = 0; word < kWordsInLeaf; ++word) {
      for (uint64_t bits = leaf->words[word]; bits != 0; bits &= bits - 1) {
        visit(first + static_cast<Ordinal>(word * 64) +
              static_cast<Ordinal>(std::countr_zero(bits)));
      }
    }
  }

  // Calls `visit(first ordinal, left bits, right bits)` with each word in which
  // the two may differ.
  template <typename Visit>
  static void VisitDifferentWords(const RowSet& left, const RowSet& right,
                                  Visit visit);

  const Group* GroupAt(size_t group) const {
    return group < groups_.size() ? groups_[group].get() : nullptr;
  }

  // Applies `changes`, which are all in group `group`.
  void EditGroup(size_t group, std::span<const Change> changes);

  // Returns `leaf` with `changes` applied, or null if no bit is left.
  std::shared_ptr<const Leaf> EditLeaf(const Leaf* leaf,
                                       std::span<const Change> changes);

  MemoryCounter* counter_;
  std::vector<std::shared_ptr<const Group>> groups_;
  int64_t row_count_ = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_ROW_SET_H_
