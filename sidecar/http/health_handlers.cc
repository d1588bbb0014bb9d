// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/health_handlers.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "versioning/store.h"

namespace copse {

absl::StatusOr<HttpAnswer> HandleLive(HttpServices&, const HttpRequest&) {
  return HttpAnswer{.body = "{\"status\":\"ok\"}"};
}

absl::StatusOr<HttpAnswer> HandleReady(HttpServices& services,
                                       const HttpRequest&) {
  const bool index = services.engine->store().write_status().ok();
  const bool search = services.search_ready;
  const auto name = [](bool value) { return value ? "true" : "false"; };
  return HttpAnswer{.status = index || search ? 200 : 503,
                    .body = absl::StrCat("{\"ready\":", name(index || search),
                                         ",\"index\":", name(index),
                                         ",\"search\":", name(search), "}")};
}

}  // namespace copse
