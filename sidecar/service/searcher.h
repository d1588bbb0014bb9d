// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds documents near a text, a vector or a document, exactly as of a commit.
//
//   SearchRequest request;
//   request.domain = "admin/books";
//   request.at.branch = "main";
//   request.query = TextQuery{"trees that keep their leaves"};
//   COPSE_ASSIGN_OR_RETURN(SearchResponse response,
//                          searcher.Search(request, context));
//
// A text is searched for by its meaning, by its words, or by both, whose
// results are fused (fusion.h).
//
// Pages. With `start`, results are part of one order that goes by the request
// alone, whatever `start` and `neighbor_count`: pages of one commit neither
// skip nor repeat. Where that is not the order of one search, because a search
// for more neighbors may also find nearer ones, it is put together: first what
// a search for 100 finds, then what else one for 1,000 finds, then for 10,000.

#ifndef COPSE_SIDECAR_SERVICE_SEARCHER_H_
#define COPSE_SIDECAR_SERVICE_SEARCHER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/forest.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/domain_embedders.h"
#include "sidecar/service/fusion.h"
#include "versioning/commit_reader.h"
#include "versioning/lexical/bm25.h"
#include "versioning/search_filter.h"
#include "versioning/store.h"

namespace copse {

inline constexpr int64_t kNeighborCountMax = 10000;
inline constexpr int64_t kNeighborCountDefault = 10;
inline constexpr size_t kTypeCountMax = 1000;
inline constexpr size_t kFilterIdCountMax = 1000;
inline constexpr int64_t kSuggestionCountMax = 100;
inline constexpr int64_t kSuggestionCountDefault = 10;

// A snippet reads the text of its document, which may have megabytes.
inline constexpr size_t kSnippetCountMax = 100;

// Explaining a score looks for each word of the query in its chunk.
inline constexpr size_t kExplanationCountMax = 100;

// Chunks of a document that are searched for, spread evenly over it.
inline constexpr size_t kQueryChunkCountMax = 16;

// Embedded as a query; 1 to kQueryTextSizeBytesMax bytes.
struct TextQuery {
  std::string text;
};

struct VectorQuery {
  std::vector<float> vector;
};

// A document, which itself is not found.
struct DocumentQuery {
  std::string document_id;

  // The commit that it is taken from; unset means the one that is searched.
  std::optional<CommitSelector> source;
};

struct SearchSettings {
  // In [1, kNeighborCountMax]; 0 means kNeighborCountDefault.
  int64_t neighbor_count = 0;

  // If not empty, only documents of one of these types are found.
  std::vector<std::string> types;

  // Rows whose distance is estimated, at least 0; 0 means a default.
  int64_t scan_budget = 0;

  // The share of the true neighbors to find, in (0, 1]; 0 means not set.
  double recall_target = 0;

  // Whether to compare with every row.
  bool exact = false;

  // If set, only neighbors of at most this distance are found.
  std::optional<double> max_distance;

  // If not empty, only these documents are found.
  std::vector<std::string> document_ids;

  // If set, how many documents to leave out at the beginning, in
  // [0, kNeighborCountMax]; see above.
  std::optional<int64_t> start;

  // Only documents that pass are found.
  SearchFilter filter;

  // Whether the response explains how it was found, and the first
  // kExplanationCountMax neighbors why.
  bool explain = false;

  // What the documents of the neighbors hold.
  DocumentMask mask;

  // Whether the first kSnippetCountMax neighbors of a TextQuery have snippets.
  bool with_snippets = false;
};

// By what a text is searched for.
enum class SearchMode { kVector, kText, kHybrid };

struct SearchRequest {
  std::string domain;
  CommitSelector at;
  std::variant<std::monostate, TextQuery, VectorQuery, DocumentQuery> query;
  SearchSettings settings;

  // Other ones than kVector are for a TextQuery.
  SearchMode mode = SearchMode::kVector;
  Fusion fusion;  // For kHybrid.

  // Whether "phrases" and beginnings* of the text are nothing but words.
  bool is_plain = false;
};

// The part of a text that shows why it was found.
struct DocumentSnippet {
  // A part of `text`, in bytes.
  struct Match {
    size_t first_byte = 0;
    size_t size_bytes = 0;
  };

  std::string text;
  size_t first_byte = 0;       // Of the snippet in the document's text.
  std::vector<Match> matches;  // Words of the query.
};

// The parts of the score of a neighbor.
struct NeighborExplanation {
  // Unset if the search by vectors was not done, or did not find it; its value
  // goes into a fusion, and is 0 without one.
  std::optional<RankedChunk::Part> vector;

  // The same of the search by words, and what it found.
  std::optional<RankedChunk::Part> text;
  double text_score = 0;
  uint32_t text_chunk = 0;
  TextScore text_terms;
};

// How a search was done.
struct SearchExplanation {
  struct TextSearch {
    int64_t matching_row_count = 0;
    LexicalStatistics statistics;
  };

  int64_t row_count = 0;  // Of the commit.

  // In their order: again where more neighbors were needed.
  std::vector<SearchPlan> vector_searches;
  std::vector<TextSearch> text_searches;

  std::optional<double> vector_weight;  // Of the fusion.
};

struct SearchNeighbor {
  StoredDocument document;

  // Of the vectors, or 1 / (1 + score) where only words were compared.
  float distance = 0;
  std::optional<double> similarity;  // Of vectors, in cosine domains.

  // Of the words, or fused; unset for a search by vectors.
  std::optional<double> score;

  // The nearest chunk, or the one with the best words; the place of the only
  // one is not said.
  uint32_t chunk = 0;
  ChunkPlace place;

  std::optional<DocumentSnippet> snippet;          // Only where asked for.
  std::optional<NeighborExplanation> explanation;  // The same.
};

struct SuggestRequest {
  std::string domain;
  CommitSelector at = {};

  // 1 to kQueryTextSizeBytesMax bytes, of which the last word is completed.
  std::string text;

  // In [1, kSuggestionCountMax]; 0 means kSuggestionCountDefault.
  int64_t suggestion_count = 0;
};

struct SuggestResponse {
  AnsweringCommit answered_by;
  std::vector<TermSuggestion> suggestions;
};

struct SearchResponse {
  AnsweringCommit answered_by;
  std::optional<AnsweringCommit> source;  // Of a DocumentQuery.
  std::vector<SearchNeighbor> neighbors;
  SearchWork work;
  std::optional<SearchExplanation> explanation;  // Only where asked for.
  std::vector<std::string> warnings;             // See filter_warnings.h.
};

// Returns OK, or kInvalidArgument, FIELD_INVALID or FILTER_INVALID, naming the
// field that is out of range.
absl::Status CheckSearchSettings(const SearchSettings& settings);

// Returns the options without a query. REQUIRES: CheckSearchSettings()
DocumentSearchOptions ToSearchOptions(const SearchSettings& settings);

// Returns what a search answers of a neighbor. `query_text` is empty where no
// snippet is wanted.
absl::StatusOr<SearchNeighbor> ReadNeighbor(const CommitReader& reader,
                                            const DocumentNeighbor& neighbor,
                                            DocumentMask mask,
                                            absl::string_view query_text);

// Thread safety: any number of threads may use one Searcher.
class Searcher {
 public:
  // Both must outlive this.
  Searcher(Store& store, DomainEmbedders& embedders)
      : store_(store), embedders_(embedders) {}

  // Fails with kInvalidArgument for a request out of range or a vector that the
  // domain cannot take, kNotFound for an unknown domain, branch, commit or
  // document, and the errors of DomainEmbedders::EmbedText().
  absl::StatusOr<SearchResponse> Search(const SearchRequest& request,
                                        const CallContext& context);

  // Returns words of the commit that the text may be about to say, or may have
  // meant. Fails with kInvalidArgument, kNotFound, and kFailedPrecondition,
  // LEXICAL_INDEX_OFF.
  absl::StatusOr<SuggestResponse> Suggest(const SuggestRequest& request,
                                          const CallContext& context);

 private:
  // Vectors to search for, and what is known of where they are from.
  struct QueryVectors {
    std::vector<std::vector<float>> vectors;
    std::string excluded_document_id;
    std::optional<AnsweringCommit> source;
  };

  absl::StatusOr<QueryVectors> FindQueryVectors(const SearchRequest& request,
                                                const ResolvedCommit& at,
                                                const CallContext& context);

  Store& store_;
  DomainEmbedders& embedders_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_SEARCHER_H_
