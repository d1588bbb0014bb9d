// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "index/checksum_page.h"
#include "index/metric.h"
#include "index/page_payload.h"
#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"

namespace copse {
namespace {

using internal::CheckField;
using internal::CheckPayloadSize;
using internal::CheckZero;
using internal::kPayloadHeadSizeBytes;

constexpr uint16_t kLayout = 1;

constexpr size_t kLayoutOffset = 0;
constexpr size_t kPaddingOffset = kLayoutOffset + sizeof(uint16_t);
constexpr size_t kRowCountOffset = kPaddingOffset + sizeof(uint16_t);
constexpr size_t kQueryCountOffset = kRowCountOffset + sizeof(uint32_t);
constexpr size_t kSettingCountsOffset = kQueryCountOffset + sizeof(uint32_t);
constexpr size_t kReservedOffset =
    kSettingCountsOffset +
    Calibration::kNeighborCounts.size() * sizeof(uint32_t);
static_assert(kReservedOffset + 24 == kPayloadHeadSizeBytes);

constexpr size_t kSettingSizeBytes = 3 * sizeof(uint32_t);

constexpr double kBuiltInRecall = 0.95;

// Returns `value`, at least 1, rounded up but for what may be a rounding error,
// or `max` if that is less.
size_t Bounded(double value, size_t max) {
  return value < static_cast<double>(max)
             ? std::max<size_t>(
                   1, static_cast<size_t>(std::ceil(value * (1 - 1e-12))))
             : max;
}

// Returns the value at `place`, in [0, 1], on the way from `first` to `last`,
// straight for logarithms. A way that leads down is not taken: more neighbors
// never take less.
double Between(size_t first, size_t last, double place) {
  const auto low = static_cast<double>(first);
  const auto high = static_cast<double>(std::max(first, last));
  return low * std::pow(high / low, place);
}

// Where the columns of one list of settings are.
struct Columns {
  Columns(size_t offset, size_t count)
      : recalls(offset),
        scan_budgets(recalls + count * sizeof(float)),
        rerank_counts(scan_budgets + count * sizeof(uint32_t)) {}

  size_t recalls;
  size_t scan_budgets;
  size_t rerank_counts;
};

absl::StatusOr<std::vector<CalibratedSetting>> ParseSettings(
    std::span<const std::byte> payload, size_t offset, size_t count,
    uint32_t row_count) {
  const Columns columns(offset, count);
  std::vector<CalibratedSetting> settings(count);
  float previous = 0;
  for (size_t i = 0; i < count; ++i) {
    CalibratedSetting& setting = settings[i];
    const size_t shift = i * sizeof(uint32_t);
    setting.recall = std::bit_cast<float>(
        LoadLittleEndian<uint32_t>(payload, columns.recalls + shift));
    if (!(setting.recall > previous && setting.recall < 1)) {
      return absl::DataLossError(absl::StrFormat(
          "recall at offset %d is %g, expected more than %g and less than 1",
          columns.recalls + shift + ChecksumPage::kHeaderSizeBytes,
          setting.recall, previous));
    }
    previous = setting.recall;
    setting.scan_budget =
        LoadLittleEndian<uint32_t>(payload, columns.scan_budgets + shift);
    COPSE_RETURN_IF_ERROR(CheckField("scan budget",
                                     columns.scan_budgets + shift,
                                     setting.scan_budget, 1, row_count));
    setting.rerank_count =
        LoadLittleEndian<uint32_t>(payload, columns.rerank_counts + shift);
    COPSE_RETURN_IF_ERROR(CheckField("rerank count",
                                     columns.rerank_counts + shift,
                                     setting.rerank_count, 1, row_count));
  }
  return settings;
}

}  // namespace

Calibration::Calibration(uint32_t row_count, uint32_t query_count,
                         Settings settings)
    : row_count_(row_count),
      query_count_(query_count),
      settings_(std::move(settings)) {
  COPSE_CHECK(row_count_ > 0 && query_count_ > 0);
}

absl::StatusOr<Calibration> Calibration::Parse(
    std::span<const std::byte> bytes) {
  COPSE_ASSIGN_OR_RETURN(
      const std::span<const std::byte> payload,
      internal::OpenPayload(bytes, PageKind::kCalibration, kLayout));
  COPSE_RETURN_IF_ERROR(CheckZero(payload, kPaddingOffset, kRowCountOffset));
  const auto row_count = LoadLittleEndian<uint32_t>(payload, kRowCountOffset);
  COPSE_RETURN_IF_ERROR(
      CheckField("row count", kRowCountOffset, row_count, 1, UINT32_MAX));
  const auto query_count =
      LoadLittleEndian<uint32_t>(payload, kQueryCountOffset);
  COPSE_RETURN_IF_ERROR(
      CheckField("query count", kQueryCountOffset, query_count, 1, UINT32_MAX));
  COPSE_RETURN_IF_ERROR(
      CheckZero(payload, kReservedOffset, kPayloadHeadSizeBytes));
  std::array<size_t, kNeighborCounts.size()> counts;
  size_t size_bytes = kPayloadHeadSizeBytes;
  for (size_t i = 0; i < counts.size(); ++i) {
    const size_t offset = kSettingCountsOffset + i * sizeof(uint32_t);
    counts[i] = LoadLittleEndian<uint32_t>(payload, offset);
    COPSE_RETURN_IF_ERROR(CheckField("number of settings", offset, counts[i], 0,
                                     kSettingCountMax));
    size_bytes += counts[i] * kSettingSizeBytes;
  }
  COPSE_RETURN_IF_ERROR(CheckPayloadSize(payload, size_bytes));
  Settings settings;
  size_t offset = kPayloadHeadSizeBytes;
  for (size_t i = 0; i < counts.size(); ++i) {
    COPSE_ASSIGN_OR_RETURN(
        settings[i], ParseSettings(payload, offset, counts[i], row_count));
    offset += counts[i] * kSettingSizeBytes;
  }
  return Calibration(row_count, query_count, std::move(settings));
}

std::vector<std::byte> Calibration::Encode() const {
  size_t size_bytes = kPayloadHeadSizeBytes;
  for (const std::vector<CalibratedSetting>& list : settings_) {
    size_bytes += list.size() * kSettingSizeBytes;
  }
  std::vector<std::byte> payload(size_bytes);
  StoreLittleEndian<uint16_t>(payload, kLayoutOffset, kLayout);
  StoreLittleEndian<uint32_t>(payload, kRowCountOffset, row_count_);
  StoreLittleEndian<uint32_t>(payload, kQueryCountOffset, query_count_);
  size_t offset = kPayloadHeadSizeBytes;
  for (size_t i = 0; i < settings_.size(); ++i) {
    const std::vector<CalibratedSetting>& list = settings_[i];
    StoreLittleEndian<uint32_t>(payload,
                                kSettingCountsOffset + i * sizeof(uint32_t),
                                static_cast<uint32_t>(list.size()));
    const Columns columns(offset, list.size());
    for (size_t j = 0; j < list.size(); ++j) {
      const size_t shift = j * sizeof(uint32_t);
      StoreLittleEndian<uint32_t>(payload, columns.recalls + shift,
                                  std::bit_cast<uint32_t>(list[j].recall));
      StoreLittleEndian<uint32_t>(payload, columns.scan_budgets + shift,
                                  list[j].scan_budget);
      StoreLittleEndian<uint32_t>(payload, columns.rerank_counts + shift,
                                  list[j].rerank_count);
    }
    offset += list.size() * kSettingSizeBytes;
  }
  std::vector<std::byte> page =
      internal::SealPage(PageKind::kCalibration, payload);
  COPSE_CHECK(Parse(page).ok());
  return page;
}

// Returns the effort for kNeighborCounts[index] neighbors among row_count().
SearchEffort Calibration::EffortAt(size_t index, double recall_target,
                                   Metric metric) const {
  const std::vector<CalibratedSetting>& list = settings_[index];
  if (list.empty()) {
    return BuiltInEffort(recall_target, metric, kNeighborCounts[index],
                         row_count_);
  }
  const auto found = std::ranges::find_if(
      list, [recall_target](const CalibratedSetting& setting) {
        return double{setting.recall} >= recall_target;
      });
  if (found != list.end()) {
    return {.scan_budget = found->scan_budget,
            .rerank_count = found->rerank_count};
  }
  const CalibratedSetting& last = list.back();
  const double miss_ratio = (1 - double{last.recall}) / (1 - recall_target);
  const double factor = miss_ratio * miss_ratio;
  return {.scan_budget = Bounded(last.scan_budget * factor, row_count_),
          .rerank_count = Bounded(last.rerank_count * factor, row_count_)};
}

SearchEffort Calibration::EffortFor(double recall_target, Metric metric,
                                    size_t neighbor_count,
                                    size_t row_count) const {
  if (recall_target >= 1) {
    return {.scan_budget = row_count, .rerank_count = row_count};
  }
  size_t next = 0;
  while (next + 1 < kNeighborCounts.size() &&
         kNeighborCounts[next] < neighbor_count) {
    ++next;
  }
  const SearchEffort last = EffortAt(next, recall_target, metric);
  const SearchEffort first =
      next == 0 ? last : EffortAt(next - 1, recall_target, metric);
  const double ratio =
      static_cast<double>(neighbor_count) / kNeighborCounts[next];
  double scan_budget = 0;
  double rerank_count = 0;
  if (ratio > 1) {
    scan_budget = static_cast<double>(last.scan_budget) * ratio;
    rerank_count = static_cast<double>(last.rerank_count) * ratio;
  } else {
    const double place = 1 + std::log10(ratio);  // Counts grow tenfold.
    scan_budget = Between(first.scan_budget, last.scan_budget, place);
    rerank_count = Between(first.rerank_count, last.rerank_count, place);
  }
  const double growth = static_cast<double>(row_count) / row_count_;
  // All rows of the calibrated forest are all rows of this one.
  const bool all = scan_budget >= row_count_;
  return {.scan_budget =
              all ? row_count
                  : Bounded(scan_budget * std::max(growth, 1.0), row_count),
          .rerank_count = Bounded(rerank_count, row_count)};
}

Calibration Calibration::RaisedToQuestions(Metric metric) const {
  Settings settings = settings_;
  for (size_t index = 0; index < settings.size(); ++index) {
    for (CalibratedSetting& setting : settings[index]) {
      const SearchEffort least = BuiltInEffort(
          setting.recall, metric, kNeighborCounts[index], row_count_);
      setting.scan_budget = std::max(
          setting.scan_budget, static_cast<uint32_t>(least.scan_budget / 2));
      setting.rerank_count = std::max(
          setting.rerank_count, static_cast<uint32_t>(least.rerank_count));
    }
  }
  return Calibration(row_count_, query_count_, std::move(settings));
}

SearchEffort BuiltInEffort(double recall_target, Metric metric,
                           size_t neighbor_count, size_t row_count) {
  if (recall_target >= 1) {
    return {.scan_budget = row_count, .rerank_count = row_count};
  }
  const SearchEffort base = DefaultEffort(metric, neighbor_count, row_count);
  const double factor = (1 - kBuiltInRecall) / (1 - recall_target);
  return {.scan_budget = Bounded(static_cast<double>(base.scan_budget) * factor,
                                 row_count),
          .rerank_count = Bounded(
              static_cast<double>(base.rerank_count) * std::max(factor, 1.0),
              row_count)};
}

SearchEffort EffortFor(const Calibration* calibration, double recall_target,
                       Metric metric, size_t neighbor_count, size_t row_count) {
  return calibration == nullptr
             ? BuiltInEffort(recall_target, metric, neighbor_count, row_count)
             : calibration->EffortFor(recall_target, metric, neighbor_count,
                                      row_count);
}

SearchEffort DefaultEffort(Metric metric, size_t neighbor_count,
                           size_t row_count) {
  const auto neighbors = static_cast<double>(neighbor_count);
  const double budget = 32 * std::sqrt(static_cast<double>(row_count)) *
                        std::pow(neighbors / 10.0, 0.2);
  // L1 is estimated by L2. On MiniLM embeddings 60 of the best estimates have
  // .991 of the nearest 10, and 100 have .998.
  return {.scan_budget = std::max<size_t>(2048, static_cast<size_t>(budget)),
          .rerank_count = metric == Metric::kManhattan
                              ? 16 * neighbor_count + 240
                              : 4 * neighbor_count + 20};
}

SearchEffort FilteredEffort(const SearchEffort& effort, Metric metric,
                            size_t neighbor_count, size_t row_count) {
  const SearchEffort least = DefaultEffort(metric, neighbor_count, row_count);
  return {.scan_budget = std::max(effort.scan_budget, least.scan_budget),
          .rerank_count = std::max(effort.rerank_count, least.rerank_count)};
}

absl::Status CheckRecallTarget(double recall_target) {
  if (recall_target >= 0 && recall_target <= 1) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrFormat(
          "recall_target is %g, expected more than 0 and at most 1",
          recall_target)),
      "RECALL_TARGET_INVALID",
      {{"field", "recall_target"},
       {"found", absl::StrCat(recall_target)},
       {"wanted", "more than 0 and at most 1"}});
}

}  // namespace copse
