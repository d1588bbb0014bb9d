// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/suggestion.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace copse {
namespace {

TEST(SuggestionTest, CountsEachKindOfMistakeOnce) {
  EXPECT_EQ(EditDistance("", ""), 0);
  EXPECT_EQ(EditDistance("data", "data"), 0);
  EXPECT_EQ(EditDistance("dta", "data"), 1);    // Left out.
  EXPECT_EQ(EditDistance("daata", "data"), 1);  // Put in.
  EXPECT_EQ(EditDistance("dada", "data"), 1);   // Replaced.
  EXPECT_EQ(EditDistance("dtaa", "data"), 1);   // Swapped.
  EXPECT_EQ(EditDistance("", "data"), 4);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
}

TEST(SuggestionTest, NamesTheNearestCandidate) {
  const std::vector<std::string> keys = {"grpc_address", "metrics_address",
                                         "pool_size_bytes", "log_level"};
  EXPECT_EQ(DidYouMean("grpc_adress", keys), ", did you mean 'grpc_address'?");
  EXPECT_EQ(DidYouMean("GRPC-Address", keys), ", did you mean 'grpc_address'?");
  EXPECT_EQ(DidYouMean("pool_size", keys), ", did you mean 'pool_size_bytes'?");
}

TEST(SuggestionTest, IsSilentIfNothingIsNear) {
  const std::vector<std::string> keys = {"grpc_address", "log_level"};
  EXPECT_EQ(DidYouMean("colour", keys), "");
  EXPECT_EQ(DidYouMean("", keys), "");
  EXPECT_EQ(DidYouMean("x", {}), "");
  EXPECT_EQ(DidYouMean(std::string(100'000, 'g'), keys), "");
}

}  // namespace
}  // namespace copse
