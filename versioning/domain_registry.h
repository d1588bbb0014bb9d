// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds, makes and deletes domains, and keeps those open that are in use.
//
//   DomainRegistry registry(context);
//   COPSE_RETURN_IF_ERROR(registry.ResumeDeletions());
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<Domain> domain,
//                          registry.Get("admin/books"));
//
// A domain is opened when it is first named, and closed when nobody holds it
// and others were used since: an open one takes two file descriptors for each
// segment.
//
// A replacement (domain_replacement.h) fills a domain that has no name, until
// one write gives it the name of another one. That is removed when nobody uses
// it any more.
//
// A deletion takes the name away and marks the record, in one write; then
// removes what there is under the number; then the record. A start goes on
// with the marked ones, and removes folders that no record names.

#ifndef COPSE_VERSIONING_DOMAIN_REGISTRY_H_
#define COPSE_VERSIONING_DOMAIN_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "versioning/commit.h"
#include "versioning/domain.h"
#include "versioning/domain_record.h"
#include "versioning/number_allocator.h"
#include "versioning/page_token.h"
#include "versioning/store.h"
#include "versioning/store_context.h"

namespace copse {

// Returns kInvalidArgument, DOMAIN_OPTION_INVALID, unless `description` is at
// most kDescriptionSizeBytesMax bytes of UTF-8.
absl::Status CheckDomainDescription(absl::string_view description);

// Thread safety: any number of threads may use one DomainRegistry.
class DomainRegistry {
 public:
  explicit DomainRegistry(std::shared_ptr<StoreContext> context);

  // Ends what a crash cut short. Called once, first.
  absl::Status ResumeDeletions();

  // Fails with kNotFound, DOMAIN_NOT_FOUND.
  absl::StatusOr<std::shared_ptr<Domain>> Get(absl::string_view name)
      ABSL_LOCKS_EXCLUDED(open_mutex_, mutex_);

  // Fails with DOMAIN_EXISTS, and kInvalidArgument naming the field.
  absl::StatusOr<DomainInfo> Create(const DomainOptions& options)
      ABSL_LOCKS_EXCLUDED(open_mutex_, mutex_);

  absl::Status Delete(absl::string_view name)
      ABSL_LOCKS_EXCLUDED(open_mutex_, mutex_);

  absl::StatusOr<Page<DomainInfo>> List(const ListOptions& options) const;

  // Returns the records of all domains that are not deleted.
  absl::StatusOr<std::vector<DomainRecord>> ListRecords() const;

  // Returns the numbers of the domains of which everything is there: those that
  // are not deleted, and those whose removal waits for the end of a backup.
  absl::StatusOr<std::vector<uint32_t>> ListStored()
      ABSL_LOCKS_EXCLUDED(open_mutex_);

  // ---- Replacements ----

  // What a domain is to be replaced by.
  struct Replacement {
    std::shared_ptr<Domain> source;
    std::shared_ptr<Domain> target;
  };

  // Makes the domain that is to replace the one of its name, or returns the one
  // that `owner` has made. Fails with DOMAIN_NOT_FOUND, REEMBEDDING_IN_FLIGHT
  // if there is one of another owner, and kInvalidArgument naming the field.
  absl::StatusOr<Replacement> BeginReplacement(const DomainOptions& options,
                                               absl::string_view owner)
      ABSL_LOCKS_EXCLUDED(open_mutex_, mutex_);

  // Returns what the domain is being replaced by, or nullopt. Fails with
  // DOMAIN_NOT_FOUND.
  absl::StatusOr<std::optional<ReplacementInfo>> FindReplacement(
      absl::string_view name) ABSL_LOCKS_EXCLUDED(open_mutex_, mutex_);

  // Returns the owners of all that is filled.
  absl::StatusOr<std::vector<std::string>> ListReplacementOwners() const;

  // Removes what `owner` has filled, if there is something.
  absl::Status DropReplacement(absl::string_view owner)
      ABSL_LOCKS_EXCLUDED(open_mutex_, mutex_);

  // Domain::ReplaceBy(), and the name. `batch` is written with it.
  absl::StatusOr<bool> Replace(const Replacement& replacement,
                               uint64_t change_count, MetaBatch& batch)
      ABSL_LOCKS_EXCLUDED(open_mutex_, mutex_);

  // Removes the replaced domains that nobody uses any more. Returns how many
  // are left.
  absl::StatusOr<size_t> RemoveReplaced()
      ABSL_LOCKS_EXCLUDED(open_mutex_, mutex_);

  // Removes everything under the number of a domain that is marked as deleted.
  absl::Status Purge(uint32_t domain_number);

 private:
  // Domains that stay open although nobody holds them.
  static constexpr size_t kIdleDomainCountMax = 64;

  std::shared_ptr<Domain> FindOpen(absl::string_view name)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Keep(const std::shared_ptr<Domain>& domain) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<DomainRecord> ReadRecord(uint32_t domain_number) const;

  // Marks the domain, then its record, and takes its name away if it has one.
  // Returns whether it is left to a backup to remove it.
  absl::StatusOr<bool> MarkDeleted(Domain& domain)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(open_mutex_);
  absl::Status WriteDeletion(const Domain& domain);

  // Marks it, closes it and removes what there is.
  absl::Status DeleteDomain(const std::shared_ptr<Domain>& domain)
      ABSL_LOCKS_EXCLUDED(open_mutex_, mutex_);

  // Returns the record of the domain that is to replace number `source`.
  absl::StatusOr<std::optional<DomainRecord>> FindFilling(
      uint32_t source) const;
  absl::StatusOr<DomainRecord> MakeFilling(const Domain& source,
                                           const DomainOptions& options,
                                           absl::string_view owner)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(open_mutex_);
  absl::StatusOr<std::shared_ptr<Domain>> OpenFilling(
      const DomainRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(open_mutex_)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<DomainRecord>> ListRecords(
      DomainState state) const;

  const std::shared_ptr<StoreContext> context_;
  NumberAllocator domain_numbers_;

  // Held while a domain is opened or made, so that there is one of each.
  Mutex open_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);

  Mutex mutex_;
  absl::flat_hash_map<std::string, std::weak_ptr<Domain>> open_
      ABSL_GUARDED_BY(mutex_);
  // The most recently used first.
  std::list<std::shared_ptr<Domain>> recent_ ABSL_GUARDED_BY(mutex_);
  // By number.
  absl::flat_hash_map<uint32_t, std::weak_ptr<Domain>> filling_
      ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Domain>> replaced_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_DOMAIN_REGISTRY_H_
