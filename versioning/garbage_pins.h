// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What keeps garbage collection from sweeping what a commit in flight, an open
// reader or a fold uses and no manifest names.
//
//   GarbagePin pin = pins.Open();           // before the manifest is read
//   ... read the manifest ...
//   pin.Hold({{.live_set_number = 7, .forest_number = 2}});
//
//   GarbagePin build = pins.Build(numbers, {"parent"});  // before allocating
//
// Invariants:
//
// * Who is about to find out what it uses has a pin that is open, and a
//   collection waits until it holds something or is gone. Nobody waits for a
//   collection.
// * Numbers that were allocated after a pin of Build() was made are not swept
//   while it exists. A collection takes `numbers` itself before it looks at the
//   pins, so a build that it does not see allocates nothing but later ones.
//
// Thread safety: any number of threads may use one GarbagePins, and each
// GarbagePin one thread at a time.

#ifndef COPSE_VERSIONING_GARBAGE_PINS_H_
#define COPSE_VERSIONING_GARBAGE_PINS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"

namespace copse {

// Where the numbers of a domain stand: every one that was given is below.
struct NumberMarks {
  uint64_t ordinal_end = 0;
  uint64_t page_end = 0;
  uint64_t live_set_end = 0;
  uint64_t forest_end = 0;

  friend bool operator==(const NumberMarks&, const NumberMarks&) = default;
};

// Returns, for each kind, the lower of the two.
NumberMarks Lowest(const NumberMarks& left, const NumberMarks& right);

// What a commit is made of. 0: none.
struct PinnedState {
  uint64_t live_set_number = 0;
  uint64_t forest_number = 0;
};

class GarbagePins;

// Ends with its destruction. The GarbagePins must outlive it.
class GarbagePin {
 public:
  GarbagePin() = default;
  GarbagePin(GarbagePin&& other) noexcept;
  GarbagePin& operator=(GarbagePin&& other) noexcept;
  ~GarbagePin();

  // Says what is used, in the place of what was said before.
  void Hold(std::vector<PinnedState> states);

 private:
  friend class GarbagePins;
  GarbagePin(GarbagePins* pins, uint64_t number)
      : pins_(pins), number_(number) {}

  GarbagePins* pins_ = nullptr;  // Null: no pin.
  uint64_t number_ = 0;
};

class GarbagePins {
 public:
  // What a collection must keep.
  struct Roots {
    std::vector<PinnedState> states;
    std::vector<std::string> commits;  // Parents of builds.
  };

  // Returns a pin of someone who is about to find out what it uses.
  GarbagePin Open() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns a pin of someone who uses `states`.
  GarbagePin Hold(std::vector<PinnedState> states) ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns a pin of someone who will allocate numbers from `numbers` on, and
  // needs the manifests of `commits`.
  GarbagePin Build(const NumberMarks& numbers, std::vector<std::string> commits)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // ---- For garbage collection, one at a time ----

  // Begins a collection, before which all numbers were below `numbers`, and
  // returns from where on they are not swept.
  NumberMarks StartCollection(const NumberMarks& numbers)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns what was pinned at StartCollection(), when pins that were open
  // then hold something. Fails with what `check`, which is asked meanwhile and
  // may be null, fails with.
  absl::StatusOr<Roots> FinishStart(const std::function<absl::Status()>& check)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns the commits that builds need.
  std::vector<std::string> PinnedCommits() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class GarbagePin;

  struct Entry {
    bool is_open = false;
    std::vector<PinnedState> states = {};
    std::optional<NumberMarks> numbers = std::nullopt;
    std::vector<std::string> commits = {};
  };

  GarbagePin Add(Entry entry) ABSL_LOCKS_EXCLUDED(mutex_);
  void SetStates(uint64_t number, std::vector<PinnedState> states)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(uint64_t number) ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasOpenBefore(uint64_t number) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar changed_;
  uint64_t next_number_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);

  // From StartCollection() to FinishStart(): what was pinned, and what has been
  // since. The latter may be gone again, and in a manifest that was written
  // after the collection has read them.
  bool is_starting_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t start_number_ ABSL_GUARDED_BY(mutex_) = 0;
  Roots roots_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_GARBAGE_PINS_H_
