// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The jobs of the FakeServer: those that a test puts into its store.

#ifndef COPSE_CLIENTS_CLI_FAKE_JOB_SERVICE_H_
#define COPSE_CLIENTS_CLI_FAKE_JOB_SERVICE_H_

#include <map>
#include <memory>
#include <string>

#include "grpcpp/grpcpp.h"

#include "clients/cli/fake_server.h"

namespace copse {

// Returns an error as the server makes it.
grpc::Status FakeError(grpc::StatusCode code, const std::string& message,
                       const std::string& reason,
                       const std::map<std::string, std::string>& metadata = {});

// WatchJob() says of a job that has not ended that it has succeeded in the end.
std::unique_ptr<grpc::Service> MakeFakeJobService(FakeStore& store);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_FAKE_JOB_SERVICE_H_
