// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/convert_admin.h"

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "copse/v1/admin_service.pb.h"
#include "copse/v1/types.pb.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/grpc/convert_domain.h"
#include "sidecar/grpc/convert_search.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/garbage_keeper.h"
#include "sidecar/service/recall_meter.h"
#include "sidecar/service/request_errors.h"
#include "versioning/backup.h"
#include "versioning/commit.h"
#include "versioning/garbage_report.h"
#include "versioning/size_report.h"
#include "versioning/store.h"

namespace copse {
namespace {

v1::CollectGarbageResponse::Progress::Phase FromPhase(GarbagePhase phase) {
  switch (phase) {
    case GarbagePhase::kExpiring:
      return v1::CollectGarbageResponse::Progress::PHASE_EXPIRING;
    case GarbagePhase::kMarking:
      return v1::CollectGarbageResponse::Progress::PHASE_MARKING;
    case GarbagePhase::kSweeping:
      return v1::CollectGarbageResponse::Progress::PHASE_SWEEPING;
    case GarbagePhase::kRewriting:
      return v1::CollectGarbageResponse::Progress::PHASE_REWRITING;
    case GarbagePhase::kCompacting:
      return v1::CollectGarbageResponse::Progress::PHASE_COMPACTING;
  }
  return v1::CollectGarbageResponse::Progress::PHASE_UNSPECIFIED;
}

v1::CreateBackupResponse::Progress::Phase FromPhase(BackupPhase phase) {
  switch (phase) {
    case BackupPhase::kWaiting:
      return v1::CreateBackupResponse::Progress::PHASE_WAITING;
    case BackupPhase::kCopyingMeta:
      return v1::CreateBackupResponse::Progress::PHASE_COPYING_META;
    case BackupPhase::kCopyingVectors:
      return v1::CreateBackupResponse::Progress::PHASE_COPYING_VECTORS;
    case BackupPhase::kVerifying:
      return v1::CreateBackupResponse::Progress::PHASE_VERIFYING;
  }
  return v1::CreateBackupResponse::Progress::PHASE_UNSPECIFIED;
}

}  // namespace

void Fill(const EngineStatistics& statistics, v1::ServerStatistics& message) {
  message.set_version(statistics.version);
  Fill(statistics.start_time, *message.mutable_start_time());
  message.set_write_error(statistics.write_error);
  const StoreStatistics& store = statistics.store;
  message.set_domain_count(store.domain_count);
  message.set_commit_count(store.commit_count);
  message.set_in_flight_commit_count(store.in_flight_count);
  message.set_meta_size_bytes(store.meta_size_bytes);
  message.set_vector_size_bytes(store.vector_size_bytes);
  message.set_free_size_bytes(store.free_size_bytes);
  v1::PoolStatistics& pool = *message.mutable_pool();
  pool.set_hit_count(store.pool.hit_count);
  pool.set_miss_count(store.pool.miss_count);
  pool.set_eviction_count(store.pool.eviction_count);
  pool.set_loaded_commit_count(store.pool.loaded_commit_count);
  pool.set_loaded_size_bytes(store.pool.loaded_size_bytes);
  pool.set_budget_size_bytes(store.pool.budget_size_bytes);
  v1::FoldStatistics& folds = *message.mutable_folds();
  folds.set_waiting_count(store.folds.waiting_count);
  folds.set_running_count(store.folds.running_count);
  folds.set_done_count(store.folds.done_count);
  folds.set_failed_count(store.folds.failed_count);
  v1::EmbeddingCacheStatistics& cache = *message.mutable_embedding_cache();
  cache.set_entry_count(store.embedding_cache.entry_count);
  cache.set_size_bytes(store.embedding_cache.size_bytes);
  cache.set_size_bytes_max(store.embedding_cache.size_bytes_max);
  cache.set_hit_count(store.embedding_cache.hit_count);
  cache.set_miss_count(store.embedding_cache.miss_count);
  cache.set_eviction_count(store.embedding_cache.eviction_count);
  cache.set_damaged_count(store.embedding_cache.damaged_count);
  for (const EmbeddingProfileInfo& profile : statistics.embedding_profiles) {
    v1::EmbeddingProfile& target = *message.add_embedding_profiles();
    target.set_name(profile.name);
    target.set_model(profile.model);
    target.set_dimension(static_cast<int32_t>(profile.dimension));
    target.set_description(profile.description);
    target.set_is_default(profile.is_default);
  }
}

void Fill(const DomainStatistics& statistics, v1::DomainStatistics& message) {
  Fill(statistics.domain, *message.mutable_domain());
  message.mutable_domain()->set_commit_count(statistics.commit_count);
  message.set_branch_count(statistics.branch_count);
  message.set_row_count(statistics.row_count);
  message.set_vector_size_bytes(statistics.vector_size_bytes);
}

void Fill(const CommitSize& size, v1::CommitSize& message) {
  message.set_commit(size.commit);
  message.set_logical_size_bytes(size.logical_size_bytes);
  message.set_unique_size_bytes(size.unique_size_bytes);
  message.set_shared_size_bytes(size.shared_size_bytes());
}

void Fill(const DomainSize& size, v1::DomainSize& message) {
  message.set_commit_count(size.commit_count);
  message.set_logical_size_bytes(size.logical_size_bytes);
  message.set_unique_size_bytes(size.unique_size_bytes);
  message.set_shared_size_bytes(size.shared_size_bytes);
  message.set_other_size_bytes(size.other_size_bytes);
}

void Fill(const VerifyFinding& finding,
          v1::VerifyDomainResponse::Finding& message) {
  message.set_object(finding.object);
  message.set_message(finding.message);
  for (const std::string& commit : finding.commits) {
    message.add_commits(commit);
  }
}

absl::StatusOr<RecallRequest> ToRecallRequest(
    const v1::MeasureRecallRequest& message) {
  RecallRequest request;
  request.domain = message.domain();
  request.at = ToCommitSelector(message.at());
  COPSE_ASSIGN_OR_RETURN(request.settings,
                         ToSearchSettings(message.settings()));
  for (const v1::Vector& query : message.queries()) {
    request.queries.emplace_back(query.components().begin(),
                                 query.components().end());
  }
  request.sample_count = message.sample_count();
  request.seed = message.seed();
  return request;
}

void Fill(const RecallReport& report, v1::MeasureRecallResponse& message) {
  Fill(report.answered_by, *message.mutable_answered_by());
  message.set_neighbor_count(static_cast<int32_t>(report.neighbor_count));
  message.set_query_count(static_cast<int32_t>(report.query_count));
  message.set_recall(report.recall);
  message.set_scanned_row_count(report.rows_scanned);
  message.set_reranked_row_count(report.rows_reranked);
  message.set_p50_us(report.p50_us);
  message.set_p99_us(report.p99_us);
  message.set_exact_p50_us(report.exact_p50_us);
  message.set_exact_p99_us(report.exact_p99_us);
}

absl::StatusOr<absl::Time> ToExpireTime(const v1::CreateLeaseRequest& message) {
  if (!message.has_expire_time()) {
    return FieldInvalidError("expire_time", "not set", "a time in the future");
  }
  return ToTime("expire_time", message.expire_time());
}

void Fill(const LeaseInfo& info, v1::Lease& message) {
  message.set_domain(info.domain);
  message.set_lease(info.lease);
  message.set_commit(info.commit);
  Fill(info.create_time, *message.mutable_create_time());
  Fill(info.expire_time, *message.mutable_expire_time());
}

absl::StatusOr<GarbageRequest> ToGarbageRequest(
    const v1::CollectGarbageRequest& message) {
  GarbageRequest request = {.domain = message.domain(),
                            .is_dry_run = message.dry_run()};
  if (message.has_retention()) {
    COPSE_ASSIGN_OR_RETURN(request.retention, ToRetention(message.retention()));
  }
  return request;
}

void Fill(const GarbageProgress& progress,
          v1::CollectGarbageResponse::Progress& message) {
  message.set_domain(progress.domain);
  message.set_phase(FromPhase(progress.phase));
  message.set_examined_count(progress.examined_count);
  message.set_removed_count(progress.removed_count);
}

void Fill(const GarbageReport& report,
          v1::CollectGarbageResponse::Result& message) {
  const auto fill = [](const GarbageCount& count,
                       v1::CollectGarbageResponse::Count& part) {
    part.set_kept_count(count.kept_count);
    part.set_removed_count(count.removed_count);
    part.set_removed_size_bytes(count.removed_size_bytes);
  };
  fill(report.commits, *message.mutable_commits());
  fill(report.rows, *message.mutable_rows());
  fill(report.texts, *message.mutable_texts());
  fill(report.forests, *message.mutable_forests());
  fill(report.pages, *message.mutable_pages());
  fill(report.live_sets, *message.mutable_live_sets());
  fill(report.postings, *message.mutable_postings());
  message.set_rewritten_segment_count(report.rewritten_segment_count);
  message.set_vector_size_bytes_before(report.vector_size_bytes_before);
  message.set_vector_size_bytes_after(report.vector_size_bytes_after);
  message.set_meta_size_bytes_before(report.meta_size_bytes_before);
  message.set_meta_size_bytes_after(report.meta_size_bytes_after);
  message.set_compaction_error(std::string(report.compaction_status.message()));
}

absl::StatusOr<int64_t> ToKeptCount(const v1::CreateBackupRequest& message) {
  if (message.kept_count() < 0) {
    return FieldInvalidError("kept_count", absl::StrCat(message.kept_count()),
                             "0 or more");
  }
  return int64_t{message.kept_count()};
}

void Fill(const BackupProgress& progress,
          v1::CreateBackupResponse::Progress& message) {
  message.set_phase(FromPhase(progress.phase));
  message.set_done_size_bytes(progress.done_size_bytes);
  message.set_total_size_bytes(progress.total_size_bytes);
}

void Fill(const BackupInfo& backup, v1::Backup& message) {
  message.set_id(backup.id);
  if (!backup.status.ok()) {
    message.set_error(std::string(backup.status.message()));
    return;
  }
  Fill(backup.create_time, *message.mutable_create_time());
  message.set_domain_count(backup.domain_count);
  message.set_commit_count(backup.commit_count);
  message.set_size_bytes(backup.size_bytes);
  message.set_new_size_bytes(backup.new_size_bytes);
}

}  // namespace copse
