// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"

#include "clients/cli/fake_server.h"
#include "clients/cli/fake_services.h"
#include "copse/v1/search_service.grpc.pb.h"
#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

using grpc::ServerContext;

v1::StoredDocument ToStored(const v1::Document& document,
                            const v1::DocumentMask& mask) {
  v1::StoredDocument stored;
  stored.set_document_id(document.document_id());
  stored.set_type(document.type());
  stored.set_content_hash(std::string(32, '\x5a'));
  stored.set_chunk_count(1);
  if (mask.attributes()) {
    *stored.mutable_attributes() = document.attributes();
  }
  if (mask.text() && document.has_text()) {
    stored.set_text(document.text());
    stored.set_text_is_rendered(document.text_is_rendered());
  }
  if (mask.vector()) {
    *stored.mutable_vector() = document.vector();
  }
  return stored;
}

// Only the tests of existence, and the first prefix.
bool Passes(const v1::SearchSettings& settings, const v1::Document& document) {
  for (const v1::AttributeCondition& condition : settings.conditions()) {
    const bool exists = document.attributes().contains(condition.name());
    if (exists == condition.negated()) {
      return false;
    }
  }
  return settings.document_id_prefixes().empty() ||
         document.document_id().find(settings.document_id_prefixes(0)) == 0;
}

class Searches final : public v1::SearchService::Service {
 public:
  explicit Searches(FakeStore& store) : store_(store) {}

  // Finds documents that have the text in them; the earlier, the nearer.
  grpc::Status Search(ServerContext*, const v1::SearchRequest* request,
                      v1::SearchResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response->mutable_answered_by());
        !status.ok()) {
      return status;
    }
    response->mutable_warnings()->Add(store_.warnings.begin(),
                                      store_.warnings.end());
    for (const auto& [id, document] : commit->documents) {
      const size_t place = document.text().find(request->text());
      if (!Passes(request->settings(), document)) {
        continue;
      }
      if (place != std::string::npos || request->has_vector()) {
        v1::Neighbor& neighbor = *response->add_neighbors();
        if (request->settings().explain()) {
          neighbor.mutable_explanation()->mutable_vector()->set_rank(1);
        }
        *neighbor.mutable_document() =
            ToStored(document, request->settings().document_mask());
        neighbor.set_distance(request->has_vector()
                                  ? request->vector().components(0)
                                  : static_cast<double>(place) / 100);
        neighbor.set_similarity(1 - neighbor.distance() / 2);
        if (request->mode() == v1::SearchRequest::MODE_HYBRID) {
          neighbor.set_score(request->fusion().vector_weight());
        }
      }
    }
    if (request->settings().explain()) {
      response->mutable_explanation()->set_chunk_count(
          static_cast<int64_t>(commit->documents.size()));
      response->mutable_explanation()
          ->add_vector_searches()
          ->set_passing_chunk_count(response->neighbors_size());
    }
    return grpc::Status::OK;
  }

  grpc::Status FindSimilar(ServerContext*,
                           const v1::FindSimilarRequest* request,
                           v1::FindSimilarResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response->mutable_answered_by());
        !status.ok()) {
      return status;
    }
    response->mutable_warnings()->Add(store_.warnings.begin(),
                                      store_.warnings.end());
    for (const auto& [id, document] : commit->documents) {
      if (id != request->document_id()) {
        *response->add_neighbors()->mutable_document() =
            ToStored(document, request->settings().document_mask());
      }
    }
    return grpc::Status::OK;
  }

  // Suggests the text with an x behind it.
  grpc::Status SuggestTerms(ServerContext*,
                            const v1::SuggestTermsRequest* request,
                            v1::SuggestTermsResponse* response) override {
    v1::TermSuggestion& suggestion = *response->add_suggestions();
    suggestion.set_term("x");
    suggestion.set_text(request->text() + "x");
    suggestion.set_chunk_count(request->suggestion_count());
    return grpc::Status::OK;
  }

  grpc::Status CompareTexts(ServerContext*,
                            const v1::CompareTextsRequest* request,
                            v1::CompareTextsResponse* response) override {
    response->set_distance(request->base_text() == request->target_text() ? 0
                                                                          : 1);
    return grpc::Status::OK;
  }

  grpc::Status CompareDocuments(
      ServerContext*, const v1::CompareDocumentsRequest* request,
      v1::CompareDocumentsResponse* response) override {
    response->set_distance(
        request->base_document_id() == request->target_document_id() ? 0 : 0.5);
    response->set_similarity(1 - response->distance() / 2);
    return grpc::Status::OK;
  }

  grpc::Status GetDocuments(ServerContext*,
                            const v1::GetDocumentsRequest* request,
                            v1::GetDocumentsResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response->mutable_answered_by());
        !status.ok()) {
      return status;
    }
    for (const std::string& id : request->document_ids()) {
      const auto found = commit->documents.find(id);
      if (found == commit->documents.end()) {
        response->add_missing_document_ids(id);
      } else {
        *response->add_documents() =
            ToStored(found->second, request->document_mask());
      }
    }
    return grpc::Status::OK;
  }

  grpc::Status ExportDocuments(
      ServerContext*, const v1::ExportDocumentsRequest* request,
      grpc::ServerWriter<v1::ExportDocumentsResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    v1::ExportDocumentsResponse response;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response.mutable_answered_by());
        !status.ok()) {
      return status;
    }
    writer->Write(response);
    for (const auto& [id, document] : commit->documents) {
      response.Clear();
      *response.add_documents() = ToStored(document, request->document_mask());
      writer->Write(response);
    }
    return grpc::Status::OK;
  }

  // Each document matches the last one, and that one the first only; with a
  // distance for the target, only this one.
  grpc::Status MatchSets(
      ServerContext*, const v1::MatchSetsRequest* request,
      grpc::ServerWriter<v1::MatchSetsResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    store_.match_request = *request;
    const FakeCommit* commit = nullptr;
    v1::MatchSetsResponse response;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response.mutable_answered_by());
        !status.ok()) {
      return status;
    }
    response.mutable_warnings()->Add(store_.warnings.begin(),
                                     store_.warnings.end());
    writer->Write(response);
    response.Clear();
    const auto add = [&](const std::string& id, const std::string& match,
                         bool is_from_target) {
      v1::SetMatch& added = *response.add_matches();
      added.mutable_document()->set_document_id(id);
      added.mutable_match()->set_document_id(match);
      added.set_distance(request->max_distance());
      added.set_is_from_target(is_from_target);
    };
    const bool is_one_set = request->target().types().empty() &&
                            request->target().document_ids().empty();
    const std::string first = commit->documents.begin()->first;
    const std::string last = commit->documents.rbegin()->first;
    for (const auto& [id, document] : commit->documents) {
      if (id != last && !request->has_target_max_distance()) {
        add(id, last, false);
        if (is_one_set) {
          add(id, last, true);
        }
      }
      if (id == first) {
        add(last, first, true);
        if (is_one_set) {
          add(last, first, false);
        }
      }
    }
    writer->Write(response);
    return End();
  }

  // Texts of equal length are at 0, others at a tenth of the difference.
  grpc::Status FindDuplicates(
      ServerContext*, const v1::FindDuplicatesRequest* request,
      grpc::ServerWriter<v1::FindDuplicatesResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    const FakeCommit* commit = nullptr;
    v1::FindDuplicatesResponse response;
    if (grpc::Status status = Select(store_, request->domain(), request->at(),
                                     &commit, response.mutable_answered_by());
        !status.ok()) {
      return status;
    }
    const FakeCommit* since = nullptr;
    if (request->has_since()) {
      if (grpc::Status status =
              Select(store_, request->domain(), request->since(), &since,
                     response.mutable_since_answered_by());
          !status.ok()) {
        return status;
      }
    }
    response.mutable_warnings()->Add(store_.warnings.begin(),
                                     store_.warnings.end());
    writer->Write(response);
    response.Clear();
    response.set_found_chunk_pair_count(17);
    writer->Write(response);
    response.Clear();
    FillDuplicates(*request, *commit, since, response);
    writer->Write(response);
    return End();
  }

 private:
  grpc::Status End() const {
    return store_.stream_error.empty()
               ? grpc::Status::OK
               : FakeError(grpc::StatusCode::RESOURCE_EXHAUSTED,
                           store_.stream_error, "SPILL_FULL");
  }

  static bool HasChanged(const FakeCommit* since, const std::string& id,
                         const v1::Document& document) {
    if (since == nullptr) {
      return true;
    }
    const auto before = since->documents.find(id);
    return before == since->documents.end() ||
           before->second.text() != document.text();
  }

  static void FillDuplicates(const v1::FindDuplicatesRequest& request,
                             const FakeCommit& commit, const FakeCommit* since,
                             v1::FindDuplicatesResponse& response) {
    std::vector<v1::DuplicatePair> pairs;
    for (const auto& [id, document] : commit.documents) {
      for (const auto& [other_id, other] : commit.documents) {
        const double distance =
            std::abs(static_cast<double>(document.text().size()) -
                     static_cast<double>(other.text().size())) /
            10;
        if (id < other_id && distance <= request.max_distance() &&
            (HasChanged(since, id, document) ||
             HasChanged(since, other_id, other))) {
          v1::DuplicatePair& pair = pairs.emplace_back();
          pair.mutable_first()->set_document_id(id);
          pair.mutable_second()->set_document_id(other_id);
          pair.mutable_second()->mutable_chunk()->set_number(2);
          pair.mutable_second()->set_chunk_count(12);
          pair.set_distance(distance);
        }
      }
    }
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const auto& left, const auto& right) {
                       return left.distance() < right.distance();
                     });
    if (request.count_max() > 0 &&
        request.count_max() < static_cast<int64_t>(pairs.size())) {
      pairs.resize(static_cast<size_t>(request.count_max()));
    }
    if (request.clustering() ==
        v1::FindDuplicatesRequest::CLUSTERING_UNSPECIFIED) {
      response.mutable_pairs()->Add(pairs.begin(), pairs.end());
      return;
    }
    // Each pair is a cluster, in two parts.
    for (const v1::DuplicatePair& pair : pairs) {
      const int64_t number = response.clusters_size() / 2 + 1;
      for (const v1::DuplicateDocument& document :
           {pair.first(), pair.second()}) {
        v1::DuplicateCluster& cluster = *response.add_clusters();
        cluster.set_number(number);
        cluster.set_member_count(2);
        cluster.set_max_distance(pair.distance());
        cluster.add_members()->set_document_id(document.document_id());
      }
    }
  }

  FakeStore& store_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFakeSearchService(FakeStore& store) {
  return std::make_unique<Searches>(store);
}

}  // namespace copse
