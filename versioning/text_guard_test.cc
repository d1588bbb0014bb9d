// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/text_guard.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/document.h"

namespace copse {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

ContentHash HashOf(absl::string_view text) {
  Document document;
  document.text = std::string(text);
  return HashContent(document);
}

// The hashes that a sweep must keep.
TextGuard::Hashes Noted(TextGuard& guard) {
  TextGuard::Hashes hashes;
  EXPECT_THAT(guard.Sweep([&](const TextGuard::Hashes& noted) {
    hashes = noted;
    return absl::OkStatus();
  }),
              IsOk());
  return hashes;
}

TEST(TextGuardTest, NotesWhatIsWrittenWhileACollectionRuns) {
  TextGuard guard;
  const std::vector<ContentHash> before = {HashOf("before")};
  { const TextGuard::Write write = guard.BeginWrite(before); }
  guard.StartCollection();
  EXPECT_THAT(Noted(guard), IsEmpty());
  const std::vector<ContentHash> hashes = {HashOf("a"), HashOf("b")};
  const TextGuard::Write lasting = guard.BeginWrite(hashes);
  EXPECT_THAT(Noted(guard), UnorderedElementsAre(hashes[0], hashes[1]));
  guard.EndCollection();
  // One that was noted is not waited for.
  guard.StartCollection();
  EXPECT_THAT(Noted(guard), IsEmpty());
  guard.EndCollection();
}

TEST(TextGuardTest, ACollectionWaitsForWritesThatWereNotNoted) {
  TextGuard guard;
  const std::vector<ContentHash> hashes = {HashOf("a")};
  // NOLINTNEXTLINE(modernize-make-unique): a Write cannot be moved.
  std::unique_ptr<TextGuard::Write> write(
      new TextGuard::Write(guard.BeginWrite(hashes)));
  std::atomic<bool> has_ended = false;
  std::jthread thread([&] {
    // Written before the end of the write, read after the start.
    has_ended.store(true);
    write.reset();
  });
  guard.StartCollection();
  EXPECT_TRUE(has_ended.load());
}

TEST(TextGuardTest, ReturnsWhatTheSweepFailedWith) {
  TextGuard guard;
  guard.StartCollection();
  EXPECT_THAT(guard.Sweep([](const TextGuard::Hashes&) {
    return absl::CancelledError("stopped");
  }),
              StatusIs(absl::StatusCode::kCancelled, "stopped"));
}

}  // namespace
}  // namespace copse
