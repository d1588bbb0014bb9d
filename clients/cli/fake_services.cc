// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/fake_services.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"

#include "clients/cli/fake_server.h"
#include "copse/v1/types.pb.h"

namespace copse {

using grpc::StatusCode;

grpc::Status FakeError(grpc::StatusCode code, const std::string& message,
                       const std::string& reason,
                       const std::map<std::string, std::string>& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("copse.dev");
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return grpc::Status(code, message, details.SerializeAsString());
}

grpc::Status DomainNotFound(const std::string& domain) {
  return FakeError(StatusCode::NOT_FOUND,
                   absl::StrCat("domain '", domain, "' does not exist"),
                   "DOMAIN_NOT_FOUND", {{"domain", domain}});
}

grpc::Status CommitNotFound(const std::string& commit) {
  return FakeError(StatusCode::NOT_FOUND,
                   absl::StrCat("commit '", commit, "' is not indexed"),
                   "COMMIT_NOT_FOUND", {{"commit", commit}});
}

grpc::Status CommitExists(const std::string& commit) {
  return FakeError(StatusCode::ALREADY_EXISTS,
                   absl::StrCat("commit '", commit, "' is complete"),
                   "COMMIT_EXISTS");
}

grpc::Status BranchNotFound(const std::string& branch) {
  return FakeError(StatusCode::NOT_FOUND,
                   absl::StrCat("branch '", branch, "' does not exist"),
                   "BRANCH_NOT_FOUND", {{"branch", branch}});
}

grpc::Status BranchMoved() {
  return FakeError(StatusCode::ABORTED, "the branch has moved", "BRANCH_MOVED");
}

std::string HeadOf(const FakeStore& store, const std::string& domain,
                   const std::string& branch) {
  const auto branches = store.branches.find(domain);
  if (branches == store.branches.end()) {
    return "";
  }
  const auto found = branches->second.find(branch);
  return found == branches->second.end() ? "" : found->second.head_commit();
}

void MoveTo(FakeStore& store, const std::string& domain,
            const std::string& branch, const std::string& commit) {
  v1::Branch& record = store.branches[domain][branch];
  record.set_domain(domain);
  record.set_branch(branch);
  record.set_head_commit(commit);
  record.set_version(record.version() + 1);
}

grpc::Status Select(FakeStore& store, const std::string& domain,
                    const v1::CommitSelector& at, const FakeCommit** commit,
                    v1::AnsweringCommit* answered_by) {
  if (!store.domains.contains(domain)) {
    return DomainNotFound(domain);
  }
  std::string name = at.commit();
  if (at.has_branch()) {
    const auto branch = store.branches[domain].find(at.branch());
    if (branch == store.branches[domain].end()) {
      return BranchNotFound(at.branch());
    }
    name = branch->second.head_commit();
  }
  const auto& commits = store.commits[domain];
  auto found = commits.find(name);
  int lag = 0;
  while (found == commits.end() && lag < at.ancestor_commits_size()) {
    found = commits.find(at.ancestor_commits(lag++));
  }
  if (found == commits.end() || (at.has_max_lag() && lag > at.max_lag())) {
    return CommitNotFound(name);
  }
  *commit = &found->second;
  answered_by->set_commit(found->first);
  answered_by->set_lag(lag);
  return grpc::Status::OK;
}

}  // namespace copse
