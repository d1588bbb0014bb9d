// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// When a request may be sent to one provider, whatever is in it: the places for
// requests in flight, and the pauses that the provider asks for. Shared by all
// calls of an embedder.

#ifndef COPSE_SIDECAR_EMBEDDING_FLOW_CONTROL_H_
#define COPSE_SIDECAR_EMBEDDING_FLOW_CONTROL_H_

#include <algorithm>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/concurrency_limiter.h"
#include "sidecar/embedding/embedding_profile.h"

namespace copse {

// Thread safety: any number of threads may use one FlowControl.
class FlowControl {
 public:
  // `concurrency_max` is for documents.
  explicit FlowControl(uint32_t concurrency_max)
      : document_lane_(concurrency_max),
        query_lane_(std::max(kQueryLaneSize, concurrency_max)) {}

  // Queries do not wait behind documents: they have a lane of their own.
  ConcurrencyLimiter& lane(EmbeddingRole role) {
    return role == EmbeddingRole::kQuery ? query_lane_ : document_lane_;
  }

  // Until when the provider asked for no more requests of `role`. A person
  // waits for a query; it may ask whatever the documents were told.
  absl::Time pause_end(EmbeddingRole role) const {
    if (role == EmbeddingRole::kQuery) {
      return absl::InfinitePast();
    }
    MutexLock lock(mutex_);
    return pause_end_;
  }

  void PauseUntil(absl::Time end) {
    MutexLock lock(mutex_);
    pause_end_ = std::max(pause_end_, end);
  }

 private:
  static constexpr uint32_t kQueryLaneSize = 32;

  ConcurrencyLimiter document_lane_;
  ConcurrencyLimiter query_lane_;

  mutable Mutex mutex_;
  absl::Time pause_end_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_FLOW_CONTROL_H_
