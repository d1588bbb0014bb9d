// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The only file with Boost.Beast, which takes half a minute to compile.

#include "sidecar/util/http_server.h"

// Boost 1.74 uses std::exchange without including it.
#include <utility>
// Nothing may come before <utility>.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/strand.hpp"
#include "boost/beast/core.hpp"
#include "boost/beast/http.hpp"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "sidecar/util/network_address.h"

namespace copse {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Message = http::response<http::string_body>;

constexpr int kThreadCount = 2;

class Connection;

// The connections that wait for a request, the longest first. Thread safety:
// any number of threads may use it.
class WaitingList {
 public:
  using Place = std::list<std::weak_ptr<Connection>>::iterator;

  Place Add(std::weak_ptr<Connection> connection) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return waiting_.insert(waiting_.end(), std::move(connection));
  }

  void Remove(Place place) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    waiting_.erase(place);
  }

  // Returns the first, which is then the last, or null if there is none.
  std::shared_ptr<Connection> TakeTurn() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    if (waiting_.empty()) {
      return nullptr;
    }
    waiting_.splice(waiting_.end(), waiting_, waiting_.begin());
    return waiting_.back().lock();
  }

 private:
  Mutex mutex_;
  std::list<std::weak_ptr<Connection>> waiting_ ABSL_GUARDED_BY(mutex_);
};

// What all connections share. Thread safety: immutable but for the counter and
// the list.
struct Shared {
  HttpServer::Options options;
  std::atomic<size_t> connection_count = 0;
  WaitingList waiting;
};

HttpResponse PlainText(http::status status, std::string text) {
  return {.status = static_cast<unsigned>(status), .body = std::move(text)};
}

// One connection: reads a request, answers it and begins again. All its steps
// run in the strand of its stream.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Tcp::socket socket, Shared& shared)
      : stream_(std::move(socket)), shared_(shared) {}

  ~Connection() { --shared_.connection_count; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Start() {
    place_ = shared_.waiting.Add(weak_from_this());
    asio::dispatch(stream_.get_executor(),
                   [self = shared_from_this()] { self->Read(); });
  }

  // Closes, unless a request has come meanwhile: then after its answer.
  void MakeRoom() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] {
      self->may_read_ = false;
      if (self->is_waiting_) {
        self->stream_.close();
      }
    });
  }

  // Answers 503 without reading and closes.
  void Refuse() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] {
      self->keep_alive_ = false;
      self->Write(PlainText(http::status::service_unavailable,
                            "too many connections\n"));
    });
  }

 private:
  void ExpireLater() {
    stream_.expires_after(absl::ToChronoMilliseconds(shared_.options.timeout));
  }

  // NOLINTBEGIN(misc-no-recursion): each is called by the event loop when the
  // one before has ended, so no call is within another.
  void Read() {
    is_waiting_ = true;
    parser_.emplace();
    parser_->header_limit(
        static_cast<std::uint32_t>(shared_.options.header_size_bytes_max));
    parser_->body_limit(0);
    ExpireLater();
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, size_t) {
                       self->OnRead(error);
                     });
  }

  void OnRead(error_code error) {
    is_waiting_ = false;
    shared_.waiting.Remove(place_);
    if (!error) {
      keep_alive_ = may_read_ && parser_->get().keep_alive();
      Write(Answer());
      return;
    }
    keep_alive_ = false;
    if (error == http::error::header_limit ||
        error == http::error::buffer_overflow) {
      Write(PlainText(
          http::status::request_header_fields_too_large,
          absl::StrCat("headers are longer than ",
                       shared_.options.header_size_bytes_max, " bytes\n")));
    } else if (error == http::error::body_limit ||
               error == http::error::unexpected_body) {
      Write(PlainText(http::status::payload_too_large,
                      "a request here has no body\n"));
    } else if (error.category() ==
                   http::make_error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream &&
               error != http::error::partial_message) {
      Write(PlainText(http::status::bad_request,
                      absl::StrCat(error.message(), "\n")));
    } else {
      Close();
    }
  }

  HttpResponse Answer() {
    const auto& request = parser_->get();
    const beast::string_view target = request.target();
    const std::string path(target.substr(0, target.find('?')));
    const auto route = shared_.options.routes.find(path);
    if (route == shared_.options.routes.end()) {
      return PlainText(
          http::status::not_found,
          absl::StrCat("not found; there are ",
                       absl::StrJoin(shared_.options.routes, ", ",
                                     [](std::string* out, const auto& entry) {
                                       absl::StrAppend(out, entry.first);
                                     }),
                       "\n"));
    }
    if (request.method() != http::verb::get &&
        request.method() != http::verb::head) {
      return PlainText(http::status::method_not_allowed,
                       "only GET and HEAD are allowed\n");
    }
    return route->second();
  }

  void Write(HttpResponse response) {
    const bool is_head =
        parser_.has_value() && parser_->get().method() == http::verb::head;
    message_ = Message();
    message_.version(parser_.has_value() ? parser_->get().version() : 11);
    message_.result(response.status);
    message_.set(http::field::server, "copsed");
    message_.set(http::field::content_type, response.content_type);
    message_.set(http::field::cache_control, "no-store");
    if (message_.result() == http::status::method_not_allowed) {
      message_.set(http::field::allow, "GET, HEAD");
    }
    message_.keep_alive(keep_alive_);
    message_.content_length(response.body.size());
    if (!is_head) {
      message_.body() = std::move(response.body);
    }
    serializer_.emplace(message_);
    ExpireLater();
    http::async_write(stream_, *serializer_,
                      [self = shared_from_this()](error_code error, size_t) {
                        self->OnWritten(error);
                      });
  }

  void OnWritten(error_code error) {
    if (error || !keep_alive_ || !may_read_) {
      Close();
      return;
    }
    place_ = shared_.waiting.Add(weak_from_this());
    Read();
  }
  // NOLINTEND(misc-no-recursion)

  void Close() {
    error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  Shared& shared_;  // Not owned.
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  Message message_;
  std::optional<http::response_serializer<http::string_body>> serializer_;
  bool keep_alive_ = false;
  bool may_read_ = true;
  bool is_waiting_ = false;
  WaitingList::Place place_;  // Until a request is read.
};

class BeastHttpServer : public HttpServer {
 public:
  explicit BeastHttpServer(Options options)
      : acceptor_(asio::make_strand(context_)), retry_(context_) {
    shared_.options = std::move(options);
  }

  ~BeastHttpServer() override {
    // Operations that are pending are destroyed with the context, and the
    // connections with them.
    context_.stop();
    threads_.clear();
  }

  absl::Status Listen() {
    const NetworkAddress& wanted = shared_.options.address;
    error_code error;
    Tcp::resolver resolver(context_);
    const auto found = resolver.resolve(
        wanted.host, std::to_string(wanted.port),
        Tcp::resolver::passive | Tcp::resolver::numeric_service, error);
    if (error || found.empty()) {
      return Failure("cannot resolve", error);
    }
    const Tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) {
      acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    }
    if (!error) {
      acceptor_.bind(endpoint, error);
    }
    if (!error) {
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
      return Failure("cannot listen at", error);
    }
    address_ = {wanted.host, acceptor_.local_endpoint(error).port()};
    return absl::OkStatus();
  }

  void Run() {
    Accept();
    for (int i = 0; i < kThreadCount; ++i) {
      threads_.emplace_back([this] { context_.run(); });
    }
  }

  const NetworkAddress& address() const override { return address_; }

 private:
  absl::Status Failure(absl::string_view what, error_code error) const {
    return absl::UnavailableError(absl::StrCat(
        what, " ", shared_.options.address.ToString(), ": ", error.message()));
  }

  void Accept() {
    acceptor_.async_accept(
        asio::make_strand(context_),
        [this](error_code error, Tcp::socket socket) {
          if (error) {
            // Such as too many open files: try again, but not in a busy loop.
            retry_.expires_after(std::chrono::milliseconds(100));
            retry_.async_wait(asio::bind_executor(
                acceptor_.get_executor(), [this](error_code) { Accept(); }));
            return;
          }
          const size_t count = ++shared_.connection_count;
          const auto connection =
              std::make_shared<Connection>(std::move(socket), shared_);
          std::shared_ptr<Connection> waiting;
          if (count > shared_.options.connection_count_max) {
            waiting = shared_.waiting.TakeTurn();
            if (waiting == nullptr) {
              connection->Refuse();
              Accept();
              return;
            }
            waiting->MakeRoom();
          }
          connection->Start();
          Accept();
        });
  }

  Shared shared_;  // Before the context, which destroys the connections.
  asio::io_context context_{kThreadCount};
  Tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  NetworkAddress address_;
  std::vector<std::jthread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(Options options) {
  auto server = std::make_unique<BeastHttpServer>(std::move(options));
  COPSE_RETURN_IF_ERROR(server->Listen());
  server->Run();
  return server;
}

}  // namespace copse
