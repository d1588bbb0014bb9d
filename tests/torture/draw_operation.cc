// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "index/split_mix.h"
#include "tests/torture/model.h"
#include "tests/torture/operation.h"

namespace copse {
namespace {

constexpr size_t kBranchCount = 4;
constexpr size_t kLeaseCount = 3;
constexpr uint32_t kUnknownBackup = 1'000'000;

// About so many commits a domain has: more are deleted sooner.
constexpr size_t kCommitCountWanted = 40;

// How often each kind is drawn, in thousandths.
struct Weight {
  OperationKind kind;
  uint64_t weight;
};
constexpr Weight kWeights[] = {
    {OperationKind::kPush, 420},        {OperationKind::kPushOntoDeleted, 25},
    {OperationKind::kAssign, 45},       {OperationKind::kMerge, 90},
    {OperationKind::kDeleteCommit, 90}, {OperationKind::kCreateBranch, 30},
    {OperationKind::kUpdateBranch, 35}, {OperationKind::kDeleteBranch, 15},
    {OperationKind::kCreateLease, 20},  {OperationKind::kDeleteLease, 10},
    {OperationKind::kSetRetention, 8},  {OperationKind::kCollect, 40},
    {OperationKind::kRead, 50},         {OperationKind::kDiff, 40},
    {OperationKind::kVerify, 6},        {OperationKind::kOpenReader, 20},
    {OperationKind::kCheckReaders, 15}, {OperationKind::kReopen, 8},
    {OperationKind::kTogether, 31},     {OperationKind::kDeleteDomain, 2},
    {OperationKind::kCreateBackup, 12}, {OperationKind::kDeleteBackups, 4},
    {OperationKind::kRestore, 8},
};

// Draws operations of one domain.
class Drawer {
 public:
  Drawer(Model& model, std::string name, internal::SplitMix& random)
      : model_(model), name_(std::move(name)), random_(random) {}

  Operation Draw();

 private:
  const ModelDomain& domain() const { return model_.domains.at(name_); }
  bool OneIn(uint64_t count) { return random_.Below(count) == 0; }

  template <typename Map>
  std::string DrawName(const Map& map) {
    auto entry = map.begin();
    std::advance(entry, random_.Below(map.size()));
    return entry->first;
  }
  std::string DrawCommit() { return DrawName(domain().commits); }
  std::string DrawBranch() {
    return absl::StrCat("b", random_.Below(kBranchCount));
  }
  std::string NewCommit() { return absl::StrCat("c", model_.next_commit++); }

  // Draws a new ID, or one that was deleted and may have `parents`.
  std::string DrawNewCommit(const std::vector<std::string>& parents);
  // Returns a commit that may be deleted, or "".
  std::string DrawUnused();
  void DrawEdits(Operation& push);
  // Draws the branch that a new commit moves, unless `expected` is an error.
  void DrawMove(Operation& operation);
  void SetVersion(Operation& operation) const;

  void DrawPush(Operation& push);
  void DrawAssign(Operation& operation);
  void DrawMerge(Operation& operation);
  void DrawDelete(Operation& operation);
  void DrawBranchOperation(Operation& operation);
  void DrawLeaseOperation(Operation& operation);
  void DrawCollect(Operation& operation);
  RetentionPolicy DrawRetention();
  void DrawTogether(Operation& operation);
  void DrawCreateBackup(Operation& operation);
  void DrawDeleteBackups(Operation& operation);
  void DrawRestore(Operation& operation);
  // Returns all but the newest `kept_count` backups.
  std::vector<uint32_t> ExpiredBackups(size_t kept_count) const;
  // Of the domain as it is; false if there is none of this kind now.
  bool DrawKind(Operation& operation);

  Model& model_;
  const std::string name_;
  internal::SplitMix& random_;
};

std::string Drawer::DrawNewCommit(const std::vector<std::string>& parents) {
  if (!domain().deleted.empty() && OneIn(12)) {
    std::string commit = DrawName(domain().deleted);
    // Nothing descends from itself.
    const bool is_behind =
        std::ranges::any_of(parents, [&](const std::string& parent) {
          return domain().Descends(parent, commit);
        });
    if (!is_behind) {
      return commit;
    }
  }
  return NewCommit();
}

std::string Drawer::DrawUnused() {
  for (int i = 0; i < 5; ++i) {
    std::string commit = DrawCommit();
    if (!domain().IsUsed(commit, model_.now)) {
      return commit;
    }
  }
  return "";
}

void Drawer::DrawEdits(Operation& push) {
  const Snapshot parent = push.parent.empty()
                              ? Snapshot()
                              : *domain().commits.at(push.parent).snapshot;
  auto snapshot = std::make_shared<Snapshot>(parent);
  // Some change half of everything.
  const uint64_t count_max = OneIn(10) ? 80 : 14;
  for (uint64_t i = random_.Below(count_max); i > 0; --i) {
    Edit edit = {
        .kind = Edit::Kind::kUpsert,
        .id = DocumentId(static_cast<uint32_t>(random_.Below(kDocumentCount))),
        .content = static_cast<uint32_t>(random_.Below(kContentCount))};
    const auto in_parent = parent.find(edit.id);
    switch (random_.Below(6)) {
      case 0:
        edit.kind = Edit::Kind::kDelete;
        snapshot->erase(edit.id);
        break;
      case 1:
        edit.kind = Edit::Kind::kKeep;
        snapshot->erase(edit.id);
        if (in_parent != parent.end()) {
          snapshot->emplace(edit.id, in_parent->second);
        }
        break;
      default:
        (*snapshot)[edit.id] = edit.content;
    }
    push.edits.push_back(std::move(edit));
  }
  push.snapshot = std::move(snapshot);
}

void Drawer::SetVersion(Operation& operation) const {
  const auto branch = domain().branches.find(operation.branch);
  operation.branch_version =
      branch == domain().branches.end() ? 1 : branch->second.version + 1;
}

void Drawer::DrawMove(Operation& operation) {
  if (!OneIn(3)) {
    return;
  }
  operation.branch = DrawBranch();
  SetVersion(operation);
  const auto branch = domain().branches.find(operation.branch);
  const std::string head =
      branch == domain().branches.end() ? "" : branch->second.head;
  if (OneIn(2)) {
    operation.expected_head = OneIn(6) ? "elsewhere" : head;
    if (operation.expected_head != head && !operation.is_without_effect) {
      operation.expected = {"BRANCH_MOVED"};
    }
  }
}

void Drawer::DrawPush(Operation& push) {
  if (!domain().commits.empty() && !OneIn(15)) {
    push.parent = DrawCommit();
  }
  push.commit = DrawNewCommit({push.parent});
  push.is_without_effect = OneIn(14);
  DrawEdits(push);
  if (OneIn(40)) {
    push.parent = "unknown";
    push.expected = {"PARENT_COMMIT_NOT_FOUND"};
  } else if (!domain().commits.empty() && OneIn(40)) {
    push.commit = DrawCommit();
    push.expected = {"COMMIT_EXISTS"};
  } else {
    DrawMove(push);
  }
}

void Drawer::DrawAssign(Operation& operation) {
  operation.parent = DrawCommit();
  const ModelCommit& source = domain().commits.at(operation.parent);
  operation.snapshot = source.snapshot;
  if (OneIn(5)) {
    operation.commit = DrawCommit();
    const ModelCommit& target = domain().commits.at(operation.commit);
    operation.expected = {
        *target.snapshot == *source.snapshot ? "" : "COMMIT_EXISTS"};
    operation.is_without_effect = true;
  } else {
    operation.commit = DrawNewCommit({operation.parent});
  }
}

void Drawer::DrawMerge(Operation& operation) {
  operation.parent = DrawCommit();
  operation.theirs = DrawCommit();
  operation.commit = DrawNewCommit({operation.parent, operation.theirs});
  operation.conflict_policy = static_cast<ConflictPolicy>(random_.Below(3));
  ModelMerge merge = domain().Merge(operation.parent, operation.theirs,
                                    operation.conflict_policy);
  operation.snapshot = std::move(merge.snapshot);
  operation.expected = {merge.reason};
  if (merge.reason.empty()) {
    DrawMove(operation);
  }
}

void Drawer::DrawDelete(Operation& operation) {
  const bool is_unknown = OneIn(30);
  operation.commit = is_unknown ? "unknown" : DrawCommit();
  if (is_unknown) {
    operation.expected = {"COMMIT_NOT_FOUND"};
  } else if (domain().IsUsed(operation.commit, model_.now)) {
    operation.expected = {"COMMIT_IN_USE"};
  }
}

void Drawer::DrawBranchOperation(Operation& operation) {
  operation.branch = DrawBranch();
  SetVersion(operation);
  const auto branch = domain().branches.find(operation.branch);
  const bool exists = branch != domain().branches.end();
  if (operation.kind == OperationKind::kCreateBranch) {
    operation.commit = DrawCommit();
    operation.expected = {exists ? "BRANCH_EXISTS" : ""};
    return;
  }
  operation.expected = {exists ? "" : "BRANCH_NOT_FOUND"};
  if (operation.kind == OperationKind::kUpdateBranch) {
    operation.commit = DrawCommit();
    if (exists && OneIn(2)) {
      operation.expected_head = OneIn(5) ? "elsewhere" : branch->second.head;
      operation.expected = {*operation.expected_head == branch->second.head
                                ? ""
                                : "BRANCH_MOVED"};
    }
  }
}

void Drawer::DrawLeaseOperation(Operation& operation) {
  operation.lease = absl::StrCat("l", random_.Below(kLeaseCount));
  const auto lease = domain().leases.find(operation.lease);
  const bool exists = lease != domain().leases.end();
  if (operation.kind == OperationKind::kDeleteLease) {
    // One that has expired may be gone or not.
    const bool is_live = exists && lease->second.expire_time > model_.now;
    operation.expected = {is_live ? "" : "LEASE_NOT_FOUND"};
    if (exists && !is_live) {
      operation.expected.emplace_back("");
    }
    return;
  }
  operation.commit = DrawCommit();
  operation.expire_time = model_.now + absl::Seconds(1 + random_.Below(60));
  const bool is_elsewhere = exists && lease->second.expire_time > model_.now &&
                            lease->second.commit != operation.commit;
  operation.expected = {is_elsewhere ? "LEASE_EXISTS" : ""};
}

RetentionPolicy Drawer::DrawRetention() {
  RetentionPolicy policy;
  if (OneIn(2)) {
    policy.keep_last_count = static_cast<uint32_t>(10 + random_.Below(30));
  }
  if (OneIn(3)) {
    policy.keep_younger_than = absl::Seconds(20 + random_.Below(200));
  }
  if (OneIn(3)) {
    policy.keep_branches = {DrawBranch()};
  }
  return policy;
}

void Drawer::DrawCollect(Operation& operation) {
  operation.overrides_retention = OneIn(3);
  operation.retention =
      operation.overrides_retention ? DrawRetention() : domain().retention;
  operation.expired = domain().Expired(operation.retention, model_.now);
}

// Pushes onto a commit that is deleted, beside collections and reads.
void Drawer::DrawTogether(Operation& operation) {
  const std::string victim = DrawUnused();
  std::vector<Operation> parts;
  const Operation blank = {
      .kind = OperationKind::kPush, .domain = name_, .seed = random_.Next()};
  for (uint64_t i = 1 + random_.Below(2); i > 0; --i) {
    Operation push = blank;
    const bool is_risky = !victim.empty() && OneIn(2);
    push.parent = is_risky ? victim : DrawCommit();
    if (push.parent == victim) {
      push.expected.emplace_back("PARENT_COMMIT_NOT_FOUND");
    }
    push.commit = NewCommit();
    DrawEdits(push);
    parts.push_back(std::move(push));
  }
  if (!victim.empty()) {
    Operation deletion = blank;
    deletion.kind = OperationKind::kDeleteCommit;
    deletion.commit = victim;
    parts.push_back(std::move(deletion));
  }
  for (uint64_t i = 1 + random_.Below(2); i > 0; --i) {
    Operation collect = blank;
    collect.kind = OperationKind::kCollect;
    collect.overrides_retention = true;
    collect.expected.emplace_back("COLLECTION_IN_FLIGHT");
    parts.push_back(std::move(collect));
  }
  Operation read = blank;
  read.kind = OperationKind::kRead;
  read.commit = DrawCommit();
  if (read.commit != victim) {
    parts.push_back(std::move(read));
  }
  if (OneIn(4)) {
    Operation backup = {.kind = OperationKind::kCreateBackup};
    DrawCreateBackup(backup);
    backup.contents.beside =
        std::make_shared<const std::vector<Operation>>(parts);
    parts.push_back(std::move(backup));
  }
  operation.parts =
      std::make_shared<const std::vector<Operation>>(std::move(parts));
}

std::vector<uint32_t> Drawer::ExpiredBackups(size_t kept_count) const {
  std::vector<uint32_t> backups = model_.PresentBackups();
  backups.resize(backups.size() - std::min(backups.size(), kept_count));
  return backups;
}

void Drawer::DrawCreateBackup(Operation& operation) {
  operation.contents.domains =
      std::make_shared<const ModelDomains>(model_.domains);
  if (!OneIn(3)) {
    operation.kept_backup_count = static_cast<int64_t>(1 + random_.Below(4));
    // The new one is among those kept.
    operation.expired_backups =
        ExpiredBackups(static_cast<size_t>(operation.kept_backup_count - 1));
  }
}

void Drawer::DrawDeleteBackups(Operation& operation) {
  operation.kept_backup_count = static_cast<int64_t>(1 + random_.Below(3));
  operation.expired_backups =
      ExpiredBackups(static_cast<size_t>(operation.kept_backup_count));
}

void Drawer::DrawRestore(Operation& operation) {
  const std::vector<uint32_t> present = model_.PresentBackups();
  operation.data_folder = model_.next_data_folder++;
  if (present.empty() || OneIn(10)) {
    operation.backup = present.empty() ? 0 : kUnknownBackup;
    operation.expected = {"BACKUP_NOT_FOUND"};
    return;
  }
  operation.source_backup =
      OneIn(2) ? present.back() : present[random_.Below(present.size())];
  const bool takes_newest =
      operation.source_backup == present.back() && OneIn(2);
  operation.backup = takes_newest ? 0 : operation.source_backup;
  if (OneIn(5)) {
    operation.data_folder = model_.data_folder;
    operation.expected = {"DATA_FOLDER_NOT_EMPTY"};
  }
}

bool Drawer::DrawKind(Operation& operation) {
  const bool is_empty = domain().commits.empty();
  switch (operation.kind) {
    case OperationKind::kPush:
      DrawPush(operation);
      return true;
    case OperationKind::kDeleteDomain:
    case OperationKind::kVerify:
    case OperationKind::kReopen:
    case OperationKind::kCheckReaders:
      return true;
    case OperationKind::kSetRetention:
      operation.retention = DrawRetention();
      return true;
    case OperationKind::kCollect:
      DrawCollect(operation);
      return true;
    case OperationKind::kCreateBackup:
      DrawCreateBackup(operation);
      return true;
    case OperationKind::kDeleteBackups:
      DrawDeleteBackups(operation);
      return true;
    case OperationKind::kRestore:
      DrawRestore(operation);
      return true;
    default:
      break;
  }
  if (is_empty) {
    return false;
  }
  switch (operation.kind) {
    case OperationKind::kPushOntoDeleted:
      operation.parent = DrawUnused();
      if (operation.parent.empty()) {
        return false;
      }
      operation.commit = NewCommit();
      DrawEdits(operation);
      return true;
    case OperationKind::kAssign:
      DrawAssign(operation);
      return true;
    case OperationKind::kMerge:
      DrawMerge(operation);
      return true;
    case OperationKind::kDeleteCommit:
      DrawDelete(operation);
      return true;
    case OperationKind::kCreateBranch:
    case OperationKind::kUpdateBranch:
    case OperationKind::kDeleteBranch:
      DrawBranchOperation(operation);
      return true;
    case OperationKind::kCreateLease:
    case OperationKind::kDeleteLease:
      DrawLeaseOperation(operation);
      return true;
    case OperationKind::kRead:
    case OperationKind::kOpenReader:
      operation.commit = DrawCommit();
      return true;
    case OperationKind::kDiff:
      operation.commit = DrawCommit();
      operation.parent = DrawCommit();
      return true;
    case OperationKind::kTogether:
      DrawTogether(operation);
      return true;
    default:
      return false;
  }
}

Operation Drawer::Draw() {
  uint64_t sum = 0;
  for (const Weight& entry : kWeights) {
    sum += entry.weight;
  }
  for (;;) {
    uint64_t draw = random_.Below(sum);
    const Weight* entry = kWeights;
    while (draw >= entry->weight) {
      draw -= entry->weight;
      ++entry;
    }
    Operation operation = {.kind = entry->kind, .domain = name_};
    operation.seed = random_.Next();
    if (operation.kind == OperationKind::kPush &&
        domain().commits.size() > kCommitCountWanted && OneIn(4)) {
      operation.kind = OperationKind::kDeleteCommit;
    }
    if (DrawKind(operation)) {
      return operation;
    }
  }
}

}  // namespace

Operation DrawOperation(Model& model, internal::SplitMix& random) {
  model.now += absl::Seconds(1);
  const DomainShape& shape =
      kDomainShapes[random.Below(std::size(kDomainShapes))];
  if (!model.domains.contains(shape.name)) {
    return {.kind = OperationKind::kCreateDomain, .domain = shape.name};
  }
  return Drawer(model, shape.name, random).Draw();
}

}  // namespace copse
