// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/duplicates.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "index/pair_join.h"
#include "index/row_bitmap.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/document_search.h"
#include "versioning/domain.h"
#include "versioning/domain_forest.h"
#include "versioning/duplicate_clusters.h"
#include "versioning/involved_documents.h"
#include "versioning/nearest_pairs.h"
#include "versioning/row_difference.h"
#include "versioning/row_filter.h"
#include "versioning/row_reader.h"
#include "versioning/row_record.h"
#include "versioning/row_set.h"
#include "versioning/spill_sorter.h"
#include "versioning/store_context.h"
#include "versioning/store_errors.h"
#include "versioning/vector_segments.h"

namespace copse {
namespace {

// Pairs whose documents are read at once.
constexpr size_t kBatchPairCount = 512;

// What is known of a row and its document takes about so much memory.
constexpr size_t kKnownRowSizeBytes = 256;

// Two documents by their places in the order of the IDs, the smaller first, and
// their nearest rows.
struct RankedPair {
  float distance = 0;
  uint32_t first_rank = 0;
  uint32_t second_rank = 0;
  Ordinal first_row = 0;
  Ordinal second_row = 0;

  auto order() const { return std::tie(distance, first_rank, second_rank); }
};
struct LessByDistance {
  bool operator()(const RankedPair& left, const RankedPair& right) const {
    return left.order() < right.order();
  }
};
struct SameRanks {
  bool operator()(const RankedPair& left, const RankedPair& right) const {
    return left.order() == right.order();
  }
};

class DuplicateSearch {
 public:
  DuplicateSearch(const CommitReaderImpl& reader,
                  const DuplicateOptions& options,
                  const DuplicateVisitor& visitor)
      : reader_(reader),
        domain_(reader.domain()),
        options_(options),
        visitor_(visitor),
        budget_(options.spill_size_bytes_max, "duplicates.spill_max_bytes"),
        found_(Spill()),
        ranked_(Spill()),
        documents_(domain_) {
    if (options_.pair_count_max > 0 &&
        options_.pair_count_max <= kNearestPairCountMax &&
        options_.clustering == DuplicateOptions::Clustering::kNone) {
      nearest_.emplace(static_cast<size_t>(options_.pair_count_max),
                       documents_);
    }
  }

  absl::Status Run() {
    if (std::isnan(options_.distance_max)) {
      return WithReason(
          absl::InvalidArgumentError(
              "distance_max is not a number, expected a distance"),
          "DISTANCE_INVALID", {{"found", "nan"}});
    }
    COPSE_RETURN_IF_ERROR(ListRows());
    COPSE_RETURN_IF_ERROR(JoinRows());
    if (nearest_.has_value()) {
      return VisitNearest();
    }
    COPSE_RETURN_IF_ERROR(found_.Finish());
    documents_.Rank();
    if (options_.clustering == DuplicateOptions::Clustering::kConnected) {
      return VisitConnected();
    }
    COPSE_RETURN_IF_ERROR(RankPairs());
    return options_.clustering == DuplicateOptions::Clustering::kCompleteLink
               ? VisitCompleteLink()
               : VisitPairs();
  }

 private:
  SpillOptions Spill() {
    StoreContext& context = domain_.context();
    return {.folder = SpillPath(context.folder->path()),
            .memory_size_bytes =
                static_cast<size_t>(options_.memory_size_bytes) / 2,
            .budget = &budget_,
            .check_space = [&context] { return context.CheckFreeSpace(); }};
  }

  absl::Status Check() const {
    return options_.check == nullptr ? absl::OkStatus() : options_.check();
  }

  // Decides which rows may be in pairs.
  absl::Status ListRows() {
    tail_ = reader_.GetTail();
    if (!options_.scope.empty()) {
      COPSE_RETURN_IF_ERROR(List(options_.scope, scope_.emplace()));
    }
    if (!options_.target.empty()) {
      COPSE_RETURN_IF_ERROR(List(options_.target, target_.emplace()));
    }
    if (scope_.has_value() && target_.has_value()) {
      allowed_.emplace();
      for (const RowBitmap* const rows : {&*scope_, &*target_}) {
        rows->ForEach([this](Ordinal ordinal) { allowed_->Add(ordinal); });
      }
    } else if (scope_.has_value()) {
      allowed_ = std::exchange(scope_, std::nullopt);
    }
    if (options_.since == nullptr) {
      return absl::OkStatus();
    }
    const auto& since = static_cast<const CommitReaderImpl&>(*options_.since);
    if (since.domain().number() != domain_.number()) {
      return DomainReplacedError(domain_.name());
    }
    COPSE_ASSIGN_OR_RETURN(const std::vector<DifferentRow> rows,
                           ReadRowDifference(domain_, since.live(),
                                             reader_.live(), options_.check));
    changed_.emplace();
    for (std::span<const DifferentRow> rest(rows); !rest.empty();) {
      for (const DifferentRow& row : WithoutPairs(TakeDocument(rest))) {
        if (row.is_target) {
          changed_->Add(row.ordinal);
        }
      }
    }
    return absl::OkStatus();
  }

  // Adds the live rows of the documents of `scope`.
  absl::Status List(const DuplicateScope& scope, RowBitmap& rows) const {
    DocumentSearchOptions options;
    options.types = scope.types;
    options.document_ids = scope.document_ids;
    options.check = options_.check;
    COPSE_ASSIGN_OR_RETURN(const RowFilter filter,
                           RowFilter::Make(reader_, options));
    reader_.live().ForEach([&](Ordinal ordinal) {
      if (filter.Allows(ordinal)) {
        rows.Add(ordinal);
      }
    });
    return absl::OkStatus();
  }

  bool IsInScope(Ordinal row) const {
    return !scope_.has_value() || scope_->Contains(row);
  }
  bool IsInTarget(Ordinal row) const {
    return !target_.has_value() || target_->Contains(row);
  }

  // Whether one row is in the scope and the other in the target.
  bool IsAcross(const RowPair& pair) const {
    return (IsInScope(pair.first) && IsInTarget(pair.second)) ||
           (IsInScope(pair.second) && IsInTarget(pair.first));
  }

  absl::Status JoinRows() {
    std::shared_ptr<const Forest> forest;
    absl::Status status = absl::OkStatus();
    if (reader_.forest() != nullptr) {
      absl::StatusOr<std::shared_ptr<const Forest>> opened =
          reader_.forest()->Open();
      status = opened.status();
      if (status.ok()) {
        forest = *std::move(opened);
        status = Join(forest.get(), tail_->tail());
      }
    } else {
      status = Join(nullptr, tail_->tail());
    }
    if (!absl::IsDataLoss(status) || reader_.forest() == nullptr) {
      return status;
    }
    // What was found so far is found again, and kept once.
    const absl::Status again = Join(nullptr, reader_.live().ToVector());
    if (absl::IsDataLoss(again)) {
      return status;
    }
    if (again.ok()) {
      MarkForestDamaged(reader_);
    }
    return again;
  }

  absl::Status Join(const Forest* forest, std::span<const Ordinal> tail) {
    const std::function<absl::Status()> check = [this] { return Check(); };
    return JoinPairs(
        domain_.metric(), domain_.vectors(),
        {.forest = forest,
         .tail = tail,
         .excluded = tail_->removed().empty() || forest == nullptr
                         ? nullptr
                         : &tail_->removed(),
         .allowed = allowed_.has_value() ? &*allowed_ : nullptr,
         .changed = changed_.has_value() ? &*changed_ : nullptr},
        {.distance_max = options_.distance_max,
         .exact = options_.exact,
         .thread_count = options_.thread_count,
         .check = &check},
        [this](std::span<const RowPair> pairs) { return AddPairs(pairs); });
  }

  float ShownDistance(const RowPair& pair) const {
    return pair.distance <= options_.zero_distance_max
               ? std::min(pair.distance, 0.0F)
               : pair.distance;
  }

  // Whether the pair may be one of those that are visited, but for its
  // documents.
  bool IsWanted(const RowPair& pair) const {
    return IsAcross(pair) &&
           (!nearest_.has_value() || nearest_->MayTake(ShownDistance(pair)));
  }

  absl::Status AddPairs(std::span<const RowPair> pairs) {
    COPSE_RETURN_IF_ERROR(Check());
    std::vector<RowPair> wanted;
    std::copy_if(pairs.begin(), pairs.end(), std::back_inserter(wanted),
                 [this](const RowPair& pair) { return IsWanted(pair); });
    COPSE_RETURN_IF_ERROR(documents_.Learn(wanted));
    for (const RowPair& pair : wanted) {
      COPSE_RETURN_IF_ERROR(AddPair(pair));
    }
    if (nearest_.has_value() && documents_.row_count() > KnownRowCountMax()) {
      documents_.ForgetAllBut(nearest_->KeepNearest());
    }
    found_count_ += static_cast<int64_t>(pairs.size());
    return visitor_.on_progress == nullptr ? absl::OkStatus()
                                           : visitor_.on_progress(found_count_);
  }

  absl::Status AddPair(const RowPair& pair) {
    const FoundPair found = {
        .first_document = documents_.DocumentOf(pair.first),
        .second_document = documents_.DocumentOf(pair.second),
        .distance = ShownDistance(pair),
        .first_row = pair.first,
        .second_row = pair.second};
    if (found.first_document == found.second_document) {
      return absl::OkStatus();
    }
    if (!nearest_.has_value()) {
      return found_.Add(found);
    }
    nearest_->Add(found);
    return absl::OkStatus();
  }

  // What is wanted is known anyway, and what is forgotten is read again.
  size_t KnownRowCountMax() const {
    return std::max(
        static_cast<size_t>(options_.memory_size_bytes) / kKnownRowSizeBytes,
        4 * static_cast<size_t>(options_.pair_count_max));
  }

  // Sorts the nearest pair of each two documents by distance.
  absl::Status RankPairs() {
    COPSE_RETURN_IF_ERROR(ForEachFound(
        [this](const RankedPair& pair) { return ranked_.Add(pair); }));
    found_.Clear();
    return ranked_.Finish();
  }

  absl::Status ForEachFound(
      const std::function<absl::Status(const RankedPair&)>& visit) {
    for (size_t i = 0;; ++i) {
      COPSE_RETURN_IF_ERROR(CheckAt(i));
      COPSE_ASSIGN_OR_RETURN(const std::optional<FoundPair> found,
                             found_.Next());
      if (!found.has_value()) {
        return absl::OkStatus();
      }
      COPSE_RETURN_IF_ERROR(visit(ToRanked(*found)));
    }
  }

  RankedPair ToRanked(const FoundPair& found) const {
    RankedPair pair = {.distance = found.distance,
                       .first_rank = documents_.RankOf(found.first_document),
                       .second_rank = documents_.RankOf(found.second_document),
                       .first_row = found.first_row,
                       .second_row = found.second_row};
    if (pair.second_rank < pair.first_rank) {
      std::swap(pair.first_rank, pair.second_rank);
      std::swap(pair.first_row, pair.second_row);
    }
    return pair;
  }

  absl::Status CheckAt(size_t step) const {
    return step % 4096 == 0 ? Check() : absl::OkStatus();
  }

  absl::Status VisitPairs() {
    std::vector<RankedPair> batch;
    for (int64_t count = 0;; ++count) {
      std::optional<RankedPair> pair;
      if (options_.pair_count_max == 0 || count < options_.pair_count_max) {
        COPSE_ASSIGN_OR_RETURN(pair, ranked_.Next());
      }
      if (pair.has_value()) {
        batch.push_back(*pair);
      }
      if (batch.size() == kBatchPairCount || !pair.has_value()) {
        COPSE_RETURN_IF_ERROR(VisitBatch(batch));
        batch.clear();
      }
      if (!pair.has_value()) {
        return absl::OkStatus();
      }
    }
  }

  absl::Status VisitNearest() {
    const std::vector<FoundPair> nearest = nearest_->Finish();
    documents_.Rank();
    std::vector<RankedPair> batch;
    for (const FoundPair& pair : nearest) {
      batch.push_back(ToRanked(pair));
      if (batch.size() == kBatchPairCount) {
        COPSE_RETURN_IF_ERROR(VisitBatch(batch));
        batch.clear();
      }
    }
    return VisitBatch(batch);
  }

  absl::Status VisitBatch(const std::vector<RankedPair>& pairs) {
    COPSE_RETURN_IF_ERROR(Check());
    std::vector<Ordinal> rows;
    for (const RankedPair& pair : pairs) {
      rows.push_back(pair.first_row);
      rows.push_back(pair.second_row);
    }
    COPSE_ASSIGN_OR_RETURN(
        std::vector<RowRecord> records,
        ReadRows(domain_.database(), domain_.number(), rows));
    for (size_t i = 0; i < pairs.size(); ++i) {
      COPSE_RETURN_IF_ERROR(visitor_.on_pair(
          {.first = ToDocument(rows[2 * i], std::move(records[2 * i])),
           .second = ToDocument(rows[2 * i + 1], std::move(records[2 * i + 1])),
           .distance = pairs[i].distance}));
    }
    return absl::OkStatus();
  }

  DuplicateDocument ToDocument(Ordinal row, RowRecord record) const {
    return {.id = std::move(record.document_id),
            .type = std::move(record.type),
            .chunk = record.chunk,
            .chunk_count = record.chunk_count,
            .place = record.place,
            .is_in_scope = IsInScope(row),
            .is_in_target = IsInTarget(row)};
  }

  absl::Status VisitConnected() {
    ConnectedClusters clusters(documents_.size());
    COPSE_RETURN_IF_ERROR(ForEachFound([&clusters](const RankedPair& pair) {
      clusters.Add(pair.first_rank, pair.second_rank, pair.distance);
      return absl::OkStatus();
    }));
    return VisitClusters(clusters.Finish());
  }

  absl::Status VisitCompleteLink() {
    CompleteLinkClusters clusters(documents_.size());
    for (size_t i = 0;; ++i) {
      COPSE_RETURN_IF_ERROR(CheckAt(i));
      COPSE_ASSIGN_OR_RETURN(const std::optional<RankedPair> pair,
                             ranked_.Next());
      if (!pair.has_value()) {
        return VisitClusters(clusters.Finish());
      }
      COPSE_RETURN_IF_ERROR(
          clusters.Add(pair->first_rank, pair->second_rank, pair->distance));
    }
  }

  absl::Status VisitClusters(const std::vector<ItemCluster>& clusters) {
    for (const ItemCluster& cluster : clusters) {
      COPSE_RETURN_IF_ERROR(Check());
      DuplicateCluster shown = {.distance_min = cluster.distance_min,
                                .distance_max = cluster.distance_max};
      for (const uint32_t rank : cluster.items) {
        shown.members.push_back(
            {.id = documents_.IdAt(rank), .type = documents_.TypeAt(rank)});
      }
      COPSE_RETURN_IF_ERROR(visitor_.on_cluster(shown));
    }
    return absl::OkStatus();
  }

  const CommitReaderImpl& reader_;
  Domain& domain_;
  const DuplicateOptions& options_;
  const DuplicateVisitor& visitor_;
  std::shared_ptr<const CommitTail> tail_;
  // Unset: all rows; scope_ is moved to allowed_ if there is no target.
  std::optional<RowBitmap> scope_;
  std::optional<RowBitmap> target_;
  std::optional<RowBitmap> allowed_;
  std::optional<RowBitmap> changed_;
  SpillBudget budget_;
  SpillSorter<FoundPair, LessByDocuments, SameDocuments> found_;
  SpillSorter<RankedPair, LessByDistance, SameRanks> ranked_;
  InvolvedDocuments documents_;
  std::optional<NearestPairs> nearest_;  // If few are wanted.
  int64_t found_count_ = 0;
};

}  // namespace

absl::Status FindDuplicates(const CommitReader& reader,
                            const DuplicateOptions& options,
                            const DuplicateVisitor& visitor) {
  const auto& commit = static_cast<const CommitReaderImpl&>(reader);
  COPSE_RETURN_IF_ERROR(commit.domain().CheckExists());
  absl::Status status = DuplicateSearch(commit, options, visitor).Run();
  if (status.ok()) {
    // What the map lost meanwhile was seen as zeros.
    status = commit.domain().vectors().health();
  }
  commit.domain().context().pool.Trim();
  return commit.domain().ExplainError(status);
}

}  // namespace copse
