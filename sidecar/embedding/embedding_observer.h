// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What metrics and logs may know about embedding: whoever counts or logs
// derives from EmbeddingObserver. No event holds a text, a body or a key.

#ifndef COPSE_SIDECAR_EMBEDDING_EMBEDDING_OBSERVER_H_
#define COPSE_SIDECAR_EMBEDDING_EMBEDDING_OBSERVER_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace copse {

// One HTTP request that has ended. The views last as long as the call.
struct EmbeddingRequestEvent {
  absl::string_view profile;
  absl::string_view origin;  // Such as "https://api.openai.com:443".
  int http_status = 0;       // 0 if no reply came.
  absl::Duration latency;    // From the start to the last byte.
  uint32_t attempt = 1;      // 1 for the first attempt.
  int64_t text_count = 0;    // Texts in the request.
  int64_t request_size_bytes = 0;
  int64_t token_count = 0;       // As the provider counted them.
  absl::string_view request_id;  // The provider's own, if any.
  absl::string_view failure;     // Empty, or why the reply was not used.
};

// How the flow control of a profile stands, after a request has started or
// ended. The views last as long as the call.
struct EmbeddingFlowEvent {
  absl::string_view profile;

  // Whether the provider is not asked because it fails or refuses, with what it
  // said and the time when it is asked again.
  bool is_open = false;
  absl::string_view last_words;
  absl::Time next_try_time;

  // Requests in flight, and how many of documents may be.
  int64_t document_request_count = 0;
  int64_t document_request_count_max = 0;
  int64_t query_request_count = 0;

  // The provider's limits as far as they are known; 0 if not.
  int64_t requests_per_minute = 0;
  int64_t tokens_per_minute = 0;
};

// Thread safety: called from many threads at once.
class EmbeddingObserver {
 public:
  virtual ~EmbeddingObserver() = default;

  virtual void OnRequest(const EmbeddingRequestEvent& event) = 0;

  // A request is repeated after `delay`.
  virtual void OnRetry(absl::string_view profile, absl::Duration delay) = 0;

  // A request started `duration` after it was ready; `wait` is one of the names
  // of FlowWaitName().
  virtual void OnWait(absl::string_view profile, absl::string_view wait,
                      absl::Duration duration) = 0;

  virtual void OnFlow(const EmbeddingFlowEvent& event) = 0;

  // Texts that the cache answered, and texts it could not.
  virtual void OnCacheLookup(absl::string_view profile, int64_t hit_count,
                             int64_t miss_count) = 0;

  // The cache failed; embedding goes on without it. `operation` is "get" or
  // "put".
  virtual void OnCacheFailure(absl::string_view profile,
                              absl::string_view operation,
                              absl::string_view failure) = 0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_EMBEDDING_OBSERVER_H_
