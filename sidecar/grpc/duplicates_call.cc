// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/duplicates_call.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/grpc/convert_document.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/duplicate_finder.h"
#include "sidecar/service/request_errors.h"
#include "sidecar/service/set_matcher.h"
#include "versioning/duplicates.h"

namespace copse {
namespace {

// Of one response.
constexpr int kPairCountMax = 1000;
constexpr int kClusterCountMax = 1000;
constexpr int kMemberCountMax = 10'000;

// Types or documents of a scope.
constexpr int kScopeEntryCountMax = 1000;

absl::StatusOr<DuplicateOptions::Clustering> ToClustering(
    v1::FindDuplicatesRequest::Clustering clustering) {
  switch (clustering) {
    case v1::FindDuplicatesRequest::CLUSTERING_UNSPECIFIED:
      return DuplicateOptions::Clustering::kNone;
    case v1::FindDuplicatesRequest::CLUSTERING_CONNECTED:
      return DuplicateOptions::Clustering::kConnected;
    case v1::FindDuplicatesRequest::CLUSTERING_COMPLETE_LINK:
      return DuplicateOptions::Clustering::kCompleteLink;
    default:
      return FieldInvalidError("clustering", absl::StrCat(clustering),
                               "a value of FindDuplicatesRequest.Clustering");
  }
}

absl::StatusOr<DuplicateScope> ToScope(absl::string_view field,
                                       const v1::DocumentScope& message) {
  for (const int count : {message.types_size(), message.document_ids_size()}) {
    if (count > kScopeEntryCountMax) {
      return FieldInvalidError(
          field, absl::StrCat("a list of ", count),
          absl::StrCat("lists of at most ", kScopeEntryCountMax));
    }
  }
  return DuplicateScope{
      .types = {message.types().begin(), message.types().end()},
      .document_ids = {message.document_ids().begin(),
                       message.document_ids().end()}};
}

void Fill(const DuplicateDocument& document, v1::DuplicateDocument& message) {
  message.set_document_id(document.id);
  message.set_type(document.type);
  message.set_chunk_count(static_cast<int32_t>(document.chunk_count));
  if (document.chunk_count > 1) {
    copse::Fill(document.chunk, document.place, *message.mutable_chunk());
  }
}

// Sends what is found as it comes.
class DuplicatesCall {
 public:
  explicit DuplicatesCall(ResponseWriter& writer) : writer_(writer) {}

  DuplicateListener Listener() {
    return {
        .on_warning =
            [this](const std::string& warning) {
              response_.add_warnings(warning);
              return absl::OkStatus();
            },
        .on_begin =
            [this](const AnsweringCommit& answered_by,
                   const std::optional<AnsweringCommit>& since) {
              return Begin(answered_by, since);
            },
        .on_progress =
            [this](int64_t found_count) {
              response_.set_found_chunk_pair_count(found_count);
              return Send();
            },
        .on_pair = [this](const DuplicatePair& pair) { return Add(pair); },
        .on_cluster =
            [this](const DuplicateCluster& cluster) { return Add(cluster); }};
  }

  // Sends what has not been sent.
  absl::Status Finish() {
    return response_.pairs().empty() && response_.clusters().empty()
               ? absl::OkStatus()
               : Send();
  }

 private:
  absl::Status Begin(const AnsweringCommit& answered_by,
                     const std::optional<AnsweringCommit>& since) {
    copse::Fill(answered_by, *response_.mutable_answered_by());
    if (since.has_value()) {
      copse::Fill(*since, *response_.mutable_since_answered_by());
    }
    return Send();
  }

  absl::Status Add(const DuplicatePair& pair) {
    v1::DuplicatePair& message = *response_.add_pairs();
    Fill(pair.first, *message.mutable_first());
    Fill(pair.second, *message.mutable_second());
    message.set_distance(double{pair.distance});
    return response_.pairs_size() < kPairCountMax ? absl::OkStatus() : Send();
  }

  absl::Status Add(const DuplicateCluster& cluster) {
    ++cluster_count_;
    v1::DuplicateCluster* message = nullptr;
    for (const DuplicateMember& member : cluster.members) {
      if (message == nullptr) {
        message = response_.add_clusters();
        message->set_number(cluster_count_);
        message->set_member_count(static_cast<int64_t>(cluster.members.size()));
        message->set_min_distance(double{cluster.distance_min});
        message->set_max_distance(double{cluster.distance_max});
      }
      v1::DuplicateCluster::Member& added = *message->add_members();
      added.set_document_id(member.id);
      added.set_type(member.type);
      if (++member_count_ >= kMemberCountMax) {
        message = nullptr;
        COPSE_RETURN_IF_ERROR(Send());
      }
    }
    return response_.clusters_size() < kClusterCountMax ? absl::OkStatus()
                                                        : Send();
  }

  absl::Status Send() {
    const absl::Status status = writer_.Write(response_);
    response_.Clear();
    member_count_ = 0;
    return status;
  }

  ResponseWriter& writer_;
  v1::FindDuplicatesResponse response_;
  int64_t cluster_count_ = 0;
  int member_count_ = 0;  // In response_.
};

}  // namespace

absl::StatusOr<DuplicateRequest> ToDuplicateRequest(
    const v1::FindDuplicatesRequest& message) {
  DuplicateRequest request;
  request.domain = message.domain();
  request.at = ToCommitSelector(message.at());
  request.max_distance = message.max_distance();
  request.exact = message.exact();
  request.count_max = message.count_max();
  if (message.has_since()) {
    request.since = ToCommitSelector(message.since());
  }
  COPSE_ASSIGN_OR_RETURN(request.scope, ToScope("scope", message.scope()));
  COPSE_ASSIGN_OR_RETURN(request.target, ToScope("target", message.target()));
  COPSE_ASSIGN_OR_RETURN(request.clustering,
                         ToClustering(message.clustering()));
  return request;
}

absl::Status StreamDuplicates(DuplicateFinder& finder,
                              const v1::FindDuplicatesRequest& message,
                              const CallContext& call, ResponseWriter& writer) {
  COPSE_ASSIGN_OR_RETURN(const DuplicateRequest request,
                         ToDuplicateRequest(message));
  DuplicatesCall duplicates(writer);
  COPSE_RETURN_IF_ERROR(finder.Find(request, call, duplicates.Listener()));
  return duplicates.Finish();
}

absl::Status StreamMatches(DuplicateFinder& finder,
                           const v1::MatchSetsRequest& message,
                           const CallContext& call, ResponseWriter& writer) {
  MatchRequest request = {.domain = message.domain(),
                          .at = ToCommitSelector(message.at()),
                          .match_count = message.match_count(),
                          .max_distance = message.max_distance(),
                          .exact = message.exact(),
                          .is_one_way = message.one_way()};
  COPSE_ASSIGN_OR_RETURN(request.set, ToScope("set", message.set()));
  COPSE_ASSIGN_OR_RETURN(request.target, ToScope("target", message.target()));
  if (message.has_target_max_distance()) {
    request.target_max_distance = message.target_max_distance();
  }
  v1::MatchSetsResponse response;
  const auto send = [&] {
    const absl::Status status = writer.Write(response);
    response.Clear();
    return status;
  };
  COPSE_RETURN_IF_ERROR(MatchSets(
      finder, request, call,
      {.on_warning =
           [&response](const std::string& warning) {
             response.add_warnings(warning);
             return absl::OkStatus();
           },
       .on_begin =
           [&](const AnsweringCommit& answered_by) {
             copse::Fill(answered_by, *response.mutable_answered_by());
             return send();
           },
       .on_match =
           [&](const SetMatch& match) {
             v1::SetMatch& added = *response.add_matches();
             Fill(match.document, *added.mutable_document());
             Fill(match.match, *added.mutable_match());
             added.set_distance(double{match.distance});
             added.set_is_from_target(match.is_from_target);
             return response.matches_size() < kPairCountMax ? absl::OkStatus()
                                                            : send();
           }}));
  return response.matches().empty() ? absl::OkStatus() : send();
}

}  // namespace copse
