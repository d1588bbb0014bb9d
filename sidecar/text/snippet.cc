// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/snippet.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "unicode/brkiter.h"
#include "unicode/bytestream.h"
#include "unicode/locid.h"
#include "unicode/normalizer2.h"
#include "unicode/stringpiece.h"
#include "unicode/ubrk.h"
#include "unicode/utext.h"

#include "index/util/status_macros.h"

namespace copse {
namespace {

constexpr size_t kChunkSizeMax = size_t{1} << 20;
constexpr size_t kQuerySizeMax = size_t{64} << 10;

// Longer words are not compared: folding could make them 18 times as long.
constexpr size_t kWordSizeMax = 256;

absl::Status IcuError(UErrorCode code) {
  return absl::InternalError(
      absl::StrCat("ICU cannot find words: ", u_errorName(code)));
}

absl::string_view Begin(absl::string_view text, size_t size_max) {
  return text.substr(0, CodePointStart(text, std::min(text.size(), size_max)));
}

// Finds the words of texts and folds them.
class WordReader {
 public:
  static absl::StatusOr<WordReader> Make() {
    WordReader reader;
    UErrorCode code = U_ZERO_ERROR;
    reader.iterator_.reset(
        icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), code));
    reader.folding_ = icu::Normalizer2::getNFKCCasefoldInstance(code);
    if (U_FAILURE(code)) {
      return IcuError(code);
    }
    return reader;
  }

  absl::StatusOr<std::vector<TextRange>> Words(absl::string_view text) {
    UErrorCode code = U_ZERO_ERROR;
    UText view = UTEXT_INITIALIZER;
    utext_openUTF8(&view, text.data(), static_cast<int64_t>(text.size()),
                   &code);
    if (U_SUCCESS(code)) {
      iterator_->setText(&view, code);
    }
    if (U_FAILURE(code)) {
      utext_close(&view);
      return IcuError(code);
    }
    std::vector<TextRange> words;
    size_t begin = 0;
    for (int32_t end = iterator_->next(); end != icu::BreakIterator::DONE;
         end = iterator_->next()) {
      if (iterator_->getRuleStatus() >= UBRK_WORD_NONE_LIMIT) {
        words.push_back({.begin = begin, .end = static_cast<size_t>(end)});
      }
      begin = static_cast<size_t>(end);
    }
    utext_close(&view);
    return words;
  }

  // The folded word lasts until the next call.
  absl::StatusOr<absl::string_view> Fold(absl::string_view word) {
    word = Begin(word, kWordSizeMax);
    folded_.clear();
    icu::StringByteSink<std::string> sink(&folded_);
    UErrorCode code = U_ZERO_ERROR;
    folding_->normalizeUTF8(
        0, icu::StringPiece(word.data(), static_cast<int32_t>(word.size())),
        sink, nullptr, code);
    if (U_FAILURE(code)) {
      return IcuError(code);
    }
    return folded_;
  }

 private:
  std::unique_ptr<icu::BreakIterator> iterator_;
  const icu::Normalizer2* folding_ = nullptr;  // ICU's own.
  std::string folded_;
};

// A word of the chunk that the query has, and which of the query's it is.
struct WordMatch {
  TextRange range;
  size_t term = 0;
};

absl::StatusOr<std::vector<WordMatch>> FindMatches(
    WordReader& reader, absl::string_view chunk,
    const std::vector<TextRange>& words, absl::string_view query) {
  absl::flat_hash_map<std::string, size_t> terms;
  COPSE_ASSIGN_OR_RETURN(const std::vector<TextRange> query_words,
                         reader.Words(query));
  for (const TextRange& word : query_words) {
    COPSE_ASSIGN_OR_RETURN(const absl::string_view folded,
                           reader.Fold(word.In(query)));
    terms.try_emplace(folded, terms.size());
  }
  std::vector<WordMatch> matches;
  for (const TextRange& word : words) {
    COPSE_ASSIGN_OR_RETURN(const absl::string_view folded,
                           reader.Fold(word.In(chunk)));
    const auto found = terms.find(folded);
    if (found != terms.end()) {
      matches.push_back({.range = word, .term = found->second});
    }
  }
  return matches;
}

int64_t CountCodePoints(absl::string_view text) {
  return std::ranges::count_if(text, [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  });
}

// Offsets in code points of offsets in bytes, which may only grow.
class CodePointCounter {
 public:
  explicit CodePointCounter(absl::string_view text) : text_(text) {}

  int64_t At(size_t offset) {
    count_ += CountCodePoints(text_.substr(offset_, offset - offset_));
    offset_ = offset;
    return count_;
  }

 private:
  const absl::string_view text_;
  size_t offset_ = 0;
  int64_t count_ = 0;
};

// The first and last match, as indexes, of the best run of matches that fits.
std::pair<size_t, size_t> BestRun(absl::string_view chunk,
                                  const std::vector<WordMatch>& matches,
                                  int64_t code_point_count_max) {
  std::vector<int64_t> begins;
  std::vector<int64_t> ends;
  CodePointCounter counter(chunk);
  for (const WordMatch& match : matches) {
    begins.push_back(counter.At(match.range.begin));
    ends.push_back(counter.At(match.range.end));
  }
  absl::flat_hash_map<size_t, int> counts;  // By term, in [first, last].
  std::pair<size_t, size_t> best = {0, 0};
  std::tuple<size_t, size_t> best_score = {0, 0};
  size_t first = 0;
  for (size_t last = 0; last < matches.size(); ++last) {
    ++counts[matches[last].term];
    while (first < last && ends[last] - begins[first] > code_point_count_max) {
      const auto count = counts.find(matches[first].term);
      if (--count->second == 0) {
        counts.erase(count);
      }
      ++first;
    }
    const std::tuple score = {counts.size(), last - first + 1};
    if (score > best_score) {
      best_score = score;
      best = {first, last};
    }
  }
  return best;
}

// Moves `offset` back by whole words of the chunk for as long as no more than
// `code_point_count` code points are passed.
size_t WidenLeft(absl::string_view chunk, const std::vector<TextRange>& words,
                 size_t offset, int64_t code_point_count) {
  auto word = std::ranges::lower_bound(words, offset, {}, &TextRange::begin);
  while (word != words.begin()) {
    --word;
    const int64_t step =
        CountCodePoints(chunk.substr(word->begin, offset - word->begin));
    if (step > code_point_count) {
      break;
    }
    code_point_count -= step;
    offset = word->begin;
  }
  return offset;
}

size_t AfterCodePoints(absl::string_view chunk, size_t offset, int64_t count) {
  for (; count > 0 && offset < chunk.size(); --count) {
    NextCodePoint(chunk, offset);
  }
  return offset;
}

// The largest end for a snippet that begins at `begin`: where the chunk ends, a
// word ends, or white space begins, but not before `end_min`. Where not even
// one word fits, it is cut.
size_t WidenRight(absl::string_view chunk, const std::vector<TextRange>& words,
                  size_t begin, size_t end_min, int64_t code_point_count_max) {
  const size_t limit = AfterCodePoints(chunk, begin, code_point_count_max);
  if (limit == chunk.size()) {
    return TrimmedEnd(chunk, {.begin = begin, .end = limit});
  }
  const auto next = std::ranges::upper_bound(words, limit, {}, &TextRange::end);
  size_t end = end_min;
  if (next != words.begin()) {
    end = std::max(end, std::prev(next)->end);
  }
  // Marks that follow the word belong to it.
  const size_t next_begin =
      next == words.end() ? limit : std::min(next->begin, limit);
  while (end < next_begin && SkipWhiteSpace(chunk, end) == end) {
    NextCodePoint(chunk, end);
  }
  return end > begin ? end : limit;
}

// The part of the chunk from `run` outwards: as much before it as after it.
TextRange Widen(absl::string_view chunk, const std::vector<TextRange>& words,
                TextRange run, int64_t code_point_count_max) {
  const size_t end_min = std::min(
      run.end, AfterCodePoints(chunk, run.begin, code_point_count_max));
  const int64_t rest =
      code_point_count_max -
      CountCodePoints(chunk.substr(run.begin, end_min - run.begin));
  const size_t begin = WidenLeft(chunk, words, run.begin, rest / 2);
  return {
      .begin = begin,
      .end = WidenRight(chunk, words, begin, end_min, code_point_count_max)};
}

}  // namespace

absl::StatusOr<TextSnippet> FindSnippet(absl::string_view chunk,
                                        absl::string_view query,
                                        const SnippetOptions& options) {
  const int64_t count_max = options.code_point_count_max;
  if (count_max < 1) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "code_point_count_max is %d, expected at least 1", count_max));
  }
  chunk = Begin(chunk, kChunkSizeMax);
  query = Begin(query, kQuerySizeMax);
  COPSE_RETURN_IF_ERROR(CheckUtf8(chunk));
  COPSE_RETURN_IF_ERROR(AnnotateStatus(CheckUtf8(query), "query"));
  COPSE_ASSIGN_OR_RETURN(WordReader reader, WordReader::Make());
  COPSE_ASSIGN_OR_RETURN(const std::vector<TextRange> words,
                         reader.Words(chunk));
  COPSE_ASSIGN_OR_RETURN(const std::vector<WordMatch> matches,
                         FindMatches(reader, chunk, words, query));
  const size_t begin = SkipWhiteSpace(chunk, 0);
  TextRange run = {.begin = begin, .end = begin};
  if (!matches.empty()) {
    const auto [first, last] = BestRun(chunk, matches, count_max);
    run = {.begin = matches[first].range.begin, .end = matches[last].range.end};
  }
  TextSnippet snippet;
  snippet.range = Widen(chunk, words, run, count_max);
  for (const WordMatch& match : matches) {
    if (match.range.begin >= snippet.range.begin &&
        match.range.end <= snippet.range.end) {
      snippet.matches.push_back(match.range);
    }
  }
  return snippet;
}

}  // namespace copse
