// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lease_record.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/document.h"
#include "versioning/record_codec.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;

}  // namespace

std::string LeaseRecord::Encode() const {
  RecordWriter writer(RecordKind::kLease, kVersion);
  writer.Text(commit);
  writer.Time(create_time);
  writer.Time(expire_time);
  return std::move(writer).Finish();
}

absl::StatusOr<LeaseRecord> LeaseRecord::Parse(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kLease, kVersion));
  LeaseRecord record;
  record.commit = reader.Text("commit", kNameSizeBytesMax);
  record.create_time = reader.Time("create time");
  record.expire_time = reader.Time("expire time");
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

}  // namespace copse
