// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/job_metrics.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "prometheus/client_metric.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"

#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/util/metric_families.h"
#include "versioning/job_record.h"

namespace copse {
namespace {

using Counts = std::map<JobKind, std::map<JobState, int64_t>>;

constexpr JobState kUnfinishedStates[] = {JobState::kQueued, JobState::kRunning,
                                          JobState::kWaiting};
constexpr JobState kFinalStates[] = {JobState::kSucceeded, JobState::kFailed,
                                     JobState::kCancelled};

int64_t CountOf(const Counts& counts, JobKind kind, JobState state) {
  const auto of_kind = counts.find(kind);
  if (of_kind == counts.end()) {
    return 0;
  }
  const auto of_state = of_kind->second.find(state);
  return of_state == of_kind->second.end() ? 0 : of_state->second;
}

// Every kind and state has a value, so that none appears out of nowhere.
template <typename States>
prometheus::MetricFamily CountFamily(prometheus::MetricType type,
                                     std::string name, std::string help,
                                     const Counts& counts,
                                     const States& states) {
  prometheus::MetricFamily family =
      MakeFamily(type, std::move(name), std::move(help), {});
  for (uint8_t number = 1; number <= kJobKindMax; ++number) {
    const auto kind = static_cast<JobKind>(number);
    for (const JobState state : states) {
      prometheus::ClientMetric metric;
      metric.label.push_back({"kind", std::string(JobKindName(kind))});
      metric.label.push_back({"state", std::string(JobStateName(state))});
      const auto value = static_cast<double>(CountOf(counts, kind, state));
      metric.gauge.value = value;
      metric.counter.value = value;
      family.metric.push_back(std::move(metric));
    }
  }
  return family;
}

}  // namespace

std::vector<prometheus::MetricFamily> JobMetrics::Collect() const {
  const JobTotals totals = runner_.totals();
  std::vector<LabeledValue> seconds;
  for (uint8_t number = 1; number <= kJobKindMax; ++number) {
    const auto kind = static_cast<JobKind>(number);
    const auto found = totals.seconds.find(kind);
    seconds.push_back({"kind", std::string(JobKindName(kind)),
                       found == totals.seconds.end() ? 0 : found->second});
  }
  return {CountFamily(prometheus::MetricType::Gauge, "copse_jobs_unfinished",
                      "Jobs that have not ended.", totals.unfinished,
                      kUnfinishedStates),
          CountFamily(prometheus::MetricType::Counter, "copse_jobs_ended_total",
                      "Jobs that have ended.", totals.ended, kFinalStates),
          MakeFamily(prometheus::MetricType::Counter, "copse_job_seconds_total",
                     "Seconds that jobs took that have ended, from their start "
                     "on.",
                     seconds)};
}

}  // namespace copse
