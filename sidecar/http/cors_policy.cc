// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/cors_policy.h"

#include <algorithm>
#include <optional>
#include <string>

#include "sidecar/http/http_exchange.h"

namespace copse {

std::optional<HttpAnswer> CorsPolicy::AnswerPreflight(
    const RequestHead& head) const {
  HttpAnswer answer = {
      .status = 204, .content_type = "", .fields = FieldsFor(head)};
  if (head.method != "OPTIONS" || answer.fields.empty() ||
      head.Find("access-control-request-method") == nullptr) {
    return std::nullopt;
  }
  answer.fields.insert(
      answer.fields.end(),
      {{"Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS"},
       {"Access-Control-Allow-Headers",
        "authorization, content-type, accept, origin"},
       {"Access-Control-Max-Age", "1728000"}});
  return answer;
}

HttpFields CorsPolicy::FieldsFor(const RequestHead& head) const {
  const std::string* origin = head.Find("origin");
  if (origin == nullptr ||
      std::ranges::find(origins_, *origin) == origins_.end()) {
    return {};
  }
  return {{"Access-Control-Allow-Origin", *origin},
          {"Access-Control-Allow-Credentials", "true"},
          {"Access-Control-Expose-Headers",
           "TerminusDB-Data-Version, X-Task-Id, X-Served-Commit, "
           "X-Store-Clustering, X-Total-Count"},
          {"Vary", "Origin"}};
}

}  // namespace copse
