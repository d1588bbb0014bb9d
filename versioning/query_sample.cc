// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/query_sample.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/centroid_page.h"
#include "index/util/check.h"
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/record_codec.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;

}  // namespace

std::string QuerySampleRecord::Encode() const {
  RecordWriter writer(RecordKind::kQuerySample, kVersion);
  writer.I64(accepted_count);
  writer.U32(dimension);
  writer.Floats(components);
  return std::move(writer).Finish();
}

absl::StatusOr<QuerySampleRecord> QuerySampleRecord::Parse(
    absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kQuerySample, kVersion));
  QuerySampleRecord record;
  record.accepted_count = reader.Count("accepted count");
  record.dimension = reader.U32("dimension", kDimensionMax);
  if (reader.ok() && record.dimension == 0) {
    reader.Fail("dimension", "is 0, expected at least 1");
  }
  record.components = reader.Floats(
      "components", QuerySample::kCapacity * size_t{record.dimension});
  if (reader.ok() && (record.components.size() % record.dimension != 0 ||
                      !std::ranges::all_of(record.components, [](float value) {
                        return std::isfinite(value);
                      }))) {
    reader.Fail("components", "are not those of whole, finite vectors");
  }
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

void QuerySample::Add(std::span<const float> query) {
  COPSE_CHECK(query.size() == dimension_);
  MutexLock lock(mutex_);
  const size_t count = components_.size() / dimension_;
  if (count < kCapacity) {
    components_.insert(components_.end(), query.begin(), query.end());
  } else if (random_.Below(kAcceptDivisor) == 0) {
    const size_t place = random_.Below(kCapacity);
    std::ranges::copy(query, components_.begin() + static_cast<std::ptrdiff_t>(
                                                       place * dimension_));
  } else {
    return;
  }
  ++accepted_count_;
}

QuerySampleRecord QuerySample::ToRecord() const {
  MutexLock lock(mutex_);
  return {.accepted_count = accepted_count_,
          .dimension = dimension_,
          .components = components_};
}

void QuerySample::Restore(QuerySampleRecord record) {
  if (record.dimension != dimension_) {
    return;
  }
  MutexLock lock(mutex_);
  accepted_count_ = record.accepted_count;
  components_ = std::move(record.components);
}

}  // namespace copse
