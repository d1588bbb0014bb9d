// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "copse/v1/domain_service.grpc.pb.h"
#include "copse/v1/domain_service.pb.h"
#include "copse/v1/job_service.pb.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/grpc/convert_domain.h"
#include "sidecar/grpc/convert_job.h"
#include "sidecar/grpc/rpc_services.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/domain_manager.h"
#include "sidecar/service/job.h"
#include "versioning/commit.h"
#include "versioning/store.h"

namespace copse {
namespace {

using v1::DomainService;

using RawDomainService = DomainService::WithRawCallbackMethod_CreateDomain<
    DomainService::WithRawCallbackMethod_GetDomain<
        DomainService::WithRawCallbackMethod_ListDomains<
            DomainService::WithRawCallbackMethod_UpdateDomain<
                DomainService::WithRawCallbackMethod_ReembedDomain<
                    DomainService::WithRawCallbackMethod_DeleteDomain<
                        DomainService::Service>>>>>>;

class DomainRpcs final : public RawDomainService {
 public:
  explicit DomainRpcs(const RpcEnvironment& environment)
      : environment_(environment), engine_(*environment.engine) {}

  grpc::ServerUnaryReactor* CreateDomain(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    // A new domain embeds its probe.
    return StartUnaryCall<v1::CreateDomainRequest, v1::Domain>(
        {environment_, *environment_.waiting_executor,
         "copse.v1.DomainService/CreateDomain", context},
        request, response,
        [this](const v1::CreateDomainRequest& message, const CallContext& call,
               v1::Domain& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(DomainSettings settings,
                                 ToDomainSettings(message.settings()));
          COPSE_ASSIGN_OR_RETURN(
              DomainInfo info,
              engine_.domains().Create(message.domain(), settings, call));
          Fill(info, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* GetDomain(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::GetDomainRequest, v1::Domain>(
        {environment_, *environment_.executor,
         "copse.v1.DomainService/GetDomain", context},
        request, response,
        [this](const v1::GetDomainRequest& message, const CallContext&,
               v1::Domain& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(DomainInfo info,
                                 engine_.store().GetDomain(message.domain()));
          Fill(info, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* ListDomains(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::ListDomainsRequest, v1::ListDomainsResponse>(
        {environment_, *environment_.executor,
         "copse.v1.DomainService/ListDomains", context},
        request, response,
        [this](const v1::ListDomainsRequest& message, const CallContext&,
               v1::ListDomainsResponse& answer) -> absl::Status {
          ListOptions options;
          COPSE_ASSIGN_OR_RETURN(options.page_size,
                                 ToPageSize(message.page_size()));
          options.page_token = message.page_token();
          COPSE_ASSIGN_OR_RETURN(Page<DomainInfo> page,
                                 engine_.store().ListDomains(options));
          for (const DomainInfo& info : page.items) {
            v1::Domain& domain = *answer.add_domains();
            Fill(info, domain);
            // Those of a whole page would be more than a message takes.
            domain.mutable_settings()->clear_templates();
          }
          answer.set_next_page_token(std::move(page.next_page_token));
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* UpdateDomain(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return StartUnaryCall<v1::UpdateDomainRequest, v1::Domain>(
        {environment_, *environment_.executor,
         "copse.v1.DomainService/UpdateDomain", context},
        request, response,
        [this](const v1::UpdateDomainRequest& message, const CallContext&,
               v1::Domain& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const RetentionPolicy retention,
                                 ToRetention(message.retention()));
          absl::StatusOr<DomainInfo> info =
              message.has_description()
                  ? engine_.domains().UpdateDescription(message.domain(),
                                                        message.description())
                  : engine_.store().GetDomain(message.domain());
          COPSE_RETURN_IF_ERROR(info.status());
          if (message.has_retention()) {
            info = engine_.store().UpdateRetention(message.domain(), retention);
            COPSE_RETURN_IF_ERROR(info.status());
          }
          Fill(*info, answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* ReembedDomain(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    // It embeds the probe of the profile.
    return StartUnaryCall<v1::ReembedDomainRequest, v1::Job>(
        {environment_, *environment_.waiting_executor,
         "copse.v1.DomainService/ReembedDomain", context},
        request, response,
        [this](const v1::ReembedDomainRequest& message, const CallContext& call,
               v1::Job& answer) -> absl::Status {
          COPSE_ASSIGN_OR_RETURN(const ReembedSettings settings,
                                 ToReembedSettings(message));
          COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job,
                                 engine_.Reembed(settings, call));
          Fill(job->id(), job->summary(), /*failure_count_max=*/0, absl::Now(),
               answer);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* DeleteDomain(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    // Frees the space of the domain before it returns.
    return StartUnaryCall<v1::DeleteDomainRequest, v1::DeleteDomainResponse>(
        {environment_, *environment_.waiting_executor,
         "copse.v1.DomainService/DeleteDomain", context},
        request, response,
        [this](const v1::DeleteDomainRequest& message, const CallContext&,
               v1::DeleteDomainResponse&) -> absl::Status {
          return AllowMissing(engine_.store().DeleteDomain(message.domain()),
                              message.allow_missing(), "DOMAIN_NOT_FOUND");
        });
  }

 private:
  const RpcEnvironment& environment_;
  Engine& engine_;
};

}  // namespace

absl::Status AllowMissing(const absl::Status& status, bool allow_missing,
                          absl::string_view reason) {
  if (allow_missing && absl::IsNotFound(status)) {
    const std::optional<ErrorReason> found = ReasonOf(status);
    if (found.has_value() && found->reason == reason) {
      return absl::OkStatus();
    }
  }
  return status;
}

std::unique_ptr<grpc::Service> MakeDomainService(
    const RpcEnvironment& environment) {
  return std::make_unique<DomainRpcs>(environment);
}

}  // namespace copse
