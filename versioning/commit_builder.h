// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Builds one commit from its parent and the operations of a push.
//
//   COPSE_ASSIGN_OR_RETURN(std::unique_ptr<CommitBuilder> builder,
//                          store.BeginCommit(options));
//   COPSE_ASSIGN_OR_RETURN(bool done, builder->TryUpsertUnchanged(document));
//   if (!done) {
//     COPSE_RETURN_IF_ERROR(builder->Upsert({&document, vector}));
//   }
//   COPSE_RETURN_IF_ERROR(builder->Delete(id));
//   COPSE_ASSIGN_OR_RETURN(CommitInfo info, builder->Commit(summary));
//
// The commit is in flight from BeginCommit() until Commit() returns or the
// builder is destroyed. Nothing of it is visible before Commit() succeeds;
// everything is, durably, afterwards. Without Commit() what was written is
// garbage that nothing refers to.
//
// Memory: about 75 bytes for each distinct document ID of the push, plus one
// batch of 1 MiB.

#ifndef COPSE_VERSIONING_COMMIT_BUILDER_H_
#define COPSE_VERSIONING_COMMIT_BUILDER_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/commit.h"
#include "versioning/document.h"
#include "versioning/job_record.h"

namespace copse {

// A part of a text that has a vector of its own.
struct EmbeddedChunk {
  std::span<const float> vector = {};  // Not owned; of the domain's dimension.
  ChunkPlace place = {};
};

// A document and the vectors under which it is found.
struct EmbeddedDocument {
  const Document* document = nullptr;  // Not owned.

  // The vector of the whole document; not owned, of the domain's dimension.
  // Not used if there are chunks.
  std::span<const float> vector = {};

  // The chunks of the text, in its order, at most kChunkCountMax; not owned.
  // One chunk is the same as a vector of the whole document.
  std::span<const EmbeddedChunk> chunks = {};

  // The vector in the role of clustering; not owned, of the domain's dimension.
  // Empty for none.
  std::span<const float> clustering_vector = {};
};

// Keeps a commit in flight while it exists. It may outlive its store.
class CommitClaim {
 public:
  virtual ~CommitClaim() = default;
};

// What the caller knows about the push when it is complete.
struct CommitSummary {
  std::vector<SkippedDocument> skipped_documents = {};
  int64_t token_count = 0;

  // If set, asked just before the commit is made visible for the record of the
  // job that makes it, which is written with the commit.
  std::function<StoredJob()> make_job_record = nullptr;
};

// The steps of Commit(), for progress and for tests that stop in one.
enum class CommitPhase { kAppending, kSyncing, kFolding, kPublishing, kDone };

// Thread safety: one thread at a time; different builders are independent,
// also in one domain.
class CommitBuilder {
 public:
  virtual ~CommitBuilder() = default;

  virtual const CommitOptions& options() const = 0;
  virtual const DomainOptions& domain_options() const = 0;

  // If the parent holds `document.id` with the same content, makes that the
  // outcome for the ID (whatever earlier operations said) and returns true.
  // Else returns false and changes nothing. Fails with kInvalidArgument if
  // CheckDocument() refuses the document.
  virtual absl::StatusOr<bool> TryUpsertUnchanged(const Document& document) = 0;

  // Makes `documents` the outcome for their IDs, whatever earlier operations
  // said; the last one of an ID wins. Cosine domains store the vectors with
  // unit length. Fails with kInvalidArgument if a document or vector is
  // refused (wrong dimension, not finite, zero in a cosine domain), naming the
  // document, or if chunks are too many, not in order or not in the text, and
  // kResourceExhausted if the disk is full; the builder is then
  // unusable but for destruction.
  virtual absl::Status Upsert(std::span<const EmbeddedDocument> documents) = 0;

  // Makes absence the outcome for `document_id`. An ID that neither the parent
  // nor the push has is counted, not refused.
  virtual absl::Status Delete(absl::string_view document_id) = 0;

  // Takes back what this push said about `document_id`: the parent's version,
  // or its absence, stays.
  virtual absl::Status Keep(absl::string_view document_id) = 0;

  // Returns whether the outcome so far holds `document_id`.
  virtual absl::StatusOr<bool> Contains(absl::string_view document_id) = 0;

  // Completes the commit: appends, syncs, and publishes manifest, live set and
  // branch in one synced write; a fold that is due goes before it or, with
  // StoreOptions::FoldMode::kInBackground, is asked for after it. `on_phase`,
  // if set, is called at the start of each phase, with kFolding only if a fold
  // goes before, and then every StoreOptions::fold_notice_interval again until
  // it has ended; a status that is not OK stops the commit, and soon the fold
  // that runs, but not at kDone, when the commit is complete. The builder is
  // then used up, whatever the outcome. Of the skipped documents,
  // messages are cut at 4096 bytes, and the list at 4 MiB. Fails with kAborted,
  // BRANCH_MOVED, if the branch is not where options().expected_branch_commit
  // wants it, and kFailedPrecondition, PARENT_COMMIT_NOT_FOUND, if the parent
  // was deleted meanwhile.
  virtual absl::StatusOr<CommitInfo> Commit(
      const CommitSummary& summary,
      const std::function<absl::Status(CommitPhase)>& on_phase = nullptr) = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_COMMIT_BUILDER_H_
