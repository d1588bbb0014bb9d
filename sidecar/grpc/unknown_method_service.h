// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Answers calls of methods that the server does not have, so that they carry an
// ErrorInfo and are counted like all others.

#ifndef COPSE_SIDECAR_GRPC_UNKNOWN_METHOD_SERVICE_H_
#define COPSE_SIDECAR_GRPC_UNKNOWN_METHOD_SERVICE_H_

#include "grpcpp/generic/async_generic_service.h"

#include "sidecar/grpc/call.h"

namespace copse {

// Thread safety: gRPC calls it from its threads.
class UnknownMethodService : public grpc::CallbackGenericService {
 public:
  // `environment` must outlive this.
  explicit UnknownMethodService(const RpcEnvironment& environment)
      : environment_(environment) {}

  // Fails the call with UNIMPLEMENTED, METHOD_NOT_FOUND.
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

 private:
  const RpcEnvironment& environment_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_UNKNOWN_METHOD_SERVICE_H_
