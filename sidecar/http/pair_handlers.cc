// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/pair_handlers.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "index/util/status_macros.h"
#include "sidecar/http/commit_read.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/http/parameters.h"
#include "sidecar/http/piece_writer.h"
#include "sidecar/http/vector_table.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/util/flat_object.h"

namespace copse {
namespace {

// Pairs held in memory, 12 bytes each, where `count` does not bound them.
constexpr size_t kPairCountMax = 20'000'000;

constexpr int64_t kCandidateCountDefault = 5;
constexpr int64_t kCandidateCountMax = 10'000;

// ---- Duplicates ------------------------------------------------------------

struct DuplicateParameters {
  ReadTarget target;
  DocumentFilter set;
  DocumentFilter other;  // That of the set if there is no target filter.
  double threshold = 0;
  int64_t start = 0;
  std::optional<int64_t> count;
  bool with_snippets = false;
};

// A pair of rows of a table, the smaller first.
struct Pair {
  float distance = 0;
  uint32_t first = 0;
  uint32_t second = 0;
};

bool IsBefore(const Pair& a, const Pair& b) {
  return std::tie(a.distance, a.first, a.second) <
         std::tie(b.distance, b.first, b.second);
}

absl::StatusOr<DuplicateParameters> DuplicateParametersOf(
    const Parameters& parameters) {
  DuplicateParameters wanted;
  COPSE_ASSIGN_OR_RETURN(wanted.target, ReadTargetOf(parameters));
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<double> threshold,
      parameters.FindNumber("threshold",
                            std::numeric_limits<double>::infinity()));
  wanted.threshold = threshold.value_or(0);
  COPSE_ASSIGN_OR_RETURN(wanted.set,
                         FilterOf(parameters, "doc_type", "doc_id"));
  COPSE_ASSIGN_OR_RETURN(
      wanted.other, FilterOf(parameters, "target_doc_type", "target_doc_id"));
  if (wanted.other.IsEmpty()) {
    wanted.other = wanted.set;
  }
  COPSE_ASSIGN_OR_RETURN(wanted.with_snippets,
                         parameters.Flag("snippet", false));
  COPSE_ASSIGN_OR_RETURN(wanted.start,
                         parameters.Integer("start", {0, kStartMax}, 0));
  COPSE_ASSIGN_OR_RETURN(const int64_t count,
                         parameters.Integer("count", {1, kCountMax}, 0));
  if (count > 0) {
    wanted.count = count;
  }
  return wanted;
}

// Keeps the first `size` pairs.
void Shrink(std::vector<Pair>& pairs, size_t size) {
  if (pairs.size() > size) {
    std::nth_element(pairs.begin(), pairs.begin() + static_cast<int64_t>(size),
                     pairs.end(), IsBefore);
    pairs.resize(size);
  }
}

// Returns the pairs within the threshold, as far as the window reaches.
absl::StatusOr<std::vector<Pair>> FindPairs(const VectorTable& table,
                                            const DuplicateParameters& wanted,
                                            const CallContext& context) {
  const size_t wanted_count =
      wanted.count.has_value()
          ? static_cast<size_t>(wanted.start + *wanted.count)
          : kPairCountMax;
  std::vector<Pair> pairs;
  for (size_t i = 0; i < table.count(); ++i) {
    COPSE_RETURN_IF_ERROR(context.Check());
    for (size_t j = i + 1; j < table.count(); ++j) {
      if (!(table.is_in_set(i) && table.is_in_target(j)) &&
          !(table.is_in_set(j) && table.is_in_target(i))) {
        continue;
      }
      const float found = table.NearestChunks(i, j).distance;
      if (double{found} <= wanted.threshold) {
        pairs.push_back(
            {found, static_cast<uint32_t>(i), static_cast<uint32_t>(j)});
      }
    }
    if (wanted.count.has_value() && pairs.size() > 2 * wanted_count) {
      Shrink(pairs, wanted_count);
    } else if (pairs.size() > kPairCountMax) {
      return FieldInvalidError("threshold",
                               absl::StrCat("one that more than ",
                                            kPairCountMax, " pairs are within"),
                               "a lower one, or a count");
    }
  }
  std::ranges::sort(pairs, IsBefore);
  return pairs;
}

absl::Status AppendMember(const ResolvedCommit& at, const std::string& id,
                          uint32_t chunk, bool with_snippet,
                          std::string& json) {
  absl::StrAppend(&json, "{\"id\":", JsonString(id));
  if (with_snippet) {
    COPSE_ASSIGN_OR_RETURN(const StoredDocument document,
                           RequireDocument(at, id, kTextAndChunks));
    absl::StrAppend(&json,
                    ",\"snippet\":", JsonString(ChunkTextOf(document, chunk)));
  }
  absl::StrAppend(&json, "}");
  return absl::OkStatus();
}

absl::Status ServeDuplicates(HttpServices& services, const HttpRequest& request,
                             bool& started) {
  COPSE_ASSIGN_OR_RETURN(const DuplicateParameters wanted,
                         DuplicateParametersOf(request.parameters));
  COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         OpenRead(services, wanted.target));
  COPSE_ASSIGN_OR_RETURN(
      const VectorTable table,
      VectorTable::Load(at, wanted.set, wanted.other, request.context));
  COPSE_ASSIGN_OR_RETURN(const std::vector<Pair> pairs,
                         FindPairs(table, wanted, request.context));
  request.exchange->StartStream({.fields = ServedBy(at)});
  started = true;
  PieceWriter writer(*request.exchange);
  const auto begin = std::min(pairs.size(), static_cast<size_t>(wanted.start));
  const auto end =
      std::min(pairs.size(), begin + static_cast<size_t>(wanted.count.value_or(
                                         std::numeric_limits<int32_t>::max())));
  writer.text() = "[";
  for (size_t i = begin; i < end; ++i) {
    const Pair& pair = pairs[i];
    const VectorTable::ChunkPair chunks =
        table.NearestChunks(pair.first, pair.second);
    absl::StrAppend(&writer.text(), i == begin ? "" : ",", "{\"group\":[");
    COPSE_RETURN_IF_ERROR(AppendMember(at, table.id(pair.first),
                                       chunks.first_chunk, wanted.with_snippets,
                                       writer.text()));
    writer.text().push_back(',');
    COPSE_RETURN_IF_ERROR(AppendMember(at, table.id(pair.second),
                                       chunks.second_chunk,
                                       wanted.with_snippets, writer.text()));
    absl::StrAppend(&writer.text(), "],\"distance\":");
    AppendJsonNumber(writer.text(), pair.distance);
    writer.text().push_back('}');
    COPSE_RETURN_IF_ERROR(writer.WriteIfLarge());
  }
  writer.text().push_back(']');
  return writer.Write();
}

// ---- Candidates ------------------------------------------------------------

struct CandidateParameters {
  ReadTarget target;
  DocumentFilter set;
  DocumentFilter other;  // That of the set if there is no target filter.
  size_t count = 0;
  double set_threshold = 0;
  double target_threshold = 0;
  bool with_embeddings = false;
  bool with_content = false;
};

absl::Status ReadInclude(const Parameters& parameters,
                         CandidateParameters& wanted) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> include,
                         parameters.List({"include"}));
  for (const std::string& list : include) {
    for (const absl::string_view part :
         absl::StrSplit(list, absl::ByAnyChar(", "), absl::SkipEmpty())) {
      if (part == "embeddings") {
        wanted.with_embeddings = true;
      } else if (part == "content") {
        wanted.with_content = true;
      } else {
        return FieldInvalidError("include", "unknown",
                                 "embeddings and content");
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<CandidateParameters> CandidateParametersOf(
    const Parameters& parameters) {
  CandidateParameters wanted;
  COPSE_ASSIGN_OR_RETURN(wanted.target, ReadTargetOf(parameters));
  COPSE_ASSIGN_OR_RETURN(wanted.set,
                         FilterOf(parameters, "set_doc_types", "set_doc_ids"));
  COPSE_ASSIGN_OR_RETURN(
      wanted.other, FilterOf(parameters, "target_doc_types", "target_doc_ids"));
  if (wanted.other.IsEmpty()) {
    wanted.other = wanted.set;
  }
  COPSE_ASSIGN_OR_RETURN(
      const int64_t count,
      parameters.Integer("k", {1, kCandidateCountMax}, kCandidateCountDefault));
  wanted.count = static_cast<size_t>(count);
  COPSE_ASSIGN_OR_RETURN(const std::optional<double> set_threshold,
                         parameters.FindNumber("threshold_set", 1));
  if (!set_threshold.has_value()) {
    return FieldInvalidError("threshold_set", "not set",
                             "a number from 0 to 1");
  }
  wanted.set_threshold = *set_threshold;
  COPSE_ASSIGN_OR_RETURN(const std::optional<double> target_threshold,
                         parameters.FindNumber("threshold_target", 1));
  wanted.target_threshold = target_threshold.value_or(*set_threshold);
  COPSE_RETURN_IF_ERROR(ReadInclude(parameters, wanted));
  return wanted;
}

// Writes the two maps and counts what is in them.
class CandidateWriter {
 public:
  struct Counts {
    int64_t points = 0;
    int64_t edges = 0;
  };

  CandidateWriter(const HttpRequest& request, const ResolvedCommit& at,
                  const CandidateParameters& wanted, const VectorTable& table)
      : request_(request),
        at_(at),
        wanted_(wanted),
        table_(table),
        writer_(*request.exchange) {}

  PieceWriter& writer() { return writer_; }

  // Writes the members of the map from each source to its nearest targets.
  absl::StatusOr<Counts> WriteMap(bool from_set, double threshold) {
    Counts counts;
    for (size_t row = 0; row < table_.count(); ++row) {
      if (!(from_set ? table_.is_in_set(row) : table_.is_in_target(row))) {
        continue;
      }
      COPSE_RETURN_IF_ERROR(request_.context.Check());
      const std::vector<Pair> nearest = NearestOf(row, from_set, threshold);
      if (nearest.empty()) {
        continue;
      }
      absl::StrAppend(&writer_.text(), counts.points == 0 ? "" : ",",
                      JsonString(table_.id(row)), ":[");
      for (size_t i = 0; i < nearest.size(); ++i) {
        absl::StrAppend(&writer_.text(), i == 0 ? "" : ",");
        COPSE_RETURN_IF_ERROR(AppendEntry(nearest[i]));
      }
      absl::StrAppend(&writer_.text(), "]");
      COPSE_RETURN_IF_ERROR(writer_.WriteIfLarge());
      ++counts.points;
      counts.edges += static_cast<int64_t>(nearest.size());
    }
    return counts;
  }

 private:
  std::vector<Pair> NearestOf(size_t row, bool from_set, double threshold) {
    std::vector<Pair> nearest;
    for (size_t other = 0; other < table_.count(); ++other) {
      if (other == row ||
          !(from_set ? table_.is_in_target(other) : table_.is_in_set(other))) {
        continue;
      }
      const float found = table_.NearestChunks(row, other).distance;
      if (double{found} <= threshold) {
        nearest.push_back(
            {found, static_cast<uint32_t>(row), static_cast<uint32_t>(other)});
      }
    }
    Shrink(nearest, wanted_.count);
    std::ranges::sort(nearest, IsBefore);
    return nearest;
  }

  absl::Status AppendEntry(const Pair& pair) {
    std::string& json = writer_.text();
    const std::string& id = table_.id(pair.second);
    absl::StrAppend(&json, "{\"id\":", JsonString(id), ",\"distance\":");
    AppendJsonNumber(json, pair.distance);
    if (wanted_.with_embeddings) {
      absl::StrAppend(&json, ",\"embedding\":");
      AppendJsonUnitVector(json, table_.first_vector(pair.second));
    }
    if (wanted_.with_content) {
      COPSE_ASSIGN_OR_RETURN(const StoredDocument document,
                             RequireDocument(at_, id, kTextAndChunks));
      std::string content;
      for (uint32_t chunk = 0; chunk < document.chunk_count; ++chunk) {
        absl::StrAppend(&content, chunk == 0 ? "" : " ",
                        ChunkTextOf(document, chunk));
      }
      absl::StrAppend(&json, ",\"content\":", JsonString(content));
    }
    absl::StrAppend(&json, "}");
    return absl::OkStatus();
  }

  const HttpRequest& request_;
  const ResolvedCommit& at_;
  const CandidateParameters& wanted_;
  const VectorTable& table_;
  PieceWriter writer_;
};

absl::Status ServeCandidates(HttpServices& services, const HttpRequest& request,
                             bool& started) {
  const absl::Time start = absl::Now();
  COPSE_ASSIGN_OR_RETURN(const CandidateParameters wanted,
                         CandidateParametersOf(request.parameters));
  COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         OpenRead(services, wanted.target));
  COPSE_ASSIGN_OR_RETURN(
      const VectorTable table,
      VectorTable::Load(at, wanted.set, wanted.other, request.context));
  request.exchange->StartStream({.fields = ServedBy(at)});
  started = true;
  CandidateWriter writer(request, at, wanted, table);
  std::string& json = writer.writer().text();
  absl::StrAppend(&json, "{\"set_to_target\":{");
  COPSE_ASSIGN_OR_RETURN(const CandidateWriter::Counts set,
                         writer.WriteMap(true, wanted.set_threshold));
  absl::StrAppend(&json, "},\"target_to_set\":{");
  COPSE_ASSIGN_OR_RETURN(const CandidateWriter::Counts target,
                         writer.WriteMap(false, wanted.target_threshold));
  absl::StrAppend(&json, "},\"stats\":{\"elapsed_ms\":",
                  absl::ToInt64Milliseconds(absl::Now() - start),
                  ",\"set_points\":", set.points,
                  ",\"target_points\":", target.points,
                  ",\"set_to_target_edges\":", set.edges,
                  ",\"target_to_set_edges\":", target.edges,
                  ",\"store_clustering\":false}}");
  return writer.writer().Write();
}

}  // namespace

void HandleDuplicates(HttpServices& services, const HttpRequest& request) {
  ServeStream(request, [&](bool& started) {
    return ServeDuplicates(services, request, started);
  });
}

void HandleCandidates(HttpServices& services, const HttpRequest& request) {
  ServeStream(request, [&](bool& started) {
    return ServeCandidates(services, request, started);
  });
}

}  // namespace copse
