// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/util/request_metrics.h"

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

#include "index/util/mutex.h"

namespace copse {
namespace {

// A search of a loaded commit takes about 150 us and a push may take minutes.
const prometheus::Histogram::BucketBoundaries& LatencyBoundaries() {
  static const auto& boundaries = *new prometheus::Histogram::BucketBoundaries{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
      0.25,   0.5,     1,      2.5,   5,      10,    30,   60,    300};
  return boundaries;
}

}  // namespace

struct RequestMetrics::Families {
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Gauge>& in_flight;
  prometheus::Family<prometheus::Histogram>& seconds;
};

struct RequestMetrics::MethodMetrics {
  std::string method;
  prometheus::Gauge* in_flight = nullptr;  // Not owned, as those below.
  prometheus::Histogram* seconds = nullptr;
  std::array<prometheus::Counter*, kCodeCount> requests = {};
};

RequestMetrics::RequestMetrics(prometheus::Registry& registry)
    : families_(std::make_unique<Families>(Families{
          .requests = prometheus::BuildCounter()
                          .Name("copse_grpc_requests_total")
                          .Help("Requests answered, by method and code.")
                          .Register(registry),
          .in_flight = prometheus::BuildGauge()
                           .Name("copse_grpc_requests_in_flight")
                           .Help("Requests being answered now, by method.")
                           .Register(registry),
          .seconds = prometheus::BuildHistogram()
                         .Name("copse_grpc_request_duration_seconds")
                         .Help("Time from the arrival of a request to the end "
                               "of its answer, by method.")
                         .Register(registry),
      })) {}

RequestMetrics::~RequestMetrics() = default;

void RequestMetrics::Start(absl::string_view method) {
  MutexLock lock(mutex_);
  MetricsOf(method).in_flight->Increment();
}

void RequestMetrics::Finish(absl::string_view method, absl::StatusCode code,
                            double seconds) {
  const auto number = static_cast<size_t>(code);
  const size_t index = number < kCodeCount
                           ? number
                           : static_cast<size_t>(absl::StatusCode::kUnknown);
  MutexLock lock(mutex_);
  MethodMetrics& metrics = MetricsOf(method);
  prometheus::Counter*& counter = metrics.requests[index];
  if (counter == nullptr) {
    counter = &families_->requests.Add(
        {{"method", metrics.method},
         {"code",
          absl::StatusCodeToString(static_cast<absl::StatusCode>(index))}});
  }
  counter->Increment();
  metrics.in_flight->Decrement();
  metrics.seconds->Observe(seconds);
}

// NOLINTNEXTLINE(misc-no-recursion): once, for "other".
RequestMetrics::MethodMetrics& RequestMetrics::MetricsOf(
    absl::string_view method) {
  const auto found = methods_.find(method);
  if (found != methods_.end()) {
    return *found->second;
  }
  // "other" itself is the last one that is let in.
  if (methods_.size() >= kMethodCountMax && method != "other") {
    return MetricsOf("other");
  }
  auto metrics = std::make_unique<MethodMetrics>();
  metrics->method = std::string(method);
  metrics->in_flight = &families_->in_flight.Add({{"method", metrics->method}});
  metrics->seconds = &families_->seconds.Add({{"method", metrics->method}},
                                             LatencyBoundaries());
  return *methods_.emplace(metrics->method, std::move(metrics)).first->second;
}

}  // namespace copse
