// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/operation.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

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
      domain.deleted.erase(operation.commit);
      domain.commits[operation.commit] = MakeModelCommit(
          operation.snapshot, ParentsOf(operation), outcome.create_time);
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
    case OperationKind::kTogether:
      return "together";
  }
  return "unknown";
}

std::string Describe(const Operation& operation) {
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
  add("expected", absl::StrJoin(operation.expected, "|"));
  for (const Operation& part : operation.parts) {
    absl::StrAppend(&text, "; ", Describe(part));
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

Outcome Resolve(const Operation& operation, const Model& model,
                const Observation& found) {
  Outcome outcome;
  if (operation.is_without_effect || !MaySucceed(operation)) {
    return outcome;  // It cannot have changed anything.
  }
  const auto observed = found.find(operation.domain);
  const auto domain = model.domains.find(operation.domain);
  if (operation.kind == OperationKind::kCreateDomain) {
    outcome.has_happened =
        observed != found.end() && domain == model.domains.end();
  } else if (operation.kind == OperationKind::kDeleteDomain) {
    outcome.has_happened =
        observed == found.end() && domain != model.domains.end();
  } else if (observed != found.end() && domain != model.domains.end()) {
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

void Apply(const Operation& operation, const Outcome& outcome, Model& model) {
  if (!outcome.has_happened) {
    return;
  }
  if (operation.kind == OperationKind::kCreateDomain) {
    for (const DomainShape& shape : kDomainShapes) {
      if (operation.domain == shape.name) {
        model.domains[operation.domain].shape = shape;
      }
    }
  } else if (operation.kind == OperationKind::kDeleteDomain) {
    model.domains.erase(operation.domain);
  } else {
    ApplyToDomain(operation, outcome, model.domains.at(operation.domain));
  }
}

}  // namespace copse
