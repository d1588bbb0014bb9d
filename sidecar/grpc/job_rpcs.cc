// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "copse/v1/job_service.grpc.pb.h"
#include "copse/v1/job_service.pb.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/convert_job.h"
#include "sidecar/grpc/rpc_services.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/engine.h"
#include "sidecar/service/job.h"
#include "sidecar/service/job_runner.h"
#include "versioning/job_record.h"

namespace copse {
namespace {

using v1::JobService;

using RawJobService = JobService::WithRawCallbackMethod_GetJob<
    JobService::WithRawCallbackMethod_ListJobs<
        JobService::WithRawCallbackMethod_WatchJob<
            JobService::WithRawCallbackMethod_CancelJob<
                JobService::WithRawCallbackMethod_ResumeJob<
                    JobService::Service>>>>>;

// Between two responses of a watch, and at most if nothing happens.
constexpr absl::Duration kWatchIntervalMin = absl::Milliseconds(500);
constexpr absl::Duration kWatchInterval = absl::Seconds(1);

// An ID of another form names no job.
absl::StatusOr<JobId> ToJobId(const std::string& text) {
  const std::optional<JobId> id = ParseJobId(text);
  return id.has_value() ? absl::StatusOr<JobId>(*id) : JobNotFoundError(text);
}

// Writes one job, with what it cost so far.
void FillWithCost(Engine& engine, const JobId& id, const JobRecord& record,
                  v1::Job& message) {
  Fill(id, record, kJobFailureCountMax, absl::Now(), message);
  FillCost(engine.PriceOfDomain(record.domain, record.kind), message);
}

absl::Status WatchJob(Engine& engine, const v1::WatchJobRequest& message,
                      const CallContext& call, ResponseWriter& writer) {
  JobRunner& runner = engine.jobs();
  COPSE_ASSIGN_OR_RETURN(const JobId id, ToJobId(message.job_id()));
  const std::shared_ptr<Job> job = runner.Find(id);
  v1::Job response;
  absl::Time next = absl::InfinitePast();
  for (int64_t seen = -1; job != nullptr && !job->has_ended();) {
    COPSE_RETURN_IF_ERROR(call.Check());
    const absl::Time now = absl::Now();
    if (now >= next) {
      FillWithCost(engine, id, job->summary(), response);
      COPSE_RETURN_IF_ERROR(writer.Write(response));
      response.Clear();
      next = now + kWatchIntervalMin;
      seen = job->WaitForChange(seen, kWatchInterval);
    } else {
      // What happens meanwhile is told then, at once.
      seen = job->WaitForChange(seen, next - now);
    }
  }
  const absl::StatusOr<JobRecord> record =
      job == nullptr ? runner.Get(id) : job->summary();
  COPSE_RETURN_IF_ERROR(record.status());
  if (!IsFinal(record->state)) {
    return ShuttingDownError();
  }
  FillWithCost(engine, id, *record, response);
  return writer.Write(response);
}

absl::Status ListJobs(Engine& engine, const v1::ListJobsRequest& message,
                      v1::ListJobsResponse& answer) {
  COPSE_ASSIGN_OR_RETURN(const ListJobsOptions options,
                         ToListJobsOptions(message));
  COPSE_ASSIGN_OR_RETURN(JobPage page, engine.jobs().List(options));
  const absl::Time now = absl::Now();
  // By domain and kind.
  std::map<std::pair<std::string, JobKind>, std::optional<double>> prices;
  for (const StoredJob& job : page.items) {
    const std::string& domain = job.record.domain;
    const JobKind kind = job.record.kind;
    const auto [price, is_new] = prices.try_emplace({domain, kind});
    if (is_new) {
      price->second = engine.PriceOfDomain(domain, kind);
    }
    v1::Job& message_of_job = *answer.add_jobs();
    Fill(job.id, job.record, /*failure_count_max=*/0, now, message_of_job);
    FillCost(price->second, message_of_job);
  }
  answer.set_next_page_token(std::move(page.next_page_token));
  return absl::OkStatus();
}

class JobRpcs final : public RawJobService {
 public:
  explicit JobRpcs(const RpcEnvironment& environment)
      : environment_(environment), runner_(environment.engine->jobs()) {}

  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::GetJobRequest, v1::Job>(
        {environment_, *environment_.executor, "copse.v1.JobService/GetJob",
         context},
        request, response,
        [this](const v1::GetJobRequest& message, const CallContext&,
               v1::Job& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const JobId id, ToJobId(message.job_id()));
          COPSE_ASSIGN_OR_RETURN(const JobRecord record, runner_.Get(id));
          FillWithCost(*environment_.engine, id, record, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::ListJobsRequest, v1::ListJobsResponse>(
        {environment_, *environment_.executor, "copse.v1.JobService/ListJobs",
         context},
        request, response,
        [this](const v1::ListJobsRequest& message, const CallContext&,
               v1::ListJobsResponse& answer) {
          return copse::ListJobs(*environment_.engine, message, answer);
        });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchJob(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override {
    return StartStreamCall<v1::WatchJobRequest>(
        {environment_, *environment_.stream_executor,
         "copse.v1.JobService/WatchJob", context},
        request,
        [this](const v1::WatchJobRequest& message, const CallContext& call,
               ResponseWriter& writer) {
          return copse::WatchJob(*environment_.engine, message, call, writer);
        });
  }

  // In the pool of calls that may wait: the job ends when it hears of it.
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::CancelJobRequest, v1::Job>(
        {environment_, *environment_.waiting_executor,
         "copse.v1.JobService/CancelJob", context},
        request, response,
        [this](const v1::CancelJobRequest& message, const CallContext& call,
               v1::Job& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const JobId id, ToJobId(message.job_id()));
          COPSE_ASSIGN_OR_RETURN(const JobRecord record,
                                 runner_.Cancel(id, call));
          FillWithCost(*environment_.engine, id, record, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* ResumeJob(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::ResumeJobRequest, v1::Job>(
        {environment_, *environment_.executor, "copse.v1.JobService/ResumeJob",
         context},
        request, response,
        [this](const v1::ResumeJobRequest& message, const CallContext&,
               v1::Job& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const JobId id, ToJobId(message.job_id()));
          COPSE_ASSIGN_OR_RETURN(const JobRecord record, runner_.Resume(id));
          FillWithCost(*environment_.engine, id, record, answer);
          return absl::OkStatus();
        });
  }

 private:
  const RpcEnvironment& environment_;
  JobRunner& runner_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeJobService(
    const RpcEnvironment& environment) {
  return std::make_unique<JobRpcs>(environment);
}

}  // namespace copse
