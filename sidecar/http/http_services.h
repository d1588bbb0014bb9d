// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the handlers of the port work with, and what a request is to them.

#ifndef COPSE_SIDECAR_HTTP_HTTP_SERVICES_H_
#define COPSE_SIDECAR_HTTP_HTTP_SERVICES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sidecar/http/basic_auth.h"
#include "sidecar/http/domain_path.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/parameters.h"
#include "sidecar/http/push_queue.h"
#include "sidecar/http/task_table.h"
#include "sidecar/http/v1_task_table.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/push_operation.h"
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

// What the first dialect of VectorLink is set to.
struct V1Settings {
  enum class Dialect { kAuto, kV1, kV2 };

  Dialect dialect = Dialect::kAuto;
  bool has_content_endpoint = false;  // Else there is nothing to pull from.
  bool is_anonymous = false;          // Whether its paths need no credentials.

  // How long an /assign waits for the index of its source.
  absl::Duration assign_wait = absl::Minutes(10);

  // Whether a request may bring the API key of the embedding provider.
  bool takes_api_key = false;

  // The embedding profiles whose provider wants a key and that have none.
  absl::flat_hash_set<std::string> keyless_profiles = {};

  // What the header of a request may say to choose the profile of a new domain.
  struct Profile {
    std::string name;
    std::string url;
    std::string model;
    uint32_t dimension = 0;
  };
  std::vector<Profile> profiles = {};  // None: headers choose nothing.
};

// All must outlive the handlers.
struct HttpServices {
  Engine* engine = nullptr;
  Logger* logger = nullptr;  // May be null.
  HttpLimits limits;
  V1Settings v1;
  const BasicAuth* auth = nullptr;

  // Whether searches are answered; else 503.
  std::atomic<bool> search_ready = true;

  TaskTable tasks;
  PushQueue pushes;
  V1TaskTable v1_tasks;
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

// Returns the options of a push to `target`, which makes its domain as the port
// serves it, and keeps the documents that fail as they were.
PushOptions NewPushOptions(const PushTarget& target);

// Returns the domain that the parameter `domain` names. Fails as
// Parameters::RequireText() and ParseDomainPath().
absl::StatusOr<DomainPath> DomainOf(const Parameters& parameters);

// Returns the branch: the parameter, else that of the path, else main. Fails
// as Parameters::FindText() and CheckBranch().
absl::StatusOr<std::string> BranchOf(const Parameters& parameters,
                                     const DomainPath& path);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_HTTP_SERVICES_H_
