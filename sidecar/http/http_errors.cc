// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/http_errors.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/util/flat_object.h"
#include "sidecar/util/utf8.h"

namespace copse {
namespace {

constexpr absl::string_view kRetryAfterSeconds = "30";
constexpr size_t kShownSizeBytesMax = 100;

struct ReasonStatus {
  absl::string_view reason;
  int status;
};

// Where the reason says more than the code.
constexpr ReasonStatus kReasonStatuses[] = {
    {"BODY_TOO_LARGE", 413},     {"MEDIA_TYPE_UNSUPPORTED", 415},
    {"PUSH_ABORTED", 422},       {"CLIENT_DISCONNECTED", 400},
    {"CLIENT_STALLED", 408},     {"DOMAIN_SETTINGS_DIFFER", 400},
    {"LEXICAL_INDEX_OFF", 400},  {"PARENT_COMMIT_NOT_FOUND", 404},
    {"RESPONSE_TOO_LARGE", 400},
};

}  // namespace

std::string ShownText(absl::string_view text) {
  const absl::string_view cut = CutUtf8(text, kShownSizeBytesMax);
  return absl::StrCat("'", cut, cut.size() < text.size() ? "...'" : "'");
}

int HttpStatusOf(const absl::Status& status) {
  const std::optional<ErrorReason> reason = ReasonOf(status);
  if (reason.has_value()) {
    for (const ReasonStatus& entry : kReasonStatuses) {
      if (entry.reason == reason->reason) {
        return entry.status;
      }
    }
    // It is the server that is not set up, and may be soon.
    if (absl::StartsWith(reason->reason, "EMBEDDING_") &&
        !absl::IsInvalidArgument(status)) {
      return 503;
    }
  }
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return 503;
    case absl::StatusCode::kUnimplemented:
      return 501;
    default:
      return 500;
  }
}

HttpAnswer ErrorAnswer(int http_status, absl::string_view message) {
  HttpAnswer answer;
  answer.status = http_status;
  answer.body = absl::StrCat("{\"error\":", JsonString(message), "}");
  if (http_status == 503) {
    answer.fields.emplace_back("Retry-After", std::string(kRetryAfterSeconds));
  } else if (http_status == 401) {
    answer.fields.emplace_back("WWW-Authenticate", "Basic realm=\"copse\"");
  }
  return answer;
}

HttpAnswer ErrorAnswer(const absl::Status& status) {
  return ErrorAnswer(HttpStatusOf(status), status.message());
}

absl::Status TaskNotFoundError(absl::string_view id) {
  return WithReason(
      absl::NotFoundError(absl::StrCat(
          "task_id is ", ShownText(id),
          ", expected the ID of a push since the start of the server")),
      "TASK_NOT_FOUND");
}

absl::Status BodyTooLargeError(size_t size_bytes_max) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "the body is longer than ", size_bytes_max, " bytes")),
                    "BODY_TOO_LARGE");
}

absl::Status MediaTypeError(absl::string_view found) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "content-type is ", found.empty() ? "not set" : JsonString(found),
          ", expected application/json")),
      "MEDIA_TYPE_UNSUPPORTED");
}

}  // namespace copse
