// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/flow_control.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/check.h"
#include "index/util/mutex.h"
#include "sidecar/embedding/retry_delay.h"

namespace copse {
namespace {

constexpr uint32_t kQueryPlaceCount = 32;

// How often somebody asks who waits for other callers. A request takes some
// hundred times as long.
constexpr absl::Duration kPollWait = absl::Milliseconds(2);

// How far a caller may get ahead of one that waits.
constexpr int64_t kTurnSize = 4;

// Who has not asked again for so long is not waited for.
constexpr absl::Duration kTurnPatience = absl::Milliseconds(200);

// The weight of a reply against the one after it.
constexpr double kTokenMemory = 0.95;

// A reply that claims more or less than this is not about these texts.
constexpr double kTokenFactorMax = 16.0;

// A provider that asks to be left alone for longer gets a probe anyhow.
constexpr absl::Duration kPauseMax = absl::Hours(1);

FlowDecision WaitFor(FlowWait wait, absl::Time time) {
  return {.kind = FlowDecision::Kind::kWait, .wait = wait, .time = time};
}

// Whether a request would go if others had sent less.
bool WaitsForOthers(const FlowDecision& decision) {
  return decision.kind == FlowDecision::Kind::kWait &&
         (decision.wait == FlowWait::kPlace ||
          decision.wait == FlowWait::kTurn || decision.wait == FlowWait::kRate);
}

}  // namespace

absl::string_view FlowWaitName(FlowWait wait) {
  switch (wait) {
    case FlowWait::kPlace:
      return "place";
    case FlowWait::kTurn:
      return "turn";
    case FlowWait::kRate:
      return "rate";
    case FlowWait::kPause:
      return "pause";
    case FlowWait::kRetryBudget:
      return "retry_budget";
    case FlowWait::kProbe:
      return "probe";
  }
  return "unknown";
}

FlowControl::Caller::Caller(FlowControl& flow) : flow_(flow) {
  MutexLock lock(flow_.mutex_);
  flow_.callers_.insert(this);
}

FlowControl::Caller::~Caller() {
  MutexLock lock(flow_.mutex_);
  flow_.callers_.erase(this);
}

FlowControl::FlowControl(const FlowOptions& options, absl::Time now,
                         std::function<double()> random)
    : random_(std::move(random)),
      document_places_(options.concurrency_max),
      query_places_(std::max(kQueryPlaceCount, options.concurrency_max)),
      rates_(options.limits, now),
      breaker_(options.breaker) {}

FlowDecision FlowControl::TryStart(Caller& caller, const FlowRequest& request,
                                   absl::Time now) {
  MutexLock lock(mutex_);
  const bool is_document = request.lane == FlowLane::kDocument;
  if (is_document && caller.waits_until_ < now) {
    // Who comes late has not more to catch up with than who waited all along.
    caller.started_count_ =
        std::max(caller.started_count_, last_started_count_ - kTurnSize);
  }
  const FlowDecision decision = Decide(caller, request, now);
  if (is_document) {
    caller.waits_until_ = WaitsForOthers(decision)
                              ? decision.time + kTurnPatience
                              : absl::InfinitePast();
  }
  return decision;
}

FlowDecision FlowControl::Decide(Caller& caller, const FlowRequest& request,
                                 absl::Time now) {
  const CircuitBreaker::State state = breaker_.state(now);
  if (state == CircuitBreaker::State::kOpen) {
    return {.kind = FlowDecision::Kind::kOpen,
            .time = breaker_.next_try_time()};
  }
  const bool is_document = request.lane == FlowLane::kDocument;
  const bool is_probe = state == CircuitBreaker::State::kHalfOpen;
  if (is_probe && breaker_.is_probing()) {
    return is_document
               ? WaitFor(FlowWait::kProbe, now + kPollWait)
               : FlowDecision{.kind = FlowDecision::Kind::kOpen, .time = now};
  }
  if (is_document && pause_end_ > now) {
    return WaitFor(FlowWait::kPause, pause_end_);
  }
  if (is_document && !IsTurnOf(caller, now)) {
    return WaitFor(FlowWait::kTurn, now + kPollWait);
  }
  if (!PlacesOf(request.lane).has_place()) {
    return WaitFor(FlowWait::kPlace, now + kPollWait);
  }
  if (request.is_retry && !is_probe) {
    if (const absl::Time time = retries_.StartTime(now); time > now) {
      return WaitFor(FlowWait::kRetryBudget, time);
    }
  }
  if (const absl::Time time =
          rates_.StartTime(Corrected(request.token_count), request.lane, now);
      time > now) {
    return WaitFor(FlowWait::kRate, time);
  }
  if (is_probe) {
    breaker_.BeginProbe();
  }
  FlowDecision decision = {.kind = FlowDecision::Kind::kStart,
                           .ticket = Start(caller, request, now)};
  decision.ticket.is_probe = is_probe;
  return decision;
}

bool FlowControl::IsTurnOf(const Caller& caller, absl::Time now) const {
  return std::ranges::none_of(callers_, [&](const Caller* other) {
    return other != &caller && other->waits_until_ >= now &&
           other->started_count_ + kTurnSize <= caller.started_count_;
  });
}

FlowTicket FlowControl::Start(Caller& caller, const FlowRequest& request,
                              absl::Time now) {
  FlowTicket ticket;
  ticket.lane = request.lane;
  ticket.start_time = now;
  ticket.estimated_token_count = request.token_count;
  ticket.reserved_token_count = Corrected(request.token_count);
  PlacesOf(request.lane).Take();
  rates_.Reserve(ticket.reserved_token_count, now);
  if (request.is_retry) {
    retries_.OnRetry(now);
  } else {
    retries_.OnFirstAttempt(now);
  }
  if (request.lane == FlowLane::kDocument) {
    last_started_count_ = ++caller.started_count_;
  }
  return ticket;
}

void FlowControl::StopWaiting(Caller& caller) {
  MutexLock lock(mutex_);
  caller.waits_until_ = absl::InfinitePast();
}

void FlowControl::Land(FlowTicket& ticket, const RateLimitHeaders& headers,
                       absl::Time now) {
  MutexLock lock(mutex_);
  COPSE_CHECK(!ticket.has_landed);
  GiveBack(ticket, headers, now);
  ticket.has_landed = true;
}

void FlowControl::GiveBack(const FlowTicket& ticket,
                           const RateLimitHeaders& headers, absl::Time now) {
  PlacesOf(ticket.lane).GiveBack();
  rates_.Settle(ticket.reserved_token_count);
  rates_.Learn(headers, now);
}

void FlowControl::Finish(const FlowTicket& ticket, const FlowOutcome& outcome,
                         absl::Time now) {
  MutexLock lock(mutex_);
  if (!ticket.has_landed) {
    GiveBack(ticket, outcome.headers, now);
  }
  LearnTokens(ticket, outcome, now);
  LearnResult(ticket, outcome, now);
  if (!outcome.pause.has_value()) {
    return;
  }
  if (*outcome.pause > kServerDelayMax) {
    breaker_.OnLongPause(outcome.words,
                         now + std::min(*outcome.pause, kPauseMax));
  } else {
    pause_end_ = std::max(pause_end_, now + *outcome.pause);
  }
}

void FlowControl::LearnTokens(const FlowTicket& ticket,
                              const FlowOutcome& outcome, absl::Time now) {
  const int64_t counted =
      outcome.token_count.value_or(ticket.reserved_token_count);
  rates_.Correct(ticket.reserved_token_count, counted, now);
  if (!outcome.token_count.has_value() || *outcome.token_count <= 0 ||
      ticket.estimated_token_count <= 0) {
    return;
  }
  const auto estimate = static_cast<double>(ticket.estimated_token_count);
  const double factor = std::clamp(static_cast<double>(counted) / estimate,
                                   1.0 / kTokenFactorMax, kTokenFactorMax);
  estimated_tokens_ = kTokenMemory * estimated_tokens_ + estimate;
  counted_tokens_ = kTokenMemory * counted_tokens_ + factor * estimate;
}

void FlowControl::LearnResult(const FlowTicket& ticket,
                              const FlowOutcome& outcome, absl::Time now) {
  ConcurrencyLimiter& places = PlacesOf(ticket.lane);
  switch (outcome.result) {
    case FlowResult::kSuccess:
      places.OnSuccess();
      breaker_.OnSuccess(ticket.is_probe, now);
      break;
    case FlowResult::kAnswered:
      breaker_.OnSuccess(ticket.is_probe, now);
      break;
    case FlowResult::kSlowDown:
      places.OnOverload(ticket.start_time, now);
      if (ticket.is_probe) {
        breaker_.OnSuccess(ticket.is_probe, now);
      }
      break;
    case FlowResult::kOverload:
      places.OnOverload(ticket.start_time, now);
      [[fallthrough]];
    case FlowResult::kFailure:
      breaker_.OnFailure(ticket.is_probe, outcome.words, ticket.start_time, now,
                         random_());
      break;
    case FlowResult::kRefusal:
      breaker_.OnRefusal(ticket.is_probe, outcome.words, now);
      break;
    case FlowResult::kAbandoned:
      if (ticket.is_probe) {
        breaker_.AbandonProbe();
      }
      break;
  }
}

void FlowControl::OnNewKey() {
  MutexLock lock(mutex_);
  breaker_.Reset();
}

void FlowControl::EndPause(absl::Time now) {
  MutexLock lock(mutex_);
  pause_end_ = absl::InfinitePast();
  rates_.ForgetResets();
  breaker_.AllowProbe(now);
}

uint32_t FlowControl::place_count_max(FlowLane lane) const {
  MutexLock lock(mutex_);
  return lane == FlowLane::kQuery ? query_places_.limit()
                                  : document_places_.limit();
}

int64_t FlowControl::Corrected(int64_t token_count) const {
  if (estimated_tokens_ <= 0.0) {
    return token_count;
  }
  return static_cast<int64_t>(std::ceil(static_cast<double>(token_count) *
                                        (counted_tokens_ / estimated_tokens_)));
}

int64_t FlowControl::request_token_count_max() const {
  MutexLock lock(mutex_);
  const int64_t count = rates_.request_token_count_max();
  if (count == 0 || counted_tokens_ <= 0.0) {
    return count;
  }
  return std::max<int64_t>(
      1, static_cast<int64_t>(static_cast<double>(count) *
                              (estimated_tokens_ / counted_tokens_)));
}

FlowSnapshot FlowControl::snapshot(absl::Time now) const {
  MutexLock lock(mutex_);
  FlowSnapshot snapshot;
  snapshot.breaker = breaker_.state(now);
  if (snapshot.breaker != CircuitBreaker::State::kClosed) {
    snapshot.is_refused = breaker_.is_refused();
    snapshot.last_words = breaker_.last_words();
    snapshot.next_try_time = breaker_.next_try_time();
  }
  snapshot.limits = rates_.limits();
  snapshot.document_limit = document_places_.limit();
  snapshot.document_count = document_places_.taken();
  snapshot.query_count = query_places_.taken();
  return snapshot;
}

ConcurrencyLimiter& FlowControl::PlacesOf(FlowLane lane) {
  return lane == FlowLane::kQuery ? query_places_ : document_places_;
}

}  // namespace copse
