// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/domain_replacement.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/commit_builder_impl.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/diff.h"
#include "versioning/document.h"
#include "versioning/domain_replacement_impl.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/row_reader.h"
#include "versioning/storage_errors.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

using Check = std::function<absl::Status()>;
using Reader = std::shared_ptr<const CommitReaderImpl>;

// Where no ancestor that is left is found among so many, another commit serves.
constexpr size_t kVisitedAncestorCountMax = 1000;

// Documents that are read at once.
constexpr size_t kBatchRowCount = 256;

absl::Status Ask(const Check& check) {
  return check == nullptr ? absl::OkStatus() : check();
}

absl::Status DocumentWithoutTextError(absl::string_view domain,
                                      absl::string_view commit,
                                      absl::string_view document_id) {
  const std::string shown = CutText(document_id, 200);
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "document '%s' in commit '%s' of domain '%s' was pushed with a "
          "vector, so there is no text to make another one of",
          shown, ShownName(commit), ShownName(domain))),
      "DOCUMENT_WITHOUT_TEXT",
      {{"domain", std::string(domain)},
       {"commit", std::string(commit)},
       {"document_id", shown}});
}

// Calls `visit` with each record of a commit, also of deleted ones.
absl::Status ForEachRecord(
    const Domain& domain, const Check& check,
    const std::function<absl::Status(std::string commit, Manifest manifest)>&
        visit) {
  MetaCursor cursor = domain.database().NewCursor(
      MetaTable::kCommits, CommitRange(domain.number()), CacheUse::kSpare);
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    COPSE_RETURN_IF_ERROR(Ask(check));
    COPSE_ASSIGN_OR_RETURN(std::string commit, ParseCommitKey(cursor.key()));
    absl::StatusOr<Manifest> manifest = Manifest::Parse(cursor.value());
    if (!manifest.ok()) {
      return AnnotateStored(
          manifest.status(),
          absl::StrFormat("manifest of commit '%s'", ShownName(commit)));
    }
    COPSE_RETURN_IF_ERROR(visit(std::move(commit), *std::move(manifest)));
  }
  return cursor.status();
}

// ---- Order -----------------------------------------------------------------

struct MissingCommit {
  std::string commit;
  std::vector<std::string> parents;
  absl::Time create_time;
};

// Returns the commits in the order of their creation, but parents first.
// Names that were given again may go in circles: there the order is broken.
std::vector<std::string> ParentsFirst(std::vector<MissingCommit> missing) {
  std::ranges::stable_sort(missing, {}, &MissingCommit::create_time);
  absl::flat_hash_map<absl::string_view, size_t> places;
  for (size_t i = 0; i < missing.size(); ++i) {
    places[missing[i].commit] = i;
  }
  std::vector<std::string> ordered;
  std::vector<bool> is_begun(missing.size());
  // A commit is on the path again when its parents are done.
  std::vector<std::pair<size_t, size_t>> path;  // With the parent that is next.
  for (size_t first = 0; first < missing.size(); ++first) {
    if (is_begun[first]) {
      continue;
    }
    is_begun[first] = true;
    path.emplace_back(first, 0);
    while (!path.empty()) {
      auto& [place, next] = path.back();
      if (next == missing[place].parents.size()) {
        ordered.push_back(missing[place].commit);
        path.pop_back();
        continue;
      }
      const auto parent = places.find(missing[place].parents[next++]);
      if (parent != places.end() && !is_begun[parent->second]) {
        is_begun[parent->second] = true;
        path.emplace_back(parent->second, 0);
      }
    }
  }
  return ordered;
}

// ---- What a commit changed -------------------------------------------------

// Calls a visitor with what differs between two commits of a domain.
class ChangeReader {
 public:
  // `base` is null for a commit that is compared with nothing.
  ChangeReader(std::shared_ptr<Domain> domain, Reader base, Reader commit)
      : domain_(std::move(domain)),
        base_(std::move(base)),
        commit_(std::move(commit)) {}

  absl::Status ForEach(const ReplayVisitor& visitor) const {
    return domain_->ExplainError(base_ == nullptr ? VisitAll(visitor)
                                                  : VisitChanges(visitor));
  }

 private:
  absl::Status VisitAll(const ReplayVisitor& visitor) const {
    const std::vector<Ordinal> ordinals = commit_->live().ToVector();
    for (std::span<const Ordinal> rest(ordinals); !rest.empty();) {
      const size_t count = std::min(rest.size(), kBatchRowCount);
      COPSE_ASSIGN_OR_RETURN(
          std::vector<RowRecord> rows,
          ReadRows(domain_->database(), domain_->number(), rest.first(count)));
      rest = rest.subspan(count);
      COPSE_RETURN_IF_ERROR(Ask(visitor.check));
      for (RowRecord& row : rows) {
        if (row.chunk == 0) {
          COPSE_RETURN_IF_ERROR(VisitRow(std::move(row), visitor));
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status VisitRow(RowRecord row, const ReplayVisitor& visitor) const {
    StoredDocument document = {.id = std::move(row.document_id),
                               .type = std::move(row.type),
                               .attributes = std::move(row.attributes),
                               .content_hash = row.content_hash};
    if (row.has_text) {
      COPSE_ASSIGN_OR_RETURN(document.text,
                             domain_->texts().Get(row.content_hash));
    }
    return VisitDocument(std::move(document), visitor);
  }

  absl::Status VisitChanges(const ReplayVisitor& visitor) const {
    return DiffRows(
        *domain_, base_->live(), commit_->live(), {.check = visitor.check},
        [&](const DocumentChange& change) -> absl::Status {
          COPSE_RETURN_IF_ERROR(Ask(visitor.check));
          if (change.kind == DocumentChange::Kind::kDeleted) {
            return visitor.on_delete(change.document_id);
          }
          COPSE_ASSIGN_OR_RETURN(
              std::optional<StoredDocument> document,
              commit_->GetDocument(change.document_id, {.text = true}));
          if (!document.has_value()) {
            return DataDamagedError(
                absl::StrFormat("commit '%s'",
                                ShownName(commit_->info().commit)),
                absl::StrFormat("document '%s' is missing",
                                CutText(change.document_id, 200)));
          }
          return VisitDocument(*std::move(document), visitor);
        });
  }

  absl::Status VisitDocument(StoredDocument stored,
                             const ReplayVisitor& visitor) const {
    Document document;
    document.id = std::move(stored.id);
    document.type = std::move(stored.type);
    document.attributes = std::move(stored.attributes);
    document.text = std::move(stored.text);
    // The hash of one that came with a vector covers it, too.
    if (!document.text.has_value() ||
        HashContent(document) != stored.content_hash) {
      return DocumentWithoutTextError(domain_->name(), commit_->info().commit,
                                      document.id);
    }
    return visitor.on_document(std::move(document));
  }

  const std::shared_ptr<Domain> domain_;
  const Reader base_;
  const Reader commit_;
};

class CommitReplayImpl final : public CommitReplay {
 public:
  CommitReplayImpl(ChangeReader changes, std::unique_ptr<CommitBuilder> builder)
      : changes_(std::move(changes)), builder_(std::move(builder)) {}

  absl::Status ForEachChange(const ReplayVisitor& visitor) override {
    return changes_.ForEach(visitor);
  }
  std::unique_ptr<CommitBuilder> TakeBuilder() override {
    return std::move(builder_);
  }

 private:
  const ChangeReader changes_;
  std::unique_ptr<CommitBuilder> builder_;
};

}  // namespace

// ---- The replacement -------------------------------------------------------

DomainReplacementImpl::DomainReplacementImpl(StoreImpl& store,
                                             std::shared_ptr<Domain> source,
                                             std::shared_ptr<Domain> target)
    : store_(store),
      source_(std::move(source)),
      target_(std::move(target)),
      options_(target_->options()) {}

DomainReplacementImpl::~DomainReplacementImpl() {
  source_->ReleasePublications();
}

absl::StatusOr<bool> DomainReplacementImpl::IsBuilt(
    const std::string& commit, const Manifest& source) const {
  COPSE_ASSIGN_OR_RETURN(const std::optional<Manifest> built,
                         target_->FindManifest(commit));
  return built.has_value() && built->create_time == source.create_time;
}

absl::StatusOr<bool> DomainReplacementImpl::MustBuild(const std::string& commit,
                                                      const Manifest& source) {
  COPSE_ASSIGN_OR_RETURN(const std::optional<Manifest> built,
                         target_->FindManifest(commit));
  if (built.has_value() && !source.is_skeleton &&
      built->create_time == source.create_time) {
    return false;
  }
  if (built.has_value()) {
    // It was deleted, and perhaps pushed anew.
    COPSE_RETURN_IF_ERROR(target_->DeleteCommit(commit));
    target_->context().pool.Erase({target_->number(), commit});
  }
  return !source.is_skeleton;
}

absl::StatusOr<ReplacementRound> DomainReplacementImpl::BeginRound(
    const Check& check) {
  COPSE_RETURN_IF_ERROR(source_->CheckExists());
  ReplacementRound round = {.change_count = source_->change_count()};
  std::vector<MissingCommit> missing;
  COPSE_RETURN_IF_ERROR(ForEachRecord(
      *source_, check,
      [&](std::string commit, Manifest manifest) -> absl::Status {
        COPSE_ASSIGN_OR_RETURN(const bool must_build,
                               MustBuild(commit, manifest));
        if (must_build) {
          round.document_count +=
              manifest.inserted_count + manifest.replaced_count;
          missing.push_back({.commit = std::move(commit),
                             .parents = std::move(manifest.parent_commits),
                             .create_time = manifest.create_time});
        }
        return absl::OkStatus();
      }));
  COPSE_RETURN_IF_ERROR(source_->CheckExists());
  round.commits = ParentsFirst(std::move(missing));
  return round;
}

absl::StatusOr<std::string> DomainReplacementImpl::ChooseBase(
    const Manifest& manifest, const std::string& last, bool is_built) const {
  const auto serves = [&](const std::string& commit,
                          const Manifest& record) -> absl::StatusOr<bool> {
    return record.is_skeleton || !is_built ? !record.is_skeleton
                                           : IsBuilt(commit, record);
  };
  std::deque<std::string> waiting(manifest.parent_commits.begin(),
                                  manifest.parent_commits.end());
  std::set<std::string> seen(waiting.begin(), waiting.end());
  while (!waiting.empty() && seen.size() <= kVisitedAncestorCountMax) {
    const std::string commit = std::move(waiting.front());
    waiting.pop_front();
    COPSE_ASSIGN_OR_RETURN(const std::optional<Manifest> record,
                           source_->FindRecord(commit));
    if (!record.has_value()) {
      continue;
    }
    COPSE_ASSIGN_OR_RETURN(const bool is_base, serves(commit, *record));
    if (is_base) {
      return commit;
    }
    for (const std::string& parent : record->parent_commits) {
      if (seen.insert(parent).second) {
        waiting.push_back(parent);
      }
    }
  }
  COPSE_ASSIGN_OR_RETURN(const std::optional<Manifest> record,
                         source_->FindRecord(last));
  if (last.empty() || !record.has_value()) {
    return std::string();
  }
  COPSE_ASSIGN_OR_RETURN(const bool is_base, serves(last, *record));
  return is_base ? last : std::string();
}

absl::Status DomainReplacementImpl::CheckTexts(const std::string& commit,
                                               const Check& check) {
  const absl::StatusOr<Manifest> manifest = source_->GetManifest(commit);
  if (absl::IsNotFound(manifest.status())) {
    return source_->CheckExists();  // Deleted: nothing to be checked.
  }
  COPSE_RETURN_IF_ERROR(manifest.status());
  COPSE_ASSIGN_OR_RETURN(const std::string base_commit,
                         ChooseBase(*manifest, last_checked_, false));
  Reader base;
  if (!base_commit.empty()) {
    COPSE_ASSIGN_OR_RETURN(base, store_.OpenReader(source_, base_commit));
  }
  COPSE_ASSIGN_OR_RETURN(Reader reader, store_.OpenReader(source_, commit));
  last_checked_ = commit;
  return ChangeReader(source_, std::move(base), std::move(reader))
      .ForEach(
          {.on_document = [](const Document&) { return absl::OkStatus(); },
           .on_delete = [](const std::string&) { return absl::OkStatus(); },
           .check = check});
}

absl::Status DomainReplacementImpl::MapParents(const Manifest& source,
                                               Manifest& manifest) const {
  manifest.parent_commits = source.parent_commits;
  manifest.parent_fingerprints.clear();
  for (size_t i = 0; i < source.parent_commits.size(); ++i) {
    const std::string& parent = source.parent_commits[i];
    std::optional<Fingerprint> fingerprint = source.ParentFingerprint(i);
    COPSE_ASSIGN_OR_RETURN(const std::optional<Manifest> found,
                           source_->FindManifest(parent));
    COPSE_ASSIGN_OR_RETURN(const std::optional<Manifest> built,
                           target_->FindManifest(parent));
    // Else the parent is deleted, and what has its name now is another commit.
    if (fingerprint.has_value() && found.has_value() && built.has_value() &&
        found->create_time == built->create_time &&
        found->PublicFingerprint() == fingerprint) {
      fingerprint = built->PublicFingerprint();
    }
    manifest.parent_fingerprints.push_back(fingerprint);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Reader>> DomainReplacementImpl::OpenDonors(
    const Manifest& manifest) {
  std::vector<Reader> donors;
  for (const std::string& parent : manifest.parent_commits) {
    absl::StatusOr<Reader> reader = store_.OpenReader(target_, parent);
    if (reader.ok()) {
      donors.push_back(*std::move(reader));
    } else if (!absl::IsNotFound(reader.status())) {
      return reader.status();
    }
  }
  return donors;
}

absl::StatusOr<std::unique_ptr<CommitReplay>>
DomainReplacementImpl::BeginCommit(const std::string& commit) {
  COPSE_RETURN_IF_ERROR(source_->CheckExists());
  COPSE_ASSIGN_OR_RETURN(Manifest manifest, source_->GetManifest(commit));
  COPSE_ASSIGN_OR_RETURN(const std::string base_commit,
                         ChooseBase(manifest, last_built_, true));
  COPSE_ASSIGN_OR_RETURN(Reader reader, store_.OpenReader(source_, commit));
  CommitOptions options = {.domain = source_->name(),
                           .commit = commit,
                           .parent_commit = base_commit,
                           .commit_time = manifest.commit_time,
                           .author = manifest.author,
                           .message = manifest.message};
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<CommitBuilderImpl> builder,
                         store_.BeginBuilder(target_, options));
  Reader base;
  if (!base_commit.empty()) {
    COPSE_ASSIGN_OR_RETURN(base, store_.OpenReader(source_, base_commit));
  }
  // Another commit may have got a name just now.
  if (reader->info().create_time != manifest.create_time ||
      (base != nullptr &&
       base->info().create_time != builder->parent()->info().create_time)) {
    return CommitNotFoundError(source_->name(), commit);
  }
  ReplayedCommit replayed;
  replayed.manifest = manifest;
  COPSE_RETURN_IF_ERROR(MapParents(manifest, replayed.manifest));
  COPSE_ASSIGN_OR_RETURN(replayed.donors, OpenDonors(manifest));
  builder->Replay(std::move(replayed));
  last_built_ = commit;
  return std::make_unique<CommitReplayImpl>(
      ChangeReader(source_, std::move(base), std::move(reader)),
      std::move(builder));
}

absl::Status DomainReplacementImpl::PutSkeletons() {
  return ForEachRecord(*source_, nullptr,
                       [this](const std::string& commit,
                              const Manifest& manifest) -> absl::Status {
                         if (!manifest.is_skeleton) {
                           return absl::OkStatus();
                         }
                         COPSE_ASSIGN_OR_RETURN(
                             const std::optional<Manifest> record,
                             target_->FindRecord(commit));
                         if (record.has_value()) {
                           return absl::OkStatus();
                         }
                         Manifest skeleton = manifest;
                         COPSE_RETURN_IF_ERROR(MapParents(manifest, skeleton));
                         return target_->PutSkeleton(commit, skeleton);
                       });
}

absl::StatusOr<bool> DomainReplacementImpl::Switch(
    const ReplacementRound& round,
    const std::function<StoredJob()>& make_job_record) {
  if (source_->change_count() != round.change_count) {
    return false;
  }
  COPSE_RETURN_IF_ERROR(PutSkeletons());
  return store_.Replace(source_, target_, round.change_count, make_job_record);
}

}  // namespace copse
