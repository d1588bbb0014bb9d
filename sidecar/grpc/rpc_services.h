// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The six services of copse.v1, each over the service layer.

#ifndef COPSE_SIDECAR_GRPC_RPC_SERVICES_H_
#define COPSE_SIDECAR_GRPC_RPC_SERVICES_H_

#include <memory>

#include "grpcpp/impl/codegen/service_type.h"

#include "sidecar/grpc/call.h"

namespace copse {

// Each returns a service that works with `environment`, which must outlive it.
std::unique_ptr<grpc::Service> MakeDomainService(
    const RpcEnvironment& environment);
std::unique_ptr<grpc::Service> MakeCommitService(
    const RpcEnvironment& environment);
std::unique_ptr<grpc::Service> MakeBranchService(
    const RpcEnvironment& environment);
std::unique_ptr<grpc::Service> MakeSearchService(
    const RpcEnvironment& environment);
std::unique_ptr<grpc::Service> MakeAdminService(
    const RpcEnvironment& environment);

std::unique_ptr<grpc::Service> MakeJobService(
    const RpcEnvironment& environment);

// Returns OK if `status` is kNotFound with `reason` and the caller allows what
// it deletes to be missing; else `status`.
absl::Status AllowMissing(const absl::Status& status, bool allow_missing,
                          absl::string_view reason);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_RPC_SERVICES_H_
