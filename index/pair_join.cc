// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "index/pair_join.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "xxhash.h"

#include "index/distance.h"
#include "index/forest.h"
#include "index/leaf_join.h"
#include "index/metric.h"
#include "index/packed_rows.h"
#include "index/row_bitmap.h"
#include "index/stored_vector.h"
#include "index/tree_builder.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "index/worker_crew.h"

namespace copse {
namespace {

using internal::JoinContext;
using internal::LeafJoin;
using internal::PairBuffer;
using internal::WorkerCrew;

// So many comparisons are made without asking whether codes are faster: some
// tens of milliseconds.
constexpr uint64_t kComparisonCountMax = uint64_t{1} << 22;

// Rows of one task.
constexpr size_t kBlockRowCount = 64;

// Rows that are compared between two checks.
constexpr size_t kCheckInterval = 512;

std::span<const Ordinal> Block(std::span<const Ordinal> rows, size_t index) {
  const size_t first = index * kBlockRowCount;
  return rows.subspan(first, std::min(kBlockRowCount, rows.size() - first));
}

size_t BlockCountOf(std::span<const Ordinal> rows) {
  return (rows.size() + kBlockRowCount - 1) / kBlockRowCount;
}

// Reads vectors for as long as it lives; of bits it keeps the components.
class RowReader {
 public:
  explicit RowReader(const VectorSource& vectors) : vectors_(vectors) {}

  absl::StatusOr<std::span<const float>> Read(Ordinal ordinal) {
    return internal::ReadVector(vectors_, ordinal, buffers_.emplace_back());
  }

 private:
  const VectorSource& vectors_;
  std::deque<std::vector<float>> buffers_;
};

// One join.
class PairJoin {
 public:
  explicit PairJoin(JoinContext& context)
      : context_(context), crew_(context.options().thread_count) {}

  absl::Status Run() {
    const JoinedRows& rows = context_.rows();
    const float distance_max = context_.options().distance_max;
    const bool is_product = context_.metric() == Metric::kDotProduct;
    if (!is_product && distance_max < 0) {
      return absl::OkStatus();
    }
    if (!is_product && distance_max == 0 && !context_.options().exact) {
      COPSE_RETURN_IF_ERROR(ListAll());
      return JoinEqual();
    }
    if (rows.changed != nullptr) {
      return JoinChanged();
    }
    if (IsFew()) {
      COPSE_RETURN_IF_ERROR(ListAll());
      return CompareAll(all_);
    }
    if (!is_product) {
      COPSE_RETURN_IF_ERROR(ListAll());
      COPSE_RETURN_IF_ERROR(JoinEqual());
      all_ = {};
    }
    return JoinLeaves();
  }

 private:
  size_t CoveredCount() const {
    const Forest* const forest = context_.rows().forest;
    return forest == nullptr ? 0 : static_cast<size_t>(forest->row_count());
  }

  bool IsChanged(Ordinal ordinal) const {
    const RowBitmap* const changed = context_.rows().changed;
    return changed == nullptr || changed->Contains(ordinal);
  }

  // Whether all rows are to be compared with each other.
  bool IsFew() const {
    const JoinedRows& rows = context_.rows();
    const uint64_t count =
        rows.allowed != nullptr
            ? static_cast<uint64_t>(rows.allowed->row_count())
            : CoveredCount() + rows.tail.size();
    return context_.options().exact || count * count / 2 <= kComparisonCountMax;
  }

  // Lists all rows that pass the filters.
  absl::Status ListAll() {
    const JoinedRows& rows = context_.rows();
    const internal::RowFilter filter = context_.filter();
    if (rows.allowed != nullptr) {
      rows.allowed->ForEach(
          [this](Ordinal ordinal) { all_.push_back(ordinal); });
      return absl::OkStatus();
    }
    if (rows.forest != nullptr) {
      COPSE_RETURN_IF_ERROR(rows.forest->ForEachRow([&](Ordinal ordinal) {
        if (filter.Passes(ordinal)) {
          all_.push_back(ordinal);
        }
      }));
    }
    all_.insert(all_.end(), rows.tail.begin(), rows.tail.end());
    return absl::OkStatus();
  }

  // Returns the rows of the tail that may be in a pair.
  std::vector<Ordinal> ListTail() const {
    std::vector<Ordinal> tail;
    const RowBitmap* const allowed = context_.rows().allowed;
    std::copy_if(context_.rows().tail.begin(), context_.rows().tail.end(),
                 std::back_inserter(tail), [allowed](Ordinal ordinal) {
                   return allowed == nullptr || allowed->Contains(ordinal);
                 });
    return tail;
  }

  absl::Status JoinChanged() {
    std::vector<Ordinal> changed;
    const RowBitmap* const allowed = context_.rows().allowed;
    context_.rows().changed->ForEach([&](Ordinal ordinal) {
      if (allowed == nullptr || allowed->Contains(ordinal)) {
        changed.push_back(ordinal);
      }
    });
    if (changed.empty()) {
      return absl::OkStatus();
    }
    if (context_.options().exact ||
        changed.size() * CoveredCount() <= kComparisonCountMax / 16) {
      COPSE_RETURN_IF_ERROR(ListAll());
      return Compare(changed, all_);
    }
    COPSE_RETURN_IF_ERROR(JoinWithForest(changed));
    return JoinWithTail(changed, ListTail());
  }

  absl::Status JoinLeaves() {
    const std::vector<Ordinal> tail = ListTail();
    COPSE_RETURN_IF_ERROR(JoinWithForest(tail));
    if (tail.size() * tail.size() / 2 <= kComparisonCountMax) {
      COPSE_RETURN_IF_ERROR(CompareAll(tail));
    } else {
      COPSE_RETURN_IF_ERROR(JoinWithTail(tail, tail));
    }
    if (CoveredCount() == 0) {
      return absl::OkStatus();
    }
    LeafJoin join(context_);
    COPSE_RETURN_IF_ERROR(join.Begin());
    return crew_.RunChecked(join.leaf_count(), [&join](size_t leaf) {
      return join.JoinLeaf(leaf);
    });
  }

  // Looks for `rows` among those that are covered.
  absl::Status JoinWithForest(std::span<const Ordinal> rows) {
    if (CoveredCount() == 0 || rows.empty()) {
      return absl::OkStatus();
    }
    LeafJoin join(context_);
    COPSE_RETURN_IF_ERROR(join.Begin());
    return crew_.RunChecked(BlockCountOf(rows), [&](size_t block) {
      return join.JoinRows(Block(rows, block));
    });
  }

  // Looks for `rows` in the tail, by codes if it is large.
  absl::Status JoinWithTail(std::span<const Ordinal> rows,
                            std::span<const Ordinal> tail) {
    if (rows.size() * tail.size() <= kComparisonCountMax) {
      return Compare(rows, tail);
    }
    COPSE_ASSIGN_OR_RETURN(
        const PackedRows packed,
        PackedRows::Make(context_.metric(), context_.vectors(), tail));
    const float reach = context_.Reach();
    return crew_.RunChecked(BlockCountOf(rows), [&](size_t block) {
      return JoinPacked(Block(rows, block), packed, reach);
    });
  }

  absl::Status JoinPacked(std::span<const Ordinal> rows,
                          const PackedRows& packed, float reach) {
    PairBuffer buffer(context_);
    std::vector<Ordinal> near;
    std::vector<float> components;
    for (const Ordinal row : rows) {
      COPSE_RETURN_IF_ERROR(context_.Check());
      COPSE_ASSIGN_OR_RETURN(
          const std::span<const float> vector,
          internal::ReadVector(context_.vectors(), row, components));
      near.clear();
      packed.AppendWithin(vector, reach, near);
      COPSE_RETURN_IF_ERROR(CompareRow(row, vector, near, buffer));
    }
    context_.AddWork({.rows_scanned = static_cast<int64_t>(
                          rows.size() * packed.row_count())});
    return buffer.Flush();
  }

  absl::Status CompareRow(Ordinal row, std::span<const float> vector,
                          std::span<const Ordinal> others, PairBuffer& buffer) {
    const QueryDistance distance(context_.metric(), vector);
    for (const Ordinal other : others) {
      if (other == row) {
        continue;
      }
      COPSE_ASSIGN_OR_RETURN(const StoredVector stored,
                             context_.vectors().Read(other));
      const float found = distance.To(stored);
      if (found <= context_.options().distance_max) {
        COPSE_RETURN_IF_ERROR(buffer.Add(row, other, found));
      }
    }
    context_.AddWork({.rows_compared = static_cast<int64_t>(others.size())});
    return absl::OkStatus();
  }

  // Compares each two of `rows`.
  absl::Status CompareAll(std::span<const Ordinal> rows) {
    return crew_.RunChecked(BlockCountOf(rows), [&](size_t block) {
      return CompareBlock(Block(rows, block),
                          rows.subspan(block * kBlockRowCount),
                          /*is_inside=*/true);
    });
  }

  // Compares each of `rows` with each of `others`.
  absl::Status Compare(std::span<const Ordinal> rows,
                       std::span<const Ordinal> others) {
    return crew_.RunChecked(BlockCountOf(rows), [&](size_t block) {
      return CompareBlock(Block(rows, block), others, /*is_inside=*/false);
    });
  }

  // Reads each of `others` once for all of `rows`. If these are the first of
  // the others, each two are compared once.
  absl::Status CompareBlock(std::span<const Ordinal> rows,
                            std::span<const Ordinal> others, bool is_inside) {
    PairBuffer buffer(context_);
    RowReader reader(context_.vectors());
    std::deque<QueryDistance> distances;
    for (const Ordinal row : rows) {
      COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                             reader.Read(row));
      distances.emplace_back(context_.metric(), vector);
    }
    for (size_t i = 0; i < others.size(); ++i) {
      if (i % kCheckInterval == 0) {
        COPSE_RETURN_IF_ERROR(context_.Check());
      }
      COPSE_ASSIGN_OR_RETURN(const StoredVector other,
                             context_.vectors().Read(others[i]));
      const size_t count = is_inside ? std::min(i, rows.size()) : rows.size();
      for (size_t j = 0; j < count; ++j) {
        const float distance = distances[j].To(other);
        if (distance <= context_.options().distance_max &&
            rows[j] != others[i]) {
          COPSE_RETURN_IF_ERROR(buffer.Add(rows[j], others[i], distance));
        }
      }
    }
    context_.AddWork(
        {.rows_compared = static_cast<int64_t>(rows.size() * others.size())});
    return buffer.Flush();
  }

  // ---- Equal vectors ----

  struct HashedRow {
    uint64_t hash = 0;
    Ordinal ordinal = 0;

    friend auto operator<=>(const HashedRow&, const HashedRow&) = default;
  };

  // Finds the rows of all_ with equal vectors.
  absl::Status JoinEqual() {
    std::vector<HashedRow> hashes(all_.size());
    COPSE_RETURN_IF_ERROR(crew_.RunChecked(
        BlockCountOf(all_),
        [&](size_t block) { return HashBlock(block, hashes); }));
    all_ = {};
    std::ranges::sort(hashes);
    PairBuffer buffer(context_);
    for (size_t first = 0; first < hashes.size();) {
      size_t last = first + 1;
      while (last < hashes.size() && hashes[last].hash == hashes[first].hash) {
        ++last;
      }
      COPSE_RETURN_IF_ERROR(
          PairEqual(std::span(hashes).subspan(first, last - first), buffer));
      first = last;
    }
    return buffer.Flush();
  }

  absl::Status HashBlock(size_t block, std::vector<HashedRow>& hashes) {
    COPSE_RETURN_IF_ERROR(context_.Check());
    const std::span<const Ordinal> rows = Block(all_, block);
    std::vector<float> buffer;
    std::vector<float> values;
    for (size_t i = 0; i < rows.size(); ++i) {
      COPSE_ASSIGN_OR_RETURN(
          const std::span<const float> vector,
          internal::ReadVector(context_.vectors(), rows[i], buffer));
      values.assign(vector.begin(), vector.end());
      for (float& value : values) {
        value += 0.0F;  // Minus zero is zero.
      }
      hashes[block * kBlockRowCount + i] = {
          XXH3_64bits(values.data(), values.size() * sizeof(float)), rows[i]};
    }
    return absl::OkStatus();
  }

  // Pairs those of `rows`, which have equal hashes, that are at distance 0.
  absl::Status PairEqual(std::span<const HashedRow> rows, PairBuffer& buffer) {
    std::vector<float> components;
    for (size_t i = 0; i + 1 < rows.size(); ++i) {
      COPSE_RETURN_IF_ERROR(context_.Check());
      COPSE_ASSIGN_OR_RETURN(const std::span<const float> vector,
                             internal::ReadVector(context_.vectors(),
                                                  rows[i].ordinal, components));
      const QueryDistance distance(context_.metric(), vector);
      for (size_t j = i + 1; j < rows.size(); ++j) {
        if (!IsChanged(rows[i].ordinal) && !IsChanged(rows[j].ordinal)) {
          continue;
        }
        COPSE_ASSIGN_OR_RETURN(const StoredVector other,
                               context_.vectors().Read(rows[j].ordinal));
        if (distance.To(other) == 0) {
          COPSE_RETURN_IF_ERROR(
              buffer.Add(rows[i].ordinal, rows[j].ordinal, 0));
        }
      }
    }
    return absl::OkStatus();
  }

  JoinContext& context_;
  WorkerCrew crew_;
  std::vector<Ordinal> all_;
};

}  // namespace

absl::Status JoinPairs(Metric metric, const VectorSource& vectors,
                       const JoinedRows& rows, const PairJoinOptions& options,
                       const PairSink& sink, PairJoinWork* work) {
  if (std::isnan(options.distance_max)) {
    return absl::InvalidArgumentError(
        "distance_max is not a number, expected a distance");
  }
  if (rows.forest != nullptr &&
      rows.forest->dimension() != vectors.dimension()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("vectors have %d components, expected %d as the forest",
                        vectors.dimension(), rows.forest->dimension()));
  }
  JoinContext context(metric, vectors, rows, options, sink);
  const absl::Status status = PairJoin(context).Run();
  if (work != nullptr) {
    const PairJoinWork done = context.work();
    work->leaf_count += done.leaf_count;
    work->rows_scanned += done.rows_scanned;
    work->rows_compared += done.rows_compared;
  }
  return status;
}

}  // namespace copse
