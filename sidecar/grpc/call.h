// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What every call of the server has in common, and the two simple kinds of it:
// one request and one response (StartUnaryCall), one request and a stream of
// responses (StartStreamCall). The third kind, a push, is push_call.h.
//
// gRPC calls us on its few threads, which must not wait. So a call is handed
// to an Executor, and its function may block there.
//
//   return StartUnaryCall<v1::GetDomainRequest, v1::Domain>(
//       {environment, *environment.executor,
//       "copse.v1.DomainService/GetDomain",
//        context},
//       request, response,
//       [](const v1::GetDomainRequest& message, const CallContext& call,
//          v1::Domain& answer) -> absl::Status { ... });
//
// Messages come and go as bytes and are parsed here, because gRPC answers a
// message that it cannot parse without saying so, and takes one in a stream for
// the end of the stream.
//
// Invariants:
//
// * Every call ends once, is counted once, and every error has an ErrorInfo.
// * No exception leaves a call.

#ifndef COPSE_SIDECAR_GRPC_CALL_H_
#define COPSE_SIDECAR_GRPC_CALL_H_

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/util/executor.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/engine.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/request_metrics.h"

namespace copse {

class PushCall;
class PushCallSet;

// The largest message in either direction.
inline constexpr int kMessageSizeBytesMax = 64 << 20;

// What calls work with. All must outlive them.
struct RpcEnvironment {
  Engine* engine = nullptr;

  // For calls that do not wait for anyone: reads and small writes.
  Executor* executor = nullptr;
  // For calls that may wait for an embedding provider.
  Executor* waiting_executor = nullptr;
  // For streams of responses, which wait for their client.
  Executor* stream_executor = nullptr;
  Executor* push_executor = nullptr;
  PushCallSet* pushes = nullptr;

  // A client that takes no response for so long loses its call.
  absl::Duration write_timeout = absl::InfiniteDuration();

  RequestMetrics* metrics = nullptr;  // May be null.
  Logger* logger = nullptr;           // May be null.
};

// Counts one call, times it and logs how it ended.
class CallRecord {
 public:
  CallRecord(const RpcEnvironment& environment, absl::string_view method);

  // Called once, at the end.
  void Finish(const absl::Status& status);

 private:
  const RpcEnvironment& environment_;
  const std::string method_;
  const absl::Time start_time_;
};

// What starts a call.
struct CallStart {
  const RpcEnvironment& environment;
  Executor& executor;
  absl::string_view method;  // Such as "copse.v1.DomainService/GetDomain".
  grpc::CallbackServerContext* context;
};

// Returns the status of `function`, or one for the exception that it threw.
absl::Status RunGuarded(const std::function<absl::Status()>& function);

// The error of a call that finds no thread: kResourceExhausted, OVERLOADED.
absl::Status OverloadedError();

// The error of a call whose client took no response for too long:
// kDeadlineExceeded, CLIENT_STALLED.
absl::Status ClientStalledError(absl::Duration write_timeout);

// Returns the time until `time`, from 0 to an hour, to wait for.
std::chrono::nanoseconds TimeLeft(absl::Time time);

// Returns when the caller of `context` loses interest.
absl::Time DeadlineOf(const grpc::CallbackServerContext& context);

// Parses `bytes`. Fails with kInvalidArgument, MESSAGE_INVALID.
absl::Status ParseMessage(const grpc::ByteBuffer& bytes,
                          google::protobuf::MessageLite& message);

// Fails with kResourceExhausted, RESPONSE_TOO_LARGE.
absl::StatusOr<grpc::ByteBuffer> SerializeMessage(
    const google::protobuf::MessageLite& message);

// ---- One request, one response ---------------------------------------------

// Returns the bytes of the response to the bytes of a request.
using UnaryFunction = std::function<absl::StatusOr<grpc::ByteBuffer>(
    const grpc::ByteBuffer&, const CallContext&)>;

grpc::ServerUnaryReactor* StartRawUnaryCall(const CallStart& start,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response,
                                            UnaryFunction function);

// `function` is absl::Status(const Request&, const CallContext&, Response&).
template <typename Request, typename Response, typename Function>
grpc::ServerUnaryReactor* StartUnaryCall(const CallStart& start,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response,
                                         Function function) {
  return StartRawUnaryCall(
      start, request, response,
      [function = std::move(function)](
          const grpc::ByteBuffer& bytes,
          const CallContext& context) -> absl::StatusOr<grpc::ByteBuffer> {
        Request message;
        COPSE_RETURN_IF_ERROR(ParseMessage(bytes, message));
        Response answer;
        COPSE_RETURN_IF_ERROR(function(message, context, answer));
        return SerializeMessage(answer);
      });
}

// ---- One request, a stream of responses ------------------------------------

// Sends responses and waits while the client does not take them.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;

  // Returns when the response before is sent. Fails with kCancelled if the
  // client has gone, and ClientStalledError() if it does not read.
  virtual absl::Status Write(const google::protobuf::MessageLite& response) = 0;
};

using StreamFunction = std::function<absl::Status(
    const grpc::ByteBuffer&, const CallContext&, ResponseWriter&)>;

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartRawStreamCall(
    const CallStart& start, const grpc::ByteBuffer* request,
    StreamFunction function);

// `function` is absl::Status(const Request&, const CallContext&,
// ResponseWriter&).
template <typename Request, typename Function>
grpc::ServerWriteReactor<grpc::ByteBuffer>* StartStreamCall(
    const CallStart& start, const grpc::ByteBuffer* request,
    Function function) {
  return StartRawStreamCall(
      start, request,
      [function = std::move(function)](const grpc::ByteBuffer& bytes,
                                       const CallContext& context,
                                       ResponseWriter& writer) -> absl::Status {
        Request message;
        COPSE_RETURN_IF_ERROR(ParseMessage(bytes, message));
        return function(message, context, writer);
      });
}

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_CALL_H_
