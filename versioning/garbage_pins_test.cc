// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/garbage_pins.h"

#include <cstdint>
#include <latch>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr NumberMarks kLow = {
    .ordinal_end = 10, .page_end = 40, .live_set_end = 30, .forest_end = 2};
constexpr NumberMarks kHigh = {
    .ordinal_end = 100, .page_end = 20, .live_set_end = 300, .forest_end = 7};

std::vector<uint64_t> LiveSetsOf(const GarbagePins::Roots& roots) {
  std::vector<uint64_t> numbers;
  for (const PinnedState& state : roots.states) {
    numbers.push_back(state.live_set_number);
  }
  return numbers;
}

TEST(GarbagePinsTest, LowestTakesEachKindByItself) {
  const NumberMarks expected = {
      .ordinal_end = 10, .page_end = 20, .live_set_end = 30, .forest_end = 2};
  EXPECT_EQ(Lowest(kLow, kHigh), expected);
  EXPECT_EQ(Lowest(kHigh, kLow), expected);
}

TEST(GarbagePinsTest, ACollectionKeepsWhatIsHeldAndNotWhatWasLetGo) {
  GarbagePins pins;
  GarbagePin held = pins.Hold({{.live_set_number = 1}});
  { const GarbagePin gone = pins.Hold({{.live_set_number = 2}}); }
  held.Hold({{.live_set_number = 3}, {.live_set_number = 4}});
  GarbagePin moved = std::move(held);
  EXPECT_EQ(pins.StartCollection(kHigh), kHigh);
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbagePins::Roots roots,
                             pins.FinishStart(nullptr));
  EXPECT_THAT(LiveSetsOf(roots), ElementsAre(3, 4));
  EXPECT_THAT(roots.commits, IsEmpty());
}

// It may be in a manifest that was written after the collection read them.
TEST(GarbagePinsTest, ACollectionKeepsWhatIsHeldWhileItStarts) {
  GarbagePins pins;
  GarbagePin before = pins.Hold({{.live_set_number = 1}});
  pins.StartCollection(kHigh);
  { const GarbagePin after = pins.Hold({{.live_set_number = 2}}); }
  before.Hold({{.live_set_number = 3}});
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbagePins::Roots roots,
                             pins.FinishStart(nullptr));
  EXPECT_THAT(LiveSetsOf(roots), UnorderedElementsAre(1, 2, 3));
  // The next one keeps what is held by then.
  pins.StartCollection(kHigh);
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbagePins::Roots next,
                             pins.FinishStart(nullptr));
  EXPECT_THAT(LiveSetsOf(next), ElementsAre(3));
}

TEST(GarbagePinsTest, NumbersOfABuildAreNotSweptWhileItLasts) {
  GarbagePins pins;
  std::optional<GarbagePin> build = pins.Build(kLow, {"parent"});
  EXPECT_EQ(pins.StartCollection(kHigh), Lowest(kLow, kHigh));
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbagePins::Roots roots,
                             pins.FinishStart(nullptr));
  EXPECT_THAT(roots.commits, ElementsAre("parent"));
  EXPECT_THAT(pins.PinnedCommits(), ElementsAre("parent"));
  build.reset();
  EXPECT_EQ(pins.StartCollection(kHigh), kHigh);
  EXPECT_THAT(pins.PinnedCommits(), IsEmpty());
}

TEST(GarbagePinsTest, ACollectionWaitsForWhoIsAboutToHold) {
  GarbagePins pins;
  GarbagePin open = pins.Open();
  pins.StartCollection(kHigh);
  // One that is open since then has seen no manifest that is swept.
  const GarbagePin later = pins.Open();
  std::latch is_waiting(1);
  std::jthread thread([&] {
    is_waiting.wait();
    open.Hold({{.live_set_number = 5}});
  });
  bool was_asked = false;
  COPSE_ASSERT_OK_AND_ASSIGN(const GarbagePins::Roots roots,
                             pins.FinishStart([&] {
                               if (!was_asked) {
                                 is_waiting.count_down();
                               }
                               was_asked = true;
                               return absl::OkStatus();
                             }));
  EXPECT_TRUE(was_asked);
  EXPECT_THAT(LiveSetsOf(roots), ElementsAre(5));
}

TEST(GarbagePinsTest, ACollectionThatWaitsCanBeStopped) {
  GarbagePins pins;
  const GarbagePin open = pins.Open();
  pins.StartCollection(kHigh);
  EXPECT_THAT(pins.FinishStart([] { return absl::CancelledError("stopped"); }),
              StatusIs(absl::StatusCode::kCancelled, "stopped"));
}

}  // namespace
}  // namespace copse
