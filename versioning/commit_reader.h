// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads one commit, exactly as of that commit.
//
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<const CommitReader> reader,
//                          store.OpenCommit("admin/books", "9f31c07a"));
//   COPSE_ASSIGN_OR_RETURN(DocumentSearchResult result,
//                          reader->Search({.query = vector}));

#ifndef COPSE_VERSIONING_COMMIT_READER_H_
#define COPSE_VERSIONING_COMMIT_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/forest.h"
#include "versioning/commit.h"
#include "versioning/document.h"
#include "versioning/lexical/bm25.h"
#include "versioning/search_filter.h"

namespace copse {

struct DocumentSearchOptions {
  // Of the domain's dimension; components 0 or 1 in Hamming domains.
  std::span<const float> query = {};

  // In [1, 10000].
  size_t neighbor_count = 10;

  // See SearchOptions. 0 means the default.
  size_t scan_budget = 0;
  size_t rerank_count = 0;

  // As in SearchOptions: the share of the true nearest rows to find, in (0, 1],
  // where 1 is the same as `exact`; 0 means that it is not set. Numbers above
  // that are not 0 win.
  double recall_target = 0;

  // Whether the query is one that users have, so that it may serve to calibrate
  // forests. Not if its vector is that of a row.
  bool is_user_query = false;

  // Whether to compare with every row instead of using the forest.
  bool exact = false;

  // If not empty, only documents of one of these types are returned.
  std::vector<std::string> types = {};

  // If set, it is called again and again while rows are scanned, and the search
  // ends with the first status that is not OK: for deadlines and cancellation.
  std::function<absl::Status()> check = nullptr;

  // If not empty, this document is not returned.
  std::string excluded_document_id = {};

  // If not empty, only these documents are returned; all their rows are looked
  // at.
  std::vector<std::string> document_ids = {};

  // Whether each row is returned, and not only the nearest of a document.
  bool by_chunk = false;

  // Only documents that pass are returned. The fewer do, the more of them are
  // looked at, up to all.
  SearchFilter filter = {};

  // Whether the plan of the result says how many rows pass.
  bool explains = false;
};

struct DocumentNeighbor {
  std::string document_id = {};
  std::string type = {};

  // The nearest chunk, its place in the text, and how many there are. The place
  // of the only chunk is the whole text, and is not said.
  uint32_t chunk = 0;
  uint32_t chunk_count = 1;
  ChunkPlace place = {};

  float distance = 0;  // In the domain's metric, see index/metric.h.
  ContentHash content_hash = {};
  bool has_text = false;
};

// How a search was done.
struct SearchPlan {
  // Rows of the commit that pass the filters; only where it is asked for.
  int64_t passing_row_count = 0;

  // Of them, those that were compared without the forest.
  int64_t compared_row_count = 0;
  bool uses_forest = false;  // For the others.

  // How often rows were asked for, each time for more of them.
  int round_count = 0;
};

struct DocumentSearchResult {
  // Ascending by (distance, bytes of the ID, chunk); one entry for each
  // document, or row.
  std::vector<DocumentNeighbor> neighbors = {};
  SearchWork work = {};
  SearchPlan plan = {};
};

// A chunk of a document as it is stored at a commit.
struct StoredChunk {
  // Of the only chunk it is the whole text, and not said.
  ChunkPlace place = {};
  std::vector<float> vector = {};  // Only where asked for.
};

struct TextSearchOptions {
  // Valid UTF-8. Of a long one only the beginning is looked for, see
  // lexical/lexical_query.h.
  absl::string_view query = {};

  // Whether the query has "phrases" and beginnings*.
  bool has_operators = false;

  // In [1, 10000].
  size_t neighbor_count = 10;

  // As in DocumentSearchOptions.
  std::vector<std::string> types = {};
  std::vector<std::string> document_ids = {};
  bool by_chunk = false;
  std::function<absl::Status()> check = nullptr;
  SearchFilter filter = {};
};

struct TextNeighbor {
  std::string document_id = {};
  std::string type = {};

  // The chunk with the best words, as in DocumentNeighbor.
  uint32_t chunk = 0;
  uint32_t chunk_count = 1;
  ChunkPlace place = {};

  double score = 0;  // More than 0.
  ContentHash content_hash = {};
  bool has_text = false;
};

struct TextSearchResult {
  // Descending by score, equal ones ascending by (bytes of the ID, chunk); one
  // entry for each document, or row.
  std::vector<TextNeighbor> neighbors = {};

  // How many rows have a word of the query, and pass the filters.
  int64_t matching_row_count = 0;

  LexicalStatistics statistics = {};  // Of the commit.
};

struct ChunkName {
  std::string document_id = {};
  uint32_t chunk = 0;
};

// What one item of a query adds to the score of a row (lexical/bm25.h).
struct TermScore {
  // As it is looked for: a word, a phrase in quotes, or a beginning with *.
  std::string term = {};

  int64_t matching_row_count = 0;  // Of the commit, whatever filters.
  double inverse_document_frequency = 0;
  uint32_t count = 0;     // In the row.
  double saturation = 0;  // What the score is of, times the frequency.
  double score = 0;
};

// How the score of a row comes about.
struct TextScore {
  uint32_t length = 0;                // In words.
  std::vector<TermScore> terms = {};  // In the order of the query.
};

struct SuggestOptions {
  // Valid UTF-8; its last word is completed, or corrected.
  absl::string_view text = {};

  size_t suggestion_count = 10;
  std::function<absl::Status()> check = nullptr;  // As above.
};

// A word, or an identifier, of the commit.
struct TermSuggestion {
  std::string term = {};

  // The text of the options with the term in the place of its last word.
  std::string text = {};

  int64_t row_count = 0;  // That have it.

  // 0 for a completion; else how many characters were wrong.
  int edit_count = 0;

  friend bool operator==(const TermSuggestion&,
                         const TermSuggestion&) = default;
};

// A document as it is stored at a commit.
struct StoredDocument {
  std::string id = {};
  std::string type = {};
  Attributes attributes = {};
  ContentHash content_hash = {};
  uint32_t chunk_count = 1;
  bool has_text = false;
  std::optional<std::string> text = {};  // Only where asked for and given.

  // Whether a template of the domain made the text.
  bool text_is_rendered = false;

  // In the order of the text; only where chunks or vectors are asked for.
  std::vector<StoredChunk> chunks = {};

  // In the role of clustering; empty if there is none, or it is not asked for.
  std::vector<float> clustering_vector = {};
};

// A row, and the document that it is from.
struct SampledRow {
  std::string document_id = {};
  uint32_t chunk = 0;
  std::vector<float> vector = {};
};

struct ReadMask {
  bool text = false;
  bool chunks = false;
  bool vector = false;  // With the chunks.
  bool clustering_vector = false;
};

// Names in a filter that no document of the commit has, and some that it has.
struct MissingNames {
  // Each once, in the order of the filter.
  std::vector<std::string> types = {};
  std::vector<std::string> attributes = {};
  std::vector<std::string> document_ids = {};
  std::vector<std::string> id_prefixes = {};

  // The first kKnownNameCountMax of the commit, ascending; empty if nothing of
  // their kind is missing.
  std::vector<std::string> known_types = {};
  std::vector<std::string> known_attributes = {};
};
inline constexpr size_t kKnownNameCountMax = 10;

// Thread safety: any number of threads may use one CommitReader. It stays valid
// and unchanged while it exists, even if the commit is deleted. If the domain
// is deleted, its functions fail with kNotFound, DOMAIN_NOT_FOUND.
class CommitReader {
 public:
  virtual ~CommitReader() = default;

  virtual const CommitInfo& info() const = 0;
  virtual const DomainOptions& domain_options() const = 0;

  // Returns one result for each document: the distance is that of its nearest
  // chunk, the first of those at equal distance. There are fewer than
  // neighbor_count only if no more documents are found, never because the
  // chunks of one take the places of others.
  //
  // Results are exact in small commits and with `exact`: then the first by
  // (distance, bytes of the ID), also where distances are equal. Fails with
  // kInvalidArgument for a query of another dimension or with components that
  // are not finite, or a neighbor_count or recall_target out of range, and
  // kDataLoss naming what is damaged.
  virtual absl::StatusOr<DocumentSearchResult> Search(
      const DocumentSearchOptions& options) const = 0;

  // Finds the documents that share words with the query, best first. Rows that
  // have no text are not found. Fails with kInvalidArgument for a
  // neighbor_count out of range, kFailedPrecondition, LEXICAL_INDEX_OFF, in a
  // domain whose words are not indexed, and kDataLoss naming what is damaged.
  virtual absl::StatusOr<TextSearchResult> SearchText(
      const TextSearchOptions& options) const = 0;

  // Returns how SearchText() comes to the scores of `chunks`, in their order;
  // filters and counts of the options make no difference. Fails with kNotFound
  // for a chunk that the commit does not have, and as SearchText().
  virtual absl::StatusOr<std::vector<TextScore>> ExplainText(
      const TextSearchOptions& options,
      std::span<const ChunkName> chunks) const = 0;

  // Returns words of the commit that begin with the last word of the text, the
  // most frequent first, and then, if there is room, words that differ from it
  // by a few characters (term_suggester.h). Fails with
  // kFailedPrecondition, LEXICAL_INDEX_OFF, and kDataLoss.
  virtual absl::StatusOr<std::vector<TermSuggestion>> SuggestTerms(
      const SuggestOptions& options) const = 0;

  // Returns nullopt if the commit does not hold `document_id`.
  virtual absl::StatusOr<std::optional<StoredDocument>> GetDocument(
      absl::string_view document_id, ReadMask mask) const = 0;

  // Returns the texts of versions with these hashes, which have texts, in their
  // order. Much faster than a document at a time. Fails with kDataLoss,
  // DATA_DAMAGED, naming the hash, if one is missing or damaged.
  virtual absl::StatusOr<std::vector<std::string>> GetTexts(
      std::span<const ContentHash> content_hashes) const = 0;

  // Returns which of `types` and `document_ids`, and of the attributes and
  // beginnings of IDs in `filter`, no document of the commit has: what a search
  // with them finds may not be what was meant. Says nothing where it would have
  // to read much: of attributes and beginnings that mostly other commits of the
  // domain have, and of attributes in domains where they are not indexed. Fails
  // with kDataLoss.
  virtual absl::StatusOr<MissingNames> FindMissingNames(
      const std::vector<std::string>& types,
      const std::vector<std::string>& document_ids,
      const SearchFilter& filter) const = 0;

  // Returns the vectors of `count` rows of the commit, or of all if there are
  // fewer, in no particular order: the same for a seed. Rows are as likely as
  // each other, so a document of many chunks is likelier than one of few.
  virtual absl::StatusOr<std::vector<SampledRow>> SampleRows(
      size_t count, uint64_t seed) const = 0;

  // Calls `visit` with each document of the commit in ascending order of the
  // bytes of their IDs; stops at the first status that is not OK.
  virtual absl::Status ForEachDocument(
      ReadMask mask,
      const std::function<absl::Status(const StoredDocument&)>& visit)
      const = 0;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_COMMIT_READER_H_
