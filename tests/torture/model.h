// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a store should hold: maps of names to contents.
//
//   Model model;
//   model.domains["small"] = ModelDomain(kDomainShapes[0]);
//   model.domains["small"].Add("c1", snapshot, {}, now);
//
// Documents have few contents and IDs, so that histories meet again, deleted
// rows come back and distances tie.

#ifndef COPSE_TESTS_TORTURE_MODEL_H_
#define COPSE_TESTS_TORTURE_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

#include "index/metric.h"
#include "versioning/commit.h"
#include "versioning/store.h"

namespace copse {

inline constexpr uint32_t kContentCount = 60;
inline constexpr uint32_t kDocumentCount = 90;

using Snapshot = std::map<std::string, uint32_t>;  // Document to content.

// The domains there may be.
struct DomainShape {
  const char* name;
  Metric metric;
  uint32_t dimension;
};
inline constexpr DomainShape kDomainShapes[] = {
    {"small", Metric::kCosine, 6},
    // A few hundred dead rows make a segment worth rewriting.
    {"wide", Metric::kEuclidean, 120},
};

// Returns the ID of a document, with bytes that keys treat specially.
std::string DocumentId(uint32_t number);

// Returns the type that documents with `content` have.
std::string TypeOf(uint32_t content);

struct ModelCommit {
  std::shared_ptr<const Snapshot> snapshot;
  std::vector<std::string> parents;
  std::vector<Fingerprint> parent_fingerprints = {};  // What each parent was.
  absl::Time create_time;
  Fingerprint fingerprint = {};
};

struct ModelBranch {
  std::string head;
  uint64_t version = 0;
};

struct ModelLease {
  std::string commit;
  absl::Time expire_time;
};

// What a merge should become.
struct ModelMerge {
  std::string reason;  // Why there is none; empty if there is one.
  std::shared_ptr<const Snapshot> snapshot;
};

struct ModelDomain {
  DomainShape shape = kDomainShapes[0];
  std::map<std::string, ModelCommit> commits;
  std::map<std::string, ModelCommit> deleted;  // Without snapshot.
  std::map<std::string, ModelBranch> branches;
  std::map<std::string, ModelLease> leases;
  RetentionPolicy retention;

  // Whether a branch, or a lease at `now`, is at the commit.
  bool IsUsed(const std::string& commit, absl::Time now) const;

  // Whether `ancestor` is `commit` or an ancestor of it.
  bool Descends(const std::string& commit, const std::string& ancestor) const;

  // The commits that a collection deletes.
  std::vector<std::string> Expired(const RetentionPolicy& policy,
                                   absl::Time now) const;

  ModelMerge Merge(const std::string& ours, const std::string& theirs,
                   ConflictPolicy policy) const;

  // Makes a commit, maybe under the name of one that was deleted.
  // REQUIRES: the parents exist, or have been deleted
  void Add(const std::string& commit, std::shared_ptr<const Snapshot> snapshot,
           std::vector<std::string> parents, absl::Time create_time);

  // Forgets all but the parents and fingerprint of a commit.
  void Delete(const std::string& commit);

 private:
  // A name, and whether what is meant is not the commit that has it now, but
  // one that had it before: of that, nothing is known.
  using Ancestor = std::pair<std::string, bool>;

  const ModelCommit* Find(const std::string& commit) const;
  // The commits of `pending` and what they were built from, in turn.
  std::set<Ancestor> AncestorsOf(std::vector<Ancestor> pending) const;
  // Returns what a commit was built from.
  std::vector<Ancestor> ParentsOf(const ModelCommit& commit) const;
  // The commits of `pending` and all their ancestors that are known, deleted or
  // not.
  std::map<std::string, const ModelCommit*> History(
      std::vector<std::string> pending) const;
};

using ModelDomains = std::map<std::string, ModelDomain>;

struct Operation;

// What a backup should hold.
struct ModelBackup {
  // A fault may leave the last step of an operation undone until the process
  // ends.
  enum class Presence : uint8_t { kSure, kMayVanish, kMayReturn };

  // When it began.
  std::shared_ptr<const ModelDomains> domains;

  // What ran beside it, each of which it may have or not. May be null.
  std::shared_ptr<const std::vector<Operation>> beside;

  Presence presence = Presence::kSure;
};

struct Model {
  ModelDomains domains;
  std::map<uint32_t, ModelBackup> backups;
  int64_t data_folder = 0;  // Which one is in use.
  int64_t next_data_folder = 1;
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  int64_t next_commit = 0;

  // Returns the backups there are now, the oldest first.
  std::vector<uint32_t> PresentBackups() const;

  // Takes it that exactly the backups in `found` have outlived a process.
  void SettleBackups(const std::vector<uint32_t>& found);
};

}  // namespace copse

#endif  // COPSE_TESTS_TORTURE_MODEL_H_
