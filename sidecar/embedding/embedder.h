// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An embedder makes vectors of texts.
//
//   const std::vector<absl::string_view> texts = {"oak", "beech"};
//   EmbedStatistics statistics;
//   EmbedContext context;
//   context.deadline = absl::Now() + absl::Minutes(5);
//   context.statistics = &statistics;
//   COPSE_ASSIGN_OR_RETURN(
//       std::vector<EmbeddingOutcome> outcomes,
//       embedder.Embed(texts, EmbeddingRole::kDocument, context));
//   if (!outcomes[0].ok()) {  // This text is to blame; the others are fine.
//     ...
//   }
//
// Invariants:
//
// * One outcome for each text, in the order of the texts.
// * A vector has dimension() finite components. It has length 1 if the profile
//   normalises, as it does by default, and is never zero.
// * The same text in the same role gives the same vector, except that a remote
//   model may differ in the last bits.
//
// Errors of the whole call carry a reason (index/util/error_reason.h) and the
// metadata `profile` and, where one was received, the HTTP `status`:
//
//   kUnavailable         EMBEDDING_PROVIDER_UNAVAILABLE  the provider is down,
//                        overloaded or answers nonsense, also after retries;
//                        `retry_time`, where there is one, says from when on it
//                        is worth while to try again (RFC 3339)
//   kFailedPrecondition  EMBEDDING_PROVIDER_REFUSED      it refuses us, such as
//                        401, 403, 404: `setting` names what to change
//   kFailedPrecondition  EMBEDDING_DIMENSION_MISMATCH    its vectors have
//                        another dimension than `dimension` says
//   kDeadlineExceeded    EMBEDDING_DEADLINE_EXCEEDED     context.deadline
//   kCancelled           EMBEDDING_CANCELLED             context.cancelled
//
// Errors of one text are kInvalidArgument with EMBEDDING_TEXT_EMPTY (nothing
// but white space), EMBEDDING_TEXT_INVALID (not UTF-8) or
// EMBEDDING_TEXT_REFUSED (too long for the model, or no usable vector for it).

#ifndef COPSE_SIDECAR_EMBEDDING_EMBEDDER_H_
#define COPSE_SIDECAR_EMBEDDING_EMBEDDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/embedding/token_meter.h"
#include "versioning/commit.h"

namespace copse {

// A vector, or why this text has none.
using EmbeddingOutcome = absl::StatusOr<std::vector<float>>;

// What a call cost.
struct EmbedStatistics {
  int64_t request_count = 0;     // HTTP requests, retries among them.
  int64_t retry_count = 0;       // Requests that repeated an earlier one.
  int64_t token_count = 0;       // As the provider counted them.
  int64_t cache_hit_count = 0;   // Texts answered by the cache.
  int64_t cache_miss_count = 0;  // Distinct texts the provider was asked for.
  int64_t shared_count = 0;  // Texts answered by an equal text in this call or
                             // in a call that was under way.

  EmbedStatistics& operator+=(const EmbedStatistics& other) {
    request_count += other.request_count;
    retry_count += other.retry_count;
    token_count += other.token_count;
    cache_hit_count += other.cache_hit_count;
    cache_miss_count += other.cache_miss_count;
    shared_count += other.shared_count;
    return *this;
  }
};

struct EmbedContext {
  // When the caller loses interest. It always wins over retries.
  absl::Time deadline = absl::InfiniteFuture();

  // Asked at least every 100 ms from threads of the embedder; true ends the
  // call with kCancelled. Must be cheap and thread-safe. May be empty.
  std::function<bool()> cancelled;

  // Attempts of one request; 0 means as many as the profile says. A query
  // should say 2.
  uint32_t attempt_count_max = 0;

  // Shown to a provider in place of the key of its profile; empty for that key.
  // Not stored and not logged.
  std::string api_key = {};

  // Told how many texts are done, as they are: from the calling thread, with
  // growing numbers. May be empty.
  std::function<void(int64_t done_count)> progress;

  // Told each vector as it is made, with the place of its text, from the
  // calling thread. What it was told is good even if the call fails later, so a
  // cache need not pay for it again. May be empty.
  std::function<void(size_t text_index, std::span<const float> vector)>
      on_vector;

  // If set, the costs are added to it before the call returns, also when it
  // fails. Not shared between calls at the same time. Not owned.
  EmbedStatistics* statistics = nullptr;
};

// Thread safety: any number of threads may use one Embedder.
class Embedder {
 public:
  virtual ~Embedder() = default;

  // The profile with all defaults filled in.
  virtual const EmbeddingProfileOptions& profile() const = 0;

  // HashProfile(profile()).
  virtual const ProfileHash& profile_hash() const = 0;

  // Returns one outcome for each text, or why none could be made. `texts` may
  // be of any number and size; the embedder makes batches of them.
  virtual absl::StatusOr<std::vector<EmbeddingOutcome>> Embed(
      std::span<const absl::string_view> texts, EmbeddingRole role,
      const EmbedContext& context) = 0;

  // Returns by what to multiply EstimateTokenCount() to be right in general, as
  // far as the provider has counted tokens for this embedder.
  virtual double typical_token_ratio() const { return kTypicalTokenRatio; }

  // Asks a provider again at the next call, whatever pause it has asked for and
  // however it has failed.
  virtual void EndPause() {}

  absl::string_view name() const { return profile().name; }
  uint32_t dimension() const { return profile().dimension; }
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_EMBEDDER_H_
