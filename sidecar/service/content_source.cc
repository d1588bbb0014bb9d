// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/content_source.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/http_session.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/push_line.h"
#include "sidecar/util/utf8.h"

namespace copse {
namespace {

// How soon a caller who wants the end is heard.
constexpr absl::Duration kCheckInterval = absl::Milliseconds(100);

// Of what the database answers in place of operations.
constexpr size_t kShownSizeBytesMax = 1000;

constexpr size_t kCredentialSizeBytesMax = size_t{16} << 10;

absl::Status UnavailableError(absl::string_view why) {
  return WithReason(
      absl::UnavailableError(absl::StrCat("the content endpoint ", why)),
      "CONTENT_UNAVAILABLE");
}

absl::Status RefusedError(absl::string_view why) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat("the content endpoint ", why)),
      "CONTENT_REFUSED");
}

// Returns the beginning of `body` as text that any error may hold.
std::string Shown(absl::string_view body) {
  std::string text;
  absl::string_view rest = body.substr(0, kShownSizeBytesMax);
  while (!rest.empty()) {
    const Utf8Character next = FirstUtf8Character(rest);
    const bool is_control = next.valid && next.code_point < 0x20;
    if (next.valid && !is_control) {
      text.append(rest.data(), next.size_bytes);
    } else {
      text.push_back(is_control ? ' ' : '?');
    }
    rest.remove_prefix(next.size_bytes);
  }
  return text;
}

absl::Status StatusError(const HttpReply& reply) {
  const std::string shown = Shown(reply.body);
  const std::string why = absl::StrCat("answered with status ", reply.status,
                                       shown.empty() ? "" : ": ", shown);
  return reply.status == 429 || reply.status >= 500 ? UnavailableError(why)
                                                    : RefusedError(why);
}

absl::Status TransferError(const HttpReply& reply) {
  switch (reply.result) {
    case TransferResult::kUntrusted:
    case TransferResult::kMisconfigured:
    case TransferResult::kTooLarge:
      return RefusedError(absl::StrCat("cannot be used: ", reply.failure));
    case TransferResult::kNotConnected:
      return UnavailableError(absl::StrCat("is not reached: ", reply.failure));
    case TransferResult::kTimedOut:
      return UnavailableError(
          absl::StrCat("sent nothing for too long: ", reply.failure));
    case TransferResult::kInterrupted:
    case TransferResult::kComplete:
      break;
  }
  return UnavailableError(absl::StrCat("broke off: ", reply.failure));
}

absl::Status CheckReply(const HttpReply& reply) {
  if (reply.result != TransferResult::kComplete) {
    return TransferError(reply);
  }
  if (reply.status != 200) {
    return StatusError(reply);
  }
  if (reply.Header("content-length").empty() &&
      reply.Header("transfer-encoding").empty()) {
    return RefusedError(
        "sent operations without a Content-Length and not in chunks: their end "
        "looks like a broken connection");
  }
  return absl::OkStatus();
}

HttpRequest ToHttpRequest(const ContentSourceOptions& source,
                          const ContentRequest& request) {
  HttpRequest http;
  http.is_get = true;
  http.timeout = absl::InfiniteDuration();
  http.idle_timeout = source.idle_timeout;
  if (!source.user_header.empty()) {
    http.headers.push_back({source.user_header, source.user});
  }
  const std::string& authorization = request.authorization.empty()
                                         ? source.authorization
                                         : request.authorization;
  if (!authorization.empty()) {
    http.headers.push_back({"Authorization", authorization});
  }
  return http;
}

}  // namespace

bool IsCredential(absl::string_view text) {
  return !text.empty() && text.size() <= kCredentialSizeBytesMax &&
         std::ranges::all_of(text, [](unsigned char byte) {
           return absl::ascii_isprint(byte);
         });
}

absl::Status CheckContentSource(const ContentSourceOptions& source) {
  const absl::string_view endpoint = source.endpoint;
  absl::string_view rest = endpoint;
  const bool has_scheme = absl::ConsumePrefix(&rest, "http://") ||
                          absl::ConsumePrefix(&rest, "https://");
  const bool is_plain = std::ranges::all_of(rest, [](unsigned char byte) {
    return absl::ascii_isgraph(byte) && byte != '?' && byte != '#' &&
           byte != '@' && byte != '\\';
  });
  if (!endpoint.empty() &&
      (!has_scheme || !is_plain || rest.empty() || rest.front() == '/')) {
    return absl::InvalidArgumentError(
        "content_endpoint is no URL that can be pulled from, expected http:// "
        "or https://, a host and a path, without user, query and fragment");
  }
  if (!std::ranges::all_of(source.user_header, [](unsigned char byte) {
        return absl::ascii_isalnum(byte) || byte == '-' || byte == '_';
      })) {
    return absl::InvalidArgumentError(
        "user_forward_header is no name of a header, expected letters, digits, "
        "'-' and '_'");
  }
  return absl::OkStatus();
}

std::string ContentUrl(absl::string_view endpoint,
                       const ContentRequest& request) {
  const std::vector<absl::string_view> segments =
      absl::StrSplit(request.domain, '/');
  std::string url = absl::StrCat(
      absl::StripSuffix(endpoint, "/"), "/",
      absl::StrJoin(segments, "/",
                    [](std::string* path, absl::string_view segment) {
                      path->append(ToPathSegment(segment));
                    }),
      "?commit_id=", ToPathSegment(request.commit));
  if (!request.previous_commit.empty()) {
    // Servers read the first name; some manuals and clients know the second.
    const std::string previous = ToPathSegment(request.previous_commit);
    absl::StrAppend(&url, "&previous_commit_id=", previous,
                    "&previous=", previous);
  }
  return url;
}

absl::Status FetchContent(const ContentSourceOptions& source,
                          const ContentRequest& request,
                          const CallContext& context,
                          const PushLineVisitor& visit) {
  HttpSession session({.url = ContentUrl(source.endpoint, request),
                       .proxy = "",
                       .ca_file = source.ca_file,
                       .connect_timeout = source.connect_timeout});
  PushLineReader reader(kContentLineSizeBytesMax);
  absl::Status status;
  HttpRequest http = ToHttpRequest(source, request);
  http.on_body = [&](absl::string_view piece) {
    status = reader.Add(piece, visit);
    return status.ok();
  };
  session.Start(1, std::move(http));
  std::vector<HttpReply> replies;
  while (replies.empty()) {
    COPSE_RETURN_IF_ERROR(context.Check());
    replies = session.Wait(kCheckInterval);
  }
  COPSE_RETURN_IF_ERROR(status);
  COPSE_RETURN_IF_ERROR(CheckReply(replies.front()));
  return reader.Finish(visit);
}

}  // namespace copse
