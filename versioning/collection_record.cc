// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/collection_record.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/record_codec.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;

}  // namespace

std::string CollectionRecord::Encode() const {
  RecordWriter writer(RecordKind::kCollection, kVersion);
  writer.Time(start_time);
  writer.Bool(is_sweeping);
  writer.I64(row_count);
  writer.I64(text_count);
  writer.I64(page_count);
  writer.I64(live_set_count);
  return std::move(writer).Finish();
}

absl::StatusOr<CollectionRecord> CollectionRecord::Parse(
    absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kCollection, kVersion));
  CollectionRecord record;
  record.start_time = reader.Time("start time");
  record.is_sweeping = reader.Bool("is sweeping");
  record.row_count = reader.Count("row count");
  record.text_count = reader.Count("text count");
  record.page_count = reader.Count("page count");
  record.live_set_count = reader.Count("live set count");
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

}  // namespace copse
