// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Commits, branches, diff and merge; convert_common.h says how conversions are
// named and fail.

#ifndef COPSE_SIDECAR_GRPC_CONVERT_COMMIT_H_
#define COPSE_SIDECAR_GRPC_CONVERT_COMMIT_H_

#include "absl/status/statusor.h"

#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"
#include "versioning/commit.h"
#include "versioning/store.h"

namespace copse {

// The most skipped documents that a message names.
inline constexpr int kSkippedDocumentCountMax = 10000;

// `skipped_document_count_max` limits those that are listed.
void Fill(const CommitInfo& info, int skipped_document_count_max,
          v1::Commit& message);
void Fill(const BranchInfo& info, v1::Branch& message);

// Fails with FIELD_INVALID for an order or count that cannot be.
absl::StatusOr<DiffOptions> ToDiffOptions(
    const v1::DiffCommitsRequest& message);
void Fill(const DocumentChange& change, v1::DocumentChange& message);

// Fails with FIELD_INVALID for a policy or time that cannot be.
absl::StatusOr<MergeOptions> ToMergeOptions(
    const v1::MergeCommitsRequest& message);
void Fill(const MergeConflict& conflict, v1::MergeConflict& message);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_CONVERT_COMMIT_H_
