// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/fake_server.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"

#include "clients/cli/fake_job_service.h"
#include "copse/v1/admin_service.grpc.pb.h"
#include "copse/v1/branch_service.grpc.pb.h"
#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/domain_service.grpc.pb.h"
#include "copse/v1/search_service.grpc.pb.h"

namespace copse {
namespace {

using grpc::ServerContext;
using grpc::StatusCode;

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

// The commit that a branch is at, or "".
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

// Finds the commit that a read means.
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

v1::StoredDocument ToStored(const v1::Document& document,
                            const v1::DocumentMask& mask) {
  v1::StoredDocument stored;
  stored.set_document_id(document.document_id());
  stored.set_type(document.type());
  stored.set_content_hash(std::string(32, '\x5a'));
  stored.set_chunk_count(1);
  if (mask.attributes()) {
    *stored.mutable_attributes() = document.attributes();
  }
  if (mask.text() && document.has_text()) {
    stored.set_text(document.text());
    stored.set_text_is_rendered(document.text_is_rendered());
  }
  if (mask.vector()) {
    *stored.mutable_vector() = document.vector();
  }
  return stored;
}

class Domains : public v1::DomainService::Service {
 public:
  explicit Domains(FakeStore& store) : store_(store) {}

  // Answers with the first job that the test has put there.
  grpc::Status ReembedDomain(ServerContext*,
                             const v1::ReembedDomainRequest* request,
                             v1::Job* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    store_.reembed_request = *request;
    if (!store_.domains.contains(request->domain())) {
      return DomainNotFound(request->domain());
    }
    *response = store_.jobs.front();
    return grpc::Status::OK;
  }

  grpc::Status CreateDomain(ServerContext*,
                            const v1::CreateDomainRequest* request,
                            v1::Domain* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    if (store_.domains.contains(request->domain())) {
      return FakeError(StatusCode::ALREADY_EXISTS, "domain exists",
                       "DOMAIN_EXISTS");
    }
    v1::Domain& domain = store_.domains[request->domain()];
    domain.set_domain(request->domain());
    *domain.mutable_settings() = request->settings();
    if (domain.settings().metric() == v1::DomainSettings::METRIC_UNSPECIFIED) {
      domain.mutable_settings()->set_metric(v1::DomainSettings::METRIC_COSINE);
    }
    *response = domain;
    return grpc::Status::OK;
  }

  grpc::Status GetDomain(ServerContext*, const v1::GetDomainRequest* request,
                         v1::Domain* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    if (!store_.domains.contains(request->domain())) {
      return DomainNotFound(request->domain());
    }
    *response = store_.domains[request->domain()];
    response->set_commit_count(
        static_cast<int64_t>(store_.commits[request->domain()].size()));
    return grpc::Status::OK;
  }

  grpc::Status ListDomains(ServerContext*, const v1::ListDomainsRequest*,
                           v1::ListDomainsResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    for (const auto& [name, domain] : store_.domains) {
      *response->add_domains() = domain;
    }
    return grpc::Status::OK;
  }

  grpc::Status UpdateDomain(ServerContext*,
                            const v1::UpdateDomainRequest* request,
                            v1::Domain* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    if (!store_.domains.contains(request->domain())) {
      return DomainNotFound(request->domain());
    }
    v1::Domain& domain = store_.domains[request->domain()];
    if (request->has_description()) {
      domain.mutable_settings()->set_description(request->description());
    }
    if (request->has_retention()) {
      *domain.mutable_settings()->mutable_retention() = request->retention();
    }
    *response = domain;
    return grpc::Status::OK;
  }

  grpc::Status DeleteDomain(ServerContext*,
                            const v1::DeleteDomainRequest* request,
                            v1::DeleteDomainResponse*) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    store_.commits.erase(request->domain());
    store_.branches.erase(request->domain());
    return store_.domains.erase(request->domain()) > 0 ||
                   request->allow_missing()
               ? grpc::Status::OK
               : DomainNotFound(request->domain());
  }

 private:
  FakeStore& store_;
};

class Commits : public v1::CommitService::Service {
 public:
  explicit Commits(FakeStore& store) : store_(store) {}

  grpc::Status PushCommit(
      ServerContext*,
      grpc::ServerReaderWriter<v1::PushCommitResponse, v1::PushCommitRequest>*
          stream) override {
    v1::PushCommitRequest request;
    if (!stream->Read(&request) || !request.has_header()) {
      return FakeError(StatusCode::INVALID_ARGUMENT, "no header",
                       "PUSH_MESSAGE_INVALID");
    }
    const v1::PushCommitRequest::Header header = request.header();
    FakeCommit commit;
    if (grpc::Status status = Begin(header, commit); !status.ok()) {
      return status;
    }
    v1::PushCommitResponse response;
    response.mutable_progress();
    stream->Write(response);
    int64_t number = 0;
    bool is_finished = false;
    while (!is_finished && stream->Read(&request)) {
      is_finished = request.has_finish();
      for (const v1::Operation& operation : request.operations().operations()) {
        if (grpc::Status status = Apply(operation, ++number, commit);
            !status.ok()) {
          return status;
        }
      }
    }
    if (!is_finished) {
      return FakeError(StatusCode::INVALID_ARGUMENT, "not finished",
                       "PUSH_NOT_FINISHED");
    }
    return Publish(header, std::move(commit), *stream);
  }

  // Makes the first of `jobs` of the operations.
  grpc::Status WarmEmbeddings(
      ServerContext*,
      grpc::ServerReaderWriter<v1::PushCommitResponse, v1::PushCommitRequest>*
          stream) override {
    v1::PushCommitRequest request;
    stream->Read(&request);
    const std::lock_guard<std::mutex> lock(store_.mutex);
    if (!store_.domains.contains(request.header().domain())) {
      return DomainNotFound(request.header().domain());
    }
    int64_t count = 0;
    while (stream->Read(&request) && !request.has_finish()) {
      count += request.operations().operations_size();
    }
    v1::Job& job = store_.jobs.front();
    job.mutable_progress()->set_total_count(count);
    v1::PushCommitResponse response;
    response.mutable_accepted()->set_job_id(job.job_id());
    stream->Write(response);
    return grpc::Status::OK;
  }

  // Does so with what it is asked for.
  grpc::Status PullCommit(ServerContext*, const v1::PullCommitRequest* request,
                          v1::Job* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    store_.pull_request = *request;
    *response = store_.jobs.front();
    return grpc::Status::OK;
  }

  grpc::Status GetCommit(ServerContext*, const v1::GetCommitRequest* request,
                         v1::Commit* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const auto& commits = store_.commits[request->domain()];
    const auto found = commits.find(request->commit());
    if (found == commits.end()) {
      return CommitNotFound(request->commit());
    }
    *response = found->second.info;
    return grpc::Status::OK;
  }

  grpc::Status ListCommits(ServerContext*,
                           const v1::ListCommitsRequest* request,
                           v1::ListCommitsResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    ++store_.call_counts["ListCommits"];
    if (!store_.domains.contains(request->domain())) {
      return DomainNotFound(request->domain());
    }
    // Pages of two, so that every caller has to turn them.
    const auto& commits = store_.commits[request->domain()];
    auto next = commits.upper_bound(request->page_token());
    for (int i = 0; i < std::min(2, request->page_size()); ++i) {
      if (next != commits.end()) {
        *response->add_commits() = next->second.info;
        ++next;
      }
    }
    if (next != commits.end()) {
      response->set_next_page_token(
          response->commits(response->commits_size() - 1).commit());
    }
    return grpc::Status::OK;
  }

  grpc::Status DeleteCommit(ServerContext*,
                            const v1::DeleteCommitRequest* request,
                            v1::DeleteCommitResponse*) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    return store_.commits[request->domain()].erase(request->commit()) > 0 ||
                   request->allow_missing()
               ? grpc::Status::OK
               : CommitNotFound(request->commit());
  }

  grpc::Status AssignCommit(ServerContext*,
                            const v1::AssignCommitRequest* request,
                            v1::Commit* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    auto& commits = store_.commits[request->domain()];
    if (!commits.contains(request->source_commit())) {
      return CommitNotFound(request->source_commit());
    }
    FakeCommit copy = commits[request->source_commit()];
    copy.info.set_commit(request->target_commit());
    *response = copy.info;
    commits[request->target_commit()] = std::move(copy);
    return grpc::Status::OK;
  }

  grpc::Status DiffCommits(
      ServerContext*, const v1::DiffCommitsRequest* request,
      grpc::ServerWriter<v1::DiffCommitsResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    auto& commits = store_.commits[request->domain()];
    for (const std::string& name :
         {request->base_commit(), request->target_commit()}) {
      if (!commits.contains(name)) {
        return CommitNotFound(name);
      }
    }
    const auto& base = commits[request->base_commit()].documents;
    const auto& target = commits[request->target_commit()].documents;
    std::map<std::string, v1::DocumentChange::Kind> kinds;
    for (const auto& [id, document] : target) {
      const auto before = base.find(id);
      if (before == base.end()) {
        kinds[id] = v1::DocumentChange::KIND_INSERTED;
      } else if (before->second.text() != document.text()) {
        kinds[id] = v1::DocumentChange::KIND_REPLACED;
      }
    }
    for (const auto& [id, document] : base) {
      if (!target.contains(id)) {
        kinds[id] = v1::DocumentChange::KIND_DELETED;
      }
    }
    const bool by_distance =
        request->order() == v1::DiffCommitsRequest::ORDER_DISTANCE;
    std::vector<v1::DocumentChange> changes;
    for (const auto& [id, kind] : kinds) {
      v1::DocumentChange& change = changes.emplace_back();
      change.set_document_id(id);
      change.set_kind(kind);
      // The longer the new text, the farther.
      if (kind == v1::DocumentChange::KIND_REPLACED &&
          (request->with_distances() || by_distance)) {
        change.set_distance(static_cast<double>(target.at(id).text().size()) /
                            10);
      }
    }
    if (by_distance) {
      std::stable_sort(changes.begin(), changes.end(),
                       [](const auto& left, const auto& right) {
                         return left.distance() > right.distance();
                       });
    }
    if (request->change_count() > 0 &&
        request->change_count() < static_cast<int64_t>(changes.size())) {
      changes.resize(static_cast<size_t>(request->change_count()));
    }
    for (const v1::DocumentChange& change : changes) {
      v1::DiffCommitsResponse response;
      *response.add_changes() = change;
      writer->Write(response);
    }
    return grpc::Status::OK;
  }

  // The base is the commit "base".
  grpc::Status MergeCommits(
      ServerContext*, const v1::MergeCommitsRequest* request,
      grpc::ServerWriter<v1::MergeCommitsResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    auto& commits = store_.commits[request->domain()];
    for (const std::string& name :
         {request->ours_commit(), request->theirs_commit()}) {
      if (!commits.contains(name)) {
        return CommitNotFound(name);
      }
    }
    if (commits.contains(request->commit())) {
      return CommitExists(request->commit());
    }
    v1::MergeCommitsResponse response;
    response.mutable_base()->set_commit("base");
    response.mutable_base()->set_candidate_count(1);
    writer->Write(response);
    if (request->refuse_contained() &&
        Contains(commits, request->ours_commit(), request->theirs_commit())) {
      return FakeError(StatusCode::FAILED_PRECONDITION, "nothing to merge",
                       "NOTHING_TO_MERGE");
    }
    FakeCommit merged = commits[request->ours_commit()];
    merged.info.clear_parent_commits();
    merged.info.add_parent_commits(request->ours_commit());
    merged.info.add_parent_commits(request->theirs_commit());
    v1::MergeCommitsResponse conflicts;
    MergeDocuments(*request, commits["base"], commits[request->theirs_commit()],
                   merged, *conflicts.mutable_conflicts());
    if (conflicts.conflicts().conflicts_size() > 0) {
      writer->Write(conflicts);
      if (request->conflict_policy() ==
          v1::MergeCommitsRequest::CONFLICT_POLICY_FAIL) {
        return FakeError(StatusCode::FAILED_PRECONDITION,
                         "the two commits differ", "MERGE_CONFLICTS");
      }
    }
    if (request->has_expected_branch_commit() &&
        request->expected_branch_commit() !=
            HeadOf(store_, request->domain(), request->branch())) {
      return BranchMoved();
    }
    merged.info.set_commit(request->commit());
    merged.info.set_author(request->author());
    merged.info.set_message(request->message());
    *merged.info.mutable_commit_time() = request->commit_time();
    merged.info.set_document_count(
        static_cast<int64_t>(merged.documents.size()));
    *response.mutable_commit() = merged.info;
    commits[request->commit()] = merged;
    if (!request->branch().empty()) {
      MoveTo(store_, request->domain(), request->branch(), request->commit());
    }
    writer->Write(response);
    return grpc::Status::OK;
  }

 private:
  static bool Contains(const std::map<std::string, FakeCommit>& commits,
                       const std::string& ours, const std::string& theirs) {
    std::vector<std::string> open = {ours};
    while (!open.empty()) {
      const std::string next = open.back();
      open.pop_back();
      if (next == theirs) {
        return true;
      }
      if (const auto found = commits.find(next); found != commits.end()) {
        open.insert(open.end(), found->second.info.parent_commits().begin(),
                    found->second.info.parent_commits().end());
      }
    }
    return false;
  }

  // Takes into `merged`, which is ours, what theirs inserted or replaced.
  static void MergeDocuments(const v1::MergeCommitsRequest& request,
                             const FakeCommit& base, const FakeCommit& theirs,
                             FakeCommit& merged,
                             v1::MergeCommitsResponse::Conflicts& conflicts) {
    const auto text_in = [](const FakeCommit& commit, const std::string& id) {
      const auto found = commit.documents.find(id);
      return found == commit.documents.end() ? "" : found->second.text();
    };
    for (const auto& [id, document] : theirs.documents) {
      const std::string old = text_in(base, id);
      const std::string ours = text_in(merged, id);
      if (document.text() == old || document.text() == ours) {
        continue;
      }
      if (ours != old) {
        v1::MergeConflict& conflict = *conflicts.add_conflicts();
        conflict.set_document_id(id);
        conflict.set_ours_kind(v1::DocumentChange::KIND_REPLACED);
        conflict.set_theirs_kind(v1::DocumentChange::KIND_REPLACED);
      }
      if (ours == old || request.conflict_policy() ==
                             v1::MergeCommitsRequest::CONFLICT_POLICY_THEIRS) {
        merged.documents[id] = document;
      }
    }
  }

  grpc::Status Begin(const v1::PushCommitRequest::Header& header,
                     FakeCommit& commit) {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    ++store_.call_counts["PushCommit"];
    if (!store_.domains.contains(header.domain())) {
      if (!header.has_create_domain()) {
        return DomainNotFound(header.domain());
      }
      store_.domains[header.domain()].set_domain(header.domain());
      *store_.domains[header.domain()].mutable_settings() =
          header.create_domain();
    }
    auto& commits = store_.commits[header.domain()];
    if (commits.contains(header.commit())) {
      return CommitExists(header.commit());
    }
    if (store_.in_flight_answers[header.commit()]-- > 0) {
      return FakeError(StatusCode::ABORTED, "the commit is in flight",
                       "COMMIT_IN_FLIGHT");
    }
    if (!header.parent_commit().empty()) {
      if (!commits.contains(header.parent_commit())) {
        return FakeError(StatusCode::FAILED_PRECONDITION,
                         absl::StrCat("parent commit '", header.parent_commit(),
                                      "' is not complete"),
                         "PARENT_COMMIT_NOT_FOUND");
      }
      commit.documents = commits[header.parent_commit()].documents;
      commit.info.add_parent_commits(header.parent_commit());
    }
    return grpc::Status::OK;
  }

  static grpc::Status Apply(const v1::Operation& operation, int64_t number,
                            FakeCommit& commit) {
    if (operation.has_delete_document_id()) {
      const size_t count =
          commit.documents.erase(operation.delete_document_id());
      commit.info.set_deleted_count(commit.info.deleted_count() +
                                    static_cast<int64_t>(count));
      commit.info.set_unknown_delete_count(commit.info.unknown_delete_count() +
                                           (count == 0 ? 1 : 0));
      return grpc::Status::OK;
    }
    if (operation.has_abort()) {
      return FakeError(StatusCode::CANCELLED, "the push was aborted",
                       "PUSH_ABORTED");
    }
    if (operation.has_error()) {
      auto& failure = *commit.info.add_skipped_documents();
      failure.set_document_id(operation.error().document_id());
      failure.set_operation_number(number);
      failure.set_message(operation.error().message());
      return grpc::Status::OK;
    }
    const v1::Document& document =
        operation.has_insert() ? operation.insert() : operation.replace();
    if (document.document_id().empty()) {
      return FakeError(StatusCode::INVALID_ARGUMENT,
                       "document_id is empty, wanted 1 to 4096 bytes",
                       "DOCUMENT_ID_INVALID",
                       {{"operation", absl::StrCat(number)}});
    }
    const bool is_new =
        commit.documents.insert_or_assign(document.document_id(), document)
            .second;
    commit.info.set_inserted_count(commit.info.inserted_count() +
                                   (is_new ? 1 : 0));
    commit.info.set_replaced_count(commit.info.replaced_count() +
                                   (is_new ? 0 : 1));
    return grpc::Status::OK;
  }

  grpc::Status Publish(
      const v1::PushCommitRequest::Header& header, FakeCommit commit,
      grpc::ServerReaderWriter<v1::PushCommitResponse, v1::PushCommitRequest>&
          stream) {
    v1::PushCommitResponse response;
    if (commit.info.skipped_documents_size() > 0) {
      *response.mutable_failures()->mutable_failures() =
          commit.info.skipped_documents();
      stream.Write(response);
      if (!header.skip_failed_documents()) {
        return FakeError(StatusCode::INVALID_ARGUMENT, "documents failed",
                         "DOCUMENTS_FAILED");
      }
    }
    commit.info.set_skipped_document_count(
        commit.info.skipped_documents_size());
    commit.info.set_domain(header.domain());
    commit.info.set_commit(header.commit());
    commit.info.set_branch(header.branch());
    commit.info.set_author(header.author());
    commit.info.set_message(header.message());
    if (header.has_commit_time()) {
      *commit.info.mutable_commit_time() = header.commit_time();
    }
    commit.info.set_document_count(
        static_cast<int64_t>(commit.documents.size()));
    *response.mutable_commit() = commit.info;
    {
      const std::lock_guard<std::mutex> lock(store_.mutex);
      if (header.has_expected_branch_commit() &&
          header.expected_branch_commit() !=
              HeadOf(store_, header.domain(), header.branch())) {
        return BranchMoved();
      }
      store_.commits[header.domain()][header.commit()] = std::move(commit);
      if (!header.branch().empty()) {
        MoveTo(store_, header.domain(), header.branch(), header.commit());
      }
    }
    stream.Write(response);
    return grpc::Status::OK;
  }

  FakeStore& store_;
};

class Branches : public v1::BranchService::Service {
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

// Only the tests of existence, and the first prefix.
bool Passes(const v1::SearchSettings& settings, const v1::Document& document) {
  for (const v1::AttributeCondition& condition : settings.conditions()) {
    const bool exists = document.attributes().contains(condition.name());
    if (exists == condition.negated()) {
      return false;
    }
  }
  return settings.document_id_prefixes().empty() ||
         document.document_id().find(settings.document_id_prefixes(0)) == 0;
}

class Searches : public v1::SearchService::Service {
 public:
  explicit Searches(FakeStore& store) : store_(store) {}

  // Finds documents that have the text in them; the earlier, the nearer.
  grpc::Status Search(ServerContext*, const v1::SearchRequest* request,
                      v1::SearchResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response->mutable_answered_by());
        !status.ok()) {
      return status;
    }
    for (const auto& [id, document] : commit->documents) {
      const size_t place = document.text().find(request->text());
      if (!Passes(request->settings(), document)) {
        continue;
      }
      if (place != std::string::npos || request->has_vector()) {
        v1::Neighbor& neighbor = *response->add_neighbors();
        if (request->settings().explain()) {
          neighbor.mutable_explanation()->mutable_vector()->set_rank(1);
        }
        *neighbor.mutable_document() =
            ToStored(document, request->settings().document_mask());
        neighbor.set_distance(request->has_vector()
                                  ? request->vector().components(0)
                                  : static_cast<double>(place) / 100);
        neighbor.set_similarity(1 - neighbor.distance() / 2);
        if (request->mode() == v1::SearchRequest::MODE_HYBRID) {
          neighbor.set_score(request->fusion().vector_weight());
        }
      }
    }
    if (request->settings().explain()) {
      response->mutable_explanation()->set_chunk_count(
          static_cast<int64_t>(commit->documents.size()));
      response->mutable_explanation()
          ->add_vector_searches()
          ->set_passing_chunk_count(response->neighbors_size());
    }
    return grpc::Status::OK;
  }

  grpc::Status FindSimilar(ServerContext*,
                           const v1::FindSimilarRequest* request,
                           v1::FindSimilarResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response->mutable_answered_by());
        !status.ok()) {
      return status;
    }
    for (const auto& [id, document] : commit->documents) {
      if (id != request->document_id()) {
        *response->add_neighbors()->mutable_document() =
            ToStored(document, request->settings().document_mask());
      }
    }
    return grpc::Status::OK;
  }

  // Suggests the text with an x behind it.
  grpc::Status SuggestTerms(ServerContext*,
                            const v1::SuggestTermsRequest* request,
                            v1::SuggestTermsResponse* response) override {
    v1::TermSuggestion& suggestion = *response->add_suggestions();
    suggestion.set_term("x");
    suggestion.set_text(request->text() + "x");
    suggestion.set_chunk_count(request->suggestion_count());
    return grpc::Status::OK;
  }

  grpc::Status CompareTexts(ServerContext*,
                            const v1::CompareTextsRequest* request,
                            v1::CompareTextsResponse* response) override {
    response->set_distance(request->base_text() == request->target_text() ? 0
                                                                          : 1);
    return grpc::Status::OK;
  }

  grpc::Status CompareDocuments(
      ServerContext*, const v1::CompareDocumentsRequest* request,
      v1::CompareDocumentsResponse* response) override {
    response->set_distance(
        request->base_document_id() == request->target_document_id() ? 0 : 0.5);
    response->set_similarity(1 - response->distance() / 2);
    return grpc::Status::OK;
  }

  grpc::Status GetDocuments(ServerContext*,
                            const v1::GetDocumentsRequest* request,
                            v1::GetDocumentsResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response->mutable_answered_by());
        !status.ok()) {
      return status;
    }
    for (const std::string& id : request->document_ids()) {
      const auto found = commit->documents.find(id);
      if (found == commit->documents.end()) {
        response->add_missing_document_ids(id);
      } else {
        *response->add_documents() =
            ToStored(found->second, request->document_mask());
      }
    }
    return grpc::Status::OK;
  }

  grpc::Status ExportDocuments(
      ServerContext*, const v1::ExportDocumentsRequest* request,
      grpc::ServerWriter<v1::ExportDocumentsResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    v1::ExportDocumentsResponse response;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response.mutable_answered_by());
        !status.ok()) {
      return status;
    }
    writer->Write(response);
    for (const auto& [id, document] : commit->documents) {
      response.Clear();
      *response.add_documents() = ToStored(document, request->document_mask());
      writer->Write(response);
    }
    return grpc::Status::OK;
  }

  // Each document matches the last one.
  grpc::Status MatchSets(
      ServerContext*, const v1::MatchSetsRequest* request,
      grpc::ServerWriter<v1::MatchSetsResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    v1::MatchSetsResponse response;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response.mutable_answered_by());
        !status.ok()) {
      return status;
    }
    writer->Write(response);
    response.Clear();
    const std::string last = commit->documents.rbegin()->first;
    for (const auto& [id, document] : commit->documents) {
      if (id != last) {
        v1::SetMatch& match = *response.add_matches();
        match.mutable_document()->set_document_id(id);
        match.mutable_match()->set_document_id(last);
        match.set_distance(request->max_distance());
        match.set_is_from_target(request->has_target_max_distance());
      }
    }
    writer->Write(response);
    return grpc::Status::OK;
  }

  // Texts of equal length are at 0, others at a tenth of the difference.
  grpc::Status FindDuplicates(
      ServerContext*, const v1::FindDuplicatesRequest* request,
      grpc::ServerWriter<v1::FindDuplicatesResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    v1::FindDuplicatesResponse response;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response.mutable_answered_by());
        !status.ok()) {
      return status;
    }
    const FakeCommit* since = nullptr;
    if (request->has_since()) {
      if (grpc::Status status =
              Select(store_, request->domain(), request->since(), &since,
                     response.mutable_since_answered_by());
          !status.ok()) {
        return status;
      }
    }
    writer->Write(response);
    response.Clear();
    response.set_found_chunk_pair_count(17);
    writer->Write(response);
    response.Clear();
    FillDuplicates(*request, *commit, since, response);
    writer->Write(response);
    return grpc::Status::OK;
  }

 private:
  static bool HasChanged(const FakeCommit* since, const std::string& id,
                         const v1::Document& document) {
    if (since == nullptr) {
      return true;
    }
    const auto before = since->documents.find(id);
    return before == since->documents.end() ||
           before->second.text() != document.text();
  }

  static void FillDuplicates(const v1::FindDuplicatesRequest& request,
                             const FakeCommit& commit, const FakeCommit* since,
                             v1::FindDuplicatesResponse& response) {
    std::vector<v1::DuplicatePair> pairs;
    for (const auto& [id, document] : commit.documents) {
      for (const auto& [other_id, other] : commit.documents) {
        const double distance =
            std::abs(static_cast<double>(document.text().size()) -
                     static_cast<double>(other.text().size())) /
            10;
        if (id < other_id && distance <= request.max_distance() &&
            (HasChanged(since, id, document) ||
             HasChanged(since, other_id, other))) {
          v1::DuplicatePair& pair = pairs.emplace_back();
          pair.mutable_first()->set_document_id(id);
          pair.mutable_second()->set_document_id(other_id);
          pair.mutable_second()->mutable_chunk()->set_number(2);
          pair.mutable_second()->set_chunk_count(12);
          pair.set_distance(distance);
        }
      }
    }
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const auto& left, const auto& right) {
                       return left.distance() < right.distance();
                     });
    if (request.count_max() > 0 &&
        request.count_max() < static_cast<int64_t>(pairs.size())) {
      pairs.resize(static_cast<size_t>(request.count_max()));
    }
    if (request.clustering() ==
        v1::FindDuplicatesRequest::CLUSTERING_UNSPECIFIED) {
      response.mutable_pairs()->Add(pairs.begin(), pairs.end());
      return;
    }
    // Each pair is a cluster, in two parts.
    for (const v1::DuplicatePair& pair : pairs) {
      const int64_t number = response.clusters_size() / 2 + 1;
      for (const v1::DuplicateDocument& document :
           {pair.first(), pair.second()}) {
        v1::DuplicateCluster& cluster = *response.add_clusters();
        cluster.set_number(number);
        cluster.set_member_count(2);
        cluster.set_max_distance(pair.distance());
        cluster.add_members()->set_document_id(document.document_id());
      }
    }
  }

  FakeStore& store_;
};

class Admin : public v1::AdminService::Service {
 public:
  explicit Admin(FakeStore& store) : store_(store) {}

  grpc::Status GetStatistics(ServerContext*,
                             const v1::GetStatisticsRequest* request,
                             v1::GetStatisticsResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    response->mutable_server()->set_version("9.9.9");
    response->mutable_server()->set_domain_count(
        static_cast<int64_t>(store_.domains.size()));
    v1::EmbeddingCacheStatistics& cache =
        *response->mutable_server()->mutable_embedding_cache();
    cache.set_entry_count(1'234);
    cache.set_size_bytes(2 << 20);
    cache.set_size_bytes_max(int64_t{4} << 30);
    cache.set_hit_count(7);
    if (!request->domain().empty()) {
      *response->mutable_domain()->mutable_domain() =
          store_.domains[request->domain()];
    }
    if (request->with_sizes()) {
      *response->mutable_domain()->mutable_sizes() = Sizes();
    }
    return grpc::Status::OK;
  }

  grpc::Status ClearEmbeddingCache(
      ServerContext*, const v1::ClearEmbeddingCacheRequest*,
      v1::ClearEmbeddingCacheResponse* response) override {
    response->set_removed_count(1'234);
    response->set_removed_size_bytes(2 << 20);
    return grpc::Status::OK;
  }

  // Knows the sizes of commit "c1" only.
  grpc::Status MeasureSizes(
      ServerContext*, const v1::MeasureSizesRequest* request,
      grpc::ServerWriter<v1::MeasureSizesResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    if (!store_.domains.contains(request->domain())) {
      return DomainNotFound(request->domain());
    }
    v1::MeasureSizesResponse response;
    v1::CommitSize& commit = *response.add_commits();
    commit.set_commit("c1");
    commit.set_logical_size_bytes(3072);
    commit.set_unique_size_bytes(1024);
    commit.set_shared_size_bytes(2048);
    writer->Write(response);
    response.Clear();
    *response.mutable_domain() = Sizes();
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status VerifyDomain(
      ServerContext*, const v1::VerifyDomainRequest*,
      grpc::ServerWriter<v1::VerifyDomainResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    v1::VerifyDomainResponse response;
    for (int64_t i = 0; i < store_.finding_count; ++i) {
      response.add_findings()->set_object("page 17");
    }
    writer->Write(response);
    response.Clear();
    response.mutable_summary()->set_finding_count(store_.finding_count);
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status CollectGarbage(
      ServerContext*, const v1::CollectGarbageRequest* request,
      grpc::ServerWriter<v1::CollectGarbageResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    store_.garbage_request = *request;
    for (const auto& [name, domain] : store_.domains) {
      if (!request->domain().empty() && request->domain() != name) {
        continue;
      }
      v1::CollectGarbageResponse response;
      response.mutable_progress()->set_domain(name);
      response.mutable_progress()->set_phase(
          v1::CollectGarbageResponse::Progress::PHASE_SWEEPING);
      writer->Write(response);
      v1::CollectGarbageResponse::Result& result = *response.mutable_result();
      response.clear_progress();
      result.set_domain(name);
      result.mutable_rows()->set_kept_count(12'345);
      result.mutable_rows()->set_removed_count(678);
      result.mutable_rows()->set_removed_size_bytes(1 << 20);
      result.set_vector_size_bytes_before(3 << 20);
      result.set_vector_size_bytes_after(1 << 20);
      writer->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status CreateBackup(
      ServerContext*, const v1::CreateBackupRequest* request,
      grpc::ServerWriter<v1::CreateBackupResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    store_.backup_request = *request;
    v1::CreateBackupResponse response;
    response.mutable_progress()->set_phase(
        v1::CreateBackupResponse::Progress::PHASE_COPYING_VECTORS);
    response.mutable_progress()->set_total_size_bytes(3 << 20);
    writer->Write(response);
    response.clear_progress();
    v1::Backup& backup = *response.mutable_backup();
    backup.set_id(static_cast<uint32_t>(store_.backups.size() + 1));
    backup.mutable_create_time()->set_seconds(1'700'000'000);
    backup.set_domain_count(1);
    backup.set_commit_count(12'345);
    backup.set_size_bytes(3 << 20);
    backup.set_new_size_bytes(1 << 20);
    store_.backups.push_back(backup);
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status ListBackups(ServerContext*, const v1::ListBackupsRequest*,
                           v1::ListBackupsResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    for (const v1::Backup& backup : store_.backups) {
      *response->add_backups() = backup;
    }
    return grpc::Status::OK;
  }

  grpc::Status CreateLease(ServerContext*,
                           const v1::CreateLeaseRequest* request,
                           v1::Lease* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    response->set_domain(request->domain());
    response->set_lease(request->lease());
    response->set_commit(request->commit());
    *response->mutable_expire_time() = request->expire_time();
    store_.leases[request->lease()] = *response;
    return grpc::Status::OK;
  }

  grpc::Status ListLeases(ServerContext*, const v1::ListLeasesRequest*,
                          v1::ListLeasesResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    for (const auto& [name, lease] : store_.leases) {
      *response->add_leases() = lease;
    }
    return grpc::Status::OK;
  }

  grpc::Status DeleteLease(ServerContext*,
                           const v1::DeleteLeaseRequest* request,
                           v1::DeleteLeaseResponse*) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    return store_.leases.erase(request->lease()) == 1 ||
                   request->allow_missing()
               ? grpc::Status::OK
               : grpc::Status(grpc::StatusCode::NOT_FOUND, "no such lease");
  }

 private:
  static v1::DomainSize Sizes() {
    v1::DomainSize sizes;
    sizes.set_commit_count(2);
    sizes.set_logical_size_bytes(8192);
    sizes.set_unique_size_bytes(2048);
    sizes.set_shared_size_bytes(4096);
    sizes.set_other_size_bytes(512);
    return sizes;
  }

  FakeStore& store_;
};

}  // namespace

FakeServer::FakeServer() {
  services_.push_back(std::make_unique<Domains>(store_));
  services_.push_back(std::make_unique<Commits>(store_));
  services_.push_back(std::make_unique<Branches>(store_));
  services_.push_back(std::make_unique<Searches>(store_));
  services_.push_back(std::make_unique<Admin>(store_));
  services_.push_back(MakeFakeJobService(store_));
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.SetMaxReceiveMessageSize(64 << 20);
  for (const auto& service : services_) {
    builder.RegisterService(service.get());
  }
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeServer::~FakeServer() { Stop(); }

void FakeServer::Stop() { server_->Shutdown(); }

}  // namespace copse
