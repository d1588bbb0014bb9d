// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/resolve_commit.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "clients/cli/options.h"
#include "clients/cpp/client.h"
#include "clients/cpp/error.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

constexpr int32_t kPageSize = 1000;

// Says of the error of a commit that there is no such branch either. One that
// was deleted needs no guess at what was meant.
absl::Status NameBoth(const absl::Status& status) {
  if (ErrorMetadataOf(status, "deleted") == "true") {
    return status;
  }
  absl::Status both(
      status.code(),
      absl::StrCat(status.message(), ", and there is no branch of that name"));
  status.ForEachPayload(
      [&both](absl::string_view type, const absl::Cord& data) {
        both.SetPayload(type, data);
      });
  return both;
}

// Follows parents as pages of commits bring them.
class AncestorSearch {
 public:
  AncestorSearch(const std::string& commit, std::string ancestor)
      : ancestor_(std::move(ancestor)) {
    Reach(commit);
  }

  void Add(const v1::Commit& commit) {
    std::vector<std::string> parents(commit.parent_commits().begin(),
                                     commit.parent_commits().end());
    if (!reached_.contains(commit.commit())) {
      parents_[commit.commit()] = std::move(parents);
      return;
    }
    for (const std::string& parent : parents) {
      Reach(parent);
    }
  }

  bool is_found() const { return reached_.contains(ancestor_); }

 private:
  void Reach(const std::string& commit) {
    std::vector<std::string> open = {commit};
    while (!open.empty()) {
      const std::string next = std::move(open.back());
      open.pop_back();
      const auto known = parents_.find(next);
      if (reached_.insert(next).second && known != parents_.end()) {
        open.insert(open.end(), known->second.begin(), known->second.end());
        parents_.erase(known);
      }
    }
  }

  const std::string ancestor_;
  absl::flat_hash_set<std::string> reached_;
  // Of commits that came before anything that descends from them.
  absl::flat_hash_map<std::string, std::vector<std::string>> parents_;
};

}  // namespace

absl::StatusOr<NamedCommit> ResolveCommitName(Client& client,
                                              const std::string& domain,
                                              const std::string& name) {
  v1::GetCommitRequest request;
  request.set_domain(domain);
  request.set_commit(name);
  const absl::Status found = client.GetCommit(request).status();
  if (found.ok()) {
    return NamedCommit{.commit = name};
  }
  if (ErrorReasonOf(found) != "COMMIT_NOT_FOUND") {
    return found;
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(const std::optional<v1::Branch> branch,
                                FindBranch(client, domain, name));
  if (!branch.has_value()) {
    return NameBoth(found);
  }
  return NamedCommit{.commit = branch->head_commit(), .branch = name};
}

absl::StatusOr<std::string> ResolveOrKeep(Client& client,
                                          const std::string& domain,
                                          const std::string& name) {
  const absl::StatusOr<NamedCommit> named =
      ResolveCommitName(client, domain, name);
  if (absl::IsNotFound(named.status())) {
    return name;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(named.status());
  return named->commit;
}

absl::StatusOr<v1::CommitSelector> ResolveSelector(
    Client& client, const std::string& domain, const SelectorOptions& options) {
  v1::CommitSelector selector = ToSelector(options);
  if (!selector.has_commit()) {
    return selector;
  }
  if (!options.ancestors.empty()) {
    // Then it need not be there.
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const std::string commit,
        ResolveOrKeep(client, domain, options.commit));
    selector.set_commit(commit);
    return selector;
  }
  COPSE_CLIENT_ASSIGN_OR_RETURN(
      const NamedCommit named,
      ResolveCommitName(client, domain, options.commit));
  selector.set_commit(named.commit);
  return selector;
}

absl::StatusOr<bool> Descends(Client& client, const std::string& domain,
                              const std::string& commit,
                              const std::string& ancestor) {
  AncestorSearch search(commit, ancestor);
  v1::ListCommitsRequest request;
  request.set_domain(domain);
  request.set_page_size(kPageSize);
  while (!search.is_found()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::ListCommitsResponse page,
                                  client.ListCommits(request));
    for (const v1::Commit& listed : page.commits()) {
      search.Add(listed);
    }
    request.set_page_token(page.next_page_token());
    if (request.page_token().empty()) {
      break;
    }
  }
  return search.is_found();
}

absl::StatusOr<std::optional<v1::Branch>> FindBranch(
    Client& client, const std::string& domain, const std::string& branch) {
  v1::GetBranchRequest request;
  request.set_domain(domain);
  request.set_branch(branch);
  absl::StatusOr<v1::Branch> found = client.GetBranch(request);
  if (absl::IsNotFound(found.status())) {
    return std::nullopt;
  }
  COPSE_CLIENT_RETURN_IF_ERROR(found.status());
  return *std::move(found);
}

}  // namespace copse
