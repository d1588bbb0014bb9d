// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What keeps a server going: statistics and sizes, verify, recall, leases,
// garbage and backup; convert_common.h says how conversions are named and fail.

#ifndef COPSE_SIDECAR_GRPC_CONVERT_ADMIN_H_
#define COPSE_SIDECAR_GRPC_CONVERT_ADMIN_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "copse/v1/admin_service.pb.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/garbage_keeper.h"
#include "sidecar/service/recall_meter.h"
#include "versioning/backup.h"
#include "versioning/commit.h"
#include "versioning/garbage_report.h"
#include "versioning/size_report.h"
#include "versioning/store.h"

namespace copse {

void Fill(const EngineStatistics& statistics, v1::ServerStatistics& message);
void Fill(const DomainStatistics& statistics, v1::DomainStatistics& message);
void Fill(const CommitSize& size, v1::CommitSize& message);
void Fill(const DomainSize& size, v1::DomainSize& message);
void Fill(const VerifyFinding& finding,
          v1::VerifyDomainResponse::Finding& message);

absl::StatusOr<RecallRequest> ToRecallRequest(
    const v1::MeasureRecallRequest& message);
void Fill(const RecallReport& report, v1::MeasureRecallResponse& message);

// The expire time of a new lease; the store says whether it is one.
absl::StatusOr<absl::Time> ToExpireTime(const v1::CreateLeaseRequest& message);
void Fill(const LeaseInfo& info, v1::Lease& message);

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

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_CONVERT_ADMIN_H_
