// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What `push`, `pull` and `git` tell about a push besides its commit.

#ifndef COPSE_CLIENTS_CLI_PUSH_REPORT_H_
#define COPSE_CLIENTS_CLI_PUSH_REPORT_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "clients/cli/context.h"
#include "clients/cli/progress_line.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {

// Whether a push failed because the commit is complete already.
bool IsCommitExistsError(const absl::Status& status);

// Prints that there is nothing to do: the commit is complete. Warns if
// `branch`, which may be empty, is not there or is in another history: nothing
// moves it.
absl::Status PrintAlreadyIndexed(Context& context, const std::string& domain,
                                 const std::string& commit,
                                 const std::string& branch);

// Warns that a branch left the history of the commit where it was.
void WarnOfMove(Context& context, const std::string& branch,
                const std::string& moved_from, const std::string& commit);

// Says in one line what the server does with a push; `meter` runs since it has
// all of it.
std::string DescribeProgress(const v1::PushCommitResponse::Progress& progress,
                             const RateMeter& meter, absl::Time now);

// Says why and how long a push waits for the embedding provider, or "".
std::string DescribeWait(const v1::PushCommitResponse::Progress& progress);

// What to tell whose push was accepted and failed with `status`, if anything:
// how it goes on. The client asks the server for the job.
std::string DescribeWayOn(Context& context, const std::string& job_id,
                          const absl::Status& status);

// What to tell who no longer waits for a push that was accepted.
std::string JobGoesOnNote(const std::string& job_id);

// The documents that failed. Holds the first 10,000 and counts the others.
// Thread safety: any number of threads may use one FailureList.
class FailureList {
 public:
  void Add(const v1::PushCommitResponse::Failures& failures);

  // Prints a line for each to standard error.
  void Print(Context& context);

 private:
  std::mutex mutex_;
  // Guarded by `mutex_`:
  std::vector<v1::DocumentFailure> failures_;
  int64_t count_ = 0;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_PUSH_REPORT_H_
