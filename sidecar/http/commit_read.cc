// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/commit_read.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/distance.h"
#include "index/metric.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/http/domain_path.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/text/approximate_tokenizer.h"
#include "sidecar/util/flat_object.h"
#include "versioning/commit_reader.h"
#include "versioning/document.h"
#include "versioning/search_filter.h"

namespace copse {
namespace {

// Where the lists end that a window is cut from: each goes on where the one
// before it ends. What a list holds must not go with the window, or windows
// would not fit together, and a long list is more work than a page needs.
// Behind them come all others, exactly ranked.
constexpr std::array<size_t, 3> kListEnds = {10, 100, 1000};

// Up to so many rows all are compared.
constexpr int64_t kExactRowCountMax = 2048;

// Texts that are in memory at once.
constexpr size_t kReadHitCount = 32;

// What CommitReader::Search() returns at most; beyond, all rows are ranked.
constexpr int64_t kSearchWindowMax = 10'000;

// TerminusDB-Data-Version: two parts of four and more characters.
constexpr absl::string_view kDataVersionField = "terminusdb-data-version";
constexpr size_t kDataVersionPartSizeMin = 4;

bool Passes(const SearchFilter& filter, const StoredDocument& document) {
  const auto passes = [&document](const AttributeCondition& condition) {
    return copse::Passes(condition, document.attributes);
  };
  const auto begins = [&document](const std::string& prefix) {
    return absl::StartsWith(document.id, prefix);
  };
  return std::ranges::all_of(filter.conditions, passes) &&
         (filter.id_prefixes.empty() ||
          std::ranges::any_of(filter.id_prefixes, begins));
}

bool IsBefore(const Hit& a, const Hit& b) {
  return std::tie(a.distance, a.id) < std::tie(b.distance, b.id);
}

std::vector<Hit> Cut(std::vector<Hit> hits, HitWindow window) {
  const auto start = static_cast<size_t>(window.start);
  if (start >= hits.size()) {
    return {};
  }
  const size_t end =
      std::min(hits.size(), start + static_cast<size_t>(window.count));
  return {std::make_move_iterator(hits.begin() + static_cast<int64_t>(start)),
          std::make_move_iterator(hits.begin() + static_cast<int64_t>(end))};
}

// What is searched for, and among which documents.
struct Question {
  const ResolvedCommit& at;
  std::span<const float> query;
  const DocumentFilter& filter;
  absl::string_view excluded_id;
  const CallContext& context;
};

// Returns the nearest `count` documents in the order of the port. `is_again`
// says that the same was asked before, for a shorter list.
absl::StatusOr<std::vector<Hit>> FindNearest(const Question& question,
                                             size_t count, bool exact,
                                             bool is_again) {
  const DocumentFilter& filter = question.filter;
  DocumentSearchOptions options;
  options.query = question.query;
  options.neighbor_count = count;
  options.exact = exact;
  options.types.assign(filter.types.begin(), filter.types.end());
  options.filter = filter.passing;
  options.excluded_document_id = std::string(question.excluded_id);
  options.is_user_query = question.excluded_id.empty() && !is_again;
  options.check = [&question] { return question.context.Check(); };
  COPSE_ASSIGN_OR_RETURN(DocumentSearchResult result,
                         question.at.reader->Search(options));
  std::vector<Hit> hits;
  hits.reserve(result.neighbors.size());
  for (DocumentNeighbor& neighbor : result.neighbors) {
    hits.push_back({.id = std::move(neighbor.document_id),
                    .distance = ToHttpDistance(neighbor.distance),
                    .chunk = neighbor.chunk,
                    .chunk_count = neighbor.chunk_count,
                    .place = neighbor.place,
                    .content_hash = neighbor.content_hash,
                    .has_text = neighbor.has_text});
  }
  // Distances that were rounded to 0 are equal now.
  std::ranges::sort(hits, IsBefore);
  return hits;
}

// Appends those of `others` that are not in `hits`, until there are `end`.
void AppendOthers(std::span<Hit> others, size_t end, std::vector<Hit>& hits) {
  absl::flat_hash_set<std::string> found;
  for (const Hit& hit : hits) {
    found.insert(hit.id);
  }
  for (Hit& hit : others) {
    if (hits.size() == end) {
      break;
    }
    if (!found.contains(hit.id)) {
      hits.push_back(std::move(hit));
    }
  }
}

// Makes `hits`, the lists so far, go on to `list_end`, or less if there are no
// more. Returns whether there may be more. What is nearer than the last of them
// and was not found before is left out, as windows have been cut without it; it
// follows behind the lists.
absl::StatusOr<bool> AppendList(const Question& question, size_t list_end,
                                std::vector<Hit>& hits) {
  const bool is_again = !hits.empty();
  size_t count = list_end + hits.size();
  while (true) {
    COPSE_ASSIGN_OR_RETURN(
        std::vector<Hit> longer,
        FindNearest(question, count, /*exact=*/false, is_again));
    const bool may_have_more = longer.size() == count;
    const auto next =
        hits.empty() ? longer.begin()
                     : std::ranges::upper_bound(longer, hits.back(), IsBefore);
    AppendOthers({next, longer.end()}, list_end, hits);
    if (!may_have_more || hits.size() == list_end) {
      return may_have_more;
    }
    // Of thousands at the same distance most come before the last in the order
    // of IDs.
    if (count == kSearchWindowMax) {
      AppendOthers({longer.begin(), next}, list_end, hits);
      return true;
    }
    count = std::min<size_t>(2 * count, kSearchWindowMax);
  }
}

// Returns the nearest documents as the forest finds them, as far as a window
// that ends at `end` reaches, but no farther than the last list.
absl::StatusOr<std::vector<Hit>> SearchLists(const Question& question,
                                             size_t end) {
  // Of few documents none may be left out: the longest list has all.
  const bool has_few =
      question.at.reader->info().document_count <= kExactRowCountMax;
  std::vector<Hit> hits;
  for (const size_t list_end : kListEnds) {
    if (has_few && list_end < kListEnds.back()) {
      continue;
    }
    COPSE_ASSIGN_OR_RETURN(const bool may_have_more,
                           AppendList(question, list_end, hits));
    if (!may_have_more || end <= list_end) {
      break;
    }
  }
  return hits;
}

// Returns `document`, which was read with its vectors, by its nearest chunk.
Hit NearestChunkOf(const StoredDocument& document,
                   const QueryDistance& distance) {
  Hit hit = {.id = document.id,
             .distance = std::numeric_limits<float>::infinity(),
             .chunk_count = document.chunk_count,
             .content_hash = document.content_hash,
             .has_text = document.has_text};
  for (size_t i = 0; i < document.chunks.size(); ++i) {
    const float found = ToHttpDistance(distance.To(document.chunks[i].vector));
    if (found < hit.distance) {
      hit.distance = found;
      hit.chunk = static_cast<uint32_t>(i);
      hit.place = document.chunks[i].place;
    }
  }
  return hit;
}

// Ranks the documents that are named.
absl::StatusOr<std::vector<Hit>> RankNamed(const ResolvedCommit& at,
                                           const QueryDistance& distance,
                                           const DocumentFilter& filter,
                                           const CallContext& context) {
  std::vector<Hit> hits;
  for (const std::string& id : filter.ids) {
    COPSE_RETURN_IF_ERROR(context.Check());
    COPSE_ASSIGN_OR_RETURN(
        const std::optional<StoredDocument> document,
        ReadDocument(*at.reader, id, {.attributes = true, .vector = true}));
    if (document.has_value() && filter.Takes(*document)) {
      hits.push_back(NearestChunkOf(*document, distance));
    }
  }
  return hits;
}

// Ranks all documents.
absl::StatusOr<std::vector<Hit>> RankAll(const ResolvedCommit& at,
                                         const QueryDistance& distance,
                                         const DocumentFilter& filter,
                                         const CallContext& context) {
  std::vector<Hit> hits;
  const auto visit = [&](const StoredDocument& document) {
    if (filter.Takes(document)) {
      hits.push_back(NearestChunkOf(document, distance));
    }
    return context.Check();
  };
  COPSE_RETURN_IF_ERROR(at.reader->ForEachDocument({.vector = true}, visit));
  return hits;
}

// Returns at least the nearest `end` documents, all vectors compared.
absl::StatusOr<std::vector<Hit>> RankExactly(const Question& question,
                                             int64_t end) {
  if (question.filter.ids.empty() && end <= kSearchWindowMax) {
    return FindNearest(question, static_cast<size_t>(end), /*exact=*/true,
                       /*is_again=*/false);
  }
  const QueryDistance distance(Metric::kCosine, question.query);
  COPSE_ASSIGN_OR_RETURN(
      std::vector<Hit> hits,
      question.filter.ids.empty()
          ? RankAll(question.at, distance, question.filter, question.context)
          : RankNamed(question.at, distance, question.filter,
                      question.context));
  std::erase_if(hits, [&question](const Hit& hit) {
    return !question.excluded_id.empty() && hit.id == question.excluded_id;
  });
  std::ranges::sort(hits, IsBefore);
  return hits;
}

// Returns the documents of `hits`, with text and chunks.
absl::StatusOr<std::vector<StoredDocument>> ReadHits(
    const ResolvedCommit& at, std::span<const Hit> hits) {
  std::vector<StoredDocument> documents;
  std::vector<ContentHash>
      whole;  // Of what is one chunk: nothing but its text.
  for (const Hit& hit : hits) {
    if (hit.chunk_count == 1) {
      documents.push_back({.id = hit.id});
      if (hit.has_text) {
        whole.push_back(hit.content_hash);
      }
      continue;
    }
    COPSE_ASSIGN_OR_RETURN(StoredDocument document,
                           RequireDocument(at, hit.id, kTextAndChunks));
    documents.push_back(std::move(document));
  }
  COPSE_ASSIGN_OR_RETURN(std::vector<std::string> texts,
                         at.reader->GetTexts(whole));
  auto text = texts.begin();
  for (size_t i = 0; i < hits.size(); ++i) {
    if (hits[i].chunk_count == 1 && hits[i].has_text) {
      documents[i].text = std::move(*text++);
    }
  }
  return documents;
}

// Returns the tokens of `document`, which was read with text and chunks: its
// last chunk ends where it does. A text of one chunk is counted.
absl::StatusOr<int64_t> TokenCountOf(const StoredDocument& document) {
  if (document.chunks.size() > 1) {
    const ChunkPlace& last = document.chunks.back().place;
    return int64_t{last.first_token} + last.token_count;
  }
  return ApproximateTokenizer().Count(document.text.value_or(""));
}

// Appends the nearest chunk of `hit`.
absl::Status AppendChunk(const StoredDocument& document, const Hit& hit,
                         bool with_snippet, std::string& json) {
  COPSE_ASSIGN_OR_RETURN(const int64_t token_count, TokenCountOf(document));
  const double location = token_count > 0
                              ? static_cast<double>(hit.place.first_token) /
                                    static_cast<double>(token_count)
                              : 0;
  absl::StrAppend(&json, "{\"index\":", hit.chunk,
                  ",\"count\":", document.chunk_count,
                  ",\"token_start\":", hit.place.first_token,
                  ",\"doc_token_len\":", token_count, ",\"location\":");
  AppendJsonNumber(json, static_cast<float>(location));
  if (with_snippet) {
    absl::StrAppend(
        &json, ",\"snippet\":", JsonString(ChunkTextOf(document, hit.chunk)));
  }
  absl::StrAppend(&json, "}");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckDataVersion(const RequestHead& head) {
  const std::string* field = head.Find(kDataVersionField);
  if (field == nullptr) {
    return absl::OkStatus();
  }
  const size_t colon = field->find(':');
  if (colon == std::string::npos || colon < kDataVersionPartSizeMin ||
      field->size() - colon - 1 < kDataVersionPartSizeMin ||
      field->find(':', colon + 1) != std::string::npos) {
    return FieldInvalidError("data-version header", ShownText(*field),
                             "a word, a colon and a commit, each of 4 "
                             "characters at least");
  }
  return absl::OkStatus();
}

absl::StatusOr<ReadTarget> ReadTargetOf(const Parameters& parameters) {
  ReadTarget target;
  COPSE_ASSIGN_OR_RETURN(const DomainPath path, DomainOf(parameters));
  target.domain = path.domain;
  COPSE_ASSIGN_OR_RETURN(target.at.commit, parameters.FindText("commit"));
  COPSE_ASSIGN_OR_RETURN(std::optional<std::string> branch,
                         parameters.FindText("branch"));
  COPSE_ASSIGN_OR_RETURN(std::vector<std::string> ancestors,
                         parameters.List({"ancestor", "ancestors"}));
  if (branch.has_value()) {
    COPSE_RETURN_IF_ERROR(CheckBranch(*branch));
  }
  if (target.at.commit.has_value()) {
    if (ancestors.size() > kAncestorCountMax) {
      return FieldInvalidError("ancestor",
                               absl::StrCat(ancestors.size(), " commits"),
                               absl::StrCat("at most ", kAncestorCountMax));
    }
    target.at.ancestor_commits = std::move(ancestors);
  } else if (branch.has_value()) {
    target.at.branch = std::move(branch);
  } else {
    return FieldInvalidError("commit", "not set", "a commit or a branch");
  }
  return target;
}

absl::StatusOr<ResolvedCommit> OpenRead(HttpServices& services,
                                        const ReadTarget& target) {
  COPSE_ASSIGN_OR_RETURN(
      ResolvedCommit at,
      ResolveCommit(services.engine->store(), target.domain, target.at));
  if (at.reader->domain_options().metric != Metric::kCosine) {
    return FieldInvalidError("domain", "one of another metric",
                             "one of the metric cosine");
  }
  return at;
}

absl::Status CheckSearchReady(const HttpServices& services) {
  if (services.search_ready) {
    return absl::OkStatus();
  }
  return WithReason(absl::UnavailableError("search is not ready"),
                    "SEARCH_NOT_READY");
}

HttpFields ServedBy(const ResolvedCommit& at) {
  return {{"TerminusDB-Data-Version", absl::StrCat("commit:", at.commit)}};
}

bool DocumentFilter::Takes(const StoredDocument& document) const {
  return (types.empty() || types.contains(document.type)) &&
         (ids.empty() || ids.contains(document.id)) &&
         Passes(passing, document);
}

absl::StatusOr<DocumentFilter> FilterOf(const Parameters& parameters,
                                        absl::string_view types,
                                        absl::string_view ids) {
  DocumentFilter filter;
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> type_list,
                         parameters.List({types}));
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> id_list,
                         parameters.List({ids}));
  filter.types.insert(type_list.begin(), type_list.end());
  filter.ids.insert(id_list.begin(), id_list.end());
  return filter;
}

absl::StatusOr<HitWindow> HitWindowOf(const Parameters& parameters,
                                      int64_t count_otherwise) {
  HitWindow window;
  COPSE_ASSIGN_OR_RETURN(window.start,
                         parameters.Integer("start", {0, kStartMax}, 0));
  COPSE_ASSIGN_OR_RETURN(
      window.count,
      parameters.Integer("count", {1, kCountMax}, count_otherwise));
  return window;
}

absl::StatusOr<std::vector<Hit>> SearchWindow(const ResolvedCommit& at,
                                              std::span<const float> query,
                                              const DocumentFilter& filter,
                                              HitWindow window,
                                              absl::string_view excluded_id,
                                              const CallContext& context) {
  const Question question = {at, query, filter, excluded_id, context};
  const int64_t end = window.start + window.count;
  std::vector<Hit> hits;
  if (filter.ids.empty() &&
      at.reader->info().vector_count > kExactRowCountMax) {
    COPSE_ASSIGN_OR_RETURN(hits,
                           SearchLists(question, static_cast<size_t>(end)));
    if (hits.size() < kListEnds.back()) {
      return Cut(std::move(hits), window);
    }
  }
  // Behind the lists come all that they do not have.
  if (end > static_cast<int64_t>(hits.size())) {
    COPSE_ASSIGN_OR_RETURN(std::vector<Hit> others, RankExactly(question, end));
    AppendOthers(others, static_cast<size_t>(end), hits);
  }
  return Cut(std::move(hits), window);
}

float ToHttpDistance(float cosine_distance) {
  const float half = std::clamp(cosine_distance / 2, 0.0F, 1.0F);
  return half < kDistanceEpsilon ? 0 : half;
}

std::string ChunkTextOf(const StoredDocument& document, uint32_t chunk) {
  const absl::string_view text =
      document.text.has_value() ? *document.text : absl::string_view();
  if (document.chunks.size() <= 1 || chunk >= document.chunks.size()) {
    return std::string(text);
  }
  const ChunkPlace& place = document.chunks[chunk].place;
  return std::string(text.substr(
      std::min<size_t>(place.first_byte, text.size()), place.size_bytes));
}

absl::StatusOr<HttpAnswer> HitsAnswer(const ResolvedCommit& at,
                                      const std::vector<Hit>& hits,
                                      bool with_snippets) {
  HttpAnswer answer = {.fields = ServedBy(at), .body = "["};
  for (size_t first = 0; first < hits.size(); first += kReadHitCount) {
    const std::span<const Hit> some = std::span(hits).subspan(
        first, std::min(kReadHitCount, hits.size() - first));
    COPSE_ASSIGN_OR_RETURN(const std::vector<StoredDocument> documents,
                           ReadHits(at, some));
    for (size_t i = 0; i < some.size(); ++i) {
      absl::StrAppend(&answer.body, answer.body.size() == 1 ? "" : ",",
                      "{\"id\":", JsonString(some[i].id), ",\"distance\":");
      AppendJsonNumber(answer.body, some[i].distance);
      absl::StrAppend(&answer.body, ",\"chunk\":");
      COPSE_RETURN_IF_ERROR(
          AppendChunk(documents[i], some[i], with_snippets, answer.body));
      absl::StrAppend(&answer.body, "}");
      if (answer.body.size() > kResponseSizeBytesMax) {
        return WithReason(
            absl::ResourceExhaustedError(absl::StrCat(
                "the response is larger than ", kResponseSizeBytesMax,
                " bytes, ask for less by count or without snippet")),
            "RESPONSE_TOO_LARGE");
      }
    }
  }
  absl::StrAppend(&answer.body, "]");
  return answer;
}

}  // namespace copse
