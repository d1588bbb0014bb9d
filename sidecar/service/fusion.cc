// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/fusion.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

#include "versioning/commit_reader.h"

namespace copse {
namespace {

RankedChunk FromText(TextNeighbor matching) {
  return {.neighbor = {.document_id = std::move(matching.document_id),
                       .type = std::move(matching.type),
                       .chunk = matching.chunk,
                       .chunk_count = matching.chunk_count,
                       .place = matching.place,
                       .distance = TextDistance(matching.score),
                       .content_hash = matching.content_hash,
                       .has_text = matching.has_text},
          .has_vector_distance = false,
          .score = matching.score,
          .text_score = matching.score,
          .text_chunk = matching.chunk};
}

// What the lists are worth, rank by rank.
std::vector<double> VectorShares(const std::vector<DocumentNeighbor>& nearest,
                                 Fusion::Method method) {
  std::vector<double> shares;
  shares.reserve(nearest.size());
  for (size_t i = 0; i < nearest.size(); ++i) {
    if (method == Fusion::Method::kReciprocalRank) {
      shares.push_back(1 /
                       (kReciprocalRankConstant + 1 + static_cast<double>(i)));
      continue;
    }
    const double least = nearest.front().distance;
    const double greatest = nearest.back().distance;
    shares.push_back(greatest > least
                         ? (greatest - nearest[i].distance) / (greatest - least)
                         : 1);
  }
  return shares;
}

std::vector<double> TextShares(const std::vector<TextNeighbor>& matching,
                               Fusion::Method method) {
  std::vector<double> shares;
  shares.reserve(matching.size());
  for (size_t i = 0; i < matching.size(); ++i) {
    shares.push_back(
        method == Fusion::Method::kReciprocalRank
            ? 1 / (kReciprocalRankConstant + 1 + static_cast<double>(i))
            : matching[i].score / matching.front().score);
  }
  return shares;
}

}  // namespace

float TextDistance(double score) {
  return std::min(static_cast<float>(1 / (1 + score)),
                  std::nextafter(1.0F, 0.0F));
}

std::vector<RankedChunk> RankByText(std::vector<TextNeighbor> matching) {
  std::vector<RankedChunk> ranked;
  ranked.reserve(matching.size());
  for (TextNeighbor& neighbor : matching) {
    ranked.push_back(FromText(std::move(neighbor)));
    ranked.back().text_part.rank = static_cast<int64_t>(ranked.size());
  }
  return ranked;
}

double VectorWeightOf(const Fusion& fusion) {
  return fusion.vector_weight.value_or(fusion.method ==
                                               Fusion::Method::kReciprocalRank
                                           ? 0.5
                                           : kNormalizedVectorWeight);
}

std::vector<RankedChunk> Fuse(std::vector<DocumentNeighbor> nearest,
                              std::vector<TextNeighbor> matching,
                              const Fusion& fusion) {
  const double weight = VectorWeightOf(fusion);
  const std::vector<double> vector_shares =
      VectorShares(nearest, fusion.method);
  const std::vector<double> text_shares = TextShares(matching, fusion.method);
  const auto key_of = [&fusion](const std::string& id, uint32_t chunk) {
    return std::pair(id, fusion.by_chunk ? chunk : 0);
  };
  std::vector<RankedChunk> fused;
  absl::flat_hash_map<std::pair<std::string, uint32_t>, size_t> places;
  for (size_t i = 0; i < nearest.size(); ++i) {
    places.emplace(key_of(nearest[i].document_id, nearest[i].chunk), i);
    fused.push_back(
        {.neighbor = std::move(nearest[i]),
         .has_vector_distance = true,
         .score = weight * vector_shares[i],
         .vector_part = {static_cast<int64_t>(i) + 1, vector_shares[i]}});
  }
  for (size_t i = 0; i < matching.size(); ++i) {
    const double share = (1 - weight) * text_shares[i];
    const RankedChunk::Part part = {static_cast<int64_t>(i) + 1,
                                    text_shares[i]};
    const auto place =
        places.find(key_of(matching[i].document_id, matching[i].chunk));
    if (place != places.end()) {
      RankedChunk& both = fused[place->second];
      both.score += share;
      both.text_part = part;
      both.text_score = matching[i].score;
      both.text_chunk = matching[i].chunk;
      continue;
    }
    fused.push_back(FromText(std::move(matching[i])));
    fused.back().score = share;
    fused.back().text_part = part;
  }
  std::ranges::sort(fused, {}, [](const RankedChunk& ranked) {
    return std::tuple<double, absl::string_view, uint32_t>(
        -ranked.score, ranked.neighbor.document_id, ranked.neighbor.chunk);
  });
  return fused;
}

}  // namespace copse
