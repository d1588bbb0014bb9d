// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Watching a job until it ends, for every command that begins one.

#ifndef COPSE_CLIENTS_CLI_JOB_WATCH_H_
#define COPSE_CLIENTS_CLI_JOB_WATCH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "clients/cli/context.h"

namespace copse {

// Shows the job while it goes on, and prints how it ended. Returns kFailed if
// it failed or was cancelled.
absl::StatusOr<ExitCode> WatchJob(Context& context, const std::string& job_id);

// Does so for a job that a command has just begun: says its ID, and when it is
// interrupted that it goes on.
absl::StatusOr<ExitCode> FollowJob(Context& context, const std::string& job_id);

// Prints only its ID.
absl::Status PrintJobId(Context& context, const std::string& job_id);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_JOB_WATCH_H_
