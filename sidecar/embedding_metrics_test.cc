// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding_metrics.h"

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sidecar/embedding/embedding_observer.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/metrics_registry.h"

namespace copse {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EmbeddingMetricsTest : public ::testing::Test {
 protected:
  std::string log_;
  Logger logger_{{.clock = [] { return absl::UnixEpoch(); },
                  .sink =
                      [this](absl::string_view line) {
                        log_.append(line.data(), line.size());
                      }}};
  MetricsRegistry registry_;
  EmbeddingMetrics metrics_{registry_.registry(), logger_};
};

TEST_F(EmbeddingMetricsTest, CountsRequestsByProfileAndStatus) {
  EmbeddingRequestEvent event;
  event.profile = "small";
  event.http_status = 200;
  event.latency = absl::Milliseconds(20);
  event.text_count = 32;
  event.token_count = 700;
  event.request_size_bytes = 4096;
  metrics_.OnRequest(event);
  metrics_.OnRequest(event);
  const std::string text = registry_.Serialize();
  EXPECT_THAT(text, HasSubstr("copse_embedding_requests_total{profile=\"small\""
                              ",status=\"200\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("copse_embedding_texts_total{profile=\"small\"} 64\n"));
  EXPECT_THAT(
      text,
      HasSubstr("copse_embedding_tokens_total{profile=\"small\"} 1400\n"));
  EXPECT_THAT(text, HasSubstr("copse_embedding_sent_bytes_total{profile="
                              "\"small\"} 8192\n"));
  EXPECT_THAT(text, HasSubstr("copse_embedding_request_duration_seconds_bucket{"
                              "profile=\"small\",le=\"0.025\"} 2\n"));
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(EmbeddingMetricsTest, LogsAndCountsWhatFailed) {
  EmbeddingRequestEvent event;
  event.profile = "small";
  event.origin = "http://127.0.0.1:9";
  event.latency = absl::Milliseconds(1500);
  event.attempt = 2;
  event.text_count = 3;
  event.failure = "connection refused";
  metrics_.OnRequest(event);
  metrics_.OnRetry("small", absl::Seconds(1));
  EXPECT_THAT(registry_.Serialize(),
              HasSubstr("copse_embedding_requests_total{profile=\"small\","
                        "status=\"none\"} 1\n"));
  EXPECT_THAT(
      registry_.Serialize(),
      HasSubstr("copse_embedding_failures_total{profile=\"small\"} 1\n"));
  EXPECT_THAT(
      registry_.Serialize(),
      HasSubstr("copse_embedding_retries_total{profile=\"small\"} 1\n"));
  EXPECT_EQ(log_,
            "1970-01-01T00:00:00.000000Z WARN  embedding request failed "
            "profile=small origin=http://127.0.0.1:9 http_status=0 attempt=2 "
            "texts=3 seconds=1.5 request_id=\"\" error=\"connection "
            "refused\"\n");
}

TEST_F(EmbeddingMetricsTest, CountsWhatTheCacheDoes) {
  metrics_.OnCacheLookup("small", 10, 2);
  metrics_.OnCacheFailure("small", "put", "disk is full");
  const std::string text = registry_.Serialize();
  EXPECT_THAT(
      text,
      HasSubstr("copse_embedding_cache_hits_total{profile=\"small\"} 10\n"));
  EXPECT_THAT(
      text,
      HasSubstr("copse_embedding_cache_misses_total{profile=\"small\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("copse_embedding_cache_failures_total{operation="
                              "\"put\",profile=\"small\"} 1\n"));
  EXPECT_THAT(log_, HasSubstr("embedding cache failed profile=small "
                              "operation=put error=\"disk is full\"\n"));
}

TEST_F(EmbeddingMetricsTest, CountsWaitsByWhatTheyAreFor) {
  metrics_.OnWait("small", "rate", absl::Milliseconds(1500));
  metrics_.OnWait("small", "rate", absl::Milliseconds(500));
  const std::string text = registry_.Serialize();
  EXPECT_THAT(text, HasSubstr("copse_embedding_wait_seconds_total{profile="
                              "\"small\",wait=\"rate\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("copse_embedding_waits_total{profile=\"small\","
                              "wait=\"rate\"} 2\n"));
}

TEST_F(EmbeddingMetricsTest, ShowsHowTheFlowStands) {
  EmbeddingFlowEvent event;
  event.profile = "small";
  event.document_request_count = 3;
  event.document_request_count_max = 8;
  event.query_request_count = 1;
  event.requests_per_minute = 600;
  metrics_.OnFlow(event);
  const std::string text = registry_.Serialize();
  for (const char* line :
       {"copse_embedding_breaker_open{profile=\"small\"} 0\n",
        "copse_embedding_requests_in_flight{lane=\"document\",profile="
        "\"small\"} 3\n",
        "copse_embedding_requests_in_flight{lane=\"query\",profile="
        "\"small\"} 1\n",
        "copse_embedding_document_requests_in_flight_max{profile=\"small\"} "
        "8\n",
        "copse_embedding_rate_limit_per_minute{profile=\"small\",unit="
        "\"requests\"} 600\n",
        "copse_embedding_rate_limit_per_minute{profile=\"small\",unit="
        "\"tokens\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(EmbeddingMetricsTest, LogsOnceThatAProviderIsLeftAlone) {
  EmbeddingFlowEvent event;
  event.profile = "small";
  event.is_open = true;
  event.last_words = "answered 500: the oven is cold";
  event.next_try_time = absl::UnixEpoch() + absl::Seconds(7);
  metrics_.OnFlow(event);
  metrics_.OnFlow(event);
  EXPECT_EQ(
      log_,
      "1970-01-01T00:00:00.000000Z WARN  embedding provider is left alone "
      "profile=small until=1970-01-01T00:00:07Z "
      "error=\"answered 500: the oven is cold\"\n");
  EXPECT_THAT(registry_.Serialize(),
              HasSubstr("copse_embedding_breaker_open{profile=\"small\"} 1\n"));
  log_.clear();
  event.is_open = false;
  metrics_.OnFlow(event);
  EXPECT_THAT(log_, HasSubstr("embedding provider answers again"));
}

}  // namespace
}  // namespace copse
