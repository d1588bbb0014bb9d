// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// When a request may be sent to one provider, whatever is in it. One for each
// profile, shared by all its calls, so that two jobs together keep to the
// limits that one has.
//
//   FlowControl::Caller caller(flow);                  // One for each call.
//   const FlowDecision decision =
//       flow.TryStart(caller, {.lane = FlowLane::kDocument,
//                              .token_count = estimate}, now);
//   switch (decision.kind) {
//     case FlowDecision::Kind::kStart:
//       ... send; flow.Land() as soon as there is a reply; then, always:
//       flow.Finish(decision.ticket, {.result = FlowResult::kSuccess}, now);
//     case FlowDecision::Kind::kWait:
//       ... ask again at decision.time, or when a reply has come
//     case FlowDecision::Kind::kOpen:
//       ... give up, or wait for the probe at decision.time
//   }
//
// A request starts when the breaker is closed (circuit_breaker.h), there is a
// place in its lane (concurrency_limiter.h), the rates allow it
// (rate_limiter.h), retries have not been too many (retry_budget.h), the
// provider has not asked for a pause, and no other caller has waited longer.
//
// Turns: of callers that wait, none gets more than 4 requests ahead of another,
// however many threads ask how often. Queries have a lane of their own: they
// take no turns, and a pause is for documents only, since a person waits.
//
// EndPause() is for who has talked to the provider, or paid: whatever it asked
// for, it is asked again, and what it answers then counts. If it had failed or
// asked to be left alone for long, the first that goes is the probe.

#ifndef COPSE_SIDECAR_EMBEDDING_FLOW_CONTROL_H_
#define COPSE_SIDECAR_EMBEDDING_FLOW_CONTROL_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/mutex.h"
#include "sidecar/embedding/circuit_breaker.h"
#include "sidecar/embedding/concurrency_limiter.h"
#include "sidecar/embedding/rate_limit_headers.h"
#include "sidecar/embedding/rate_limiter.h"
#include "sidecar/embedding/retry_budget.h"

namespace copse {

struct FlowOptions {
  uint32_t concurrency_max = 4;  // Of documents.
  RateLimits limits = {};
  CircuitBreakerOptions breaker = {};
};

// What somebody wants to send.
struct FlowRequest {
  FlowLane lane = FlowLane::kDocument;
  int64_t token_count = 0;  // Estimated; what is learned corrects it.
  bool is_retry = false;
};

// A request that was let go, until Finish() takes it.
struct FlowTicket {
  FlowLane lane = FlowLane::kDocument;
  absl::Time start_time;
  int64_t estimated_token_count = 0;
  int64_t reserved_token_count = 0;
  bool is_probe = false;  // It must hold one text only.
  bool has_landed = false;
};

// What a request waits for.
enum class FlowWait { kPlace, kTurn, kRate, kPause, kRetryBudget, kProbe };

// Returns "place", "turn", "rate", "pause", "retry_budget" or "probe".
absl::string_view FlowWaitName(FlowWait wait);

struct FlowDecision {
  enum class Kind { kStart, kWait, kOpen };

  Kind kind = Kind::kWait;
  FlowTicket ticket = {};                  // For kStart.
  FlowWait wait = FlowWait::kPlace;        // For kWait.
  absl::Time time = absl::InfinitePast();  // When to ask again, else.
};

// What became of a request.
enum class FlowResult {
  kSuccess,    // Vectors came.
  kAnswered,   // No vectors, but the provider lives: this request was wrong.
  kSlowDown,   // It lives, and has too many requests.
  kOverload,   // It fails because it has too many.
  kFailure,    // It fails.
  kRefusal,    // It refuses us, whatever we send.
  kAbandoned,  // Nobody waited for the reply.
};

struct FlowOutcome {
  FlowResult result = FlowResult::kSuccess;
  absl::string_view words = {};  // Why, fit to be shown.

  // What the provider counted; unset if it did not say. A request that was not
  // answered with vectors cost what was estimated, to be on the safe side.
  std::optional<int64_t> token_count = {};

  RateLimitHeaders headers = {};  // Unless Land() was told.

  // The pause that it asks for. Beyond kServerDelayMax the breaker opens.
  std::optional<absl::Duration> pause = {};
};

// How it stands, for metrics and errors.
struct FlowSnapshot {
  CircuitBreaker::State breaker = CircuitBreaker::State::kClosed;
  bool is_refused = false;
  std::string last_words;       // Unless closed.
  absl::Time next_try_time;     // The same.
  RateLimits limits;            // As far as known.
  uint32_t document_limit = 0;  // Places.
  uint32_t document_count = 0;  // Places taken.
  uint32_t query_count = 0;
};

// Thread safety: any number of threads may use one FlowControl.
class FlowControl {
 public:
  // A call, as long as it lives. Thread safety: that of its FlowControl.
  class Caller {
   public:
    explicit Caller(FlowControl& flow);
    ~Caller();
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

   private:
    friend class FlowControl;

    FlowControl& flow_;
    int64_t started_count_ = 0;  // Guarded by flow_.mutex_, as is the next.
    absl::Time waits_until_ = absl::InfinitePast();
  };

  // `random` is uniform in [0, 1).
  FlowControl(const FlowOptions& options, absl::Time now,
              std::function<double()> random);

  FlowDecision TryStart(Caller& caller, const FlowRequest& request,
                        absl::Time now);

  // `caller` has nothing that it could start at the moment, so that no other
  // need wait for it.
  void StopWaiting(Caller& caller);

  // The reply to a request is there, with `headers`; what is in it is not known
  // yet. Its place is free for another.
  void Land(FlowTicket& ticket, const RateLimitHeaders& headers,
            absl::Time now);

  // To be called once for each ticket.
  void Finish(const FlowTicket& ticket, const FlowOutcome& outcome,
              absl::Time now);

  // There is another key: what was refused may work now.
  void OnNewKey();

  // No request waits any longer for a time that the provider has named, or that
  // follows from its failures.
  void EndPause(absl::Time now);

  // How many requests may be in flight in `lane` at the moment.
  uint32_t place_count_max(FlowLane lane) const;

  // What a request of documents should hold at most, as the caller estimates
  // tokens; 0 if no limit is known.
  int64_t request_token_count_max() const;

  FlowSnapshot snapshot(absl::Time now) const;

 private:
  FlowDecision Decide(Caller& caller, const FlowRequest& request,
                      absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsTurnOf(const Caller& caller, absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FlowTicket Start(Caller& caller, const FlowRequest& request, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t Corrected(int64_t token_count) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveBack(const FlowTicket& ticket, const RateLimitHeaders& headers,
                absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LearnTokens(const FlowTicket& ticket, const FlowOutcome& outcome,
                   absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LearnResult(const FlowTicket& ticket, const FlowOutcome& outcome,
                   absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ConcurrencyLimiter& PlacesOf(FlowLane lane)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::function<double()> random_;

  mutable Mutex mutex_;
  ConcurrencyLimiter document_places_ ABSL_GUARDED_BY(mutex_);
  ConcurrencyLimiter query_places_ ABSL_GUARDED_BY(mutex_);
  RateLimiter rates_ ABSL_GUARDED_BY(mutex_);
  CircuitBreaker breaker_ ABSL_GUARDED_BY(mutex_);
  RetryBudget retries_ ABSL_GUARDED_BY(mutex_);
  absl::Time pause_end_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::set<Caller*> callers_ ABSL_GUARDED_BY(mutex_);
  int64_t last_started_count_ ABSL_GUARDED_BY(mutex_) = 0;

  // Sums over the last replies, of which each weighs less than the next.
  double estimated_tokens_ ABSL_GUARDED_BY(mutex_) = 0.0;
  double counted_tokens_ ABSL_GUARDED_BY(mutex_) = 0.0;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_FLOW_CONTROL_H_
