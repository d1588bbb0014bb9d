// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/provider_call.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/batch_fill.h"
#include "sidecar/embedding/call_check.h"
#include "sidecar/embedding/json_text.h"
#include "sidecar/embedding/provider_dialect.h"
#include "sidecar/embedding/rate_limit_headers.h"
#include "sidecar/embedding/retry_delay.h"
#include "sidecar/embedding/text_check.h"
#include "sidecar/embedding/token_meter.h"

namespace copse {
namespace {

// How long a reply is waited for before cancellation is looked at.
constexpr absl::Duration kReplyWait = absl::Milliseconds(50);
constexpr absl::Duration kReplyWaitMin = absl::Milliseconds(1);

// How long a call that fails waits for the replies to its other requests.
constexpr absl::Duration kLastReplyWait = absl::Seconds(1);

// Of what a provider says; with our own words it stays below 512 bytes.
constexpr size_t kProviderMessageSizeMax = 300;
constexpr size_t kRequestIdSizeMax = 128;

// Whole seconds, not before `time`.
std::string FormatRetryTime(absl::Time time) {
  const absl::Time second =
      absl::UnixEpoch() +
      absl::Ceil(time - absl::UnixEpoch(), absl::Seconds(1));
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", second, absl::UTCTimeZone());
}

// Whether `reply` should have vectors in it.
bool IsVectors(const HttpReply& reply) {
  return reply.result == TransferResult::kComplete && reply.status >= 200 &&
         reply.status < 300;
}

// What `verdict` about a reply of `status` says of the provider.
FlowResult ResultOf(const ErrorVerdict& verdict, int status) {
  switch (verdict.action) {
    case ErrorAction::kRetry:
    case ErrorAction::kRetryOnce:
    case ErrorAction::kGiveUp:
      if (status == 429) {
        return FlowResult::kSlowDown;
      }
      return verdict.is_overload ? FlowResult::kOverload : FlowResult::kFailure;
    case ErrorAction::kSplit:
    case ErrorAction::kIsolate:
    case ErrorAction::kAskForNumbers:
      return FlowResult::kAnswered;
    case ErrorAction::kRefused:
      // A wrong key or an empty account is about us, the rest about what we
      // sent.
      return verdict.setting == "api_key_env" ? FlowResult::kRefusal
                                              : FlowResult::kAnswered;
  }
  return FlowResult::kFailure;
}

}  // namespace

ProviderCall::ProviderCall(ProviderEndpoint& endpoint,
                           std::span<const absl::string_view> texts,
                           EmbeddingRole role, const EmbedContext& context)
    : endpoint_(endpoint),
      profile_(endpoint.profile()),
      environment_(endpoint.environment()),
      texts_(texts),
      role_(role),
      context_(context),
      dialect_(endpoint.dialect()),
      flow_(endpoint.flow()),
      caller_(flow_),
      lane_(role == EmbeddingRole::kQuery ? FlowLane::kQuery
                                          : FlowLane::kDocument),
      attempt_count_max_(context.attempt_count_max != 0
                             ? context.attempt_count_max
                             : profile_.attempt_count_max),
      session_(endpoint.TakeSession()) {}

ProviderCall::~ProviderCall() {
  session_->CancelAll();
  for (const auto& [id, flight] : flights_) {
    flow_.Finish(flight.ticket, {.result = FlowResult::kAbandoned},
                 environment_.clock());
  }
  endpoint_.GiveSessionBack(std::move(session_));
}

absl::StatusOr<std::vector<EmbeddingOutcome>> ProviderCall::Run() {
  outcomes_.resize(texts_.size(),
                   EmbeddingOutcome(absl::UnknownError("not settled")));
  endpoint_.LearnServerLimits(context_);
  QueueTexts();
  while (!waiting_.empty() || !flights_.empty()) {
    if (absl::Status status = Step(); !status.ok()) {
      AwaitFlights();
      return status;
    }
    if (context_.progress) {
      context_.progress(settled_count_);
    }
  }
  COPSE_CHECK(settled_count_ == static_cast<int64_t>(texts_.size()));
  return std::move(outcomes_);
}

void ProviderCall::QueueTexts() {
  const BatchLimits limits = endpoint_.batch_limits();
  const absl::string_view prefix = PrefixOf(profile_, role_);
  const TextSize prefix_size = {
      .size_bytes =
          static_cast<int64_t>(prefix.size()) + dialect_.text_overhead_bytes,
      .token_count = EstimateTokenCount(prefix)};
  sizes_.resize(texts_.size());
  Batch batch;
  BatchFill fill(limits);
  for (uint32_t i = 0; i < texts_.size(); ++i) {
    if (const absl::Status status = CheckText(texts_[i]); !status.ok()) {
      Settle(i, status);
      continue;
    }
    sizes_[i] = {
        .size_bytes = prefix_size.size_bytes + JsonSizeBytes(texts_[i]),
        .token_count = prefix_size.token_count + EstimateTokenCount(texts_[i])};
    if (!fill.TryAdd(sizes_[i])) {
      waiting_.push_back(std::exchange(batch, Batch()));
      fill = BatchFill(limits);
      fill.TryAdd(sizes_[i]);
    }
    batch.text_indexes.push_back(i);
  }
  if (!batch.text_indexes.empty()) {
    waiting_.push_back(std::move(batch));
  }
}

// Starts what may start, then handles what has ended or waits a little.
absl::Status ProviderCall::Step() {
  COPSE_RETURN_IF_ERROR(
      CheckCall(context_, profile_.name, environment_.clock()));
  COPSE_RETURN_IF_ERROR(StartReady());
  const absl::Duration wait = wake_time_ - environment_.clock();
  if (flights_.empty()) {
    if (wait > absl::ZeroDuration()) {
      environment_.sleep(
          std::min(wait, context_.deadline - environment_.clock()),
          context_.cancelled);
    }
    return absl::OkStatus();
  }
  return HandleReplies(std::clamp(wait, kReplyWaitMin, kReplyWait));
}

// Waits for replies and handles them, after the next requests are on their way:
// to read the vectors of a few hundred texts and to keep them takes a while.
absl::Status ProviderCall::HandleReplies(absl::Duration wait) {
  const std::vector<HttpReply> replies = session_->Wait(wait);
  std::vector<Flight> landed = Land(replies);
  // Unless all is well, first hear what was wrong.
  if (!replies.empty() && std::ranges::all_of(replies, IsVectors)) {
    StartReady().IgnoreError();  // Asked again by the next step.
    session_->Drive();
  }
  return HandleLanded(landed, replies);
}

// Returns the flights that `replies` end.
std::vector<ProviderCall::Flight> ProviderCall::Land(
    const std::vector<HttpReply>& replies) {
  const absl::Time now = environment_.clock();
  std::vector<Flight> landed;
  for (const HttpReply& reply : replies) {
    const auto found = flights_.find(reply.id);
    COPSE_CHECK(found != flights_.end());
    landed.push_back(std::move(found->second));
    flights_.erase(found);
    flow_.Land(landed.back().ticket, ReadRateLimitHeaders(reply), now);
  }
  return landed;
}

// Also when one of them ends the call: what the others bring is paid for.
absl::Status ProviderCall::HandleLanded(std::vector<Flight>& landed,
                                        const std::vector<HttpReply>& replies) {
  absl::Status status;
  for (size_t i = 0; i < replies.size(); ++i) {
    status.Update(HandleReply(landed[i], replies[i]));
  }
  return status;
}

// Gives what is on its way when the call fails a moment to arrive: it is paid
// for. Not when nobody waits for the call any more.
void ProviderCall::AwaitFlights() {
  for (absl::Duration waited;
       waited < kLastReplyWait && !flights_.empty() &&
       CheckCall(context_, profile_.name, environment_.clock()).ok();
       waited += kReplyWait) {
    const std::vector<HttpReply> replies = session_->Wait(kReplyWait);
    std::vector<Flight> landed = Land(replies);
    HandleLanded(landed, replies).IgnoreError();  // The first error counts.
  }
}

// While batches wait for another attempt, they count as if in flight: a
// provider that is down is asked about a few batches again and again, not about
// each.
bool ProviderCall::MayStart(const Batch& batch, absl::Time now) const {
  if (batch.ready_time > now) {
    return false;
  }
  if (batch.attempt > 1) {
    return true;
  }
  const auto retry_count = std::ranges::count_if(
      waiting_, [](const Batch& other) { return other.attempt > 1; });
  return static_cast<size_t>(retry_count) + flights_.size() <
         flow_.place_count_max(lane_);
}

// Starts what may start. Fails if nothing may for so long that the call had
// better end, and no reply is on its way.
absl::Status ProviderCall::StartReady() {
  const absl::Time now = environment_.clock();
  wake_time_ = absl::InfiniteFuture();
  bool may_retry = true;
  absl::Status status;
  while (true) {
    const auto ready = std::ranges::find_if(waiting_, [&](const Batch& batch) {
      return MayStart(batch, now) && (may_retry || batch.attempt == 1);
    });
    if (ready == waiting_.end()) {
      break;
    }
    Batch batch = std::move(*ready);
    waiting_.erase(ready);
    SplitToLimits(batch);
    const FlowDecision decision = flow_.TryStart(
        caller_,
        {.lane = lane_,
         .token_count = static_cast<int64_t>(EstimatedTokensOf(batch)) + 1,
         .is_retry = batch.attempt > 1},
        now);
    if (decision.kind == FlowDecision::Kind::kStart) {
      SplitTo(decision.ticket.is_probe ? 1 : batch.text_indexes.size(), batch);
      Start(std::move(batch), decision.ticket);
      continue;
    }
    QueueFirst(std::move(batch));
    if (decision.kind == FlowDecision::Kind::kOpen && TryNewKey()) {
      continue;
    }
    NoteWait(decision.wait, now);
    if (IsWorthWaiting(decision, now)) {
      wake_time_ = std::min(wake_time_, decision.time);
    } else {
      status = NotNow(decision, now);
    }
    if (decision.kind == FlowDecision::Kind::kOpen ||
        decision.wait != FlowWait::kRetryBudget) {
      break;
    }
    may_retry = false;  // First attempts may go nevertheless.
  }
  if (waiting_.empty()) {
    flow_.StopWaiting(caller_);
  }
  for (const Batch& batch : waiting_) {
    if (batch.ready_time > now) {
      wake_time_ = std::min(wake_time_, batch.ready_time);
    }
  }
  return flights_.empty() ? status : absl::OkStatus();
}

bool ProviderCall::IsWorthWaiting(const FlowDecision& decision,
                                  absl::Time now) const {
  if (decision.time >= context_.deadline ||
      decision.time - now > kServerDelayMax) {
    return false;
  }
  if (decision.kind == FlowDecision::Kind::kOpen) {
    // Who has just come learns at once how it stands; who has work done already
    // waits for the probe, as long as attempts are left.
    return lane_ == FlowLane::kDocument && statistics_.request_count > 0 &&
           !flow_.snapshot(now).is_refused;
  }
  return lane_ == FlowLane::kDocument ||
         decision.wait != FlowWait::kRetryBudget;
}

absl::Status ProviderCall::NotNow(const FlowDecision& decision,
                                  absl::Time now) const {
  const FlowSnapshot snapshot = flow_.snapshot(now);
  const std::string retry_time = FormatRetryTime(decision.time);
  if (decision.kind == FlowDecision::Kind::kOpen && snapshot.is_refused) {
    const absl::Status refusal = endpoint_.last_refusal();
    const std::optional<ErrorReason> reason = ReasonOf(refusal);
    COPSE_CHECK(reason.has_value());
    auto metadata = reason->metadata;
    metadata.push_back({"retry_time", retry_time});
    return WithReason(
        absl::Status(refusal.code(), absl::StrCat(refusal.message(),
                                                  "; not asked again before ",
                                                  retry_time, " or a restart")),
        reason->reason, metadata);
  }
  std::string message;
  if (decision.kind == FlowDecision::Kind::kOpen) {
    message = absl::StrCat(
        snapshot.last_words.empty()
            ? absl::StrCat("embedding provider ", endpoint_.origin(), " fails")
            : snapshot.last_words,
        " (not asked again before ", retry_time);
  } else {
    message = absl::StrFormat(
        "embedding provider %s cannot be asked before %s (waiting for %s",
        endpoint_.origin(), retry_time, FlowWaitName(decision.wait));
  }
  return WithReason(absl::UnavailableError(absl::StrFormat(
                        "%s; embedding profile '%s')", message, profile_.name)),
                    "EMBEDDING_PROVIDER_UNAVAILABLE",
                    {{"profile", profile_.name},
                     {"origin", endpoint_.origin()},
                     {"retry_time", retry_time}});
}

// Looks once whether there is another key than the one that was refused.
bool ProviderCall::TryNewKey() {
  if (has_reloaded_key_ || !flow_.snapshot(environment_.clock()).is_refused) {
    return false;
  }
  has_reloaded_key_ = true;
  if (!endpoint_.ReloadKey()) {
    return false;
  }
  flow_.OnNewKey();
  return true;
}

// Whether there is another key than that of `flight`, which was refused: one
// that came since, perhaps through another flight of the old key, or a new one.
bool ProviderCall::HasNewKey(const Flight& flight) {
  if (!context_.api_key.empty()) {
    return false;  // The caller brought the only one.
  }
  if (endpoint_.api_key() != flight.api_key) {
    return true;
  }
  if (std::exchange(has_reloaded_key_, true) || !endpoint_.ReloadKey()) {
    return false;
  }
  flow_.OnNewKey();
  return true;
}

void ProviderCall::NoteWait(FlowWait wait, absl::Time now) {
  if (!wait_begin_time_.has_value()) {
    wait_begin_time_ = now;
    wait_ = wait;
  }
}

// Cuts `batch` down to what the provider was found to take, and queues the
// rest. The limits may have shrunk since the batch was made.
void ProviderCall::SplitToLimits(Batch& batch) {
  const std::vector<uint32_t>& indexes = batch.text_indexes;
  BatchFill fill(endpoint_.batch_limits());
  size_t count = 0;
  while (count < indexes.size() && fill.TryAdd(sizes_[indexes[count]])) {
    ++count;
  }
  SplitTo(count, batch);
}

// Cuts `batch` down to `count` texts, and queues the rest.
void ProviderCall::SplitTo(size_t count, Batch& batch) {
  std::vector<uint32_t>& indexes = batch.text_indexes;
  if (count >= indexes.size()) {
    return;
  }
  Batch rest = batch;
  rest.text_indexes.assign(indexes.begin() + static_cast<ptrdiff_t>(count),
                           indexes.end());
  indexes.resize(count);
  QueueFirst(std::move(rest));
}

void ProviderCall::Start(Batch batch, const FlowTicket& ticket) {
  const absl::Time now = environment_.clock();
  if (wait_begin_time_.has_value() && environment_.observer != nullptr) {
    environment_.observer->OnWait(profile_.name, FlowWaitName(wait_),
                                  now - *wait_begin_time_);
  }
  wait_begin_time_.reset();
  Flight flight;
  flight.ticket = ticket;
  flight.asks_for_base64 = endpoint_.asks_for_base64();
  HttpRequest request;
  const std::vector<absl::string_view> texts = TextsOf(batch);
  request.body =
      dialect_.write_body({.profile = profile_,
                           .role = role_,
                           .texts = texts,
                           .asks_for_base64 = flight.asks_for_base64});
  flight.api_key = ApiKey();
  request.headers = KeyHeaders(dialect_, flight.api_key);
  request.timeout =
      std::min(*profile_.request_timeout, context_.deadline - now);
  request.reply_size_max =
      ReplySizeMax(batch.text_indexes.size(), profile_.dimension);
  flight.size_bytes = static_cast<int64_t>(request.body.size());
  statistics_.request_count += 1;
  statistics_.retry_count += batch.attempt > 1 ? 1 : 0;
  flight.batch = std::move(batch);
  const uint64_t flight_id = next_flight_id_++;
  session_->Start(flight_id, std::move(request));
  flights_[flight_id] = std::move(flight);
  TellFlow();
}

absl::Status ProviderCall::HandleReply(Flight& flight, const HttpReply& reply) {
  EmbeddingRequestEvent event;
  event.attempt = flight.batch.attempt;
  event.text_count = static_cast<int64_t>(flight.batch.text_indexes.size());
  const int64_t token_count = statistics_.token_count;
  Failure failure;
  failure.status = reply.status;
  absl::Status status;
  if (reply.result != TransferResult::kComplete) {
    status = HandleTransfer(flight, reply, failure);
  } else if (IsVectors(reply)) {
    status = HandleVectors(flight, reply, failure);
  } else {
    status = HandleError(flight, reply, failure);
  }
  if (failure.result == FlowResult::kRefusal) {
    endpoint_.NoteRefusal(status);
  }
  FinishFlight(flight, failure, statistics_.token_count - token_count);
  if (environment_.observer != nullptr) {
    event.profile = profile_.name;
    event.origin = endpoint_.origin();
    event.http_status = reply.status;
    event.latency = reply.latency;
    event.request_size_bytes = flight.size_bytes;
    event.token_count = statistics_.token_count - token_count;
    const std::string request_id = RequestIdOf(reply);
    event.request_id = request_id;
    event.failure = failure.message;
    environment_.observer->OnRequest(event);
  }
  return status;
}

// Tells the flow control what became of `flight`.
void ProviderCall::FinishFlight(const Flight& flight, const Failure& failure,
                                int64_t token_count) {
  FlowOutcome outcome;
  outcome.result = failure.result;
  outcome.pause = failure.pause;
  if (token_count > 0) {
    outcome.token_count = token_count;
  }
  const std::string words =
      failure.result == FlowResult::kSuccess ? "" : Describe(failure);
  outcome.words = words;
  flow_.Finish(flight.ticket, outcome, environment_.clock());
  TellFlow();
}

void ProviderCall::TellFlow() const {
  if (environment_.observer == nullptr) {
    return;
  }
  const FlowSnapshot snapshot = flow_.snapshot(environment_.clock());
  EmbeddingFlowEvent event;
  event.profile = profile_.name;
  event.is_open = snapshot.breaker != CircuitBreaker::State::kClosed;
  event.last_words = snapshot.last_words;
  event.next_try_time = snapshot.next_try_time;
  event.document_request_count = snapshot.document_count;
  event.query_request_count = snapshot.query_count;
  event.document_request_count_max = snapshot.document_limit;
  event.requests_per_minute = snapshot.limits.requests_per_minute;
  event.tokens_per_minute = snapshot.limits.tokens_per_minute;
  environment_.observer->OnFlow(event);
}

// What the provider calls the request. Redacted, because a provider or a proxy
// before it may put anything there.
std::string ProviderCall::RequestIdOf(const HttpReply& reply) const {
  for (const absl::string_view name :
       {"x-request-id", "request-id", "apim-request-id"}) {
    if (const absl::string_view id = reply.Header(name); !id.empty()) {
      return Redact(id, ApiKey(), {}, kRequestIdSizeMax);
    }
  }
  return "";
}

absl::Status ProviderCall::HandleTransfer(Flight& flight,
                                          const HttpReply& reply,
                                          Failure& failure) {
  Batch& batch = flight.batch;
  failure.message = Redacted(reply.failure, batch);
  failure.result = reply.result == TransferResult::kTimedOut
                       ? FlowResult::kOverload
                       : FlowResult::kFailure;
  switch (reply.result) {
    case TransferResult::kUntrusted:
      return Refused(failure, "ca_file");
    case TransferResult::kMisconfigured:
    case TransferResult::kTooLarge:
      return Refused(failure, "url");
    case TransferResult::kTimedOut:
      break;
    default:
      return QueueLater(std::move(batch), failure, std::nullopt);
  }
  // Too slow for so many texts, perhaps: once more, with half of them.
  endpoint_.OnTimeOut(batch.text_indexes.size());
  if (std::exchange(batch.had_time_out, true) || attempt_count_max_ <= 1) {
    return Unavailable(failure, "it was too slow twice");
  }
  if (batch.text_indexes.size() == 1) {
    return QueueLater(std::move(batch), failure, std::nullopt);
  }
  QueueHalves(std::move(batch));
  return absl::OkStatus();
}

absl::Status ProviderCall::HandleVectors(Flight& flight, const HttpReply& reply,
                                         Failure& failure) {
  Batch& batch = flight.batch;
  std::variant<EmbeddingReply, ReplyFault> result =
      ReadReply(dialect_, reply,
                {.text_count = batch.text_indexes.size(),
                 .dimension = profile_.dimension,
                 .normalize = profile_.normalize});
  if (const auto* const fault = std::get_if<ReplyFault>(&result);
      fault != nullptr) {
    failure.message = Redacted(fault->message, batch);
    failure.result = fault->kind == ReplyFault::Kind::kDimension
                         ? FlowResult::kRefusal
                         : FlowResult::kFailure;
    return HandleFault(flight, *fault, failure);
  }
  endpoint_.OnVectors(batch.text_indexes.size());
  auto& vectors = std::get<EmbeddingReply>(result);
  statistics_.token_count += vectors.token_count;
  endpoint_.token_meter().Observe(vectors.token_count,
                                  EstimatedTokensOf(batch));
  for (size_t i = 0; i < batch.text_indexes.size(); ++i) {
    EmbeddingOutcome& outcome = vectors.outcomes[i];
    if (outcome.ok() || batch.had_useless_vector) {
      Settle(batch.text_indexes[i], std::move(outcome));
      continue;
    }
    // The neighbours may be the reason: once more, alone.
    failure.message = std::string(outcome.status().message());
    Batch alone;
    alone.text_indexes.push_back(batch.text_indexes[i]);
    alone.attempt = 2;
    alone.had_useless_vector = true;
    QueueFirst(std::move(alone));
  }
  return absl::OkStatus();
}

absl::Status ProviderCall::HandleFault(Flight& flight, const ReplyFault& fault,
                                       const Failure& failure) {
  Batch& batch = flight.batch;
  switch (fault.kind) {
    case ReplyFault::Kind::kNoVectors:
      return QueueLater(std::move(batch), failure, std::nullopt);
    case ReplyFault::Kind::kCount:
      ++batch.count_fault_count;
      if (batch.count_fault_count == 1) {
        return QueueLater(std::move(batch), failure, std::nullopt);
      }
      if (batch.count_fault_count == 2 && batch.text_indexes.size() > 1) {
        QueueHalves(std::move(batch));
        return absl::OkStatus();
      }
      return Unavailable(failure, "so it did again, also for fewer texts");
    case ReplyFault::Kind::kOrder:
      if (std::exchange(batch.had_order_fault, true)) {
        return Unavailable(failure, "so it did again");
      }
      return QueueLater(std::move(batch), failure, std::nullopt);
    case ReplyFault::Kind::kDimension:
      return DimensionMismatch(failure, fault.dimension);
  }
  return absl::OkStatus();
}

absl::Status ProviderCall::HandleError(Flight& flight, const HttpReply& reply,
                                       Failure& failure) {
  Batch& batch = flight.batch;
  const ErrorBody error = ParseErrorBody(reply.body);
  const ErrorVerdict verdict = JudgeError(dialect_.errors, reply, error);
  const absl::Time now = environment_.clock();
  failure.message = Redacted(error.message, batch);
  failure.result = ResultOf(verdict, reply.status);
  if (failure.result == FlowResult::kRefusal && !context_.api_key.empty()) {
    // The key of one caller says nothing about those of the others.
    failure.result = FlowResult::kAnswered;
  }
  switch (verdict.action) {
    case ErrorAction::kRetryOnce:
      if (std::exchange(batch.had_model_fault, true)) {
        return Refused(failure, "model");
      }
      [[fallthrough]];
    case ErrorAction::kRetry: {
      const std::optional<absl::Duration> delay =
          ServerDelay(reply, error.delay, now);
      if (verdict.is_overload ||
          delay.value_or(absl::ZeroDuration()) > kServerDelayMax) {
        failure.pause = delay;
      }
      return QueueLater(std::move(batch), failure, delay);
    }
    case ErrorAction::kGiveUp:
      return Unavailable(failure, "it asks not to be tried again");
    case ErrorAction::kSplit:
      if (verdict.is_count) {
        endpoint_.LearnTextCountMax(
            static_cast<uint32_t>(batch.text_indexes.size() / 2));
      } else if (batch.text_indexes.size() > 1) {
        endpoint_.LearnSizeBytesMax(flight.size_bytes / 2);
      }
      [[fallthrough]];
    case ErrorAction::kIsolate:
      if (batch.text_indexes.size() == 1) {
        RefuseText(batch, failure, verdict.is_final);
      } else {
        QueueHalves(std::move(batch));
      }
      return absl::OkStatus();
    case ErrorAction::kAskForNumbers:
      if (flight.asks_for_base64) {
        endpoint_.AskForNumbers();
        QueueFirst(std::move(batch));
        return absl::OkStatus();
      }
      [[fallthrough]];
    case ErrorAction::kRefused:
      return HandleRefusal(flight, verdict.setting, failure);
  }
  return absl::OkStatus();
}

absl::Status ProviderCall::HandleRefusal(Flight& flight,
                                         absl::string_view setting,
                                         Failure& failure) {
  if (failure.status == 401 && HasNewKey(flight)) {
    failure.result = FlowResult::kAnswered;
    flight.batch.attempt += 1;
    QueueFirst(std::move(flight.batch));
    return absl::OkStatus();
  }
  return Refused(failure, setting);
}

void ProviderCall::QueueFirst(Batch batch) {
  waiting_.push_front(std::move(batch));
}

void ProviderCall::QueueHalves(Batch batch) {
  const size_t half = (batch.text_indexes.size() + 1) / 2;
  batch.attempt = 1;
  Batch second = batch;
  second.text_indexes.erase(
      second.text_indexes.begin(),
      second.text_indexes.begin() + static_cast<ptrdiff_t>(half));
  batch.text_indexes.resize(half);
  QueueFirst(std::move(second));
  QueueFirst(std::move(batch));
}

absl::Status ProviderCall::QueueLater(
    Batch batch, const Failure& failure,
    std::optional<absl::Duration> server_delay) {
  if (batch.attempt >= attempt_count_max_) {
    return Unavailable(failure,
                       absl::StrFormat("%d attempts failed", batch.attempt));
  }
  if (server_delay.has_value() && *server_delay > kServerDelayMax) {
    return Unavailable(
        failure,
        absl::StrFormat("it asks to wait %s, expected at most %s",
                        absl::FormatDuration(*server_delay),
                        absl::FormatDuration(kServerDelayMax)),
        environment_.clock() + *server_delay);
  }
  const absl::Duration delay =
      BackoffDelay(batch.attempt, server_delay, profile_.backoff_base,
                   profile_.backoff_max, environment_.random());
  batch.ready_time = environment_.clock() + delay;
  if (batch.ready_time >= context_.deadline) {
    return Unavailable(failure, "the deadline leaves no time to try again");
  }
  batch.attempt += 1;
  if (environment_.observer != nullptr) {
    environment_.observer->OnRetry(profile_.name, delay);
  }
  waiting_.push_back(std::move(batch));
  return absl::OkStatus();
}

void ProviderCall::Settle(uint32_t text_index, EmbeddingOutcome outcome) {
  if (outcome.ok() && context_.on_vector) {
    context_.on_vector(text_index, *outcome);
  }
  outcomes_[text_index] = std::move(outcome);
  ++settled_count_;
}

void ProviderCall::RefuseText(const Batch& batch, const Failure& failure,
                              bool is_final) {
  const std::string words = Describe(failure);
  Settle(batch.text_indexes.front(),
         is_final ? TextWithoutVector(words) : TextRefused(words));
}

std::string ProviderCall::ApiKey() const {
  return context_.api_key.empty() ? endpoint_.api_key() : context_.api_key;
}

std::string ProviderCall::Redacted(absl::string_view message,
                                   const Batch& batch) const {
  return Redact(message, ApiKey(), TextsOf(batch), kProviderMessageSizeMax);
}

std::string ProviderCall::Describe(const Failure& failure) const {
  std::string text = absl::StrCat("embedding provider ", endpoint_.origin());
  if (failure.status == 0) {
    absl::StrAppend(&text, " did not answer");
  } else {
    absl::StrAppend(&text, " answered ", failure.status);
  }
  if (!failure.message.empty()) {
    absl::StrAppend(&text, ": ", failure.message);
  }
  return text;
}

absl::Status ProviderCall::Unavailable(
    const Failure& failure, absl::string_view why_not_again,
    std::optional<absl::Time> retry_time) const {
  std::vector<std::pair<std::string, std::string>> metadata = {
      {"profile", profile_.name},
      {"origin", endpoint_.origin()},
      {"status", absl::StrCat(failure.status)}};
  if (retry_time.has_value()) {
    metadata.emplace_back("retry_time", FormatRetryTime(*retry_time));
  }
  return WithReason(absl::UnavailableError(absl::StrFormat(
                        "%s (%s; embedding profile '%s')", Describe(failure),
                        why_not_again, profile_.name)),
                    "EMBEDDING_PROVIDER_UNAVAILABLE", metadata);
}

absl::Status ProviderCall::Refused(const Failure& failure,
                                   absl::string_view setting) const {
  if (setting == "api_key_env" && !profile_.api_key_file.empty()) {
    setting = "api_key_file";
  } else if (setting == "send_dimensions" &&
             !profile_.send_dimensions.value_or(false)) {
    setting = "dimension";
  }
  // A key that lacks credit is the right one.
  const bool is_unpaid = absl::StartsWith(setting, "api_key_") &&
                         (failure.status == 402 || failure.status == 429);
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "%s (check %sthe setting %s of embedding profile '%s')",
          Describe(failure),
          is_unpaid ? "credit and limits of the account, or " : "", setting,
          profile_.name)),
      "EMBEDDING_PROVIDER_REFUSED",
      {{"profile", profile_.name},
       {"origin", endpoint_.origin()},
       {"status", absl::StrCat(failure.status)},
       {"setting", std::string(setting)}});
}

absl::Status ProviderCall::DimensionMismatch(const Failure& failure,
                                             size_t dimension) const {
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "%s (check the setting dimension of embedding profile '%s')",
          Describe(failure), profile_.name)),
      "EMBEDDING_DIMENSION_MISMATCH",
      {{"profile", profile_.name},
       {"origin", endpoint_.origin()},
       {"status", absl::StrCat(failure.status)},
       {"setting", "dimension"},
       {"found", absl::StrCat(dimension)},
       {"expected", absl::StrCat(profile_.dimension)}});
}

std::vector<absl::string_view> ProviderCall::TextsOf(const Batch& batch) const {
  std::vector<absl::string_view> texts;
  texts.reserve(batch.text_indexes.size());
  for (const uint32_t text_index : batch.text_indexes) {
    texts.push_back(texts_[text_index]);
  }
  return texts;
}

double ProviderCall::EstimatedTokensOf(const Batch& batch) const {
  double token_count = 0.0;
  for (const uint32_t text_index : batch.text_indexes) {
    token_count += sizes_[text_index].token_count;
  }
  return token_count;
}

}  // namespace copse
