// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/status.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

#include "index/util/error_reason.h"
#include "sidecar/util/utf8.h"

namespace copse {
namespace {

constexpr absl::string_view kErrorDomain = "copse.dev";

// The message is sent twice, percent-encoded and in base64, the metadata once,
// in base64. At worst that is 3 * 1024 + 4 / 3 * (1024 + 2048) bytes.
constexpr size_t kMessageSizeBytesMax = 1024;
constexpr size_t kMetadataSizeBytesMax = 2048;
constexpr size_t kMetadataValueSizeBytesMax = 600;

// Returns valid UTF-8 of at most `size_bytes_max` bytes: what is not valid
// becomes a question mark, and what is cut off becomes "...".
std::string ToWireText(absl::string_view text, size_t size_bytes_max) {
  constexpr absl::string_view kEllipsis = "...";
  std::string clean;
  absl::string_view rest = text;
  while (!rest.empty() && clean.size() <= size_bytes_max) {
    const Utf8Character character = FirstUtf8Character(rest);
    if (character.valid) {
      clean.append(rest.data(), character.size_bytes);
    } else {
      clean.push_back('?');
    }
    rest.remove_prefix(character.size_bytes);
  }
  if (clean.size() <= size_bytes_max) {
    return clean;
  }
  return absl::StrCat(CutUtf8(clean, size_bytes_max - kEllipsis.size()),
                      kEllipsis);
}

google::rpc::ErrorInfo MakeErrorInfo(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  info.set_domain(std::string(kErrorDomain));
  info.set_reason(ClientReasonOf(status));
  const std::optional<ErrorReason> reason = ReasonOf(status);
  if (!reason.has_value()) {
    return info;
  }
  size_t size_bytes = 0;
  for (const auto& [name, value] : reason->metadata) {
    const size_t room = kMetadataSizeBytesMax - size_bytes;
    if (name.size() + 4 > room) {
      break;
    }
    std::string text = ToWireText(
        value, std::min(kMetadataValueSizeBytesMax, room - name.size()));
    size_bytes += name.size() + text.size();
    (*info.mutable_metadata())[name] = std::move(text);
  }
  return info;
}

}  // namespace

std::string ClientReasonOf(const absl::Status& status) {
  if (status.ok()) {
    return "";
  }
  const std::optional<ErrorReason> reason = ReasonOf(status);
  return reason.has_value() ? reason->reason
                            : absl::StatusCodeToString(status.code());
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) {
    return grpc::Status::OK;
  }
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message =
      ToWireText(status.message(), kMessageSizeBytesMax);
  google::rpc::Status details;
  details.set_code(static_cast<int>(code));
  details.set_message(message);
  details.add_details()->PackFrom(MakeErrorInfo(status));
  return {code, message, details.SerializeAsString()};
}

}  // namespace copse
