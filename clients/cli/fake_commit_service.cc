// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
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

#include "clients/cli/fake_server.h"
#include "clients/cli/fake_services.h"
#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

using grpc::ServerContext;
using grpc::StatusCode;

class Commits final : public v1::CommitService::Service {
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

}  // namespace

std::unique_ptr<grpc::Service> MakeFakeCommitService(FakeStore& store) {
  return std::make_unique<Commits>(store);
}

}  // namespace copse
