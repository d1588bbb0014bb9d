// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A forest answers nearest-neighbour queries over a set of rows, its covered
// set, from immutable pages. It is one or more trees of k-means partitions. A
// change of the covered set writes the pages that change and a new root, and
// shares all others with the forest it started from.
//
//   COPSE_ASSIGN_OR_RETURN(PageId root,
//                          BuildForest({.metric = Metric::kCosine}, vectors,
//                                      ordinals, sink));
//   COPSE_ASSIGN_OR_RETURN(std::shared_ptr<const Forest> forest,
//                          Forest::Open(root, source));
//   COPSE_ASSIGN_OR_RETURN(std::vector<Neighbor> neighbors,
//                          forest->Search(vectors, query,
//                                         {.neighbor_count = 10}));
//   COPSE_ASSIGN_OR_RETURN(ForestEdit edit,
//                          EditForest(*forest, vectors, inserted, deleted,
//                                     sink));

#ifndef COPSE_INDEX_FOREST_H_
#define COPSE_INDEX_FOREST_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/metric.h"
#include "index/page_store.h"
#include "index/row_bitmap.h"
#include "index/search_phase.h"
#include "index/vector_source.h"

namespace copse {

class Calibration;

struct ForestOptions {
  Metric metric = Metric::kCosine;

  // Trees, in [1, 8]. Each has all rows and is built with a seed of its own; a
  // search takes the best leaves of all. One is best for most data: smaller
  // leaves give more recall for the same work and no more space.
  uint32_t tree_count = 1;

  // The most children of an inner page, in [4, 1024].
  uint32_t fan_out = 128;

  // The rows that a leaf aims to hold, in [8, 1024]; none has more than twice
  // as many. An edit splits what it makes larger than 4/3 of it and merges what
  // is below a quarter. Smaller leaves: more recall at equal budget, more work.
  uint32_t leaf_row_count = 64;

  // Equal seeds, options and rows give equal pages, whatever the threads, on
  // processors with the same instruction set.
  uint64_t seed = 0;

  // Threads that a build may use, in [1, 256]. Not stored.
  uint32_t thread_count = 1;
};

struct SearchOptions {
  // How many rows to return, at least 1.
  size_t neighbor_count = 10;

  // How many rows to estimate the distance of, those that pass the filters
  // alone counted. Whole leaves are scanned, so it may be a leaf more, and with
  // a filter up to three times as many where the nearest rows do not pass it. A
  // row counts again in each tree. Less than `neighbor_count` a tree is taken
  // for that, and a forest's row_count() or more means all rows. 0 means 32 *
  // sqrt(row_count) * (neighbor_count / 10)^0.2, but at least 2,048: about .97
  // recall on sentence embeddings.
  size_t scan_budget = 0;

  // How many of the best estimates to compute the exact distance of, at least:
  // among near-duplicates, whose estimates differ by rounding more than by
  // distance, it is up to 4,096 rows more. Less than `neighbor_count` is taken
  // for that. 0 means 4 * neighbor_count + 20, and
  // for Manhattan, whose estimates are rough, 16 * neighbor_count + 240.
  size_t rerank_count = 0;

  // The share of the true nearest rows that the search should find on average,
  // in (0, 1]; 1 means exactly all. Decides the scan budget and the rerank
  // count where these are 0, with `allowed` to no less than their defaults. It
  // is kept on average over queries like those of the calibration: a single
  // search may find more or less. 0 means that it is not set.
  double recall_target = 0;

  // What `recall_target` goes by: the calibration of the forest that is
  // searched, or of one that it was edited from. Null means that built-in
  // curves are used, which are meant for sentence embeddings. Not owned.
  const Calibration* calibration = nullptr;

  // Whether to compare with every row, whatever the budgets say.
  bool exact = false;

  // Only rows that are at most so far are returned, in the metric; those of a
  // range search, with a neighbor_count that is large enough. Not NaN.
  float distance_max = std::numeric_limits<float>::infinity();

  // If set, only rows that it contains are returned. All of them are covered.
  // Not owned.
  const RowBitmap* allowed = nullptr;

  // If set, rows that it contains are not returned. Not owned.
  const RowBitmap* excluded = nullptr;

  // If set, it is called again and again, after a few dozen leaves or rows, and
  // the search ends with the first status that is not OK: for deadlines and
  // cancellation. Not owned.
  const std::function<absl::Status()>* check = nullptr;

  // If set, it is told when each part of the search has ended. Not owned.
  const PhaseObserver* phase_observer = nullptr;
};

// What one search did; adds up over searches.
struct SearchWork {
  int64_t pages_read = 0;    // Inner nodes opened and leaves scanned.
  int64_t rows_scanned = 0;  // Estimated; again for each tree they are met in.
  // Vectors compared; those of near-duplicates may be compared twice.
  int64_t rows_reranked = 0;
};

// Thread safety: immutable but for pages loaded on first use; any number of
// threads may search one Forest.
class Forest {
 public:
  // Opens the forest with root page `root` (kind: forest root). Reads the root
  // page only; other pages are read, checked and kept when first needed.
  // `pages` must outlive the forest. Fails with kDataLoss if the page is
  // damaged, and kUnimplemented if it is of a newer version, naming the page.
  static absl::StatusOr<std::shared_ptr<const Forest>> Open(
      PageId root, const PageSource& pages);

  virtual ~Forest() = default;

  virtual PageId root() const = 0;
  virtual const ForestOptions& options() const = 0;
  virtual size_t dimension() const = 0;

  // Returns the number of rows of the covered set.
  virtual int64_t row_count() const = 0;

  // Returns the bytes of memory that the pages loaded so far take. Pages are
  // kept until the forest is destroyed. A page that `pages` also hands to other
  // forests is counted by each of them.
  virtual size_t memory_size_bytes() const = 0;

  // Returns rows near `query`, ascending by (distance, ordinal), with exact
  // distances from `vectors`. `work`, if not null, is added to. Fails with
  // kInvalidArgument for a query that CheckVector() refuses, a neighbor_count
  // of 0 or a recall_target out of range, and with what `vectors` and the pages
  // fail with. With `allowed` rows fewer than the budget it finds every one of
  // them, wherever they are. So few that a scan for them would cost more are
  // all compared exactly.
  virtual absl::StatusOr<std::vector<Neighbor>> Search(
      const VectorSource& vectors, std::span<const float> query,
      const SearchOptions& options, SearchWork* work = nullptr) const = 0;

  // The same for many queries at once: element i of the result is what Search()
  // returns for queries[i], up to the choice among rows with equal estimates.
  // A leaf that several queries want is read from memory once, so it is faster
  // than as many searches, the more so the more queries there are.
  virtual absl::StatusOr<std::vector<std::vector<Neighbor>>> BatchSearch(
      const VectorSource& vectors,
      std::span<const std::span<const float>> queries,
      const SearchOptions& options, SearchWork* work = nullptr) const = 0;

  // Calls `visit` with the number and bytes of each page that the forest
  // reaches, root first. Reads every page from the source, also those that are
  // loaded, and keeps none; after `visit` has seen a page, checks it, and that
  // the counts of the page above agree with it. Stops at the first status of
  // `visit` that is not OK, and at the first page that is damaged.
  virtual absl::Status ForEachPage(
      const std::function<absl::Status(PageId, std::span<const std::byte>)>&
          visit) const = 0;

  // Calls `visit` with the number of each page that the forest reaches, root
  // first, but reads no leaf page: the pages above name them. For marking what
  // is in use, it costs a hundredth of ForEachPage().
  virtual absl::Status ForEachPageId(
      const std::function<absl::Status(PageId)>& visit) const = 0;

  // Calls `visit` with each ordinal of the covered set once, in no particular
  // order.
  virtual absl::Status ForEachRow(
      const std::function<void(Ordinal)>& visit) const = 0;
};

// Builds a forest over `ordinals`, which has no duplicates and may be empty,
// writes its pages to `sink` and returns the number of its root page. Fails
// with kInvalidArgument for options out of range, and with what `vectors` and
// `sink` fail with; then pages may have been written that nothing refers to.
absl::StatusOr<PageId> BuildForest(const ForestOptions& options,
                                   const VectorSource& vectors,
                                   std::span<const Ordinal> ordinals,
                                   PageSink& sink);

// The result of an edit.
struct ForestEdit {
  PageId root = kNoPage;
  int64_t pages_written = 0;  // With the root.
  int64_t bytes_written = 0;
  int64_t rows_moved = 0;  // Reassigned between leaves, LIRE step 3.
};

// Writes the pages in which the forest over (covered - deleted + inserted)
// differs from `forest`, which stays as it is and usable, and shares the others
// with it. Options and seed are those of `forest`. An edit of nothing writes
// nothing and returns the root of `forest`; if more rows are inserted than are
// kept, the forest is built anew. Work and memory go with the pages written and
// their neighbours.
//
// `inserted` are not covered yet and `deleted` are; neither has duplicates, and
// no row is in both. Fails with kInvalidArgument, naming a row, if that is not
// so; a row of `inserted` that is covered is looked for in the leaves near it,
// where it would be, and not in all. Fails with what `vectors`, the pages and
// `sink` fail with; then pages may have been written that nothing refers to.
// The vectors of deleted rows need not be readable, but should be: without its
// vector a row is looked for in all leaves.
absl::StatusOr<ForestEdit> EditForest(const Forest& forest,
                                      const VectorSource& vectors,
                                      std::span<const Ordinal> inserted,
                                      std::span<const Ordinal> deleted,
                                      PageSink& sink);

}  // namespace copse

#endif  // COPSE_INDEX_FOREST_H_
