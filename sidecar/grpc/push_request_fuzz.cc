// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Properties checked, for any bytes a peer may send as a PushCommitRequest:
//
// * ParseMessage(), ToPushOptions(), ToPushOperation() and CheckDocument() end
//   with a value or with kInvalidArgument and a reason.
// * An error that names the bytes is one that a gRPC client takes: valid UTF-8,
//   one ErrorInfo, and under 8 KiB as it is sent.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/stubs/logging.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"

#include "copse/v1/commit_service.pb.h"
#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "sidecar/grpc/call.h"
#include "sidecar/grpc/convert_push.h"
#include "sidecar/grpc/status.h"
#include "sidecar/service/push_operation.h"
#include "sidecar/service/request_errors.h"
#include "versioning/document.h"

namespace copse {
namespace {

constexpr size_t kTrailersSizeBytesMax = 8192;

// Returns the size of `text` in the header grpc-message.
size_t PercentEncodedSize(absl::string_view text) {
  size_t size_bytes = 0;
  for (const char character : text) {
    const bool plain = character >= ' ' && character <= '~' && character != '%';
    size_bytes += plain ? 1 : 3;
  }
  return size_bytes;
}

void CheckError(const absl::Status& status) {
  const grpc::Status sent = ToGrpcStatus(status);
  COPSE_CHECK(static_cast<int>(sent.error_code()) ==
              static_cast<int>(status.code()));
  COPSE_CHECK(PercentEncodedSize(sent.error_message()) +
                  sent.error_details().size() * 4 / 3 + 256 <
              kTrailersSizeBytesMax);
  google::rpc::Status details;
  COPSE_CHECK(details.ParseFromString(sent.error_details()));
  COPSE_CHECK(details.message() == sent.error_message());
  google::rpc::ErrorInfo info;
  COPSE_CHECK(details.details_size() == 1 &&
              details.details(0).UnpackTo(&info));
  COPSE_CHECK(!info.reason().empty() && info.domain() == "copse.dev");
}

void CheckRefused(const absl::Status& status) {
  COPSE_CHECK(absl::IsInvalidArgument(status), status.message());
  COPSE_CHECK(ReasonOf(status).has_value(), status.message());
  CheckError(status);
  CheckError(WithOperationNumber(status, INT64_MAX));
}

void CheckOperation(v1::Operation message) {
  const absl::StatusOr<PushOperation> operation =
      ToPushOperation(std::move(message));
  if (!operation.ok()) {
    CheckRefused(operation.status());
    return;
  }
  if (const auto* upsert = std::get_if<UpsertOperation>(&*operation)) {
    const absl::Status status = CheckDocument(upsert->document);
    if (!status.ok()) {
      CheckRefused(status);
    } else {
      COPSE_CHECK(HashContent(upsert->document) ==
                  HashContent(upsert->document));
    }
  }
}

void CheckInput(const std::string& input) {
  CheckError(WithReason(absl::NotFoundError(input), "DOCUMENT_NOT_FOUND",
                        {{"document_id", input}, {"commit", input}}));
  const grpc::Slice slice(input);
  v1::PushCommitRequest request;
  const absl::Status parsed =
      ParseMessage(grpc::ByteBuffer(&slice, 1), request);
  if (!parsed.ok()) {
    CheckRefused(parsed);
    return;
  }
  const absl::StatusOr<PushOptions> options = ToPushOptions(request.header());
  if (!options.ok()) {
    CheckRefused(options.status());
  }
  for (const v1::Operation& operation : request.operations().operations()) {
    CheckOperation(operation);
  }
}

}  // namespace
}  // namespace copse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  copse::CheckInput(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
