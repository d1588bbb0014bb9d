// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/store_checks.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/distance.h"
#include "index/split_mix.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "tests/torture/model.h"
#include "versioning/commit_reader.h"
#include "versioning/store.h"
#include "versioning/store_test_util.h"
#include "versioning/vector_check.h"

namespace copse {
namespace {

using Kind = DocumentChange::Kind;

absl::Status Wrong(absl::string_view what, absl::string_view id) {
  return absl::InternalError(
      absl::StrCat(what, " of document '", absl::CHexEscape(id), "' is wrong"));
}

}  // namespace

CommitCheck::CommitCheck(const DomainShape& shape) : shape_(shape) {
  for (uint32_t content = 0; content < kContentCount; ++content) {
    std::vector<std::vector<float>>& chunks = vectors_.emplace_back();
    for (uint32_t chunk = 0; chunk < ChunkCountOf(content); ++chunk) {
      std::vector<float> vector =
          MakeChunkVector(shape.metric, shape.dimension, content, chunk);
      if (shape.metric == Metric::kCosine) {
        COPSE_CHECK(NormalizeVector(vector).ok());
      }
      chunks.push_back(std::move(vector));
    }
  }
}

float CommitCheck::DistanceTo(std::span<const float> query,
                              uint32_t content) const {
  float nearest = std::numeric_limits<float>::infinity();
  for (const std::vector<float>& vector : vectors_[content]) {
    nearest = std::min(nearest, Distance(shape_.metric, query, vector));
  }
  return nearest;
}

std::vector<float> CommitCheck::Query(internal::SplitMix& random) const {
  return MakeVector(shape_.metric, shape_.dimension,
                    static_cast<uint32_t>(random.Next()));
}

absl::Status CommitCheck::CheckDocument(const StoredDocument& document,
                                        const Snapshot& snapshot) const {
  const auto wanted = snapshot.find(document.id);
  if (wanted == snapshot.end()) {
    return Wrong("existence", document.id);
  }
  const uint32_t content = wanted->second;
  const auto attribute = document.attributes.find("content");
  if (attribute == document.attributes.end() ||
      attribute->second != AttributeValue(int64_t{content})) {
    return Wrong("attribute", document.id);
  }
  if (document.text != absl::StrCat("text ", content)) {
    return Wrong("text", document.id);
  }
  if (document.type != TypeOf(content)) {
    return Wrong("type", document.id);
  }
  const auto has_vector = [](const StoredChunk& chunk,
                             const std::vector<float>& vector) {
    return chunk.vector == vector;
  };
  return std::ranges::equal(document.chunks, vectors_[content], has_vector)
             ? absl::OkStatus()
             : Wrong("vector of a chunk", document.id);
}

absl::Status CommitCheck::CheckDocuments(const CommitReader& reader,
                                         const Snapshot& snapshot) const {
  std::string last;
  size_t count = 0;
  COPSE_RETURN_IF_ERROR(reader.ForEachDocument(
      {.text = true, .vector = true},
      [&](const StoredDocument& document) -> absl::Status {
        if (count++ > 0 && document.id <= last) {
          return Wrong("order", document.id);
        }
        last = document.id;
        return CheckDocument(document, snapshot);
      }));
  return count == snapshot.size()
             ? absl::OkStatus()
             : absl::InternalError(absl::StrCat("commit has ", count,
                                                " documents, expected ",
                                                snapshot.size()));
}

absl::Status CommitCheck::CheckSearch(const CommitReader& reader,
                                      const Snapshot& snapshot,
                                      uint64_t seed) const {
  internal::SplitMix random(seed);
  const std::vector<float> query = Query(random);
  std::vector<std::string> types;
  if (random.Below(3) == 0) {
    types = {absl::StrCat("T", random.Below(4)), "T1"};
  }
  std::vector<Found> wanted;
  for (const auto& [id, content] : snapshot) {
    if (types.empty() ||
        std::ranges::find(types, TypeOf(content)) != types.end()) {
      wanted.emplace_back(DistanceTo(query, content), id);
    }
  }
  std::ranges::sort(wanted);
  DocumentSearchOptions options = {
      .query = query, .neighbor_count = 1 + random.Below(20), .types = types};
  wanted.resize(std::min(wanted.size(), options.neighbor_count));
  for (const bool is_exact : {true, false}) {
    options.exact = is_exact;
    // A budget of all rows makes a forest exact, too.
    options.scan_budget = is_exact ? 0 : kDocumentCount * 40;
    options.rerank_count = options.scan_budget;
    COPSE_ASSIGN_OR_RETURN(const DocumentSearchResult result,
                           reader.Search(options));
    std::vector<Found> found;
    for (const DocumentNeighbor& neighbor : result.neighbors) {
      found.emplace_back(neighbor.distance, neighbor.document_id);
    }
    if (found != wanted) {
      return absl::InternalError(absl::StrCat(
          is_exact ? "exact" : "forest", " search found ", found.size(),
          " documents, expected ", wanted.size(), " or others"));
    }
  }
  return absl::OkStatus();
}

absl::Status CommitCheck::CheckAll(const CommitReader& reader,
                                   const Snapshot& snapshot,
                                   uint64_t seed) const {
  COPSE_RETURN_IF_ERROR(CheckDocuments(reader, snapshot));
  return CheckSearch(reader, snapshot, seed);
}

absl::Status CheckDiff(Store& store, const DiffOptions& options,
                       const Snapshot& base, const Snapshot& target) {
  std::map<std::string, Kind> wanted;
  for (const auto& [id, content] : base) {
    const auto other = target.find(id);
    if (other == target.end()) {
      wanted[id] = Kind::kDeleted;
    } else if (other->second != content) {
      wanted[id] = Kind::kReplaced;
    }
  }
  for (const auto& [id, content] : target) {
    if (!base.contains(id)) {
      wanted[id] = Kind::kInserted;
    }
  }
  std::vector<std::pair<std::string, Kind>> found;
  COPSE_RETURN_IF_ERROR(
      store.DiffCommits(options, [&found](const DocumentChange& change) {
        found.emplace_back(change.document_id, change.kind);
        return absl::OkStatus();
      }));
  return std::ranges::equal(found, wanted,
                            [](const auto& left, const auto& right) {
                              return left.first == right.first &&
                                     left.second == right.second;
                            })
             ? absl::OkStatus()
             : absl::InternalError(absl::StrCat("diff has ", found.size(),
                                                " changes, expected ",
                                                wanted.size(), " or others"));
}

absl::Status CheckVerify(Store& store, const std::string& domain) {
  COPSE_ASSIGN_OR_RETURN(const VerifyReport report, store.VerifyDomain(domain));
  if (report.finding_count() == 0) {
    return absl::OkStatus();
  }
  const VerifyFinding& first = report.findings.front();
  return absl::InternalError(absl::StrCat(
      "verification has ", report.finding_count(), " findings, the first is ",
      first.object, ": ", first.message));
}

}  // namespace copse
