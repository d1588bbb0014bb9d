// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Sorts more records than fit in memory: what is full is sorted and written to
// a file as a run, and at the end the runs are merged. Of records that are the
// same, the first in the order is kept.
//
//   struct Less { bool operator()(const Pair&, const Pair&) const; };
//   struct Same { bool operator()(const Pair&, const Pair&) const; };
//   SpillSorter<Pair, Less, Same> sorter(options);
//   COPSE_RETURN_IF_ERROR(sorter.Add(pair));
//   COPSE_RETURN_IF_ERROR(sorter.Finish());
//   for (;;) {
//     COPSE_ASSIGN_OR_RETURN(const std::optional<Pair> pair, sorter.Next());
//     ...
//   }

#ifndef COPSE_VERSIONING_SPILL_SORTER_H_
#define COPSE_VERSIONING_SPILL_SORTER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/status_macros.h"
#include "versioning/spill_file.h"

namespace copse {

struct SpillOptions {
  std::string folder;

  // How much is held in memory before a run is written, at least one record.
  size_t memory_size_bytes = size_t{16} << 20;

  SpillBudget* budget = nullptr;  // Not owned.

  // Asked before a run is written: whether the disk has space.
  std::function<absl::Status()> check_space = nullptr;
};

// Same(a, b) only where neither is less in what it compares first.
//
// Thread safety: none.
template <typename Record, typename Less, typename Same>
class SpillSorter {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  explicit SpillSorter(SpillOptions options)
      : options_(std::move(options)),
        record_count_max_(
            std::max<size_t>(1, options_.memory_size_bytes / sizeof(Record))) {}
  ~SpillSorter() { Clear(); }
  SpillSorter(const SpillSorter&) = delete;
  SpillSorter& operator=(const SpillSorter&) = delete;

  absl::Status Add(const Record& record) {
    records_.push_back(record);
    if (records_.size() < record_count_max_) {
      return absl::OkStatus();
    }
    SortRecords();
    // Many may have been the same.
    return records_.size() > record_count_max_ / 2 ? WriteRun()
                                                   : absl::OkStatus();
  }

  // Ends the adding; Next() begins with the first record.
  absl::Status Finish() {
    SortRecords();
    if (!file_.has_value()) {
      return absl::OkStatus();
    }
    COPSE_RETURN_IF_ERROR(WriteRun());
    records_ = {};
    for (size_t i = 0; i < runs_.size(); ++i) {
      COPSE_RETURN_IF_ERROR(Advance(i));
    }
    return absl::OkStatus();
  }

  // Returns the next record, or nullopt after the last.
  absl::StatusOr<std::optional<Record>> Next() {
    for (;;) {
      COPSE_ASSIGN_OR_RETURN(const std::optional<Record> record, Take());
      if (record.has_value() && last_.has_value() && Same()(*last_, *record)) {
        continue;
      }
      last_ = record;
      return record;
    }
  }

  // Gives memory and file back.
  void Clear() {
    if (file_.has_value()) {
      options_.budget->GiveBack(file_->size_bytes());
      file_.reset();
    }
    records_ = {};
    runs_ = {};
    heap_ = {};
  }

 private:
  static constexpr size_t kBufferRecordCount = 4096;

  struct Run {
    int64_t offset = 0;  // Of what is read next.
    int64_t end = 0;
    std::vector<Record> buffer = {};
    size_t next = 0;
  };

  void SortRecords() {
    std::sort(records_.begin(), records_.end(), Less());
    records_.erase(std::unique(records_.begin(), records_.end(), Same()),
                   records_.end());
  }

  absl::Status WriteRun() {
    if (records_.empty()) {
      return absl::OkStatus();
    }
    const auto bytes = std::as_bytes(std::span(records_));
    COPSE_RETURN_IF_ERROR(
        options_.budget->Take(static_cast<int64_t>(bytes.size())));
    absl::Status status = WriteBytes(bytes);
    if (!status.ok()) {
      options_.budget->GiveBack(static_cast<int64_t>(bytes.size()));
      return status;
    }
    records_.clear();
    return absl::OkStatus();
  }

  absl::Status WriteBytes(std::span<const std::byte> bytes) {
    if (options_.check_space != nullptr) {
      COPSE_RETURN_IF_ERROR(options_.check_space());
    }
    if (!file_.has_value()) {
      COPSE_ASSIGN_OR_RETURN(SpillFile file,
                             SpillFile::Create(options_.folder));
      file_.emplace(std::move(file));
    }
    const int64_t offset = file_->size_bytes();
    COPSE_RETURN_IF_ERROR(file_->Append(bytes));
    runs_.push_back({.offset = offset, .end = file_->size_bytes()});
    return absl::OkStatus();
  }

  // Puts the next record of run `index`, if there is one, on the heap.
  absl::Status Advance(size_t index) {
    Run& run = runs_[index];
    if (run.next == run.buffer.size()) {
      const auto left =
          static_cast<size_t>(run.end - run.offset) / sizeof(Record);
      run.buffer.resize(std::min(left, kBufferRecordCount));
      run.next = 0;
      const auto bytes = std::as_writable_bytes(std::span(run.buffer));
      COPSE_RETURN_IF_ERROR(file_->Read(run.offset, bytes));
      run.offset += static_cast<int64_t>(bytes.size());
    }
    if (run.next < run.buffer.size()) {
      heap_.push_back({run.buffer[run.next++], index});
      std::push_heap(heap_.begin(), heap_.end(), IsLater());
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<Record>> Take() {
    if (!file_.has_value()) {
      return next_ < records_.size() ? std::optional<Record>(records_[next_++])
                                     : std::nullopt;
    }
    if (heap_.empty()) {
      return std::optional<Record>();
    }
    std::pop_heap(heap_.begin(), heap_.end(), IsLater());
    const auto [record, index] = heap_.back();
    heap_.pop_back();
    COPSE_RETURN_IF_ERROR(Advance(index));
    return std::optional<Record>(record);
  }

  using HeapEntry = std::pair<Record, size_t>;
  struct IsLater {
    bool operator()(const HeapEntry& left, const HeapEntry& right) const {
      return Less()(right.first, left.first);
    }
  };

  const SpillOptions options_;
  const size_t record_count_max_;
  std::vector<Record> records_;
  size_t next_ = 0;  // Of records_, if there is no file.
  std::optional<SpillFile> file_;
  std::vector<Run> runs_;
  std::vector<HeapEntry> heap_;  // The next record of each run.
  std::optional<Record> last_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_SPILL_SORTER_H_
