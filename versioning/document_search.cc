// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/document_search.h"

#include <algorithm>
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

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "index/calibration.h"
#include "index/exact_search.h"
#include "index/forest.h"
#include "index/packed_rows.h"
#include "index/row_bitmap.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/batch_search.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/domain_forest.h"
#include "versioning/filtered_rows.h"
#include "versioning/index_catalog.h"
#include "versioning/row_filter.h"
#include "versioning/row_reader.h"
#include "versioning/row_record.h"
#include "versioning/type_index.h"
#include "versioning/vector_check.h"
#include "versioning/vector_segments.h"

namespace copse {
namespace {

// More rows than are wanted are asked for, so that one tie or an excluded
// document at the end does not cost a second round.
constexpr size_t kExtraRowCount = 8;

// How much more is asked for in the next round.
constexpr size_t kGrowth = 8;

// A forest's answer is not exact anyway: after these rounds its ties are taken
// as they come.
constexpr int kForestRoundCountMax = 3;

// What a search looks at with the default scan budget of a forest, for the
// choice between forest and exact scan.
constexpr size_t kScanBudgetDefault = 4096;

// How many of the rows of some types are compared, all of them, in the
// place of one that the forest would scan: it finds every one, and rows are
// read in their order.
constexpr size_t kRowsScannedPerCompared = 4;

// The same for rows that pass a filter, which has been evaluated: of 100,000,
// 4,931 take 294 us and 468 through the forest, and 9,939 take 574 and 491
// (attribute_bench).
constexpr size_t kFilteredRowsPerScanned = 2;

bool IsNearer(const Neighbor& left, const Neighbor& right) {
  return left.distance < right.distance ||
         (left.distance == right.distance && left.ordinal < right.ordinal);
}

// Rows near the query, ascending by (distance, ordinal).
struct Candidates {
  std::vector<Neighbor> rows;
  bool complete = false;  // There are no others.
};

// One search. Each round asks for more rows.
class DocumentSearch {
 public:
  // `first_round`, if not null, is what the forest has found for the first
  // round. Not owned.
  DocumentSearch(const CommitReaderImpl& reader,
                 const DocumentSearchOptions& options,
                 const std::vector<Neighbor>* first_round = nullptr)
      : reader_(reader),
        domain_(reader.domain()),
        options_(options),
        first_round_(first_round) {}

  absl::StatusOr<DocumentSearchResult> Run();

  // Asks the forest at once for the first round of searches for `queries`;
  // returns what it finds for each, or nothing where they do not use it. Such
  // searches add what it cost up, so it is no part of their work.
  absl::StatusOr<std::vector<std::vector<Neighbor>>> FindFirstRounds(
      std::span<const std::span<const float>> queries, SearchWork& work);

 private:
  // Decides what is looked at. Returns whether anything can be found.
  absl::StatusOr<bool> Prepare();

  size_t FirstRowCount() const {
    return options_.neighbor_count + kExtraRowCount + excluded_.count;
  }
  SearchOptions ForestOptions(size_t row_count) const;

  absl::Status CheckOptions() const;
  absl::Status FindExcluded();

  // About how many rows a search through the forest scans.
  size_t ScanBudget() const;

  // Decides how much of the forest to look at.
  void FindEffort(const DomainForest& forest);

  // Decides between forest and exact scan, and collects the rows of the latter.
  absl::Status PreparePlan();
  absl::Status PrepareFiltered(const FilteredRows& passing, bool all);

  absl::StatusOr<Candidates> Find(size_t row_count);

  // The check of the options, if there is one.
  const std::function<absl::Status()>* Check() const {
    return options_.check == nullptr ? nullptr : &options_.check;
  }

  // Puts into result_ the first documents of `candidates`. Returns whether
  // these are surely the nearest, or nothing more can be found.
  absl::StatusOr<bool> Resolve(const Candidates& candidates);

  void FillPlan(int round_count);

  // Returns whether documents are missing and others had more than one row.
  bool IsCrowded(const Candidates& candidates) const;

  // Appends the documents of `rows`, which are all at one distance or in
  // ascending order of it, but for those that were found before.
  absl::Status Append(std::span<const Neighbor> rows);

  // Returns whether `ordinal` is a row of a document that was found, or of the
  // one that is left out.
  bool IsFound(Ordinal ordinal) const;

  const CommitReaderImpl& reader_;
  Domain& domain_;
  const DocumentSearchOptions& options_;
  const std::vector<Neighbor>* first_round_;

  RowFilter filter_;
  OrdinalRange excluded_;
  std::shared_ptr<const CommitTail> tail_;
  std::shared_ptr<const PackedRows> packed_tail_;  // Null: not packed.
  std::shared_ptr<const TypedRows> typed_rows_;

  // What the forest may return, and what it may not; null: anything, nothing.
  const RowBitmap* allowed_ = nullptr;
  const RowBitmap* removed_ = nullptr;
  std::shared_ptr<const Forest> forest_;  // Null: scan_rows_ are all there are.
  std::vector<Ordinal> scan_rows_;
  SearchEffort effort_;  // 0: the defaults of a forest.
  DocumentSearchResult result_;

  // The rows of each document in result_, from the first to the end: what need
  // not be read when the next of its chunks comes.
  absl::btree_map<Ordinal, Ordinal> found_rows_;
};

absl::Status DocumentSearch::CheckOptions() const {
  COPSE_RETURN_IF_ERROR(CheckNeighborCount(options_.neighbor_count));
  COPSE_RETURN_IF_ERROR(CheckRecallTarget(options_.recall_target));
  return CheckMetricVector(domain_.metric(), options_.query,
                           domain_.dimension());
}

absl::Status DocumentSearch::FindExcluded() {
  if (options_.excluded_document_id.empty()) {
    return absl::OkStatus();
  }
  DocumentFinder finder(domain_.database(), domain_.number());
  COPSE_ASSIGN_OR_RETURN(
      const std::optional<LiveDocument> found,
      finder.Find(options_.excluded_document_id, reader_.live()));
  if (found.has_value()) {
    excluded_ = found->rows();
  }
  return absl::OkStatus();
}

void DocumentSearch::FindEffort(const DomainForest& forest) {
  if (options_.recall_target > 0) {
    const auto row_count = static_cast<size_t>(forest.covered().row_count());
    effort_ = EffortFor(forest.calibration(), options_.recall_target,
                        domain_.metric(), options_.neighbor_count, row_count);
    if (filter_.has_types() || filter_.passing() != nullptr) {
      effort_ = FilteredEffort(effort_, domain_.metric(),
                               options_.neighbor_count, row_count);
    }
  }
  if (options_.scan_budget > 0) {
    effort_.scan_budget = options_.scan_budget;
  }
  if (options_.rerank_count > 0) {
    effort_.rerank_count = options_.rerank_count;
  }
}

absl::Status DocumentSearch::PreparePlan() {
  const std::shared_ptr<const DomainForest>& forest = reader_.forest();
  if (filter_.rows().has_value()) {
    for (const Ordinal ordinal : *filter_.rows()) {
      if (filter_.Allows(ordinal)) {
        scan_rows_.push_back(ordinal);
      }
    }
    return absl::OkStatus();
  }
  const bool all = options_.recall_target >= 1 && options_.scan_budget == 0 &&
                   options_.rerank_count == 0;
  if (filter_.passing() != nullptr) {
    return PrepareFiltered(*filter_.passing(), options_.exact || all);
  }
  if (options_.exact || all || forest == nullptr) {
    reader_.live().ForEach([this](Ordinal ordinal) {
      if (filter_.IsOfType(ordinal)) {
        scan_rows_.push_back(ordinal);
      }
    });
    return absl::OkStatus();
  }
  FindEffort(*forest);
  tail_ = reader_.GetTail();
  removed_ = tail_->removed().empty() ? nullptr : &tail_->removed();
  if (!filter_.has_types()) {
    COPSE_ASSIGN_OR_RETURN(packed_tail_,
                           tail_->Packed(domain_.metric(), domain_.vectors()));
  }
  for (const Ordinal ordinal : tail_->tail()) {
    if (filter_.IsOfType(ordinal)) {
      scan_rows_.push_back(ordinal);
    }
  }
  if (filter_.has_types()) {
    typed_rows_ = forest->RowsOfTypes(filter_.type_numbers(), domain_.types());
    allowed_ = &typed_rows_->rows;
    const size_t budget = ScanBudget();
    const auto typed_count = static_cast<size_t>(typed_rows_->rows.row_count());
    if (typed_count == typed_rows_->list.size() &&
        typed_count / kRowsScannedPerCompared <= budget) {
      for (const Ordinal ordinal : typed_rows_->list) {
        if (!tail_->removed().Contains(ordinal)) {
          scan_rows_.push_back(ordinal);
        }
      }
      return absl::OkStatus();
    }
  }
  COPSE_ASSIGN_OR_RETURN(forest_, forest->Open());
  return absl::OkStatus();
}

size_t DocumentSearch::ScanBudget() const {
  return effort_.scan_budget == 0 ? kScanBudgetDefault : effort_.scan_budget;
}

absl::Status DocumentSearch::PrepareFiltered(const FilteredRows& passing,
                                             bool all) {
  const std::shared_ptr<const DomainForest>& forest = reader_.forest();
  scan_rows_ = passing.tail;
  if (forest == nullptr || passing.covered.empty()) {
    return absl::OkStatus();
  }
  FindEffort(*forest);
  const auto covered_count = static_cast<size_t>(passing.covered.row_count());
  // The forest scans until it has had as many rows that pass as it scans
  // without a filter, so that recall does not fall.
  if (!all && covered_count / kFilteredRowsPerScanned > ScanBudget()) {
    allowed_ = &passing.covered;
    COPSE_ASSIGN_OR_RETURN(forest_, forest->Open());
    return absl::OkStatus();
  }
  passing.covered.ForEach(
      [this](Ordinal ordinal) { scan_rows_.push_back(ordinal); });
  return absl::OkStatus();
}

SearchOptions DocumentSearch::ForestOptions(size_t row_count) const {
  return {.neighbor_count = row_count,
          .scan_budget = effort_.scan_budget,
          .rerank_count = effort_.rerank_count == 0
                              ? 0
                              : std::max(effort_.rerank_count, row_count),
          .allowed = allowed_,
          .excluded = removed_,
          .check = Check()};
}

absl::StatusOr<Candidates> DocumentSearch::Find(size_t row_count) {
  Candidates candidates;
  if (packed_tail_ != nullptr && scan_rows_.size() > row_count) {
    COPSE_ASSIGN_OR_RETURN(
        candidates.rows,
        packed_tail_->Search(domain_.vectors(), options_.query,
                             {.neighbor_count = row_count}, &result_.work));
  } else {
    COPSE_ASSIGN_OR_RETURN(
        candidates.rows,
        ExactSearch(domain_.metric(), domain_.vectors(), scan_rows_,
                    options_.query, row_count, Check()));
    result_.work.rows_scanned += static_cast<int64_t>(scan_rows_.size());
  }
  candidates.complete = scan_rows_.size() <= row_count;
  if (forest_ == nullptr) {
    return candidates;
  }
  std::vector<Neighbor> neighbors;
  if (first_round_ != nullptr) {
    neighbors = *std::exchange(first_round_, nullptr);
  } else {
    COPSE_ASSIGN_OR_RETURN(
        neighbors, forest_->Search(domain_.vectors(), options_.query,
                                   ForestOptions(row_count), &result_.work));
  }
  candidates.complete = candidates.complete && neighbors.size() < row_count;
  const size_t tail_size = candidates.rows.size();
  candidates.rows.insert(candidates.rows.end(), neighbors.begin(),
                         neighbors.end());
  std::inplace_merge(
      candidates.rows.begin(),
      candidates.rows.begin() + static_cast<std::ptrdiff_t>(tail_size),
      candidates.rows.end(), IsNearer);
  if (candidates.rows.size() > row_count) {
    candidates.rows.resize(row_count);
    candidates.complete = false;
  }
  return candidates;
}

bool DocumentSearch::IsFound(Ordinal ordinal) const {
  if (ordinal - excluded_.first < excluded_.count) {
    return true;
  }
  const auto next = found_rows_.upper_bound(ordinal);
  return next != found_rows_.begin() && ordinal < std::prev(next)->second;
}

absl::Status DocumentSearch::Append(std::span<const Neighbor> rows) {
  std::vector<Ordinal> ordinals;
  std::vector<float> distances;
  for (const Neighbor& row : rows) {
    if (!IsFound(row.ordinal)) {
      ordinals.push_back(row.ordinal);
      distances.push_back(row.distance);
    }
  }
  COPSE_ASSIGN_OR_RETURN(
      std::vector<RowRecord> records,
      ReadRows(domain_.database(), domain_.number(), ordinals));
  for (size_t i = 0; i < records.size(); ++i) {
    RowRecord& record = records[i];
    // Of the chunks of a document only the nearest counts.
    if (IsFound(ordinals[i])) {
      continue;
    }
    if (!options_.by_chunk) {
      const Ordinal first = ordinals[i] - record.chunk;
      found_rows_[first] = first + record.chunk_count;
    }
    result_.neighbors.push_back({.document_id = std::move(record.document_id),
                                 .type = std::move(record.type),
                                 .chunk = record.chunk,
                                 .chunk_count = record.chunk_count,
                                 .place = record.place,
                                 .distance = distances[i],
                                 .content_hash = record.content_hash,
                                 .has_text = record.has_text});
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> DocumentSearch::Resolve(const Candidates& candidates) {
  const std::vector<Neighbor>& rows = candidates.rows;
  result_.neighbors.clear();
  found_rows_.clear();
  size_t first = 0;
  while (first < rows.size() &&
         result_.neighbors.size() < options_.neighbor_count) {
    // As many as are missing, and all at the distance of the last of these.
    size_t last = std::min(rows.size(), first + options_.neighbor_count -
                                            result_.neighbors.size());
    while (last < rows.size() &&
           rows[last].distance == rows[last - 1].distance) {
      ++last;
    }
    if (last == rows.size() && !candidates.complete) {
      return false;
    }
    COPSE_RETURN_IF_ERROR(Append(std::span(rows).subspan(first, last - first)));
    first = last;
  }
  std::sort(result_.neighbors.begin(), result_.neighbors.end(),
            [](const DocumentNeighbor& left, const DocumentNeighbor& right) {
              return std::tie(left.distance, left.document_id, left.chunk) <
                     std::tie(right.distance, right.document_id, right.chunk);
            });
  if (result_.neighbors.size() > options_.neighbor_count) {
    result_.neighbors.resize(options_.neighbor_count);
  }
  return result_.neighbors.size() == options_.neighbor_count ||
         candidates.complete;
}

bool DocumentSearch::IsCrowded(const Candidates& candidates) const {
  return result_.neighbors.size() < options_.neighbor_count &&
         result_.neighbors.size() < candidates.rows.size();
}

void DocumentSearch::FillPlan(int round_count) {
  SearchPlan& plan = result_.plan;
  plan.compared_row_count = static_cast<int64_t>(scan_rows_.size());
  plan.uses_forest = forest_ != nullptr;
  plan.round_count = round_count;
  if (!plan.uses_forest) {
    plan.passing_row_count = plan.compared_row_count;
  } else if (filter_.passing() != nullptr) {
    plan.passing_row_count = filter_.passing()->rows.row_count();
  } else if (!filter_.has_types()) {
    plan.passing_row_count = reader_.live().row_count();
  } else if (options_.explains) {
    reader_.live().ForEach([&](Ordinal ordinal) {
      plan.passing_row_count += filter_.IsOfType(ordinal) ? 1 : 0;
    });
  }
}

absl::StatusOr<bool> DocumentSearch::Prepare() {
  COPSE_RETURN_IF_ERROR(CheckOptions());
  COPSE_ASSIGN_OR_RETURN(filter_, RowFilter::Make(reader_, options_));
  if (filter_.is_hopeless()) {
    return false;
  }
  COPSE_RETURN_IF_ERROR(FindExcluded());
  COPSE_RETURN_IF_ERROR(PreparePlan());
  return true;
}

absl::StatusOr<std::vector<std::vector<Neighbor>>>
DocumentSearch::FindFirstRounds(std::span<const std::span<const float>> queries,
                                SearchWork& work) {
  COPSE_ASSIGN_OR_RETURN(const bool is_hopeful, Prepare());
  if (!is_hopeful || forest_ == nullptr) {
    return std::vector<std::vector<Neighbor>>();
  }
  return forest_->BatchSearch(domain_.vectors(), queries,
                              ForestOptions(FirstRowCount()), &work);
}

absl::StatusOr<DocumentSearchResult> DocumentSearch::Run() {
  COPSE_ASSIGN_OR_RETURN(const bool is_hopeful, Prepare());
  if (!is_hopeful) {
    return std::move(result_);
  }
  if (options_.is_user_query) {
    domain_.query_sample().Add(options_.query);
  }
  const auto all_count = static_cast<size_t>(
      filter_.passing() != nullptr ? filter_.passing()->rows.row_count()
                                   : reader_.live().row_count());
  const int64_t document_count =
      reader_.info().document_count - (excluded_.count == 0 ? 0 : 1);
  size_t row_count = FirstRowCount();
  for (int round = 1;; ++round) {
    COPSE_ASSIGN_OR_RETURN(Candidates candidates, Find(row_count));
    candidates.complete = candidates.complete ||
                          (forest_ != nullptr && round >= kForestRoundCountMax);
    COPSE_ASSIGN_OR_RETURN(const bool done, Resolve(candidates));
    // A forest has scanned some rows and not all of them.
    const bool may_have_more =
        forest_ != nullptr && row_count < all_count &&
        result_.neighbors.size() < static_cast<size_t>(document_count);
    if (done && !(may_have_more && IsCrowded(candidates))) {
      FillPlan(round);
      return std::move(result_);
    }
    row_count *= kGrowth;
  }
}

}  // namespace

absl::Status CheckNeighborCount(size_t neighbor_count) {
  if (neighbor_count >= 1 && neighbor_count <= kNeighborCountMax) {
    return absl::OkStatus();
  }
  return WithReason(absl::InvalidArgumentError(
                        absl::StrCat("neighbor_count is ", neighbor_count,
                                     ", expected 1 to ", kNeighborCountMax)),
                    "NEIGHBOR_COUNT_INVALID",
                    {{"found", absl::StrCat(neighbor_count)},
                     {"wanted", absl::StrCat("1 to ", kNeighborCountMax)}});
}

absl::StatusOr<DocumentSearchResult> SearchDocuments(
    const CommitReaderImpl& reader, const DocumentSearchOptions& options) {
  const absl::Status health = reader.domain().vectors().health();
  absl::StatusOr<DocumentSearchResult> result =
      DocumentSearch(reader, options).Run();
  if (!result.ok() || !health.ok()) {
    return result;
  }
  // A page that was lost between two reads was seen as zeros. What was damaged
  // before is refused where it is read.
  COPSE_RETURN_IF_ERROR(reader.domain().vectors().health());
  return result;
}

void MarkForestDamaged(const CommitReaderImpl& reader) {
  Domain& domain = reader.domain();
  domain.catalog().MarkDamaged(reader.forest()->number());
  domain.context().pool.Erase({domain.number(), reader.info().commit});
}

namespace {

absl::StatusOr<DocumentBatchResult> SearchDocumentBatch(
    const CommitReaderImpl& reader,
    std::span<const std::span<const float>> queries,
    const DocumentSearchOptions& options) {
  DocumentBatchResult batch;
  if (queries.empty()) {
    return batch;
  }
  const absl::Status health = reader.domain().vectors().health();
  DocumentSearchOptions one = options;
  one.query = queries.front();
  COPSE_ASSIGN_OR_RETURN(
      const std::vector<std::vector<Neighbor>> first_rounds,
      DocumentSearch(reader, one).FindFirstRounds(queries, batch.work));
  for (size_t i = 0; i < queries.size(); ++i) {
    one.query = queries[i];
    COPSE_ASSIGN_OR_RETURN(
        DocumentSearchResult result,
        DocumentSearch(reader, one,
                       first_rounds.empty() ? nullptr : &first_rounds[i])
            .Run());
    batch.work.rows_scanned += result.work.rows_scanned;
    batch.work.rows_reranked += result.work.rows_reranked;
    batch.work.pages_read += result.work.pages_read;
    batch.neighbors.push_back(std::move(result.neighbors));
  }
  if (health.ok()) {
    // As above.
    COPSE_RETURN_IF_ERROR(reader.domain().vectors().health());
  }
  return batch;
}

}  // namespace

absl::StatusOr<DocumentBatchResult> BatchSearch(
    const CommitReader& reader, std::span<const std::span<const float>> queries,
    const DocumentSearchOptions& options) {
  const auto& commit = static_cast<const CommitReaderImpl&>(reader);
  COPSE_RETURN_IF_ERROR(commit.domain().CheckExists());
  absl::StatusOr<DocumentBatchResult> result =
      SearchDocumentBatch(commit, queries, options);
  if (absl::IsDataLoss(result.status()) && commit.forest() != nullptr &&
      !options.exact) {
    DocumentSearchOptions exact = options;
    exact.exact = true;
    absl::StatusOr<DocumentBatchResult> again =
        SearchDocumentBatch(commit, queries, exact);
    if (again.ok()) {
      MarkForestDamaged(commit);
      result = std::move(again);
    }
  }
  commit.domain().context().pool.Trim();
  if (!result.ok()) {
    return commit.domain().ExplainError(result.status());
  }
  return result;
}

}  // namespace copse
