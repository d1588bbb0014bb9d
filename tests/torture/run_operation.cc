// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "tests/torture/model.h"
#include "tests/torture/operation.h"
#include "versioning/backup.h"
#include "versioning/commit.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

CommitOptions OptionsOf(const Operation& operation) {
  return {.domain = operation.domain,
          .commit = operation.commit,
          .parent_commit = operation.parent,
          .branch = operation.branch,
          .expected_branch_commit = operation.expected_head};
}

absl::Status RunEdits(CommitBuilder& builder, const Operation& push) {
  for (const Edit& edit : push.edits) {
    switch (edit.kind) {
      case Edit::Kind::kDelete:
        COPSE_RETURN_IF_ERROR(builder.Delete(edit.id));
        break;
      case Edit::Kind::kKeep:
        COPSE_RETURN_IF_ERROR(builder.Keep(edit.id));
        break;
      case Edit::Kind::kUpsert:
        COPSE_RETURN_IF_ERROR(TestStore::Apply(
            builder, {{.id = edit.id,
                       .content = edit.content,
                       .type = TypeOf(edit.content),
                       .chunk_count = ChunkCountOf(edit.content)}}));
        break;
    }
  }
  return absl::OkStatus();
}

absl::Status RunPush(Store& store, const Operation& push, Outcome& outcome) {
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<CommitBuilder> builder,
                         store.BeginCommit(OptionsOf(push)));
  COPSE_RETURN_IF_ERROR(RunEdits(*builder, push));
  if (push.is_without_effect) {
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(const CommitInfo info, builder->Commit({}));
  outcome = {.has_happened = true, .create_time = info.create_time};
  return absl::OkStatus();
}

absl::Status RunPushOntoDeleted(Store& store, const Operation& push,
                                Outcome& outcome) {
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<CommitBuilder> builder,
                         store.BeginCommit(OptionsOf(push)));
  COPSE_RETURN_IF_ERROR(RunEdits(*builder, push));
  COPSE_RETURN_IF_ERROR(store.DeleteCommit(push.domain, push.parent));
  outcome.has_happened = true;
  const absl::Status status = builder->Commit({}).status();
  if (status.ok()) {
    return absl::InternalError("a push onto a deleted commit succeeded");
  }
  const std::optional<ErrorReason> reason = ReasonOf(status);
  return reason.has_value() && reason->reason == "PARENT_COMMIT_NOT_FOUND"
             ? absl::OkStatus()
             : status;
}

absl::Status RunCollect(Store& store, const Operation& operation,
                        Outcome& outcome) {
  GarbageOptions options;
  if (operation.overrides_retention) {
    options.retention = operation.retention;
  }
  COPSE_ASSIGN_OR_RETURN(const GarbageReport report,
                         store.CollectGarbage(operation.domain, options));
  const auto wanted = static_cast<int64_t>(operation.expired.size());
  if (report.commits.removed_count != wanted) {
    return absl::InternalError(absl::StrCat("a collection deleted ",
                                            report.commits.removed_count,
                                            " commits, expected ", wanted));
  }
  outcome = {.has_happened = true, .removed = operation.expired};
  return absl::OkStatus();
}

absl::Status TakeCommit(const absl::StatusOr<CommitInfo>& info,
                        const Operation& operation, Outcome& outcome) {
  COPSE_RETURN_IF_ERROR(info.status());
  outcome = {.has_happened = !operation.is_without_effect,
             .create_time = info->create_time};
  return absl::OkStatus();
}

absl::Status RunCreateBackup(Store& store, const std::string& folder,
                             const Operation& operation, Outcome& outcome) {
  COPSE_ASSIGN_OR_RETURN(
      const BackupInfo backup,
      store.CreateBackup(
          {.folder = folder, .kept_count = operation.kept_backup_count}));
  outcome = {.has_happened = true,
             .backup = backup.id,
             .removed_backups = operation.expired_backups};
  return absl::OkStatus();
}

absl::Status RunDeleteBackups(const std::string& folder,
                              const Operation& operation, Outcome& outcome) {
  COPSE_ASSIGN_OR_RETURN(const int64_t deleted_count,
                         DeleteBackups(folder, operation.kept_backup_count));
  const auto wanted = static_cast<int64_t>(operation.expired_backups.size());
  if (deleted_count != wanted) {
    return absl::InternalError(absl::StrCat(
        deleted_count, " backups were deleted, expected ", wanted));
  }
  outcome = {.has_happened = true,
             .removed_backups = operation.expired_backups};
  return absl::OkStatus();
}

}  // namespace

absl::Status RunOperation(Store& store, const std::string& backup_folder,
                          const Operation& operation, Outcome& outcome) {
  const std::string& domain = operation.domain;
  const auto done = [&outcome](const absl::Status& status) {
    outcome.has_happened = status.ok();
    return status;
  };
  switch (operation.kind) {
    case OperationKind::kCreateDomain:
      for (const DomainShape& shape : kDomainShapes) {
        if (domain == shape.name) {
          return done(store
                          .CreateDomain({.domain = domain,
                                         .metric = shape.metric,
                                         .dimension = shape.dimension})
                          .status());
        }
      }
      return absl::InternalError("no such shape");
    case OperationKind::kDeleteDomain:
      return done(store.DeleteDomain(domain));
    case OperationKind::kPush:
      return RunPush(store, operation, outcome);
    case OperationKind::kPushOntoDeleted:
      return RunPushOntoDeleted(store, operation, outcome);
    case OperationKind::kAssign:
      return TakeCommit(
          store.AssignCommit(domain, operation.parent, operation.commit),
          operation, outcome);
    case OperationKind::kMerge:
      return TakeCommit(
          store.MergeCommits({.commit = OptionsOf(operation),
                              .theirs_commit = operation.theirs,
                              .conflict_policy = operation.conflict_policy},
                             {}),
          operation, outcome);
    case OperationKind::kDeleteCommit:
      return done(store.DeleteCommit(domain, operation.commit));
    case OperationKind::kCreateBranch:
      return done(store.CreateBranch(domain, operation.branch, operation.commit)
                      .status());
    case OperationKind::kUpdateBranch:
      return done(store
                      .UpdateBranch(domain, operation.branch, operation.commit,
                                    operation.expected_head)
                      .status());
    case OperationKind::kDeleteBranch:
      return done(store.DeleteBranch(domain, operation.branch));
    case OperationKind::kCreateLease:
      return done(store
                      .CreateLease(domain, operation.lease, operation.commit,
                                   operation.expire_time)
                      .status());
    case OperationKind::kDeleteLease:
      return done(store.DeleteLease(domain, operation.lease));
    case OperationKind::kSetRetention:
      return done(store.UpdateRetention(domain, operation.retention).status());
    case OperationKind::kCollect:
      return RunCollect(store, operation, outcome);
    case OperationKind::kCreateBackup:
      return RunCreateBackup(store, backup_folder, operation, outcome);
    case OperationKind::kDeleteBackups:
      return RunDeleteBackups(backup_folder, operation, outcome);
    default:
      return absl::InternalError("no operation of a store");
  }
}

}  // namespace copse
