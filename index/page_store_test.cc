// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/page_store.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/memory_page_store.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Eq;

std::vector<std::byte> Bytes(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(i % 251);
  }
  return bytes;
}

TEST(PageBytesTest, HoldsAnAlignedCopy) {
  for (const size_t size : {0, 1, 63, 64, 65, 100000}) {
    std::vector<std::byte> bytes = Bytes(size);
    const PageBytes page(bytes);
    bytes.assign(size, std::byte{0xff});
    EXPECT_THAT(page.bytes(), ElementsAreArray(Bytes(size)));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(page.bytes().data()) % 64, 0U)
        << size << " bytes";
  }
}

TEST(MemoryPageStoreTest, NumbersPagesFromOne) {
  MemoryPageStore pages;
  EXPECT_THAT(pages.Write(Bytes(3)), IsOkAndHolds(Eq(PageId{1})));
  EXPECT_THAT(pages.Write(Bytes(4)), IsOkAndHolds(Eq(PageId{2})));
  COPSE_ASSERT_OK_AND_ASSIGN(const PageRef page, pages.Read(2));
  EXPECT_THAT(page->bytes(), ElementsAreArray(Bytes(4)));
  EXPECT_THAT(pages.page_ids(), ElementsAre(1, 2));
  EXPECT_EQ(pages.size_bytes(), 7U);
}

TEST(MemoryPageStoreTest, NamesAPageItDoesNotHave) {
  MemoryPageStore pages;
  EXPECT_THAT(pages.Read(42),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("page 000000000000002a is not in the store")));
}

TEST(MemoryPageStoreTest, NeverReusesTheNumberOfARemovedPage) {
  MemoryPageStore pages;
  ASSERT_THAT(pages.Write(Bytes(3)), IsOk());
  pages.Remove(1);
  EXPECT_THAT(pages.Read(1), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(pages.Write(Bytes(3)), IsOkAndHolds(Eq(PageId{2})));
}

TEST(MemoryPageStoreTest, ReplacesAPageForLaterReadersOnly) {
  MemoryPageStore pages;
  ASSERT_THAT(pages.Write(Bytes(3)), IsOk());
  COPSE_ASSERT_OK_AND_ASSIGN(const PageRef before, pages.Read(1));
  pages.Replace(1, Bytes(5));
  COPSE_ASSERT_OK_AND_ASSIGN(const PageRef after, pages.Read(1));
  EXPECT_EQ(before->bytes().size(), 3U);
  EXPECT_EQ(after->bytes().size(), 5U);
  EXPECT_EQ(pages.size_bytes(), 5U);
}

TEST(MemoryPageStoreTest, FailsTheWritesAfterTheOnesThatFit) {
  MemoryPageStore pages;
  pages.FailWritesAfter(1);
  EXPECT_THAT(pages.Write(Bytes(3)), IsOk());
  EXPECT_THAT(pages.Write(Bytes(3)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(pages.page_count(), 1U);
}

}  // namespace
}  // namespace copse
