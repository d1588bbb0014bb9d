// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/fold.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/forest.h"
#include "index/page_store.h"
#include "index/stored_vector.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/domain.h"
#include "versioning/domain_forest.h"
#include "versioning/fold_calibration.h"
#include "versioning/forest_record.h"
#include "versioning/garbage_pins.h"
#include "versioning/index_catalog.h"
#include "versioning/keys.h"
#include "versioning/manifest.h"
#include "versioning/meta_database.h"
#include "versioning/query_sample.h"
#include "versioning/row_set.h"
#include "versioning/store.h"

namespace copse {
namespace {

// How many forests are compared where the preferred one does not serve. A
// branch that was left long ago costs a fold at most.
constexpr size_t kCandidateCountMax = 8;

// One in so many rows may be outside the forest.
constexpr int64_t kChangeDivisor = 33;

// Equal rows give equal forests, in every store.
constexpr uint64_t kForestSeed = 0x636f707365;

absl::Status StoppedError() { return absl::CancelledError("fold is stopped"); }

// The vectors of a fold that can be stopped: it reads them all along.
class StoppableVectors final : public VectorSource {
 public:
  StoppableVectors(const VectorSource& vectors, const std::atomic<bool>& stop)
      : vectors_(vectors), stop_(stop) {}

  size_t dimension() const override { return vectors_.dimension(); }
  absl::StatusOr<StoredVector> Read(Ordinal ordinal) const override {
    if (stop_.load(std::memory_order_relaxed)) {
      return StoppedError();
    }
    return vectors_.Read(ordinal);
  }
  void Prefetch(Ordinal ordinal) const override { vectors_.Prefetch(ordinal); }

 private:
  const VectorSource& vectors_;
  const std::atomic<bool>& stop_;
};

// Counts what goes to `sink`.
class CountingSink final : public PageSink {
 public:
  CountingSink(PageSink& sink, const std::atomic<bool>& stop)
      : sink_(sink), stop_(stop) {}

  absl::StatusOr<PageId> Write(std::span<const std::byte> bytes) override {
    if (stop_.load(std::memory_order_relaxed)) {
      return StoppedError();
    }
    page_count_.fetch_add(1, std::memory_order_relaxed);
    size_bytes_.fetch_add(static_cast<int64_t>(bytes.size()),
                          std::memory_order_relaxed);
    return sink_.Write(bytes);
  }

  int64_t page_count() const { return page_count_.load(); }
  int64_t size_bytes() const { return size_bytes_.load(); }

 private:
  PageSink& sink_;
  const std::atomic<bool>& stop_;
  std::atomic<int64_t> page_count_ = 0;
  std::atomic<int64_t> size_bytes_ = 0;
};

// Writes what differs from `base`. Opens it anew: what an edit reads is not
// what searches need, and goes when the edit is done.
absl::StatusOr<PageId> EditBase(Domain& domain, const VectorSource& vectors,
                                const DomainForest& base,
                                std::span<const Ordinal> inserted,
                                std::span<const Ordinal> deleted,
                                PageSink& sink) {
  COPSE_ASSIGN_OR_RETURN(const std::shared_ptr<const Forest> forest,
                         Forest::Open(base.root(), domain.pages()));
  COPSE_ASSIGN_OR_RETURN(const ForestEdit edit,
                         EditForest(*forest, vectors, inserted, deleted, sink));
  return edit.root;
}

// Returns the root of a forest over `live`. `base_number` becomes that of
// `base` if it was edited, with `change_count` rows inserted and deleted, and 0
// if the forest was built anew.
absl::StatusOr<PageId> WriteForest(Domain& domain, const VectorSource& vectors,
                                   const DomainForest* base, const RowSet& live,
                                   PageSink& sink, uint64_t& base_number,
                                   int64_t& change_count) {
  if (base != nullptr) {
    std::vector<Ordinal> inserted;
    std::vector<Ordinal> deleted;
    RowSet::Compare(live, base->covered(), &inserted, &deleted);
    change_count = static_cast<int64_t>(inserted.size() + deleted.size());
    if (change_count <= base->covered().row_count() / 2) {
      absl::StatusOr<PageId> root =
          EditBase(domain, vectors, *base, inserted, deleted, sink);
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
  return BuildForest(options, vectors, live.ToVector(), sink);
}

// Drops the opened commits to which `covered` is nearer than what they search.
// Who holds one keeps it.
void ReopenNearerCommits(Domain& domain, const RowSet& covered) {
  domain.context().pool.EraseIf(
      domain.number(), [&covered](const CommitReaderImpl& reader) {
        const int64_t change = RowSet::DifferenceCount(reader.live(), covered);
        return change < (reader.forest() == nullptr
                             ? reader.live().row_count()
                             : RowSet::DifferenceCount(
                                   reader.live(), reader.forest()->covered()));
      });
}

}  // namespace

int64_t ChangeCountMax(const Domain& domain, int64_t row_count) {
  return std::max<int64_t>(domain.context().options.forest_row_count_min,
                           row_count / kChangeDivisor);
}

absl::StatusOr<ForestChoice> ChooseForest(Domain& domain, const RowSet& live,
                                          uint64_t preferred) {
  if (live.row_count() <= domain.context().options.forest_row_count_min) {
    return ForestChoice();
  }
  const int64_t change_count_max = ChangeCountMax(domain, live.row_count());
  ForestChoice choice;
  int64_t least_change = std::numeric_limits<int64_t>::max();
  const auto consider = [&](uint64_t number) -> absl::Status {
    if (domain.catalog().IsDamaged(number)) {
      return absl::OkStatus();
    }
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
        const std::vector<uint64_t> candidates,
        domain.catalog().ListForests(preferred, kCandidateCountMax));
    for (const uint64_t number : candidates) {
      // The commit can do without one that is damaged, which verification
      // names, or has become garbage since.
      const absl::Status status = consider(number);
      if (!absl::IsDataLoss(status) && !absl::IsNotFound(status)) {
        COPSE_RETURN_IF_ERROR(status);
      }
    }
  }
  choice.fold_is_due = least_change > change_count_max;
  return choice;
}

absl::StatusOr<Fold> FoldForest(Domain& domain, const DomainForest* base,
                                const RowSet& live, uint64_t live_set_number,
                                const std::atomic<bool>& stop) {
  const StoppableVectors vectors(domain.vectors(), stop);
  CountingSink sink(domain.page_sink(), stop);
  Fold fold;
  COPSE_ASSIGN_OR_RETURN(fold.pin, domain.PinBuild({}));
  if (base != nullptr) {
    fold.pin.Hold({{.live_set_number = base->record().covered_live_set,
                    .forest_number = base->number()}});
  }
  int64_t change_count = 0;
  COPSE_ASSIGN_OR_RETURN(fold.record.root_page,
                         WriteForest(domain, vectors, base, live, sink,
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

void PutFold(Domain& domain, const Fold& fold, MetaBatch& batch) {
  batch.Put(MetaTable::kForests,
            ForestKey(domain.number(), fold.forest->number()),
            fold.record.Encode());
  const QuerySampleRecord sample = domain.query_sample().ToRecord();
  if (sample.query_count() > 0) {
    batch.Put(MetaTable::kDomains, QuerySampleKey(domain.number()),
              sample.Encode());
  }
}

absl::StatusOr<std::optional<FoldReport>> FoldCommit(
    Domain& domain, absl::string_view commit, const std::atomic<bool>& stop,
    const std::function<void(const FoldReport&)>& on_begin) {
  GarbagePin pin = domain.pins().Open();
  COPSE_ASSIGN_OR_RETURN(const std::optional<Manifest> manifest,
                         domain.FindManifest(commit));
  if (!manifest.has_value()) {
    return std::nullopt;
  }
  pin.Hold({{.live_set_number = manifest->live_set_number,
             .forest_number = manifest->preferred_forest}});
  COPSE_ASSIGN_OR_RETURN(
      const std::shared_ptr<const RowSet> live,
      domain.catalog().LoadRows(manifest->live_set_number, nullptr));
  COPSE_ASSIGN_OR_RETURN(
      const ForestChoice choice,
      ChooseForest(domain, *live, manifest->preferred_forest));
  if (!choice.fold_is_due) {
    // Made since the commit was opened.
    if (choice.forest != nullptr) {
      ReopenNearerCommits(domain, choice.forest->covered());
    }
    return std::nullopt;
  }
  FoldReport report = {.domain = domain.name(),
                       .commit = std::string(commit),
                       .row_count = live->row_count()};
  if (on_begin != nullptr) {
    on_begin(report);
  }
  COPSE_RETURN_IF_ERROR(domain.context().CheckFreeSpace());
  COPSE_ASSIGN_OR_RETURN(const Fold fold,
                         FoldForest(domain, choice.forest.get(), *live,
                                    manifest->live_set_number, stop));
  MetaBatch batch(domain.database());
  PutFold(domain, fold, batch);
  COPSE_RETURN_IF_ERROR(domain.Write(batch, Durability::kSynced));
  domain.catalog().AddForest(fold.forest);
  ReopenNearerCommits(domain, fold.forest->covered());
  report.row_count = fold.record.row_count;
  report.written_page_count = fold.record.written_page_count;
  report.written_size_bytes = fold.record.written_size_bytes;
  return report;
}

}  // namespace copse
