// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The calls SearchService.FindDuplicates and SearchService.MatchSets: the
// commit that answers, then how far the search is, then what is found, in
// messages of bounded size.

#ifndef COPSE_SIDECAR_GRPC_DUPLICATES_CALL_H_
#define COPSE_SIDECAR_GRPC_DUPLICATES_CALL_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "copse/v1/search_service.pb.h"
#include "sidecar/grpc/call.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/duplicate_finder.h"

namespace copse {

// Fails with kInvalidArgument, FIELD_INVALID, for an unknown enum value.
absl::StatusOr<DuplicateRequest> ToDuplicateRequest(
    const v1::FindDuplicatesRequest& message);

absl::Status StreamDuplicates(DuplicateFinder& finder,
                              const v1::FindDuplicatesRequest& message,
                              const CallContext& call, ResponseWriter& writer);

absl::Status StreamMatches(DuplicateFinder& finder,
                           const v1::MatchSetsRequest& message,
                           const CallContext& call, ResponseWriter& writer);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_DUPLICATES_CALL_H_
