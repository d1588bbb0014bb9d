// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/unknown_method_service.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "grpcpp/generic/async_generic_service.h"

#include "index/util/error_reason.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/status.h"

namespace copse {
namespace {

// A peer chooses the name of the method, so all are counted as one.
constexpr absl::string_view kMetricsName = "unknown";

class UnknownMethodCall final : public grpc::ServerGenericBidiReactor {
 public:
  UnknownMethodCall(const RpcEnvironment& environment,
                    const std::string& method) {
    const absl::Status status =
        WithReason(absl::UnimplementedError(absl::StrCat(
                       "this server has no method '", method,
                       "': check its name, or upgrade the server")),
                   "METHOD_NOT_FOUND", {{"method", method}});
    CallRecord(environment, kMetricsName).Finish(status);
    Finish(ToGrpcStatus(status));
  }

  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerGenericBidiReactor* UnknownMethodService::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  return new UnknownMethodCall(environment_, context->method());
}

}  // namespace copse
