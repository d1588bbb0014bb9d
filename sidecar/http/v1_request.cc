// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/v1_request.h"

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/http/commit_read.h"
#include "sidecar/http/domain_path.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"

namespace copse {
namespace {

constexpr absl::string_view kMissingReason = "V1_PARAMETER_MISSING";

}  // namespace

HttpAnswer TextAnswer(int http_status, absl::string_view text) {
  return {.status = http_status,
          .content_type = "text/plain",
          .body = std::string(text)};
}

HttpAnswer V1ErrorAnswer(const absl::Status& status, int otherwise) {
  const std::optional<ErrorReason> reason = ReasonOf(status);
  if (reason.has_value() && reason->reason == kMissingReason) {
    return TextAnswer(404, status.message());
  }
  return TextAnswer(otherwise, status.message());
}

absl::StatusOr<std::map<absl::string_view, std::string>> V1TextsOf(
    const HttpRequest& request,
    std::initializer_list<absl::string_view> names) {
  std::map<absl::string_view, std::string> texts;
  for (const absl::string_view name : names) {
    COPSE_ASSIGN_OR_RETURN(std::optional<std::string> text,
                           request.parameters.FindText(name));
    if (!text.has_value()) {
      return WithReason(
          absl::NotFoundError(name == "task_id"
                                  ? "No task id"
                                  : "No commit id or domain id given"),
          kMissingReason);
    }
    texts[name] = *std::move(text);
  }
  return texts;
}

absl::StatusOr<ResolvedCommit> OpenV1Read(HttpServices& services,
                                          const HttpRequest& request) {
  COPSE_ASSIGN_OR_RETURN(auto texts, V1TextsOf(request, {"domain", "commit"}));
  COPSE_ASSIGN_OR_RETURN(const DomainPath path,
                         ParseDomainPath(texts["domain"]));
  ReadTarget target;
  target.domain = path.domain;
  target.at.commit = texts["commit"];
  COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
  return OpenRead(services, target);
}

CallContext V1ContextOf(const HttpServices& services,
                        const HttpRequest& request) {
  CallContext context = request.context;
  const std::string* key = request.head().Find(kV1KeyField);
  if (services.v1.takes_api_key && key != nullptr) {
    context.embedding_api_key = *key;
  }
  return context;
}

}  // namespace copse
