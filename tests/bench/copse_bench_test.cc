// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs copse_bench, scale_bench and history_bench as their users do.

#include <sys/wait.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "tests/bench/vector_file.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::Ge;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Outcome {
  int exit_code = -1;
  std::string output;
};

// Standard error is part of the output unless `redirection` says else.
Outcome RunProgram(absl::string_view program, absl::string_view arguments,
                   absl::string_view redirection) {
  const std::string command =
      absl::StrCat("'", program, "' ", arguments, " ", redirection);
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) {
    return outcome;
  }
  std::array<char, 4096> buffer;
  for (size_t size = 0;
       (size = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    outcome.output.append(buffer.data(), size);
  }
  const int status = pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

Outcome RunBench(absl::string_view arguments,
                 absl::string_view redirection = "2>&1") {
  return RunProgram(COPSE_BENCH_PROGRAM, arguments, redirection);
}

class CopseBenchTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/copse-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(absl::string_view name) const {
    return absl::StrCat(folder_, "/", name);
  }

  // Writes random vectors as .fvecs and returns the path.
  std::string WriteVectors(absl::string_view name, size_t row_count,
                           uint32_t dimension, uint32_t seed) const {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    FILE* file = fopen(Path(name).c_str(), "wb");
    for (size_t row = 0; row < row_count; ++row) {
      fwrite(&dimension, sizeof(dimension), 1, file);
      for (uint32_t i = 0; i < dimension; ++i) {
        const float component = normal(random);
        fwrite(&component, sizeof(component), 1, file);
      }
    }
    fclose(file);
    return Path(name);
  }

 private:
  std::string folder_;
};

TEST_F(CopseBenchTest, FindsEverythingWhenItScansEverything) {
  const std::string base = WriteVectors("base.fvecs", 2000, 16, 1);
  const std::string query = WriteVectors("query.fvecs", 50, 16, 2);
  for (const absl::string_view metric :
       {"cosine", "euclidean", "dot", "manhattan", "hamming"}) {
    const Outcome outcome = RunBench(
        absl::StrCat("index --json --base ", base, " --query ", query,
                     " --metric ", metric, " --threads 2 --rerank 2000",
                     " --budgets 100%,10 --limit 1500 --seconds 0 --neighbors ",
                     Path("found.npy")),
        "2>/dev/null");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    const auto json = nlohmann::json::parse(outcome.output);
    EXPECT_EQ(json["rows"], 1500);
    EXPECT_EQ(json["metric"], std::string(metric));
    EXPECT_EQ(json["total_bytes_per_vector"].get<double>(),
              json["bytes_per_vector"].get<double>() + 16 * sizeof(float));
    ASSERT_THAT(json["results"], SizeIs(4));
    for (const auto& all : {json["results"][0], json["results"][1]}) {
      EXPECT_EQ(all["scan_budget"], 1500);
      EXPECT_EQ(all["recall_at_1"], 1.0) << metric;
      EXPECT_EQ(all["recall_at_10"], 1.0) << metric;
      EXPECT_EQ(all["recall_at_100"], 1.0) << metric;
      EXPECT_THAT(all["queries_per_second"].get<double>(), Gt(0));
    }
    EXPECT_EQ(json["results"][0]["mode"], "single");
    EXPECT_EQ(json["results"][1]["mode"], "batch");
    EXPECT_EQ(json["results"][2]["scan_budget"], 10);
  }
  EXPECT_EQ(std::filesystem::file_size(Path("found.npy")),
            128 + sizeof(int32_t) * 4 * 50 * 10);
}

TEST_F(CopseBenchTest, PrintsATable) {
  const std::string base = WriteVectors("base.fvecs", 500, 8, 1);
  const Outcome outcome = RunBench(absl::StrCat(
      "index --seconds 0 --base ", base, " --query ", base, " --limit 9"));
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("9 rows of 8 components, 500 queries"));
  EXPECT_THAT(outcome.output, HasSubstr("queries/s"));
}

TEST_F(CopseBenchTest, TriesEachRerankCountWithEachBudget) {
  const std::string base = WriteVectors("base.fvecs", 500, 8, 1);
  const Outcome outcome = RunBench(
      absl::StrCat("index --json --seconds 0 --base ", base, " --query ", base,
                   " --budgets 40,80 --rerank 0,90"),
      "2>/dev/null");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const auto json = nlohmann::json::parse(outcome.output);
  ASSERT_THAT(json["results"], SizeIs(8));
  EXPECT_EQ(json["results"][2]["scan_budget"], 40);
  EXPECT_EQ(json["results"][2]["rerank_count"], 90);
  EXPECT_EQ(json["results"][4]["scan_budget"], 80);
  EXPECT_EQ(json["results"][4]["rerank_count"], 0);
}

TEST_F(CopseBenchTest, JoinsRowsThatAreNear) {
  const std::string base = WriteVectors("base.fvecs", 4000, 16, 1);
  const Outcome outcome = RunBench(
      absl::StrCat(
          "duplicates --json --runs 1 --threads 2 --changed 30 --base ", base,
          " --distances 0.1,0.15"),
      "2>/dev/null");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const auto results = nlohmann::json::parse(outcome.output)["results"];
  ASSERT_THAT(results, SizeIs(4));
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i]["distance"], i < 2 ? 0.1 : 0.15);
    EXPECT_EQ(results[i]["changed"], i % 2 == 0 ? 0 : 30);
    EXPECT_THAT(results[i]["recall"].get<double>(), Ge(0.98));
    EXPECT_THAT(results[i]["rows_compared"].get<int64_t>(), Gt(0));
  }
  EXPECT_THAT(results[0]["pairs"].get<int64_t>(), Gt(0));
  EXPECT_EQ(
      RunBench(absl::StrCat("duplicates --base ", base, " --runs 0")).exit_code,
      2);
}

TEST_F(CopseBenchTest, FindsMoreWithAFilterThanWithout) {
  const std::string base = WriteVectors("base.fvecs", 3000, 16, 1);
  const std::string query = WriteVectors("query.fvecs", 50, 16, 2);
  for (const absl::string_view metric :
       {"cosine", "euclidean", "dot", "manhattan", "hamming"}) {
    const Outcome outcome = RunBench(
        absl::StrCat("filter --json --seconds 0 --base ", base, " --query ",
                     query, " --metric ", metric,
                     " --budgets 400 --fractions 0.5,0.01 --filters 3"),
        "2>/dev/null");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    const auto results = nlohmann::json::parse(outcome.output)["results"];
    ASSERT_THAT(results, SizeIs(5));
    EXPECT_EQ(results[0]["filter"], "none");
    EXPECT_EQ(results[0]["rows_allowed"], 3000);
    EXPECT_EQ(results[1]["filter"], "random");
    EXPECT_EQ(results[1]["rows_allowed"], 1500);
    EXPECT_EQ(results[4]["filter"], "clustered");
    EXPECT_EQ(results[4]["rows_allowed"], 30);
    EXPECT_EQ(results[4]["rows_reranked"], 30);
    for (const auto& result : results) {
      EXPECT_GE(result["recall_at_10"].get<double>(),
                results[0]["recall_at_10"].get<double>())
          << metric << " " << result;
    }
    EXPECT_EQ(results[2]["recall_at_10"], 1.0) << metric;
  }
}

TEST_F(CopseBenchTest, TheFiltersAreThoseOfTheSeed) {
  const std::string base = WriteVectors("base.fvecs", 3000, 16, 1);
  const auto scanned = [&](int seed) {
    const Outcome outcome = RunBench(
        absl::StrCat("filter --json --seconds 0 --base ", base, " --query ",
                     base, " --budgets 200 --fractions 0.4 --threads 1",
                     " --limit 2000 --filter-seed ", seed),
        "2>/dev/null");
    return nlohmann::json::parse(outcome.output)["results"][1]["pages_read"];
  };
  const auto first = scanned(1);
  EXPECT_EQ(scanned(1), first);
  EXPECT_NE(scanned(2), first);
}

TEST_F(CopseBenchTest, AddsUpTheTimeOfThePhases) {
  const std::string base = WriteVectors("base.fvecs", 2000, 16, 1);
  const Outcome outcome =
      RunBench(absl::StrCat("phases --json --seconds 0 --base ", base,
                            " --query ", base, " --budgets 100,400"),
               "2>/dev/null");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const auto results = nlohmann::json::parse(outcome.output)["results"];
  ASSERT_THAT(results, SizeIs(4));
  EXPECT_EQ(results[0]["mode"], "single");
  EXPECT_EQ(results[1]["scan_budget"], 400);
  EXPECT_EQ(results[2]["mode"], "batch");
  for (const auto& result : results) {
    double sum = 0;
    for (const auto& [phase, microseconds] : result["phases_us"].items()) {
      EXPECT_THAT(microseconds.get<double>(), Gt(0)) << phase;
      sum += microseconds.get<double>();
    }
    EXPECT_NEAR(sum, result["observed_us"].get<double>(), 1e-6 * sum);
    EXPECT_THAT(result["us"].get<double>(), Gt(0));
  }
  EXPECT_THAT(RunBench(absl::StrCat("phases --seconds 0 --base ", base,
                                    " --query ", base, " --budgets 100"))
                  .output,
              HasSubstr("\nscan_leaves "));
}

TEST_F(CopseBenchTest, CalibratesAndHoldsOutOtherQueries) {
  const std::string base = WriteVectors("base.fvecs", 3000, 8, 1);
  const std::string query = WriteVectors("query.fvecs", 100, 8, 2);
  const std::string command = absl::StrCat(
      "calibrate --json --k 10 --targets 0.9 --calibration-queries 40 --base ",
      base, " --query ", query);
  const auto run = [&](absl::string_view arguments) {
    const Outcome outcome =
        RunBench(absl::StrCat(command, arguments), "2>/dev/null");
    EXPECT_EQ(outcome.exit_code, 0) << arguments;
    return nlohmann::json::parse(outcome.output);
  };
  EXPECT_EQ(run("")["held_out_queries"], 60);
  EXPECT_EQ(run(" --held-out-offset 25")["held_out_queries"], 35);
  EXPECT_EQ(run(" --held-out 7 --query-seed 3")["held_out_queries"], 7);
  EXPECT_EQ(run(" --rows --held-out-offset 1")["held_out_queries"], 99);
  const auto taken = run(" --query-rows 500 --query-seed 3 --metric hamming");
  EXPECT_EQ(taken["rows"], 2500) << "the queries are not among the rows";
  EXPECT_EQ(taken["held_out_queries"], 460);
  EXPECT_THAT(taken["results"], SizeIs(1));
  for (const absl::string_view arguments :
       {" --held-out-offset 60", " --held-out-offset 100"}) {
    const Outcome outcome = RunBench(absl::StrCat(command, arguments));
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.output, HasSubstr("there are 100 queries"));
  }
}

TEST_F(CopseBenchTest, ComparesAnEditedForestWithOneBuiltAnew) {
  const std::string base = WriteVectors("base.fvecs", 2000, 16, 1);
  const std::string query = WriteVectors("query.fvecs", 50, 16, 2);
  for (const absl::string_view order : {"shuffled", "clustered"}) {
    const Outcome outcome =
        RunBench(absl::StrCat("edit --json --base ", base, " --query ", query,
                              " --metric euclidean --steps 5 --order ", order),
                 "2>/dev/null");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    const auto json = nlohmann::json::parse(outcome.output);
    ASSERT_THAT(json["phases"], SizeIs(2));
    EXPECT_EQ(json["phases"][0]["name"], "inserted");
    EXPECT_EQ(json["phases"][0]["rows"], 2000);
    EXPECT_EQ(json["phases"][1]["name"], "deleted");
    EXPECT_EQ(json["phases"][1]["rows"], 1500);
    for (const auto& phase : json["phases"]) {
      EXPECT_GT(phase["leaves"]["count"], 10);
      EXPECT_GT(phase["rebuilt_leaves"]["count"], 10);
    }
  }
}

TEST_F(CopseBenchTest, SaysWhatACommitCosts) {
  const std::string base = WriteVectors("base.fvecs", 3000, 16, 1);
  const std::string query = WriteVectors("query.fvecs", 20, 16, 2);
  for (const absl::string_view mode : {"", " --fold-in-commit"}) {
    const Outcome outcome =
        RunBench(absl::StrCat("commits --json --base ", base, " --query ",
                              query, " --shares 0.1 --commits 12 --folder ",
                              base, ".stores", mode),
                 "2>/dev/null");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    const auto json = nlohmann::json::parse(outcome.output);
    EXPECT_EQ(json["documents"], 2700);
    ASSERT_THAT(json["results"], SizeIs(2));
    EXPECT_EQ(json["results"][0]["order"], "scattered");
    EXPECT_EQ(json["results"][1]["order"], "clustered");
    for (const auto& result : json["results"]) {
      EXPECT_EQ(result["changes"], 270);
      // Those in a commit are told of by its time alone.
      EXPECT_EQ(result["folds"] == 0, !mode.empty()) << result;
      EXPECT_GT(result["written_bytes"], result["raw_bytes"]);
      EXPECT_GT(result["median_seconds"], 0);
      ASSERT_THAT(result["recalls"], SizeIs(2));
      for (const auto& recall : result["recalls"]) {
        EXPECT_GT(recall["recall_at_10"], 0.1);
        EXPECT_GT(recall["rebuilt_recall_at_10"], 0.1);
      }
    }
  }
  const Outcome refused = RunBench(absl::StrCat(
      "commits --base ", base, " --query ", query, " --shares 0.5"));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.output, HasSubstr("shares contain 0.5"));
}

TEST_F(CopseBenchTest, SaysWhatALargeDomainAndItsOldCommitsCost) {
  const std::string base = WriteVectors("base.fvecs", 1500, 16, 1);
  const std::string query = WriteVectors("query.fvecs", 100, 16, 2);
  const Outcome scale = RunProgram(
      COPSE_SCALE_BENCH_PROGRAM,
      absl::StrCat("--keep --rows 3000 --small-commits 15 --large-commits "
                   "4 --base ",
                   base, " --query ", query, " --folder ", Path("store")),
      "2>/dev/null");
  ASSERT_EQ(scale.exit_code, 0);
  const auto report = nlohmann::json::parse(scale.output);
  EXPECT_EQ(report["deleted_commits"], 18);
  EXPECT_GT(report["collection_removed_rows"], 0);
  EXPECT_GE(report["search_of_the_last_commit"][1]["recall_at_10"], 0.9);
  EXPECT_LT(report["folder_after_collection_bytes"],
            report["folder_before_collection_bytes"]);

  const Outcome history = RunProgram(
      COPSE_HISTORY_BENCH_PROGRAM,
      absl::StrCat("--domain scale --commits 2 --seconds 0.1 --data ",
                   Path("store")),
      "2>/dev/null");
  ASSERT_EQ(history.exit_code, 0);
  const auto old = nlohmann::json::parse(history.output);
  EXPECT_EQ(old["commits"], 2);
  EXPECT_GT(old["cold_open_ms"]["p99"], 0);
  EXPECT_GE(old["recall"][1]["recall_at_10"], 0.9);
  EXPECT_GT(old["pool"]["searches"], 0);
}

TEST_F(CopseBenchTest, EndsWithTwoAndNamesWhatIsWrong) {
  const std::string base = WriteVectors("base.fvecs", 100, 8, 1);
  const std::string other = WriteVectors("other.fvecs", 100, 9, 1);
  const std::string files = absl::StrCat("index --base ", base, " --query ");
  const auto other_files = [&base](absl::string_view command) {
    return absl::StrCat(command, " --base ", base, " --query ", base);
  };
  const struct {
    std::string arguments;
    std::string message;
  } cases[] = {
      {"", "A subcommand is required"},
      {"index", "--base is required"},
      {files + base + " --nonsense", "--nonsense"},
      {files + "/no/such.npy", "/no/such.npy: cannot be opened"},
      {files + other, "dimension is 9, expected 8"},
      {files + base + " --budgets 2x", "'2x' is neither a number of rows"},
      {files + base + " --metric angular", "metric is 'angular'"},
      {files + base + " --k 0", "k is 0, expected 1 to 10000"},
      {files + base + " --limit 0", "limit is 0"},
      {files + base + " --limit -1", "--limit"},
      {files + base + " --k -1", "--k"},
      {files + base + " --seed -1", "--seed"},
      {files + base + " --trees -1", "--trees"},
      {files + base + " --trees 99", "99"},
      {files + base + " --fan-out 1", "1"},
      {files + base + " --leaf-rows 0", "0"},
      {files + base + " --threads 0", "0"},
      {files + base + " --rerank -1", "--rerank"},
      {files + base + " --seconds -1", "--seconds"},
      {other_files("filter") + " --fractions 0", "fractions: 0, expected"},
      {other_files("filter") + " --fractions 1.5", "fractions: 1.5, expected"},
      {other_files("filter") + " --filters 0", "--filters"},
      {other_files("filter") + " --budgets 0", "'0' is neither"},
      {other_files("phases") + " --k 0", "k of 0, expected at least 1"},
      {other_files("calibrate") + " --query-rows 100",
       "100 rows are to be queries, expected less than 100"},
  };
  for (const auto& c : cases) {
    const Outcome outcome = RunBench(c.arguments);
    EXPECT_EQ(outcome.exit_code, 2) << c.arguments << "\n" << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr(c.message)) << c.arguments;
  }
}

TEST_F(CopseBenchTest, PrintsHelp) {
  const Outcome outcome = RunBench("index --help");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("--budgets"));
}

}  // namespace
}  // namespace copse
