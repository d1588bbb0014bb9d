// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the calls of one embedder share: the key, the connections, the room for
// requests, and what was learned about the provider's limits.

#ifndef COPSE_SIDECAR_EMBEDDING_OPENAI_ENDPOINT_H_
#define COPSE_SIDECAR_EMBEDDING_OPENAI_ENDPOINT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/concurrency_limiter.h"
#include "sidecar/embedding/embedder_environment.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/embedding/http_session.h"

namespace copse {

// Thread safety: any number of threads may use one endpoint.
class OpenAiEndpoint {
 public:
  // Reads the key. `profile` is resolved, and `environment` has its defaults.
  static absl::StatusOr<std::unique_ptr<OpenAiEndpoint>> Create(
      const EmbeddingProfileOptions& profile,
      const EmbedderEnvironment& environment);

  const EmbeddingProfileOptions& profile() const { return profile_; }
  const EmbedderEnvironment& environment() const { return environment_; }

  // `scheme://host:port` of the URL.
  const std::string& origin() const { return origin_; }

  std::string api_key() const;

  // Reads `api_key_file` again, since keys are changed while daemons run.
  // Returns whether it holds another key than before.
  bool ReloadKey();

  // Queries do not wait behind documents: they have a lane of their own.
  ConcurrencyLimiter& lane(EmbeddingRole role) {
    return role == EmbeddingRole::kQuery ? query_lane_ : document_lane_;
  }

  // A session for one call, with the connections of earlier ones.
  std::unique_ptr<HttpSession> TakeSession();
  void GiveSessionBack(std::unique_ptr<HttpSession> session);

  // What a request may hold at most: the settings, or less once the provider
  // has refused a request as too large.
  uint32_t text_count_max() const { return text_count_max_; }
  int64_t size_bytes_max() const { return size_bytes_max_; }
  void LearnTextCountMax(uint32_t count);
  void LearnSizeBytesMax(int64_t size_bytes);

  bool asks_for_base64() const { return asks_for_base64_; }
  void AskForNumbers() { asks_for_base64_ = false; }

  // Until when the provider asked for no more documents.
  absl::Time pause_end() const;
  void PauseUntil(absl::Time end);

 private:
  OpenAiEndpoint(const EmbeddingProfileOptions& profile,
                 const EmbedderEnvironment& environment, std::string origin,
                 std::string api_key);

  const EmbeddingProfileOptions profile_;
  const EmbedderEnvironment environment_;
  const std::string origin_;
  const HttpEndpoint http_endpoint_;
  ConcurrencyLimiter document_lane_;
  ConcurrencyLimiter query_lane_;
  std::atomic<uint32_t> text_count_max_;
  std::atomic<int64_t> size_bytes_max_;
  std::atomic<bool> asks_for_base64_;

  mutable Mutex mutex_;
  std::string api_key_ ABSL_GUARDED_BY(mutex_);
  absl::Time pause_end_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::vector<std::unique_ptr<HttpSession>> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_OPENAI_ENDPOINT_H_
