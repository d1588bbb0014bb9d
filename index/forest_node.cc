// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/forest_node.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/centroid_page.h"
#include "index/inner_page.h"
#include "index/leaf_page.h"
#include "index/page_store.h"
#include "index/util/check.h"
#include "index/util/status_macros.h"

namespace copse::internal {
namespace {

absl::StatusOr<PageRef> ReadPage(const PageSource& pages, PageId page_id) {
  absl::StatusOr<PageRef> page = pages.Read(page_id);
  COPSE_CHECK(!page.ok() || *page != nullptr);
  return page;
}

absl::Status CheckDimension(size_t found, size_t expected) {
  if (found != expected) {
    return absl::DataLossError(absl::StrFormat(
        "dimension is %d, expected %d as in the root page", found, expected));
  }
  return absl::OkStatus();
}

absl::Status CheckRowCount(uint64_t found, uint64_t expected) {
  if (found != expected) {
    return absl::DataLossError(absl::StrFormat(
        "row count is %d, expected %d as in the page above", found, expected));
  }
  return absl::OkStatus();
}

absl::StatusOr<CentroidPage> ParseCentroids(std::span<const std::byte> bytes,
                                            CentroidEncoding encoding,
                                            size_t dimension, size_t count) {
  COPSE_ASSIGN_OR_RETURN(const CentroidPage page, CentroidPage::Parse(bytes));
  if (page.encoding() != encoding) {
    return absl::DataLossError(absl::StrFormat(
        "encoding of centroids is %d, expected %d",
        static_cast<int>(page.encoding()), static_cast<int>(encoding)));
  }
  COPSE_RETURN_IF_ERROR(CheckDimension(page.dimension(), dimension));
  if (page.vector_count() != count) {
    return absl::DataLossError(
        absl::StrFormat("vector count is %d, expected %d as in the page above",
                        page.vector_count(), count));
  }
  return page;
}

absl::StatusOr<LeafPage> ParseLeaf(std::span<const std::byte> bytes,
                                   const ExpectedNode& expected) {
  COPSE_ASSIGN_OR_RETURN(const LeafPage page, LeafPage::Parse(bytes));
  COPSE_RETURN_IF_ERROR(CheckDimension(page.dimension(), expected.dimension));
  COPSE_RETURN_IF_ERROR(CheckRowCount(page.row_count(), expected.row_count));
  return page;
}

absl::StatusOr<InnerPage> ParseInner(std::span<const std::byte> bytes,
                                     const ExpectedNode& expected) {
  COPSE_ASSIGN_OR_RETURN(const InnerPage page, InnerPage::Parse(bytes));
  if (page.level() != expected.level) {
    return absl::DataLossError(
        absl::StrFormat("level is %d, expected %d as in the page above",
                        page.level(), expected.level));
  }
  COPSE_RETURN_IF_ERROR(CheckDimension(page.dimension(), expected.dimension));
  COPSE_RETURN_IF_ERROR(CheckRowCount(page.row_count(), expected.row_count));
  return page;
}

}  // namespace

absl::Status AtPage(PageId page_id, const absl::Status& status) {
  return AnnotateStatus(status, absl::StrFormat("page %016x", page_id));
}

InnerNode::InnerNode(PageRef page, const InnerPage& view,
                     std::vector<PageRef> centroid_refs,
                     std::vector<CentroidPage> centroid_pages)
    : page_(std::move(page)),
      view_(view),
      centroid_refs_(std::move(centroid_refs)),
      centroid_pages_(std::move(centroid_pages)),
      slots_(std::make_unique<std::atomic<const void*>[]>(child_count())) {
  places_.reserve(child_count());
  for (size_t page_index = 0; page_index < centroid_pages_.size();
       ++page_index) {
    const size_t count = centroid_pages_[page_index].vector_count();
    for (size_t i = 0; i < count; ++i) {
      places_.push_back(
          {static_cast<uint16_t>(page_index), static_cast<uint16_t>(i)});
    }
  }
  COPSE_CHECK(places_.size() == child_count());
}

size_t InnerNode::memory_size_bytes() const {
  size_t size_bytes = sizeof(*this) + page_->bytes().size() +
                      child_count() * (sizeof(slots_[0]) + sizeof(places_[0]));
  for (const PageRef& page : centroid_refs_) {
    size_bytes += sizeof(page) + sizeof(CentroidPage) + page->bytes().size();
  }
  return size_bytes;
}

absl::StatusOr<std::unique_ptr<LeafNode>> LoadLeafNode(
    const PageSource& pages, PageId page_id, const ExpectedNode& expected) {
  COPSE_ASSIGN_OR_RETURN(PageRef page, ReadPage(pages, page_id));
  absl::StatusOr<LeafPage> view = ParseLeaf(page->bytes(), expected);
  if (!view.ok()) {
    return AtPage(page_id, view.status());
  }
  return std::make_unique<LeafNode>(std::move(page), *view);
}

absl::StatusOr<std::unique_ptr<InnerNode>> LoadInnerNode(
    const PageSource& pages, PageId page_id, const ExpectedNode& expected) {
  COPSE_ASSIGN_OR_RETURN(PageRef page, ReadPage(pages, page_id));
  absl::StatusOr<InnerPage> view = ParseInner(page->bytes(), expected);
  if (!view.ok()) {
    return AtPage(page_id, view.status());
  }
  std::vector<PageRef> centroid_refs;
  std::vector<CentroidPage> centroid_pages;
  for (size_t i = 0; i < view->centroid_pages().size(); ++i) {
    const PageId centroid_page_id = view->centroid_pages()[i];
    COPSE_ASSIGN_OR_RETURN(PageRef ref, ReadPage(pages, centroid_page_id));
    absl::StatusOr<CentroidPage> centroids =
        ParseCentroids(ref->bytes(), EncodingFor(expected.dimension),
                       expected.dimension, view->centroid_counts()[i]);
    if (!centroids.ok()) {
      return AtPage(centroid_page_id, centroids.status());
    }
    centroid_refs.push_back(std::move(ref));
    centroid_pages.push_back(*centroids);
  }
  return std::make_unique<InnerNode>(std::move(page), *view,
                                     std::move(centroid_refs),
                                     std::move(centroid_pages));
}

absl::StatusOr<std::vector<float>> LoadOrigin(const PageSource& pages,
                                              PageId page_id,
                                              size_t dimension) {
  COPSE_ASSIGN_OR_RETURN(const PageRef page, ReadPage(pages, page_id));
  absl::StatusOr<CentroidPage> view =
      ParseCentroids(page->bytes(), CentroidEncoding::kFloat, dimension,
                     /*count=*/1);
  if (!view.ok()) {
    return AtPage(page_id, view.status());
  }
  std::vector<float> origin(dimension);
  view->Decode(0, {}, origin);
  return origin;
}

}  // namespace copse::internal
