// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/embedding_handlers.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/http/commit_read.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/http/parameters.h"
#include "sidecar/http/piece_writer.h"
#include "sidecar/http/request_body.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/util/flat_object.h"
#include "versioning/commit.h"
#include "versioning/commit_reader.h"
#include "versioning/store.h"

namespace copse {
namespace {

constexpr absl::string_view kNdjsonType = "application/x-ndjson";

using DocumentVisitor = std::function<absl::Status(const StoredDocument&)>;

struct EmbeddingsRequest {
  ReadTarget target;
  DocumentFilter filter;
  bool as_lines = false;
  bool has_clustering = false;  // Whether the domain stores clustering vectors.
};

// Adds the lists of IDs and types; in a query they may be separated by commas.
absl::Status AddFilters(const Parameters& parameters, bool split_commas,
                        DocumentFilter& filter) {
  COPSE_ASSIGN_OR_RETURN(const DocumentFilter repeated,
                         FilterOf(parameters, "doc_type", "doc_id"));
  filter.types.insert(repeated.types.begin(), repeated.types.end());
  filter.ids.insert(repeated.ids.begin(), repeated.ids.end());
  COPSE_ASSIGN_OR_RETURN(const DocumentFilter listed,
                         FilterOf(parameters, "doc_types", "doc_ids"));
  const auto add = [split_commas](const std::string& text, auto& list) {
    if (!split_commas) {
      list.insert(text);
      return;
    }
    for (const absl::string_view part :
         absl::StrSplit(text, ',', absl::SkipEmpty())) {
      list.emplace(part);
    }
  };
  for (const std::string& text : listed.types) {
    add(text, filter.types);
  }
  for (const std::string& text : listed.ids) {
    add(text, filter.ids);
  }
  return absl::OkStatus();
}

// The first line says what to read, the others name further documents.
absl::Status ReadLines(absl::string_view body, Parameters& parameters,
                       DocumentFilter& filter) {
  bool is_first = true;
  for (const absl::string_view line : absl::StrSplit(body, '\n')) {
    if (absl::StripAsciiWhitespace(line).empty()) {
      continue;
    }
    Parameters further("");
    COPSE_RETURN_IF_ERROR((is_first ? parameters : further).AddBody(line));
    if (!is_first) {
      COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             further.List({"doc_id"}));
      filter.ids.insert(ids.begin(), ids.end());
    }
    is_first = false;
  }
  return absl::OkStatus();
}

absl::StatusOr<EmbeddingsRequest> ReadRequest(HttpServices& services,
                                              const HttpRequest& request) {
  EmbeddingsRequest wanted;
  Parameters parameters = request.parameters;
  const RequestHead& head = request.head();
  const bool is_post = head.method == "POST";
  if (is_post) {
    wanted.as_lines = MediaTypeOf(head) == kNdjsonType;
    if (!wanted.as_lines) {
      COPSE_RETURN_IF_ERROR(CheckJsonType(head));
    }
    COPSE_ASSIGN_OR_RETURN(
        const std::string body,
        ReadWholeBody(*request.exchange,
                      services.limits.json_body_size_bytes_max));
    COPSE_RETURN_IF_ERROR(wanted.as_lines
                              ? ReadLines(body, parameters, wanted.filter)
                              : parameters.AddBody(body));
  } else {
    const std::string* accept = head.Find("accept");
    wanted.as_lines =
        accept != nullptr && absl::StrContains(*accept, kNdjsonType);
  }
  COPSE_RETURN_IF_ERROR(CheckDataVersion(head));
  COPSE_ASSIGN_OR_RETURN(wanted.target, ReadTargetOf(parameters));
  COPSE_RETURN_IF_ERROR(AddFilters(parameters, !is_post, wanted.filter));
  COPSE_ASSIGN_OR_RETURN(const bool stream, parameters.Flag("stream", false));
  wanted.as_lines = wanted.as_lines || (is_post && stream);
  return wanted;
}

// Visits the documents that `filter` takes.
absl::Status ForEach(const ResolvedCommit& at, const DocumentFilter& filter,
                     ReadMask mask, const DocumentVisitor& visit) {
  const auto visit_taken = [&](const StoredDocument& document) {
    return filter.Takes(document) ? visit(document) : absl::OkStatus();
  };
  if (filter.ids.empty()) {
    return at.reader->ForEachDocument(mask, visit_taken);
  }
  for (const std::string& id :
       std::set<std::string>(filter.ids.begin(), filter.ids.end())) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<StoredDocument> document,
                           at.reader->GetDocument(id, mask));
    if (document.has_value()) {
      COPSE_RETURN_IF_ERROR(visit_taken(*document));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> CountOf(const ResolvedCommit& at,
                                const DocumentFilter& filter) {
  if (filter.IsEmpty()) {
    return at.reader->info().document_count;
  }
  int64_t count = 0;
  const auto count_one = [&count](const StoredDocument&) {
    ++count;
    return absl::OkStatus();
  };
  COPSE_RETURN_IF_ERROR(ForEach(at, filter, {}, count_one));
  return count;
}

// A line for each document, without white space: the database edits them as
// text.
absl::Status WriteLines(const HttpRequest& request, const ResolvedCommit& at,
                        const EmbeddingsRequest& wanted) {
  PieceWriter writer(*request.exchange);
  std::string& text = writer.text();
  const ReadMask mask = {.vector = true,
                         .clustering_vector = wanted.has_clustering};
  COPSE_RETURN_IF_ERROR(
      ForEach(at, wanted.filter, mask, [&](const StoredDocument& document) {
        absl::StrAppend(&text, "{\"doc_id\":", JsonString(document.id),
                        ",\"embedding\":");
        AppendJsonUnitVector(text, document.chunks.front().vector);
        if (!document.clustering_vector.empty()) {
          absl::StrAppend(&text, ",\"clustering_embedding\":");
          AppendJsonUnitVector(text, document.clustering_vector);
        }
        absl::StrAppend(&text, "}\n");
        const absl::Status status = request.context.Check();
        return status.ok() ? writer.WriteIfLarge() : status;
      }));
  return writer.Write();
}

// An object with the vectors that `vector_of` gives, by ID; documents without
// one are left out.
absl::Status WriteVectors(
    const HttpRequest& request, const ResolvedCommit& at,
    const EmbeddingsRequest& wanted, ReadMask mask,
    const std::function<std::span<const float>(const StoredDocument&)>&
        vector_of,
    PieceWriter& writer) {
  std::string& text = writer.text();
  text.push_back('{');
  bool is_first = true;
  COPSE_RETURN_IF_ERROR(
      ForEach(at, wanted.filter, mask, [&](const StoredDocument& document) {
        const std::span<const float> vector = vector_of(document);
        if (!vector.empty()) {
          absl::StrAppend(&text, std::exchange(is_first, false) ? "" : ",",
                          JsonString(document.id), ":");
          AppendJsonUnitVector(text, vector);
        }
        const absl::Status status = request.context.Check();
        return status.ok() ? writer.WriteIfLarge() : status;
      }));
  text.push_back('}');
  return absl::OkStatus();
}

absl::Status WriteObject(const HttpRequest& request, const ResolvedCommit& at,
                         const EmbeddingsRequest& wanted) {
  PieceWriter writer(*request.exchange);
  std::string& text = writer.text();
  absl::StrAppend(&text, "{\"doc_embeddings\":");
  COPSE_RETURN_IF_ERROR(WriteVectors(
      request, at, wanted, {.vector = true},
      [](const StoredDocument& document) -> std::span<const float> {
        return document.chunks.front().vector;
      },
      writer));
  absl::StrAppend(&text, ",\"clustering_embeddings\":");
  if (wanted.has_clustering) {
    COPSE_RETURN_IF_ERROR(WriteVectors(
        request, at, wanted, {.clustering_vector = true},
        [](const StoredDocument& document) -> std::span<const float> {
          return document.clustering_vector;
        },
        writer));
  } else {
    absl::StrAppend(&text, "{}");
  }
  absl::StrAppend(
      &text, ",\"store_clustering\":", wanted.has_clustering ? "true" : "false",
      ",\"served_commit\":", JsonString(at.commit), "}");
  return writer.Write();
}

absl::Status Serve(HttpServices& services, const HttpRequest& request,
                   bool& started) {
  COPSE_ASSIGN_OR_RETURN(EmbeddingsRequest wanted,
                         ReadRequest(services, request));
  COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         OpenRead(services, wanted.target));
  COPSE_ASSIGN_OR_RETURN(
      const DomainInfo domain,
      services.engine->store().GetDomain(wanted.target.domain));
  wanted.has_clustering = domain.options.stores_clustering;
  HttpAnswer answer = {.fields = ServedBy(at)};
  if (wanted.as_lines) {
    COPSE_ASSIGN_OR_RETURN(const int64_t count, CountOf(at, wanted.filter));
    answer.content_type = std::string(kNdjsonType);
    answer.fields.emplace_back("X-Served-Commit", at.commit);
    answer.fields.emplace_back("X-Store-Clustering",
                               wanted.has_clustering ? "true" : "false");
    answer.fields.emplace_back("X-Total-Count", absl::StrCat(count));
  }
  request.exchange->StartStream(std::move(answer));
  started = true;
  return wanted.as_lines ? WriteLines(request, at, wanted)
                         : WriteObject(request, at, wanted);
}

}  // namespace

void HandleEmbeddings(HttpServices& services, const HttpRequest& request) {
  ServeStream(request,
              [&](bool& started) { return Serve(services, request, started); });
}

}  // namespace copse
