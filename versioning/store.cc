// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/store.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/data_folder.h"
#include "versioning/domain_record.h"
#include "versioning/files.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/rocks_embedding_cache.h"
#include "versioning/rocks_job_table.h"
#include "versioning/size_meter.h"
#include "versioning/store_context.h"
#include "versioning/store_impl.h"
#include "versioning/verify.h"

namespace copse {
namespace {

// Bounds of what a fold would otherwise refuse, after the push was paid for.
absl::Status CheckRange(absl::string_view field, int64_t found, int64_t least,
                        int64_t greatest) {
  if (found >= least && found <= greatest) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          field, " is ", found, ", expected ", least, " to ", greatest)),
      "STORE_OPTION_INVALID",
      {{"field", std::string(field)},
       {"found", absl::StrCat(found)},
       {"wanted", absl::StrCat(least, " to ", greatest)}});
}

absl::Status CheckStoreOptions(const StoreOptions& options) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const ForestOptions& forest = options.forest;
  COPSE_RETURN_IF_ERROR(
      CheckRange("pool_size_bytes", options.pool_size_bytes, 0, kMax));
  COPSE_RETURN_IF_ERROR(CheckRange("embedding_cache_size_bytes",
                                   options.embedding_cache_size_bytes, 0,
                                   kMax));
  COPSE_RETURN_IF_ERROR(CheckRange("free_space_min_bytes",
                                   options.free_space_min_bytes, 0, kMax));
  COPSE_RETURN_IF_ERROR(
      CheckRange("thread_count", options.thread_count, 1, 256));
  COPSE_RETURN_IF_ERROR(
      CheckRange("forest.tree_count", forest.tree_count, 1, 8));
  COPSE_RETURN_IF_ERROR(CheckRange("forest.fan_out", forest.fan_out, 4, 1024));
  return CheckRange("forest.leaf_row_count", forest.leaf_row_count, 8, 1024);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(
    const StoreOptions& options) {
  COPSE_RETURN_IF_ERROR(CheckStoreOptions(options));
  auto context = std::make_shared<StoreContext>(options);
  COPSE_ASSIGN_OR_RETURN(context->folder, DataFolder::Open(options.folder));
  COPSE_ASSIGN_OR_RETURN(
      context->database,
      MetaDatabase::Open({.folder = context->folder->meta_path()}));
  COPSE_RETURN_IF_ERROR(context->folder->MarkReady());
  COPSE_ASSIGN_OR_RETURN(
      context->embedding_cache,
      RocksEmbeddingCache::Open(
          *context->database,
          {.size_bytes_max = options.embedding_cache_size_bytes}));
  // Not owned: the table goes with the context.
  context->jobs = std::make_unique<RocksJobTable>(
      *context->database, context->folder->spool_path(),
      [&context = *context] { return context.CheckFreeSpace(); });
  auto store = std::make_unique<StoreImpl>(std::move(context));
  COPSE_RETURN_IF_ERROR(store->Recover());
  return store;
}

StoreImpl::StoreImpl(std::shared_ptr<StoreContext> context)
    : context_(std::move(context)), registry_(context_) {}

// The pool holds readers, which hold the context, which holds the pool; and
// what folds holds domains, which do, too.
StoreImpl::~StoreImpl() {
  context_->folds.Stop();
  context_->pool.Close();
}

absl::StatusOr<StoreStatistics> StoreImpl::GetStatistics() {
  StoreStatistics statistics;
  COPSE_ASSIGN_OR_RETURN(const std::vector<DomainRecord> records,
                         registry_.ListRecords());
  statistics.domain_count = static_cast<int64_t>(records.size());
  for (const DomainRecord& record : records) {
    COPSE_ASSIGN_OR_RETURN(
        const uint64_t commit_count,
        context_->database->GetCounter(CounterKind::kCommitCount,
                                       record.domain_number));
    statistics.commit_count += static_cast<int64_t>(commit_count);
  }
  statistics.in_flight_count = context_->in_flight_count.load();
  COPSE_ASSIGN_OR_RETURN(const MetaStatistics meta,
                         context_->database->GetStatistics());
  statistics.meta_size_bytes = meta.disk_size_bytes;
  statistics.meta_memory_size_bytes = meta.memory_size_bytes;
  COPSE_ASSIGN_OR_RETURN(
      statistics.vector_size_bytes,
      AllocatedSizeBytes(context_->folder->path() + "/domains"));
  COPSE_ASSIGN_OR_RETURN(statistics.free_size_bytes,
                         context_->folder->FreeSizeBytes());
  statistics.type_filter_size_bytes = context_->type_memory.size_bytes();
  statistics.pool = context_->pool.statistics();
  statistics.folds = context_->folds.statistics();
  statistics.embedding_cache = context_->embedding_cache->statistics();
  return statistics;
}

absl::StatusOr<DomainStatistics> StoreImpl::GetDomainStatistics(
    absl::string_view domain_name) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  DomainStatistics statistics;
  COPSE_ASSIGN_OR_RETURN(statistics.domain, domain->GetInfo());
  statistics.commit_count = statistics.domain.commit_count;
  COPSE_RETURN_IF_ERROR(context_->database->ForEach(
      MetaTable::kBranches, PrefixRange(DomainPrefix(domain->number())),
      [&statistics](absl::string_view, absl::string_view) {
        ++statistics.branch_count;
        return absl::OkStatus();
      }));
  COPSE_ASSIGN_OR_RETURN(const uint64_t row_count,
                         domain->ordinals().next_number());
  statistics.row_count = static_cast<int64_t>(row_count);
  COPSE_ASSIGN_OR_RETURN(statistics.vector_size_bytes,
                         domain->vectors().AllocatedSizeBytes());
  statistics.typed_row_count = domain->types().row_count();
  statistics.type_filter_size_bytes = domain->types().size_bytes();
  return statistics;
}

absl::StatusOr<SizeReport> StoreImpl::MeasureSizes(
    absl::string_view domain_name, const std::function<absl::Status()>& check) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  absl::StatusOr<SizeReport> report = MeasureDomainSizes(*domain, check);
  COPSE_RETURN_IF_ERROR(domain->CheckExists());
  return report;
}

absl::StatusOr<VerifyReport> StoreImpl::VerifyDomain(
    absl::string_view domain_name, const std::function<bool()>& stop) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Domain> domain,
                         registry_.Get(domain_name));
  absl::StatusOr<VerifyReport> report = VerifyCommits(*domain, stop);
  COPSE_RETURN_IF_ERROR(domain->CheckExists());
  return report;
}

}  // namespace copse
