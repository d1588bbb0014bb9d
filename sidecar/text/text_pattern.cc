// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/text_pattern.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "unicode/regex.h"
#include "unicode/unistr.h"
#include "unicode/utf8.h"

#include "index/util/status_macros.h"

namespace copse {
namespace {

constexpr size_t kExpressionSizeMax = size_t{16} << 10;

// In ICU's units, each about a millisecond, and for one match.
constexpr int32_t kMatchTimeMax = 1000;
constexpr int32_t kStackSizeMax = 16 << 20;

// Spells out what Oniguruma means by \s, \w and their opposites.
std::string ToIcuSyntax(absl::string_view expression) {
  // In Latin-1 it takes superscripts and fractions for letters.
  constexpr absl::string_view kWord =
      R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u00B2\u00B3\u00B9\u00BC-\u00BE)";
  std::string result;
  for (size_t i = 0; i < expression.size(); ++i) {
    if (expression[i] != '\\' || i + 1 == expression.size()) {
      result.push_back(expression[i]);
      continue;
    }
    const char escaped = expression[++i];
    if (escaped == 's' || escaped == 'S') {
      result += escaped == 's' ? "\\p{White_Space}" : "\\P{White_Space}";
    } else if (escaped == 'w' || escaped == 'W') {
      absl::StrAppend(&result, escaped == 'w' ? "[" : "[^", kWord, "]");
    } else {
      result.push_back('\\');
      result.push_back(escaped);
    }
  }
  return result;
}

// Walks along a text in UTF-8 and in UTF-16 at once, forward only.
class OffsetWalker {
 public:
  explicit OffsetWalker(absl::string_view text) : text_(text) {}

  // Returns the offset in bytes of an offset in UTF-16, not below the last one.
  size_t ByteOffset(int32_t utf16_offset) {
    while (utf16_offset_ < utf16_offset) {
      const UChar32 c = NextCodePoint(text_, byte_offset_);
      utf16_offset_ += c > 0xFFFF ? 2 : 1;
    }
    return byte_offset_;
  }

 private:
  const absl::string_view text_;
  size_t byte_offset_ = 0;
  int32_t utf16_offset_ = 0;
};

absl::Status TooCostly(UErrorCode code) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "the search for a tokenizer's regular expression was given up: %s",
      u_errorName(code)));
}

}  // namespace

absl::StatusOr<TextPattern> TextPattern::Read(const JsonElement& pattern) {
  if (const std::optional<JsonElement> regex = FindField(pattern, "Regex")) {
    COPSE_ASSIGN_OR_RETURN(const std::string expression,
                           StringField(pattern, "Regex"));
    return MakeRegex(expression);
  }
  TextPattern result;
  COPSE_ASSIGN_OR_RETURN(result.string_, StringField(pattern, "String"));
  return result;
}

absl::StatusOr<TextPattern> TextPattern::MakeRegex(
    absl::string_view expression) {
  if (expression.size() > kExpressionSizeMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("'Regex' has %d bytes, expected at most %d",
                        expression.size(), kExpressionSizeMax));
  }
  const std::string icu_expression = ToIcuSyntax(expression);
  UErrorCode code = U_ZERO_ERROR;
  UParseError where = {};
  TextPattern result;
  result.regex_.reset(icu::RegexPattern::compile(
      icu::UnicodeString::fromUTF8(icu_expression), 0, where, code));
  if (U_FAILURE(code)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'Regex' is '%s', which ICU refuses at character %d: %s", expression,
        where.offset, u_errorName(code)));
  }
  return result;
}

absl::Status TextPattern::ForEachMatch(absl::string_view text,
                                       Visitor visit) const {
  if (regex_ != nullptr) {
    return ForEachRegexMatch(text, visit);
  }
  if (string_.empty()) {
    return absl::OkStatus();
  }
  for (size_t begin = text.find(string_); begin != absl::string_view::npos;
       begin = text.find(string_, begin + string_.size())) {
    visit({.begin = begin, .end = begin + string_.size()});
  }
  return absl::OkStatus();
}

absl::Status TextPattern::ForEachRegexMatch(absl::string_view text,
                                            Visitor visit) const {
  const icu::UnicodeString utf16 = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  UErrorCode code = U_ZERO_ERROR;
  const std::unique_ptr<icu::RegexMatcher> matcher(
      regex_->matcher(utf16, code));
  if (U_FAILURE(code)) {
    return TooCostly(code);
  }
  matcher->setTimeLimit(kMatchTimeMax, code);
  matcher->setStackLimit(kStackSizeMax, code);
  OffsetWalker walker(text);
  while (matcher->find(code)) {
    const size_t begin = walker.ByteOffset(matcher->start(code));
    const size_t end = walker.ByteOffset(matcher->end(code));
    if (begin < end) {
      visit({.begin = begin, .end = end});
    }
  }
  return U_FAILURE(code) ? TooCostly(code) : absl::OkStatus();
}

}  // namespace copse
