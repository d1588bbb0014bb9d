// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/document_reader.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/distance.h"
#include "index/metric.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/request_errors.h"
#include "versioning/commit.h"
#include "versioning/commit_reader.h"
#include "versioning/document.h"
#include "versioning/store.h"
#include "versioning/version_distance.h"

namespace copse {

namespace {

// Returns the vectors of the first chunks, which `document` owns.
std::vector<std::span<const float>> VectorsOf(const StoredDocument& document) {
  std::vector<std::span<const float>> vectors;
  for (const StoredChunk& chunk : document.chunks) {
    if (vectors.size() < kComparedChunkCountMax) {
      vectors.emplace_back(chunk.vector);
    }
  }
  return vectors;
}

}  // namespace

std::optional<double> SimilarityOf(Metric metric, float distance) {
  if (metric != Metric::kCosine) {
    return std::nullopt;
  }
  return std::clamp(1.0 - double{distance} / 2.0, 0.0, 1.0);
}

absl::Status CheckQueryText(absl::string_view field, absl::string_view text) {
  if (text.size() > kQueryTextSizeBytesMax) {
    return FieldInvalidError(field, absl::StrCat(text.size(), " bytes long"),
                             absl::StrCat(kQueryTextSizeBytesMax, " at most"));
  }
  if (absl::StripAsciiWhitespace(text).empty()) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          field, " is empty, expected more than white space")),
                      "EMBEDDING_TEXT_EMPTY",
                      {{"field", std::string(field)},
                       {"found", "empty"},
                       {"wanted", "more than white space"}});
  }
  return absl::OkStatus();
}

size_t WireSizeOf(const StoredDocument& document) {
  // Tags and lengths of a field and of an entry of a map, generously.
  constexpr size_t kFieldSizeBytes = 12;
  constexpr size_t kEntrySizeBytes = 32;
  constexpr size_t kChunkSizeBytes = 48;
  size_t size_bytes = 4 * kFieldSizeBytes + document.id.size() +
                      document.type.size() + document.content_hash.size();
  if (document.text.has_value()) {
    size_bytes += kFieldSizeBytes + document.text->size();
  }
  for (const StoredChunk& chunk : document.chunks) {
    size_bytes += kChunkSizeBytes + chunk.vector.size() * sizeof(float);
  }
  for (const auto& [name, value] : document.attributes) {
    size_bytes += kEntrySizeBytes + name.size();
    if (const auto* text = std::get_if<std::string>(&value)) {
      size_bytes += text->size();
    }
  }
  return size_bytes;
}

absl::Status ResponseSizeLimit::Add(const StoredDocument& document,
                                    absl::string_view field) {
  size_bytes_ += WireSizeOf(document);
  if (size_bytes_ <= kResponseSizeBytesMax) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::ResourceExhaustedError(
          absl::StrCat("the response is larger than ", kResponseSizeBytesMax,
                       " bytes, ask for less by ", field, " or document_mask")),
      "RESPONSE_TOO_LARGE",
      {{"field", std::string(field)},
       {"found", absl::StrCat(size_bytes_)},
       {"wanted", absl::StrCat("at most ", kResponseSizeBytesMax)}});
}

absl::StatusOr<std::optional<StoredDocument>> ReadDocument(
    const CommitReader& reader, absl::string_view document_id,
    const DocumentMask& mask) {
  COPSE_ASSIGN_OR_RETURN(
      std::optional<StoredDocument> document,
      reader.GetDocument(
          document_id,
          {.text = mask.text, .chunks = mask.chunks, .vector = mask.vector}));
  if (document.has_value() && !mask.attributes) {
    document->attributes.clear();
  }
  return document;
}

absl::StatusOr<StoredDocument> RequireDocument(const ResolvedCommit& at,
                                               absl::string_view document_id,
                                               const DocumentMask& mask) {
  COPSE_ASSIGN_OR_RETURN(std::optional<StoredDocument> document,
                         ReadDocument(*at.reader, document_id, mask));
  if (!document.has_value()) {
    return WithReason(
        absl::NotFoundError(absl::StrFormat(
            "commit '%s' of domain '%s' has no document '%s'", at.commit,
            at.reader->domain_options().domain, document_id)),
        "DOCUMENT_NOT_FOUND",
        {{"domain", at.reader->domain_options().domain},
         {"commit", at.commit},
         {"document_id", std::string(document_id)}});
  }
  return *std::move(document);
}

absl::StatusOr<GetDocumentsResult> DocumentReader::GetDocuments(
    absl::string_view domain, const CommitSelector& at,
    const std::vector<std::string>& document_ids, const DocumentMask& mask,
    const CallContext& context) {
  if (document_ids.empty() || document_ids.size() > kDocumentIdCountMax) {
    return FieldInvalidError("document_ids",
                             absl::StrCat(document_ids.size(), " IDs"),
                             absl::StrCat("1 to ", kDocumentIdCountMax));
  }
  COPSE_ASSIGN_OR_RETURN(ResolvedCommit resolved,
                         ResolveCommit(store_, domain, at));
  GetDocumentsResult result;
  result.answered_by = {resolved.commit, resolved.lag};
  ResponseSizeLimit size_limit;
  for (const std::string& document_id : document_ids) {
    COPSE_RETURN_IF_ERROR(context.Check());
    COPSE_ASSIGN_OR_RETURN(std::optional<StoredDocument> document,
                           ReadDocument(*resolved.reader, document_id, mask));
    if (!document.has_value()) {
      result.missing_document_ids.push_back(document_id);
      continue;
    }
    COPSE_RETURN_IF_ERROR(size_limit.Add(*document, "document_ids"));
    result.documents.push_back(*std::move(document));
  }
  return result;
}

absl::Status DocumentReader::ExportDocuments(
    absl::string_view domain, const CommitSelector& at,
    const DocumentMask& mask, const CallContext& context,
    const std::function<absl::Status(const AnsweringCommit&)>& begin,
    const std::function<absl::Status(const StoredDocument&)>& visit) {
  COPSE_ASSIGN_OR_RETURN(ResolvedCommit resolved,
                         ResolveCommit(store_, domain, at));
  COPSE_RETURN_IF_ERROR(begin(AnsweringCommit{resolved.commit, resolved.lag}));
  return resolved.reader->ForEachDocument(
      {.text = mask.text, .chunks = mask.chunks, .vector = mask.vector},
      [&](const StoredDocument& document) {
        COPSE_RETURN_IF_ERROR(context.Check());
        return visit(document);
      });
}

absl::StatusOr<CompareResult> DocumentReader::CompareDocuments(
    absl::string_view domain, const CommitSelector& at,
    absl::string_view base_document_id, absl::string_view target_document_id,
    const std::optional<CommitSelector>& target_at,
    const CallContext& context) {
  COPSE_RETURN_IF_ERROR(context.Check());
  COPSE_ASSIGN_OR_RETURN(ResolvedCommit base,
                         ResolveCommit(store_, domain, at));
  ResolvedCommit target = base;
  if (target_at.has_value()) {
    COPSE_ASSIGN_OR_RETURN(target, ResolveCommit(store_, domain, *target_at));
  }
  COPSE_ASSIGN_OR_RETURN(
      StoredDocument base_document,
      RequireDocument(base, base_document_id, {.vector = true}));
  COPSE_ASSIGN_OR_RETURN(
      StoredDocument target_document,
      RequireDocument(target, target_document_id, {.vector = true}));
  const Metric metric = base.reader->domain_options().metric;
  CompareResult result;
  result.answered_by = {base.commit, base.lag};
  result.target_answered_by = {target.commit, target.lag};
  result.distance = MeanNearestDistance(metric, VectorsOf(base_document),
                                        VectorsOf(target_document));
  result.similarity = SimilarityOf(metric, result.distance);
  return result;
}

absl::StatusOr<CompareResult> DocumentReader::CompareTexts(
    absl::string_view domain, absl::string_view base_text,
    absl::string_view target_text, const CallContext& context) {
  COPSE_RETURN_IF_ERROR(CheckQueryText("base_text", base_text));
  COPSE_RETURN_IF_ERROR(CheckQueryText("target_text", target_text));
  COPSE_ASSIGN_OR_RETURN(DomainInfo info, store_.GetDomain(domain));
  COPSE_ASSIGN_OR_RETURN(
      std::vector<float> base_vector,
      embedders_.EmbedText(info.options, base_text, EmbeddingRole::kDocument,
                           context));
  COPSE_ASSIGN_OR_RETURN(
      std::vector<float> target_vector,
      embedders_.EmbedText(info.options, target_text, EmbeddingRole::kDocument,
                           context));
  CompareResult result;
  result.distance = Distance(info.options.metric, base_vector, target_vector);
  result.similarity = SimilarityOf(info.options.metric, result.distance);
  return result;
}

}  // namespace copse
