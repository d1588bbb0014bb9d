// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http_metrics.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

#include "sidecar/http/http_observer.h"

namespace copse {
namespace {

// A health check takes less than a millisecond, and a push may take minutes.
const prometheus::Histogram::BucketBoundaries& LatencyBoundaries() {
  static const auto& boundaries = *new prometheus::Histogram::BucketBoundaries{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
      0.5,   1,      2.5,   5,    10,    30,   60,  300};
  return boundaries;
}

prometheus::Family<prometheus::Counter>& CounterFamily(
    prometheus::Registry& registry, const std::string& name,
    const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Gauge>& GaugeFamily(
    prometheus::Registry& registry, const std::string& name,
    const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

struct HttpMetrics::Families {
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Counter>& received;
  prometheus::Family<prometheus::Counter>& sent;
  prometheus::Family<prometheus::Gauge>& in_flight;
  prometheus::Family<prometheus::Histogram>& seconds;
  prometheus::Gauge& connections;
  prometheus::Counter& refused;
};

HttpMetrics::HttpMetrics(prometheus::Registry& registry)
    : families_(std::make_unique<Families>(Families{
          .requests =
              CounterFamily(registry, "copse_http_requests_total",
                            "Requests answered, by route and class of status."),
          .received = CounterFamily(registry, "copse_http_received_bytes_total",
                                    "Bytes of bodies read, by route."),
          .sent = CounterFamily(registry, "copse_http_sent_bytes_total",
                                "Bytes of answers sent, by route."),
          .in_flight = GaugeFamily(registry, "copse_http_requests_in_flight",
                                   "Requests being answered now, by route."),
          .seconds = prometheus::BuildHistogram()
                         .Name("copse_http_request_duration_seconds")
                         .Help("Time from the end of the head of a request to "
                               "the end of its answer, by route.")
                         .Register(registry),
          .connections = GaugeFamily(registry, "copse_http_connections_open",
                                     "Connections that are open now.")
                             .Add({}),
          .refused =
              CounterFamily(registry, "copse_http_connections_refused_total",
                            "Connections refused because too many were open.")
                  .Add({}),
      })) {}

HttpMetrics::~HttpMetrics() = default;

// Family::Add() returns what there is already.
void HttpMetrics::OnStart(absl::string_view route) {
  families_->in_flight.Add({{"route", std::string(route)}}).Increment();
}

void HttpMetrics::OnEnd(const HttpRequestEvent& event) {
  const std::string route(event.route);
  families_->in_flight.Add({{"route", route}}).Decrement();
  families_->requests
      .Add({{"route", route}, {"code", absl::StrCat(event.status / 100, "xx")}})
      .Increment();
  families_->received.Add({{"route", route}})
      .Increment(static_cast<double>(event.received_size_bytes));
  families_->sent.Add({{"route", route}})
      .Increment(static_cast<double>(event.sent_size_bytes));
  families_->seconds.Add({{"route", route}}, LatencyBoundaries())
      .Observe(absl::ToDoubleSeconds(event.duration));
}

void HttpMetrics::OnConnection(int change) {
  families_->connections.Increment(change);
}

void HttpMetrics::OnRefusal() { families_->refused.Increment(); }

}  // namespace copse
