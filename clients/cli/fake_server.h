// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A copse server for tests, made of maps: it keeps every commit as a map of its
// documents, follows the contract of proto/copse/v1 as far as the command line
// uses it, and knows no vectors but those it is given.
//
//   FakeServer server;
//   Run({"copse", "--server", server.address(), ...});
//   server.store().commits["d"]["c1"].documents;

#ifndef COPSE_CLIENTS_CLI_FAKE_SERVER_H_
#define COPSE_CLIENTS_CLI_FAKE_SERVER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"

#include "copse/v1/admin_service.pb.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/domain_service.pb.h"
#include "copse/v1/job_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {

struct FakeCommit {
  v1::Commit info;
  std::map<std::string, v1::Document> documents;
};

// What the server holds, by name. Guarded by `mutex`.
struct FakeStore {
  std::mutex mutex;
  std::map<std::string, v1::Domain> domains;
  std::map<std::string, std::map<std::string, FakeCommit>> commits;
  std::map<std::string, std::map<std::string, v1::Branch>> branches;
  std::map<std::string, int> in_flight_answers;  // Left, by commit.
  std::map<std::string, int64_t> call_counts;    // By method.
  v1::CollectGarbageRequest garbage_request;     // The last one.
  std::map<std::string, v1::Lease> leases;
  std::vector<v1::Backup> backups;
  v1::CreateBackupRequest backup_request;    // The last one.
  int64_t finding_count = 0;                 // That VerifyDomain reports.
  std::vector<v1::Job> jobs;                 // The newest first.
  v1::PullCommitRequest pull_request;        // The last one.
  v1::ReembedDomainRequest reembed_request;  // The same.
  v1::MatchSetsRequest match_request;        // The same.
  std::vector<std::string> warnings;         // Of every search.
  std::string create_error;                  // Of the provider, if any.

  // If not empty, with what searches for duplicates and matches end when all
  // has been sent.
  std::string stream_error;
};

// Thread safety: the store is locked by its mutex.
class FakeServer {
 public:
  FakeServer();
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  const std::string& address() const { return address_; }
  FakeStore& store() { return store_; }

  // Ends all calls and closes the port.
  void Stop();

 private:
  FakeStore store_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_FAKE_SERVER_H_
