// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/row_set.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "index/util/check.h"

namespace copse {

struct RowSet::Change {
  Ordinal ordinal;
  bool inserted;
};

RowSet RowSet::FromSorted(std::span<const Ordinal> ordinals,
                          MemoryCounter* counter) {
  RowSet set(counter);
  for (size_t first = 0; first < ordinals.size();) {
    const size_t group = ordinals[first] >> kGroupBits;
    Leaves leaves;
    while (first < ordinals.size() && ordinals[first] >> kGroupBits == group) {
      const Ordinal leaf = ordinals[first] >> kLeafBits;
      Words words = {};
      for (; first < ordinals.size() && ordinals[first] >> kLeafBits == leaf;
           ++first) {
        words[WordIn(ordinals[first])] |= uint64_t{1} << (ordinals[first] % 64);
      }
      leaves[leaf % kLeavesInGroup] =
          std::make_shared<const Leaf>(counter, words);
    }
    set.groups_.resize(group + 1);
    set.groups_.back() = std::make_shared<const Group>(counter, leaves);
  }
  set.row_count_ = static_cast<int64_t>(ordinals.size());
  return set;
}

RowSet RowSet::Edit(std::span<const Ordinal> inserted,
                    std::span<const Ordinal> deleted) const {
  std::vector<Change> changes;
  changes.reserve(inserted.size() + deleted.size());
  for (const Ordinal ordinal : inserted) {
    changes.push_back({ordinal, true});
  }
  for (const Ordinal ordinal : deleted) {
    changes.push_back({ordinal, false});
  }
  std::inplace_merge(
      changes.begin(),
      changes.begin() + static_cast<std::ptrdiff_t>(inserted.size()),
      changes.end(), [](const Change& left, const Change& right) {
        return left.ordinal < right.ordinal;
      });
  RowSet edited = *this;
  for (size_t first = 0, last = 0; first < changes.size(); first = last) {
    const size_t group = changes[first].ordinal >> kGroupBits;
    while (last < changes.size() &&
           changes[last].ordinal >> kGroupBits == group) {
      ++last;
    }
    edited.EditGroup(group, std::span(changes).subspan(first, last - first));
  }
  while (!edited.groups_.empty() && edited.groups_.back() == nullptr) {
    edited.groups_.pop_back();
  }
  return edited;
}

void RowSet::EditGroup(size_t group, std::span<const Change> changes) {
  if (group >= groups_.size()) {
    groups_.resize(group + 1);
  }
  Leaves leaves;
  if (groups_[group] != nullptr) {
    leaves = groups_[group]->leaves;
  }
  for (size_t first = 0, last = 0; first < changes.size(); first = last) {
    const size_t leaf = LeafIn(changes[first].ordinal);
    while (last < changes.size() && LeafIn(changes[last].ordinal) == leaf) {
      ++last;
    }
    leaves[leaf] =
        EditLeaf(leaves[leaf].get(), changes.subspan(first, last - first));
  }
  const bool empty =
      std::all_of(leaves.begin(), leaves.end(),
                  [](const auto& leaf) { return leaf == nullptr; });
  groups_[group] =
      empty ? nullptr : std::make_shared<const Group>(counter_, leaves);
}

std::shared_ptr<const RowSet::Leaf> RowSet::EditLeaf(
    const Leaf* leaf, std::span<const Change> changes) {
  Words words = {};
  if (leaf != nullptr) {
    words = leaf->words;
  }
  for (const Change& change : changes) {
    uint64_t& word = words[WordIn(change.ordinal)];
    const uint64_t bit = uint64_t{1} << (change.ordinal % 64);
    const bool member = (word & bit) != 0;
    if (member != change.inserted) {
      word ^= bit;
      row_count_ += change.inserted ? 1 : -1;
    }
  }
  if (std::all_of(words.begin(), words.end(),
                  [](uint64_t word) { return word == 0; })) {
    return nullptr;
  }
  return std::make_shared<const Leaf>(counter_, words);
}

RowSet RowSet::ShareWith(const RowSet& relative) const {
  RowSet shared = *this;
  for (size_t group = 0; group < groups_.size(); ++group) {
    const Group* other = relative.GroupAt(group);
    if (groups_[group] == nullptr || other == nullptr ||
        groups_[group].get() == other) {
      continue;
    }
    Leaves leaves = groups_[group]->leaves;
    bool equal = true;
    for (size_t leaf = 0; leaf < kLeavesInGroup; ++leaf) {
      const auto& other_leaf = other->leaves[leaf];
      if (leaves[leaf] != nullptr && other_leaf != nullptr &&
          leaves[leaf]->words == other_leaf->words) {
        leaves[leaf] = other_leaf;
      }
      equal = equal && leaves[leaf] == other_leaf;
    }
    shared.groups_[group] =
        equal ? relative.groups_[group]
              : std::make_shared<const Group>(counter_, leaves);
  }
  return shared;
}

template <typename Visit>
void RowSet::VisitDifferentWords(const RowSet& left, const RowSet& right,
                                 Visit visit) {
  static constexpr Words kNoBits = {};
  const size_t group_count =
      std::max(left.groups_.size(), right.groups_.size());
  for (size_t group = 0; group < group_count; ++group) {
    const Group* left_group = left.GroupAt(group);
    const Group* right_group = right.GroupAt(group);
    if (left_group == right_group) {
      continue;
    }
    for (size_t leaf = 0; leaf < kLeavesInGroup; ++leaf) {
      const Leaf* left_leaf =
          left_group == nullptr ? nullptr : left_group->leaves[leaf].get();
      const Leaf* right_leaf =
          right_group == nullptr ? nullptr : right_group->leaves[leaf].get();
      if (left_leaf == right_leaf) {
        continue;
      }
      const Words& left_words =
          left_leaf == nullptr ? kNoBits : left_leaf->words;
      const Words& right_words =
          right_leaf == nullptr ? kNoBits : right_leaf->words;
      const size_t first = (group << kGroupBits) + (leaf << kLeafBits);
      for (size_t word = 0; word < kWordsInLeaf; ++word) {
        visit(static_cast<Ordinal>(first + word * 64), left_words[word],
              right_words[word]);
      }
    }
  }
}

void RowSet::Compare(const RowSet& left, const RowSet& right,
                     std::vector<Ordinal>* only_left,
                     std::vector<Ordinal>* only_right) {
  const auto append = [](Ordinal first, uint64_t bits,
                         std::vector<Ordinal>* ordinals) {
    for (; ordinals != nullptr && bits != 0; bits &= bits - 1) {
      ordinals->push_back(first + static_cast<Ordinal>(std::countr_zero(bits)));
    }
  };
  VisitDifferentWords(
      left, right, [&](Ordinal first, uint64_t left_bits, uint64_t right_bits) {
        append(first, left_bits & ~right_bits, only_left);
        append(first, right_bits & ~left_bits, only_right);
      });
}

int64_t RowSet::DifferenceCount(const RowSet& left, const RowSet& right) {
  int64_t count = 0;
  VisitDifferentWords(left, right,
                      [&](Ordinal, uint64_t left_bits, uint64_t right_bits) {
                        count += std::popcount(left_bits ^ right_bits);
                      });
  return count;
}

Ordinal RowSet::Last() const {
  COPSE_CHECK(!empty());
  const Group& group = *groups_.back();
  size_t leaf = kLeavesInGroup - 1;
  while (group.leaves[leaf] == nullptr) {
    --leaf;
  }
  const Words& words = group.leaves[leaf]->words;
  size_t word = kWordsInLeaf - 1;
  while (words[word] == 0) {
    --word;
  }
  return static_cast<Ordinal>(
      ((groups_.size() - 1) << kGroupBits) + (leaf << kLeafBits) + word * 64 +
      63 - static_cast<size_t>(std::countl_zero(words[word])));
}

std::vector<Ordinal> RowSet::ToVector() const {
  std::vector<Ordinal> ordinals;
  ordinals.reserve(static_cast<size_t>(row_count_));
  ForEach([&ordinals](Ordinal ordinal) { ordinals.push_back(ordinal); });
  return ordinals;
}

}  // namespace copse
