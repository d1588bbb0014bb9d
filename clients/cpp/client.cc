// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/client.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

#include "clients/cpp/error.h"
#include "clients/cpp/push_connection.h"
#include "clients/cpp/push_stream.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/admin_service.grpc.pb.h"
#include "copse/v1/branch_service.grpc.pb.h"
#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/domain_service.grpc.pb.h"
#include "copse/v1/job_service.grpc.pb.h"
#include "copse/v1/search_service.grpc.pb.h"

namespace copse {
namespace {

constexpr int kMessageSizeBytesMax = 64 << 20;
constexpr int kConnectTimeoutMs = 10'000;

bool IsLocal(absl::string_view address) {
  return absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "localhost") ||
         absl::StartsWith(address, "[::1]") ||
         absl::StartsWith(address, "unix:");
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageSizeBytesMax);
  arguments.SetMaxSendMessageSize(kMessageSizeBytesMax);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  // A proxy for the way out cannot reach this machine from the inside.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, IsLocal(address) ? 0 : 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

// Makes one call that is no stream.
template <typename Response, typename Stub, typename Method, typename Request>
absl::StatusOr<Response> Call(Stub& stub, Method method, const Request& request,
                              absl::Duration timeout) {
  grpc::ClientContext context;
  if (timeout != absl::InfiniteDuration()) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) {
    return FromGrpcStatus(status);
  }
  return response;
}

// Makes one call with a stream of responses.
template <typename Response, typename Stub, typename Method, typename Request>
absl::Status Stream(Stub& stub, Method method, const Request& request,
                    const Client::Visitor<Response>& visit) {
  grpc::ClientContext context;
  const std::unique_ptr<grpc::ClientReader<Response>> reader =
      (stub.*method)(&context, request);
  Response response;
  absl::Status visited;
  while (visited.ok() && reader->Read(&response)) {
    visited = visit(response);
  }
  if (!visited.ok()) {
    context.TryCancel();
    while (reader->Read(&response)) {
    }
  }
  const grpc::Status status = reader->Finish();
  return visited.ok() ? FromGrpcStatus(status) : visited;
}

// Calls `visit` with all items of all pages.
template <typename Request, typename List, typename Items, typename Visit>
absl::Status ForEachItem(Request request, const List& list, const Items& items,
                         const Visit& visit) {
  while (true) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(const auto response, list(request));
    for (const auto& item : items(response)) {
      COPSE_CLIENT_RETURN_IF_ERROR(visit(item));
    }
    if (response.next_page_token().empty()) {
      return absl::OkStatus();
    }
    if (response.next_page_token() == request.page_token()) {
      return absl::InternalError(absl::StrFormat(
          "page token '%s' leads to itself", request.page_token()));
    }
    request.set_page_token(response.next_page_token());
  }
}

}  // namespace

struct Client::Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel)
      : domain(v1::DomainService::NewStub(channel)),
        commit(v1::CommitService::NewStub(channel)),
        branch(v1::BranchService::NewStub(channel)),
        search(v1::SearchService::NewStub(channel)),
        admin(v1::AdminService::NewStub(channel)),
        jobs(v1::JobService::NewStub(channel)) {}

  std::unique_ptr<v1::DomainService::Stub> domain;
  std::unique_ptr<v1::CommitService::Stub> commit;
  std::unique_ptr<v1::BranchService::Stub> branch;
  std::unique_ptr<v1::SearchService::Stub> search;
  std::unique_ptr<v1::AdminService::Stub> admin;
  std::unique_ptr<v1::JobService::Stub> jobs;
};

Client::Client(const ClientOptions& options)
    : options_(options),
      stubs_(std::make_unique<Stubs>(MakeChannel(options.address))) {}

Client::~Client() = default;

absl::StatusOr<v1::Domain> Client::CreateDomain(
    const v1::CreateDomainRequest& request) {
  return Call<v1::Domain>(*stubs_->domain,
                          &v1::DomainService::Stub::CreateDomain, request,
                          options_.timeout);
}

absl::StatusOr<v1::Domain> Client::GetDomain(
    const v1::GetDomainRequest& request) {
  return Call<v1::Domain>(*stubs_->domain, &v1::DomainService::Stub::GetDomain,
                          request, options_.timeout);
}

absl::StatusOr<v1::ListDomainsResponse> Client::ListDomains(
    const v1::ListDomainsRequest& request) {
  return Call<v1::ListDomainsResponse>(*stubs_->domain,
                                       &v1::DomainService::Stub::ListDomains,
                                       request, options_.timeout);
}

absl::StatusOr<v1::Domain> Client::UpdateDomain(
    const v1::UpdateDomainRequest& request) {
  return Call<v1::Domain>(*stubs_->domain,
                          &v1::DomainService::Stub::UpdateDomain, request,
                          options_.timeout);
}

absl::StatusOr<v1::Job> Client::ReembedDomain(
    const v1::ReembedDomainRequest& request) {
  return Call<v1::Job>(*stubs_->domain, &v1::DomainService::Stub::ReembedDomain,
                       request, options_.timeout);
}

absl::Status Client::DeleteDomain(const v1::DeleteDomainRequest& request) {
  return Call<v1::DeleteDomainResponse>(*stubs_->domain,
                                        &v1::DomainService::Stub::DeleteDomain,
                                        request, options_.timeout)
      .status();
}

std::unique_ptr<PushStream> Client::PushCommit(PushStreamOptions options) {
  auto connection =
      std::make_unique<internal::PushConnection>(*stubs_->commit, options.mode);
  return std::make_unique<PushStream>(std::move(connection),
                                      std::move(options));
}

absl::StatusOr<v1::Commit> Client::GetCommit(
    const v1::GetCommitRequest& request) {
  return Call<v1::Commit>(*stubs_->commit, &v1::CommitService::Stub::GetCommit,
                          request, options_.timeout);
}

absl::StatusOr<v1::ListCommitsResponse> Client::ListCommits(
    const v1::ListCommitsRequest& request) {
  return Call<v1::ListCommitsResponse>(*stubs_->commit,
                                       &v1::CommitService::Stub::ListCommits,
                                       request, options_.timeout);
}

absl::Status Client::DeleteCommit(const v1::DeleteCommitRequest& request) {
  return Call<v1::DeleteCommitResponse>(*stubs_->commit,
                                        &v1::CommitService::Stub::DeleteCommit,
                                        request, options_.timeout)
      .status();
}

absl::StatusOr<v1::Job> Client::PullCommit(
    const v1::PullCommitRequest& request) {
  return Call<v1::Job>(*stubs_->commit, &v1::CommitService::Stub::PullCommit,
                       request, options_.timeout);
}

absl::StatusOr<v1::Commit> Client::AssignCommit(
    const v1::AssignCommitRequest& request) {
  return Call<v1::Commit>(*stubs_->commit,
                          &v1::CommitService::Stub::AssignCommit, request,
                          options_.timeout);
}

absl::Status Client::DiffCommits(
    const v1::DiffCommitsRequest& request,
    const Visitor<v1::DiffCommitsResponse>& visit) {
  return Stream<v1::DiffCommitsResponse>(
      *stubs_->commit, &v1::CommitService::Stub::DiffCommits, request, visit);
}

absl::Status Client::MergeCommits(
    const v1::MergeCommitsRequest& request,
    const Visitor<v1::MergeCommitsResponse>& visit) {
  return Stream<v1::MergeCommitsResponse>(
      *stubs_->commit, &v1::CommitService::Stub::MergeCommits, request, visit);
}

absl::StatusOr<v1::Branch> Client::CreateBranch(
    const v1::CreateBranchRequest& request) {
  return Call<v1::Branch>(*stubs_->branch,
                          &v1::BranchService::Stub::CreateBranch, request,
                          options_.timeout);
}

absl::StatusOr<v1::Branch> Client::GetBranch(
    const v1::GetBranchRequest& request) {
  return Call<v1::Branch>(*stubs_->branch, &v1::BranchService::Stub::GetBranch,
                          request, options_.timeout);
}

absl::StatusOr<v1::ListBranchesResponse> Client::ListBranches(
    const v1::ListBranchesRequest& request) {
  return Call<v1::ListBranchesResponse>(*stubs_->branch,
                                        &v1::BranchService::Stub::ListBranches,
                                        request, options_.timeout);
}

absl::StatusOr<v1::Branch> Client::UpdateBranch(
    const v1::UpdateBranchRequest& request) {
  return Call<v1::Branch>(*stubs_->branch,
                          &v1::BranchService::Stub::UpdateBranch, request,
                          options_.timeout);
}

absl::StatusOr<v1::Branch> Client::RenameBranch(
    const v1::RenameBranchRequest& request) {
  return Call<v1::Branch>(*stubs_->branch,
                          &v1::BranchService::Stub::RenameBranch, request,
                          options_.timeout);
}

absl::Status Client::DeleteBranch(const v1::DeleteBranchRequest& request) {
  return Call<v1::DeleteBranchResponse>(*stubs_->branch,
                                        &v1::BranchService::Stub::DeleteBranch,
                                        request, options_.timeout)
      .status();
}

absl::StatusOr<v1::SearchResponse> Client::Search(
    const v1::SearchRequest& request) {
  return Call<v1::SearchResponse>(*stubs_->search,
                                  &v1::SearchService::Stub::Search, request,
                                  options_.timeout);
}

absl::StatusOr<v1::FindSimilarResponse> Client::FindSimilar(
    const v1::FindSimilarRequest& request) {
  return Call<v1::FindSimilarResponse>(*stubs_->search,
                                       &v1::SearchService::Stub::FindSimilar,
                                       request, options_.timeout);
}

absl::StatusOr<v1::CompareTextsResponse> Client::CompareTexts(
    const v1::CompareTextsRequest& request) {
  return Call<v1::CompareTextsResponse>(*stubs_->search,
                                        &v1::SearchService::Stub::CompareTexts,
                                        request, options_.timeout);
}

absl::StatusOr<v1::CompareDocumentsResponse> Client::CompareDocuments(
    const v1::CompareDocumentsRequest& request) {
  return Call<v1::CompareDocumentsResponse>(
      *stubs_->search, &v1::SearchService::Stub::CompareDocuments, request,
      options_.timeout);
}

absl::StatusOr<v1::SuggestTermsResponse> Client::SuggestTerms(
    const v1::SuggestTermsRequest& request) {
  return Call<v1::SuggestTermsResponse>(*stubs_->search,
                                        &v1::SearchService::Stub::SuggestTerms,
                                        request, options_.timeout);
}

absl::StatusOr<v1::GetDocumentsResponse> Client::GetDocuments(
    const v1::GetDocumentsRequest& request) {
  return Call<v1::GetDocumentsResponse>(*stubs_->search,
                                        &v1::SearchService::Stub::GetDocuments,
                                        request, options_.timeout);
}

absl::Status Client::ExportDocuments(
    const v1::ExportDocumentsRequest& request,
    const Visitor<v1::ExportDocumentsResponse>& visit) {
  return Stream<v1::ExportDocumentsResponse>(
      *stubs_->search, &v1::SearchService::Stub::ExportDocuments, request,
      visit);
}

absl::StatusOr<v1::BatchSearchResponse> Client::BatchSearch(
    const v1::BatchSearchRequest& request) {
  return Call<v1::BatchSearchResponse>(*stubs_->search,
                                       &v1::SearchService::Stub::BatchSearch,
                                       request, options_.timeout);
}

absl::Status Client::FindDuplicates(
    const v1::FindDuplicatesRequest& request,
    const Visitor<v1::FindDuplicatesResponse>& visit) {
  return Stream<v1::FindDuplicatesResponse>(
      *stubs_->search, &v1::SearchService::Stub::FindDuplicates, request,
      visit);
}

absl::Status Client::MatchSets(const v1::MatchSetsRequest& request,
                               const Visitor<v1::MatchSetsResponse>& visit) {
  return Stream<v1::MatchSetsResponse>(
      *stubs_->search, &v1::SearchService::Stub::MatchSets, request, visit);
}

absl::StatusOr<v1::GetStatisticsResponse> Client::GetStatistics(
    const v1::GetStatisticsRequest& request) {
  return Call<v1::GetStatisticsResponse>(*stubs_->admin,
                                         &v1::AdminService::Stub::GetStatistics,
                                         request, options_.timeout);
}

absl::StatusOr<v1::ClearEmbeddingCacheResponse> Client::ClearEmbeddingCache(
    const v1::ClearEmbeddingCacheRequest& request) {
  return Call<v1::ClearEmbeddingCacheResponse>(
      *stubs_->admin, &v1::AdminService::Stub::ClearEmbeddingCache, request,
      options_.timeout);
}

absl::Status Client::MeasureSizes(
    const v1::MeasureSizesRequest& request,
    const Visitor<v1::MeasureSizesResponse>& visit) {
  return Stream<v1::MeasureSizesResponse>(
      *stubs_->admin, &v1::AdminService::Stub::MeasureSizes, request, visit);
}

absl::Status Client::VerifyDomain(
    const v1::VerifyDomainRequest& request,
    const Visitor<v1::VerifyDomainResponse>& visit) {
  return Stream<v1::VerifyDomainResponse>(
      *stubs_->admin, &v1::AdminService::Stub::VerifyDomain, request, visit);
}

absl::StatusOr<v1::MeasureRecallResponse> Client::MeasureRecall(
    const v1::MeasureRecallRequest& request) {
  return Call<v1::MeasureRecallResponse>(*stubs_->admin,
                                         &v1::AdminService::Stub::MeasureRecall,
                                         request, options_.timeout);
}

absl::Status Client::CollectGarbage(
    const v1::CollectGarbageRequest& request,
    const Visitor<v1::CollectGarbageResponse>& visit) {
  return Stream<v1::CollectGarbageResponse>(
      *stubs_->admin, &v1::AdminService::Stub::CollectGarbage, request, visit);
}

absl::Status Client::CreateBackup(
    const v1::CreateBackupRequest& request,
    const Visitor<v1::CreateBackupResponse>& visit) {
  return Stream<v1::CreateBackupResponse>(
      *stubs_->admin, &v1::AdminService::Stub::CreateBackup, request, visit);
}

absl::StatusOr<v1::ListBackupsResponse> Client::ListBackups(
    const v1::ListBackupsRequest& request) {
  return Call<v1::ListBackupsResponse>(*stubs_->admin,
                                       &v1::AdminService::Stub::ListBackups,
                                       request, options_.timeout);
}

absl::StatusOr<v1::Lease> Client::CreateLease(
    const v1::CreateLeaseRequest& request) {
  return Call<v1::Lease>(*stubs_->admin, &v1::AdminService::Stub::CreateLease,
                         request, options_.timeout);
}

absl::StatusOr<v1::ListLeasesResponse> Client::ListLeases(
    const v1::ListLeasesRequest& request) {
  return Call<v1::ListLeasesResponse>(*stubs_->admin,
                                      &v1::AdminService::Stub::ListLeases,
                                      request, options_.timeout);
}

absl::Status Client::DeleteLease(const v1::DeleteLeaseRequest& request) {
  return Call<v1::DeleteLeaseResponse>(*stubs_->admin,
                                       &v1::AdminService::Stub::DeleteLease,
                                       request, options_.timeout)
      .status();
}

absl::Status Client::ForEachLease(v1::ListLeasesRequest request,
                                  const Visitor<v1::Lease>& visit) {
  return ForEachItem(
      std::move(request), [this](const auto& page) { return ListLeases(page); },
      [](const auto& page) -> const auto& { return page.leases(); }, visit);
}

absl::StatusOr<v1::Job> Client::GetJob(const v1::GetJobRequest& request) {
  return Call<v1::Job>(*stubs_->jobs, &v1::JobService::Stub::GetJob, request,
                       options_.timeout);
}

absl::StatusOr<v1::ListJobsResponse> Client::ListJobs(
    const v1::ListJobsRequest& request) {
  return Call<v1::ListJobsResponse>(*stubs_->jobs,
                                    &v1::JobService::Stub::ListJobs, request,
                                    options_.timeout);
}

absl::Status Client::WatchJob(const v1::WatchJobRequest& request,
                              const Visitor<v1::Job>& visit) {
  return Stream<v1::Job>(*stubs_->jobs, &v1::JobService::Stub::WatchJob,
                         request, visit);
}

absl::StatusOr<v1::Job> Client::CancelJob(const v1::CancelJobRequest& request) {
  return Call<v1::Job>(*stubs_->jobs, &v1::JobService::Stub::CancelJob, request,
                       options_.timeout);
}

absl::StatusOr<v1::Job> Client::ResumeJob(const v1::ResumeJobRequest& request) {
  return Call<v1::Job>(*stubs_->jobs, &v1::JobService::Stub::ResumeJob, request,
                       options_.timeout);
}

absl::Status Client::ForEachJob(v1::ListJobsRequest request,
                                const Visitor<v1::Job>& visit) {
  return ForEachItem(
      std::move(request), [this](const auto& page) { return ListJobs(page); },
      [](const auto& page) -> const auto& { return page.jobs(); }, visit);
}

absl::Status Client::ForEachDomain(v1::ListDomainsRequest request,
                                   const Visitor<v1::Domain>& visit) {
  return ForEachItem(
      std::move(request),
      [this](const auto& page) { return ListDomains(page); },
      [](const auto& page) -> const auto& { return page.domains(); }, visit);
}

absl::Status Client::ForEachCommit(v1::ListCommitsRequest request,
                                   const Visitor<v1::Commit>& visit) {
  return ForEachItem(
      std::move(request),
      [this](const auto& page) { return ListCommits(page); },
      [](const auto& page) -> const auto& { return page.commits(); }, visit);
}

absl::Status Client::ForEachBranch(v1::ListBranchesRequest request,
                                   const Visitor<v1::Branch>& visit) {
  return ForEachItem(
      std::move(request),
      [this](const auto& page) { return ListBranches(page); },
      [](const auto& page) -> const auto& { return page.branches(); }, visit);
}

}  // namespace copse
