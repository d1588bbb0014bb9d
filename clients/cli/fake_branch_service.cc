// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <mutex>
#include <string>

#include "grpcpp/grpcpp.h"

#include "clients/cli/fake_server.h"
#include "clients/cli/fake_services.h"
#include "copse/v1/branch_service.grpc.pb.h"
#include "copse/v1/branch_service.pb.h"

namespace copse {
namespace {

using grpc::ServerContext;
using grpc::StatusCode;

class Branches final : public v1::BranchService::Service {
 public:
  explicit Branches(FakeStore& store) : store_(store) {}

  grpc::Status CreateBranch(ServerContext*,
                            const v1::CreateBranchRequest* request,
                            v1::Branch* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    if (store_.branches[request->domain()].contains(request->branch())) {
      return FakeError(StatusCode::ALREADY_EXISTS, "branch exists",
                       "BRANCH_EXISTS");
    }
    return Move(request->domain(), request->branch(), request->head_commit(),
                response);
  }

  grpc::Status GetBranch(ServerContext*, const v1::GetBranchRequest* request,
                         v1::Branch* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const auto& branches = store_.branches[request->domain()];
    const auto found = branches.find(request->branch());
    if (found == branches.end()) {
      return BranchNotFound(request->branch());
    }
    *response = found->second;
    return grpc::Status::OK;
  }

  grpc::Status ListBranches(ServerContext*,
                            const v1::ListBranchesRequest* request,
                            v1::ListBranchesResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    for (const auto& [name, branch] : store_.branches[request->domain()]) {
      *response->add_branches() = branch;
    }
    return grpc::Status::OK;
  }

  grpc::Status UpdateBranch(ServerContext*,
                            const v1::UpdateBranchRequest* request,
                            v1::Branch* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const auto& branches = store_.branches[request->domain()];
    const auto found = branches.find(request->branch());
    if (found == branches.end()) {
      return BranchNotFound(request->branch());
    }
    if (request->has_expected_commit() &&
        request->expected_commit() != found->second.head_commit()) {
      return BranchMoved();
    }
    return Move(request->domain(), request->branch(), request->head_commit(),
                response);
  }

  grpc::Status RenameBranch(ServerContext*,
                            const v1::RenameBranchRequest* request,
                            v1::Branch* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    auto& branches = store_.branches[request->domain()];
    const auto found = branches.find(request->branch());
    if (found == branches.end()) {
      return BranchNotFound(request->branch());
    }
    if (branches.contains(request->new_branch())) {
      return FakeError(StatusCode::ALREADY_EXISTS, "branch exists",
                       "BRANCH_EXISTS");
    }
    if (request->has_expected_commit() &&
        request->expected_commit() != found->second.head_commit()) {
      return BranchMoved();
    }
    *response = found->second;
    response->set_branch(request->new_branch());
    branches.erase(found);
    branches[request->new_branch()] = *response;
    return grpc::Status::OK;
  }

  grpc::Status DeleteBranch(ServerContext*,
                            const v1::DeleteBranchRequest* request,
                            v1::DeleteBranchResponse*) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    return store_.branches[request->domain()].erase(request->branch()) > 0 ||
                   request->allow_missing()
               ? grpc::Status::OK
               : BranchNotFound(request->branch());
  }

 private:
  grpc::Status Move(const std::string& domain, const std::string& branch,
                    const std::string& commit, v1::Branch* response) {
    if (!store_.commits[domain].contains(commit)) {
      return CommitNotFound(commit);
    }
    MoveTo(store_, domain, branch, commit);
    *response = store_.branches[domain][branch];
    return grpc::Status::OK;
  }

  FakeStore& store_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFakeBranchService(FakeStore& store) {
  return std::make_unique<Branches>(store);
}

}  // namespace copse
