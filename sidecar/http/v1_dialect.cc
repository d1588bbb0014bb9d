// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/v1_dialect.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/http/parameters.h"
#include "sidecar/http/request_body.h"
#include "sidecar/http/route_table.h"
#include "sidecar/http/v1_index_handlers.h"
#include "sidecar/http/v1_read_handlers.h"
#include "sidecar/http/v1_task_table.h"

namespace copse {
namespace {

using Dialect = V1Settings::Dialect;

constexpr absl::string_view kPushTaskPrefix = "task-";

// Clients of old may write a slash behind a path, but for /statistics.
absl::string_view PathOf(absl::string_view path) {
  return path.size() > 1 && path != "/statistics/"
             ? absl::StripSuffix(path, "/")
             : path;
}

std::vector<Route> RoutesOf(const V1Settings& settings) {
  if (settings.dialect == Dialect::kV2) {
    return {};
  }
  std::vector<Route> routes;
  const auto add = [&routes](absl::string_view path, absl::string_view method,
                             RouteKind kind, auto answer) {
    Route route;
    route.path = path;
    route.method = method;
    route.kind = kind;
    route.is_v1 = true;
    route.answer = answer;
    routes.push_back(std::move(route));
  };
  if (!settings.has_content_endpoint) {
    if (settings.dialect == Dialect::kV1) {
      add("/index", "GET", RouteKind::kQuick, HandleV1Index);
    }
    return routes;
  }
  // It makes a domain, for which it may ask the provider for a vector.
  add("/index", "GET", RouteKind::kSearch, HandleV1Index);
  // Not on the threads of the other /check: one that was given out by
  // a process before is looked for among all commits.
  add("/check", "GET", RouteKind::kSearch, HandleV1Check);
  add("/assign", "GET", RouteKind::kPush, HandleV1Assign);
  add("/search", "POST", RouteKind::kSearch, HandleV1Search);
  if (settings.dialect == Dialect::kV1) {
    add("/similar", "GET", RouteKind::kSearch, HandleV1Similar);
    add("/duplicates", "GET", RouteKind::kScan, HandleV1Duplicates);
    add("/statistics", "GET", RouteKind::kScan, HandleV1Statistics);
  }
  return routes;
}

}  // namespace

V1Dialect::V1Dialect(const V1Settings& settings)
    : dialect_(settings.dialect), routes_(RoutesOf(settings)) {}

const Route* V1Dialect::Find(const RequestHead& head) const {
  const Route* route = routes_.Find(PathOf(head.path), head.method);
  if (route == nullptr) {
    return nullptr;
  }
  if (route->path == "/search" && dialect_ == Dialect::kAuto) {
    return CheckJsonType(head).ok() ? nullptr : route;
  }
  if (route->path == "/check") {
    // What is not one text has the answer of the second dialect, in auto.
    const auto id = Parameters(head.query).FindText("task_id");
    const std::string text = id.ok() ? id->value_or("") : "";
    const bool is_v1 = dialect_ == Dialect::kAuto
                           ? IsV1TaskId(text)
                           : !absl::StartsWith(text, kPushTaskPrefix);
    return is_v1 ? route : nullptr;
  }
  return route;
}

std::string V1Dialect::MethodsOf(absl::string_view path) const {
  return routes_.MethodsOf(PathOf(path));
}

}  // namespace copse
