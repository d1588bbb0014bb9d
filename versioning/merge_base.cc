// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/merge_base.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"

namespace copse {
namespace {

constexpr size_t kVisitsPerCheck = 256;

// Whose ancestor a commit is, itself included.
constexpr uint8_t kOfOurs = 1;
constexpr uint8_t kOfTheirs = 2;
constexpr uint8_t kOfBoth = kOfOurs | kOfTheirs;
// Of a common ancestor, itself not included: it cannot be the best one.
constexpr uint8_t kBehindBase = 4;

// A walk through the ancestors of two commits.
class AncestorWalk {
 public:
  explicit AncestorWalk(const MergeBaseOptions& options) : options_(options) {}

  absl::Status Start(absl::string_view commit, uint8_t marks) {
    return Mark(commit, marks);
  }

  absl::Status Run() {
    for (size_t visits = 0; !queue_.empty() && !IsDecided(); ++visits) {
      if (visits % kVisitsPerCheck == 0 && options_.check != nullptr) {
        COPSE_RETURN_IF_ERROR(options_.check());
      }
      const size_t place = queue_.top().place;
      queue_.pop();
      COPSE_RETURN_IF_ERROR(Visit(place));
    }
    return absl::OkStatus();
  }

  std::vector<MergeBase> TakeBases() const {
    std::vector<const Entry*> found;
    for (const Entry& entry : entries_) {
      if (entry.is_base) {
        found.push_back(&entry);
      }
    }
    std::sort(found.begin(), found.end(),
              [](const Entry* left, const Entry* right) {
                return std::tie(left->node.is_deleted, right->node.create_time,
                                left->commit) < std::tie(right->node.is_deleted,
                                                         left->node.create_time,
                                                         right->commit);
              });
    std::vector<MergeBase> bases;
    bases.reserve(found.size());
    for (const Entry* entry : found) {
      bases.push_back({entry->commit, entry->node.is_deleted});
    }
    return bases;
  }

 private:
  static constexpr size_t kAbsent = SIZE_MAX;

  struct Entry {
    std::string commit;
    CommitNode node;
    uint8_t marks = 0;
    bool is_queued = false;
    bool is_base = false;  // A common ancestor, as far as is known a best one.
    size_t replaced = kAbsent;  // The entry of ReplacedEntry().
  };

  struct Queued {
    absl::Time create_time;
    size_t place;

    // The newest is visited first, and among equals the one found first.
    bool operator<(const Queued& other) const {
      return std::tie(create_time, other.place) <
             std::tie(other.create_time, place);
    }
  };

  static bool IsOpen(const Entry& entry) {
    return entry.is_queued && (entry.marks & kBehindBase) == 0;
  }

  // Whether more visits can find no base, nor show that one is not the best.
  bool IsDecided() const { return open_count_ == 0 && base_count_ <= 1; }

  absl::Status Visit(size_t place) {
    Entry& entry = entries_[place];
    open_count_ -= IsOpen(entry) ? 1 : 0;
    entry.is_queued = false;
    uint8_t marks = entry.marks;
    if ((marks & kOfBoth) == kOfBoth) {
      if ((marks & kBehindBase) == 0 && !entry.is_base) {
        entry.is_base = true;
        ++base_count_;
      }
      marks |= kBehindBase;
    }
    // Mark() makes entries, so `entry` is gone after the first.
    const std::vector<std::string> parents = entry.node.parent_commits;
    const auto fingerprints = entry.node.parent_fingerprints;
    for (size_t i = 0; i < parents.size(); ++i) {
      COPSE_RETURN_IF_ERROR(
          Mark(parents[i], marks,
               i < fingerprints.size() ? fingerprints[i] : std::nullopt));
    }
    return absl::OkStatus();
  }

  // `fingerprint`: what the commit was, if that is known.
  absl::Status Mark(
      absl::string_view commit, uint8_t marks,
      const std::optional<Fingerprint>& fingerprint = std::nullopt) {
    const auto [found, is_new] = places_.try_emplace(commit, entries_.size());
    const size_t place = found->second;
    if (is_new) {
      COPSE_RETURN_IF_ERROR(Read(commit));
    }
    if (places_[commit] == kAbsent) {
      return absl::OkStatus();
    }
    const std::optional<Fingerprint>& known = entries_[place].node.fingerprint;
    if (fingerprint.has_value() && known.has_value() &&
        *fingerprint != *known) {
      MarkEntry(ReplacedEntry(place), marks);
      return absl::OkStatus();
    }
    MarkEntry(place, marks);
    // That both sides had the name is worth an error that names it.
    if (entries_[place].replaced != kAbsent) {
      MarkEntry(entries_[place].replaced, marks);
    }
    return absl::OkStatus();
  }

  // Returns the entry of those commits that had the name before.
  size_t ReplacedEntry(size_t place) {
    if (entries_[place].replaced == kAbsent) {
      Entry replaced;
      replaced.commit = entries_[place].commit;
      replaced.node.create_time = entries_[place].node.create_time;
      replaced.node.is_deleted = true;
      const uint8_t marks = entries_[place].marks;
      entries_[place].replaced = entries_.size();
      entries_.push_back(std::move(replaced));
      MarkEntry(entries_.size() - 1, marks);
    }
    return entries_[place].replaced;
  }

  void MarkEntry(size_t place, uint8_t marks) {
    Entry& entry = entries_[place];
    const auto marked = static_cast<uint8_t>(entry.marks | marks);
    if (marked == entry.marks) {
      return;
    }
    open_count_ -= IsOpen(entry) ? 1 : 0;
    entry.marks = marked;
    if (entry.is_base && (marked & kBehindBase) != 0) {
      entry.is_base = false;
      --base_count_;
    }
    if (!entry.is_queued) {
      entry.is_queued = true;
      queue_.push({entry.node.create_time, place});
    }
    open_count_ += IsOpen(entry) ? 1 : 0;
  }

  // Makes the entry of a commit that is in places_.
  absl::Status Read(absl::string_view commit) {
    if (places_.size() > options_.commit_count_max) {
      return WithReason(
          absl::ResourceExhaustedError(absl::StrCat(
              "the commits to merge have more than ", options_.commit_count_max,
              " commits above their common ancestors")),
          "MERGE_HISTORY_TOO_LONG",
          {{"commit_count_max", absl::StrCat(options_.commit_count_max)}});
    }
    COPSE_ASSIGN_OR_RETURN(std::optional<CommitNode> node,
                           options_.read(commit));
    if (node.has_value()) {
      Entry entry;
      entry.commit = std::string(commit);
      entry.node = *std::move(node);
      entries_.push_back(std::move(entry));
    } else {
      places_[commit] = kAbsent;
    }
    return absl::OkStatus();
  }

  const MergeBaseOptions& options_;
  std::vector<Entry> entries_;
  absl::flat_hash_map<std::string, size_t> places_;  // In entries_.
  std::priority_queue<Queued> queue_;
  int64_t open_count_ = 0;  // Queued and not behind a base.
  int64_t base_count_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<MergeBase>> FindMergeBases(
    absl::string_view ours_commit, absl::string_view theirs_commit,
    const MergeBaseOptions& options) {
  AncestorWalk walk(options);
  COPSE_RETURN_IF_ERROR(walk.Start(ours_commit, kOfOurs));
  COPSE_RETURN_IF_ERROR(walk.Start(theirs_commit, kOfTheirs));
  COPSE_RETURN_IF_ERROR(walk.Run());
  return walk.TakeBases();
}

}  // namespace copse
