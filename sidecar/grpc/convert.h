// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Translates between the messages of copse.v1 and the values of the service
// layer. To...() makes what a function needs of a message and fails with
// kInvalidArgument for what no value can express; Fill() writes a message.
// Functions that take an rvalue leave the message without its large parts.

#ifndef COPSE_SIDECAR_GRPC_CONVERT_H_
#define COPSE_SIDECAR_GRPC_CONVERT_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "copse/v1/admin_service.pb.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/domain_service.pb.h"
#include "copse/v1/job_service.pb.h"
#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/cost_estimator.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/domain_manager.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/garbage_keeper.h"
#include "sidecar/service/pull_job.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/recall_meter.h"
#include "sidecar/service/searcher.h"
#include "versioning/commit.h"
#include "versioning/job_table.h"
#include "versioning/store.h"

namespace copse {

// The most skipped documents that a message names.
inline constexpr int kSkippedDocumentCountMax = 10000;

absl::StatusOr<DomainSettings> ToDomainSettings(
    const v1::DomainSettings& message);
absl::StatusOr<ReembedSettings> ToReembedSettings(
    const v1::ReembedDomainRequest& message);
void Fill(const DomainInfo& info, v1::Domain& message);
absl::StatusOr<RetentionPolicy> ToRetention(const v1::RetentionPolicy& message);
void Fill(const RetentionPolicy& retention, v1::RetentionPolicy& message);

absl::StatusOr<GarbageRequest> ToGarbageRequest(
    const v1::CollectGarbageRequest& message);
void Fill(const GarbageProgress& progress,
          v1::CollectGarbageResponse::Progress& message);
void Fill(const GarbageReport& report,
          v1::CollectGarbageResponse::Result& message);

absl::StatusOr<int64_t> ToKeptCount(const v1::CreateBackupRequest& message);
void Fill(const BackupProgress& progress,
          v1::CreateBackupResponse::Progress& message);
void Fill(const BackupInfo& backup, v1::Backup& message);

// The most failures that a message of a job names.
inline constexpr size_t kJobFailureCountMax = 1000;

absl::StatusOr<ListJobsOptions> ToListJobsOptions(
    const v1::ListJobsRequest& message);
// `now` is for rates.
void Fill(const JobId& id, const JobRecord& record, size_t failure_count_max,
          absl::Time now, v1::Job& message);
// Sets the cost of what `message` says at `price` for a million tokens.
void FillCost(std::optional<double> price, v1::Job& message);

// The expire time of a new lease; the store says whether it is one.
absl::StatusOr<absl::Time> ToExpireTime(const v1::CreateLeaseRequest& message);
void Fill(const LeaseInfo& info, v1::Lease& message);

// 0 means 50, more than 1000 means 1000. Fails with PAGE_SIZE_NEGATIVE.
absl::StatusOr<int32_t> ToPageSize(int32_t page_size);

absl::StatusOr<PushOptions> ToPushOptions(
    const v1::PushCommitRequest::Header& message);

absl::StatusOr<PullOptions> ToPullOptions(v1::PullCommitRequest message);

// Fails with OPERATION_INVALID if the operation is not set.
absl::StatusOr<PushOperation> ToPushOperation(v1::Operation&& message);
void Fill(const PushProgress& progress,
          v1::PushCommitResponse::Progress& message);
void Fill(const CostEstimate& estimate,
          v1::PushCommitResponse::Estimate& message);
void Fill(const DocumentFailure& failure, v1::DocumentFailure& message);

// `skipped_document_count_max` limits those that are listed.
void Fill(const CommitInfo& info, int skipped_document_count_max,
          v1::Commit& message);

// Fails with FIELD_INVALID for an order or count that cannot be.
absl::StatusOr<DiffOptions> ToDiffOptions(
    const v1::DiffCommitsRequest& message);
void Fill(const DocumentChange& change, v1::DocumentChange& message);
// Fails with FIELD_INVALID for a policy or time that cannot be.
absl::StatusOr<MergeOptions> ToMergeOptions(
    const v1::MergeCommitsRequest& message);
void Fill(const MergeConflict& conflict, v1::MergeConflict& message);
void Fill(const BranchInfo& info, v1::Branch& message);

CommitSelector ToCommitSelector(const v1::CommitSelector& message);
DocumentMask ToDocumentMask(const v1::DocumentMask& message);
// Fails with FILTER_INVALID for a condition or value that is not set.
absl::StatusOr<SearchSettings> ToSearchSettings(
    const v1::SearchSettings& message);
absl::StatusOr<SearchRequest> ToSearchRequest(const v1::SearchRequest& message);
absl::StatusOr<SearchRequest> ToSearchRequest(
    const v1::FindSimilarRequest& message);
void Fill(const AnsweringCommit& answering, v1::AnsweringCommit& message);
void Fill(uint32_t number, const ChunkPlace& place, v1::Chunk& message);
void Fill(StoredDocument&& document, const DocumentMask& mask,
          v1::StoredDocument& message);
void Fill(SearchNeighbor&& neighbor, const DocumentMask& mask,
          v1::Neighbor& message);
void Fill(TermSuggestion&& suggestion, v1::TermSuggestion& message);
absl::StatusOr<RecallRequest> ToRecallRequest(
    const v1::MeasureRecallRequest& message);
void Fill(const RecallReport& report, v1::MeasureRecallResponse& message);
void Fill(const SearchWork& work, v1::SearchWork& message);
// `distance` is that of the neighbor.
void Fill(NeighborExplanation&& explanation, const SearchExplanation& search,
          double distance, v1::Explanation& message);
void Fill(const SearchExplanation& explanation, v1::SearchExplanation& message);

void Fill(const EngineStatistics& statistics, v1::ServerStatistics& message);
void Fill(const DomainStatistics& statistics, v1::DomainStatistics& message);
void Fill(const CommitSize& size, v1::CommitSize& message);
void Fill(const DomainSize& size, v1::DomainSize& message);
void Fill(const VerifyFinding& finding,
          v1::VerifyDomainResponse::Finding& message);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_CONVERT_H_
