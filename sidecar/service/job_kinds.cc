// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/job_kinds.h"

#include <memory>

#include "sidecar/service/job_runner.h"
#include "sidecar/service/maintenance_jobs.h"
#include "sidecar/service/pull_job.h"
#include "sidecar/service/push_job.h"
#include "sidecar/service/reembed_job.h"
#include "sidecar/service/warm_job.h"
#include "versioning/job_record.h"

namespace copse {

JobHandlers MakeJobHandlers(const JobServices& services) {
  JobHandlers handlers;
  handlers[JobKind::kPush] =
      std::make_unique<PushJobHandler>(services.push, services.clock);
  handlers[JobKind::kPull] = std::make_unique<PullJobHandler>(
      services.push, services.content_source, services.clock);
  handlers[JobKind::kWarm] = std::make_unique<WarmJobHandler>(services.push);
  handlers[JobKind::kReembed] =
      std::make_unique<ReembedJobHandler>(services.push, services.clock);
  handlers[JobKind::kCollect] =
      std::make_unique<CollectJobHandler>(*services.garbage_keeper);
  handlers[JobKind::kBackup] =
      std::make_unique<BackupJobHandler>(*services.backup_keeper);
  handlers[JobKind::kFold] = std::make_unique<FoldJobHandler>();
  return handlers;
}

}  // namespace copse
