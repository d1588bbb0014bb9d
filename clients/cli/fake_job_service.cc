// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"

#include "clients/cli/fake_server.h"
#include "clients/cli/fake_services.h"
#include "copse/v1/job_service.grpc.pb.h"
#include "copse/v1/job_service.pb.h"

namespace copse {
namespace {

using grpc::ServerContext;

class Jobs final : public v1::JobService::Service {
 public:
  explicit Jobs(FakeStore& store) : store_(store) {}

  grpc::Status GetJob(ServerContext*, const v1::GetJobRequest* request,
                      v1::Job* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    return Change(
        request->job_id(), [](v1::Job&) {}, *response);
  }

  // Pages of two, so that every caller has to turn them.
  grpc::Status ListJobs(ServerContext*, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    bool is_on_page = request->page_token().empty();
    for (const v1::Job& job : store_.jobs) {
      if (is_on_page && Matches(*request, job)) {
        if (response->jobs_size() == 2) {
          response->set_next_page_token(response->jobs(1).job_id());
          break;
        }
        *response->add_jobs() = job;
      }
      is_on_page = is_on_page || job.job_id() == request->page_token();
    }
    return grpc::Status::OK;
  }

  grpc::Status WatchJob(ServerContext*, const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::Job>* writer) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    v1::Job job;
    grpc::Status status = Change(
        request->job_id(),
        [&](v1::Job& stored) {
          writer->Write(stored);
          if (stored.state() < v1::Job::STATE_SUCCEEDED) {
            stored.set_state(v1::Job::STATE_SUCCEEDED);
          }
        },
        job);
    if (status.ok()) {
      writer->Write(job);
    }
    return status;
  }

  grpc::Status CancelJob(ServerContext*, const v1::CancelJobRequest* request,
                         v1::Job* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    return Change(
        request->job_id(),
        [](v1::Job& job) { job.set_state(v1::Job::STATE_CANCELLED); },
        *response);
  }

  grpc::Status ResumeJob(ServerContext*, const v1::ResumeJobRequest* request,
                         v1::Job* response) override {
    const std::lock_guard<std::mutex> lock(store_.mutex);
    return Change(
        request->job_id(),
        [](v1::Job& job) { job.set_state(v1::Job::STATE_QUEUED); }, *response);
  }

 private:
  static bool Matches(const v1::ListJobsRequest& request, const v1::Job& job) {
    return (request.domain().empty() || request.domain() == job.domain()) &&
           (request.state() == 0 || request.state() == job.state()) &&
           (request.kind() == 0 || request.kind() == job.kind());
  }

  // Calls `change` with the job of that ID, and returns it.
  template <typename Function>
  grpc::Status Change(const std::string& job_id, Function change,
                      v1::Job& result) {
    const auto found = std::find_if(
        store_.jobs.begin(), store_.jobs.end(),
        [&](const v1::Job& job) { return job.job_id() == job_id; });
    if (found == store_.jobs.end()) {
      return FakeError(grpc::StatusCode::NOT_FOUND,
                       absl::StrCat("there is no job ", job_id),
                       "JOB_NOT_FOUND", {{"job", job_id}});
    }
    change(*found);
    result = *found;
    return grpc::Status::OK;
  }

  FakeStore& store_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFakeJobService(FakeStore& store) {
  return std::make_unique<Jobs>(store);
}

}  // namespace copse
