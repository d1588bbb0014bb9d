// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/v1_read_handlers.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/http/commit_read.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/http/request_body.h"
#include "sidecar/http/v1_request.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/engine.h"
#include "sidecar/util/flat_object.h"
#include "versioning/commit_reader.h"
#include "versioning/document.h"
#include "versioning/pool_statistics.h"

namespace copse {
namespace {

constexpr int64_t kHitCountDefault = 10;

using IdPair = std::pair<std::string, std::string>;

absl::StatusOr<int64_t> CountOf(const HttpRequest& request) {
  return request.parameters.Integer("count", {1, kCountMax}, kHitCountDefault);
}

HttpAnswer HitsAnswerV1(const ResolvedCommit& at,
                        const std::vector<Hit>& hits) {
  HttpAnswer answer = {.fields = ServedBy(at), .body = "["};
  for (const Hit& hit : hits) {
    absl::StrAppend(&answer.body, answer.body.size() == 1 ? "" : ",",
                    "{\"id\":", JsonString(hit.id), ",\"distance\":");
    AppendJsonNumber(answer.body, hit.distance);
    absl::StrAppend(&answer.body, "}");
  }
  absl::StrAppend(&answer.body, "]");
  return answer;
}

absl::StatusOr<HttpAnswer> SearchByBody(HttpServices& services,
                                        const HttpRequest& request,
                                        int64_t count) {
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         OpenV1Read(services, request));
  COPSE_ASSIGN_OR_RETURN(
      const std::string text,
      ReadWholeBody(*request.exchange,
                    services.limits.json_body_size_bytes_max));
  COPSE_RETURN_IF_ERROR(CheckQueryText("the body", text));
  const CallContext context = V1ContextOf(services, request);
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<float> query,
      services.engine->embedders().EmbedText(at.reader->domain_options(), text,
                                             EmbeddingRole::kQuery, context));
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<Hit> hits,
      SearchWindow(at, query, {}, {.count = count}, "", context));
  return HitsAnswerV1(at, hits);
}

absl::StatusOr<HttpAnswer> FindSimilar(HttpServices& services,
                                       const HttpRequest& request) {
  COPSE_ASSIGN_OR_RETURN(const int64_t count, CountOf(request));
  COPSE_ASSIGN_OR_RETURN(auto texts, V1TextsOf(request, {"id"}));
  const std::string& id = texts["id"];
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         OpenV1Read(services, request));
  COPSE_ASSIGN_OR_RETURN(const StoredDocument document,
                         RequireDocument(at, id, {.vector = true}));
  // The document itself comes first, whatever has the same vector.
  std::vector<Hit> hits = {{.id = id}};
  if (count > 1) {
    COPSE_ASSIGN_OR_RETURN(
        std::vector<Hit> others,
        SearchWindow(at, document.chunks.front().vector, {},
                     {.count = count - 1}, id, request.context));
    std::ranges::move(others, std::back_inserter(hits));
  }
  return HitsAnswerV1(at, hits);
}

// Returns the document nearest to `document`, which was read with its vectors,
// if it is nearer than `threshold`.
absl::StatusOr<std::optional<std::string>> NearestTo(
    const ResolvedCommit& at, const StoredDocument& document, double threshold,
    const CallContext& context) {
  std::optional<std::string> nearest;
  double distance = threshold;
  for (const StoredChunk& chunk : document.chunks) {
    COPSE_ASSIGN_OR_RETURN(
        const std::vector<Hit> hits,
        SearchWindow(at, chunk.vector, {}, {.count = 1}, document.id, context));
    if (!hits.empty() && double{hits.front().distance} < distance) {
      nearest = hits.front().id;
      distance = double{hits.front().distance};
    }
  }
  return nearest;
}

absl::StatusOr<HttpAnswer> FindDuplicates(HttpServices& services,
                                          const HttpRequest& request) {
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<double> threshold,
      request.parameters.FindNumber("threshold",
                                    std::numeric_limits<double>::infinity()));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         OpenV1Read(services, request));
  std::set<IdPair> pairs;
  if (threshold.value_or(0) > 0) {  // Nothing is nearer than 0.
    COPSE_RETURN_IF_ERROR(at.reader->ForEachDocument(
        {.vector = true}, [&](const StoredDocument& document) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(
              const std::optional<std::string> nearest,
              NearestTo(at, document, *threshold, request.context));
          if (nearest.has_value()) {
            pairs.insert(std::minmax(document.id, *nearest));
          }
          return request.context.Check();
        }));
  }
  HttpAnswer answer = {.fields = ServedBy(at), .body = "["};
  for (const auto& [first, second] : pairs) {
    absl::StrAppend(&answer.body, answer.body.size() == 1 ? "[" : ",[",
                    JsonString(first), ",", JsonString(second), "]");
  }
  absl::StrAppend(&answer.body, "]");
  return answer;
}

}  // namespace

absl::StatusOr<HttpAnswer> HandleV1Search(HttpServices& services,
                                          const HttpRequest& request) {
  const absl::StatusOr<int64_t> count = CountOf(request);
  if (!count.ok()) {
    return V1ErrorAnswer(count.status(), 400);
  }
  absl::StatusOr<HttpAnswer> answer = SearchByBody(services, request, *count);
  return answer.ok() ? *std::move(answer) : V1ErrorAnswer(answer.status(), 404);
}

absl::StatusOr<HttpAnswer> HandleV1Similar(HttpServices& services,
                                           const HttpRequest& request) {
  absl::StatusOr<HttpAnswer> answer = FindSimilar(services, request);
  return answer.ok() ? *std::move(answer) : V1ErrorAnswer(answer.status(), 400);
}

absl::StatusOr<HttpAnswer> HandleV1Duplicates(HttpServices& services,
                                              const HttpRequest& request) {
  absl::StatusOr<HttpAnswer> answer = FindDuplicates(services, request);
  return answer.ok() ? *std::move(answer) : V1ErrorAnswer(answer.status(), 400);
}

// The original tells of blocks of vectors in memory; here it is bytes of
// loaded indexes.
absl::StatusOr<HttpAnswer> HandleV1Statistics(HttpServices& services,
                                              const HttpRequest& /*request*/) {
  COPSE_ASSIGN_OR_RETURN(const EngineStatistics statistics,
                         services.engine->GetStatistics());
  const PoolStatistics& pool = statistics.store.pool;
  const int64_t free_size_bytes =
      std::max<int64_t>(0, pool.budget_size_bytes - pool.loaded_size_bytes);
  return HttpAnswer{
      .body = absl::StrCat("{\"free\":", free_size_bytes,
                           ",\"loading\":0,\"loaded\":", pool.loaded_size_bytes,
                           ",\"cached\":", pool.loaded_size_bytes, "}")};
}

}  // namespace copse
