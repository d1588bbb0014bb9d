// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Properties checked, for any bytes taken for each of the four kinds of pages,
// with the envelope made right, so that the checks behind it are reached:
//
// * Parsing ends without touching a byte outside its input.
// * The only outcomes are a page, kDataLoss and kUnimplemented.
// * What is parsed, encoding writes back byte for byte.
// * What is parsed can be used: rows are found and estimated, centroids scored,
//   estimates and scores are finite, sums agree.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/centroid_page.h"
#include "index/checksum_page.h"
#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/coded_rows.h"
#include "index/forest_page.h"
#include "index/inner_page.h"
#include "index/leaf_page.h"
#include "index/metric.h"
#include "index/rotation.h"
#include "index/top_k.h"
#include "index/util/check.h"

namespace copse::internal {
namespace {

using Bytes = std::span<const std::byte>;

// Returns whether `result` holds a page, after checking what else it may be.
template <typename T>
bool IsPage(const absl::StatusOr<T>& result) {
  COPSE_CHECK(result.ok() || absl::IsDataLoss(result.status()) ||
                  absl::IsUnimplemented(result.status()),
              result.status().message());
  return result.ok();
}

void CheckForestPage(Bytes bytes) {
  const absl::StatusOr<ForestRecord> record = ParseForestPage(bytes);
  if (IsPage(record)) {
    COPSE_CHECK(std::ranges::equal(EncodeForestPage(*record), bytes));
  }
}

// What any page of this dimension may be relative to.
CodeSpace SpaceOf(const Rotation& rotation) {
  return {.metric = Metric::kEuclidean, .rotation = &rotation, .origin = {}};
}

void CheckInnerPage(Bytes bytes) {
  const absl::StatusOr<InnerPage> page = InnerPage::Parse(bytes);
  if (!IsPage(page)) {
    return;
  }
  COPSE_CHECK(std::accumulate(page->row_counts().begin(),
                              page->row_counts().end(),
                              uint64_t{0}) == page->row_count());
  const Rotation rotation(page->dimension(), /*seed=*/0);
  CodedRowsBuilder codes(SpaceOf(rotation), {});
  for (size_t i = 0; i < page->coded_rows().row_count(); ++i) {
    codes.Copy(page->coded_rows(), i);
  }
  COPSE_CHECK(std::ranges::equal(
      EncodeInnerPage({.level = page->level(),
                       .centroid_pages = page->centroid_pages(),
                       .centroid_counts = page->centroid_counts(),
                       .children = page->children(),
                       .row_counts = page->row_counts(),
                       .spreads = page->spreads()},
                      page->dimension(), codes),
      bytes));
}

void CheckCentroidPage(Bytes bytes) {
  const absl::StatusOr<CentroidPage> page = CentroidPage::Parse(bytes);
  if (!IsPage(page)) {
    return;
  }
  const Rotation rotation(page->dimension(), /*seed=*/0);
  CodedQuery query;
  query.Prepare(SpaceOf(rotation),
                std::vector<float>(page->dimension(), -0.5F));
  std::vector<float> differences(page->vector_count() * page->dimension());
  for (size_t i = 0; i < page->vector_count(); ++i) {
    page->Decode(i, {},
                 std::span(differences)
                     .subspan(i * page->dimension(), page->dimension()));
    page->Prefetch(i);
    COPSE_CHECK(std::isfinite(page->Score(query, i)));
  }
  COPSE_CHECK(std::ranges::equal(
      EncodeCentroidPage(page->encoding(), page->dimension(), differences),
      bytes));
}

void CheckLeafPage(Bytes bytes) {
  const absl::StatusOr<LeafPage> page = LeafPage::Parse(bytes);
  if (!IsPage(page)) {
    return;
  }
  const Rotation rotation(page->dimension(), /*seed=*/0);
  const CodeSpace space = SpaceOf(rotation);
  LeafPageBuilder builder(space, {});
  for (size_t i = 0; i < page->row_count(); ++i) {
    COPSE_CHECK(page->Find(page->ordinals()[i]) == i);
    builder.CopyRow(*page, i);
  }
  COPSE_CHECK(builder.spread() >= 0 && std::isfinite(builder.spread()));
  COPSE_CHECK(std::ranges::equal(builder.Finish(), bytes));
  CodedQuery query;
  query.Prepare(space, std::vector<float>(page->dimension(), 0.5F));
  ScanScratch scratch;
  TopK candidates;
  candidates.Reset(3);
  // The second time with a limit, if there are rows enough.
  for (int i = 0; i < 2; ++i) {
    COPSE_CHECK(page->Scan(query, 1, {}, scratch, candidates) ==
                page->row_count());
  }
  for (const Candidate& candidate : candidates.Finish()) {
    COPSE_CHECK(std::isfinite(candidate.estimate));
  }
  page->Prefetch();
}

void CheckInput(Bytes input) {
  if (input.size() < ChecksumPage::SizeBytes(0) ||
      input.size() >
          ChecksumPage::SizeBytes(ChecksumPage::kPayloadSizeBytesMax)) {
    return;
  }
  const Bytes payload =
      input.subspan(ChecksumPage::kHeaderSizeBytes,
                    input.size() - ChecksumPage::SizeBytes(0));
  const std::vector<std::byte> copy(input.begin(), input.end());
  CheckForestPage(copy);
  CheckInnerPage(copy);
  CheckLeafPage(copy);
  CheckCentroidPage(copy);
  CheckForestPage(*ChecksumPage::Encode(PageKind::kForest, payload));
  CheckInnerPage(*ChecksumPage::Encode(PageKind::kInner, payload));
  CheckLeafPage(*ChecksumPage::Encode(PageKind::kLeaf, payload));
  CheckCentroidPage(*ChecksumPage::Encode(PageKind::kCentroids, payload));
}

}  // namespace
}  // namespace copse::internal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  copse::internal::CheckInput(std::as_bytes(std::span(data, size)));
  return 0;
}
