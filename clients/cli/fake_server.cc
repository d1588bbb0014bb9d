// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/fake_server.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/codegen/service_type.h"

#include "clients/cli/fake_services.h"

namespace copse {

FakeServer::FakeServer() {
  services_.push_back(MakeFakeDomainService(store_));
  services_.push_back(MakeFakeCommitService(store_));
  services_.push_back(MakeFakeBranchService(store_));
  services_.push_back(MakeFakeSearchService(store_));
  services_.push_back(MakeFakeAdminService(store_));
  services_.push_back(MakeFakeJobService(store_));
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.SetMaxReceiveMessageSize(64 << 20);
  for (const auto& service : services_) {
    builder.RegisterService(service.get());
  }
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeServer::~FakeServer() { Stop(); }

void FakeServer::Stop() { server_->Shutdown(); }

}  // namespace copse
