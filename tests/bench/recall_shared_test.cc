// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The recall of the forest on real sentence embeddings. The data is not part of
// the project: it is looked for in the folder that COPSE_SHARED_DIR names, else
// in `shared` beside the source folder.

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "tests/bench/index_bench.h"
#include "tests/bench/search_runs.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Ge;
using ::testing::Le;

std::string SharedFolder() {
  const char* folder = std::getenv("COPSE_SHARED_DIR");
  return folder != nullptr ? folder : COPSE_SOURCE_DIR "/../shared";
}

class RecallSharedTest : public testing::Test {
 protected:
  void SetUp() override {
    BenchInput& input = options_.input;
    input.base_path = absl::StrCat(SharedFolder(), "/data/minilm_base.npy");
    input.query_path = absl::StrCat(SharedFolder(), "/data/minilm_query.npy");
    std::error_code error;
    if (!std::filesystem::exists(input.base_path, error)) {
      GTEST_SKIP() << input.base_path << " does not exist: NOT tested";
    }
    input.row_count_max = 10000;
    input.forest.thread_count = 2;
    options_.seconds_min = 0;
  }

  IndexBenchOptions options_;
};

TEST_F(RecallSharedTest, ReachesNineTenthsOfSentenceEmbeddings) {
  COPSE_ASSERT_OK_AND_ASSIGN(options_.budgets, ParseScanBudgets("5%,10%,20%"));
  COPSE_ASSERT_OK_AND_ASSIGN(const IndexBenchReport report,
                             RunIndexBench(options_));
  ASSERT_EQ(report.results.size(), 6U);
  for (const size_t last : {4, 5}) {
    EXPECT_THAT(report.results[last].recall_at_10, Ge(0.9)) << ToTable(report);
  }
  // More work never finds less, but for a few queries.
  for (size_t i = 0; i + 2 < report.results.size(); ++i) {
    EXPECT_THAT(report.results[i].recall_at_10,
                Le(report.results[i + 2].recall_at_10 + 0.005))
        << ToTable(report);
    // The last leaf may exceed the budget.
    EXPECT_THAT(report.results[i].costs.rows_scanned,
                Le(static_cast<double>(report.results[i].scan_budget) +
                   2.0 * options_.input.forest.leaf_row_count))
        << ToTable(report);
  }
}

}  // namespace
}  // namespace copse
