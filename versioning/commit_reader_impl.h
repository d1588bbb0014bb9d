// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An opened commit: its manifest, live set, forest, and what it adds to the
// forest (tail) and takes from it (removed). Live set and forest are shared
// with the commits it is related to, so that opening a commit whose parent is
// loaded costs their difference.

#ifndef COPSE_VERSIONING_COMMIT_READER_IMPL_H_
#define COPSE_VERSIONING_COMMIT_READER_IMPL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/metric.h"
#include "index/packed_rows.h"
#include "index/row_bitmap.h"
#include "index/util/mutex.h"
#include "index/vector_source.h"
#include "versioning/commit_reader.h"
#include "versioning/domain.h"
#include "versioning/domain_forest.h"
#include "versioning/filtered_rows.h"
#include "versioning/fold.h"
#include "versioning/garbage_pins.h"
#include "versioning/lexical/bm25.h"
#include "versioning/manifest.h"
#include "versioning/memory_counter.h"
#include "versioning/missing_names.h"
#include "versioning/row_record.h"
#include "versioning/row_set.h"

namespace copse {

// How a commit differs from the covered set of its forest.
//
// Thread safety: any number of threads may use one CommitTail.
class CommitTail {
 public:
  CommitTail(MemoryCounter& memory, std::vector<Ordinal> tail_rows,
             const std::vector<Ordinal>& removed_rows);

  // Ascending; all rows without a forest.
  const std::vector<Ordinal>& tail() const { return tail_; }
  const RowBitmap& removed() const { return removed_; }

  // Returns the tail packed for scans; null if it is too small, or has not been
  // searched often enough, to be worth packing, or another thread is at it.
  // Fails with what `vectors` fails with.
  absl::StatusOr<std::shared_ptr<const PackedRows>> Packed(
      Metric metric, const VectorSource& vectors) const;

 private:
  // Packing a row costs as much as comparing it about 50 times.
  static constexpr size_t kPackedRowCountMin = 256;
  static constexpr int kSearchesBeforePacking = 16;

  MemoryCounter& memory_;
  const std::vector<Ordinal> tail_;
  RowBitmap removed_;
  const MemoryCharge charge_;

  mutable Mutex mutex_;
  mutable int search_count_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable std::shared_ptr<const PackedRows> packed_ ABSL_GUARDED_BY(mutex_);
  mutable std::unique_ptr<MemoryCharge> packed_charge_ ABSL_GUARDED_BY(mutex_);
};

// Thread safety: any number of threads may use one CommitReaderImpl.
class CommitReaderImpl final : public CommitReader {
 public:
  // `forest` is null for a commit that has none. REQUIRES: `live` and `forest`
  // are those of `manifest`.
  CommitReaderImpl(std::shared_ptr<Domain> domain, const std::string& commit,
                   Manifest manifest, std::shared_ptr<const RowSet> live,
                   ForestChoice choice);

  // Reads the commit. Fails with kNotFound, COMMIT_NOT_FOUND, and kDataLoss,
  // DATA_DAMAGED.
  static absl::StatusOr<std::shared_ptr<const CommitReaderImpl>> Load(
      const std::shared_ptr<Domain>& domain, absl::string_view commit);

  // Asks for the fold that is due, if one is, once. Called when the pool has
  // the reader, so that it can be opened anew.
  void RequestFold() const;

  // Without the texts, which are in info().
  const Manifest& manifest() const { return manifest_; }
  const RowSet& live() const { return *live_; }
  const std::shared_ptr<const DomainForest>& forest() const { return forest_; }
  Domain& domain() const { return *domain_; }

  // Returns tail and removed rows, which the first call works out.
  std::shared_ptr<const CommitTail> GetTail() const;

  // Returns the numbers of the rows of the commit, which the first call works
  // out; makes the lengths of all live rows known to domain().lexical().
  absl::StatusOr<LexicalStatistics> GetLexicalStatistics() const;

  // Makes the types of all live rows known to domain().types().
  absl::Status LoadTypes() const;

  // Returns the rows that `question` asks for, as FindFilteredRows(), or as it
  // did before.
  absl::StatusOr<std::shared_ptr<const FilteredRows>> Filter(
      const RowQuestion& question,
      const std::function<absl::Status()>& check) const;

  // Lets go of what a search can get again.
  void ReleasePages() const;

  const CommitInfo& info() const override { return info_; }
  const DomainOptions& domain_options() const override { return *options_; }
  absl::StatusOr<DocumentSearchResult> Search(
      const DocumentSearchOptions& options) const override;
  absl::StatusOr<TextSearchResult> SearchText(
      const TextSearchOptions& options) const override;
  absl::StatusOr<std::vector<TextScore>> ExplainText(
      const TextSearchOptions& options,
      std::span<const ChunkName> chunks) const override;
  absl::StatusOr<std::vector<TermSuggestion>> SuggestTerms(
      const SuggestOptions& options) const override;
  absl::StatusOr<std::vector<std::string>> GetTexts(
      std::span<const ContentHash> content_hashes) const override;
  absl::StatusOr<std::optional<StoredDocument>> GetDocument(
      absl::string_view document_id, ReadMask mask) const override;
  absl::StatusOr<MissingNames> FindMissingNames(
      const std::vector<std::string>& types,
      const std::vector<std::string>& document_ids,
      const SearchFilter& filter) const override;
  absl::StatusOr<std::vector<SampledRow>> SampleRows(
      size_t count, uint64_t seed) const override;
  absl::Status ForEachDocument(
      ReadMask mask,
      const std::function<absl::Status(const StoredDocument&)>& visit)
      const override;

 private:
  // Answers a search that met damage, `status`, by comparing all rows. If that
  // shows that the forest is damaged and not the rows, the commit is opened
  // with another one next time. Fails with `status`.
  absl::StatusOr<DocumentSearchResult> SearchWithoutForest(
      const DocumentSearchOptions& options, const absl::Status& status) const;

  // One at a time, because a text may have many megabytes. `row` is the first
  // row, `ordinal`, of the document.
  absl::StatusOr<StoredDocument> ToDocument(Ordinal ordinal, RowRecord row,
                                            ReadMask mask) const;

  // Reads the chunks of a document whose first row is `ordinal`.
  absl::Status ReadChunks(Ordinal ordinal, const RowRecord& row, ReadMask mask,
                          std::vector<StoredChunk>& chunks) const;
  absl::StatusOr<std::optional<StoredDocument>> FindDocument(
      absl::string_view document_id, ReadMask mask) const;
  absl::Status VisitDocuments(
      ReadMask mask,
      const std::function<absl::Status(const StoredDocument&)>& visit) const;

  const std::shared_ptr<Domain> domain_;
  const GarbagePin pin_;  // Of what it reads.
  const std::shared_ptr<const DomainOptions> options_;
  const CommitInfo info_;
  const Manifest manifest_;
  const std::shared_ptr<const RowSet> live_;
  const std::shared_ptr<const DomainForest> forest_;
  mutable std::atomic<bool> fold_is_due_;
  const MemoryCharge charge_;
  mutable FilterCache filters_;
  mutable NameCache names_;

  mutable Mutex mutex_;
  mutable std::shared_ptr<const CommitTail> tail_ ABSL_GUARDED_BY(mutex_);
  mutable std::optional<LexicalStatistics> lexical_statistics_
      ABSL_GUARDED_BY(mutex_);
  mutable bool has_types_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_COMMIT_READER_IMPL_H_
