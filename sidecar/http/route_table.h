// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The endpoints of the port: which function answers which path and method, and
// what has to be seen to before it is called.

#ifndef COPSE_SIDECAR_HTTP_ROUTE_TABLE_H_
#define COPSE_SIDECAR_HTTP_ROUTE_TABLE_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"

namespace copse {

// What a request waits for, and so whose threads serve it.
enum class RouteKind {
  kHealth,  // Nothing: it is answered where it arrives, without credentials.
  kQuick,   // A read or write of a record or two.
  kSearch,  // An embedding provider, or the removal of what is deleted.
  kScan,    // A walk over many documents.
  kPush,    // Its client, other pushes and a provider.
};

struct Route {
  absl::string_view path;
  absl::string_view method;
  RouteKind kind = RouteKind::kQuick;

  // Whether the body is a JSON object of parameters.
  bool has_json_body = false;

  // Whether it reads a commit, and so checks the data-version header.
  bool is_commit_read = false;

  // Whether it is of VectorLink's first dialect (v1_dialect.h), which has its
  // own rule about credentials.
  bool is_v1 = false;

  // One of the two: returns the answer, or makes it.
  std::function<absl::StatusOr<HttpAnswer>(HttpServices&, const HttpRequest&)>
      answer = nullptr;
  std::function<void(HttpServices&, const HttpRequest&)> serve = nullptr;
};

// Returns the endpoints of the second dialect.
std::vector<Route> VectorLink2Routes();

// Thread safety: immutable.
class RouteTable {
 public:
  explicit RouteTable(std::vector<Route> routes) : routes_(std::move(routes)) {}

  // Returns the route, or null.
  const Route* Find(absl::string_view path, absl::string_view method) const;

  // Returns the methods of `path`, such as "GET, POST"; "" for an unknown path.
  std::string MethodsOf(absl::string_view path) const;

 private:
  const std::vector<Route> routes_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_ROUTE_TABLE_H_
