// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/pair_handlers.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
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

#include "index/distance.h"
#include "index/metric.h"
#include "index/util/status_macros.h"
#include "sidecar/http/commit_read.h"
#include "sidecar/http/http_errors.h"
#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/http/parameters.h"
#include "sidecar/http/piece_writer.h"
#include "sidecar/http/vector_table.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/duplicate_finder.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/service/set_matcher.h"
#include "sidecar/util/flat_object.h"
#include "versioning/commit_reader.h"
#include "versioning/duplicates.h"
#include "versioning/store.h"

namespace copse {
namespace {

// Up to so many vectors all are compared with all, in a second or so.
constexpr int64_t kExactVectorCountMax = 20'000;

constexpr int64_t kCandidateCountDefault = 5;
constexpr int64_t kCandidateCountMax = 10'000;

// Beyond this threshold nearly all documents may be candidates of each other.
constexpr double kJoinThresholdMax = 0.25;

// ---- Joins -----------------------------------------------------------------

DuplicateScope ToScope(const DocumentFilter& filter) {
  return {.types = {filter.types.begin(), filter.types.end()},
          .document_ids = {filter.ids.begin(), filter.ids.end()}};
}

// The greatest cosine distance that ToHttpDistance() takes for 0.
float ZeroDistanceMax() { return std::nextafter(2 * kDistanceEpsilon, 0.0F); }

// Returns the cosine distance to join within for a threshold of the port, a
// little more than it because halves are rounded: what is too far is left out
// when it comes.
double ToJoinDistance(double threshold) {
  const double distance =
      std::clamp(2 * threshold, double{ZeroDistanceMax()}, 2.0);
  return double{std::nextafter(static_cast<float>(distance), 3.0F)};
}

bool IsJoinedExactly(const ResolvedCommit& at) {
  return at.reader->info().vector_count <= kExactVectorCountMax;
}

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

DuplicateRequest ToRequest(const DuplicateParameters& wanted,
                           const ResolvedCommit& at) {
  DuplicateRequest request;
  request.domain = wanted.target.domain;
  request.max_distance = ToJoinDistance(wanted.threshold);
  request.exact = IsJoinedExactly(at);
  request.zero_distance_max = ZeroDistanceMax();
  request.scope = ToScope(wanted.set);
  request.target = ToScope(wanted.other);
  request.at.commit = at.commit;
  if (wanted.count.has_value()) {
    request.count_max = wanted.start + *wanted.count;
  }
  return request;
}

// Writes the pairs of the window as they come; none comes that is behind it.
class DuplicateWriter {
 public:
  DuplicateWriter(const HttpRequest& request, const ResolvedCommit& at,
                  const DuplicateParameters& wanted, bool& started)
      : request_(request),
        at_(at),
        wanted_(wanted),
        started_(started),
        writer_(*request.exchange) {}

  absl::Status Add(const DuplicatePair& pair) {
    const float distance = ToHttpDistance(pair.distance);
    if (double{distance} > wanted_.threshold) {
      return absl::OkStatus();
    }
    if (++count_ <= wanted_.start) {
      return absl::OkStatus();
    }
    Start();
    absl::StrAppend(&writer_.text(), count_ == wanted_.start + 1 ? "" : ",",
                    "{\"group\":[");
    COPSE_RETURN_IF_ERROR(AppendMember(at_, pair.first.id, pair.first.chunk,
                                       wanted_.with_snippets, writer_.text()));
    writer_.text().push_back(',');
    COPSE_RETURN_IF_ERROR(AppendMember(at_, pair.second.id, pair.second.chunk,
                                       wanted_.with_snippets, writer_.text()));
    absl::StrAppend(&writer_.text(), "],\"distance\":");
    AppendJsonNumber(writer_.text(), distance);
    writer_.text().push_back('}');
    return writer_.WriteIfLarge();
  }

  absl::Status Finish(const absl::Status& found) {
    COPSE_RETURN_IF_ERROR(found);
    Start();
    writer_.text().push_back(']');
    return writer_.Write();
  }

 private:
  // What fails before has an error for its answer.
  void Start() {
    if (!started_) {
      request_.exchange->StartStream({.fields = ServedBy(at_)});
      started_ = true;
      writer_.text().push_back('[');
    }
  }

  const HttpRequest& request_;
  const ResolvedCommit& at_;
  const DuplicateParameters& wanted_;
  bool& started_;
  PieceWriter writer_;
  int64_t count_ = 0;  // Within the threshold.
};

absl::Status ServeDuplicates(HttpServices& services, const HttpRequest& request,
                             bool& started) {
  COPSE_ASSIGN_OR_RETURN(const DuplicateParameters wanted,
                         DuplicateParametersOf(request.parameters));
  COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         OpenRead(services, wanted.target));
  DuplicateWriter writer(request, at, wanted, started);
  return writer.Finish(services.engine->duplicates().Find(
      ToRequest(wanted, at), request.context,
      {.on_pair = [&writer](const DuplicatePair& pair) {
        return writer.Add(pair);
      }}));
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
        return FieldInvalidError("include", ShownText(part),
                                 "embeddings or content");
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

// A candidate of a document.
struct Candidate {
  std::string id;
  float distance = 0;

  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tie(a.distance, a.id) < std::tie(b.distance, b.id);
  }
};

// Calls the visitor with each document of one of the sets that has candidates,
// ascending by the IDs.
using CandidateVisitor = std::function<absl::Status(
    const std::string& id, const std::vector<Candidate>& nearest)>;
using CandidateSource =
    std::function<absl::Status(bool from_set, const CandidateVisitor&)>;

// Candidates by comparing all with all: any two documents may be some.
absl::Status ForEachByTable(const VectorTable& table,
                            const CandidateParameters& wanted,
                            const CallContext& context, bool from_set,
                            const CandidateVisitor& visit) {
  const double threshold =
      from_set ? wanted.set_threshold : wanted.target_threshold;
  for (size_t row = 0; row < table.count(); ++row) {
    if (!(from_set ? table.is_in_set(row) : table.is_in_target(row))) {
      continue;
    }
    COPSE_RETURN_IF_ERROR(context.Check());
    std::vector<Candidate> nearest;
    for (size_t other = 0; other < table.count(); ++other) {
      if (other == row ||
          !(from_set ? table.is_in_target(other) : table.is_in_set(other))) {
        continue;
      }
      const float found = table.NearestChunks(row, other).distance;
      if (double{found} <= threshold) {
        nearest.push_back({table.id(other), found});
      }
    }
    const size_t count = std::min(wanted.count, nearest.size());
    std::partial_sort(nearest.begin(),
                      nearest.begin() + static_cast<int64_t>(count),
                      nearest.end());
    nearest.resize(count);
    if (!nearest.empty()) {
      COPSE_RETURN_IF_ERROR(visit(table.id(row), nearest));
    }
  }
  return absl::OkStatus();
}

// Candidates of a join, by document.
struct JoinedCandidates {
  using Map = std::map<std::string, std::vector<Candidate>>;

  absl::Status ForEach(bool is_from_set, const CandidateVisitor& visit) const {
    for (const auto& [id, nearest] : is_from_set ? from_set : from_target) {
      COPSE_RETURN_IF_ERROR(visit(id, nearest));
    }
    return absl::OkStatus();
  }

  Map from_set;
  Map from_target;
};

absl::StatusOr<JoinedCandidates> JoinCandidates(
    HttpServices& services, const CandidateParameters& wanted,
    const ResolvedCommit& at, const CallContext& context) {
  MatchRequest request = {
      .domain = wanted.target.domain,
      .set = ToScope(wanted.set),
      .target = ToScope(wanted.other),
      .match_count = static_cast<int64_t>(wanted.count),
      .max_distance = ToJoinDistance(wanted.set_threshold),
      .target_max_distance = ToJoinDistance(wanted.target_threshold),
      .exact = IsJoinedExactly(at),
      .zero_distance_max = ZeroDistanceMax()};
  request.at.commit = at.commit;
  JoinedCandidates candidates;
  COPSE_RETURN_IF_ERROR(MatchSets(
      services.engine->duplicates(), request, context,
      {.on_match = [&](const SetMatch& match) {
        const float distance = ToHttpDistance(match.distance);
        const double threshold = match.is_from_target ? wanted.target_threshold
                                                      : wanted.set_threshold;
        if (double{distance} <= threshold) {
          (match.is_from_target ? candidates.from_target
                                : candidates.from_set)[match.document.id]
              .push_back({match.match.id, distance});
        }
        return absl::OkStatus();
      }}));
  return candidates;
}

// Writes the two maps and counts what is in them.
class CandidateWriter {
 public:
  struct Counts {
    int64_t points = 0;
    int64_t edges = 0;
  };

  // `has_clustering`: whether the domain stores clustering vectors.
  CandidateWriter(const HttpRequest& request, const ResolvedCommit& at,
                  const CandidateParameters& wanted, bool has_clustering)
      : at_(at),
        wanted_(wanted),
        has_clustering_(has_clustering),
        writer_(*request.exchange) {}

  PieceWriter& writer() { return writer_; }

  // Writes the members of the map from each source to its nearest targets.
  absl::StatusOr<Counts> WriteMap(bool from_set,
                                  const CandidateSource& source) {
    Counts counts;
    COPSE_RETURN_IF_ERROR(
        source(from_set, [&](const std::string& document_id,
                             const std::vector<Candidate>& nearest) {
          return WritePoint(document_id, nearest, counts);
        }));
    return counts;
  }

 private:
  absl::Status WritePoint(const std::string& document_id,
                          const std::vector<Candidate>& nearest,
                          Counts& counts) {
    absl::StrAppend(&writer_.text(), counts.points == 0 ? "" : ",",
                    JsonString(document_id), ":[");
    COPSE_ASSIGN_OR_RETURN(const std::vector<float> clustering,
                           ClusteringVectorOf(document_id));
    for (size_t i = 0; i < nearest.size(); ++i) {
      absl::StrAppend(&writer_.text(), i == 0 ? "" : ",");
      COPSE_RETURN_IF_ERROR(AppendEntry(nearest[i], clustering));
    }
    absl::StrAppend(&writer_.text(), "]");
    ++counts.points;
    counts.edges += static_cast<int64_t>(nearest.size());
    return writer_.WriteIfLarge();
  }

  // Returns none for a document that was pushed before the domain stored them.
  absl::StatusOr<std::vector<float>> ClusteringVectorOf(const std::string& id) {
    if (!has_clustering_) {
      return std::vector<float>();
    }
    COPSE_ASSIGN_OR_RETURN(
        std::optional<StoredDocument> document,
        at_.reader->GetDocument(id, {.clustering_vector = true}));
    return document.has_value() ? std::move(document->clustering_vector)
                                : std::vector<float>();
  }

  // `clustering` is the clustering vector of the document whose candidate it
  // is.
  absl::Status AppendEntry(const Candidate& candidate,
                           const std::vector<float>& clustering) {
    std::string& json = writer_.text();
    absl::StrAppend(&json, "{\"id\":", JsonString(candidate.id),
                    ",\"distance\":");
    AppendJsonNumber(json, candidate.distance);
    if (!clustering.empty()) {
      COPSE_ASSIGN_OR_RETURN(const std::vector<float> other,
                             ClusteringVectorOf(candidate.id));
      if (!other.empty()) {
        // This one is not halved.
        absl::StrAppend(&json, ",\"clustering_distance\":");
        AppendJsonNumber(json, 2 * ToHttpDistance(Distance(Metric::kCosine,
                                                           clustering, other)));
      }
    }
    if (wanted_.with_embeddings) {
      COPSE_ASSIGN_OR_RETURN(
          const StoredDocument document,
          RequireDocument(at_, candidate.id, {.vector = true}));
      absl::StrAppend(&json, ",\"embedding\":");
      AppendJsonUnitVector(json, document.chunks.front().vector);
    }
    if (wanted_.with_content) {
      COPSE_ASSIGN_OR_RETURN(
          const StoredDocument document,
          RequireDocument(at_, candidate.id, kTextAndChunks));
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

  const ResolvedCommit& at_;
  const CandidateParameters& wanted_;
  const bool has_clustering_;
  PieceWriter writer_;
};

// Returns where candidates come from; what it finds first is found here.
absl::StatusOr<CandidateSource> MakeCandidateSource(
    HttpServices& services, const CandidateParameters& wanted,
    const ResolvedCommit& at, const CallContext& context) {
  if (std::max(wanted.set_threshold, wanted.target_threshold) <=
      kJoinThresholdMax) {
    COPSE_ASSIGN_OR_RETURN(JoinedCandidates joined,
                           JoinCandidates(services, wanted, at, context));
    return [joined = std::move(joined)](bool from_set,
                                        const CandidateVisitor& visit) {
      return joined.ForEach(from_set, visit);
    };
  }
  COPSE_ASSIGN_OR_RETURN(
      VectorTable loaded,
      VectorTable::Load(at, wanted.set, wanted.other, context));
  const auto table = std::make_shared<const VectorTable>(std::move(loaded));
  return
      [table, &wanted, &context](bool from_set, const CandidateVisitor& visit) {
        return ForEachByTable(*table, wanted, context, from_set, visit);
      };
}

absl::Status ServeCandidates(HttpServices& services, const HttpRequest& request,
                             bool& started) {
  const absl::Time start = absl::Now();
  COPSE_ASSIGN_OR_RETURN(const CandidateParameters wanted,
                         CandidateParametersOf(request.parameters));
  COPSE_RETURN_IF_ERROR(CheckSearchReady(services));
  COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
                         OpenRead(services, wanted.target));
  COPSE_ASSIGN_OR_RETURN(
      const DomainInfo domain,
      services.engine->store().GetDomain(wanted.target.domain));
  const bool has_clustering = domain.options.stores_clustering;
  COPSE_ASSIGN_OR_RETURN(
      const CandidateSource source,
      MakeCandidateSource(services, wanted, at, request.context));
  request.exchange->StartStream({.fields = ServedBy(at)});
  started = true;
  CandidateWriter writer(request, at, wanted, has_clustering);
  std::string& json = writer.writer().text();
  absl::StrAppend(&json, "{\"set_to_target\":{");
  COPSE_ASSIGN_OR_RETURN(const CandidateWriter::Counts set,
                         writer.WriteMap(true, source));
  absl::StrAppend(&json, "},\"target_to_set\":{");
  COPSE_ASSIGN_OR_RETURN(const CandidateWriter::Counts target,
                         writer.WriteMap(false, source));
  absl::StrAppend(
      &json, "},\"stats\":{\"elapsed_ms\":",
      absl::ToInt64Milliseconds(absl::Now() - start),
      ",\"set_points\":", set.points, ",\"target_points\":", target.points,
      ",\"set_to_target_edges\":", set.edges,
      ",\"target_to_set_edges\":", target.edges,
      ",\"store_clustering\":", has_clustering ? "true" : "false", "}}");
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
