// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/branch_record.h"

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/document.h"
#include "versioning/record_codec.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;

}  // namespace

std::string BranchRecord::Encode() const {
  RecordWriter writer(RecordKind::kBranch, kVersion);
  writer.Text(head_commit);
  writer.U64(version);
  writer.Time(update_time);
  return std::move(writer).Finish();
}

absl::StatusOr<BranchRecord> BranchRecord::Parse(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kBranch, kVersion));
  BranchRecord record;
  record.head_commit = reader.Text("head commit", kNameSizeBytesMax);
  record.version = reader.U64("version");
  record.update_time = reader.Time("update time");
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

}  // namespace copse
