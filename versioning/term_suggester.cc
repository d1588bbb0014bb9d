// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/term_suggester.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "unicode/utf8.h"

#include "index/util/status_macros.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/lexical_index.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/store_errors.h"

namespace copse {
namespace {

std::vector<UChar32> CodePoints(absl::string_view text) {
  std::vector<UChar32> points;
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t i = 0; i < size;) {
    UChar32 c = 0;
    U8_NEXT(text.data(), i, size, c);
    points.push_back(c);
  }
  return points;
}

// How many changes a word of that many characters may need.
int EditCountMax(size_t length) { return length < 3 ? 0 : length < 6 ? 1 : 2; }

class TermSuggester {
 public:
  TermSuggester(const CommitReaderImpl& reader, const SuggestOptions& options)
      : reader_(reader),
        index_(reader.domain().lexical()),
        options_(options),
        last_word_(LastToken(absl::StripTrailingAsciiWhitespace(options.text))),
        before_(options.text.substr(
            0, static_cast<size_t>(last_word_.data() - options.text.data()))) {}

  absl::StatusOr<std::vector<TermSuggestion>> Run();

 private:
  // Adds the live terms that begin with `prefix` and for which `edits` returns
  // how many changes they need, and not -1.
  template <typename Edits>
  absl::Status Collect(TermKind kind, absl::string_view prefix, Edits edits);

  const CommitReaderImpl& reader_;
  const LexicalIndex& index_;
  const SuggestOptions& options_;
  const absl::string_view last_word_;
  const absl::string_view before_;
  std::vector<TermSuggestion> found_;
};

template <typename Edits>
absl::Status TermSuggester::Collect(TermKind kind, absl::string_view prefix,
                                    Edits edits) {
  TermSuggestion current = {.edit_count = -1};
  const auto add = [&] {
    if (current.edit_count >= 0 && current.row_count > 0) {
      current.text = absl::StrCat(before_, current.term);
      found_.push_back(current);
    }
  };
  COPSE_RETURN_IF_ERROR(index_.ForEachTerm(
      kind, prefix, PostingParts::kCounts,
      [&](absl::string_view term, Ordinal first, const PostingList& list) {
        if (term != current.term) {
          add();
          current = {.term = std::string(term), .edit_count = edits(term)};
        }
        if (current.edit_count >= 0) {
          current.row_count +=
              std::ranges::count_if(list.postings, [&](const Posting& posting) {
                return reader_.live().Contains(first + posting.offset);
              });
        }
        return options_.check == nullptr ? absl::OkStatus() : options_.check();
      }));
  add();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TermSuggestion>> TermSuggester::Run() {
  if (!index_.options().is_enabled) {
    return LexicalIndexOffError(reader_.domain().name());
  }
  if (last_word_.empty() || last_word_.size() > kTermSizeBytesMax) {
    return std::move(found_);
  }
  LexicalAnalyzer analyzer(index_.options());
  const std::string word = analyzer.FoldWhole(last_word_);
  const bool is_plain = IsPlainWord(last_word_);
  COPSE_RETURN_IF_ERROR(
      Collect(is_plain ? TermKind::kWord : TermKind::kIdentifier, word,
              [](absl::string_view) { return 0; }));
  const int edit_count_max = EditCountMax(CodePoints(word).size());
  if (is_plain && found_.size() < options_.suggestion_count &&
      edit_count_max > 0) {
    int32_t first_size = 0;
    U8_FWD_1(word.data(), first_size, static_cast<int32_t>(word.size()));
    COPSE_RETURN_IF_ERROR(Collect(
        TermKind::kWord,
        absl::string_view(word).substr(0, static_cast<size_t>(first_size)),
        [&](absl::string_view term) {
          const int count = absl::StartsWith(term, word)
                                ? edit_count_max + 1
                                : CountEdits(word, term, edit_count_max);
          return count > edit_count_max ? -1 : count;
        }));
  }
  std::ranges::sort(found_, {}, [](const TermSuggestion& suggestion) {
    return std::tuple<int, int64_t, absl::string_view>(
        suggestion.edit_count, -suggestion.row_count, suggestion.term);
  });
  found_.resize(std::min(found_.size(), options_.suggestion_count));
  return std::move(found_);
}

}  // namespace

// The optimal string alignment distance, with the last two rows of its table.
int CountEdits(absl::string_view left, absl::string_view right, int count_max) {
  const std::vector<UChar32> a = CodePoints(left);
  const std::vector<UChar32> b = CodePoints(right);
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) >
      static_cast<size_t>(count_max)) {
    return count_max + 1;
  }
  std::array<std::vector<int>, 3> rows;
  rows.fill(std::vector<int>(b.size() + 1));
  for (size_t j = 0; j <= b.size(); ++j) {
    rows[0][j] = static_cast<int>(j);
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<int>& row = rows[i % 3];
    const std::vector<int>& before = rows[(i + 2) % 3];
    const std::vector<int>& second = rows[(i + 1) % 3];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({before[j] + 1, row[j - 1] + 1,
                         before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], second[j - 2] + 1);
      }
    }
    if (std::ranges::min(row) > count_max) {
      return count_max + 1;
    }
  }
  return rows[a.size() % 3][b.size()];
}

absl::StatusOr<std::vector<TermSuggestion>> SuggestFrom(
    const CommitReaderImpl& reader, const SuggestOptions& options) {
  return TermSuggester(reader, options).Run();
}

}  // namespace copse
