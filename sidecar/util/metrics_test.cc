// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The registry and what the requests, the process and the store put into it.

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

#include "sidecar/util/metric_families.h"
#include "sidecar/util/metrics_registry.h"
#include "sidecar/util/process_collector.h"
#include "sidecar/util/request_metrics.h"

namespace copse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::string_view kSearch = "copse.v1.SearchService/Search";

std::vector<std::string> LinesWith(const std::string& text,
                                   absl::string_view start) {
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.substr(0, start.size()) == start) {
      lines.emplace_back(line);
    }
  }
  return lines;
}

// Returns the value of the metric `name`, which has no labels.
double ValueOf(const std::string& text, const std::string& name) {
  const std::vector<std::string> lines = LinesWith(text, name + " ");
  double value = -1;
  EXPECT_EQ(lines.size(), 1) << name;
  EXPECT_TRUE(!lines.empty() &&
              absl::SimpleAtod(lines[0].substr(name.size() + 1), &value));
  return value;
}

TEST(RequestMetricsTest, CountsByMethodAndCode) {
  MetricsRegistry registry;
  RequestMetrics metrics(registry.registry());
  for (int i = 0; i < 3; ++i) {
    metrics.Start(kSearch);
  }
  metrics.Finish(kSearch, absl::StatusCode::kOk, 0.002);
  metrics.Finish(kSearch, absl::StatusCode::kNotFound, 0.2);
  const std::string text = registry.Serialize();
  EXPECT_THAT(LinesWith(text, "copse_grpc_requests_total{"),
              ElementsAre("copse_grpc_requests_total{code=\"NOT_FOUND\",method="
                          "\"copse.v1.SearchService/Search\"} 1",
                          "copse_grpc_requests_total{code=\"OK\",method="
                          "\"copse.v1.SearchService/Search\"} 1"));
  EXPECT_THAT(LinesWith(text, "copse_grpc_requests_in_flight{"),
              ElementsAre("copse_grpc_requests_in_flight{method="
                          "\"copse.v1.SearchService/Search\"} 1"));
  EXPECT_THAT(text, HasSubstr("copse_grpc_request_duration_seconds_bucket{"
                              "method=\"copse.v1.SearchService/Search\",le="
                              "\"0.0025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("copse_grpc_request_duration_seconds_count{"
                              "method=\"copse.v1.SearchService/Search\"} 2\n"));
}

TEST(RequestMetricsTest, BoundsTheNumberOfMethods) {
  MetricsRegistry registry;
  RequestMetrics metrics(registry.registry());
  for (size_t i = 0; i < RequestMetrics::kMethodCountMax + 10; ++i) {
    const std::string method = absl::StrCat("method", i);
    metrics.Start(method);
    metrics.Finish(method, absl::StatusCode::kOk, 1);
  }
  EXPECT_THAT(registry.Serialize(),
              HasSubstr("copse_grpc_requests_total{code=\"OK\",method="
                        "\"other\"} 10\n"));
}

TEST(RequestMetricsTest, TakesACodeItDoesNotKnowForUnknown) {
  MetricsRegistry registry;
  RequestMetrics metrics(registry.registry());
  metrics.Start("m");
  metrics.Finish("m", static_cast<absl::StatusCode>(99), 1);
  EXPECT_THAT(registry.Serialize(),
              HasSubstr("copse_grpc_requests_total{code=\"UNKNOWN\",method="
                        "\"m\"} 1\n"));
}

TEST(RequestMetricsTest, CountsFromManyThreads) {
  MetricsRegistry registry;
  RequestMetrics metrics(registry.registry());
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&metrics] {
        for (int j = 0; j < 500; ++j) {
          metrics.Start("m");
          metrics.Finish("m", absl::StatusCode::kOk, 0.001);
        }
      });
    }
  }
  EXPECT_THAT(registry.Serialize(),
              HasSubstr("copse_grpc_requests_total{code=\"OK\",method=\"m\"} "
                        "2000\n"));
  EXPECT_THAT(registry.Serialize(),
              HasSubstr("copse_grpc_requests_in_flight{method=\"m\"} 0\n"));
}

// A collector that counts how often it is asked.
class AskedCollector : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    return {GaugeFamily("copse_asked", "Times asked.", ++asked_count_)};
  }

 private:
  mutable int asked_count_ = 0;
};

TEST(MetricsRegistryTest, AsksCollectorsEachTimeUntilTheyAreCleared) {
  MetricsRegistry registry;
  registry.Add(std::make_shared<AskedCollector>());
  EXPECT_EQ(ValueOf(registry.Serialize(), "copse_asked"), 1);
  EXPECT_EQ(registry.Serialize(),
            "# HELP copse_asked Times asked.\n"
            "# TYPE copse_asked gauge\n"
            "copse_asked 2\n");
  registry.ClearCollectors();
  EXPECT_EQ(registry.Serialize(), "");
}

TEST(ProcessCollectorTest, SaysWhatTheSystemSays) {
  MetricsRegistry registry;
  registry.Add(std::make_shared<ProcessCollector>("1.2.3"));
  const std::string text = registry.Serialize();
  EXPECT_THAT(text, HasSubstr("copse_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_GT(ValueOf(text, "process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(ValueOf(text, "process_virtual_memory_bytes"), 1 << 20);
  EXPECT_GE(ValueOf(text, "process_cpu_seconds_total"), 0);
  EXPECT_GE(ValueOf(text, "process_threads"), 1);
  // Standard input, output and error.
  EXPECT_GE(ValueOf(text, "process_open_fds"), 3);
  EXPECT_LT(ValueOf(text, "process_open_fds"), 1000);
  EXPECT_GE(ValueOf(text, "process_max_fds"), 3);
  EXPECT_GT(ValueOf(text, "process_start_time_seconds"), 1.5e9);
}

TEST(ProcessCollectorTest, SeesACpuThatWorks) {
  MetricsRegistry registry;
  registry.Add(std::make_shared<ProcessCollector>("1.2.3"));
  const double before =
      ValueOf(registry.Serialize(), "process_cpu_seconds_total");
  // The counter moves in steps of 10 ms; reading it is the work.
  while (ValueOf(registry.Serialize(), "process_cpu_seconds_total") <= before) {
  }
  EXPECT_THAT(registry.Serialize(), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace copse
