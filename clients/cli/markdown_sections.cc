// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/markdown_sections.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "unicode/locid.h"
#include "unicode/uchar.h"
#include "unicode/unistr.h"

#include "clients/cli/utf8.h"

namespace copse {
namespace {

using absl::string_view;

constexpr string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr size_t kAnchorSizeBytesMax = 512;

// A link text or a tag that is longer is taken for plain characters, so that a
// line of a million '[' does not take quadratic time.
constexpr size_t kInlineSizeBytesMax = 4096;

string_view WithoutLineEnd(string_view line) {
  absl::ConsumeSuffix(&line, "\n");
  absl::ConsumeSuffix(&line, "\r");
  return line;
}

bool IsBlank(string_view line) {
  return absl::StripAsciiWhitespace(line).empty();
}

// Takes up to three spaces off; more, or a tab, make a line code. Returns
// nullopt if the line is code.
std::optional<string_view> WithoutIndent(string_view line) {
  size_t count = 0;
  while (count < line.size() && line[count] == ' ') {
    ++count;
  }
  if (count > 3 || (count < line.size() && line[count] == '\t')) {
    return std::nullopt;
  }
  return line.substr(count);
}

size_t RunLength(string_view text, char character) {
  const size_t end = text.find_first_not_of(character);
  return end == string_view::npos ? text.size() : end;
}

// Returns the source of the heading that `line`, without indent, is: what
// stands between the hashes.
std::optional<string_view> HashHeading(string_view line) {
  const size_t level = RunLength(line, '#');
  if (level < 1 || level > 6) {
    return std::nullopt;
  }
  string_view source = line.substr(level);
  if (!source.empty() && source[0] != ' ' && source[0] != '\t') {
    return std::nullopt;
  }
  source = absl::StripAsciiWhitespace(source);
  const size_t end = source.find_last_not_of('#');
  if (end == string_view::npos) {
    return string_view();
  }
  if (end + 1 < source.size() && (source[end] == ' ' || source[end] == '\t')) {
    source = absl::StripTrailingAsciiWhitespace(source.substr(0, end));
  }
  return source;
}

bool IsUnderline(string_view line) {
  line = absl::StripTrailingAsciiWhitespace(line);
  return !line.empty() && (line[0] == '=' || line[0] == '-') &&
         RunLength(line, line[0]) == line.size();
}

// Whether a line, without indent, is something other than running text, so
// that a line of `---` below it is a rule and no heading.
bool BeginsABlock(string_view line) {
  if (line[0] == '>' || line[0] == '|') {
    return true;
  }
  if ((line[0] == '-' || line[0] == '*' || line[0] == '+') &&
      (line.size() == 1 || line[1] == ' ' || line[1] == '\t')) {
    return true;
  }
  size_t digits = 0;
  while (digits < line.size() && absl::ascii_isdigit(line[digits])) {
    ++digits;
  }
  return digits > 0 && digits < 10 && digits + 1 < line.size() &&
         (line[digits] == '.' || line[digits] == ')') &&
         line[digits + 1] == ' ';
}

// Follows the lines of a text and knows which of them are headings.
class HeadingFinder {
 public:
  // What the lines up to now say.
  struct Found {
    size_t begin = 0;  // Of the heading in the text.
    std::string source;
  };

  // Takes the next line, which begins at `begin` of the text. Returns the
  // heading that it is, or that it ends.
  std::optional<Found> Take(string_view line, size_t begin) {
    if (!raw_end_.empty()) {
      if (absl::StrContains(absl::AsciiStrToLower(line), raw_end_)) {
        raw_end_.clear();
      }
      return std::nullopt;
    }
    const std::optional<string_view> content = WithoutIndent(line);
    if (fence_size_ > 0) {
      EndFence(content);
      return std::nullopt;
    }
    if (IsBlank(line)) {
      paragraph_.clear();
      return std::nullopt;
    }
    if (!content.has_value()) {
      // Code, unless it goes on with a paragraph.
      ContinueParagraph(line);
      return std::nullopt;
    }
    if (BeginFence(*content) || BeginRaw(*content)) {
      paragraph_.clear();
      return std::nullopt;
    }
    if (const auto source = HashHeading(*content); source.has_value()) {
      paragraph_.clear();
      return Found{begin, std::string(*source)};
    }
    if (!paragraph_.empty() && IsUnderline(*content)) {
      return Found{paragraph_begin_, std::exchange(paragraph_, "")};
    }
    if (BeginsABlock(*content)) {
      paragraph_.clear();
      in_block_ = true;
    } else if (paragraph_.empty()) {
      BeginParagraph(*content, begin);
    } else {
      ContinueParagraph(*content);
    }
    return std::nullopt;
  }

  // Tells that there was a blank line or a heading, after which a line is
  // running text again.
  void EndBlock() { in_block_ = false; }

 private:
  void BeginParagraph(string_view content, size_t begin) {
    if (in_block_) {
      return;  // Goes on with the item of a list or a quotation.
    }
    paragraph_ = std::string(absl::StripAsciiWhitespace(content));
    paragraph_begin_ = begin;
  }

  void ContinueParagraph(string_view line) {
    if (!paragraph_.empty() && paragraph_.size() < kInlineSizeBytesMax) {
      absl::StrAppend(&paragraph_, " ", absl::StripAsciiWhitespace(line));
    }
  }

  bool BeginFence(string_view content) {
    const char mark = content[0];
    if (mark != '`' && mark != '~') {
      return false;
    }
    const size_t size = RunLength(content, mark);
    if (size < 3 ||
        (mark == '`' && absl::StrContains(content.substr(size), "`"))) {
      return false;
    }
    fence_mark_ = mark;
    fence_size_ = size;
    return true;
  }

  void EndFence(std::optional<string_view> content) {
    if (!content.has_value()) {
      return;
    }
    const size_t size = RunLength(*content, fence_mark_);
    if (size >= fence_size_ && IsBlank(content->substr(size))) {
      fence_size_ = 0;
    }
  }

  // Begins raw HTML if `content` does and does not end it at once.
  bool BeginRaw(string_view content) {
    if (content[0] != '<') {
      return false;
    }
    const std::string line = absl::AsciiStrToLower(content);
    std::string end;
    if (absl::StartsWith(line, "<!--")) {
      end = "-->";
    }
    for (const string_view tag : {"pre", "script", "style", "textarea"}) {
      if (absl::StartsWith(line, absl::StrCat("<", tag)) &&
          (line.size() == tag.size() + 1 ||
           !absl::ascii_isalnum(line[tag.size() + 1]))) {
        end = absl::StrCat("</", tag, ">");
      }
    }
    if (end.empty()) {
      return false;
    }
    if (!absl::StrContains(string_view(line).substr(1), end)) {
      raw_end_ = end;
    }
    return true;
  }

  std::string raw_end_;  // Not empty inside of raw HTML.
  char fence_mark_ = 0;
  size_t fence_size_ = 0;  // Not 0 inside of fenced code.
  bool in_block_ = false;  // Inside of a list, a quotation or a table.
  std::string paragraph_;  // Running text that may yet be underlined.
  size_t paragraph_begin_ = 0;
};

// Returns the size of the front matter that begins `text`, or 0.
size_t FrontMatterSize(string_view text) {
  string_view mark;
  size_t begin = absl::StartsWith(text, kByteOrderMark) ? 3 : 0;
  for (bool is_first = true; begin < text.size(); is_first = false) {
    const size_t line_feed = text.find('\n', begin);
    const size_t end =
        line_feed == string_view::npos ? text.size() : line_feed + 1;
    const string_view line = absl::StripTrailingAsciiWhitespace(
        WithoutLineEnd(text.substr(begin, end - begin)));
    if (is_first) {
      if (line != "---" && line != "+++") {
        return 0;
      }
      mark = line;
    } else if (line == mark || (mark == "---" && line == "...")) {
      return end;
    }
    begin = end;
  }
  return 0;
}

// Gives the second use of an anchor its number.
class AnchorNames {
 public:
  std::string Unique(const std::string& anchor) {
    std::string result = anchor;
    while (used_.contains(result)) {
      result = absl::StrCat(anchor, "-", ++used_[anchor]);
    }
    used_.emplace(result, 0);
    return result;
  }

 private:
  // The greatest number that was tried behind each anchor.
  absl::flat_hash_map<std::string, int64_t> used_;
};

// Finds the bracket that closes the one which begins `text`, or npos.
size_t ClosingBracket(string_view text, char open, char close) {
  int64_t depth = 0;
  const size_t end = std::min(text.size(), kInlineSizeBytesMax);
  for (size_t i = 0; i < end; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == open) {
      ++depth;
    } else if (text[i] == close && --depth == 0) {
      return i;
    }
  }
  return string_view::npos;
}

// The parts of `[label](address)`, `[label][name]` or `[label]` at the start of
// a text, and how much they take together.
struct Link {
  string_view label;
  size_t size_bytes = 0;
};

std::optional<Link> ParseLink(string_view text) {
  const size_t label_end = ClosingBracket(text, '[', ']');
  if (label_end == string_view::npos) {
    return std::nullopt;
  }
  Link link = {text.substr(1, label_end - 1), label_end + 1};
  const string_view rest = text.substr(label_end + 1);
  size_t address_end = string_view::npos;
  if (absl::StartsWith(rest, "(")) {
    address_end = ClosingBracket(rest, '(', ')');
  } else if (absl::StartsWith(rest, "[")) {
    address_end = ClosingBracket(rest, '[', ']');
  }
  if (address_end == string_view::npos) {
    return std::nullopt;  // Brackets that are just brackets.
  }
  link.size_bytes += address_end + 1;
  return link;
}

// The size of the tag or autolink that begins `text` with '<', or 0.
size_t TagSize(string_view text) {
  if (text.size() < 3 ||
      !(absl::ascii_isalpha(text[1]) || text[1] == '/' || text[1] == '!')) {
    return 0;
  }
  const size_t end = text.substr(0, kInlineSizeBytesMax).find('>');
  return end == string_view::npos ? 0 : end + 1;
}

bool IsWordByte(string_view text, size_t position) {
  return position < text.size() &&
         (absl::ascii_isalnum(text[position]) || text[position] == '_' ||
          static_cast<uint8_t>(text[position]) >= 0x80);
}

// Takes emphasis off: every '*', and every '_' that is not inside of a word.
std::string WithoutEmphasis(string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() &&
        absl::ascii_ispunct(text[i + 1])) {
      result += text[++i];
      continue;
    }
    if (text[i] == '_') {
      const size_t size = RunLength(text.substr(i), '_');
      if ((i > 0 && IsWordByte(text, i - 1)) && IsWordByte(text, i + size)) {
        result.append(size, '_');
      }
      i += size - 1;
    } else if (text[i] != '*') {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

std::vector<MarkdownSection> SplitMarkdown(string_view text) {
  std::vector<MarkdownSection> sections;
  AnchorNames names;
  HeadingFinder finder;
  size_t section_begin = 0;
  MarkdownSection section;  // What stands before the first heading.
  size_t begin = FrontMatterSize(text);
  if (begin == 0 && absl::StartsWith(text, kByteOrderMark)) {
    begin = 3;
  }
  while (begin < text.size()) {
    const size_t line_feed = text.find('\n', begin);
    const size_t end =
        line_feed == string_view::npos ? text.size() : line_feed + 1;
    const string_view line = WithoutLineEnd(text.substr(begin, end - begin));
    const auto found = finder.Take(line, begin);
    if (found.has_value() || IsBlank(line)) {
      finder.EndBlock();
    }
    if (found.has_value()) {
      section.text = text.substr(section_begin, found->begin - section_begin);
      const bool begins_with_mark_only = section.text == kByteOrderMark;
      if (section.anchor.has_value() ||
          !(section.text.empty() || begins_with_mark_only)) {
        sections.push_back(std::move(section));
      }
      section_begin = begins_with_mark_only ? 0 : found->begin;
      section = MarkdownSection();
      section.heading = PlainHeading(found->source);
      section.anchor = names.Unique(HeadingAnchor(section.heading));
    }
    begin = end;
  }
  section.text = text.substr(section_begin);
  if (!text.empty()) {
    sections.push_back(std::move(section));
  }
  return sections;
}

std::string PlainHeading(string_view source) {
  std::string result;
  std::string plain;  // Not in code, so that emphasis is taken off.
  const auto flush = [&] {
    result += WithoutEmphasis(plain);
    plain.clear();
  };
  // Labels of links are put in front again. Cut, because that is quadratic.
  std::string expanded(TruncateUtf8(source, kInlineSizeBytesMax));
  for (size_t i = 0; i < expanded.size();) {
    const string_view rest = string_view(expanded).substr(i);
    if (rest[0] == '\\' && rest.size() > 1) {
      absl::StrAppend(&plain, rest.substr(0, 2));
      i += 2;
      continue;
    }
    if (rest[0] == '`') {
      const size_t size = RunLength(rest, '`');
      const size_t end = rest.substr(0, kInlineSizeBytesMax)
                             .find(std::string(size, '`'), size);
      if (end != string_view::npos) {
        flush();
        absl::StrAppend(&result, rest.substr(size, end - size));
        i += end + size;
        continue;
      }
    }
    const bool is_image = absl::StartsWith(rest, "![");
    if (is_image || rest[0] == '[') {
      const auto link = ParseLink(rest.substr(is_image ? 1 : 0));
      if (link.has_value()) {
        const std::string label(is_image ? "" : link->label);
        expanded = absl::StrCat(
            label, rest.substr(link->size_bytes + (is_image ? 1 : 0)));
        i = 0;
        continue;
      }
    }
    if (const size_t size = rest[0] == '<' ? TagSize(rest) : 0; size > 0) {
      const string_view tag = rest.substr(1, size - 2);
      if (absl::StrContains(tag, "://") && !absl::StrContains(tag, " ")) {
        flush();
        absl::StrAppend(&result, tag);  // An address is its own text.
      }
      i += size;
      continue;
    }
    plain += rest[0];
    ++i;
  }
  flush();
  return std::string(absl::StripAsciiWhitespace(result));
}

std::string HeadingAnchor(string_view heading) {
  const icu::UnicodeString lower =
      icu::UnicodeString::fromUTF8(
          icu::StringPiece(
              heading.data(),
              static_cast<int32_t>(std::min(heading.size(), size_t{1} << 20))))
          .toLower(icu::Locale::getRoot());
  icu::UnicodeString anchor;
  for (int32_t i = 0; i < lower.length(); i = lower.moveIndex32(i, 1)) {
    const UChar32 character = lower.char32At(i);
    constexpr uint32_t kKept =
        U_GC_L_MASK | U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
    if (character == ' ') {
      anchor.append(UChar32{'-'});
    } else if (character == '-' || (U_GET_GC_MASK(character) & kKept) != 0) {
      anchor.append(character);
    }
  }
  std::string result;
  anchor.toUTF8String(result);
  return std::string(TruncateUtf8(result, kAnchorSizeBytesMax));
}

}  // namespace copse
