// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads documents exactly as of a commit: some by their IDs, all of them, and
// how far two are apart.

#ifndef COPSE_SIDECAR_SERVICE_DOCUMENT_READER_H_
#define COPSE_SIDECAR_SERVICE_DOCUMENT_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/metric.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/domain_embedders.h"
#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {

inline constexpr size_t kDocumentIdCountMax = 1000;
inline constexpr size_t kQueryTextSizeBytesMax = size_t{1} << 20;

// What one response may hold; a little less than a message.
inline constexpr size_t kResponseSizeBytesMax = size_t{63} << 20;

// The parts of documents that a caller wants besides ID, type and hash.
struct DocumentMask {
  bool text = false;
  bool attributes = false;
  bool vector = false;
  bool chunks = false;  // Their places; with vectors they are there, too.

  bool IsEmpty() const { return !text && !attributes && !vector && !chunks; }
};

// The commit that answered a read, and its position among the ancestors given,
// counted from 1; 0 if it is the commit that was asked for.
struct AnsweringCommit {
  std::string commit;
  int64_t lag = 0;
};

struct GetDocumentsResult {
  AnsweringCommit answered_by;
  std::vector<StoredDocument> documents;  // In the order of the request.
  std::vector<std::string> missing_document_ids;
};

struct CompareResult {
  AnsweringCommit answered_by;
  AnsweringCommit target_answered_by;
  float distance = 0;
  std::optional<double> similarity;  // In cosine domains.
};

// Returns 1 - distance / 2 for cosine, nothing for other metrics.
std::optional<double> SimilarityOf(Metric metric, float distance);

// Returns OK unless `text`, the `field` of a request, is empty
// (EMBEDDING_TEXT_EMPTY) or larger than kQueryTextSizeBytesMax.
absl::Status CheckQueryText(absl::string_view field, absl::string_view text);

// Returns about the size of `document` on the wire.
size_t WireSizeOf(const StoredDocument& document);

// Adds up documents until they are too many for one response.
class ResponseSizeLimit {
 public:
  // Fails with kResourceExhausted, RESPONSE_TOO_LARGE, telling to lower `field`
  // or to leave out parts.
  absl::Status Add(const StoredDocument& document, absl::string_view field);

 private:
  size_t size_bytes_ = 0;
};

// Returns the parts that `mask` asks for, or nullopt if the commit does not
// hold the document.
absl::StatusOr<std::optional<StoredDocument>> ReadDocument(
    const CommitReader& reader, absl::string_view document_id,
    const DocumentMask& mask);

// The same; fails with kNotFound, DOCUMENT_NOT_FOUND, naming the commit, if it
// does not hold the document.
absl::StatusOr<StoredDocument> RequireDocument(const ResolvedCommit& at,
                                               absl::string_view document_id,
                                               const DocumentMask& mask);

// Thread safety: any number of threads may use one DocumentReader.
class DocumentReader {
 public:
  // Both must outlive this.
  DocumentReader(Store& store, DomainEmbedders& embedders)
      : store_(store), embedders_(embedders) {}

  // Fails with kInvalidArgument unless there are 1 to kDocumentIdCountMax IDs,
  // the errors of ResolveCommit(), and kResourceExhausted, RESPONSE_TOO_LARGE.
  absl::StatusOr<GetDocumentsResult> GetDocuments(
      absl::string_view domain, const CommitSelector& at,
      const std::vector<std::string>& document_ids, const DocumentMask& mask,
      const CallContext& context);

  // Calls `begin` once, then `visit` with each document in ascending order of
  // the bytes of their IDs, until one of them fails or the caller has gone.
  absl::Status ExportDocuments(
      absl::string_view domain, const CommitSelector& at,
      const DocumentMask& mask, const CallContext& context,
      const std::function<absl::Status(const AnsweringCommit&)>& begin,
      const std::function<absl::Status(const StoredDocument&)>& visit);

  // Returns how far two documents are apart, by MeanNearestDistance() of their
  // first kComparedChunkCountMax chunks; `target_at` unset means `at`.
  absl::StatusOr<CompareResult> CompareDocuments(
      absl::string_view domain, const CommitSelector& at,
      absl::string_view base_document_id, absl::string_view target_document_id,
      const std::optional<CommitSelector>& target_at,
      const CallContext& context);

  // Returns how far two texts are apart, both embedded as documents; no commit
  // is involved. Fails with kNotFound, DOMAIN_NOT_FOUND, and the errors of
  // DomainEmbedders::EmbedText().
  absl::StatusOr<CompareResult> CompareTexts(absl::string_view domain,
                                             absl::string_view base_text,
                                             absl::string_view target_text,
                                             const CallContext& context);

 private:
  Store& store_;
  DomainEmbedders& embedders_;
};

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_DOCUMENT_READER_H_
