// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Domains, their chunking and retention; convert_common.h says how conversions
// are named and fail.

#ifndef COPSE_SIDECAR_GRPC_CONVERT_DOMAIN_H_
#define COPSE_SIDECAR_GRPC_CONVERT_DOMAIN_H_

#include "absl/status/statusor.h"

#include "copse/v1/domain_service.pb.h"
#include "sidecar/service/domain_manager.h"
#include "versioning/commit.h"

namespace copse {

absl::StatusOr<DomainSettings> ToDomainSettings(
    const v1::DomainSettings& message);
absl::StatusOr<ReembedSettings> ToReembedSettings(
    const v1::ReembedDomainRequest& message);
absl::StatusOr<RetentionPolicy> ToRetention(const v1::RetentionPolicy& message);
void Fill(const DomainInfo& info, v1::Domain& message);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_CONVERT_DOMAIN_H_
