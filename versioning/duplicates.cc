// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/duplicates.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
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

// A pair of rows, with the first rows of their documents; the first document is
// the one with the smaller ordinals.
struct FoundPair {
  Ordinal first_document = 0;
  Ordinal second_document = 0;
  float distance = 0;
  Ordinal first_row = 0;
  Ordinal second_row = 0;

  auto documents() const { return std::tie(first_document, second_document); }
};

// By documents, the nearest rows of two of them first.
struct LessByDocuments {
  bool operator()(const FoundPair& left, const FoundPair& right) const {
    return std::tie(left.first_document, left.second_document, left.distance,
                    left.first_row, left.second_row) <
           std::tie(right.first_document, right.second_document, right.distance,
                    right.first_row, right.second_row);
  }
};
struct SameDocuments {
  bool operator()(const FoundPair& left, const FoundPair& right) const {
    return left.documents() == right.documents();
  }
};

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

// The documents of the rows that are in pairs.
class InvolvedDocuments {
 public:
  explicit InvolvedDocuments(const Domain& domain) : domain_(domain) {}

  // Makes the documents of the rows of `pairs` known.
  absl::Status Learn(std::span<const RowPair> pairs) {
    std::vector<Ordinal> unknown;
    for (const RowPair& pair : pairs) {
      for (const Ordinal row : {pair.first, pair.second}) {
        if (!document_of_.contains(row)) {
          unknown.push_back(row);
        }
      }
    }
    std::sort(unknown.begin(), unknown.end());
    unknown.erase(std::unique(unknown.begin(), unknown.end()), unknown.end());
    COPSE_ASSIGN_OR_RETURN(
        std::vector<RowRecord> records,
        ReadRows(domain_.database(), domain_.number(), unknown));
    for (size_t i = 0; i < records.size(); ++i) {
      const Ordinal document = unknown[i] - records[i].chunk;
      document_of_[unknown[i]] = document;
      if (ranks_.try_emplace(document, 0).second) {
        documents_.push_back({.id = std::move(records[i].document_id),
                              .type = std::move(records[i].type),
                              .ordinal = document});
      }
    }
    return absl::OkStatus();
  }

  // Returns the first row of the document of `row`. REQUIRES: it is known
  Ordinal DocumentOf(Ordinal row) const { return document_of_.at(row); }

  // Numbers the documents in the order of their IDs.
  void Rank() {
    document_of_ = {};
    std::sort(documents_.begin(), documents_.end(),
              [](const Document& left, const Document& right) {
                return left.id < right.id;
              });
    for (uint32_t i = 0; i < documents_.size(); ++i) {
      ranks_[documents_[i].ordinal] = i;
    }
  }

  uint32_t RankOf(Ordinal document) const { return ranks_.at(document); }
  size_t size() const { return documents_.size(); }
  DuplicateMember MemberAt(uint32_t rank) const {
    return {.id = documents_[rank].id, .type = documents_[rank].type};
  }

 private:
  struct Document {
    std::string id;
    std::string type;
    Ordinal ordinal = 0;
  };

  const Domain& domain_;
  absl::flat_hash_map<Ordinal, Ordinal> document_of_;  // By row.
  absl::flat_hash_map<Ordinal, uint32_t> ranks_;       // By document.
  std::vector<Document> documents_;
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
        documents_(domain_) {}

  absl::Status Run() {
    if (std::isnan(options_.distance_max)) {
      return WithReason(
          absl::InvalidArgumentError(
              "distance_max is not a number, expected a distance"),
          "DISTANCE_INVALID", {{"found", "nan"}});
    }
    COPSE_RETURN_IF_ERROR(ListRows());
    COPSE_RETURN_IF_ERROR(JoinRows());
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

  absl::Status AddPairs(std::span<const RowPair> pairs) {
    COPSE_RETURN_IF_ERROR(Check());
    COPSE_RETURN_IF_ERROR(documents_.Learn(pairs));
    for (const RowPair& pair : pairs) {
      const FoundPair found = {
          .first_document = documents_.DocumentOf(pair.first),
          .second_document = documents_.DocumentOf(pair.second),
          .distance = pair.distance <= options_.zero_distance_max
                          ? std::min(pair.distance, 0.0F)
                          : pair.distance,
          .first_row = pair.first,
          .second_row = pair.second};
      if (found.first_document != found.second_document && IsAcross(pair)) {
        COPSE_RETURN_IF_ERROR(found_.Add(found));
      }
    }
    found_count_ += static_cast<int64_t>(pairs.size());
    return visitor_.on_progress == nullptr ? absl::OkStatus()
                                           : visitor_.on_progress(found_count_);
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
      RankedPair pair = {
          .distance = found->distance,
          .first_rank = documents_.RankOf(found->first_document),
          .second_rank = documents_.RankOf(found->second_document),
          .first_row = found->first_row,
          .second_row = found->second_row};
      if (pair.second_rank < pair.first_rank) {
        std::swap(pair.first_rank, pair.second_rank);
        std::swap(pair.first_row, pair.second_row);
      }
      COPSE_RETURN_IF_ERROR(visit(pair));
    }
  }

  absl::Status CheckAt(size_t step) const {
    return step % 4096 == 0 ? Check() : absl::OkStatus();
  }

  absl::Status VisitPairs() {
    std::vector<RankedPair> batch;
    for (;;) {
      COPSE_ASSIGN_OR_RETURN(const std::optional<RankedPair> pair,
                             ranked_.Next());
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
        shown.members.push_back(documents_.MemberAt(rank));
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
