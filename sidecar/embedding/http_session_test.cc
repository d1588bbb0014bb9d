// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What only shows with TLS. The rest of a session is tested through the
// embedder, in provider_failure_test and provider_transfer_test.

#include "sidecar/embedding/http_session.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "openssl/evp.h"
#include "openssl/pem.h"
#include "openssl/ssl.h"
#include "openssl/x509.h"
#include "openssl/x509v3.h"

#include "index/util/check.h"

namespace copse {
namespace {

using ::testing::HasSubstr;

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Deleter<SSL_free>>;

// A certificate for `name`, such as "IP:127.0.0.1", signed by itself.
Certificate MakeCertificate(EVP_PKEY* key, const char* name) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("copse"),
                             -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, name);
  COPSE_CHECK(extension != nullptr);
  X509_add_ext(certificate.get(), extension, -1);
  X509_EXTENSION_free(extension);
  COPSE_CHECK(X509_sign(certificate.get(), key, EVP_sha256()) != 0);
  return certificate;
}

// Answers every connection "{}" over TLS.
class TlsServer {
 public:
  explicit TlsServer(const char* name)
      : context_(SSL_CTX_new(TLS_server_method())) {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate = MakeCertificate(key.get(), name);
    COPSE_CHECK(SSL_CTX_use_certificate(context_.get(), certificate.get()) ==
                1);
    COPSE_CHECK(SSL_CTX_use_PrivateKey(context_.get(), key.get()) == 1);
    certificate_path_ =
        absl::StrCat(::testing::TempDir(), "copse_tls_", ::getpid(), ".pem");
    std::FILE* const file = std::fopen(certificate_path_.c_str(), "w");
    COPSE_CHECK(file != nullptr);
    PEM_write_X509(file, certificate.get());
    std::fclose(file);

    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    COPSE_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address),
                       sizeof(address)) == 0);
    COPSE_CHECK(::listen(listener_, 8) == 0);
    socklen_t size = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { Serve(); });
  }

  ~TlsServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    std::remove(certificate_path_.c_str());
  }

  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::string url() const {
    return absl::StrCat("https://127.0.0.1:", port_, "/");
  }
  const std::string& certificate_path() const { return certificate_path_; }

 private:
  void Serve() {
    // A client that refuses the certificate hangs up, and OpenSSL knows no
    // MSG_NOSIGNAL.
    ::signal(SIGPIPE, SIG_IGN);
    while (true) {
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) {
        return;
      }
      const Connection connection(SSL_new(context_.get()));
      SSL_set_fd(connection.get(), socket);
      char request[4096];
      if (SSL_accept(connection.get()) == 1 &&
          SSL_read(connection.get(), request, sizeof(request)) > 0) {
        constexpr absl::string_view kReply =
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        SSL_write(connection.get(), kReply.data(),
                  static_cast<int>(kReply.size()));
        SSL_shutdown(connection.get());
      }
      ::close(socket);
    }
  }

  Context context_;
  std::string certificate_path_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::jthread thread_;
};

HttpReply AskOnce(const std::string& url, const std::string& ca_file) {
  HttpEndpoint endpoint;
  endpoint.url = url;
  endpoint.ca_file = ca_file;
  HttpSession session(endpoint);
  HttpRequest request;
  request.body = "{}";
  request.timeout = absl::Seconds(20);
  session.Start(7, std::move(request));
  while (session.in_flight_count() > 0) {
    for (HttpReply& reply : session.Wait(absl::Seconds(1))) {
      return std::move(reply);
    }
  }
  return {};
}

TEST(HttpSessionTest, TrustsTheCertificatesOfTheSetting) {
  const TlsServer server("IP:127.0.0.1");
  const HttpReply reply = AskOnce(server.url(), server.certificate_path());
  EXPECT_EQ(reply.result, TransferResult::kComplete) << reply.failure;
  EXPECT_EQ(reply.id, 7);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "{}");
}

TEST(HttpSessionTest, RefusesACertificateThatNobodyVouchesFor) {
  const TlsServer server("IP:127.0.0.1");
  const HttpReply reply = AskOnce(server.url(), "");
  EXPECT_EQ(reply.result, TransferResult::kUntrusted);
  EXPECT_THAT(reply.failure, HasSubstr("certificate"));
}

TEST(HttpSessionTest, RefusesACertificateForSomebodyElse) {
  const TlsServer server("DNS:example.com");
  const HttpReply reply = AskOnce(server.url(), server.certificate_path());
  EXPECT_EQ(reply.result, TransferResult::kUntrusted);
}

TEST(HttpSessionTest, SaysThatAPlainServerSpeaksNoTls) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::jthread server([listener] {
    const int socket = ::accept(listener, nullptr, nullptr);
    ::send(socket, "220 hello\r\n", 11, MSG_NOSIGNAL);
    ::close(socket);
  });
  const HttpReply reply = AskOnce(
      absl::StrCat("https://127.0.0.1:", ntohs(address.sin_port), "/"), "");
  EXPECT_EQ(reply.result, TransferResult::kNotConnected) << reply.failure;
  server.join();
  ::close(listener);
}

}  // namespace
}  // namespace copse
