// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/pre_tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "unicode/uchar.h"

#include "index/util/status_macros.h"
#include "sidecar/text/component_list.h"
#include "sidecar/text/text_normalizer.h"
#include "sidecar/text/text_pattern.h"

namespace copse {
namespace {

// ---- Splitting
// ---------------------------------------------------------------

// What becomes of the parts that a pattern matches.
enum class SplitBehavior {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous,
};

absl::StatusOr<SplitBehavior> ReadBehavior(const JsonElement& json) {
  COPSE_ASSIGN_OR_RETURN(const std::string name,
                         StringField(json, "behavior", "Isolated"));
  for (const auto& [behavior, known] :
       {std::pair(SplitBehavior::kRemoved, "Removed"),
        std::pair(SplitBehavior::kIsolated, "Isolated"),
        std::pair(SplitBehavior::kMergedWithPrevious, "MergedWithPrevious"),
        std::pair(SplitBehavior::kMergedWithNext, "MergedWithNext"),
        std::pair(SplitBehavior::kContiguous, "Contiguous")}) {
    if (name == known) {
      return behavior;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("'behavior' is '%s', which copse does not know", name));
}

// A part of a word that is a match or lies between two.
struct WordPart {
  TextRange range;
  bool is_match = false;
};

// Joins each match to what is before it, unless that is a match, too.
void MergeWithPrevious(std::vector<WordPart>& parts) {
  std::vector<WordPart> merged;
  bool was_match = false;
  for (const WordPart& part : parts) {
    if (part.is_match && !was_match && !merged.empty()) {
      merged.back().range.end = part.range.end;
    } else {
      merged.push_back(part);
    }
    was_match = part.is_match;
  }
  parts = std::move(merged);
}

void MergeWithNext(std::vector<WordPart>& parts) {
  std::vector<WordPart> merged;
  bool was_match = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->is_match && !was_match && !merged.empty()) {
      merged.back().range.begin = part->range.begin;
    } else {
      merged.push_back(*part);
    }
    was_match = part->is_match;
  }
  std::ranges::reverse(merged);
  parts = std::move(merged);
}

void MergeContiguous(std::vector<WordPart>& parts) {
  std::vector<WordPart> merged;
  for (const WordPart& part : parts) {
    if (!merged.empty() && merged.back().is_match == part.is_match) {
      merged.back().range.end = part.range.end;
    } else {
      merged.push_back(part);
    }
  }
  parts = std::move(merged);
}

void AppendWords(SplitBehavior behavior, std::vector<WordPart>& parts,
                 std::vector<TextRange>& words) {
  if (behavior == SplitBehavior::kMergedWithPrevious) {
    MergeWithPrevious(parts);
  } else if (behavior == SplitBehavior::kMergedWithNext) {
    MergeWithNext(parts);
  } else if (behavior == SplitBehavior::kContiguous) {
    MergeContiguous(parts);
  }
  for (const WordPart& part : parts) {
    if (behavior != SplitBehavior::kRemoved || !part.is_match) {
      words.push_back(part.range);
    }
  }
}

// Splits each word at the matches that `for_each_match(word, visit)` finds;
// what is between them counts as matched instead if `is_inverted`.
template <typename ForEachMatch>
absl::Status SplitWords(SplitText& split, SplitBehavior behavior,
                        bool is_inverted, ForEachMatch for_each_match) {
  std::vector<TextRange> words;
  std::vector<WordPart> parts;
  for (const TextRange& word : split.words) {
    parts.clear();
    size_t end = word.begin;
    const auto add_between = [&](size_t next) {
      if (end < next) {
        parts.push_back(
            {.range = {.begin = end, .end = next}, .is_match = is_inverted});
      }
    };
    COPSE_RETURN_IF_ERROR(
        for_each_match(word.In(split.text.text()), [&](TextRange match) {
          const TextRange range = {.begin = word.begin + match.begin,
                                   .end = word.begin + match.end};
          add_between(range.begin);
          parts.push_back({.range = range, .is_match = !is_inverted});
          end = range.end;
        }));
    add_between(word.end);
    AppendWords(behavior, parts, words);
  }
  split.words = std::move(words);
  return absl::OkStatus();
}

// Each code point for which `is_match` is a match of its own.
template <typename IsMatch>
absl::Status SplitAt(SplitText& split, SplitBehavior behavior,
                     IsMatch is_match) {
  return SplitWords(split, behavior, /*is_inverted=*/false,
                    [&](absl::string_view word, auto visit) {
                      for (size_t offset = 0; offset < word.size();) {
                        TextRange range = {.begin = offset};
                        const UChar32 c = NextCodePoint(word, offset);
                        range.end = offset;
                        if (is_match(c)) {
                          visit(range);
                        }
                      }
                      return absl::OkStatus();
                    });
}

bool IsWhiteSpace(UChar32 c) { return u_isUWhiteSpace(c) != 0; }

bool IsPunctuation(UChar32 c) {
  return (c < 0x80 && u_isgraph(c) && !u_isalnum(c)) || u_ispunct(c);
}

bool IsNumeric(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_N_MASK) != 0; }

class BertPreTokenizer final : public PreTokenizer {
 public:
  absl::Status Split(SplitText& split) const override {
    COPSE_RETURN_IF_ERROR(
        SplitAt(split, SplitBehavior::kRemoved, IsWhiteSpace));
    return SplitAt(split, SplitBehavior::kIsolated, IsPunctuation);
  }
};

class CodePointPreTokenizer final : public PreTokenizer {
 public:
  using Predicate = bool (*)(UChar32 c);
  CodePointPreTokenizer(Predicate is_match, SplitBehavior behavior)
      : is_match_(is_match), behavior_(behavior) {}

  absl::Status Split(SplitText& split) const override {
    return SplitAt(split, behavior_, is_match_);
  }

 private:
  const Predicate is_match_;
  const SplitBehavior behavior_;
};

class DelimiterPreTokenizer final : public PreTokenizer {
 public:
  explicit DelimiterPreTokenizer(UChar32 delimiter) : delimiter_(delimiter) {}

  absl::Status Split(SplitText& split) const override {
    return SplitAt(split, SplitBehavior::kRemoved,
                   [this](UChar32 c) { return c == delimiter_; });
  }

 private:
  const UChar32 delimiter_;
};

class PatternPreTokenizer final : public PreTokenizer {
 public:
  PatternPreTokenizer(TextPattern pattern, SplitBehavior behavior,
                      bool is_inverted)
      : pattern_(std::move(pattern)),
        behavior_(behavior),
        is_inverted_(is_inverted) {}

  absl::Status Split(SplitText& split) const override {
    return SplitWords(split, behavior_, is_inverted_,
                      [this](absl::string_view word, auto visit) {
                        return pattern_.ForEachMatch(word, visit);
                      });
  }

 private:
  const TextPattern pattern_;
  const SplitBehavior behavior_;
  const bool is_inverted_;
};

// ---- Splitters that write
// ----------------------------------------------------

// Lets `rewrite(word, builder)` append each word anew.
template <typename Rewrite>
void RewriteWords(SplitText& split, Rewrite rewrite) {
  AlignedTextBuilder builder(split.text);
  for (TextRange& word : split.words) {
    const size_t begin = builder.size();
    rewrite(word, builder);
    word = {.begin = begin, .end = builder.size()};
  }
  split.text = std::move(builder).Build();
}

TextRange FirstCodePoint(absl::string_view text, TextRange word) {
  size_t end = word.begin;
  NextCodePoint(text, end);
  return {.begin = word.begin, .end = end};
}

class ByteLevelPreTokenizer final : public PreTokenizer {
 public:
  ByteLevelPreTokenizer(bool has_prefix, std::optional<TextPattern> pattern)
      : has_prefix_(has_prefix), pattern_(std::move(pattern)) {}

  absl::Status Split(SplitText& split) const override {
    if (has_prefix_) {
      RewriteWords(split, [&](TextRange word, AlignedTextBuilder& builder) {
        const absl::string_view text = split.text.text();
        if (text[word.begin] != ' ') {
          builder.Replace(FirstCodePoint(text, word), " ");
        }
        builder.Copy(word);
      });
    }
    if (pattern_.has_value()) {
      COPSE_RETURN_IF_ERROR(
          SplitWords(split, SplitBehavior::kIsolated, /*is_inverted=*/false,
                     [this](absl::string_view word, auto visit) {
                       return pattern_->ForEachMatch(word, visit);
                     }));
    }
    RewriteWords(split, [&](TextRange word, AlignedTextBuilder& builder) {
      AppendByteLevel(split.text.text(), word, builder);
    });
    return absl::OkStatus();
  }

 private:
  const bool has_prefix_;
  const std::optional<TextPattern> pattern_;
};

enum class PrependScheme { kAlways, kFirst, kNever };

// Puts a mark in the place of each space and before the first word.
class MetaspacePreTokenizer final : public PreTokenizer {
 public:
  MetaspacePreTokenizer(std::string mark, PrependScheme scheme, bool does_split)
      : mark_(std::move(mark)), scheme_(scheme), does_split_(does_split) {}

  absl::Status Split(SplitText& split) const override {
    RewriteWords(split, [&](TextRange word, AlignedTextBuilder& builder) {
      Rewrite(split.text, word, builder);
    });
    if (!does_split_) {
      return absl::OkStatus();
    }
    return SplitWords(
        split, SplitBehavior::kMergedWithNext,
        /*is_inverted=*/false, [this](absl::string_view word, auto visit) {
          for (size_t i = word.find(mark_); i != absl::string_view::npos;
               i = word.find(mark_, i + mark_.size())) {
            visit(TextRange{i, i + mark_.size()});
          }
          return absl::OkStatus();
        });
  }

 private:
  void Rewrite(const AlignedText& text, TextRange word,
               AlignedTextBuilder& builder) const {
    const absl::string_view input = text.text();
    const TextRange first = FirstCodePoint(input, word);
    const bool begins_with_mark =
        input[word.begin] == ' ' || absl::StartsWith(word.In(input), mark_);
    if (!begins_with_mark &&
        (scheme_ == PrependScheme::kAlways ||
         (scheme_ == PrependScheme::kFirst && text.Source(first).begin == 0))) {
      builder.Replace(first, mark_);
    }
    for (size_t begin = word.begin; begin < word.end;) {
      const size_t space = std::min(input.find(' ', begin), word.end);
      if (space > begin) {
        builder.Copy({.begin = begin, .end = space});
      }
      if (space < word.end) {
        builder.Replace({.begin = space, .end = space + 1}, mark_);
      }
      begin = space + 1;
    }
  }

  const std::string mark_;
  const PrependScheme scheme_;
  const bool does_split_;
};

// ---- Reading
// -----------------------------------------------------------------

using PreTokenizerOr = absl::StatusOr<std::unique_ptr<const PreTokenizer>>;

PreTokenizerOr ReadMetaspace(const JsonElement& json) {
  COPSE_ASSIGN_OR_RETURN(std::string mark,
                         StringField(json, "replacement", "\u2581"));
  if (OnlyCodePoint(mark) < 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("'replacement' is '%s', expected one character", mark));
  }
  // Older files have add_prefix_space instead.
  COPSE_ASSIGN_OR_RETURN(const bool has_prefix,
                         BoolField(json, "add_prefix_space", true));
  COPSE_ASSIGN_OR_RETURN(
      const std::string name,
      StringField(json, "prepend_scheme", has_prefix ? "always" : "never"));
  if (name != "always" && name != "first" && name != "never") {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'prepend_scheme' is '%s', expected always, first or never", name));
  }
  COPSE_ASSIGN_OR_RETURN(const bool does_split, BoolField(json, "split", true));
  return std::make_unique<MetaspacePreTokenizer>(
      std::move(mark),
      name == "always"  ? PrependScheme::kAlways
      : name == "first" ? PrependScheme::kFirst
                        : PrependScheme::kNever,
      does_split);
}

PreTokenizerOr ReadByteLevel(const JsonElement& json) {
  // GPT-2's, for contractions, words, numbers, other characters and spaces.
  constexpr absl::string_view kExpression =
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  COPSE_ASSIGN_OR_RETURN(const bool has_prefix,
                         BoolField(json, "add_prefix_space", true));
  COPSE_ASSIGN_OR_RETURN(const bool uses_regex,
                         BoolField(json, "use_regex", true));
  std::optional<TextPattern> pattern;
  if (uses_regex) {
    COPSE_ASSIGN_OR_RETURN(pattern, TextPattern::MakeRegex(kExpression));
  }
  return std::make_unique<ByteLevelPreTokenizer>(has_prefix,
                                                 std::move(pattern));
}

PreTokenizerOr ReadSplit(const JsonElement& json) {
  const std::optional<JsonElement> pattern = FindField(json, "pattern");
  if (!pattern.has_value()) {
    return absl::InvalidArgumentError(
        "'pattern' is missing, expected an object with 'String' or 'Regex'");
  }
  COPSE_ASSIGN_OR_RETURN(TextPattern compiled, TextPattern::Read(*pattern));
  COPSE_ASSIGN_OR_RETURN(const SplitBehavior behavior, ReadBehavior(json));
  COPSE_ASSIGN_OR_RETURN(const bool is_inverted,
                         BoolField(json, "invert", false));
  return std::make_unique<PatternPreTokenizer>(std::move(compiled), behavior,
                                               is_inverted);
}

// \w+|[^\w\s]+ as the regular expressions of Rust have it.
PreTokenizerOr ReadWhitespace() {
  constexpr absl::string_view kWord =
      R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control})";
  COPSE_ASSIGN_OR_RETURN(TextPattern pattern,
                         TextPattern::MakeRegex(absl::StrCat(
                             "[", kWord, "]+|[^", kWord, R"(\s]+)")));
  return std::make_unique<PatternPreTokenizer>(
      std::move(pattern), SplitBehavior::kRemoved, /*is_inverted=*/true);
}

PreTokenizerOr ReadDelimiter(const JsonElement& json) {
  COPSE_ASSIGN_OR_RETURN(const std::string delimiter,
                         StringField(json, "delimiter"));
  const UChar32 c = OnlyCodePoint(delimiter);
  if (c < 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'delimiter' is '%s', expected one character", delimiter));
  }
  return std::make_unique<DelimiterPreTokenizer>(c);
}

PreTokenizerOr ReadDigits(const JsonElement& json) {
  COPSE_ASSIGN_OR_RETURN(const bool is_individual,
                         BoolField(json, "individual_digits", false));
  return std::make_unique<CodePointPreTokenizer>(
      IsNumeric,
      is_individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
}

PreTokenizerOr ReadPart(absl::string_view type, const JsonElement& json) {
  if (type == "BertPreTokenizer") {
    return std::make_unique<BertPreTokenizer>();
  }
  if (type == "Whitespace") {
    return ReadWhitespace();
  }
  if (type == "WhitespaceSplit") {
    return std::make_unique<CodePointPreTokenizer>(IsWhiteSpace,
                                                   SplitBehavior::kRemoved);
  }
  if (type == "Metaspace") {
    return ReadMetaspace(json);
  }
  if (type == "ByteLevel") {
    return ReadByteLevel(json);
  }
  if (type == "Split") {
    return ReadSplit(json);
  }
  if (type == "Digits") {
    return ReadDigits(json);
  }
  if (type == "Punctuation") {
    COPSE_ASSIGN_OR_RETURN(const SplitBehavior behavior, ReadBehavior(json));
    return std::make_unique<CodePointPreTokenizer>(IsPunctuation, behavior);
  }
  if (type == "CharDelimiterSplit") {
    return ReadDelimiter(json);
  }
  return absl::InvalidArgumentError("copse does not know this pre-tokenizer");
}

}  // namespace

absl::StatusOr<PreTokenizers> ReadPreTokenizers(const JsonElement& json) {
  return ReadComponents<std::unique_ptr<const PreTokenizer>>(
      json, "pretokenizers", ReadPart);
}

}  // namespace copse
