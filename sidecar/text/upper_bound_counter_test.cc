// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/upper_bound_counter.h"

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Eq;

TEST(UpperBoundCounterTest, CountsBytesForByteLevelVocabularies) {
  const UpperBoundCounter counter(TokenizerFamily::kByteLevelBpe);
  EXPECT_THAT(counter.Count(""), IsOkAndHolds(Eq(0)));
  EXPECT_THAT(counter.Count("oak \u00e9\u6797\U0001f333"),
              IsOkAndHolds(Eq(4 + 2 + 3 + 4)));
}

TEST(UpperBoundCounterTest, CountsWhatCompatibilityCharactersBecome) {
  const UpperBoundCounter counter(TokenizerFamily::kSentencePiece);
  // U+FDFA is 3 bytes and becomes 18 characters, 15 of them of 2 bytes.
  EXPECT_THAT(counter.Count("\ufdfa"), IsOkAndHolds(Eq(1 + 33)));
  EXPECT_THAT(counter.Count("oak"), IsOkAndHolds(Eq(1 + 3)));
}

TEST(UpperBoundCounterTest, CountsDecomposedCodePointsForWordPiece) {
  const UpperBoundCounter counter(TokenizerFamily::kWordPiece);
  EXPECT_THAT(counter.Count("\u00e9\u6797\u1e69"), IsOkAndHolds(Eq(2 + 1 + 3)));
}

TEST(UpperBoundCounterTest, IsLargestWhereTheFamilyIsNotKnown) {
  const UpperBoundCounter any(TokenizerFamily::kAny);
  for (const absl::string_view text :
       {"", "oak", "\ufdfa", "\u6797\u6728", "\u00e9\u1e69", "\U0001f333"}) {
    const auto bound = any.Count(text);
    ASSERT_THAT(bound, IsOk());
    for (const TokenizerFamily family :
         {TokenizerFamily::kByteLevelBpe, TokenizerFamily::kSentencePiece,
          TokenizerFamily::kWordPiece}) {
      EXPECT_THAT(UpperBoundCounter(family).Count(text),
                  IsOkAndHolds(::testing::Le(*bound)))
          << text;
    }
  }
}

}  // namespace
}  // namespace copse
