// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the handlers of the port work with, and what a request is to them.

#ifndef COPSE_SIDECAR_HTTP_HTTP_SERVICES_H_
#define COPSE_SIDECAR_HTTP_HTTP_SERVICES_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sidecar/http/domain_path.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/parameters.h"
#include "sidecar/http/push_queue.h"
#include "sidecar/http/task_table.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/engine.h"
#include "sidecar/util/logger.h"

namespace copse {

struct HttpLimits {
  size_t json_body_size_bytes_max = size_t{16} << 20;
  size_t push_line_size_bytes_max = size_t{64} << 20;

  // How long a push waits for those before it on its branch.
  absl::Duration branch_wait = absl::Seconds(30);

  // Between lines of progress that say nothing new; twice as much at most.
  absl::Duration heartbeat = absl::Seconds(4);
};

// All must outlive the handlers.
struct HttpServices {
  Engine* engine = nullptr;
  Logger* logger = nullptr;  // May be null.
  HttpLimits limits;

  // Whether searches are answered; else 503.
  std::atomic<bool> search_ready = true;

  TaskTable tasks;
  PushQueue pushes;
};

// A request whose parameters and body have been read.
struct HttpRequest {
  std::shared_ptr<HttpExchange> exchange;
  Parameters parameters;
  CallContext context;

  const RequestHead& head() const { return exchange->head(); }
};

// Calls `serve`, and answers with its error if it has not started a stream. A
// stream that it has started ends, or breaks if it fails, so that no client
// takes a part for the whole.
void ServeStream(const HttpRequest& request,
                 const std::function<absl::Status(bool& started)>& serve);

// Returns the domain that the parameter `domain` names. Fails as
// Parameters::RequireText() and ParseDomainPath().
absl::StatusOr<DomainPath> DomainOf(const Parameters& parameters);

// Returns the branch: the parameter, else that of the path, else main. Fails
// as Parameters::FindText() and CheckBranch().
absl::StatusOr<std::string> BranchOf(const Parameters& parameters,
                                     const DomainPath& path);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_HTTP_SERVICES_H_
