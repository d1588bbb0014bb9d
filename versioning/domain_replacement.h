// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Builds all commits of a domain anew with other vectors, while the domain goes
// on, and puts the result in its place.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<DomainReplacement> replacement,
//                          store.BeginReplacement(options, "job 7"));
//   do {
//     COPSE_ASSIGN_OR_RETURN(const ReplacementRound round,
//                            replacement->BeginRound(check));
//     for (const std::string& commit : round.commits) {
//       COPSE_ASSIGN_OR_RETURN(std::unique_ptr<CommitReplay> replay,
//                              replacement->BeginCommit(commit));
//       ... replay->ForEachChange() into replay->TakeBuilder() ...
//     }
//     COPSE_ASSIGN_OR_RETURN(done, replacement->Switch(round, nullptr));
//   } while (!done);
//
// The domain that is filled has a number of its own, and no name: nobody but
// the owner of the replacement finds it, and no list has it. It is durable, and
// found again by the next process; what is built is not built again.
//
// A commit that is built anew has the ID, parents, branch, times, author,
// message, counts and skipped documents of the one that it was, and the same
// contents; its rows, and with them its fingerprint, are those of the new
// domain. Contents that a commit shares with one of its parents have one row.
// A commit without a parent that is left is compared with an ancestor, or with
// the commit that was built before it. What a deleted commit was is known by
// its old fingerprint only, so that one that is pushed again under its name
// counts as another one.
//
// The switch is one synced write. Whoever writes to the old domain at that
// moment fails with DOMAIN_REPLACED, and finds the new one if it begins anew;
// commits in flight stay so. Who reads the old domain goes on: its space is
// given back when nobody does any more, or at the next start.

#ifndef COPSE_VERSIONING_DOMAIN_REPLACEMENT_H_
#define COPSE_VERSIONING_DOMAIN_REPLACEMENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/commit.h"
#include "versioning/commit_builder.h"
#include "versioning/document.h"
#include "versioning/job_record.h"

namespace copse {

// A replacement that was begun.
struct ReplacementInfo {
  std::string owner = {};

  // Of the domain that is filled.
  DomainOptions options = {};
};

// What there is to be built before the switch.
struct ReplacementRound {
  // Parents first.
  std::vector<std::string> commits = {};

  // Documents that they changed.
  int64_t document_count = 0;

  // Of the domain to be replaced, when the round began.
  uint64_t change_count = 0;
};

// Hears what a commit changed. A status that is not OK ends the call.
struct ReplayVisitor {
  std::function<absl::Status(Document document)> on_document;
  std::function<absl::Status(const std::string& document_id)> on_delete;

  // Asked now and then; may be null.
  std::function<absl::Status()> check = nullptr;
};

// A commit that is being built anew. It must not outlive its replacement.
//
// Thread safety: one thread at a time.
class CommitReplay {
 public:
  virtual ~CommitReplay() = default;

  // Calls `visitor` with every document that differs from what the builder
  // begins with: its text and attributes, without vectors. Fails with
  // kFailedPrecondition, DOCUMENT_WITHOUT_TEXT, naming the document, for one
  // that was pushed with a vector.
  virtual absl::Status ForEachChange(const ReplayVisitor& visitor) = 0;

  // Returns the builder, once.
  virtual std::unique_ptr<CommitBuilder> TakeBuilder() = 0;
};

// Thread safety: one thread at a time. It must not outlive its store.
class DomainReplacement {
 public:
  virtual ~DomainReplacement() = default;

  // Of the domain that is filled.
  virtual const DomainOptions& options() const = 0;

  // Compares both domains: deletes from the new one what was deleted from the
  // old one, and returns what is to be built. Fails with DOMAIN_NOT_FOUND if
  // the domain was deleted.
  virtual absl::StatusOr<ReplacementRound> BeginRound(
      const std::function<absl::Status()>& check) = 0;

  // Fails as CommitReplay::ForEachChange() if a document of `commit` has no
  // text that it could be made of. Of commits in order only what is new in
  // each is looked at.
  virtual absl::Status CheckTexts(
      const std::string& commit,
      const std::function<absl::Status()>& check) = 0;

  // Fails with kNotFound, COMMIT_NOT_FOUND, if the commit was deleted since the
  // round began, and DOMAIN_NOT_FOUND.
  virtual absl::StatusOr<std::unique_ptr<CommitReplay>> BeginCommit(
      const std::string& commit) = 0;

  // Makes commits of the old domain wait that are about to begin to exist,
  // until ReleasePublications() or the end of the replacement: for the last
  // round, where pushes come faster than they are built anew.
  virtual void HoldPublications() = 0;
  virtual void ReleasePublications() = 0;

  // Puts the new domain in the place of the old one, unless a commit was made
  // or deleted there since `round` began: then it returns false. REQUIRES: all
  // commits of the round were built or deleted. `make_job_record`, if set, is
  // that of CommitSummary. Nothing else may be called after it returned true.
  virtual absl::StatusOr<bool> Switch(
      const ReplacementRound& round,
      const std::function<StoredJob()>& make_job_record) = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_DOMAIN_REPLACEMENT_H_
