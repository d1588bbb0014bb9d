// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/path_filter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "clients/cpp/status_macros.h"

namespace copse {
namespace {

constexpr size_t kPatternSizeBytesMax = 4096;
constexpr size_t kAlternativeCountMax = 1000;

absl::Status PatternError(absl::string_view pattern, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrFormat("pattern '%s': %s", pattern, why));
}

// The number of bytes of the UTF-8 character that begins `text`, or 1.
size_t CharacterSize(absl::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t size = first < 0xc0   ? 1
                      : first < 0xe0 ? 2
                      : first < 0xf0 ? 3
                                     : 4;
  return std::min(size, text.size());
}

// Finds the end of the set that begins `pattern` with '[', one behind its ']'.
// A ']' that is the first member is a member. Returns 0 if there is no end.
size_t SetSize(absl::string_view pattern) {
  size_t position = 1;
  if (position < pattern.size() &&
      (pattern[position] == '!' || pattern[position] == '^')) {
    ++position;
  }
  for (const size_t first = position; position < pattern.size(); ++position) {
    if (pattern[position] == '\\') {
      ++position;
    } else if (pattern[position] == ']' && position > first) {
      return position + 1;
    }
  }
  return 0;
}

// Takes one member, with a backslash before it or not, off `members`.
absl::string_view TakeMember(absl::string_view& members) {
  if (members.size() > 1 && members[0] == '\\') {
    members.remove_prefix(1);
  }
  const absl::string_view member = members.substr(0, CharacterSize(members));
  members.remove_prefix(member.size());
  return member;
}

// Whether `set`, with its brackets, has `character`. UTF-8 sorts by its bytes
// as by its code points, so ranges compare bytes.
bool SetMatches(absl::string_view set, absl::string_view character) {
  absl::string_view members = set.substr(1, set.size() - 2);
  const bool is_negated = members[0] == '!' || members[0] == '^';
  if (is_negated) {
    members.remove_prefix(1);
  }
  bool found = false;
  while (!members.empty()) {
    const absl::string_view low = TakeMember(members);
    absl::string_view high = low;
    if (members.size() > 1 && members[0] == '-') {
      members.remove_prefix(1);
      high = TakeMember(members);
    }
    found = found || (low <= character && character <= high);
  }
  return found != is_negated;
}

// Matches the one character pattern that begins `pattern`, which is no '*',
// with the character that begins `text`. Returns how much of both was used; the
// first is 0 if they do not match. REQUIRES: both are not empty.
std::pair<size_t, size_t> MatchCharacter(absl::string_view pattern,
                                         absl::string_view text) {
  switch (pattern[0]) {
    case '?':
      return {1, CharacterSize(text)};
    case '[': {
      const size_t set_size = SetSize(pattern);
      const size_t size = CharacterSize(text);
      return SetMatches(pattern.substr(0, set_size), text.substr(0, size))
                 ? std::make_pair(set_size, size)
                 : std::make_pair(size_t{0}, size_t{0});
    }
    case '\\':
      return pattern[1] == text[0] ? std::make_pair(size_t{2}, size_t{1})
                                   : std::make_pair(size_t{0}, size_t{0});
    default:
      return pattern[0] == text[0] ? std::make_pair(size_t{1}, size_t{1})
                                   : std::make_pair(size_t{0}, size_t{0});
  }
}

// Matches one part of a path. Going back to the last '*' only is enough: an
// earlier one could not take more without the last one being able to.
bool SegmentMatches(absl::string_view pattern, absl::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star_p = absl::string_view::npos;  // Behind the last '*'.
  size_t star_t = 0;                        // Up to where it has taken.
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star_p = ++p;
      star_t = t;
      continue;
    }
    if (p < pattern.size()) {
      const auto [pattern_size, text_size] =
          MatchCharacter(pattern.substr(p), text.substr(t));
      if (pattern_size > 0) {
        p += pattern_size;
        t += text_size;
        continue;
      }
    }
    if (star_p == absl::string_view::npos) {
      return false;
    }
    star_t += CharacterSize(text.substr(star_t));
    t = star_t;
    p = star_p;
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

// Matches all of `pattern` with the first parts of `path`. Returns whether it
// does so with fewer than all parts, which are then folders, or with all of
// them and `whole_path`.
bool SegmentsMatch(const std::vector<std::string>& pattern,
                   const std::vector<absl::string_view>& path,
                   bool whole_path) {
  size_t p = 0;
  size_t t = 0;
  size_t star_p = std::string::npos;
  size_t star_t = 0;
  while (true) {
    if (p == pattern.size() && t > 0 && (whole_path || t < path.size())) {
      return true;
    }
    if (p < pattern.size() && pattern[p] == "**") {
      if (p + 1 == pattern.size()) {
        return t < path.size();  // Everything in a folder, not the folder.
      }
      star_p = ++p;
      star_t = t;
      continue;
    }
    if (p < pattern.size() && t < path.size() &&
        SegmentMatches(pattern[p], path[t])) {
      ++p;
      ++t;
      continue;
    }
    if (star_p == std::string::npos || star_t >= path.size()) {
      return false;
    }
    t = ++star_t;
    p = star_p;
  }
}

// Finds the first '{' of `pattern` with its '}' and its commas. Returns nothing
// if there is none.
std::vector<size_t> FindBraces(absl::string_view pattern) {
  std::vector<size_t> places;
  int64_t depth = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == '{') {
      if (depth++ == 0) {
        places = {i};
      }
    } else if (pattern[i] == ',' && depth == 1) {
      places.push_back(i);
    } else if (pattern[i] == '}' && depth > 0) {
      if (--depth == 0) {
        places.push_back(i);
        return places;
      }
    }
  }
  return {};
}

// Returns the patterns that `pattern` with its alternatives in braces means.
absl::StatusOr<std::vector<std::string>> ExpandBraces(
    absl::string_view pattern) {
  std::vector<std::string> pending = {std::string(pattern)};
  std::vector<std::string> result;
  while (!pending.empty()) {
    const std::string next = std::move(pending.back());
    pending.pop_back();
    const std::vector<size_t> places = FindBraces(next);
    if (places.empty()) {
      result.push_back(next);
    }
    for (size_t i = places.size(); i-- > 1;) {
      pending.push_back(absl::StrCat(
          next.substr(0, places[0]),
          next.substr(places[i - 1] + 1, places[i] - places[i - 1] - 1),
          next.substr(places.back() + 1)));
    }
    if (pending.size() + result.size() > kAlternativeCountMax) {
      return PatternError(pattern,
                          absl::StrFormat("more than %d alternatives in braces",
                                          kAlternativeCountMax));
    }
  }
  return result;
}

absl::Status ParseAll(const std::vector<std::string>& patterns,
                      std::vector<PathPattern>& result) {
  for (const std::string& pattern : patterns) {
    if (pattern.size() > kPatternSizeBytesMax) {
      return absl::InvalidArgumentError(
          absl::StrFormat("pattern of %d bytes, wanted at most %d",
                          pattern.size(), kPatternSizeBytesMax));
    }
    COPSE_CLIENT_ASSIGN_OR_RETURN(const std::vector<std::string> alternatives,
                                  ExpandBraces(pattern));
    for (const std::string& alternative : alternatives) {
      COPSE_CLIENT_ASSIGN_OR_RETURN(PathPattern parsed,
                                    PathPattern::Parse(alternative));
      result.push_back(std::move(parsed));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PathPattern> PathPattern::Parse(absl::string_view pattern) {
  absl::string_view rest = pattern;
  PathPattern result;
  if (!rest.empty() && rest.back() == '/') {
    result.matches_folders_only_ = true;
    rest.remove_suffix(1);
  }
  const bool is_anchored = rest.find('/') != absl::string_view::npos;
  if (!rest.empty() && rest.front() == '/') {
    rest.remove_prefix(1);
  }
  if (rest.substr(0, 2) == "./") {
    rest.remove_prefix(2);
  }
  if (rest.empty()) {
    return PatternError(pattern, "matches nothing, wanted a path or a name");
  }
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      if (++i == rest.size()) {
        return PatternError(pattern,
                            "ends with a backslash, wanted a character");
      }
    } else if (rest[i] == '[') {
      const size_t size = SetSize(rest.substr(i));
      if (size == 0 || rest.substr(i, size).find('/') != rest.npos) {
        return PatternError(pattern, "'[' without ']'");
      }
      i += size - 1;
    }
  }
  if (!is_anchored) {
    result.segments_.push_back("**");
  }
  for (absl::string_view segment : absl::StrSplit(rest, '/')) {
    if (segment.empty()) {
      return PatternError(pattern, "two slashes in a row");
    }
    if (segment == "**" && !result.segments_.empty() &&
        result.segments_.back() == "**") {
      continue;
    }
    result.segments_.emplace_back(segment);
  }
  return result;
}

bool PathPattern::Matches(absl::string_view path) const {
  const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  return SegmentsMatch(segments_, parts, !matches_folders_only_);
}

absl::StatusOr<PathFilter> PathFilter::Create(
    const std::vector<std::string>& included,
    const std::vector<std::string>& excluded) {
  PathFilter filter;
  COPSE_CLIENT_RETURN_IF_ERROR(ParseAll(included, filter.included_));
  COPSE_CLIENT_RETURN_IF_ERROR(ParseAll(excluded, filter.excluded_));
  return filter;
}

bool PathFilter::Matches(absl::string_view path) const {
  const auto matches = [path](const PathPattern& pattern) {
    return pattern.Matches(path);
  };
  return (included_.empty() || std::ranges::any_of(included_, matches)) &&
         std::ranges::none_of(excluded_, matches);
}

}  // namespace copse
