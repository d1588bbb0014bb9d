// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/index_bench.h"

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "index/exact_search.h"
#include "index/metric.h"
#include "index/vector_source.h"
#include "tests/bench/exact_truth.h"
#include "tests/bench/search_runs.h"
#include "tests/support/memory_vectors.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr Metric kMetrics[] = {Metric::kCosine, Metric::kEuclidean,
                               Metric::kDotProduct, Metric::kManhattan,
                               Metric::kHamming};

TEST(ScanBudgetTest, ParsesRowsAndPercentages) {
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<ScanBudget> budgets,
                             ParseScanBudgets("1%,0.5%,100%,4000,1"));
  ASSERT_THAT(budgets, SizeIs(5));
  EXPECT_EQ(budgets[0].RowCount(100000), 1000U);
  EXPECT_EQ(budgets[1].RowCount(100000), 500U);
  EXPECT_EQ(budgets[2].RowCount(100000), 100000U);
  EXPECT_EQ(budgets[3].RowCount(100000), 4000U);
  EXPECT_EQ(budgets[4].RowCount(100000), 1U);
}

TEST(ScanBudgetTest, IsRoundedUpAndAtLeastOneRow) {
  COPSE_ASSERT_OK_AND_ASSIGN(const std::vector<ScanBudget> budgets,
                             ParseScanBudgets("1%"));
  EXPECT_EQ(budgets[0].RowCount(101), 2U);
  EXPECT_EQ(budgets[0].RowCount(1), 1U);
  // Every whole percentage of a multiple of 100 is exact.
  for (size_t percent = 1; percent <= 100; ++percent) {
    const ScanBudget budget = {.value = static_cast<double>(percent),
                               .is_percent = true};
    EXPECT_EQ(budget.RowCount(12300), 123 * percent);
  }
}

TEST(ScanBudgetTest, RefusesWhatIsNoBudget) {
  for (const std::string text :
       {"", "0", "-1", "0%", "-2%", "101%", "nan%", "inf%", "2 %%", "1.5",
        "1%,,2%", "5000000000", "x"}) {
    EXPECT_THAT(
        ParseScanBudgets(text),
        StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("budgets: '")))
        << text;
  }
  EXPECT_THAT(
      ParseScanBudgets(absl::StrJoin(std::vector<int>(65, 1), ",")),
      StatusIs(absl::StatusCode::kInvalidArgument,
               Eq("budgets: the list has 65 entries, expected at most 64")));
}

TEST(MetricNameTest, IsParsedBack) {
  for (const Metric metric : kMetrics) {
    EXPECT_THAT(ParseMetric(MetricName(metric)), IsOkAndHolds(Eq(metric)));
  }
  EXPECT_THAT(ParseMetric("l2"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("metric is 'l2', expected cosine")));
}

TEST(ExactTruthTest, AgreesWithExactSearch) {
  std::mt19937 random(20260106);
  std::uniform_int_distribution<int> digit(-2, 2);
  const auto matrix = [&](size_t row_count) {
    std::vector<float> components(row_count * 5);
    for (float& component : components) {
      component = static_cast<float>(digit(random));
    }
    return MemoryVectors(5, std::move(components));
  };
  const MemoryVectors base = matrix(300);
  const MemoryVectors queries = matrix(37);
  for (const Metric metric : kMetrics) {
    for (const size_t neighbor_count : {1, 20, 300, 1000}) {
      for (const size_t thread_count : {1, 3}) {
        const std::vector<std::vector<Neighbor>> truth =
            ExactTruth(metric, base, queries, neighbor_count, thread_count);
        ASSERT_THAT(truth, SizeIs(37));
        for (size_t i = 0; i < truth.size(); ++i) {
          EXPECT_THAT(
              ExactSearch(metric, base, base.ordinals(),
                          queries.row(static_cast<Ordinal>(i)), neighbor_count),
              IsOkAndHolds(Eq(truth[i])));
        }
      }
    }
  }
}

TEST(IndexBenchTest, RefusesOptionsThatMakeNoSense) {
  IndexBenchOptions options;
  EXPECT_THAT(RunIndexBench(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("budgets: the list is empty")));
  options.budgets = {{.value = 1, .is_percent = true}};
  options.neighbor_count = 0;
  EXPECT_THAT(RunIndexBench(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("k is 0, expected 1 to 10000")));
  options.neighbor_count = 10;
  options.input.row_count_max = 0;
  EXPECT_THAT(
      RunIndexBench(options),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("limit is 0")));
  options.rerank_counts = {};
  EXPECT_THAT(RunIndexBench(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("rerank: the list is empty")));
}

TEST(IndexBenchReportTest, IsOneJsonObject) {
  IndexBenchReport report;
  report.simd = "scalar";
  report.rows = 1000;
  report.results = {
      {.scan_budget = 10, .recall_at_10 = 0.5, .costs = {.p50_us = 3}},
      {.mode = SearchMode::kBatch, .scan_budget = 10}};
  const auto json = nlohmann::json::parse(ToJson(report));
  EXPECT_EQ(json["rows"], 1000);
  EXPECT_EQ(json["simd"], "scalar");
  EXPECT_EQ(json["metric"], "cosine");
  EXPECT_EQ(json["results"][0]["mode"], "single");
  EXPECT_EQ(json["results"][0]["scan_budget"], 10);
  EXPECT_EQ(json["results"][0]["recall_at_10"], 0.5);
  EXPECT_EQ(json["results"][1]["mode"], "batch");
  for (const char* field :
       {"recall_at_1", "recall_at_100", "queries_per_second", "p50_us",
        "p99_us", "rows_scanned", "pages_read", "rerank_count"}) {
    EXPECT_TRUE(json["results"][0].contains(field)) << field;
  }
  EXPECT_FALSE(json["results"][1].contains("p50_us"))
      << "the queries of a batch have no times of their own";
  for (const char* field : {"build_seconds", "threads", "bytes_per_vector",
                            "total_bytes_per_vector", "dimension"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
}

TEST(IndexBenchReportTest, IsATableOfOneLineForEachResult) {
  IndexBenchReport report;
  report.rows = 1000;
  report.results = {{.scan_budget = 17},
                    {.mode = SearchMode::kBatch, .scan_budget = 34}};
  const std::string table = ToTable(report);
  EXPECT_THAT(table, HasSubstr("1000 rows"));
  EXPECT_THAT(table, HasSubstr("\n       17      0 single "));
  EXPECT_THAT(table, HasSubstr("\n       34      0  batch "));
}

}  // namespace
}  // namespace copse
