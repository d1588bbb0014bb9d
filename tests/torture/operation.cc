// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/operation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "tests/torture/model.h"
#include "tests/torture/observation.h"
#include "versioning/commit.h"

namespace copse {
namespace {

// Parents in the order of a manifest.
std::vector<std::string> ParentsOf(const Operation& operation) {
  std::vector<std::string> parents;
  if (!operation.parent.empty()) {
    parents.push_back(operation.parent);
  }
  if (!operation.theirs.empty() && operation.theirs != operation.parent) {
    parents.push_back(operation.theirs);
  }
  return parents;
}

void ApplyToDomain(const Operation& operation, const Outcome& outcome,
                   ModelDomain& domain) {
  switch (operation.kind) {
    case OperationKind::kPush:
    case OperationKind::kAssign:
    case OperationKind::kMerge:
      domain.Add(operation.commit, operation.snapshot, ParentsOf(operation),
                 outcome.create_time);
      if (!operation.branch.empty()) {
        domain.branches[operation.branch] = {operation.commit,
                                             operation.branch_version};
      }
      return;
    case OperationKind::kPushOntoDeleted:
      domain.Delete(operation.parent);
      return;
    case OperationKind::kDeleteCommit:
      domain.Delete(operation.commit);
      return;
    case OperationKind::kCreateBranch:
    case OperationKind::kUpdateBranch:
      domain.branches[operation.branch] = {operation.commit,
                                           operation.branch_version};
      return;
    case OperationKind::kDeleteBranch:
      domain.branches.erase(operation.branch);
      return;
    case OperationKind::kCreateLease:
      domain.leases[operation.lease] = {operation.commit,
                                        operation.expire_time};
      return;
    case OperationKind::kDeleteLease:
      domain.leases.erase(operation.lease);
      return;
    case OperationKind::kSetRetention:
      domain.retention = operation.retention;
      return;
    case OperationKind::kCollect:
      for (const std::string& commit : outcome.removed) {
        domain.Delete(commit);
      }
      return;
    default:
      return;
  }
}

// The commits of `names` that the domain should have and `found` has not.
std::vector<std::string> Missing(const std::vector<std::string>& names,
                                 const ModelDomain& domain,
                                 const ObservedDomain& found) {
  std::vector<std::string> missing;
  std::ranges::copy_if(
      names, std::back_inserter(missing), [&](const std::string& name) {
        return domain.commits.contains(name) && !found.commits.contains(name);
      });
  return missing;
}

bool HasHappened(const Operation& operation, const ModelDomain& domain,
                 const ObservedDomain& found) {
  switch (operation.kind) {
    case OperationKind::kPush:
    case OperationKind::kAssign:
    case OperationKind::kMerge:
      return found.commits.contains(operation.commit) &&
             !domain.commits.contains(operation.commit);
    case OperationKind::kPushOntoDeleted:
      return domain.commits.contains(operation.parent) &&
             !found.commits.contains(operation.parent);
    case OperationKind::kDeleteCommit:
      return domain.commits.contains(operation.commit) &&
             !found.commits.contains(operation.commit);
    case OperationKind::kCreateBranch:
    case OperationKind::kUpdateBranch: {
      const auto branch = found.branches.find(operation.branch);
      return branch != found.branches.end() &&
             branch->second.version == operation.branch_version;
    }
    case OperationKind::kDeleteBranch:
      return domain.branches.contains(operation.branch) &&
             !found.branches.contains(operation.branch);
    case OperationKind::kCreateLease: {
      const auto lease = found.leases.find(operation.lease);
      return lease != found.leases.end() &&
             lease->second.expire_time == operation.expire_time &&
             lease->second.commit == operation.commit;
    }
    case OperationKind::kDeleteLease:
      return !found.leases.contains(operation.lease);
    case OperationKind::kSetRetention:
      return found.info.options.retention == operation.retention;
    default:
      return false;
  }
}

}  // namespace

const char* OperationKindName(OperationKind kind) {
  switch (kind) {
    case OperationKind::kCreateDomain:
      return "create_domain";
    case OperationKind::kDeleteDomain:
      return "delete_domain";
    case OperationKind::kPush:
      return "push";
    case OperationKind::kPushOntoDeleted:
      return "push_onto_deleted";
    case OperationKind::kAssign:
      return "assign";
    case OperationKind::kMerge:
      return "merge";
    case OperationKind::kDeleteCommit:
      return "delete_commit";
    case OperationKind::kCreateBranch:
      return "create_branch";
    case OperationKind::kUpdateBranch:
      return "update_branch";
    case OperationKind::kDeleteBranch:
      return "delete_branch";
    case OperationKind::kCreateLease:
      return "create_lease";
    case OperationKind::kDeleteLease:
      return "delete_lease";
    case OperationKind::kSetRetention:
      return "set_retention";
    case OperationKind::kCollect:
      return "collect";
    case OperationKind::kRead:
      return "read";
    case OperationKind::kDiff:
      return "diff";
    case OperationKind::kVerify:
      return "verify";
    case OperationKind::kOpenReader:
      return "open_reader";
    case OperationKind::kCheckReaders:
      return "check_readers";
    case OperationKind::kReopen:
      return "reopen";
    case OperationKind::kCreateBackup:
      return "create_backup";
    case OperationKind::kDeleteBackups:
      return "delete_backups";
    case OperationKind::kRestore:
      return "restore";
    case OperationKind::kTogether:
      return "together";
  }
  return "unknown";
}

namespace {

std::string DescribePart(const Operation& operation) {
  std::string text = OperationKindName(operation.kind);
  const auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) {
      absl::StrAppend(&text, " ", name, "=", value);
    }
  };
  add("domain", operation.domain);
  add("commit", operation.commit);
  add("parent", operation.parent);
  add("theirs", operation.theirs);
  add("branch", operation.branch);
  add("lease", operation.lease);
  add("edits",
      operation.edits.empty() ? "" : absl::StrCat(operation.edits.size()));
  add("expires", absl::StrJoin(operation.expired, ","));
  add("expires_backups", absl::StrJoin(operation.expired_backups, ","));
  if (operation.kind == OperationKind::kRestore) {
    absl::StrAppend(&text, " backup=", operation.backup, "=",
                    operation.source_backup,
                    " data_folder=", operation.data_folder);
  }
  add("expected", absl::StrJoin(operation.expected, "|"));
  return text;
}

}  // namespace

std::string Describe(const Operation& operation) {
  std::string text = DescribePart(operation);
  if (operation.parts != nullptr) {
    for (const Operation& part : *operation.parts) {
      absl::StrAppend(&text, "; ", DescribePart(part));
    }
  }
  return text;
}

bool IsExpected(const Operation& operation, const absl::Status& status) {
  std::string reason;
  if (!status.ok()) {
    const std::optional<ErrorReason> found = ReasonOf(status);
    reason = found.has_value() ? found->reason : "no reason";
  }
  return std::ranges::find(operation.expected, reason) !=
         operation.expected.end();
}

bool MaySucceed(const Operation& operation) {
  return std::ranges::find(operation.expected, "") != operation.expected.end();
}

namespace {

// Of an operation of a domain.
Outcome ResolveInDomains(const Operation& operation,
                         const ModelDomains& domains,
                         const Observation& found) {
  Outcome outcome;
  const auto observed = found.domains.find(operation.domain);
  const auto domain = domains.find(operation.domain);
  const bool is_observed = observed != found.domains.end();
  const bool is_known = domain != domains.end();
  if (operation.kind == OperationKind::kCreateDomain) {
    outcome.has_happened = is_observed && !is_known;
  } else if (operation.kind == OperationKind::kDeleteDomain) {
    outcome.has_happened = !is_observed && is_known;
  } else if (is_observed && is_known) {
    const ObservedDomain& now = observed->second;
    outcome.removed = Missing(operation.expired, domain->second, now);
    outcome.has_happened =
        !outcome.removed.empty() || HasHappened(operation, domain->second, now);
    const auto commit = now.commits.find(operation.commit);
    if (outcome.has_happened && commit != now.commits.end()) {
      outcome.create_time = commit->second.create_time;
    }
  }
  return outcome;
}

void ApplyToDomains(const Operation& operation, const Outcome& outcome,
                    ModelDomains& domains) {
  if (!outcome.has_happened) {
    return;
  }
  if (operation.kind == OperationKind::kCreateDomain) {
    for (const DomainShape& shape : kDomainShapes) {
      if (operation.domain == shape.name) {
        domains[operation.domain].shape = shape;
      }
    }
  } else if (operation.kind == OperationKind::kDeleteDomain) {
    domains.erase(operation.domain);
  } else {
    ApplyToDomain(operation, outcome, domains.at(operation.domain));
  }
}

Outcome ResolveBackups(const Operation& operation, const Model& model,
                       const Observation& found) {
  Outcome outcome;
  for (const uint32_t id : operation.expired_backups) {
    if (model.backups.contains(id) &&
        !std::ranges::binary_search(found.backups, id)) {
      outcome.removed_backups.push_back(id);
    }
  }
  if (operation.kind == OperationKind::kCreateBackup &&
      !found.backups.empty() && !model.backups.contains(found.backups.back())) {
    outcome.backup = found.backups.back();
  }
  outcome.has_happened =
      outcome.backup != 0 || !outcome.removed_backups.empty();
  return outcome;
}

void ApplyToBackups(const Operation& operation, const Outcome& outcome,
                    std::map<uint32_t, ModelBackup>& backups) {
  using Presence = ModelBackup::Presence;
  for (const uint32_t id : outcome.removed_backups) {
    if (outcome.is_sure) {
      backups.erase(id);
    } else if (const auto found = backups.find(id); found != backups.end()) {
      found->second.presence = Presence::kMayReturn;
    }
  }
  if (outcome.backup != 0) {
    ModelBackup& backup = backups[outcome.backup];
    backup = operation.contents;
    backup.presence = outcome.is_sure ? Presence::kSure : Presence::kMayVanish;
  }
}

// A restore is followed by a comparison, so that whatever is resolved here is
// true of the store.
Outcome ResolveRestore(const Operation& operation, const Model& model,
                       const Observation& found) {
  Outcome outcome;
  outcome.has_happened = found.data_folder == operation.data_folder;
  const ModelBackup& backup = model.backups.at(operation.source_backup);
  if (!outcome.has_happened || backup.beside == nullptr) {
    return outcome;
  }
  ModelDomains domains = *backup.domains;
  for (const Operation& part : *backup.beside) {
    const Outcome resolved = ResolveInDomains(part, domains, found);
    ApplyToDomains(part, resolved, domains);
    outcome.beside.push_back(resolved.has_happened
                                 ? std::optional(resolved.create_time)
                                 : std::nullopt);
  }
  return outcome;
}

void ApplyRestore(const Operation& operation, const Outcome& outcome,
                  Model& model) {
  const ModelBackup& backup = model.backups.at(operation.source_backup);
  model.domains = *backup.domains;
  model.data_folder = operation.data_folder;
  for (size_t i = 0; i < outcome.beside.size(); ++i) {
    if (outcome.beside[i].has_value()) {
      ApplyToDomains(backup.beside->at(i),
                     {.has_happened = true, .create_time = *outcome.beside[i]},
                     model.domains);
    }
  }
}

}  // namespace

Outcome Resolve(const Operation& operation, const Model& model,
                const Observation& found) {
  if (operation.is_without_effect || !MaySucceed(operation)) {
    return {};  // It cannot have changed anything.
  }
  switch (operation.kind) {
    case OperationKind::kCreateBackup:
    case OperationKind::kDeleteBackups:
      return ResolveBackups(operation, model, found);
    case OperationKind::kRestore:
      return ResolveRestore(operation, model, found);
    default:
      return ResolveInDomains(operation, model.domains, found);
  }
}

void Apply(const Operation& operation, const Outcome& outcome, Model& model) {
  if (!outcome.has_happened) {
    return;
  }
  switch (operation.kind) {
    case OperationKind::kCreateBackup:
    case OperationKind::kDeleteBackups:
      ApplyToBackups(operation, outcome, model.backups);
      return;
    case OperationKind::kRestore:
      ApplyRestore(operation, outcome, model);
      return;
    default:
      ApplyToDomains(operation, outcome, model.domains);
  }
}

// ---- Outcomes as text ------------------------------------------------------

namespace {

constexpr char kNothing[] = "-";

template <typename Items>
std::string Join(const Items& items) {
  return items.empty() ? kNothing : absl::StrJoin(items, ",");
}

std::vector<std::string> Split(const std::string& word) {
  return word == kNothing ? std::vector<std::string>()
                          : absl::StrSplit(word, ',');
}

int64_t ToNumber(const std::string& word) {
  int64_t number = 0;
  COPSE_CHECK(absl::SimpleAtoi(word, &number), word);
  return number;
}

}  // namespace

std::string Encode(const Outcome& outcome) {
  std::vector<std::string> beside;
  for (const std::optional<absl::Time>& time : outcome.beside) {
    beside.push_back(time.has_value() ? absl::StrCat(absl::ToUnixMicros(*time))
                                      : "no");
  }
  return absl::StrCat(outcome.has_happened ? 1 : 0, " ",
                      absl::ToUnixMicros(outcome.create_time), " ",
                      Join(outcome.removed), " ", outcome.backup, " ",
                      Join(outcome.removed_backups), " ", Join(beside));
}

Outcome ParseOutcome(std::span<const std::string> words) {
  COPSE_CHECK(words.size() == kOutcomeWordCount, absl::StrJoin(words, " "));
  Outcome outcome = {.has_happened = words[0] == "1",
                     .create_time = absl::FromUnixMicros(ToNumber(words[1])),
                     .removed = Split(words[2]),
                     .backup = static_cast<uint32_t>(ToNumber(words[3]))};
  for (const std::string& id : Split(words[4])) {
    outcome.removed_backups.push_back(static_cast<uint32_t>(ToNumber(id)));
  }
  for (const std::string& time : Split(words[5])) {
    outcome.beside.push_back(
        time == "no" ? std::nullopt
                     : std::optional(absl::FromUnixMicros(ToNumber(time))));
  }
  return outcome;
}

// ---- Folders ---------------------------------------------------------------

std::string BackupPath(const std::string& folder) {
  return absl::StrCat(folder, "/backup");
}

std::string DataPath(const std::string& folder, int64_t number) {
  return absl::StrCat(folder, "/data-", number);
}

}  // namespace copse
