// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/observation.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/status_macros.h"
#include "tests/torture/model.h"
#include "versioning/backup.h"

namespace copse {
namespace {

// Reads all pages of a list.
template <typename T>
absl::Status ReadPages(
    const std::function<absl::StatusOr<Page<T>>(const ListOptions&)>& list,
    const std::function<std::string(const T&)>& name_of,
    std::map<std::string, T>& items) {
  ListOptions options = {.page_size = 1000, .page_token = {}};
  do {
    COPSE_ASSIGN_OR_RETURN(Page<T> page, list(options));
    for (T& item : page.items) {
      std::string name = name_of(item);
      items.insert_or_assign(std::move(name), std::move(item));
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return absl::OkStatus();
}

absl::Status Differs(absl::string_view object, absl::string_view found,
                     absl::string_view wanted) {
  return absl::InternalError(
      absl::StrCat(object, " is ", found, ", expected ", wanted));
}

// Fails unless the two have the same keys.
template <typename Found, typename Wanted>
absl::Status CompareKeys(absl::string_view object, const Found& found,
                         const Wanted& wanted) {
  for (const auto& [name, value] : wanted) {
    if (!found.contains(name)) {
      return Differs(absl::StrCat(object, " '", name, "'"), "lost", "there");
    }
  }
  for (const auto& [name, value] : found) {
    if (!wanted.contains(name)) {
      return Differs(absl::StrCat(object, " '", name, "'"), "there", "gone");
    }
  }
  return absl::OkStatus();
}

std::string Show(const std::vector<std::string>& parents) {
  return absl::StrCat("[", absl::StrJoin(parents, ", "), "]");
}

absl::Status CompareCommit(const std::string& name, const ModelCommit& wanted,
                           const CommitInfo& found) {
  const std::string object = absl::StrCat("commit '", name, "'");
  if (found.parent_commits != wanted.parents) {
    return Differs(object + " parents", Show(found.parent_commits),
                   Show(wanted.parents));
  }
  if (found.create_time != wanted.create_time) {
    return Differs(object + " time", absl::FormatTime(found.create_time),
                   absl::FormatTime(wanted.create_time));
  }
  const auto document_count = static_cast<int64_t>(wanted.snapshot->size());
  if (found.document_count != document_count) {
    return Differs(object + " document count",
                   absl::StrCat(found.document_count),
                   absl::StrCat(document_count));
  }
  return found.fingerprint == wanted.fingerprint
             ? absl::OkStatus()
             : Differs(object + " fingerprint", "another",
                       "that of its documents");
}

absl::Status CompareDomain(const ModelDomain& wanted, absl::Time now,
                           const ObservedDomain& found) {
  COPSE_RETURN_IF_ERROR(CompareKeys("commit", found.commits, wanted.commits));
  for (const auto& [name, commit] : wanted.commits) {
    COPSE_RETURN_IF_ERROR(CompareCommit(name, commit, found.commits.at(name)));
  }
  const auto commit_count = static_cast<int64_t>(wanted.commits.size());
  if (found.info.commit_count != commit_count) {
    return Differs("commit count", absl::StrCat(found.info.commit_count),
                   absl::StrCat(commit_count));
  }
  COPSE_RETURN_IF_ERROR(CompareKeys("branch", found.branches, wanted.branches));
  for (const auto& [name, branch] : wanted.branches) {
    const BranchInfo& info = found.branches.at(name);
    if (info.head_commit != branch.head || info.version != branch.version) {
      return Differs(absl::StrCat("branch '", name, "'"),
                     absl::StrCat(info.head_commit, " #", info.version),
                     absl::StrCat(branch.head, " #", branch.version));
    }
  }
  std::map<std::string, std::string> leases;
  for (const auto& [name, lease] : found.leases) {
    if (lease.expire_time > now) {
      leases[name] =
          absl::StrCat(lease.commit, absl::FormatTime(lease.expire_time));
    }
  }
  std::map<std::string, std::string> wanted_leases;
  for (const auto& [name, lease] : wanted.leases) {
    if (lease.expire_time > now) {
      wanted_leases[name] =
          absl::StrCat(lease.commit, absl::FormatTime(lease.expire_time));
    }
  }
  if (leases != wanted_leases) {
    const auto format = absl::PairFormatter("@");
    return Differs("leases", absl::StrJoin(leases, ", ", format),
                   absl::StrJoin(wanted_leases, ", ", format));
  }
  return found.info.options.retention == wanted.retention
             ? absl::OkStatus()
             : Differs("retention", "another", "what was set");
}

absl::Status CompareBackups(const Model& model,
                            const std::vector<uint32_t>& found) {
  for (const auto& [id, backup] : model.backups) {
    if (backup.presence == ModelBackup::Presence::kSure &&
        !std::ranges::binary_search(found, id)) {
      return Differs(absl::StrCat("backup ", id), "lost", "there");
    }
  }
  for (const uint32_t id : found) {
    if (!model.backups.contains(id)) {
      return Differs(absl::StrCat("backup ", id), "there", "gone");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Observation> Observe(Store& store,
                                    const std::string& backup_folder) {
  std::map<std::string, DomainInfo> domains;
  COPSE_RETURN_IF_ERROR(ReadPages<DomainInfo>(
      [&](const ListOptions& options) { return store.ListDomains(options); },
      [](const DomainInfo& info) { return info.options.domain; }, domains));
  Observation observation;
  for (const auto& [domain, info] : domains) {
    ObservedDomain& found = observation.domains[domain];
    found.info = info;
    const absl::string_view name = found.info.options.domain;
    COPSE_RETURN_IF_ERROR(ReadPages<CommitInfo>(
        [&](const ListOptions& options) {
          return store.ListCommits(name, options);
        },
        [](const CommitInfo& commit) { return commit.commit; }, found.commits));
    COPSE_RETURN_IF_ERROR(ReadPages<BranchInfo>(
        [&](const ListOptions& options) {
          return store.ListBranches(name, options);
        },
        [](const BranchInfo& branch) { return branch.branch; },
        found.branches));
    COPSE_RETURN_IF_ERROR(ReadPages<LeaseInfo>(
        [&](const ListOptions& options) {
          return store.ListLeases(name, options);
        },
        [](const LeaseInfo& lease) { return lease.lease; }, found.leases));
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<BackupInfo> backups,
                         ListBackups(backup_folder));
  for (const BackupInfo& backup : backups) {
    if (!backup.status.ok()) {
      return Differs(absl::StrCat("backup ", backup.id),
                     backup.status.ToString(), "whole");
    }
    observation.backups.push_back(backup.id);
  }
  return observation;
}

absl::Status Compare(const Model& model, const Observation& found) {
  COPSE_RETURN_IF_ERROR(CompareKeys("domain", found.domains, model.domains));
  for (const auto& [name, domain] : model.domains) {
    COPSE_RETURN_IF_ERROR(
        AnnotateStatus(CompareDomain(domain, model.now, found.domains.at(name)),
                       absl::StrCat("domain '", name, "'")));
  }
  return CompareBackups(model, found.backups);
}

}  // namespace copse
