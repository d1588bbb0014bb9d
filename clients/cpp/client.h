// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A connection to a copse server.
//
//   Client client({.address = "127.0.0.1:7373"});
//   v1::SearchRequest request;
//   request.set_domain("admin/star_wars");
//   request.mutable_at()->set_branch("main");
//   request.set_text("who flies the Falcon?");
//   absl::StatusOr<v1::SearchResponse> response = client.Search(request);
//
// Each method is the RPC of its name, and proto/copse/v1 is the reference of
// what it does and of its errors; clients/cpp/error.h reads those. What lists
// or streams takes a visitor and holds one page at a time; a visitor that
// returns a status other than OK ends the call with that status. Pushing is in
// push_stream.h.
//
// Retries: nothing is retried here. kUnavailable means that the same call may
// be made again; methods that the reference calls idempotent or safe to repeat
// may be repeated after any lost answer.
//
// Thread safety: any number of threads may use one Client. All calls share one
// connection, which is made with the first of them and made anew when it
// breaks.

#ifndef COPSE_CLIENTS_CPP_CLIENT_H_
#define COPSE_CLIENTS_CPP_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "clients/cpp/push_stream.h"
#include "copse/v1/admin_service.pb.h"
#include "copse/v1/branch_service.pb.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/domain_service.pb.h"
#include "copse/v1/job_service.pb.h"
#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {

struct ClientOptions {
  // host:port, [ipv6]:port, or unix:/path of a socket.
  std::string address = "127.0.0.1:7373";

  // How long one call may take that is neither a push nor a stream; infinite
  // by default. A call that takes longer fails with kDeadlineExceeded.
  absl::Duration timeout = absl::InfiniteDuration();
};

class Client {
 public:
  template <typename T>
  using Visitor = std::function<absl::Status(const T&)>;

  explicit Client(const ClientOptions& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // ---- DomainService ----
  absl::StatusOr<v1::Domain> CreateDomain(
      const v1::CreateDomainRequest& request);
  absl::StatusOr<v1::Domain> GetDomain(const v1::GetDomainRequest& request);
  absl::StatusOr<v1::ListDomainsResponse> ListDomains(
      const v1::ListDomainsRequest& request);
  absl::StatusOr<v1::Domain> UpdateDomain(
      const v1::UpdateDomainRequest& request);
  absl::StatusOr<v1::Job> ReembedDomain(
      const v1::ReembedDomainRequest& request);
  absl::Status DeleteDomain(const v1::DeleteDomainRequest& request);

  // ---- CommitService ----
  // Begins a push. Errors show when operations are added or at the end.
  std::unique_ptr<PushStream> PushCommit(PushStreamOptions options);
  // Returns the job; WatchJob() says how it goes on.
  absl::StatusOr<v1::Job> PullCommit(const v1::PullCommitRequest& request);
  absl::StatusOr<v1::Commit> GetCommit(const v1::GetCommitRequest& request);
  absl::StatusOr<v1::ListCommitsResponse> ListCommits(
      const v1::ListCommitsRequest& request);
  absl::Status DeleteCommit(const v1::DeleteCommitRequest& request);
  absl::StatusOr<v1::Commit> AssignCommit(
      const v1::AssignCommitRequest& request);
  absl::Status DiffCommits(const v1::DiffCommitsRequest& request,
                           const Visitor<v1::DiffCommitsResponse>& visit);
  absl::Status MergeCommits(const v1::MergeCommitsRequest& request,
                            const Visitor<v1::MergeCommitsResponse>& visit);

  // ---- BranchService ----
  absl::StatusOr<v1::Branch> CreateBranch(
      const v1::CreateBranchRequest& request);
  absl::StatusOr<v1::Branch> GetBranch(const v1::GetBranchRequest& request);
  absl::StatusOr<v1::ListBranchesResponse> ListBranches(
      const v1::ListBranchesRequest& request);
  absl::StatusOr<v1::Branch> UpdateBranch(
      const v1::UpdateBranchRequest& request);
  absl::StatusOr<v1::Branch> RenameBranch(
      const v1::RenameBranchRequest& request);
  absl::Status DeleteBranch(const v1::DeleteBranchRequest& request);

  // ---- SearchService ----
  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request);
  absl::StatusOr<v1::FindSimilarResponse> FindSimilar(
      const v1::FindSimilarRequest& request);
  absl::StatusOr<v1::CompareTextsResponse> CompareTexts(
      const v1::CompareTextsRequest& request);
  absl::StatusOr<v1::CompareDocumentsResponse> CompareDocuments(
      const v1::CompareDocumentsRequest& request);
  absl::StatusOr<v1::SuggestTermsResponse> SuggestTerms(
      const v1::SuggestTermsRequest& request);
  absl::StatusOr<v1::GetDocumentsResponse> GetDocuments(
      const v1::GetDocumentsRequest& request);
  absl::Status ExportDocuments(
      const v1::ExportDocumentsRequest& request,
      const Visitor<v1::ExportDocumentsResponse>& visit);
  absl::StatusOr<v1::BatchSearchResponse> BatchSearch(
      const v1::BatchSearchRequest& request);
  // Calls `visit` with the commit that answers, with how far the search is, and
  // with pairs or clusters.
  absl::Status FindDuplicates(const v1::FindDuplicatesRequest& request,
                              const Visitor<v1::FindDuplicatesResponse>& visit);
  // Calls `visit` with the commit that answers, and with matches.
  absl::Status MatchSets(const v1::MatchSetsRequest& request,
                         const Visitor<v1::MatchSetsResponse>& visit);

  // ---- AdminService ----
  absl::StatusOr<v1::GetStatisticsResponse> GetStatistics(
      const v1::GetStatisticsRequest& request);
  absl::StatusOr<v1::ClearEmbeddingCacheResponse> ClearEmbeddingCache(
      const v1::ClearEmbeddingCacheRequest& request);
  absl::Status MeasureSizes(const v1::MeasureSizesRequest& request,
                            const Visitor<v1::MeasureSizesResponse>& visit);
  absl::Status VerifyDomain(const v1::VerifyDomainRequest& request,
                            const Visitor<v1::VerifyDomainResponse>& visit);

  absl::StatusOr<v1::MeasureRecallResponse> MeasureRecall(
      const v1::MeasureRecallRequest& request);

  // Calls `visit` with what the server is at, and with the result of each
  // domain.
  absl::Status CollectGarbage(const v1::CollectGarbageRequest& request,
                              const Visitor<v1::CollectGarbageResponse>& visit);

  // Calls `visit` with what the server is at, and last with the backup.
  absl::Status CreateBackup(const v1::CreateBackupRequest& request,
                            const Visitor<v1::CreateBackupResponse>& visit);
  absl::StatusOr<v1::ListBackupsResponse> ListBackups(
      const v1::ListBackupsRequest& request);

  absl::StatusOr<v1::Lease> CreateLease(const v1::CreateLeaseRequest& request);
  absl::StatusOr<v1::ListLeasesResponse> ListLeases(
      const v1::ListLeasesRequest& request);
  absl::Status DeleteLease(const v1::DeleteLeaseRequest& request);

  // ---- JobService ----
  absl::StatusOr<v1::Job> GetJob(const v1::GetJobRequest& request);
  absl::StatusOr<v1::ListJobsResponse> ListJobs(
      const v1::ListJobsRequest& request);
  // Calls `visit` with the job as it is, when it changes, and as it ended.
  absl::Status WatchJob(const v1::WatchJobRequest& request,
                        const Visitor<v1::Job>& visit);
  absl::StatusOr<v1::Job> CancelJob(const v1::CancelJobRequest& request);
  absl::StatusOr<v1::Job> ResumeJob(const v1::ResumeJobRequest& request);

  // ---- Every page of a list, each with up to `request.page_size` items ----
  absl::Status ForEachDomain(v1::ListDomainsRequest request,
                             const Visitor<v1::Domain>& visit);
  absl::Status ForEachCommit(v1::ListCommitsRequest request,
                             const Visitor<v1::Commit>& visit);
  absl::Status ForEachBranch(v1::ListBranchesRequest request,
                             const Visitor<v1::Branch>& visit);
  absl::Status ForEachLease(v1::ListLeasesRequest request,
                            const Visitor<v1::Lease>& visit);
  absl::Status ForEachJob(v1::ListJobsRequest request,
                          const Visitor<v1::Job>& visit);

 private:
  struct Stubs;

  const ClientOptions options_;
  const std::unique_ptr<const Stubs> stubs_;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CPP_CLIENT_H_
