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
#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {

inline constexpr int64_t kNeighborCountMax = 10000;
inline constexpr int64_t kNeighborCountDefault = 10;
inline constexpr size_t kTypeCountMax = 1000;

// A snippet reads the text of its document, which may have megabytes.
inline constexpr size_t kSnippetCountMax = 100;

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

  // What the documents of the neighbors hold.
  DocumentMask mask;

  // Whether the first kSnippetCountMax neighbors of a TextQuery have snippets.
  bool with_snippets = false;
};

struct SearchRequest {
  std::string domain;
  CommitSelector at;
  std::variant<std::monostate, TextQuery, VectorQuery, DocumentQuery> query;
  SearchSettings settings;
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

struct SearchNeighbor {
  StoredDocument document;
  float distance = 0;
  std::optional<double> similarity;  // In cosine domains.

  // The nearest chunk; the place of the only one is not said.
  uint32_t chunk = 0;
  ChunkPlace place;

  std::optional<DocumentSnippet> snippet;  // Only where asked for.
};

struct SearchResponse {
  AnsweringCommit answered_by;
  std::optional<AnsweringCommit> source;  // Of a DocumentQuery.
  std::vector<SearchNeighbor> neighbors;
  SearchWork work;
};

// Returns OK, or kInvalidArgument, FIELD_INVALID, naming the field that is out
// of range.
absl::Status CheckSearchSettings(const SearchSettings& settings);

// Returns the options without a query. REQUIRES: CheckSearchSettings()
DocumentSearchOptions ToSearchOptions(const SearchSettings& settings);

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
