// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/convert_common.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

#include "copse/v1/types.pb.h"
#include "index/util/error_reason.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "sidecar/service/request_errors.h"
#include "versioning/document.h"

namespace copse {
namespace {

constexpr int32_t kPageSizeDefault = 50;
constexpr int32_t kPageSizeMax = 1000;

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the range of a Timestamp.
constexpr int64_t kTimestampSecondsMin = -62135596800;
constexpr int64_t kTimestampSecondsMax = 253402300799;
constexpr int32_t kTimestampNanosMax = 999999999;

}  // namespace

absl::StatusOr<absl::Time> ToTime(absl::string_view field,
                                  const google::protobuf::Timestamp& message) {
  if (message.seconds() < kTimestampSecondsMin ||
      message.seconds() > kTimestampSecondsMax || message.nanos() < 0 ||
      message.nanos() > kTimestampNanosMax) {
    return FieldInvalidError(field,
                             absl::StrCat(message.seconds(), " seconds and ",
                                          message.nanos(), " nanoseconds"),
                             "a time in the years 1 to 9999");
  }
  return absl::FromUnixSeconds(message.seconds()) +
         absl::Nanoseconds(message.nanos());
}

void Fill(absl::Time time, google::protobuf::Timestamp& message) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  message.set_seconds(seconds);
  message.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

absl::StatusOr<int32_t> ToPageSize(int32_t page_size) {
  if (page_size < 0) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "page_size is ", page_size, ", expected at least 0")),
                      "PAGE_SIZE_NEGATIVE",
                      {{"field", "page_size"},
                       {"found", absl::StrCat(page_size)},
                       {"wanted", "at least 0"}});
  }
  return page_size == 0 ? kPageSizeDefault : std::min(page_size, kPageSizeMax);
}

CommitSelector ToCommitSelector(const v1::CommitSelector& message) {
  CommitSelector selector;
  if (message.target_case() == v1::CommitSelector::kCommit) {
    selector.commit = message.commit();
  } else if (message.target_case() == v1::CommitSelector::kBranch) {
    selector.branch = message.branch();
  }
  selector.ancestor_commits.assign(message.ancestor_commits().begin(),
                                   message.ancestor_commits().end());
  if (message.has_max_lag()) {
    selector.max_lag = message.max_lag();
  }
  return selector;
}

void Fill(const AnsweringCommit& answering, v1::AnsweringCommit& message) {
  message.set_commit(answering.commit);
  message.set_lag(static_cast<int32_t>(answering.lag));
}

void Fill(std::span<const float> vector, v1::Vector& message) {
  message.mutable_components()->Add(vector.begin(), vector.end());
}

std::optional<AttributeValue> ToAttributeValue(v1::AttributeValue&& message) {
  switch (message.value_case()) {
    case v1::AttributeValue::kStringValue:
      return std::move(*message.mutable_string_value());
    case v1::AttributeValue::kInt64Value:
      return message.int64_value();
    case v1::AttributeValue::kDoubleValue:
      return message.double_value();
    case v1::AttributeValue::kBoolValue:
      return message.bool_value();
    case v1::AttributeValue::VALUE_NOT_SET:
      break;
  }
  return std::nullopt;
}

std::string FromHash(std::span<const std::byte> hash) {
  return std::string(reinterpret_cast<const char*>(hash.data()), hash.size());
}

}  // namespace copse
