// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "copse/v1/search_service.grpc.pb.h"
#include "copse/v1/search_service.pb.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/grpc/convert_document.h"
#include "sidecar/grpc/convert_search.h"
#include "sidecar/grpc/duplicates_call.h"
#include "sidecar/grpc/rpc_services.h"
#include "sidecar/service/batch_searcher.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/searcher.h"
#include "versioning/commit_reader.h"

namespace copse {
namespace {

using v1::SearchService;

using RawSearchService = SearchService::WithRawCallbackMethod_Search<
    SearchService::WithRawCallbackMethod_FindSimilar<
        SearchService::WithRawCallbackMethod_CompareTexts<
            SearchService::WithRawCallbackMethod_CompareDocuments<
                SearchService::WithRawCallbackMethod_SuggestTerms<
                    SearchService::WithRawCallbackMethod_GetDocuments<
                        SearchService::WithRawCallbackMethod_ExportDocuments<
                            SearchService::WithRawCallbackMethod_FindDuplicates<
                                SearchService::WithRawCallbackMethod_MatchSets<
                                    SearchService::
                                        WithRawCallbackMethod_BatchSearch<
                                            SearchService::Service>>>>>>>>>>;

// One response of an export.
constexpr int kExportDocumentCountMax = 1000;
constexpr size_t kExportSizeBytesMax = size_t{1} << 20;

// Sets the fields that the responses of Search and FindSimilar share.
template <typename Answer>
void FillSearchResponse(SearchResponse&& response, const DocumentMask& mask,
                        Answer& answer) {
  Fill(response.answered_by, *answer.mutable_answered_by());
  for (SearchNeighbor& neighbor : response.neighbors) {
    v1::Neighbor& target = *answer.add_neighbors();
    if (neighbor.explanation.has_value() && response.explanation.has_value()) {
      Fill(*std::move(neighbor.explanation), *response.explanation,
           double{neighbor.distance}, *target.mutable_explanation());
    }
    Fill(std::move(neighbor), mask, target);
  }
  Fill(response.work, *answer.mutable_work());
  answer.mutable_warnings()->Add(response.warnings.begin(),
                                 response.warnings.end());
  if (response.explanation.has_value()) {
    Fill(*response.explanation, *answer.mutable_explanation());
  }
}

absl::Status ExportDocuments(DocumentReader& documents,
                             const v1::ExportDocumentsRequest& message,
                             const CallContext& call, ResponseWriter& writer) {
  const DocumentMask mask = ToDocumentMask(message.document_mask());
  v1::ExportDocumentsResponse response;
  size_t size_bytes = 0;
  const auto write = [&]() -> absl::Status {
    COPSE_RETURN_IF_ERROR(writer.Write(response));
    response.Clear();
    size_bytes = 0;
    return absl::OkStatus();
  };
  const absl::Status status = documents.ExportDocuments(
      message.domain(), ToCommitSelector(message.at()), mask, call,
      [&](const AnsweringCommit& answering) {
        Fill(answering, *response.mutable_answered_by());
        return write();
      },
      [&](const StoredDocument& document) {
        size_bytes += WireSizeOf(document);
        Fill(StoredDocument(document), mask, *response.add_documents());
        return size_bytes >= kExportSizeBytesMax ||
                       response.documents_size() >= kExportDocumentCountMax
                   ? write()
                   : absl::OkStatus();
      });
  COPSE_RETURN_IF_ERROR(status);
  return response.documents_size() > 0 ? write() : absl::OkStatus();
}

absl::StatusOr<BatchSearchRequest> ToBatchRequest(
    const v1::BatchSearchRequest& message) {
  BatchSearchRequest request = {.domain = message.domain(),
                                .at = ToCommitSelector(message.at()),
                                .queries = {},
                                .settings = {}};
  COPSE_ASSIGN_OR_RETURN(request.settings,
                         ToSearchSettings(message.settings()));
  for (const v1::BatchSearchRequest::Query& query : message.queries()) {
    BatchSearchRequest::Query& added = request.queries.emplace_back();
    if (query.has_text()) {
      added = TextQuery{query.text()};
    } else if (query.has_vector()) {
      added = VectorQuery{{query.vector().components().begin(),
                           query.vector().components().end()}};
    }
  }
  return request;
}

class SearchRpcs final : public RawSearchService {
 public:
  explicit SearchRpcs(const RpcEnvironment& environment)
      : environment_(environment), engine_(*environment.engine) {}

  grpc::ServerUnaryReactor* Search(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override {
    // A search by text may wait for the embedding provider.
    return StartUnaryCall<v1::SearchRequest, v1::SearchResponse>(
        {environment_, *environment_.waiting_executor,
         "copse.v1.SearchService/Search", context},
        request, response,
        [this](const v1::SearchRequest& message, const CallContext& call,
               v1::SearchResponse& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const SearchRequest search,
                                 ToSearchRequest(message));
          COPSE_ASSIGN_OR_RETURN(SearchResponse result,
                                 engine_.searcher().Search(search, call));
          FillSearchResponse(std::move(result), search.settings.mask, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* FindSimilar(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::FindSimilarRequest, v1::FindSimilarResponse>(
        {environment_, *environment_.executor,
         "copse.v1.SearchService/FindSimilar", context},
        request, response,
        [this](const v1::FindSimilarRequest& message, const CallContext& call,
               v1::FindSimilarResponse& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const SearchRequest search,
                                 ToSearchRequest(message));
          COPSE_ASSIGN_OR_RETURN(SearchResponse result,
                                 engine_.searcher().Search(search, call));
          if (result.source.has_value()) {
            Fill(*result.source, *answer.mutable_source());
          }
          FillSearchResponse(std::move(result), search.settings.mask, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* CompareTexts(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::CompareTextsRequest, v1::CompareTextsResponse>(
        {environment_, *environment_.waiting_executor,
         "copse.v1.SearchService/CompareTexts", context},
        request, response,
        [this](const v1::CompareTextsRequest& message, const CallContext& call,
               v1::CompareTextsResponse& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(CompareResult result,
                                 engine_.documents().CompareTexts(
                                     message.domain(), message.base_text(),
                                     message.target_text(), call));
          answer.set_distance(double{result.distance});
          if (result.similarity.has_value()) {
            answer.set_similarity(*result.similarity);
          }
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* CompareDocuments(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::CompareDocumentsRequest,
                          v1::CompareDocumentsResponse>(
        {environment_, *environment_.executor,
         "copse.v1.SearchService/CompareDocuments", context},
        request, response,
        [this](const v1::CompareDocumentsRequest& message,
               const CallContext& call,
               v1::CompareDocumentsResponse& answer) -> absl::Status {
          std::optional<CommitSelector> target_at;
          if (message.has_target_at()) {
            target_at = ToCommitSelector(message.target_at());
          }
          COPSE_ASSIGN_OR_RETURN(
              CompareResult result,
              engine_.documents().CompareDocuments(
                  message.domain(), ToCommitSelector(message.at()),
                  message.base_document_id(), message.target_document_id(),
                  target_at, call));
          Fill(result.answered_by, *answer.mutable_answered_by());
          Fill(result.target_answered_by, *answer.mutable_target_answered_by());
          answer.set_distance(double{result.distance});
          if (result.similarity.has_value()) {
            answer.set_similarity(*result.similarity);
          }
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* SuggestTerms(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::SuggestTermsRequest, v1::SuggestTermsResponse>(
        {environment_, *environment_.executor,
         "copse.v1.SearchService/SuggestTerms", context},
        request, response,
        [this](const v1::SuggestTermsRequest& message, const CallContext& call,
               v1::SuggestTermsResponse& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(
              SuggestResponse result,
              engine_.searcher().Suggest(
                  {.domain = message.domain(),
                   .at = ToCommitSelector(message.at()),
                   .text = message.text(),
                   .suggestion_count = message.suggestion_count()},
                  call));
          Fill(result.answered_by, *answer.mutable_answered_by());
          for (TermSuggestion& suggestion : result.suggestions) {
            Fill(std::move(suggestion), *answer.add_suggestions());
          }
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* GetDocuments(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::GetDocumentsRequest, v1::GetDocumentsResponse>(
        {environment_, *environment_.executor,
         "copse.v1.SearchService/GetDocuments", context},
        request, response,
        [this](const v1::GetDocumentsRequest& message, const CallContext& call,
               v1::GetDocumentsResponse& answer) -> absl::Status {
          const DocumentMask mask = ToDocumentMask(message.document_mask());
          COPSE_ASSIGN_OR_RETURN(
              GetDocumentsResult result,
              engine_.documents().GetDocuments(message.domain(),
                                               ToCommitSelector(message.at()),
                                               {message.document_ids().begin(),
                                                message.document_ids().end()},
                                               mask, call));
          Fill(result.answered_by, *answer.mutable_answered_by());
          for (StoredDocument& document : result.documents) {
            Fill(std::move(document), mask, *answer.add_documents());
          }
          for (std::string& document_id : result.missing_document_ids) {
            answer.add_missing_document_ids(std::move(document_id));
          }
          return absl::OkStatus();
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* ExportDocuments(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override {
    return StartStreamCall<v1::ExportDocumentsRequest>(
        {environment_, *environment_.stream_executor,
         "copse.v1.SearchService/ExportDocuments", context},
        request,
        [this](const v1::ExportDocumentsRequest& message,
               const CallContext& call, ResponseWriter& writer) {
          return copse::ExportDocuments(engine_.documents(), message, call,
                                        writer);
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* FindDuplicates(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override {
    return StartStreamCall<v1::FindDuplicatesRequest>(
        {environment_, *environment_.stream_executor,
         "copse.v1.SearchService/FindDuplicates", context},
        request,
        [this](const v1::FindDuplicatesRequest& message,
               const CallContext& call, ResponseWriter& writer) {
          return StreamDuplicates(engine_.duplicates(), message, call, writer);
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* MatchSets(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override {
    return StartStreamCall<v1::MatchSetsRequest>(
        {environment_, *environment_.stream_executor,
         "copse.v1.SearchService/MatchSets", context},
        request,
        [this](const v1::MatchSetsRequest& message, const CallContext& call,
               ResponseWriter& writer) {
          return StreamMatches(engine_.duplicates(), message, call, writer);
        });
  }

  grpc::ServerUnaryReactor* BatchSearch(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::BatchSearchRequest, v1::BatchSearchResponse>(
        {environment_, *environment_.waiting_executor,
         "copse.v1.SearchService/BatchSearch", context},
        request, response,
        [this](const v1::BatchSearchRequest& message, const CallContext& call,
               v1::BatchSearchResponse& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const BatchSearchRequest batch,
                                 ToBatchRequest(message));
          COPSE_ASSIGN_OR_RETURN(
              BatchSearchResponse found,
              SearchBatch(engine_.store(), engine_.embedders(), batch, call));
          Fill(found.answered_by, *answer.mutable_answered_by());
          for (std::vector<SearchNeighbor>& neighbors : found.results) {
            v1::BatchSearchResponse::Result& result = *answer.add_results();
            for (SearchNeighbor& neighbor : neighbors) {
              Fill(std::move(neighbor), batch.settings.mask,
                   *result.add_neighbors());
            }
          }
          Fill(found.work, *answer.mutable_work());
          answer.mutable_warnings()->Add(found.warnings.begin(),
                                         found.warnings.end());
          return absl::OkStatus();
        });
  }

 private:
  const RpcEnvironment& environment_;
  Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeSearchService(
    const RpcEnvironment& environment) {
  return std::make_unique<SearchRpcs>(environment);
}

}  // namespace copse
