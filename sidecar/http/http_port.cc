// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/http_port.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/http/coded_exchange.h"
#include "sidecar/http/commit_read.h"
#include "sidecar/http/content_coding.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_observer.h"
#include "sidecar/http/http_services.h"
#include "sidecar/http/parameters.h"
#include "sidecar/http/request_body.h"
#include "sidecar/http/route_table.h"
#include "sidecar/http/stream_server.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/util/executor.h"

namespace copse {
namespace {

absl::Status OverloadedError() {
  return WithReason(
      absl::UnavailableError("too many requests of this kind are under way"),
      "OVERLOADED");
}

HttpAnswer MethodError(const std::string& methods) {
  HttpAnswer answer =
      ErrorAnswer(405, absl::StrCat("the path takes ", methods));
  answer.fields.emplace_back("Allow", methods);
  return answer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpPort>> HttpPort::Start(
    const HttpPortOptions& options) {
  auto port = std::unique_ptr<HttpPort>(new HttpPort(options));
  StreamServerOptions server;
  server.address = options.address;
  server.handler = [port = port.get()](std::shared_ptr<HttpExchange> exchange) {
    port->Dispatch(std::move(exchange));
  };
  server.tls_certificate_file = options.tls_certificate_file;
  server.tls_key_file = options.tls_key_file;
  server.connection_count_max = options.connection_count_max;
  server.head_timeout = options.head_timeout;
  server.logger = options.logger;
  if (HttpObserver* observer = options.observer; observer != nullptr) {
    server.on_end = [port = port.get()](const ExchangeEnd& end) {
      port->OnEnd(end);
    };
    server.on_connection = [observer](int change) {
      observer->OnConnection(change);
    };
    server.on_refusal = [observer] { observer->OnRefusal(); };
  }
  COPSE_ASSIGN_OR_RETURN(port->server_, StreamServer::Start(std::move(server)));
  return port;
}

HttpPort::HttpPort(const HttpPortOptions& options)
    : options_(options),
      auth_(options.user, options.secret),
      cors_(options.cors_origins),
      v1_(options.v1),
      routes_(VectorLink2Routes()),
      quick_executor_({.thread_count_max = options.quick_thread_count,
                       .waiting_count_max = options.waiting_request_count_max}),
      search_executor_(
          {.thread_count_max = options.search_thread_count,
           .waiting_count_max = options.waiting_request_count_max}),
      scan_executor_({.thread_count_max = options.scan_thread_count,
                      .waiting_count_max = options.waiting_request_count_max}),
      push_executor_({.thread_count_max = options.push_thread_count,
                      .waiting_count_max = 0}) {
  services_.engine = options.engine;
  services_.logger = options.logger;
  services_.limits = options.limits;
  services_.v1 = options.v1;
  services_.auth = &auth_;
  services_.search_ready = options.search_ready;
}

HttpPort::~HttpPort() { ShutDown(absl::ZeroDuration()); }

void HttpPort::ShutDown(absl::Duration grace) {
  if (std::exchange(stopped_, true) || server_ == nullptr) {
    return;
  }
  services_.pushes.ShutDown();
  server_->ShutDown(grace);
}

void HttpPort::Dispatch(std::shared_ptr<HttpExchange> exchange) {
  if (options_.observer != nullptr) {
    options_.observer->OnStart(LabelOf(exchange->head()));
  }
  Answer(std::move(exchange));
}

// On a thread of the server, so it must not wait.
void HttpPort::Answer(std::shared_ptr<HttpExchange> exchange) {
  const RequestHead& head = exchange->head();
  if (std::optional<HttpAnswer> preflight = cors_.AnswerPreflight(head)) {
    exchange->Answer(*std::move(preflight));
    return;
  }
  for (auto& [name, value] : cors_.FieldsFor(head)) {
    exchange->AddField(std::move(name), std::move(value));
  }
  const Route* route = FindRoute(head);
  if (!IsOpen(route)) {
    if (const absl::Status status = auth_.Check(head); !status.ok()) {
      exchange->Answer(ErrorAnswer(status));
      return;
    }
  }
  if (route == nullptr) {
    const std::string methods = MethodsOf(head.path);
    exchange->Answer(methods.empty() ? ErrorAnswer(404, "no such path")
                                     : MethodError(methods));
    return;
  }
  if (route->kind == RouteKind::kHealth) {
    Serve(*route, exchange);
    return;
  }
  const absl::StatusOr<ExchangeCodings> codings = CodingsOf(head);
  if (!codings.ok()) {
    exchange->AddField("Accept-Encoding", "gzip, deflate, zstd");
    exchange->Answer(ErrorAnswer(codings.status()));
    return;
  }
  exchange = WithCodings(std::move(exchange), *codings);
  if (!ExecutorOf(route->kind).TryRun([this, route, exchange] {
        Serve(*route, exchange);
      })) {
    exchange->Answer(ErrorAnswer(OverloadedError()));
  }
}

std::string HttpPort::LabelOf(const RequestHead& head) const {
  const Route* route = FindRoute(head);
  return route == nullptr ? "other"
                          : absl::StrCat(route->is_v1 ? "v1 " : "",
                                         route->method, " ", route->path);
}

void HttpPort::OnEnd(const ExchangeEnd& end) const {
  const std::string route = LabelOf(end.head);
  options_.observer->OnEnd({.route = route,
                            .status = end.status,
                            .received_size_bytes = end.received_size_bytes,
                            .sent_size_bytes = end.sent_size_bytes,
                            .duration = end.duration});
}

absl::StatusOr<ExchangeCodings> HttpPort::CodingsOf(
    const RequestHead& head) const {
  ExchangeCodings codings;
  if (const std::string* coding = head.Find("content-encoding")) {
    COPSE_ASSIGN_OR_RETURN(codings.body, ParseContentEncoding(*coding));
  }
  const std::string* accepted = head.Find("accept-encoding");
  if (options_.compresses && accepted != nullptr) {
    codings.answer = PreferredCoding(*accepted);
  }
  return codings;
}

const Route* HttpPort::FindRoute(const RequestHead& head) const {
  const Route* route = v1_.Find(head);
  return route != nullptr ? route : routes_.Find(head.path, head.method);
}

std::string HttpPort::MethodsOf(absl::string_view path) const {
  std::set<absl::string_view> methods;
  const std::string v1 = v1_.MethodsOf(path);
  const std::string v2 = routes_.MethodsOf(path);
  for (const absl::string_view list :
       {absl::string_view(v1), absl::string_view(v2)}) {
    for (const absl::string_view method :
         absl::StrSplit(list, ", ", absl::SkipEmpty())) {
      methods.insert(method);
    }
  }
  return absl::StrJoin(methods, ", ");
}

bool HttpPort::IsOpen(const Route* route) const {
  return route != nullptr && (route->kind == RouteKind::kHealth ||
                              (route->is_v1 && options_.v1.is_anonymous));
}

Executor& HttpPort::ExecutorOf(RouteKind kind) {
  switch (kind) {
    case RouteKind::kSearch:
      return search_executor_;
    case RouteKind::kScan:
      return scan_executor_;
    case RouteKind::kPush:
      return push_executor_;
    case RouteKind::kHealth:
    case RouteKind::kQuick:
      break;
  }
  return quick_executor_;
}

void HttpPort::Serve(const Route& route,
                     const std::shared_ptr<HttpExchange>& exchange) {
  HttpRequest request = {.exchange = exchange,
                         .parameters = Parameters(exchange->head().query),
                         .context = {}};
  request.context.interruption = [&exchange] {
    return exchange->Interruption();
  };
  try {
    const absl::Status status =
        ReadParameters(route, *exchange, request.parameters);
    if (!status.ok()) {
      exchange->Answer(ErrorAnswer(status));
    } else if (route.serve != nullptr) {
      route.serve(services_, request);
    } else {
      absl::StatusOr<HttpAnswer> answer = route.answer(services_, request);
      exchange->Answer(answer.ok() ? *std::move(answer)
                                   : ErrorAnswer(answer.status()));
    }
  } catch (const std::exception& error) {
    // Of a library, such as no memory. The exchange is let go and ends itself.
    if (options_.logger != nullptr) {
      options_.logger->Error("http request failed",
                             {{"request_id", exchange->head().request_id},
                              {"error", error.what()}});
    }
  }
}

absl::Status HttpPort::ReadParameters(const Route& route,
                                      HttpExchange& exchange,
                                      Parameters& parameters) {
  if (route.has_json_body) {
    COPSE_RETURN_IF_ERROR(CheckJsonType(exchange.head()));
    COPSE_ASSIGN_OR_RETURN(
        const std::string body,
        ReadWholeBody(exchange, options_.limits.json_body_size_bytes_max));
    COPSE_RETURN_IF_ERROR(parameters.AddBody(body));
  }
  return route.is_commit_read ? CheckDataVersion(exchange.head())
                              : absl::OkStatus();
}

}  // namespace copse
