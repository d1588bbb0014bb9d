// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/convert_commit.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/service/request_errors.h"
#include "versioning/commit.h"
#include "versioning/store.h"

namespace copse {
namespace {

v1::DocumentChange::Kind FromKind(DocumentChange::Kind kind) {
  switch (kind) {
    case DocumentChange::Kind::kInserted:
      return v1::DocumentChange::KIND_INSERTED;
    case DocumentChange::Kind::kReplaced:
      return v1::DocumentChange::KIND_REPLACED;
    case DocumentChange::Kind::kDeleted:
      return v1::DocumentChange::KIND_DELETED;
  }
  return v1::DocumentChange::KIND_UNSPECIFIED;
}

absl::StatusOr<DiffOptions::Order> ToOrder(
    v1::DiffCommitsRequest::Order order) {
  switch (order) {
    case v1::DiffCommitsRequest::ORDER_UNSPECIFIED:
    case v1::DiffCommitsRequest::ORDER_DOCUMENT_ID:
      return DiffOptions::Order::kDocumentId;
    case v1::DiffCommitsRequest::ORDER_DISTANCE:
      return DiffOptions::Order::kDistance;
    default:
      return FieldInvalidError("order", absl::StrCat(static_cast<int>(order)),
                               "a value of DiffCommitsRequest.Order");
  }
}

absl::StatusOr<ConflictPolicy> ToConflictPolicy(
    v1::MergeCommitsRequest::ConflictPolicy policy) {
  switch (policy) {
    case v1::MergeCommitsRequest::CONFLICT_POLICY_UNSPECIFIED:
    case v1::MergeCommitsRequest::CONFLICT_POLICY_FAIL:
      return ConflictPolicy::kFail;
    case v1::MergeCommitsRequest::CONFLICT_POLICY_OURS:
      return ConflictPolicy::kOurs;
    case v1::MergeCommitsRequest::CONFLICT_POLICY_THEIRS:
      return ConflictPolicy::kTheirs;
    default:
      return FieldInvalidError("conflict_policy",
                               absl::StrCat(static_cast<int>(policy)),
                               "a value of MergeCommitsRequest.ConflictPolicy");
  }
}

}  // namespace

void Fill(const CommitInfo& info, int skipped_document_count_max,
          v1::Commit& message) {
  message.set_domain(info.domain);
  message.set_commit(info.commit);
  for (const std::string& parent : info.parent_commits) {
    message.add_parent_commits(parent);
  }
  message.set_branch(info.branch);
  message.set_document_count(info.document_count);
  message.set_vector_count(info.vector_count);
  message.set_written_size_bytes(info.written_size_bytes);
  message.set_fingerprint(FromHash(info.fingerprint));
  Fill(info.create_time, *message.mutable_create_time());
  if (info.commit_time.has_value()) {
    Fill(*info.commit_time, *message.mutable_commit_time());
  }
  message.set_author(info.author);
  message.set_message(info.message);
  message.set_inserted_count(info.inserted_count);
  message.set_replaced_count(info.replaced_count);
  message.set_deleted_count(info.deleted_count);
  message.set_unknown_delete_count(info.unknown_delete_count);
  message.set_token_count(info.token_count);
  message.set_skipped_document_count(
      static_cast<int64_t>(info.skipped_documents.size()));
  for (const SkippedDocument& skipped : info.skipped_documents) {
    if (message.skipped_documents_size() >= skipped_document_count_max) {
      break;
    }
    v1::DocumentFailure& failure = *message.add_skipped_documents();
    failure.set_document_id(skipped.document_id);
    failure.set_message(skipped.message);
  }
}

void Fill(const BranchInfo& info, v1::Branch& message) {
  message.set_domain(info.domain);
  message.set_branch(info.branch);
  message.set_head_commit(info.head_commit);
  message.set_version(info.version);
  Fill(info.update_time, *message.mutable_update_time());
}

absl::StatusOr<DiffOptions> ToDiffOptions(
    const v1::DiffCommitsRequest& message) {
  DiffOptions options;
  options.domain = message.domain();
  options.base_commit = message.base_commit();
  options.target_commit = message.target_commit();
  options.with_distances = message.with_distances();
  COPSE_ASSIGN_OR_RETURN(options.order, ToOrder(message.order()));
  if (message.change_count() < 0) {
    return FieldInvalidError(
        "change_count", absl::StrCat(message.change_count()), "at least 0");
  }
  options.change_count_max = static_cast<size_t>(message.change_count());
  return options;
}

void Fill(const DocumentChange& change, v1::DocumentChange& message) {
  message.set_document_id(change.document_id);
  message.set_type(change.type);
  message.set_kind(FromKind(change.kind));
  if (change.distance.has_value()) {
    message.set_distance(double{*change.distance});
  }
}

absl::StatusOr<MergeOptions> ToMergeOptions(
    const v1::MergeCommitsRequest& message) {
  MergeOptions options;
  COPSE_ASSIGN_OR_RETURN(options.conflict_policy,
                         ToConflictPolicy(message.conflict_policy()));
  options.theirs_commit = message.theirs_commit();
  options.refuses_contained = message.refuse_contained();
  CommitOptions& commit = options.commit;
  commit.domain = message.domain();
  commit.commit = message.commit();
  commit.parent_commit = message.ours_commit();
  commit.branch = message.branch();
  if (message.has_expected_branch_commit()) {
    commit.expected_branch_commit = message.expected_branch_commit();
  }
  if (message.has_commit_time()) {
    COPSE_ASSIGN_OR_RETURN(commit.commit_time,
                           ToTime("commit_time", message.commit_time()));
  }
  commit.author = message.author();
  commit.message = message.message();
  return options;
}

void Fill(const MergeConflict& conflict, v1::MergeConflict& message) {
  message.set_document_id(conflict.document_id);
  message.set_ours_kind(FromKind(conflict.ours));
  message.set_theirs_kind(FromKind(conflict.theirs));
}

}  // namespace copse
