// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// One call of Embed() to a provider: the texts as batches, and what becomes of
// each batch. What is sent and what a reply means, the dialect knows
// (provider_dialect.h); when a request may go out, flow_control.h and
// retry_delay.h. Between them this is the loop.
//
// Every batch is either waiting (perhaps until some time), or in flight. A
// reply settles its texts, or puts the batch back to wait, or puts its two
// halves in its place, or ends the call. Each text is settled once, and each
// way back is bounded: attempts by a number, halves by the number of texts,
// other second chances by a mark on the batch.

#ifndef COPSE_SIDECAR_EMBEDDING_PROVIDER_CALL_H_
#define COPSE_SIDECAR_EMBEDDING_PROVIDER_CALL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/embedding/batch_fill.h"
#include "sidecar/embedding/embedder.h"
#include "sidecar/embedding/embedding_reply.h"
#include "sidecar/embedding/flow_control.h"
#include "sidecar/embedding/http_session.h"
#include "sidecar/embedding/provider_dialect.h"
#include "sidecar/embedding/provider_endpoint.h"
#include "sidecar/embedding/provider_error.h"

namespace copse {

// Thread safety: none; the thread that calls Embed() owns it.
class ProviderCall {
 public:
  // All arguments must outlive the call.
  ProviderCall(ProviderEndpoint& endpoint,
               std::span<const absl::string_view> texts, EmbeddingRole role,
               const EmbedContext& context);
  ~ProviderCall();
  ProviderCall(const ProviderCall&) = delete;
  ProviderCall& operator=(const ProviderCall&) = delete;

  // To be called once.
  absl::StatusOr<std::vector<EmbeddingOutcome>> Run();

  const EmbedStatistics& statistics() const { return statistics_; }

 private:
  // Texts that are sent together, and the chances they have had.
  struct Batch {
    std::vector<uint32_t> text_indexes;
    uint32_t attempt = 1;
    absl::Time ready_time = absl::InfinitePast();
    uint32_t count_fault_count = 0;
    bool had_order_fault = false;
    bool had_time_out = false;
    bool had_model_fault = false;
    bool had_useless_vector = false;
  };

  struct Flight {
    Batch batch;
    FlowTicket ticket;
    int64_t size_bytes = 0;
    bool asks_for_base64 = false;
    std::string api_key;  // That it was sent with.
  };

  // A reply that brought nothing, as far as errors, events and the flow control
  // tell it.
  struct Failure {
    int status = 0;       // 0 if none came.
    std::string message;  // Redacted.
    FlowResult result = FlowResult::kSuccess;
    std::optional<absl::Duration> pause;
  };

  void QueueTexts();
  absl::Status Step();
  absl::Status HandleReplies(absl::Duration wait);
  std::vector<Flight> Land(const std::vector<HttpReply>& replies);
  absl::Status HandleLanded(std::vector<Flight>& landed,
                            const std::vector<HttpReply>& replies);
  void AwaitFlights();
  bool MayStart(const Batch& batch, absl::Time now) const;
  absl::Status StartReady();
  void Start(Batch batch, const FlowTicket& ticket);
  void SplitToLimits(Batch& batch);
  void SplitTo(size_t count, Batch& batch);

  // Whether the call waits for what `decision` says; else it ends with
  // NotNow().
  bool IsWorthWaiting(const FlowDecision& decision, absl::Time now) const;
  absl::Status NotNow(const FlowDecision& decision, absl::Time now) const;
  bool TryNewKey();
  bool HasNewKey(const Flight& flight);
  void NoteWait(FlowWait wait, absl::Time now);

  // Each settles the texts of `flight`, queues them again or returns the error
  // that ends the call; `failure` then says what the reply lacked.
  absl::Status HandleReply(Flight& flight, const HttpReply& reply);
  void FinishFlight(const Flight& flight, const Failure& failure,
                    int64_t token_count);
  absl::Status HandleTransfer(Flight& flight, const HttpReply& reply,
                              Failure& failure);
  absl::Status HandleVectors(Flight& flight, const HttpReply& reply,
                             Failure& failure);
  absl::Status HandleFault(Flight& flight, const ReplyFault& fault,
                           const Failure& failure);
  absl::Status HandleError(Flight& flight, const HttpReply& reply,
                           Failure& failure);
  absl::Status HandleRefusal(Flight& flight, absl::string_view setting,
                             Failure& failure);

  void QueueFirst(Batch batch);
  void QueueHalves(Batch batch);
  absl::Status QueueLater(Batch batch, const Failure& failure,
                          std::optional<absl::Duration> server_delay);
  void Settle(uint32_t text_index, EmbeddingOutcome outcome);
  void RefuseText(const Batch& batch, const Failure& failure, bool is_final);

  std::string RequestIdOf(const HttpReply& reply) const;
  std::string ApiKey() const;
  std::string Redacted(absl::string_view message, const Batch& batch) const;
  std::string Describe(const Failure& failure) const;
  absl::Status Unavailable(const Failure& failure,
                           absl::string_view why_not_again,
                           std::optional<absl::Time> retry_time = {}) const;
  absl::Status Refused(const Failure& failure, absl::string_view setting) const;
  absl::Status DimensionMismatch(const Failure& failure,
                                 size_t dimension) const;
  void TellFlow() const;
  std::vector<absl::string_view> TextsOf(const Batch& batch) const;
  double EstimatedTokensOf(const Batch& batch) const;

  ProviderEndpoint& endpoint_;
  const EmbeddingProfileOptions& profile_;
  const EmbedderEnvironment& environment_;
  const std::span<const absl::string_view> texts_;
  const EmbeddingRole role_;
  const EmbedContext& context_;
  const ProviderDialect& dialect_;  // What to send.
  FlowControl& flow_;               // When.
  FlowControl::Caller caller_;
  const FlowLane lane_;
  const uint32_t attempt_count_max_;

  std::unique_ptr<HttpSession> session_;
  std::deque<Batch> waiting_;
  std::map<uint64_t, Flight> flights_;
  uint64_t next_flight_id_ = 1;
  bool has_reloaded_key_ = false;

  // When it is worth while to look again, if no reply comes before.
  absl::Time wake_time_ = absl::InfinitePast();

  // Since when nothing could be started, and why first.
  std::optional<absl::Time> wait_begin_time_;
  FlowWait wait_ = FlowWait::kPlace;

  std::vector<TextSize> sizes_;  // Of the texts that can be embedded at all.
  std::vector<EmbeddingOutcome> outcomes_;
  int64_t settled_count_ = 0;
  EmbedStatistics statistics_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_PROVIDER_CALL_H_
