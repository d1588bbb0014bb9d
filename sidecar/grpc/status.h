// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Turns an absl::Status into what a gRPC client sees: the code, the message,
// and exactly one google.rpc.ErrorInfo with the domain "copse.dev", the reason
// that the status carries and its metadata. A status without a reason gets the
// name of its code.
//
// What goes into an error is kept small, because clients refuse trailers of
// more than 8 KiB: long values are cut.

#ifndef COPSE_SIDECAR_GRPC_STATUS_H_
#define COPSE_SIDECAR_GRPC_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace copse {

grpc::Status ToGrpcStatus(const absl::Status& status);

// Returns the reason that ToGrpcStatus() gives a client; "" for OK.
std::string ClientReasonOf(const absl::Status& status);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_STATUS_H_
