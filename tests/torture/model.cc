// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "versioning/document.h"
#include "versioning/fingerprint.h"
#include "versioning/store_test_util.h"

namespace copse {
namespace {

std::optional<uint32_t> ContentOf(const Snapshot& snapshot,
                                  const std::string& id) {
  const auto found = snapshot.find(id);
  return found == snapshot.end() ? std::nullopt
                                 : std::optional<uint32_t>(found->second);
}

Fingerprint FingerprintOf(const Snapshot& snapshot) {
  FingerprintSum sum;
  int64_t count = 0;
  for (const auto& [id, content] : snapshot) {
    const ContentHash hash = HashContent(
        MakeDocument({.id = id, .content = content, .type = TypeOf(content)}));
    for (uint32_t chunk = 0; chunk < ChunkCountOf(content); ++chunk) {
      sum.Add(id, chunk, hash);
      ++count;
    }
  }
  return PublishFingerprint(sum, count, {});
}

}  // namespace

std::string DocumentId(uint32_t number) {
  constexpr absl::string_view kPrefixes[] = {
      "", absl::string_view("\0", 1), absl::string_view("a\0\x01", 3), "z\n"};
  return absl::StrCat(kPrefixes[number % 4], "id", number);
}

std::string TypeOf(uint32_t content) { return absl::StrCat("T", content % 3); }

const ModelCommit* ModelDomain::Find(const std::string& commit) const {
  for (const auto* map : {&commits, &deleted}) {
    if (const auto found = map->find(commit); found != map->end()) {
      return &found->second;
    }
  }
  return nullptr;
}

std::map<std::string, const ModelCommit*> ModelDomain::History(
    std::vector<std::string> pending) const {
  std::map<std::string, const ModelCommit*> history;
  while (!pending.empty()) {
    const std::string name = std::move(pending.back());
    pending.pop_back();
    const ModelCommit* commit = Find(name);
    if (commit != nullptr && history.emplace(name, commit).second) {
      pending.insert(pending.end(), commit->parents.begin(),
                     commit->parents.end());
    }
  }
  return history;
}

std::vector<ModelDomain::Ancestor> ModelDomain::ParentsOf(
    const ModelCommit& commit) const {
  std::vector<Ancestor> parents;
  for (size_t i = 0; i < commit.parents.size(); ++i) {
    const ModelCommit* parent = Find(commit.parents[i]);
    if (parent != nullptr) {
      parents.emplace_back(commit.parents[i], commit.parent_fingerprints[i] !=
                                                  parent->fingerprint);
    }
  }
  return parents;
}

std::set<ModelDomain::Ancestor> ModelDomain::AncestorsOf(
    std::vector<Ancestor> pending) const {
  std::set<Ancestor> ancestors;
  while (!pending.empty()) {
    const Ancestor ancestor = std::move(pending.back());
    pending.pop_back();
    const auto& [name, was_replaced] = ancestor;
    if (!ancestors.insert(ancestor).second || was_replaced) {
      continue;
    }
    // One side had the name, and the other one has it: that is worth an error
    // that says so.
    pending.emplace_back(name, true);
    const std::vector<Ancestor> parents = ParentsOf(*Find(name));
    pending.insert(pending.end(), parents.begin(), parents.end());
  }
  return ancestors;
}

bool ModelDomain::IsUsed(const std::string& commit, absl::Time now) const {
  return std::ranges::any_of(
             branches,
             [&](const auto& entry) { return entry.second.head == commit; }) ||
         std::ranges::any_of(leases, [&](const auto& entry) {
           return entry.second.commit == commit &&
                  entry.second.expire_time > now;
         });
}

bool ModelDomain::Descends(const std::string& commit,
                           const std::string& ancestor) const {
  return History({commit}).contains(ancestor);
}

std::vector<std::string> ModelDomain::Expired(const RetentionPolicy& policy,
                                              absl::Time now) const {
  if (!policy.has_rules()) {
    return {};
  }
  std::vector<std::pair<absl::Time, std::string>> newest_first;
  for (const auto& [name, commit] : commits) {
    newest_first.emplace_back(commit.create_time, name);
  }
  std::ranges::sort(newest_first, std::greater());
  std::vector<std::string> heads;
  for (const std::string& branch : policy.keep_branches) {
    if (const auto found = branches.find(branch); found != branches.end()) {
      heads.push_back(found->second.head);
    }
  }
  const auto kept_history = History(heads);
  std::vector<std::string> expired;
  for (size_t i = 0; i < newest_first.size(); ++i) {
    const auto& [create_time, name] = newest_first[i];
    const bool is_kept = i == 0 || i < policy.keep_last_count ||
                         now - create_time < policy.keep_younger_than ||
                         IsUsed(name, now) || kept_history.contains(name);
    if (!is_kept) {
      expired.push_back(name);
    }
  }
  return expired;
}

ModelMerge ModelDomain::Merge(const std::string& ours,
                              const std::string& theirs,
                              ConflictPolicy policy) const {
  // The common ancestors that no other common ancestor descends from.
  const auto of_ours = AncestorsOf({{ours, false}});
  const auto of_theirs = AncestorsOf({{theirs, false}});
  std::vector<Ancestor> behind;
  std::vector<Ancestor> common;
  for (const Ancestor& ancestor : of_ours) {
    if (of_theirs.contains(ancestor)) {
      common.push_back(ancestor);
      if (!ancestor.second) {
        const std::vector<Ancestor> parents = ParentsOf(*Find(ancestor.first));
        behind.insert(behind.end(), parents.begin(), parents.end());
      }
    }
  }
  const auto not_best = AncestorsOf(behind);
  std::vector<std::tuple<bool, absl::Duration, std::string>> bases;
  for (const Ancestor& ancestor : common) {
    if (!not_best.contains(ancestor)) {
      const auto& [name, was_replaced] = ancestor;
      const ModelCommit& commit = *Find(name);
      bases.emplace_back(was_replaced || commit.snapshot == nullptr,
                         absl::UnixEpoch() - commit.create_time, name);
    }
  }
  if (bases.empty()) {
    return {.reason = "MERGE_BASE_NOT_FOUND", .snapshot = nullptr};
  }
  const auto& [is_deleted, age, base_name] = *std::ranges::min_element(bases);
  if (is_deleted) {
    return {.reason = "MERGE_BASE_DELETED", .snapshot = nullptr};
  }
  const Snapshot& base = *commits.at(base_name).snapshot;
  const Snapshot& left = *commits.at(ours).snapshot;
  const Snapshot& right = *commits.at(theirs).snapshot;
  Snapshot ids = base;
  ids.insert(left.begin(), left.end());
  ids.insert(right.begin(), right.end());
  auto merged = std::make_shared<Snapshot>();
  for (const auto& [id, content] : ids) {
    const auto in_base = ContentOf(base, id);
    const auto in_left = ContentOf(left, id);
    const auto in_right = ContentOf(right, id);
    const bool is_conflict =
        in_left != in_base && in_right != in_base && in_left != in_right;
    if (is_conflict && policy == ConflictPolicy::kFail) {
      return {.reason = "MERGE_CONFLICTS", .snapshot = nullptr};
    }
    const bool takes_theirs =
        is_conflict ? policy == ConflictPolicy::kTheirs : in_left == in_base;
    if (const auto& taken = takes_theirs ? in_right : in_left;
        taken.has_value()) {
      merged->emplace(id, *taken);
    }
  }
  return {.reason = "", .snapshot = std::move(merged)};
}

void ModelDomain::Add(const std::string& commit,
                      std::shared_ptr<const Snapshot> snapshot,
                      std::vector<std::string> parents,
                      absl::Time create_time) {
  ModelCommit made = {.snapshot = std::move(snapshot),
                      .parents = std::move(parents),
                      .create_time = create_time};
  made.fingerprint = FingerprintOf(*made.snapshot);
  for (const std::string& parent : made.parents) {
    made.parent_fingerprints.push_back(Find(parent)->fingerprint);
  }
  deleted.erase(commit);
  commits[commit] = std::move(made);
}

void ModelDomain::Delete(const std::string& commit) {
  auto node = commits.extract(commit);
  node.mapped().snapshot = nullptr;
  deleted.insert(std::move(node));
}

std::vector<uint32_t> Model::PresentBackups() const {
  std::vector<uint32_t> present;
  for (const auto& [id, backup] : backups) {
    if (backup.presence != ModelBackup::Presence::kMayReturn) {
      present.push_back(id);
    }
  }
  return present;
}

void Model::SettleBackups(const std::vector<uint32_t>& found) {
  std::erase_if(backups, [&found](const auto& entry) {
    return !std::ranges::binary_search(found, entry.first);
  });
  for (auto& [id, backup] : backups) {
    backup.presence = ModelBackup::Presence::kSure;
  }
}

}  // namespace copse
