// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/text/template_scanner.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/text/code_points.h"

namespace copse {
namespace {

class Scanner {
 public:
  Scanner(absl::string_view text, int depth_max)
      : text_(text), depth_max_(static_cast<size_t>(depth_max)) {}

  absl::Status Run() {
    for (size_t begin = text_.find(open_); begin != absl::string_view::npos;
         begin = text_.find(open_, offset_)) {
      COPSE_RETURN_IF_ERROR(ReadTag(begin));
    }
    if (!sections_.empty()) {
      return ErrorAt(sections_.back().second,
                     absl::StrFormat("the section '%s' is not closed",
                                     sections_.back().first));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ErrorAt(size_t offset, absl::string_view message) const {
    const absl::string_view before = text_.substr(0, offset);
    const auto line = 1 + std::ranges::count(before, '\n');
    const size_t line_begin = before.rfind('\n') + 1;  // 0 if there is none.
    const auto column =
        1 + std::ranges::count_if(before.substr(line_begin), [](char byte) {
          return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
        });
    return absl::InvalidArgumentError(
        absl::StrFormat("line %d, column %d: %s", line, column, message));
  }

  // Reads the tag at `begin` and moves offset_ behind it.
  absl::Status ReadTag(size_t begin) {
    size_t content_begin = begin + open_.size();
    const bool is_triple = open_ == "{{" && close_ == "}}" &&
                           absl::StartsWith(text_.substr(content_begin), "{");
    const std::string close = is_triple ? "}}}" : close_;
    content_begin += is_triple ? 1 : 0;
    const size_t end = text_.find(close, content_begin);
    if (end == absl::string_view::npos) {
      return ErrorAt(
          begin, absl::StrFormat("the tag has no end, expected '%s'", close));
    }
    offset_ = end + close.size();
    const absl::string_view content = absl::StripAsciiWhitespace(
        text_.substr(content_begin, end - content_begin));
    const char kind = is_triple || content.empty() ? '&' : content.front();
    if (kind == '!') {
      return absl::OkStatus();
    }
    if (kind == '=') {
      return ReadDelimiters(begin, content);
    }
    const bool has_sigil =
        !is_triple && absl::StrContains("#^/&>", kind) && !content.empty();
    const absl::string_view name =
        absl::StripAsciiWhitespace(content.substr(has_sigil ? 1 : 0));
    if (name.empty()) {
      return ErrorAt(begin, "the tag has no name");
    }
    return ReadNamed(begin, kind, name);
  }

  absl::Status ReadNamed(size_t begin, char kind, absl::string_view name) {
    if (kind == '>') {
      return ErrorAt(
          begin, absl::StrFormat("the tag is the partial '%s', and templates "
                                 "cannot include others",
                                 name));
    }
    if (kind == '#' || kind == '^') {
      if (sections_.size() == depth_max_) {
        return ErrorAt(
            begin, absl::StrFormat("the section '%s' is in %d others, expected "
                                   "at most %d levels",
                                   name, sections_.size(), depth_max_));
      }
      sections_.emplace_back(std::string(name), begin);
      return absl::OkStatus();
    }
    return kind == '/' ? CloseSection(begin, name) : absl::OkStatus();
  }

  absl::Status CloseSection(size_t begin, absl::string_view name) {
    if (sections_.empty()) {
      return ErrorAt(
          begin,
          absl::StrFormat("the section '%s' is closed but not open", name));
    }
    if (sections_.back().first != name) {
      return ErrorAt(
          begin, absl::StrFormat("the section '%s' is closed, expected '%s'",
                                 name, sections_.back().first));
    }
    sections_.pop_back();
    return absl::OkStatus();
  }

  // {{=<% %>=}}
  absl::Status ReadDelimiters(size_t begin, absl::string_view content) {
    const auto is_valid = [](absl::string_view delimiter) {
      return !delimiter.empty() && std::ranges::none_of(delimiter, [](char c) {
        return c == '=' || absl::ascii_isspace(static_cast<unsigned char>(c));
      });
    };
    if (content.size() >= 5 && content.back() == '=') {
      const absl::string_view inner =
          absl::StripAsciiWhitespace(content.substr(1, content.size() - 2));
      const size_t space = inner.find(' ');
      if (space != absl::string_view::npos) {
        const absl::string_view open = inner.substr(0, space);
        const absl::string_view close =
            absl::StripLeadingAsciiWhitespace(inner.substr(space));
        if (is_valid(open) && is_valid(close)) {
          open_ = std::string(open);
          close_ = std::string(close);
          return absl::OkStatus();
        }
      }
    }
    return ErrorAt(begin, absl::StrCat("the delimiters are '", content,
                                       "', expected such as '=<% %>='"));
  }

  const absl::string_view text_;
  const size_t depth_max_;
  size_t offset_ = 0;
  std::string open_ = "{{";
  std::string close_ = "}}";
  std::vector<std::pair<std::string, size_t>> sections_;  // With their offset.
};

}  // namespace

absl::Status CheckTemplate(absl::string_view text, int depth_max) {
  return Scanner(text, depth_max).Run();
}

}  // namespace copse
