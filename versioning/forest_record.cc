// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/forest_record.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/calibration.h"
#include "index/page_store.h"
#include "index/util/status_macros.h"
#include "versioning/record_codec.h"

namespace copse {
namespace {

constexpr uint8_t kVersionPlain = 1;
constexpr uint8_t kVersionCalibrated = 2;

// A page of Calibration is shorter.
constexpr size_t kCalibrationSizeBytesMax = 8192;

void ParseCalibration(RecordReader& reader, ForestRecord& record) {
  const absl::string_view bytes =
      reader.Bytes("calibration", kCalibrationSizeBytesMax);
  if (reader.ok()) {
    absl::StatusOr<Calibration> calibration = Calibration::Parse(
        std::as_bytes(std::span(bytes.data(), bytes.size())));
    if (calibration.ok()) {
      record.calibration = *std::move(calibration);
    } else {
      reader.Fail("calibration", calibration.status().message());
    }
  }
  record.changed_row_count = reader.Count("changed rows");
  record.accepted_query_count = reader.Count("accepted queries");
}

}  // namespace

std::string ForestRecord::Encode() const {
  RecordWriter writer(RecordKind::kForest, calibration.has_value()
                                               ? kVersionCalibrated
                                               : kVersionPlain);
  writer.U64(root_page);
  writer.U64(covered_live_set);
  writer.I64(row_count);
  writer.U64(base_forest);
  writer.I64(written_page_count);
  writer.I64(written_size_bytes);
  writer.Time(create_time);
  if (calibration.has_value()) {
    writer.Bytes(calibration->Encode());
    writer.I64(changed_row_count);
    writer.I64(accepted_query_count);
  }
  return std::move(writer).Finish();
}

absl::StatusOr<ForestRecord> ForestRecord::Parse(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kForest, kVersionCalibrated));
  ForestRecord record;
  record.root_page = reader.U64("root page");
  if (reader.ok() && record.root_page == kNoPage) {
    reader.Fail("root page", "is 0, expected the number of a page");
  }
  record.covered_live_set = reader.U64("covered live set");
  if (reader.ok() && record.covered_live_set == 0) {
    reader.Fail("covered live set", "is 0, expected the number of a live set");
  }
  record.row_count = reader.Count("row count");
  record.base_forest = reader.U64("base forest");
  record.written_page_count = reader.Count("written pages");
  record.written_size_bytes = reader.Count("written bytes");
  record.create_time = reader.Time("create time");
  if (reader.version() == kVersionCalibrated) {
    ParseCalibration(reader, record);
  }
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

}  // namespace copse
