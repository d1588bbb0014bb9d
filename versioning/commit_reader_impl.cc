// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/commit_reader_impl.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/split_mix.h"
#include "index/stored_vector.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/document_search.h"
#include "versioning/filtered_rows.h"
#include "versioning/keys.h"
#include "versioning/meta_database.h"
#include "versioning/missing_names.h"
#include "versioning/row_reader.h"
#include "versioning/row_record.h"
#include "versioning/storage_errors.h"
#include "versioning/store_errors.h"
#include "versioning/term_suggester.h"
#include "versioning/text_search.h"

namespace copse {
namespace {

// How many documents an export reads at once; what bounds its memory.
constexpr size_t kBatchDocumentCount = 128;

size_t InfoSizeBytes(const CommitInfo& info) {
  size_t size =
      sizeof(CommitReaderImpl) + info.author.size() + info.message.size();
  for (const SkippedDocument& skipped : info.skipped_documents) {
    size += sizeof(SkippedDocument) + skipped.document_id.size() +
            skipped.message.size();
  }
  return size;
}

Manifest WithoutTexts(Manifest manifest) {
  manifest.author = {};
  manifest.message = {};
  manifest.skipped_documents = {};
  return manifest;
}

size_t TailSizeBytes(const std::vector<Ordinal>& tail,
                     const std::vector<Ordinal>& removed) {
  // A RowBitmap takes at most 512 bytes and a pointer for each row.
  return sizeof(CommitTail) + tail.size() * sizeof(Ordinal) +
         removed.size() * 64;
}

}  // namespace

CommitTail::CommitTail(MemoryCounter& memory, std::vector<Ordinal> tail_rows,
                       const std::vector<Ordinal>& removed_rows)
    : memory_(memory),
      tail_(std::move(tail_rows)),
      charge_(&memory, TailSizeBytes(tail_, removed_rows)) {
  for (const Ordinal ordinal : removed_rows) {
    removed_.Add(ordinal);
  }
}

absl::StatusOr<std::shared_ptr<const PackedRows>> CommitTail::Packed(
    Metric metric, const VectorSource& vectors) const {
  if (tail_.size() < kPackedRowCountMin) {
    return nullptr;
  }
  {
    MutexLock lock(mutex_);
    // The one search that reaches the number packs; if it fails, none does
    // again, as the vectors are damaged.
    if (packed_ != nullptr || ++search_count_ != kSearchesBeforePacking) {
      return packed_;
    }
  }
  COPSE_ASSIGN_OR_RETURN(PackedRows packed,
                         PackedRows::Make(metric, vectors, tail_));
  MutexLock lock(mutex_);
  packed_ = std::make_shared<const PackedRows>(std::move(packed));
  packed_charge_ =
      std::make_unique<MemoryCharge>(&memory_, packed_->memory_size_bytes());
  return packed_;
}

CommitReaderImpl::CommitReaderImpl(std::shared_ptr<Domain> domain,
                                   const std::string& commit, Manifest manifest,
                                   std::shared_ptr<const RowSet> live,
                                   ForestChoice choice)
    : domain_(std::move(domain)),
      pin_(domain_->pins().Hold(
          {{.live_set_number = manifest.live_set_number,
            .forest_number =
                choice.forest == nullptr ? 0 : choice.forest->number()},
           // Even if another is searched: a push looks at it, also when the
           // commit was deleted meanwhile.
           {.live_set_number = 0,
            .forest_number = manifest.preferred_forest}})),
      options_(domain_->options()),
      info_(manifest.ToInfo(domain_->name(), commit)),
      manifest_(WithoutTexts(std::move(manifest))),
      live_(std::move(live)),
      forest_(std::move(choice.forest)),
      fold_is_due_(choice.fold_is_due),
      charge_(&domain_->context().index_memory, InfoSizeBytes(info_)) {}

absl::StatusOr<std::shared_ptr<const CommitReaderImpl>> CommitReaderImpl::Load(
    const std::shared_ptr<Domain>& domain, absl::string_view commit) {
  const auto annotate = [commit](const absl::Status& status) {
    return AnnotateStatus(status,
                          absl::StrCat("commit '", ShownName(commit), "'"));
  };
  // Until the reader has its own.
  const GarbagePin pin = domain->pins().Open();
  COPSE_ASSIGN_OR_RETURN(Manifest manifest, domain->GetManifest(commit));
  std::shared_ptr<const DomainForest> forest;
  if (manifest.preferred_forest != 0) {
    absl::StatusOr<std::shared_ptr<const DomainForest>> loaded =
        domain->catalog().LoadForest(manifest.preferred_forest);
    if (!loaded.ok()) {
      return annotate(loaded.status());
    }
    forest = *std::move(loaded);
  }
  absl::StatusOr<std::shared_ptr<const RowSet>> live =
      domain->catalog().LoadRows(
          manifest.live_set_number,
          forest == nullptr ? nullptr : &forest->covered());
  if (!live.ok()) {
    return annotate(live.status());
  }
  if ((*live)->row_count() != manifest.vector_count) {
    return annotate(DataDamagedError(
        absl::StrCat("live set ", manifest.live_set_number),
        absl::StrCat("has ", (*live)->row_count(), " rows, expected ",
                     manifest.vector_count, " as in the manifest")));
  }
  absl::StatusOr<ForestChoice> choice =
      ChooseForest(*domain, **live, manifest.preferred_forest);
  if (!choice.ok()) {
    return annotate(choice.status());
  }
  return std::make_shared<const CommitReaderImpl>(
      domain, std::string(commit), std::move(manifest), *std::move(live),
      *std::move(choice));
}

void CommitReaderImpl::RequestFold() const {
  if (fold_is_due_.exchange(false)) {
    domain_->context().folds.Request(domain_, manifest_.branch, info_.commit);
  }
}

std::shared_ptr<const CommitTail> CommitReaderImpl::GetTail() const {
  MutexLock lock(mutex_);
  if (tail_ == nullptr) {
    std::vector<Ordinal> tail;
    std::vector<Ordinal> removed;
    if (forest_ == nullptr) {
      tail = live_->ToVector();
    } else {
      RowSet::Compare(*live_, forest_->covered(), &tail, &removed);
    }
    tail_ = std::make_shared<const CommitTail>(domain_->context().index_memory,
                                               std::move(tail), removed);
  }
  return tail_;
}

absl::StatusOr<LexicalStatistics> CommitReaderImpl::GetLexicalStatistics()
    const {
  {
    MutexLock lock(mutex_);
    if (lexical_statistics_.has_value()) {
      return *lexical_statistics_;
    }
  }
  COPSE_RETURN_IF_ERROR(domain_->lexical().LoadLengths(*live_));
  const LexicalStatistics statistics = domain_->lexical().StatisticsOf(*live_);
  MutexLock lock(mutex_);
  lexical_statistics_ = statistics;
  return statistics;
}

absl::Status CommitReaderImpl::LoadTypes() const {
  {
    MutexLock lock(mutex_);
    if (has_types_) {
      return absl::OkStatus();
    }
  }
  const auto read = [this](std::span<const Ordinal> ordinals,
                           TypeIndex::Visit visit) {
    return ReadTypes(domain_->database(), domain_->number(), ordinals, visit);
  };
  COPSE_RETURN_IF_ERROR(domain_->types().Extend(*live_, read));
  if (forest_ != nullptr) {
    COPSE_RETURN_IF_ERROR(domain_->types().Extend(forest_->covered(), read));
  }
  MutexLock lock(mutex_);
  has_types_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const FilteredRows>> CommitReaderImpl::Filter(
    const RowQuestion& question,
    const std::function<absl::Status()>& check) const {
  std::shared_ptr<const FilteredRows> rows = filters_.Find(question);
  if (rows == nullptr) {
    COPSE_ASSIGN_OR_RETURN(rows, FindFilteredRows(*this, question, check));
    filters_.Put(question, rows);
  }
  return rows;
}

void CommitReaderImpl::ReleasePages() const {
  filters_.Clear();
  if (forest_ != nullptr) {
    forest_->ReleasePages();
  }
  std::shared_ptr<const CommitTail> tail;
  MutexLock lock(mutex_);
  tail.swap(tail_);
}

absl::StatusOr<DocumentSearchResult> CommitReaderImpl::Search(
    const DocumentSearchOptions& options) const {
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  absl::StatusOr<DocumentSearchResult> result = SearchDocuments(*this, options);
  if (absl::IsDataLoss(result.status()) && forest_ != nullptr &&
      !options.exact) {
    result = SearchWithoutForest(options, result.status());
  }
  domain_->context().pool.Trim();
  if (!result.ok()) {
    return domain_->ExplainError(result.status());
  }
  return result;
}

absl::StatusOr<DocumentSearchResult> CommitReaderImpl::SearchWithoutForest(
    const DocumentSearchOptions& options, const absl::Status& status) const {
  DocumentSearchOptions exact = options;
  exact.exact = true;
  absl::StatusOr<DocumentSearchResult> result = SearchDocuments(*this, exact);
  if (absl::IsDataLoss(result.status())) {
    return status;
  }
  if (result.ok()) {
    domain_->catalog().MarkDamaged(forest_->number());
    domain_->context().pool.Erase({domain_->number(), info_.commit});
  }
  return result;
}

absl::StatusOr<TextSearchResult> CommitReaderImpl::SearchText(
    const TextSearchOptions& options) const {
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  absl::StatusOr<TextSearchResult> result = SearchTexts(*this, options);
  // Asked afterwards: a deleted domain looks like one without words.
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  return result;
}

absl::StatusOr<std::vector<TextScore>> CommitReaderImpl::ExplainText(
    const TextSearchOptions& options, std::span<const ChunkName> chunks) const {
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  absl::StatusOr<std::vector<TextScore>> scores =
      ExplainTexts(*this, options, chunks);
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  return scores;
}

absl::StatusOr<std::vector<TermSuggestion>> CommitReaderImpl::SuggestTerms(
    const SuggestOptions& options) const {
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  absl::StatusOr<std::vector<TermSuggestion>> suggestions =
      SuggestFrom(*this, options);
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  return suggestions;
}

absl::StatusOr<std::optional<StoredDocument>> CommitReaderImpl::GetDocument(
    absl::string_view document_id, ReadMask mask) const {
  absl::StatusOr<std::optional<StoredDocument>> document =
      FindDocument(document_id, mask);
  // Asked afterwards: a deleted domain looks like one without documents.
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  return document;
}

absl::StatusOr<std::vector<std::string>> CommitReaderImpl::GetTexts(
    std::span<const ContentHash> content_hashes) const {
  absl::StatusOr<std::vector<std::string>> texts =
      domain_->texts().GetMany(content_hashes);
  // Asked afterwards, as in GetDocument().
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  return texts;
}

absl::StatusOr<MissingNames> CommitReaderImpl::FindMissingNames(
    const std::vector<std::string>& types,
    const std::vector<std::string>& document_ids,
    const SearchFilter& filter) const {
  absl::StatusOr<MissingNames> missing =
      copse::FindMissingNames(*this, types, document_ids, filter, names_);
  // Asked afterwards, as in GetDocument().
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  return missing;
}

absl::StatusOr<std::vector<SampledRow>> CommitReaderImpl::SampleRows(
    size_t count, uint64_t seed) const {
  std::vector<Ordinal> ordinals = live_->ToVector();
  internal::SplitMix random(seed);
  count = std::min(count, ordinals.size());
  for (size_t i = 0; i < count; ++i) {
    std::swap(ordinals[i], ordinals[i + random.Below(ordinals.size() - i)]);
  }
  ordinals.resize(count);
  // Rows are read in the order of their keys.
  std::sort(ordinals.begin(), ordinals.end());
  absl::StatusOr<std::vector<RowRecord>> records =
      ReadRows(domain_->database(), domain_->number(), ordinals);
  // Asked afterwards, as in GetDocument().
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  COPSE_RETURN_IF_ERROR(records.status());
  std::vector<SampledRow> rows;
  for (size_t i = 0; i < count; ++i) {
    COPSE_ASSIGN_OR_RETURN(const StoredVector vector,
                           domain_->vectors().Read(ordinals[i]));
    rows.push_back({.document_id = std::move((*records)[i].document_id),
                    .chunk = (*records)[i].chunk,
                    .vector = vector.ToFloats()});
  }
  return rows;
}

absl::Status CommitReaderImpl::ForEachDocument(
    ReadMask mask,
    const std::function<absl::Status(const StoredDocument&)>& visit) const {
  absl::Status status = VisitDocuments(mask, visit);
  COPSE_RETURN_IF_ERROR(domain_->CheckExists());
  return status;
}

absl::StatusOr<StoredDocument> CommitReaderImpl::ToDocument(
    Ordinal ordinal, RowRecord row, ReadMask mask) const {
  StoredDocument document = {.id = std::move(row.document_id),
                             .type = std::move(row.type),
                             .attributes = std::move(row.attributes),
                             .content_hash = row.content_hash,
                             .chunk_count = row.chunk_count,
                             .has_text = row.has_text};
  document.text_is_rendered =
      row.has_text && domain_options().HasTemplate(document.type);
  if (mask.text && row.has_text) {
    COPSE_ASSIGN_OR_RETURN(document.text,
                           domain_->texts().Get(row.content_hash));
  }
  if (mask.clustering_vector) {
    const size_t found = row.clustering_vector.size();
    if (found != 0 && found != domain_->dimension()) {
      return DataDamagedError(
          absl::StrCat("row ", ordinal),
          absl::StrCat("its clustering vector has ", found,
                       " components, expected ", domain_->dimension()));
    }
    document.clustering_vector = std::move(row.clustering_vector);
  }
  if (mask.chunks || mask.vector) {
    COPSE_RETURN_IF_ERROR(ReadChunks(ordinal, row, mask, document.chunks));
  }
  return document;
}

absl::Status CommitReaderImpl::ReadChunks(
    Ordinal ordinal, const RowRecord& row, ReadMask mask,
    std::vector<StoredChunk>& chunks) const {
  chunks.resize(row.chunk_count);
  chunks.front().place = row.place;
  std::vector<Ordinal> others;
  for (uint32_t i = 1; i < row.chunk_count; ++i) {
    others.push_back(ordinal + i);
  }
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<RowRecord> records,
      ReadRows(domain_->database(), domain_->number(), others));
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].chunk != i + 1 ||
        records[i].content_hash != row.content_hash) {
      return DataDamagedError(
          absl::StrCat("row ", others[i]),
          absl::StrCat("it is not chunk ", i + 1, " of the document of row ",
                       ordinal));
    }
    chunks[i + 1].place = records[i].place;
  }
  for (uint32_t i = 0; mask.vector && i < row.chunk_count; ++i) {
    COPSE_ASSIGN_OR_RETURN(const StoredVector vector,
                           domain_->vectors().Read(ordinal + i));
    chunks[i].vector = vector.ToFloats();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<StoredDocument>> CommitReaderImpl::FindDocument(
    absl::string_view document_id, ReadMask mask) const {
  if (document_id.empty() || document_id.size() > kDocumentIdSizeBytesMax) {
    return std::nullopt;
  }
  DocumentFinder finder(domain_->database(), domain_->number());
  COPSE_ASSIGN_OR_RETURN(const std::optional<LiveDocument> found,
                         finder.Find(document_id, *live_));
  if (!found.has_value()) {
    return std::nullopt;
  }
  const Ordinal ordinal = found->ordinal;
  COPSE_ASSIGN_OR_RETURN(
      std::vector<RowRecord> rows,
      ReadRows(domain_->database(), domain_->number(), {&ordinal, 1}));
  return ToDocument(ordinal, std::move(rows.front()), mask);
}

absl::Status CommitReaderImpl::VisitDocuments(
    ReadMask mask,
    const std::function<absl::Status(const StoredDocument&)>& visit) const {
  int64_t row_count = 0;
  int64_t document_count = 0;
  std::vector<Ordinal> batch;
  const auto visit_batch = [&]() -> absl::Status {
    COPSE_ASSIGN_OR_RETURN(
        std::vector<RowRecord> rows,
        ReadRows(domain_->database(), domain_->number(), batch));
    for (size_t i = 0; i < batch.size(); ++i) {
      row_count += rows[i].chunk_count;
      COPSE_ASSIGN_OR_RETURN(const StoredDocument document,
                             ToDocument(batch[i], std::move(rows[i]), mask));
      COPSE_RETURN_IF_ERROR(visit(document));
    }
    document_count += static_cast<int64_t>(batch.size());
    batch.clear();
    return absl::OkStatus();
  };
  MetaCursor cursor = domain_->database().NewCursor(
      MetaTable::kDocuments, PrefixRange(DomainPrefix(domain_->number())));
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    COPSE_ASSIGN_OR_RETURN(const DocumentKeyParts parts,
                           ParseDocumentKey(cursor.key()));
    if (!live_->Contains(parts.ordinal)) {
      continue;
    }
    batch.push_back(parts.ordinal);
    if (batch.size() == kBatchDocumentCount) {
      COPSE_RETURN_IF_ERROR(visit_batch());
    }
  }
  COPSE_RETURN_IF_ERROR(cursor.status());
  COPSE_RETURN_IF_ERROR(visit_batch());
  const std::string name =
      absl::StrCat("documents of commit '", ShownName(info_.commit), "'");
  if (document_count != manifest_.document_count) {
    return DataDamagedError(
        name, absl::StrCat("found ", document_count, ", expected ",
                           manifest_.document_count));
  }
  if (row_count != live_->row_count()) {
    return DataDamagedError(
        name, absl::StrCat("their chunks are ", row_count, ", expected ",
                           live_->row_count()));
  }
  return absl::OkStatus();
}

}  // namespace copse
