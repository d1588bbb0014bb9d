// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pages in memory, for tests and benchmarks: both interfaces of page_store.h,
// and ways to do to a page what disks do.
//
//   MemoryPageStore pages;
//   COPSE_ASSERT_OK_AND_ASSIGN(PageId root,
//                              BuildForest(options, vectors, ordinals, pages));
//   COPSE_ASSERT_OK_AND_ASSIGN(std::shared_ptr<const Forest> forest,
//                              Forest::Open(root, pages));
//   pages.Replace(root, damaged_bytes);

#ifndef COPSE_TESTS_SUPPORT_MEMORY_PAGE_STORE_H_
#define COPSE_TESTS_SUPPORT_MEMORY_PAGE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "index/page_store.h"
#include "index/util/mutex.h"

namespace copse {

// Thread safety: any number of threads may use one MemoryPageStore. Numbers
// are given in the order of the calls to Write(), from 1.
class MemoryPageStore final : public PageSource, public PageSink {
 public:
  absl::StatusOr<PageRef> Read(PageId page_id) const override {
    MutexLock lock(mutex_);
    ++read_count_;
    const auto page = pages_.find(page_id);
    if (page == pages_.end()) {
      return absl::DataLossError(
          absl::StrFormat("page %016x is not in the store", page_id));
    }
    return page->second;
  }

  absl::StatusOr<PageId> Write(std::span<const std::byte> bytes) override {
    auto page = std::make_shared<const PageBytes>(bytes);
    MutexLock lock(mutex_);
    if (writes_left_ == 0) {
      return absl::ResourceExhaustedError("the store takes no more pages");
    }
    --writes_left_;
    pages_.emplace(next_page_id_, std::move(page));
    size_bytes_ += bytes.size();
    return next_page_id_++;
  }

  // Puts `bytes` in the place of page `page_id`, which need not exist. Who
  // holds the old page keeps it.
  void Replace(PageId page_id, std::span<const std::byte> bytes) {
    auto page = std::make_shared<const PageBytes>(bytes);
    MutexLock lock(mutex_);
    RemoveLocked(page_id);
    size_bytes_ += bytes.size();
    pages_.emplace(page_id, std::move(page));
  }

  // Forgets page `page_id`, as a lost file does.
  void Remove(PageId page_id) {
    MutexLock lock(mutex_);
    RemoveLocked(page_id);
  }

  // Lets `write_count` more calls to Write() succeed. The others fail with
  // kResourceExhausted, as on a full disk.
  void FailWritesAfter(int64_t write_count) {
    MutexLock lock(mutex_);
    writes_left_ = write_count;
  }

  // Returns the numbers of all pages, ascending.
  std::vector<PageId> page_ids() const {
    MutexLock lock(mutex_);
    std::vector<PageId> page_ids;
    page_ids.reserve(pages_.size());
    for (const auto& [page_id, page] : pages_) {
      page_ids.push_back(page_id);
    }
    return page_ids;
  }

  size_t page_count() const {
    MutexLock lock(mutex_);
    return pages_.size();
  }

  // Returns the bytes of all pages together.
  size_t size_bytes() const {
    MutexLock lock(mutex_);
    return size_bytes_;
  }

  // Returns how often Read() was called.
  int64_t read_count() const {
    MutexLock lock(mutex_);
    return read_count_;
  }

 private:
  void RemoveLocked(PageId page_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto page = pages_.find(page_id);
    if (page != pages_.end()) {
      size_bytes_ -= page->second->bytes().size();
      pages_.erase(page);
    }
  }

  mutable Mutex mutex_;
  std::map<PageId, PageRef> pages_ ABSL_GUARDED_BY(mutex_);
  PageId next_page_id_ ABSL_GUARDED_BY(mutex_) = 1;
  size_t size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Negative: no limit.
  int64_t writes_left_ ABSL_GUARDED_BY(mutex_) = -1;
  mutable int64_t read_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace copse

#endif  // COPSE_TESTS_SUPPORT_MEMORY_PAGE_STORE_H_
