// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding_metrics.h"

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/labels.h"
#include "prometheus/registry.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/embedding_observer.h"
#include "sidecar/util/logger.h"

namespace copse {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

// A small model nearby answers in milliseconds; a cold one takes minutes.
const Histogram::BucketBoundaries& LatencyBoundaries() {
  static const auto& boundaries = *new Histogram::BucketBoundaries{
      0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
  return boundaries;
}

Family<Counter>& CounterFamilyOf(prometheus::Registry& registry,
                                 const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Gauge>& GaugeFamilyOf(prometheus::Registry& registry, const char* name,
                             const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

struct EmbeddingMetrics::Families {
  explicit Families(prometheus::Registry& registry)
      : requests(CounterFamilyOf(registry, "copse_embedding_requests_total",
                                 "Requests to embedding providers, by profile "
                                 "and HTTP status; none if no reply came.")),
        failures(CounterFamilyOf(registry, "copse_embedding_failures_total",
                                 "Requests whose reply was not used.")),
        retries(CounterFamilyOf(registry, "copse_embedding_retries_total",
                                "Requests that were repeated.")),
        texts(CounterFamilyOf(registry, "copse_embedding_texts_total",
                              "Texts sent to embedding providers.")),
        tokens(CounterFamilyOf(registry, "copse_embedding_tokens_total",
                               "Tokens, as the providers counted them.")),
        sent_bytes(CounterFamilyOf(registry, "copse_embedding_sent_bytes_total",
                                   "Bytes sent to embedding providers.")),
        cache_hits(CounterFamilyOf(registry, "copse_embedding_cache_hits_total",
                                   "Texts that the cache answered.")),
        cache_misses(CounterFamilyOf(registry,
                                     "copse_embedding_cache_misses_total",
                                     "Texts that the cache did not know.")),
        cache_failures(CounterFamilyOf(
            registry, "copse_embedding_cache_failures_total",
            "Failures of the cache, by operation; embedding went on.")),
        wait_seconds(CounterFamilyOf(
            registry, "copse_embedding_wait_seconds_total",
            "Time that requests were held back, by what they waited for: "
            "place, turn, rate, pause, retry_budget or probe.")),
        waits(CounterFamilyOf(registry, "copse_embedding_waits_total",
                              "Requests that were held back, likewise.")),
        open(GaugeFamilyOf(registry, "copse_embedding_breaker_open",
                           "1 while the provider is not asked because it fails "
                           "or refuses.")),
        in_flight(GaugeFamilyOf(registry, "copse_embedding_requests_in_flight",
                                "Requests under way, by lane: document or "
                                "query.")),
        in_flight_max(GaugeFamilyOf(
            registry, "copse_embedding_document_requests_in_flight_max",
            "How many requests for documents may be under way at the "
            "moment.")),
        rate_limits(GaugeFamilyOf(
            registry, "copse_embedding_rate_limit_per_minute",
            "What the provider allows a minute, by unit: requests or tokens; "
            "0 if unknown.")),
        seconds(prometheus::BuildHistogram()
                    .Name("copse_embedding_request_duration_seconds")
                    .Help("Time of a request to an embedding provider, from "
                          "its start to the last byte of the reply.")
                    .Register(registry)) {}

  Family<Counter>& requests;
  Family<Counter>& failures;
  Family<Counter>& retries;
  Family<Counter>& texts;
  Family<Counter>& tokens;
  Family<Counter>& sent_bytes;
  Family<Counter>& cache_hits;
  Family<Counter>& cache_misses;
  Family<Counter>& cache_failures;
  Family<Counter>& wait_seconds;
  Family<Counter>& waits;
  Family<Gauge>& open;
  Family<Gauge>& in_flight;
  Family<Gauge>& in_flight_max;
  Family<Gauge>& rate_limits;
  Family<Histogram>& seconds;
};

EmbeddingMetrics::EmbeddingMetrics(prometheus::Registry& registry,
                                   Logger& logger)
    : families_(std::make_unique<Families>(registry)), logger_(logger) {}

EmbeddingMetrics::~EmbeddingMetrics() = default;

// Families hand out the same metric for the same labels, so none is kept: a
// look-up costs nothing beside an HTTP request.
void EmbeddingMetrics::OnRequest(const EmbeddingRequestEvent& event) {
  const std::string profile(event.profile);
  const std::string status =
      event.http_status == 0 ? "none" : absl::StrCat(event.http_status);
  families_->requests.Add({{"profile", profile}, {"status", status}})
      .Increment();
  families_->texts.Add({{"profile", profile}})
      .Increment(static_cast<double>(event.text_count));
  families_->tokens.Add({{"profile", profile}})
      .Increment(static_cast<double>(event.token_count));
  families_->sent_bytes.Add({{"profile", profile}})
      .Increment(static_cast<double>(event.request_size_bytes));
  families_->seconds.Add({{"profile", profile}}, LatencyBoundaries())
      .Observe(absl::ToDoubleSeconds(event.latency));
  if (!event.failure.empty()) {
    families_->failures.Add({{"profile", profile}}).Increment();
    logger_.Warning("embedding request failed",
                    {{"profile", event.profile},
                     {"origin", event.origin},
                     {"http_status", event.http_status},
                     {"attempt", event.attempt},
                     {"texts", event.text_count},
                     {"seconds", absl::ToDoubleSeconds(event.latency)},
                     {"request_id", event.request_id},
                     {"error", event.failure}});
  } else if (logger_.IsEnabled(LogLevel::kDebug)) {
    logger_.Debug("embedding request done",
                  {{"profile", event.profile},
                   {"origin", event.origin},
                   {"attempt", event.attempt},
                   {"texts", event.text_count},
                   {"tokens", event.token_count},
                   {"seconds", absl::ToDoubleSeconds(event.latency)},
                   {"request_id", event.request_id}});
  }
}

void EmbeddingMetrics::OnRetry(absl::string_view profile,
                               absl::Duration delay) {
  families_->retries.Add({{"profile", std::string(profile)}}).Increment();
  logger_.Debug(
      "embedding request waits to be repeated",
      {{"profile", profile}, {"seconds", absl::ToDoubleSeconds(delay)}});
}

void EmbeddingMetrics::OnWait(absl::string_view profile, absl::string_view wait,
                              absl::Duration duration) {
  const prometheus::Labels labels = {{"profile", std::string(profile)},
                                     {"wait", std::string(wait)}};
  families_->wait_seconds.Add(labels).Increment(
      absl::ToDoubleSeconds(duration));
  families_->waits.Add(labels).Increment();
}

void EmbeddingMetrics::OnFlow(const EmbeddingFlowEvent& event) {
  const std::string profile(event.profile);
  const auto set = [&profile](Family<Gauge>& family, const char* label,
                              const char* value, int64_t number) {
    prometheus::Labels labels = {{"profile", profile}};
    if (label != nullptr) {
      labels[label] = value;
    }
    family.Add(labels).Set(static_cast<double>(number));
  };
  set(families_->open, nullptr, nullptr, event.is_open ? 1 : 0);
  set(families_->in_flight, "lane", "document", event.document_request_count);
  set(families_->in_flight, "lane", "query", event.query_request_count);
  set(families_->in_flight_max, nullptr, nullptr,
      event.document_request_count_max);
  set(families_->rate_limits, "unit", "requests", event.requests_per_minute);
  set(families_->rate_limits, "unit", "tokens", event.tokens_per_minute);
  if (!NoteOpen(profile, event.is_open)) {
    return;
  }
  if (event.is_open) {
    logger_.Warning(
        "embedding provider is left alone",
        {{"profile", profile},
         {"until", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", event.next_try_time,
                                    absl::UTCTimeZone())},
         {"error", event.last_words}});
  } else {
    logger_.Info("embedding provider answers again", {{"profile", profile}});
  }
}

bool EmbeddingMetrics::NoteOpen(const std::string& profile, bool is_open) {
  MutexLock lock(mutex_);
  return is_open ? open_profiles_.insert(profile).second
                 : open_profiles_.erase(profile) > 0;
}

void EmbeddingMetrics::OnCacheLookup(absl::string_view profile,
                                     int64_t hit_count, int64_t miss_count) {
  const prometheus::Labels labels = {{"profile", std::string(profile)}};
  families_->cache_hits.Add(labels).Increment(static_cast<double>(hit_count));
  families_->cache_misses.Add(labels).Increment(
      static_cast<double>(miss_count));
}

void EmbeddingMetrics::OnCacheFailure(absl::string_view profile,
                                      absl::string_view operation,
                                      absl::string_view failure) {
  families_->cache_failures
      .Add({{"profile", std::string(profile)},
            {"operation", std::string(operation)}})
      .Increment();
  logger_.Warning(
      "embedding cache failed",
      {{"profile", profile}, {"operation", operation}, {"error", failure}});
}

}  // namespace copse
