// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/condition_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/text/code_points.h"

namespace copse {
namespace {

// As much of what was found as a message shows.
constexpr size_t kShownSizeBytesMax = 40;

// A word or a quoted text.
struct Token {
  std::string text = {};
  bool is_quoted = false;
  size_t begin = 0;
};

// What a word is, by the grammar of numbers in JSON.
enum class WordKind { kText, kInteger, kReal };

size_t SkipDigits(absl::string_view word, size_t at) {
  while (at < word.size() && absl::ascii_isdigit(word[at])) {
    ++at;
  }
  return at;
}

WordKind KindOf(absl::string_view word) {
  size_t at = !word.empty() && word[0] == '-' ? 1 : 0;
  const size_t first = at;
  at = SkipDigits(word, at);
  if (at == first || (word[first] == '0' && at > first + 1)) {
    return WordKind::kText;
  }
  if (at == word.size()) {
    return WordKind::kInteger;
  }
  if (word[at] == '.') {
    const size_t fraction = at + 1;
    at = SkipDigits(word, fraction);
    if (at == fraction) {
      return WordKind::kText;
    }
  }
  if (at < word.size() && (word[at] == 'e' || word[at] == 'E')) {
    ++at;
    at += at < word.size() && (word[at] == '+' || word[at] == '-') ? 1 : 0;
    const size_t exponent = at;
    at = SkipDigits(word, exponent);
    if (at == exponent) {
      return WordKind::kText;
    }
  }
  return at == word.size() ? WordKind::kReal : WordKind::kText;
}

bool IsWordCharacter(char character) {
  return !absl::ascii_isspace(character) &&
         absl::string_view("=!<>(),\"'").find(character) ==
             absl::string_view::npos;
}

class ConditionParser {
 public:
  explicit ConditionParser(absl::string_view text) : text_(text) {}

  absl::StatusOr<ConditionText> Parse();

 private:
  void SkipSpace() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) {
      ++at_;
    }
  }

  // Takes `symbol` if it comes next, as it is.
  bool Take(absl::string_view symbol) {
    if (text_.substr(at_, symbol.size()) != symbol) {
      return false;
    }
    at_ += symbol.size();
    return true;
  }

  // The same for a word between others.
  bool TakeWord(absl::string_view word);

  absl::Status Unexpected(size_t begin, absl::string_view wanted) const;
  absl::Status ParseToken(absl::string_view wanted, Token& token);
  absl::Status ParseQuoted(char quote, Token& token);
  absl::Status ParseValue(ConditionText::Value& value);
  absl::Status ParseList(ConditionText::In& list);
  absl::Status ParseTest(ConditionText& condition);
  absl::Status ParseRange(ConditionText::Range& range);
  absl::Status ParseOnly(ConditionText& condition);

  const absl::string_view text_;
  size_t at_ = 0;
};

absl::Status ConditionParser::Unexpected(size_t begin,
                                         absl::string_view wanted) const {
  const absl::string_view rest = text_.substr(begin);
  const std::string found =
      rest.empty()
          ? "the end"
          : absl::StrCat(
                "'",
                rest.substr(
                    0, CodePointStart(
                           rest, std::min(rest.size(), kShownSizeBytesMax))),
                "'");
  return absl::InvalidArgumentError(
      absl::StrCat("at byte ", begin + 1, " is ", found, ", wanted ", wanted));
}

bool ConditionParser::TakeWord(absl::string_view word) {
  const size_t begin = at_;
  if (Take(word) && (at_ == text_.size() || !IsWordCharacter(text_[at_]))) {
    SkipSpace();
    return true;
  }
  at_ = begin;
  return false;
}

absl::Status ConditionParser::ParseQuoted(char quote, Token& token) {
  token.is_quoted = true;
  for (++at_; at_ < text_.size(); ++at_) {
    char character = text_[at_];
    if (character == quote) {
      ++at_;
      return absl::OkStatus();
    }
    if (character == '\\') {
      ++at_;
      character = at_ < text_.size() ? text_[at_] : '\0';
      if (character != '\\' && character != '"' && character != '\'') {
        return Unexpected(at_, "\\, \" or ' behind a \\");
      }
    }
    token.text.push_back(character);
  }
  return Unexpected(
      at_, absl::StrCat("the ", absl::string_view(&quote, 1),
                        " that ends what begins at byte ", token.begin + 1));
}

absl::Status ConditionParser::ParseToken(absl::string_view wanted,
                                         Token& token) {
  SkipSpace();
  token.begin = at_;
  if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
    return ParseQuoted(text_[at_], token);
  }
  while (at_ < text_.size() && IsWordCharacter(text_[at_])) {
    token.text.push_back(text_[at_]);
    ++at_;
  }
  if (token.text.empty()) {
    return Unexpected(at_, wanted);
  }
  return absl::OkStatus();
}

absl::Status ConditionParser::ParseValue(ConditionText::Value& value) {
  Token token;
  COPSE_RETURN_IF_ERROR(ParseToken("a value", token));
  const WordKind kind = token.is_quoted ? WordKind::kText : KindOf(token.text);
  int64_t integer = 0;
  double real = 0;
  if (kind == WordKind::kInteger) {
    if (!absl::SimpleAtoi(token.text, &integer)) {
      return Unexpected(
          token.begin, absl::StrCat("a whole number from ",
                                    std::numeric_limits<int64_t>::min(), " to ",
                                    std::numeric_limits<int64_t>::max()));
    }
    value = integer;
  } else if (kind == WordKind::kReal) {
    if (!absl::SimpleAtod(token.text, &real) ||
        real > std::numeric_limits<double>::max() ||
        real < std::numeric_limits<double>::lowest()) {
      return Unexpected(token.begin, "a finite number");
    }
    value = real;
  } else if (!token.is_quoted &&
             (token.text == "true" || token.text == "false")) {
    value = token.text == "true";
  } else {
    value = std::move(token.text);
  }
  return absl::OkStatus();
}

absl::Status ConditionParser::ParseList(ConditionText::In& list) {
  do {
    COPSE_RETURN_IF_ERROR(ParseValue(list.values.emplace_back()));
    SkipSpace();
  } while (Take(","));
  return Take(")") ? absl::OkStatus() : Unexpected(at_, "',' or ')'");
}

absl::Status ConditionParser::ParseOnly(ConditionText& condition) {
  return ParseValue(
      condition.test.emplace<ConditionText::In>().values.emplace_back());
}

// Behind the first character of the sign, which is the last one but for a '='.
absl::Status ConditionParser::ParseRange(ConditionText::Range& range) {
  const bool is_less = text_[at_ - 1] == '<';
  const bool is_excluded = !Take("=");
  if (is_less) {
    range.excludes_greatest = is_excluded;
    return ParseValue(range.greatest.emplace());
  }
  range.excludes_least = is_excluded;
  return ParseValue(range.least.emplace());
}

absl::Status ConditionParser::ParseTest(ConditionText& condition) {
  SkipSpace();
  const size_t begin = at_;
  if (Take("!=")) {
    condition.is_negated = !condition.is_negated;
    return ParseOnly(condition);
  }
  if (Take("=")) {
    return ParseOnly(condition);
  }
  if (Take("<") || Take(">")) {
    return ParseRange(condition.test.emplace<ConditionText::Range>());
  }
  if (TakeWord("in")) {
    if (!Take("(")) {
      return Unexpected(at_, "'('");
    }
    return ParseList(condition.test.emplace<ConditionText::In>());
  }
  return Unexpected(begin, "=, !=, <, <=, >, >= or in");
}

absl::StatusOr<ConditionText> ConditionParser::Parse() {
  ConditionText condition;
  SkipSpace();
  condition.is_negated = TakeWord("not");
  const bool exists = Take("has:");
  Token name;
  COPSE_RETURN_IF_ERROR(ParseToken("the name of an attribute", name));
  if (name.text.empty()) {
    return Unexpected(name.begin, "a name that is not empty");
  }
  condition.name = std::move(name.text);
  if (!exists) {
    COPSE_RETURN_IF_ERROR(ParseTest(condition));
  }
  SkipSpace();
  if (at_ != text_.size()) {
    return Unexpected(at_,
                      "the end; a value with spaces or signs needs quotes");
  }
  return condition;
}

}  // namespace

absl::StatusOr<ConditionText> ParseConditionText(absl::string_view text) {
  if (!CheckUtf8(text).ok()) {
    return absl::InvalidArgumentError("is not valid UTF-8");
  }
  return ConditionParser(text).Parse();
}

}  // namespace copse
