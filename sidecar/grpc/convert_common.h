// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the conversions between the messages of copse.v1 and the values of the
// service layer share; convert_*.h beside it have those of one kind of value:
//
//   convert_domain    domains, their chunking and retention
//   convert_commit    commits and branches, diff and merge
//   convert_push      pushes, pulls and their operations
//   convert_document  documents and chunks as they are read
//   convert_search    searches, filters, neighbors, explanations, suggestions
//   convert_job       jobs
//   convert_admin     statistics, sizes, verify, recall, leases, garbage,
//   backup
//
// To...() makes what a function needs of a message and fails with
// kInvalidArgument for what no value can express; Fill() writes a message, and
// From...() returns the value of one of its fields. Functions that take an
// rvalue leave the message without its large parts.

#ifndef COPSE_SIDECAR_GRPC_CONVERT_COMMON_H_
#define COPSE_SIDECAR_GRPC_CONVERT_COMMON_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

#include "copse/v1/types.pb.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "versioning/document.h"

namespace copse {

// Fails with FIELD_INVALID for a time that no Timestamp may have.
absl::StatusOr<absl::Time> ToTime(absl::string_view field,
                                  const google::protobuf::Timestamp& message);
void Fill(absl::Time time, google::protobuf::Timestamp& message);

// 0 means 50, more than 1000 means 1000. Fails with PAGE_SIZE_NEGATIVE.
absl::StatusOr<int32_t> ToPageSize(int32_t page_size);

CommitSelector ToCommitSelector(const v1::CommitSelector& message);
void Fill(const AnsweringCommit& answering, v1::AnsweringCommit& message);

void Fill(std::span<const float> vector, v1::Vector& message);

// What errors say that an attribute without a value should be.
inline constexpr absl::string_view kAttributeValueWanted =
    "a string, int64, double or bool";

// Returns nullopt if no value is set.
std::optional<AttributeValue> ToAttributeValue(v1::AttributeValue&& message);

// The bytes of a hash.
std::string FromHash(std::span<const std::byte> hash);

}  // namespace copse

#endif  // COPSE_SIDECAR_GRPC_CONVERT_COMMON_H_
