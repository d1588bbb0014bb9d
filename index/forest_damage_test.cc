// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Whatever happens to a page, a forest answers with kDataLoss that names it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "xxhash.h"

#include "index/checksum_page.h"
#include "index/forest.h"
#include "index/page_store.h"
#include "index/util/little_endian.h"
#include "index/vector_source.h"
#include "tests/support/forest_testing.h"
#include "tests/support/memory_page_store.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;

using Bytes = std::vector<std::byte>;

class ForestDamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    COPSE_ASSERT_OK_AND_ASSIGN(
        root_,
        BuildForest({.tree_count = 2, .fan_out = 8, .leaf_row_count = 16},
                    vectors_, vectors_.ordinals(), pages_));
  }

  Bytes Page(PageId page_id) const {
    const PageRef page = *pages_.Read(page_id);
    return {page->bytes().begin(), page->bytes().end()};
  }

  PageKind KindOf(PageId page_id) const {
    return ChecksumPage::Parse((*pages_.Read(page_id))->bytes())->kind();
  }

  // Opens the forest and does everything that reads all pages.
  absl::Status ReadAll() const {
    COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const Forest> forest,
                           Forest::Open(root_, pages_));
    return forest->ForEachPage(
        [](PageId, std::span<const std::byte>) { return absl::OkStatus(); });
  }

  absl::Status SearchAll() const {
    COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const Forest> forest,
                           Forest::Open(root_, pages_));
    // Just less than all rows, so that both trees are searched.
    return forest
        ->Search(vectors_, vectors_.row(0),
                 {.scan_budget = vectors_.row_count() - 1})
        .status();
  }

  absl::Status EditAll() {
    COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const Forest> forest,
                           Forest::Open(root_, pages_));
    std::vector<Ordinal> most = vectors_.ordinals();
    most.pop_back();
    return EditForest(*forest, vectors_, {}, most, pages_).status();
  }

  const MemoryVectors vectors_ = MakeClusters({.row_count = 600});
  MemoryPageStore pages_;
  PageId root_ = kNoPage;
};

TEST_F(ForestDamageTest, AFlippedBitInAnyPageIsFound) {
  for (const PageId page_id : pages_.page_ids()) {
    const Bytes good = Page(page_id);
    Bytes bad = good;
    bad[bad.size() / 2] ^= std::byte{0x10};
    pages_.Replace(page_id, bad);
    const auto names_the_page =
        StatusIs(absl::StatusCode::kDataLoss,
                 HasSubstr(absl::StrFormat("page %016x", page_id)));
    EXPECT_THAT(ReadAll(), names_the_page);
    EXPECT_THAT(EditAll(), names_the_page);
    pages_.Replace(page_id, good);
  }
  EXPECT_THAT(ReadAll(), IsOk());
}

TEST_F(ForestDamageTest, ASearchEitherAnswersOrNamesThePage) {
  for (const PageId page_id : pages_.page_ids()) {
    const Bytes good = Page(page_id);
    pages_.Remove(page_id);
    EXPECT_THAT(
        SearchAll(),
        AnyOf(IsOk(),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr(absl::StrFormat("page %016x", page_id)))));
    pages_.Replace(page_id, good);
  }
  EXPECT_THAT(SearchAll(), IsOk());
}

TEST_F(ForestDamageTest, AWholePageInThePlaceOfAnotherIsFound) {
  // Pages of the same kind but for a neighbour with as many rows: that one
  // cannot be told from the right one by anything that is on it.
  for (const PageId page_id : pages_.page_ids()) {
    const PageId other_id =
        page_id == pages_.page_ids().back() ? 1 : page_id + 1;
    if (KindOf(page_id) == KindOf(other_id)) {
      continue;
    }
    const Bytes good = Page(page_id);
    pages_.Replace(page_id, Page(other_id));
    EXPECT_THAT(ReadAll(),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr(absl::StrFormat("page %016x", page_id))));
    pages_.Replace(page_id, good);
  }
}

TEST_F(ForestDamageTest, AnEditOfExchangedLeavesFailsAndDoesNotEndTheProcess) {
  std::vector<PageId> leaves;
  for (const PageId page_id : pages_.page_ids()) {
    if (KindOf(page_id) == PageKind::kLeaf) {
      leaves.push_back(page_id);
    }
  }
  int failed_count = 0;
  for (size_t i = 0; i + 1 < leaves.size(); ++i) {
    const Bytes good = Page(leaves[i]);
    pages_.Replace(leaves[i], Page(leaves[i + 1]));
    const absl::Status status = EditAll();
    EXPECT_TRUE(status.ok() || absl::IsDataLoss(status) ||
                absl::IsInvalidArgument(status))
        << status;
    failed_count += absl::IsDataLoss(status) ? 1 : 0;
    pages_.Replace(leaves[i], good);
  }
  EXPECT_GT(failed_count, 0);
}

// Every number in the inner and root pages, made wrong under a right checksum:
// the forest must end, with an answer or with an error, and not by a crash or
// a walk without end.
TEST_F(ForestDamageTest, WrongNumbersUnderARightChecksumDoNoHarm) {
  for (const PageId page_id : pages_.page_ids()) {
    if (KindOf(page_id) != PageKind::kInner &&
        KindOf(page_id) != PageKind::kForest) {
      continue;
    }
    const Bytes good = Page(page_id);
    for (size_t offset = ChecksumPage::kHeaderSizeBytes;
         offset + ChecksumPage::kChecksumSizeBytes < good.size(); ++offset) {
      Bytes bad = good;
      bad[offset] ^= std::byte{1};
      const size_t checksum_offset =
          bad.size() - ChecksumPage::kChecksumSizeBytes;
      StoreLittleEndian<uint64_t>(bad, checksum_offset,
                                  XXH3_64bits(bad.data(), checksum_offset));
      pages_.Replace(page_id, bad);
      for (const absl::Status& status : {ReadAll(), SearchAll()}) {
        EXPECT_TRUE(status.ok() || absl::IsDataLoss(status) ||
                    absl::IsUnimplemented(status) ||
                    absl::IsInvalidArgument(status))
            << status;
      }
    }
    pages_.Replace(page_id, good);
  }
}

TEST_F(ForestDamageTest, ANewerRootIsToldFromDamage) {
  Bytes page = Page(root_);
  StoreLittleEndian<uint16_t>(page, 16, 2);
  const size_t checksum_offset = page.size() - ChecksumPage::kChecksumSizeBytes;
  StoreLittleEndian<uint64_t>(page, checksum_offset,
                              XXH3_64bits(page.data(), checksum_offset));
  pages_.Replace(root_, page);
  EXPECT_THAT(Forest::Open(root_, pages_),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr(absl::StrFormat("page %016x", root_))));
}

TEST_F(ForestDamageTest, OpenNamesARootThatIsNone) {
  EXPECT_THAT(Forest::Open(999999, pages_),
              StatusIs(absl::StatusCode::kDataLoss));
  for (const PageId page_id : pages_.page_ids()) {
    if (KindOf(page_id) == PageKind::kLeaf) {
      EXPECT_THAT(Forest::Open(page_id, pages_),
                  StatusIs(absl::StatusCode::kDataLoss,
                           Eq(absl::StrFormat("page %016x: page is of kind "
                                              "leaf, expected forest",
                                              page_id))));
      break;
    }
  }
}

}  // namespace
}  // namespace copse
