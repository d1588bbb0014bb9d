// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// All kinds of jobs that the daemon does. A new kind is a value of JobKind with
// a name (JobKindName()) and a value of the proto, and a handler here.

#ifndef COPSE_SIDECAR_SERVICE_JOB_KINDS_H_
#define COPSE_SIDECAR_SERVICE_JOB_KINDS_H_

#include <functional>

#include "absl/time/time.h"

#include "sidecar/service/backup_keeper.h"
#include "sidecar/service/content_source.h"
#include "sidecar/service/garbage_keeper.h"
#include "sidecar/service/job_runner.h"
#include "sidecar/service/push_session.h"

namespace copse {

// What jobs work with; all must outlive them.
struct JobServices {
  PushServices push = {};
  ContentSourceOptions content_source = {};
  GarbageKeeper* garbage_keeper = nullptr;
  BackupKeeper* backup_keeper = nullptr;
  std::function<absl::Time()> clock = {};
};

JobHandlers MakeJobHandlers(const JobServices& services);

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_JOB_KINDS_H_
