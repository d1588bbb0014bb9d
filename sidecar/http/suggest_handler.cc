// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/suggest_handler.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/http/commit_read.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/fusion.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/text/code_points.h"
#include "sidecar/text/occurrence.h"
#include "sidecar/util/flat_object.h"
#include "versioning/commit_reader.h"

namespace copse {
namespace {

constexpr int64_t kHitCountDefault = 11;

// Documents that are counted; there may be more.
constexpr size_t kDocumentCountMax = 1000;

// Hits whose texts completions are taken from, and how many are shown.
constexpr size_t kCompletedHitCountMax = 5;
constexpr size_t kCompletionCountMax = 8;
constexpr size_t kCompletionWordCountMax = 3;

// What completions may take together: with a long question each is long.
constexpr size_t kCompletionSizeBytesMax = size_t{4} << 20;

// Of one text, and how far around each of them words are looked for.
constexpr size_t kOccurrenceCountMax = 1000;
constexpr size_t kSurroundingsSizeBytes = 1024;

constexpr size_t kNextWordCountMax = 5;

struct SuggestHit {
  std::string id;
  float distance = 0;
  std::string text;  // Of the chunk.
};

struct SuggestHits {
  std::vector<SuggestHit> hits = {};
  size_t document_count = 0;
  ResponseSizeLimit size_limit = {};

  absl::Status Add(const std::string& id, float distance, std::string text) {
    StoredDocument shown = {.id = id, .text = std::move(text)};
    COPSE_RETURN_IF_ERROR(size_limit.Add(shown, "count"));
    hits.push_back({std::move(shown.id), distance, *std::move(shown.text)});
    return absl::OkStatus();
  }
};

// What is looked for, and in which documents.
struct Question {
  const ResolvedCommit& at;
  const std::string& q;
  const DocumentFilter& filter;
  size_t hit_count;
  const CallContext& context;
};

// Documents that have a word of the question, the best first.
absl::StatusOr<SuggestHits> FindByWords(const Question& question) {
  TextSearchOptions options;
  options.query = question.q;
  options.neighbor_count = std::max(kDocumentCountMax, question.hit_count);
  options.types.assign(question.filter.types.begin(),
                       question.filter.types.end());
  options.document_ids.assign(question.filter.ids.begin(),
                              question.filter.ids.end());
  options.check = [&question] { return question.context.Check(); };
  COPSE_ASSIGN_OR_RETURN(const TextSearchResult result,
                         question.at.reader->SearchText(options));
  SuggestHits found = {.document_count = result.neighbors.size()};
  for (const TextNeighbor& neighbor : result.neighbors) {
    if (found.hits.size() == question.hit_count) {
      break;
    }
    COPSE_ASSIGN_OR_RETURN(
        const StoredDocument document,
        RequireDocument(question.at, neighbor.document_id, kTextAndChunks));
    COPSE_RETURN_IF_ERROR(found.Add(neighbor.document_id,
                                    TextDistance(neighbor.score),
                                    ChunkTextOf(document, neighbor.chunk)));
  }
  return found;
}

// Documents that have the question as a part of words, in the order of IDs.
absl::StatusOr<SuggestHits> FindByPart(const Question& question) {
  const CaselessFinder finder(question.q);
  SuggestHits found;
  const auto visit = [&](const StoredDocument& document) -> absl::Status {
    if (found.document_count == kDocumentCountMax) {
      return absl::OutOfRangeError("there are enough");
    }
    if (!question.filter.Takes(document)) {
      return question.context.Check();
    }
    for (uint32_t chunk = 0; chunk < document.chunk_count; ++chunk) {
      std::string text = ChunkTextOf(document, chunk);
      if (finder.Find(text).has_value()) {
        ++found.document_count;
        if (found.hits.size() < question.hit_count) {
          COPSE_RETURN_IF_ERROR(found.Add(document.id, 0, std::move(text)));
        }
        break;
      }
    }
    return question.context.Check();
  };
  const absl::Status status = question.at.reader->ForEachDocument(
      {.text = true, .chunks = true}, visit);
  if (!status.ok() && !absl::IsOutOfRange(status)) {
    return status;
  }
  return found;
}

absl::StatusOr<SuggestHits> FindHits(const Question& question) {
  if (question.at.reader->domain_options().lexical.is_enabled) {
    COPSE_ASSIGN_OR_RETURN(SuggestHits found, FindByWords(question));
    if (!found.hits.empty()) {
      return found;
    }
  }
  return FindByPart(question);
}

// The ways in which a text goes on, whatever their case, and how often each
// was met.
class Completions {
 public:
  explicit Completions(absl::string_view q) : size_min_(q.size() + 1) {}

  void Add(const std::string& completion) {
    if (completion.size() < size_min_) {
      return;
    }
    size_bytes_ += completion.size();
    const auto [place, is_new] =
        places_.try_emplace(FoldCase(completion), counted_.size());
    if (is_new) {
      counted_.push_back({.text = completion});
    }
    ++counted_[place->second].count;
  }

  bool is_full() const { return size_bytes_ > kCompletionSizeBytesMax; }

  // By frequency, then the longer first, then by their bytes.
  std::vector<std::string> Best() && {
    std::ranges::sort(counted_, [](const Counted& left, const Counted& right) {
      return std::tuple(-left.count, -static_cast<int64_t>(left.text.size()),
                        absl::string_view(left.text)) <
             std::tuple(-right.count, -static_cast<int64_t>(right.text.size()),
                        absl::string_view(right.text));
    });
    std::vector<std::string> best;
    for (Counted& counted : counted_) {
      if (best.size() == kCompletionCountMax) {
        break;
      }
      best.push_back(std::move(counted.text));
    }
    return best;
  }

 private:
  struct Counted {
    std::string text;
    int64_t count = 0;
  };

  const size_t size_min_;
  size_t size_bytes_ = 0;  // Of all that were added.
  std::vector<Counted> counted_;
  absl::flat_hash_map<std::string, size_t> places_;  // By the folded text.
};

// Adds how `text` goes on from the words of `place`.
void AddCompletions(absl::string_view text, const TextRange& place,
                    Completions& completions) {
  const size_t first = CodePointStart(
      text, place.begin - std::min(place.begin, kSurroundingsSizeBytes));
  const absl::string_view around = text.substr(
      0, CodePointStart(
             text, std::min(text.size(), place.end + kSurroundingsSizeBytes)));
  const size_t begin =
      first + WordBegin(around.substr(first), place.begin - first);
  const size_t end = WordEnd(around, place.end);
  std::string completion(around.substr(begin, end - begin));
  completions.Add(completion);
  for (const TextRange& word :
       WordsAfter(around, end, kCompletionWordCountMax)) {
    absl::StrAppend(&completion, " ", word.In(around));
    completions.Add(completion);
  }
}

std::vector<std::string> CompletionsOf(const std::vector<SuggestHit>& hits,
                                       const std::string& q,
                                       const CaselessFinder& finder) {
  Completions completions(q);
  const size_t hit_count = std::min(hits.size(), kCompletedHitCountMax);
  for (size_t i = 0; i < hit_count; ++i) {
    const std::string& text = hits[i].text;
    std::optional<TextRange> place = finder.Find(text);
    for (size_t n = 0;
         n < kOccurrenceCountMax && place.has_value() && !completions.is_full();
         ++n) {
      AddCompletions(text, *place, completions);
      place = finder.Find(text, place->end);
    }
  }
  return std::move(completions).Best();
}

void AppendStrings(const std::vector<std::string>& strings, std::string& json) {
  absl::string_view separator = "[";
  for (const std::string& string : strings) {
    absl::StrAppend(&json, separator, JsonString(string));
    separator = ",";
  }
  absl::StrAppend(&json, strings.empty() ? "[]" : "]");
}

void AppendHit(const SuggestHit& hit, const CaselessFinder& finder,
               std::string& json) {
  absl::StrAppend(&json, "{\"id\":", JsonString(hit.id), ",\"distance\":");
  AppendJsonNumber(json, hit.distance);
  absl::StrAppend(&json, ",\"snippet\":", JsonString(hit.text));
  const std::optional<TextRange> place = finder.Find(hit.text);
  if (place.has_value()) {
    const size_t end = WordEnd(hit.text, place->end);
    std::vector<std::string> next_words;
    for (const TextRange& word : WordsAfter(hit.text, end, kNextWordCountMax)) {
      next_words.emplace_back(word.In(hit.text));
    }
    absl::StrAppend(&json, ",\"match_start\":", place->begin,
                    ",\"match_end\":", end, ",\"next_words\":");
    AppendStrings(next_words, json);
  }
  absl::StrAppend(&json, "}");
}

}  // namespace

absl::StatusOr<HttpAnswer> HandleSuggest(HttpServices& services,
                                         const HttpRequest& request) {
  const Parameters& parameters = request.parameters;
  COPSE_ASSIGN_OR_RETURN(const ReadTarget target, ReadTargetOf(parameters));
  COPSE_ASSIGN_OR_RETURN(const std::string q, parameters.RequireText("q"));
  COPSE_RETURN_IF_ERROR(CheckQueryText("q", q));
  COPSE_ASSIGN_OR_RETURN(
      const int64_t count,
      parameters.Integer("count", {1, kCountMax}, kHitCountDefault));
  COPSE_ASSIGN_OR_RETURN(const DocumentFilter filter,
                         FilterOf(parameters, "doc_type", "doc_id"));
  COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at, OpenRead(services, target));
  const auto hit_count = static_cast<size_t>(count);
  COPSE_ASSIGN_OR_RETURN(
      SuggestHits found,
      FindHits({at, q, filter, std::max(hit_count, kCompletedHitCountMax),
                request.context}));
  const CaselessFinder finder(q);
  HttpAnswer answer = {.fields = ServedBy(at), .body = "{\"served_commit\":"};
  absl::StrAppend(&answer.body, JsonString(at.commit),
                  ",\"total_approx\":", found.document_count,
                  ",\"completions\":");
  AppendStrings(CompletionsOf(found.hits, q, finder), answer.body);
  absl::StrAppend(&answer.body, ",\"hits\":[");
  found.hits.resize(std::min(found.hits.size(), hit_count));
  for (const SuggestHit& hit : found.hits) {
    if (answer.body.back() == '}') {
      answer.body.push_back(',');
    }
    AppendHit(hit, finder, answer.body);
  }
  absl::StrAppend(&answer.body, "]}");
  return answer;
}

}  // namespace copse
