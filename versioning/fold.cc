// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/fold.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/forest.h"
#include "index/page_store.h"
#include "index/util/status_macros.h"
#include "versioning/domain.h"
#include "versioning/domain_forest.h"
#include "versioning/fold_calibration.h"
#include "versioning/forest_record.h"
#include "versioning/index_catalog.h"
#include "versioning/row_set.h"

namespace copse {
namespace {

// How many forests are compared where the preferred one does not serve. A
// branch that was left long ago costs a fold at most.
constexpr size_t kCandidateCountMax = 8;

// One in so many rows may be outside the forest.
constexpr int64_t kChangeDivisor = 33;

// Equal rows give equal forests, in every store.
constexpr uint64_t kForestSeed = 0x636f707365;

int64_t ChangeCountMax(const Domain& domain, const RowSet& live) {
  return std::max<int64_t>(domain.context().options.forest_row_count_min,
                           live.row_count() / kChangeDivisor);
}

// Counts what goes to `sink`.
class CountingSink final : public PageSink {
 public:
  explicit CountingSink(PageSink& sink) : sink_(sink) {}

  absl::StatusOr<PageId> Write(std::span<const std::byte> bytes) override {
    page_count_.fetch_add(1, std::memory_order_relaxed);
    size_bytes_.fetch_add(static_cast<int64_t>(bytes.size()),
                          std::memory_order_relaxed);
    return sink_.Write(bytes);
  }

  int64_t page_count() const { return page_count_.load(); }
  int64_t size_bytes() const { return size_bytes_.load(); }

 private:
  PageSink& sink_;
  std::atomic<int64_t> page_count_ = 0;
  std::atomic<int64_t> size_bytes_ = 0;
};

// Writes what differs from `base`. Opens it anew: what an edit reads is not
// what searches need, and goes when the edit is done.
absl::StatusOr<PageId> EditBase(Domain& domain, const DomainForest& base,
                                std::span<const Ordinal> inserted,
                                std::span<const Ordinal> deleted,
                                PageSink& sink) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const Forest> forest,
                         Forest::Open(base.root(), domain.pages()));
  COPSE_ASSIGN_OR_RETURN(
      const ForestEdit edit,
      EditForest(*forest, domain.vectors(), inserted, deleted, sink));
  return edit.root;
}

// Returns the root of a forest over `live`. `base_number` becomes that of
// `base` if it was edited, with `change_count` rows inserted and deleted, and 0
// if the forest was built anew.
absl::StatusOr<PageId> WriteForest(Domain& domain, const DomainForest* base,
                                   const RowSet& live, PageSink& sink,
                                   uint64_t& base_number,
                                   int64_t& change_count) {
  if (base != nullptr) {
    std::vector<Ordinal> inserted;
    std::vector<Ordinal> deleted;
    RowSet::Compare(live, base->covered(), &inserted, &deleted);
    change_count = static_cast<int64_t>(inserted.size() + deleted.size());
    if (change_count <= base->covered().row_count() / 2) {
      absl::StatusOr<PageId> root =
          EditBase(domain, *base, inserted, deleted, sink);
      // A damaged page must not stop all further commits: a forest can be made
      // again from the vectors. If these are damaged, the build says so.
      if (!absl::IsDataLoss(root.status())) {
        base_number = base->number();
        return root;
      }
    }
  }
  base_number = 0;
  ForestOptions options = domain.context().options.forest;
  options.metric = domain.metric();
  options.seed = kForestSeed;
  options.thread_count = domain.context().options.thread_count;
  return BuildForest(options, domain.vectors(), live.ToVector(), sink);
}

}  // namespace

absl::StatusOr<ForestChoice> ChooseForest(Domain& domain, const RowSet& live,
                                          uint64_t preferred) {
  if (live.row_count() <= domain.context().options.forest_row_count_min) {
    return ForestChoice();
  }
  const int64_t change_count_max = ChangeCountMax(domain, live);
  ForestChoice choice;
  int64_t least_change = std::numeric_limits<int64_t>::max();
  const auto consider = [&](uint64_t number) -> absl::Status {
    COPSE_ASSIGN_OR_RETURN(std::shared_ptr<const DomainForest> forest,
                           domain.catalog().LoadForest(number));
    const int64_t change = RowSet::DifferenceCount(live, forest->covered());
    if (change < least_change) {
      least_change = change;
      choice.forest = std::move(forest);
    }
    return absl::OkStatus();
  };
  if (preferred != 0) {
    COPSE_RETURN_IF_ERROR(consider(preferred));
  }
  if (least_change > change_count_max) {
    COPSE_ASSIGN_OR_RETURN(
        const std::vector<uint64_t> newest,
        domain.catalog().ListNewestForests(kCandidateCountMax));
    for (const uint64_t number : newest) {
      COPSE_RETURN_IF_ERROR(consider(number));
    }
  }
  choice.fold_is_due = least_change > change_count_max;
  return choice;
}

absl::StatusOr<Fold> FoldForest(Domain& domain, const DomainForest* base,
                                const RowSet& live, uint64_t live_set_number) {
  CountingSink sink(domain.page_sink());
  Fold fold;
  int64_t change_count = 0;
  COPSE_ASSIGN_OR_RETURN(fold.record.root_page,
                         WriteForest(domain, base, live, sink,
                                     fold.record.base_forest, change_count));
  COPSE_ASSIGN_OR_RETURN(const uint64_t number,
                         domain.forest_numbers().Allocate(1));
  fold.record.covered_live_set = live_set_number;
  fold.record.row_count = live.row_count();
  fold.record.written_page_count = sink.page_count();
  fold.record.written_size_bytes = sink.size_bytes();
  fold.record.create_time = domain.context().options.clock();
  COPSE_RETURN_IF_ERROR(
      CalibrateFold(domain, fold.record.base_forest == 0 ? nullptr : base,
                    change_count, live, fold.record));
  fold.forest = std::make_shared<const DomainForest>(
      number, fold.record, live, domain.pages(), domain.context().index_memory);
  return fold;
}

}  // namespace copse
