// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Writes a commit: rows as they come, under ordinals of its own, and the commit
// itself at the end, in one write.

#ifndef COPSE_VERSIONING_COMMIT_BUILDER_IMPL_H_
#define COPSE_VERSIONING_COMMIT_BUILDER_IMPL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/vector_source.h"
#include "versioning/commit_builder.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/domain.h"
#include "versioning/fold.h"
#include "versioning/garbage_pins.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/posting_buffer.h"
#include "versioning/manifest.h"
#include "versioning/merge.h"
#include "versioning/meta_database.h"
#include "versioning/row_reader.h"
#include "versioning/row_set.h"
#include "versioning/sha256.h"
#include "versioning/vector_segments.h"

namespace copse {

// A commit that is built anew, in the domain that replaces the one that it was
// made in (domain_replacement.h).
struct ReplayedCommit {
  // What it was; its parents are what they are here.
  Manifest manifest;

  // Whose rows serve where the contents are equal. Null ones are none.
  std::vector<std::shared_ptr<const CommitReaderImpl>> donors;
};

// Thread safety: one thread at a time.
class CommitBuilderImpl final : public CommitBuilder {
 public:
  // `parent` is null for a commit built from nothing. `pin` is one of
  // Domain::PinBuild().
  // REQUIRES: `claim` is of options.commit; the builder drops it in the end.
  CommitBuilderImpl(std::shared_ptr<Domain> domain, CommitOptions options,
                    std::shared_ptr<DomainClaim> claim,
                    std::shared_ptr<const CommitReaderImpl> parent,
                    std::string seen_branch_commit, GarbagePin pin);
  ~CommitBuilderImpl() override;

  const CommitOptions& options() const override { return options_; }
  // Null for a commit built from nothing.
  const CommitReaderImpl* parent() const { return parent_.get(); }
  const DomainOptions& domain_options() const override {
    return *domain_options_;
  }

  absl::StatusOr<bool> TryUpsertUnchanged(const Document& document) override;
  absl::Status Upsert(std::span<const EmbeddedDocument> documents) override;
  absl::Status Delete(absl::string_view document_id) override;
  absl::Status Keep(absl::string_view document_id) override;
  absl::StatusOr<bool> Contains(absl::string_view document_id) override;
  absl::StatusOr<CommitInfo> Commit(
      const CommitSummary& summary,
      const std::function<absl::Status(CommitPhase)>& on_phase) override;

  // Makes the commit the merge of its parent, "ours", and `theirs`:
  // besides what is pushed, `rows` join and leave those of the parent.
  // REQUIRES: `rows` were merged of live rows of the two, which somebody keeps
  // until Commit() returns, and no document of them is pushed.
  void Merge(MergedRows rows, const CommitInfo& theirs);

  // Makes the commit the one that `replayed` was, whatever is its parent here:
  // that is only what its documents are compared with.
  void Replay(ReplayedCommit replayed);

 private:
  // 128 bits of a SHA-256: IDs come from outsiders, who could make a weaker
  // hash collide and one document take the place of another.
  using IdHash = std::array<uint64_t, 2>;

  // What the push says about one document. A range without rows is absence.
  struct Outcome {
    OrdinalRange parent_rows;
    OrdinalRange rows;  // The parent's, or new ones.
    bool was_pushed = false;
    bool is_unknown_delete = false;
  };

  // A document of one call of Upsert() whose content is not the parent's.
  struct NewVersion {
    const EmbeddedDocument* document;
    ContentHash content_hash;
    IdHash id_hash;

    uint32_t row_count() const;
    std::span<const float> vector(uint32_t chunk) const;
  };

  // What Commit() makes of the outcomes.
  struct Changes {
    std::vector<Ordinal> added;    // Ascending.
    std::vector<Ordinal> removed;  // Ascending.
    std::shared_ptr<const RowSet> live;
    Manifest manifest;
  };

  IdHash HashId(absl::string_view document_id);
  absl::Status CheckUsable() const;
  absl::StatusOr<std::optional<LiveDocument>> FindInParent(
      absl::string_view document_id);

  // Returns rows of a donor that have the content, or none.
  absl::StatusOr<OrdinalRange> FindInDonors(absl::string_view document_id,
                                            const ContentHash& content_hash);

  absl::Status CheckDocuments(
      std::span<const EmbeddedDocument> documents) const;
  absl::Status UpsertBatch(std::span<const EmbeddedDocument> documents);
  absl::Status AppendVersions(std::span<const NewVersion> versions);
  absl::Status AppendVectors(std::span<const NewVersion> versions,
                             OrdinalRange range);
  absl::Status PutVersion(const NewVersion& version, Ordinal first);
  // Adds the words of a row to what is written next.
  void PutWords(Ordinal ordinal, absl::string_view text);
  absl::Status Flush();

  absl::StatusOr<Changes> CollectChanges(const CommitSummary& summary);
  absl::Status SumFingerprint(const Changes& changes, FingerprintSum& sum);
  absl::StatusOr<CommitInfo> CommitClaimed(
      const CommitSummary& summary,
      const std::function<absl::Status(CommitPhase)>& on_phase);
  absl::StatusOr<ForestChoice> PrepareForest(
      const Changes& changes,
      const std::function<absl::Status(CommitPhase)>& on_phase,
      std::optional<Fold>& fold);
  absl::StatusOr<Fold> RunFold(
      const DomainForest* base, const Changes& changes,
      const std::function<absl::Status(CommitPhase)>& on_phase);
  absl::StatusOr<uint64_t> PutLiveSet(const Changes& changes, MetaBatch& batch);
  void Release();

  const std::shared_ptr<Domain> domain_;
  const std::shared_ptr<const DomainOptions> domain_options_;
  const CommitOptions options_;
  const std::shared_ptr<const CommitReaderImpl> parent_;
  const RowSet no_rows_;
  const RowSet& parent_live_;

  // Where the branch was at the beginning; empty: it did not exist.
  const std::string seen_branch_commit_;

  GarbagePin pin_;
  std::shared_ptr<DomainClaim> claim_;
  // Why the builder can only be destroyed.
  absl::Status broken_;
  Sha256 id_hash_;
  DocumentFinder parent_finder_;
  absl::flat_hash_map<IdHash, Outcome> outcomes_;
  MergedRows merged_;
  std::string theirs_commit_;  // Empty but for a merge.
  Fingerprint theirs_fingerprint_ = {};
  std::optional<ReplayedCommit> replayed_;

  // Rows that are not written yet; their vectors are. And the texts among them.
  MetaBatch batch_;
  std::vector<ContentHash> batch_texts_;
  LexicalAnalyzer analyzer_;
  PostingBuffer postings_;
  std::vector<OrdinalRange> ranges_;  // Appended, not synced.
  int64_t written_size_bytes_ = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_COMMIT_BUILDER_IMPL_H_
