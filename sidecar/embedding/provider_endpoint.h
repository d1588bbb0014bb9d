// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the calls of one embedder share: the dialect, the key, the connections,
// the flow control, and what was learned about the provider's limits.

#ifndef COPSE_SIDECAR_EMBEDDING_PROVIDER_ENDPOINT_H_
#define COPSE_SIDECAR_EMBEDDING_PROVIDER_ENDPOINT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/batch_fill.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedder_environment.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/embedding/flow_control.h"
#include "sidecar/embedding/http_session.h"
#include "sidecar/embedding/provider_dialect.h"
#include "sidecar/embedding/slow_batch_limit.h"
#include "sidecar/embedding/token_meter.h"

namespace copse {

// Thread safety: any number of threads may use one endpoint.
class ProviderEndpoint {
 public:
  // Reads the key. `profile` is resolved, and `environment` has its defaults.
  static absl::StatusOr<std::unique_ptr<ProviderEndpoint>> Create(
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

  // What to send, and when.
  const ProviderDialect& dialect() const { return dialect_; }
  FlowControl& flow() { return flow_; }

  // A session for one call, with the connections of earlier ones.
  std::unique_ptr<HttpSession> TakeSession();
  void GiveSessionBack(std::unique_ptr<HttpSession> session);

  // What a request may hold at most: the settings, or less once the provider
  // has refused a request as too large or was too slow for one, or its rates
  // are low; of tokens 80 %, by the measure of its own counts, because they are
  // estimated.
  BatchLimits batch_limits() const;
  TokenMeter& token_meter() { return token_meter_; }

  // Asks a server that tells its limits for them, the first time; waits at most
  // 2 seconds, and no longer than `context` lets. A server that cannot be
  // reached is asked again by the next call, three times in all; one that has
  // no answer is taken as its dialect has it.
  void LearnServerLimits(const EmbedContext& context);

  void LearnTextCountMax(uint32_t count);
  void LearnSizeBytesMax(int64_t size_bytes);

  // A request of `text_count` texts timed out, or brought its vectors in time.
  void OnTimeOut(size_t text_count);
  void OnVectors(size_t text_count);

  // Why the provider last refused us, whatever is sent.
  void NoteRefusal(const absl::Status& refusal);
  absl::Status last_refusal() const;

  bool asks_for_base64() const { return asks_for_base64_; }
  void AskForNumbers() { asks_for_base64_ = false; }

 private:
  ProviderEndpoint(const EmbeddingProfileOptions& profile,
                   const EmbedderEnvironment& environment, std::string origin,
                   std::string api_key);

  void TakeServerLimits(const ServerLimits& limits);

  const EmbeddingProfileOptions profile_;
  const EmbedderEnvironment environment_;
  const std::string origin_;
  const HttpEndpoint http_endpoint_;
  const ProviderDialect& dialect_;
  FlowControl flow_;
  std::atomic<uint32_t> text_count_max_;
  std::atomic<int64_t> size_bytes_max_;
  std::atomic<bool> asks_for_base64_;
  std::atomic<uint32_t> server_tokens_per_text_max_ = 0;
  std::atomic<int> info_attempt_count_ = 0;
  TokenMeter token_meter_;

  mutable Mutex mutex_;
  std::string api_key_ ABSL_GUARDED_BY(mutex_);
  SlowBatchLimit slow_batches_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_refusal_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<HttpSession>> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_PROVIDER_ENDPOINT_H_
