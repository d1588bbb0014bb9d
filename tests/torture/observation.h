// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a store says that it holds, to be compared with a model.
//
//   COPSE_ASSIGN_OR_RETURN(const Observation found, Observe(store));
//   COPSE_RETURN_IF_ERROR(Compare(model, found));

#ifndef COPSE_TESTS_TORTURE_OBSERVATION_H_
#define COPSE_TESTS_TORTURE_OBSERVATION_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "tests/torture/model.h"
#include "versioning/commit.h"
#include "versioning/store.h"

namespace copse {

struct ObservedDomain {
  DomainInfo info;
  std::map<std::string, CommitInfo> commits;
  std::map<std::string, BranchInfo> branches;
  std::map<std::string, LeaseInfo> leases;
};

struct Observation {
  std::map<std::string, ObservedDomain> domains;
  std::vector<uint32_t> backups;  // The oldest first.
  int64_t data_folder = 0;        // Which one the store has open.
};

// Lists everything that has a name. Fails with kInternal if a backup cannot be
// restored.
absl::StatusOr<Observation> Observe(Store& store,
                                    const std::string& backup_folder);

// Returns kInternal, saying what differs, unless the model has the same: all
// but the documents of the commits, for which their fingerprints stand.
absl::Status Compare(const Model& model, const Observation& found);

}  // namespace copse

#endif  // COPSE_TESTS_TORTURE_OBSERVATION_H_
