// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <mutex>

#include "grpcpp/grpcpp.h"

#include "clients/cli/fake_server.h"
#include "clients/cli/fake_services.h"
#include "copse/v1/admin_service.grpc.pb.h"
#include "copse/v1/admin_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

using grpc::ServerContext;

class Admin final : public v1::AdminService::Service {
 public:
  explicit Admin(FakeStore& store) : store_(store) {}

  grpc::Status GetStatistics(ServerContext*,
                             const v1::GetStatisticsRequest* request,
                             v1::GetStatisticsResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    response->mutable_server()->set_version("9.9.9");
    response->mutable_server()->set_domain_count(
        static_cast<int64_t>(store_.domains.size()));
    v1::EmbeddingCacheStatistics& cache =
        *response->mutable_server()->mutable_embedding_cache();
    cache.set_entry_count(1'234);
    cache.set_size_bytes(2 << 20);
    cache.set_size_bytes_max(int64_t{4} << 30);
    cache.set_hit_count(7);
    if (!request->domain().empty()) {
      *response->mutable_domain()->mutable_domain() =
          store_.domains[request->domain()];
    }
    if (request->with_sizes()) {
      *response->mutable_domain()->mutable_sizes() = Sizes();
    }
    return grpc::Status::OK;
  }

  grpc::Status ClearEmbeddingCache(
      ServerContext*, const v1::ClearEmbeddingCacheRequest*,
      v1::ClearEmbeddingCacheResponse* response) override {
    response->set_removed_count(1'234);
    response->set_removed_size_bytes(2 << 20);
    return grpc::Status::OK;
  }

  // Knows the sizes of commit "c1" only.
  grpc::Status MeasureSizes(
      ServerContext*, const v1::MeasureSizesRequest* request,
      grpc::ServerWriter<v1::MeasureSizesResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    if (!store_.domains.contains(request->domain())) {
      return DomainNotFound(request->domain());
    }
    v1::MeasureSizesResponse response;
    v1::CommitSize& commit = *response.add_commits();
    commit.set_commit("c1");
    commit.set_logical_size_bytes(3072);
    commit.set_unique_size_bytes(1024);
    commit.set_shared_size_bytes(2048);
    writer->Write(response);
    response.Clear();
    *response.mutable_domain() = Sizes();
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status VerifyDomain(
      ServerContext*, const v1::VerifyDomainRequest*,
      grpc::ServerWriter<v1::VerifyDomainResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    v1::VerifyDomainResponse response;
    for (int64_t i = 0; i < store_.finding_count; ++i) {
      response.add_findings()->set_object("page 17");
    }
    writer->Write(response);
    response.Clear();
    response.mutable_summary()->set_finding_count(store_.finding_count);
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status CollectGarbage(
      ServerContext*, const v1::CollectGarbageRequest* request,
      grpc::ServerWriter<v1::CollectGarbageResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    store_.garbage_request = *request;
    for (const auto& [name, domain] : store_.domains) {
      if (!request->domain().empty() && request->domain() != name) {
        continue;
      }
      v1::CollectGarbageResponse response;
      response.mutable_progress()->set_domain(name);
      response.mutable_progress()->set_phase(
          v1::CollectGarbageResponse::Progress::PHASE_SWEEPING);
      writer->Write(response);
      v1::CollectGarbageResponse::Result& result = *response.mutable_result();
      response.clear_progress();
      result.set_domain(name);
      result.mutable_rows()->set_kept_count(12'345);
      result.mutable_rows()->set_removed_count(678);
      result.mutable_rows()->set_removed_size_bytes(1 << 20);
      result.set_vector_size_bytes_before(3 << 20);
      result.set_vector_size_bytes_after(1 << 20);
      writer->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status CreateBackup(
      ServerContext*, const v1::CreateBackupRequest* request,
      grpc::ServerWriter<v1::CreateBackupResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    store_.backup_request = *request;
    v1::CreateBackupResponse response;
    response.mutable_progress()->set_phase(
        v1::CreateBackupResponse::Progress::PHASE_COPYING_VECTORS);
    response.mutable_progress()->set_total_size_bytes(3 << 20);
    writer->Write(response);
    response.clear_progress();
    v1::Backup& backup = *response.mutable_backup();
    backup.set_id(static_cast<uint32_t>(store_.backups.size() + 1));
    backup.mutable_create_time()->set_seconds(1'700'000'000);
    backup.set_domain_count(1);
    backup.set_commit_count(12'345);
    backup.set_size_bytes(3 << 20);
    backup.set_new_size_bytes(1 << 20);
    store_.backups.push_back(backup);
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status ListBackups(ServerContext*, const v1::ListBackupsRequest*,
                           v1::ListBackupsResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    for (const v1::Backup& backup : store_.backups) {
      *response->add_backups() = backup;
    }
    return grpc::Status::OK;
  }

  grpc::Status CreateLease(ServerContext*,
                           const v1::CreateLeaseRequest* request,
                           v1::Lease* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    response->set_domain(request->domain());
    response->set_lease(request->lease());
    response->set_commit(request->commit());
    *response->mutable_expire_time() = request->expire_time();
    store_.leases[request->lease()] = *response;
    return grpc::Status::OK;
  }

  grpc::Status ListLeases(ServerContext*, const v1::ListLeasesRequest*,
                          v1::ListLeasesResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    for (const auto& [name, lease] : store_.leases) {
      *response->add_leases() = lease;
    }
    return grpc::Status::OK;
  }

  grpc::Status DeleteLease(ServerContext*,
                           const v1::DeleteLeaseRequest* request,
                           v1::DeleteLeaseResponse*) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    return store_.leases.erase(request->lease()) == 1 ||
                   request->allow_missing()
               ? grpc::Status::OK
               : grpc::Status(grpc::StatusCode::NOT_FOUND, "no such lease");
  }

 private:
  static v1::DomainSize Sizes() {
    v1::DomainSize sizes;
    sizes.set_commit_count(2);
    sizes.set_logical_size_bytes(8192);
    sizes.set_unique_size_bytes(2048);
    sizes.set_shared_size_bytes(4096);
    sizes.set_other_size_bytes(512);
    return sizes;
  }

  FakeStore& store_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFakeAdminService(FakeStore& store) {
  return std::make_unique<Admin>(store);
}

}  // namespace copse
