// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The services of the FakeServer, and what they share. Each is guarded by the
// mutex of the store.

#ifndef COPSE_CLIENTS_CLI_FAKE_SERVICES_H_
#define COPSE_CLIENTS_CLI_FAKE_SERVICES_H_

#include <map>
#include <memory>
#include <string>

#include "grpcpp/grpcpp.h"

#include "clients/cli/fake_server.h"
#include "copse/v1/types.pb.h"

namespace copse {

// Returns an error as the server makes it.
grpc::Status FakeError(grpc::StatusCode code, const std::string& message,
                       const std::string& reason,
                       const std::map<std::string, std::string>& metadata = {});

grpc::Status DomainNotFound(const std::string& domain);
grpc::Status CommitNotFound(const std::string& commit);
grpc::Status CommitExists(const std::string& commit);
grpc::Status BranchNotFound(const std::string& branch);
grpc::Status BranchMoved();

// Returns the commit that a branch is at, or "". REQUIRES: store.mutex is held
std::string HeadOf(const FakeStore& store, const std::string& domain,
                   const std::string& branch);

// Makes or moves a branch. REQUIRES: store.mutex is held
void MoveTo(FakeStore& store, const std::string& domain,
            const std::string& branch, const std::string& commit);

// Finds the commit that a read means. REQUIRES: store.mutex is held
grpc::Status Select(FakeStore& store, const std::string& domain,
                    const v1::CommitSelector& at, const FakeCommit** commit,
                    v1::AnsweringCommit* answered_by);

std::unique_ptr<grpc::Service> MakeFakeAdminService(FakeStore& store);
std::unique_ptr<grpc::Service> MakeFakeBranchService(FakeStore& store);
std::unique_ptr<grpc::Service> MakeFakeCommitService(FakeStore& store);
std::unique_ptr<grpc::Service> MakeFakeDomainService(FakeStore& store);

// The jobs are those that a test puts into the store. WatchJob() says of a job
// that has not ended that it has succeeded in the end.
std::unique_ptr<grpc::Service> MakeFakeJobService(FakeStore& store);

std::unique_ptr<grpc::Service> MakeFakeSearchService(FakeStore& store);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_FAKE_SERVICES_H_
