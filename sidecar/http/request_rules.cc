// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/request_rules.h"

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/service/request_errors.h"

namespace copse {
namespace {

// Returns the values of all fields of `name`, which are one list.
std::string JoinFields(const RequestHead& head, absl::string_view name) {
  std::string list;
  for (const auto& [field, value] : head.fields) {
    if (field == name) {
      absl::StrAppend(&list, list.empty() ? "" : ", ", value);
    }
  }
  return list;
}

}  // namespace

RequestTarget SplitTarget(absl::string_view target) {
  for (const absl::string_view scheme : {"http://", "https://"}) {
    if (absl::StartsWithIgnoreCase(target, scheme)) {
      target.remove_prefix(scheme.size());
      const size_t host_end = target.find_first_of("/?");
      target.remove_prefix(host_end == absl::string_view::npos ? target.size()
                                                               : host_end);
      break;
    }
  }
  const size_t question = target.find('?');
  RequestTarget parts = {.path = target.substr(0, question)};
  if (question != absl::string_view::npos) {
    parts.query = target.substr(question + 1);
  }
  if (parts.path.empty()) {
    parts.path = "/";  // Of an absolute one, which may leave it out.
  }
  return parts;
}

absl::Status CheckFraming(const RequestHead& head, bool is_http_1_1) {
  if (head.Find("transfer-encoding") == nullptr) {
    return absl::OkStatus();
  }
  const std::string coding = JoinFields(head, "transfer-encoding");
  if (head.Find("content-length") != nullptr) {
    return FieldInvalidError("transfer-encoding", "beside a content-length",
                             "one of the two");
  }
  if (!is_http_1_1) {
    return FieldInvalidError("transfer-encoding", "in a request of HTTP/1.0",
                             "a content-length");
  }
  if (absl::EqualsIgnoreCase(coding, "chunked")) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::UnimplementedError(absl::StrCat(
          "transfer-encoding is ", ShownText(coding), ", expected chunked")),
      "TRANSFER_CODING_UNSUPPORTED");
}

}  // namespace copse
