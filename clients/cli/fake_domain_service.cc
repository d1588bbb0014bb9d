// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <mutex>

#include "grpcpp/grpcpp.h"

#include "clients/cli/fake_server.h"
#include "clients/cli/fake_services.h"
#include "copse/v1/domain_service.grpc.pb.h"
#include "copse/v1/domain_service.pb.h"

namespace copse {
namespace {

using grpc::ServerContext;
using grpc::StatusCode;

class Domains final : public v1::DomainService::Service {
 public:
  explicit Domains(FakeStore& store) : store_(store) {}

  // Answers with the first job that the test has put there.
  grpc::Status ReembedDomain(ServerContext*,
                             const v1::ReembedDomainRequest* request,
                             v1::Job* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    store_.reembed_request = *request;
    if (!store_.domains.contains(request->domain())) {
      return DomainNotFound(request->domain());
    }
    *response = store_.jobs.front();
    return grpc::Status::OK;
  }

  grpc::Status CreateDomain(ServerContext*,
                            const v1::CreateDomainRequest* request,
                            v1::Domain* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    if (store_.domains.contains(request->domain())) {
      return FakeError(StatusCode::ALREADY_EXISTS, "domain exists",
                       "DOMAIN_EXISTS");
    }
    if (!request->settings().vectors_only() && !store_.create_error.empty()) {
      return FakeError(grpc::StatusCode::UNAVAILABLE, store_.create_error,
                       "EMBEDDING_PROVIDER_UNAVAILABLE");
    }
    v1::Domain& domain = store_.domains[request->domain()];
    domain.set_domain(request->domain());
    *domain.mutable_settings() = request->settings();
    if (domain.settings().metric() == v1::DomainSettings::METRIC_UNSPECIFIED) {
      domain.mutable_settings()->set_metric(v1::DomainSettings::METRIC_COSINE);
    }
    *response = domain;
    return grpc::Status::OK;
  }

  grpc::Status GetDomain(ServerContext*, const v1::GetDomainRequest* request,
                         v1::Domain* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    if (!store_.domains.contains(request->domain())) {
      return DomainNotFound(request->domain());
    }
    *response = store_.domains[request->domain()];
    response->set_commit_count(
        static_cast<int64_t>(store_.commits[request->domain()].size()));
    return grpc::Status::OK;
  }

  grpc::Status ListDomains(ServerContext*, const v1::ListDomainsRequest*,
                           v1::ListDomainsResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    for (const auto& [name, domain] : store_.domains) {
      *response->add_domains() = domain;
    }
    return grpc::Status::OK;
  }

  grpc::Status UpdateDomain(ServerContext*,
                            const v1::UpdateDomainRequest* request,
                            v1::Domain* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    if (!store_.domains.contains(request->domain())) {
      return DomainNotFound(request->domain());
    }
    v1::Domain& domain = store_.domains[request->domain()];
    if (request->has_description()) {
      domain.mutable_settings()->set_description(request->description());
    }
    if (request->has_retention()) {
      *domain.mutable_settings()->mutable_retention() = request->retention();
    }
    *response = domain;
    return grpc::Status::OK;
  }

  grpc::Status DeleteDomain(ServerContext*,
                            const v1::DeleteDomainRequest* request,
                            v1::DeleteDomainResponse*) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    store_.commits.erase(request->domain());
    store_.branches.erase(request->domain());
    return store_.domains.erase(request->domain()) > 0 ||
                   request->allow_missing()
               ? grpc::Status::OK
               : DomainNotFound(request->domain());
  }

 private:
  FakeStore& store_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFakeDomainService(FakeStore& store) {
  return std::make_unique<Domains>(store);
}

}  // namespace copse
