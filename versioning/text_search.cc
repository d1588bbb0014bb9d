// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/text_search.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/document_search.h"
#include "versioning/lexical/bm25.h"
#include "versioning/lexical/item_matches.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/lexical_index.h"
#include "versioning/lexical/lexical_query.h"
#include "versioning/row_filter.h"
#include "versioning/row_reader.h"
#include "versioning/row_record.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

// More rows than documents are wanted are put in order first, so that a few
// chunks of one document do not cost a second round; and how much more the next
// round takes.
constexpr size_t kExtraRowCount = 8;
constexpr size_t kGrowth = 8;

struct ScoredRow {
  double score = 0;
  Ordinal ordinal = 0;
};

bool IsBetter(const ScoredRow& left, const ScoredRow& right) {
  return left.score > right.score ||
         (left.score == right.score && left.ordinal < right.ordinal);
}

class TextSearch {
 public:
  TextSearch(const CommitReaderImpl& reader, const TextSearchOptions& options)
      : reader_(reader),
        domain_(reader.domain()),
        index_(domain_.lexical()),
        options_(options) {}

  absl::StatusOr<TextSearchResult> Run();

 private:
  absl::Status CheckOptions() const;

  // Puts into scored_ all rows that match, ascending by their ordinals.
  absl::Status ScoreRows();
  // Adds to scored_ what one item adds. REQUIRES: `matches` ascend.
  void AddScores(const LexicalStatistics& statistics,
                 std::span<const RowMatch> matches);

  // Puts the best rows of scored_ in order, in the front.
  void Order(size_t row_count);

  // Appends the documents of `rows`, which all have one score or descend.
  absl::Status Append(std::span<const ScoredRow> rows,
                      absl::flat_hash_set<std::string>& found);
  // Puts into result_ the first documents of `rows`, which descend. Returns
  // whether these are surely the best.
  absl::StatusOr<bool> Resolve(std::span<const ScoredRow> rows);

  const CommitReaderImpl& reader_;
  Domain& domain_;
  const LexicalIndex& index_;
  const TextSearchOptions& options_;
  RowFilter filter_;
  std::vector<ScoredRow> scored_;
  TextSearchResult result_;
};

absl::Status TextSearch::CheckOptions() const {
  if (!index_.options().is_enabled) {
    return LexicalIndexOffError(domain_.name());
  }
  return CheckNeighborCount(options_.neighbor_count);
}

void TextSearch::AddScores(const LexicalStatistics& statistics,
                           std::span<const RowMatch> matches) {
  const double weight = InverseDocumentFrequency(
      statistics, static_cast<int64_t>(matches.size()));
  std::vector<ScoredRow> sum;
  sum.reserve(scored_.size() + matches.size());
  auto before = scored_.cbegin();
  for (const RowMatch& match : matches) {
    if (!filter_.Allows(match.ordinal)) {
      continue;
    }
    for (; before != scored_.cend() && before->ordinal < match.ordinal;
         ++before) {
      sum.push_back(*before);
    }
    ScoredRow row = {.score = Bm25TermScore(statistics, weight, match.count,
                                            index_.LengthOf(match.ordinal)),
                     .ordinal = match.ordinal};
    if (before != scored_.cend() && before->ordinal == match.ordinal) {
      // In this order, so that the sum goes by the query alone.
      row.score = before->score + row.score;
      ++before;
    }
    sum.push_back(row);
  }
  sum.insert(sum.end(), before, scored_.cend());
  scored_ = std::move(sum);
}

absl::Status TextSearch::ScoreRows() {
  COPSE_ASSIGN_OR_RETURN(const LexicalStatistics statistics,
                         reader_.GetLexicalStatistics());
  result_.statistics = statistics;
  LexicalAnalyzer analyzer(index_.options());
  const std::vector<LexicalQueryItem> items = ParseLexicalQuery(
      options_.query, analyzer, {.has_operators = options_.has_operators});
  for (const LexicalQueryItem& item : items) {
    COPSE_ASSIGN_OR_RETURN(
        const std::vector<RowMatch> matches,
        FindMatches(index_, reader_.live(), item, options_.check));
    AddScores(statistics, matches);
  }
  result_.matching_row_count = static_cast<int64_t>(scored_.size());
  return absl::OkStatus();
}

void TextSearch::Order(size_t row_count) {
  const auto middle = scored_.begin() + static_cast<std::ptrdiff_t>(std::min(
                                            row_count, scored_.size()));
  if (middle != scored_.end()) {
    std::nth_element(scored_.begin(), middle, scored_.end(), IsBetter);
  }
  std::sort(scored_.begin(), middle, IsBetter);
}

absl::Status TextSearch::Append(std::span<const ScoredRow> rows,
                                absl::flat_hash_set<std::string>& found) {
  std::vector<Ordinal> ordinals;
  ordinals.reserve(rows.size());
  for (const ScoredRow& row : rows) {
    ordinals.push_back(row.ordinal);
  }
  COPSE_ASSIGN_OR_RETURN(
      std::vector<RowRecord> records,
      ReadRows(domain_.database(), domain_.number(), ordinals));
  for (size_t i = 0; i < records.size(); ++i) {
    RowRecord& record = records[i];
    if (!options_.by_chunk && !found.insert(record.document_id).second) {
      continue;
    }
    result_.neighbors.push_back({.document_id = std::move(record.document_id),
                                 .type = std::move(record.type),
                                 .chunk = record.chunk,
                                 .chunk_count = record.chunk_count,
                                 .place = record.place,
                                 .score = rows[i].score,
                                 .content_hash = record.content_hash,
                                 .has_text = record.has_text});
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> TextSearch::Resolve(std::span<const ScoredRow> rows) {
  const bool is_complete = rows.size() == scored_.size();
  result_.neighbors.clear();
  absl::flat_hash_set<std::string> found;
  size_t first = 0;
  while (first < rows.size() &&
         result_.neighbors.size() < options_.neighbor_count) {
    // As many as are missing, and all with the score of the last of these.
    size_t last = std::min(rows.size(), first + options_.neighbor_count -
                                            result_.neighbors.size());
    while (last < rows.size() && rows[last].score == rows[last - 1].score) {
      ++last;
    }
    if (last == rows.size() && !is_complete) {
      return false;
    }
    COPSE_RETURN_IF_ERROR(Append(rows.subspan(first, last - first), found));
    first = last;
  }
  std::ranges::sort(result_.neighbors, {}, [](const TextNeighbor& neighbor) {
    return std::tuple<double, absl::string_view, uint32_t>(
        -neighbor.score, neighbor.document_id, neighbor.chunk);
  });
  if (result_.neighbors.size() > options_.neighbor_count) {
    result_.neighbors.resize(options_.neighbor_count);
  }
  return is_complete || result_.neighbors.size() == options_.neighbor_count;
}

absl::StatusOr<TextSearchResult> TextSearch::Run() {
  COPSE_RETURN_IF_ERROR(CheckOptions());
  COPSE_ASSIGN_OR_RETURN(filter_, RowFilter::Make(reader_, options_));
  if (filter_.is_hopeless()) {
    return std::move(result_);
  }
  COPSE_RETURN_IF_ERROR(ScoreRows());
  size_t row_count = options_.neighbor_count + kExtraRowCount;
  for (;;) {
    if (options_.check != nullptr) {
      COPSE_RETURN_IF_ERROR(options_.check());
    }
    Order(row_count);
    COPSE_ASSIGN_OR_RETURN(const bool done,
                           Resolve(std::span<const ScoredRow>(scored_).first(
                               std::min(row_count, scored_.size()))));
    if (done) {
      return std::move(result_);
    }
    row_count *= kGrowth;
  }
}

// Returns an item as a person would write it.
std::string ShowItem(const LexicalQueryItem& item) {
  switch (item.mode) {
    case LexicalQueryItem::Mode::kTerm:
      break;
    case LexicalQueryItem::Mode::kPhrase:
      return absl::StrCat("\"", absl::StrJoin(item.terms, " "), "\"");
    case LexicalQueryItem::Mode::kPrefix:
      return absl::StrCat(item.terms.front(), "*");
  }
  return item.terms.front();
}

absl::StatusOr<std::vector<Ordinal>> FindChunks(
    const CommitReaderImpl& reader, std::span<const ChunkName> chunks) {
  std::vector<Ordinal> ordinals;
  ordinals.reserve(chunks.size());
  DocumentFinder finder(reader.domain().database(), reader.domain().number());
  for (const ChunkName& chunk : chunks) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<LiveDocument> document,
                           finder.Find(chunk.document_id, reader.live()));
    if (!document.has_value() || chunk.chunk >= document->record.chunk_count) {
      return absl::NotFoundError(
          absl::StrCat("chunk ", chunk.chunk, " of document '",
                       ShownName(chunk.document_id), "' is not in the commit"));
    }
    ordinals.push_back(document->ordinal + chunk.chunk);
  }
  return ordinals;
}

TermScore ScoreTerm(const LexicalStatistics& statistics,
                    std::span<const RowMatch> matches, Ordinal ordinal,
                    uint32_t length) {
  TermScore score;
  score.matching_row_count = static_cast<int64_t>(matches.size());
  score.inverse_document_frequency =
      InverseDocumentFrequency(statistics, score.matching_row_count);
  const auto match =
      std::ranges::lower_bound(matches, ordinal, {}, &RowMatch::ordinal);
  if (match != matches.end() && match->ordinal == ordinal) {
    score.count = match->count;
    score.saturation = Bm25TermScore(statistics, 1, match->count, length);
    // As it was summed, to the last bit.
    score.score = Bm25TermScore(statistics, score.inverse_document_frequency,
                                match->count, length);
  }
  return score;
}

}  // namespace

absl::StatusOr<std::vector<TextScore>> ExplainTexts(
    const CommitReaderImpl& reader, const TextSearchOptions& options,
    std::span<const ChunkName> chunks) {
  const LexicalIndex& index = reader.domain().lexical();
  if (!index.options().is_enabled) {
    return LexicalIndexOffError(reader.domain().name());
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<Ordinal> ordinals,
                         FindChunks(reader, chunks));
  COPSE_ASSIGN_OR_RETURN(const LexicalStatistics statistics,
                         reader.GetLexicalStatistics());
  std::vector<TextScore> scores(chunks.size());
  for (size_t i = 0; i < chunks.size(); ++i) {
    scores[i].length = index.LengthOf(ordinals[i]);
  }
  LexicalAnalyzer analyzer(index.options());
  // One item after the other: the matches of all of them may be many.
  for (const LexicalQueryItem& item : ParseLexicalQuery(
           options.query, analyzer, {.has_operators = options.has_operators})) {
    COPSE_ASSIGN_OR_RETURN(
        const std::vector<RowMatch> matches,
        FindMatches(index, reader.live(), item, options.check));
    for (size_t i = 0; i < chunks.size(); ++i) {
      scores[i].terms.push_back(
          ScoreTerm(statistics, matches, ordinals[i], scores[i].length));
      scores[i].terms.back().term = ShowItem(item);
    }
  }
  return scores;
}

absl::StatusOr<TextSearchResult> SearchTexts(const CommitReaderImpl& reader,
                                             const TextSearchOptions& options) {
  return TextSearch(reader, options).Run();
}

}  // namespace copse
