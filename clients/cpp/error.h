// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The errors of a server as absl::Status: the same code and message, and the
// google.rpc details as payloads.
//
//   absl::StatusOr<v1::Commit> commit = client.GetCommit(request);
//   if (ErrorReasonOf(commit.status()) == "COMMIT_NOT_FOUND") { ... }

#ifndef COPSE_CLIENTS_CPP_ERROR_H_
#define COPSE_CLIENTS_CPP_ERROR_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/support/status.h"

namespace copse {

// Returns `status` as an absl::Status. Each detail becomes a payload under its
// type URL.
absl::Status FromGrpcStatus(const grpc::Status& status);

// Returns the google.rpc.ErrorInfo of `status`, if a server gave one.
std::optional<google::rpc::ErrorInfo> ErrorInfoOf(const absl::Status& status);

// Returns the reason of the ErrorInfo, such as "COMMIT_EXISTS", or "".
std::string ErrorReasonOf(const absl::Status& status);

// Returns the value of `key` in the metadata of the ErrorInfo, or "".
std::string ErrorMetadataOf(const absl::Status& status, absl::string_view key);

// Whether the server itself could not be reached or is stopping, as opposed to
// one that answers but misses something it needs.
bool IsServerUnavailable(const absl::Status& status);

}  // namespace copse

#endif  // COPSE_CLIENTS_CPP_ERROR_H_
