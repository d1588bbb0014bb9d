// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/manifest.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/commit.h"
#include "versioning/fingerprint.h"
#include "versioning/testing/golden_records.h"

namespace copse {
namespace {

using golden::Bytes;
using golden::HashOf;
using golden::kSeconds;
using golden::Sealed;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ManifestTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                             Manifest::Parse(Bytes(golden::kManifest)));
  EXPECT_FALSE(manifest.is_skeleton);
  const CommitInfo info = manifest.ToInfo("admin/books", "9f31c07a");
  EXPECT_EQ(info.domain, "admin/books");
  EXPECT_EQ(info.commit, "9f31c07a");
  EXPECT_THAT(info.parent_commits, ElementsAre("p1", "p2"));
  EXPECT_EQ(info.branch, "main");
  EXPECT_EQ(info.create_time,
            absl::FromUnixSeconds(kSeconds) + absl::Microseconds(123));
  EXPECT_EQ(info.commit_time,
            absl::FromUnixSeconds(-5) + absl::Nanoseconds(999999999));
  EXPECT_EQ(info.author, "Ada <ada@example.org>");
  EXPECT_EQ(info.message, "Add oaks\n");
  EXPECT_EQ(manifest.live_set_number, 17u);
  EXPECT_EQ(manifest.preferred_forest, 2u);
  EXPECT_EQ(info.document_count, 100);
  EXPECT_EQ(info.vector_count, 101);
  EXPECT_EQ(info.inserted_count, 3);
  EXPECT_EQ(info.replaced_count, 2);
  EXPECT_EQ(info.deleted_count, 1);
  EXPECT_EQ(info.unknown_delete_count, 4);
  EXPECT_EQ(info.token_count, 5000);
  EXPECT_EQ(info.written_size_bytes, 6000);
  ASSERT_THAT(info.skipped_documents, SizeIs(1));
  EXPECT_EQ(info.skipped_documents[0].document_id,
            absl::string_view("bad\0id", 6));
  EXPECT_EQ(info.skipped_documents[0].message, "too long");
  EXPECT_EQ(manifest.fingerprint_sum, FingerprintSum(HashOf(7)));
  EXPECT_EQ(info.fingerprint,
            PublishFingerprint(FingerprintSum(HashOf(7)), 101, HashOf(8)));
}

TEST(ManifestTest, KnowsWhatItsParentsWere) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                             Manifest::Parse(Bytes(golden::kManifestParents)));
  EXPECT_THAT(manifest.parent_commits, ElementsAre("p1", "p2"));
  EXPECT_EQ(manifest.ParentFingerprint(0), HashOf(6));
  EXPECT_EQ(manifest.ParentFingerprint(1), std::nullopt);
  EXPECT_EQ(manifest.author, "Ada <ada@example.org>");
  const Manifest skeleton = manifest.Skeleton();
  EXPECT_EQ(skeleton.ParentFingerprint(0), HashOf(6));
  EXPECT_EQ(skeleton.PublicFingerprint(),
            manifest.ToInfo("d", "c").fingerprint);
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest old,
                             Manifest::Parse(Bytes(golden::kManifest)));
  EXPECT_EQ(old.ParentFingerprint(0), std::nullopt);
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest old_skeleton,
                             Manifest::Parse(Bytes(golden::kSkeleton)));
  EXPECT_EQ(old_skeleton.PublicFingerprint(), std::nullopt);
  COPSE_ASSERT_OK_AND_ASSIGN(
      const Manifest new_skeleton,
      Manifest::Parse(Bytes(golden::kSkeletonFingerprint)));
  EXPECT_EQ(new_skeleton.PublicFingerprint(), HashOf(11));
}

TEST(ManifestTest, HasOneEncodingForEachContent) {
  // What follows is right, and the fingerprint is said to be unknown.
  std::string bytes = Bytes(golden::kSkeleton);
  bytes[1] = 2;
  bytes.insert(bytes.find("p1") + 2, 1, 0);
  bytes.insert(bytes.size() - 8, 1, 0);
  EXPECT_THAT(
      Manifest::Parse(Sealed(std::move(bytes))),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("expected version 1")));
}

TEST(ManifestTest, LeavesASkeleton) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                             Manifest::Parse(Bytes(golden::kManifest)));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::string bytes,
                             manifest.Skeleton().Encode());
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest skeleton, Manifest::Parse(bytes));
  EXPECT_TRUE(skeleton.is_skeleton);
  EXPECT_EQ(skeleton.parent_commits, manifest.parent_commits);
  EXPECT_EQ(skeleton.branch, "main");
  EXPECT_EQ(skeleton.create_time, manifest.create_time);
  EXPECT_EQ(skeleton.live_set_number, 0u);
  EXPECT_THAT(skeleton.skipped_documents, IsEmpty());
}

TEST(ManifestTest, WritesNothingThatItWouldRefuse) {
  Manifest manifest;
  manifest.parent_commits = {"a", "b", "c"};
  EXPECT_THAT(manifest.Encode(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("parents are 3, expected at most 2")));
  manifest = Manifest();
  manifest.message = std::string(65537, 'm');
  EXPECT_THAT(manifest.Encode(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("message has 65537 bytes, expected at most 65536")));
  manifest = Manifest();
  manifest.skipped_documents.resize((size_t{1} << 20) + 1);
  EXPECT_THAT(manifest.Encode(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("skipped documents are 1048577, expected at most "
                          "1048576")));
  manifest = Manifest();
  manifest.skipped_documents.resize(
      20000, {.document_id = std::string(4000, 'i'), .message = ""});
  EXPECT_THAT(manifest.Encode(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected at most 67108864")));
}

}  // namespace
}  // namespace copse
