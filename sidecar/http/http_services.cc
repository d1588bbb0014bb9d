// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/http_services.h"

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/metric.h"
#include "index/util/status_macros.h"
#include "sidecar/http/domain_path.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/parameters.h"
#include "sidecar/http/push_queue.h"
#include "sidecar/service/push_operation.h"
#include "versioning/commit.h"

namespace copse {

void ServeStream(const HttpRequest& request,
                 const std::function<absl::Status(bool& started)>& serve) {
  bool started = false;
  const absl::Status status = serve(started);
  if (!started) {
    request.exchange->Answer(ErrorAnswer(status));
  } else if (status.ok()) {
    request.exchange->EndStream();
  } else {
    request.exchange->BreakStream();
  }
}

PushOptions NewPushOptions(const PushTarget& target) {
  PushOptions options;
  options.commit.domain = target.domain;
  options.commit.commit = target.commit;
  options.commit.branch = target.branch;
  options.create_domain.emplace();
  options.create_domain->metric = Metric::kCosine;  // What the port serves.
  options.create_domain->default_chunking = Chunking::Mode::kWindow;
  options.skip_failed_documents = true;
  return options;
}

absl::StatusOr<DomainPath> DomainOf(const Parameters& parameters) {
  COPSE_ASSIGN_OR_RETURN(const std::string text,
                         parameters.RequireText("domain"));
  return ParseDomainPath(text);
}

absl::StatusOr<std::string> BranchOf(const Parameters& parameters,
                                     const DomainPath& path) {
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::string> branch,
                         parameters.FindText("branch"));
  if (branch.has_value()) {
    COPSE_RETURN_IF_ERROR(CheckBranch(*branch));
    return *branch;
  }
  return path.branch.value_or(std::string(kMainBranch));
}

}  // namespace copse
