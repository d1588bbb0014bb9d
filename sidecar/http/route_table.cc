// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/route_table.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "sidecar/http/branch_handlers.h"
#include "sidecar/http/embedding_handlers.h"
#include "sidecar/http/health_handlers.h"
#include "sidecar/http/pair_handlers.h"
#include "sidecar/http/push_handler.h"
#include "sidecar/http/search_handlers.h"
#include "sidecar/http/statistics_handlers.h"
#include "sidecar/http/suggest_handler.h"

namespace copse {

std::vector<Route> VectorLink2Routes() {
  return {
      {.path = "/health/live",
       .method = "GET",
       .kind = RouteKind::kHealth,
       .answer = HandleLive},
      {.path = "/health/ready",
       .method = "GET",
       .kind = RouteKind::kHealth,
       .answer = HandleReady},
      {.path = "/last-indexed", .method = "GET", .answer = HandleLastIndexed},
      {.path = "/check", .method = "GET", .answer = HandleCheck},
      {.path = "/assign", .method = "POST", .answer = HandleAssign},
      {.path = "/domain",
       .method = "DELETE",
       .kind = RouteKind::kSearch,
       .answer = HandleDeleteDomain},
      {.path = "/branch-index",
       .method = "DELETE",
       .kind = RouteKind::kSearch,
       .answer = HandleDeleteBranchIndex},
      {.path = "/push",
       .method = "POST",
       .kind = RouteKind::kPush,
       .serve = HandlePush},
      {.path = "/search",
       .method = "GET",
       .kind = RouteKind::kSearch,
       .is_commit_read = true,
       .answer = HandleSearch},
      {.path = "/search",
       .method = "POST",
       .kind = RouteKind::kSearch,
       .has_json_body = true,
       .is_commit_read = true,
       .answer = HandleSearch},
      {.path = "/suggest",
       .method = "GET",
       .kind = RouteKind::kSearch,
       .is_commit_read = true,
       .answer = HandleSuggest},
      {.path = "/similar",
       .method = "GET",
       .kind = RouteKind::kSearch,
       .is_commit_read = true,
       .answer = HandleSimilar},
      {.path = "/similar",
       .method = "POST",
       .kind = RouteKind::kSearch,
       .has_json_body = true,
       .is_commit_read = true,
       .answer = HandleSimilar},
      {.path = "/compare",
       .method = "POST",
       .kind = RouteKind::kSearch,
       .has_json_body = true,
       .answer = HandleCompare},
      {.path = "/embeddings",
       .method = "GET",
       .kind = RouteKind::kScan,
       .serve = HandleEmbeddings},
      {.path = "/embeddings",
       .method = "POST",
       .kind = RouteKind::kScan,
       .serve = HandleEmbeddings},
      {.path = "/duplicates",
       .method = "GET",
       .kind = RouteKind::kScan,
       .is_commit_read = true,
       .serve = HandleDuplicates},
      {.path = "/candidates",
       .method = "POST",
       .kind = RouteKind::kScan,
       .has_json_body = true,
       .is_commit_read = true,
       .serve = HandleCandidates},
      {.path = "/statistics",
       .method = "GET",
       .kind = RouteKind::kScan,
       .answer = HandleStatistics},
      {.path = "/integrity",
       .method = "GET",
       .kind = RouteKind::kScan,
       .answer = HandleIntegrity}};
}

const Route* RouteTable::Find(absl::string_view path,
                              absl::string_view method) const {
  for (const Route& route : routes_) {
    if (route.path == path && route.method == method) {
      return &route;
    }
  }
  return nullptr;
}

std::string RouteTable::MethodsOf(absl::string_view path) const {
  std::string methods;
  for (const Route& route : routes_) {
    if (route.path == path) {
      absl::StrAppend(&methods, methods.empty() ? "" : ", ", route.method);
    }
  }
  return methods;
}

}  // namespace copse
