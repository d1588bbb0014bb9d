// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/call.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <new>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "grpcpp/support/proto_buffer_writer.h"
#include "grpcpp/support/server_callback.h"

#include "index/util/error_reason.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/util/executor.h"
#include "sidecar/grpc/status.h"
#include "sidecar/service/call_context.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/request_metrics.h"

namespace copse {
namespace {

// The bytes of a response are made in slices of this size.
constexpr int kSliceSizeBytes = 1 << 20;

// A call with one response. Deletes itself.
class UnaryCall : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(const CallStart& start, const grpc::ByteBuffer* request,
            grpc::ByteBuffer* response, UnaryFunction function)
      : record_(start.environment, start.method),
        request_(*request),
        response_(*response),
        function_(std::move(function)) {
    context_.deadline = DeadlineOf(*start.context);
    context_.interruption = [this] {
      return cancelled_ ? CallCancelledError() : absl::OkStatus();
    };
  }

  void Run() {
    End(RunGuarded([this]() -> absl::Status {
      COPSE_RETURN_IF_ERROR(context_.Check());
      COPSE_ASSIGN_OR_RETURN(response_, function_(request_, context_));
      return absl::OkStatus();
    }));
  }

  // Nothing of this may be used afterwards.
  void End(const absl::Status& status) {
    record_.Finish(status);
    Finish(ToGrpcStatus(status));
  }

  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { delete this; }

 private:
  CallRecord record_;
  const grpc::ByteBuffer& request_;  // Both belong to gRPC, until OnDone().
  grpc::ByteBuffer& response_;
  const UnaryFunction function_;
  CallContext context_;
  std::atomic<bool> cancelled_ = false;
};

// A call with a stream of responses. Deletes itself.
class StreamCall : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                   public ResponseWriter {
 public:
  StreamCall(const CallStart& start, const grpc::ByteBuffer* request,
             StreamFunction function)
      : record_(start.environment, start.method),
        write_timeout_(start.environment.write_timeout),
        server_context_(*start.context),
        request_(*request),
        function_(std::move(function)) {
    context_.deadline = DeadlineOf(*start.context);
    context_.interruption = [this] {
      MutexLock lock(mutex_);
      return cancelled_ ? CallCancelledError() : absl::OkStatus();
    };
  }

  void Run() {
    End(RunGuarded([this]() -> absl::Status {
      COPSE_RETURN_IF_ERROR(context_.Check());
      COPSE_RETURN_IF_ERROR(function_(request_, context_, *this));
      return WaitForWrite();
    }));
  }

  // Nothing of this may be used afterwards.
  void End(const absl::Status& status) {
    record_.Finish(status);
    Finish(ToGrpcStatus(status));
  }

  absl::Status Write(const google::protobuf::MessageLite& response) override {
    COPSE_ASSIGN_OR_RETURN(grpc::ByteBuffer bytes, SerializeMessage(response));
    COPSE_RETURN_IF_ERROR(WaitForWrite());
    {
      MutexLock lock(mutex_);
      writing_ = true;
    }
    buffer_.Swap(&bytes);
    StartWrite(&buffer_);
    return absl::OkStatus();
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    writing_ = false;
    cancelled_ = cancelled_ || !ok;
    changed_.NotifyAll();
  }

  void OnCancel() override {
    MutexLock lock(mutex_);
    cancelled_ = true;
    changed_.NotifyAll();
  }

  void OnDone() override { delete this; }

 private:
  // Waits until no response is on its way; a cancelled call ends its write.
  absl::Status WaitForWrite() ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::Time give_up_time = absl::Now() + write_timeout_;
    if (!WaitForWriteUntil(give_up_time)) {
      server_context_.TryCancel();
      WaitForWriteUntil(absl::InfiniteFuture());
      return ClientStalledError(write_timeout_);
    }
    return context_.Check();
  }

  // Returns whether no response is on its way any more.
  bool WaitForWriteUntil(absl::Time time) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    while (writing_) {
      if (!changed_.WaitFor(mutex_, TimeLeft(time)) && absl::Now() >= time) {
        return !writing_;
      }
    }
    return true;
  }

  CallRecord record_;
  const absl::Duration write_timeout_;
  // Both belong to gRPC, until OnDone().
  grpc::CallbackServerContext& server_context_;
  const grpc::ByteBuffer& request_;
  const StreamFunction function_;
  CallContext context_;
  grpc::ByteBuffer buffer_;  // The response that is on its way.
  Mutex mutex_;
  CondVar changed_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

// What only operators can mend goes to the log; what callers can, to them.
bool IsWorthLogging(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsDataLoss(status) ||
         absl::IsUnknown(status);
}

}  // namespace

CallRecord::CallRecord(const RpcEnvironment& environment,
                       absl::string_view method)
    : environment_(environment), method_(method), start_time_(absl::Now()) {
  if (environment_.metrics != nullptr) {
    environment_.metrics->Start(method_);
  }
}

void CallRecord::Finish(const absl::Status& status) {
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start_time_);
  if (environment_.metrics != nullptr) {
    environment_.metrics->Finish(method_, status.code(), seconds);
  }
  if (environment_.logger == nullptr) {
    return;
  }
  if (IsWorthLogging(status)) {
    environment_.logger->Error(
        "call failed", {{"method", method_},
                        {"code", absl::StatusCodeToString(status.code())},
                        {"reason", ClientReasonOf(status)},
                        {"error", std::string(status.message())},
                        {"seconds", seconds}});
  } else if (environment_.logger->IsEnabled(LogLevel::kDebug)) {
    environment_.logger->Debug(
        "call ended", {{"method", method_},
                       {"code", absl::StatusCodeToString(status.code())},
                       {"reason", ClientReasonOf(status)},
                       {"error", std::string(status.message())},
                       {"seconds", seconds}});
  }
}

absl::Status RunGuarded(const std::function<absl::Status()>& function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return WithReason(absl::ResourceExhaustedError(
                          "the server has too little memory for the call"),
                      "OUT_OF_MEMORY");
  } catch (const std::exception& exception) {
    return absl::InternalError(
        absl::StrCat("unexpected exception: ", exception.what()));
  } catch (...) {
    return absl::InternalError("unexpected exception of an unknown type");
  }
}

absl::Status ClientStalledError(absl::Duration write_timeout) {
  return WithReason(absl::DeadlineExceededError(
                        absl::StrCat("the client took no response for ",
                                     absl::FormatDuration(write_timeout))),
                    "CLIENT_STALLED");
}

std::chrono::nanoseconds TimeLeft(absl::Time time) {
  // An hour is a wait as good as any longer one: callers wait again.
  return absl::ToChronoNanoseconds(
      std::clamp(time - absl::Now(), absl::ZeroDuration(), absl::Hours(1)));
}

absl::Status OverloadedError() {
  return WithReason(absl::ResourceExhaustedError(
                        "too many calls wait already, retry after a while"),
                    "OVERLOADED");
}

absl::Time DeadlineOf(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  // gRPC's "never" is the end of its clock; a century is never to us.
  constexpr auto kNever = std::chrono::hours(24 * 365 * 100);
  if (deadline - std::chrono::system_clock::now() > kNever) {
    return absl::InfiniteFuture();
  }
  return absl::FromChrono(deadline);
}

absl::Status ParseMessage(const grpc::ByteBuffer& bytes,
                          google::protobuf::MessageLite& message) {
  grpc::ByteBuffer copy = bytes;  // Shares the bytes.
  grpc::ProtoBufferReader reader(&copy);
  if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) {
    return absl::OkStatus();
  }
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "message of ", bytes.Length(), " bytes is not a valid ",
                        message.GetTypeName(), " with its texts in UTF-8")),
                    "MESSAGE_INVALID",
                    {{"field", message.GetTypeName()},
                     {"found", absl::StrCat(bytes.Length(), " bytes")},
                     {"wanted", "a valid message with its texts in UTF-8"}});
}

absl::StatusOr<grpc::ByteBuffer> SerializeMessage(
    const google::protobuf::MessageLite& message) {
  const size_t size_bytes = message.ByteSizeLong();
  if (size_bytes > size_t{kMessageSizeBytesMax}) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(
            "the response has ", size_bytes, " bytes, expected at most ",
            kMessageSizeBytesMax, ": ask for less at a time")),
        "RESPONSE_TOO_LARGE",
        {{"found", absl::StrCat(size_bytes)},
         {"wanted", absl::StrCat("at most ", kMessageSizeBytesMax)}});
  }
  grpc::ByteBuffer bytes;
  {
    grpc::ProtoBufferWriter writer(&bytes, kSliceSizeBytes,
                                   static_cast<int>(size_bytes));
    if (!message.SerializeToZeroCopyStream(&writer)) {
      return absl::InternalError(
          absl::StrCat(message.GetTypeName(), " could not be serialized"));
    }
  }
  return bytes;
}

grpc::ServerUnaryReactor* StartRawUnaryCall(const CallStart& start,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response,
                                            UnaryFunction function) {
  auto* call = new UnaryCall(start, request, response, std::move(function));
  if (!start.executor.TryRun([call] { call->Run(); })) {
    call->End(OverloadedError());
  }
  return call;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartRawStreamCall(
    const CallStart& start, const grpc::ByteBuffer* request,
    StreamFunction function) {
  auto* call = new StreamCall(start, request, std::move(function));
  if (!start.executor.TryRun([call] { call->Run(); })) {
    call->End(OverloadedError());
  }
  return call;
}

}  // namespace copse
