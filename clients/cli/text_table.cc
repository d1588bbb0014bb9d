// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/text_table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "clients/cli/utf8.h"

namespace copse {
namespace {

// The columns of the last cell, which may begin in a further line of the
// terminal: up to the end of that line, or of the next if it is nearly full.
size_t WidthLeft(size_t used, size_t width_max) {
  constexpr size_t kUsefulWidth = 16;
  const size_t left = width_max - used % width_max;
  return used >= width_max && left < std::min(kUsefulWidth, width_max)
             ? left + width_max
             : left;
}

}  // namespace

TextTable::TextTable(std::vector<Column> columns)
    : columns_(std::move(columns)) {}

void TextTable::AddRow(const std::vector<std::string>& cells) {
  std::vector<std::string> row;
  for (size_t i = 0; i < columns_.size(); ++i) {
    row.push_back(i < cells.size() ? Printable(cells[i]) : "");
  }
  rows_.push_back(std::move(row));
}

std::string TextTable::Format(size_t width_max) const {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns_) {
    lines[0].push_back(column.title);
  }
  lines.insert(lines.end(), rows_.begin(), rows_.end());
  std::vector<size_t> widths(columns_.size(), 0);
  for (const std::vector<std::string>& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(line[i]));
    }
  }
  std::string result;
  for (const std::vector<std::string>& line : lines) {
    size_t used = 0;
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      const bool is_last = i + 1 == line.size();
      std::string cell = line[i];
      if (is_last && width_max > 0) {
        cell = TruncateToWidth(cell, WidthLeft(used, width_max));
      }
      const size_t width = DisplayWidth(cell);
      const std::string padding(widths[i] - std::min(width, widths[i]), ' ');
      const bool is_right = columns_[i].align == Align::kRight;
      absl::StrAppend(&text, is_right ? padding : cell,
                      is_right ? cell : padding, is_last ? "" : "  ");
      used += widths[i] + 2;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    absl::StrAppend(&result, text, "\n");
  }
  return result;
}

std::string FormatCount(int64_t count) {
  std::string digits = absl::StrCat(count);
  const int64_t first = digits[0] == '-' ? 1 : 0;
  for (int64_t i = static_cast<int64_t>(digits.size()) - 3; i > first; i -= 3) {
    digits.insert(static_cast<size_t>(i), 1, ',');
  }
  return digits;
}

std::string FormatCounted(int64_t count, absl::string_view noun) {
  return absl::StrCat(FormatCount(count), " ", noun, count == 1 ? "" : "s");
}

std::string FormatSize(double size_bytes) {
  constexpr std::array<const char*, 6> kUnits = {"B",   "KiB", "MiB",
                                                 "GiB", "TiB", "PiB"};
  size_t unit = 0;
  while (size_bytes >= 1024 && unit + 1 < kUnits.size()) {
    size_bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? absl::StrFormat("%.0f B", size_bytes)
                   : absl::StrFormat("%.1f %s", size_bytes, kUnits[unit]);
}

std::string FormatSeconds(double seconds) {
  if (seconds < 10) {
    return absl::StrFormat("%.1fs", seconds);
  }
  // Bounded: a rate near 0 makes any number of seconds.
  const auto whole =
      static_cast<int64_t>(std::min(seconds + 0.5, 3600.0 * 24 * 10000));
  if (whole < 60) {
    return absl::StrFormat("%ds", whole);
  }
  if (whole < 3600) {
    return absl::StrFormat("%dm%02ds", whole / 60, whole % 60);
  }
  return absl::StrFormat("%dh%02dm", whole / 3600, whole % 3600 / 60);
}

std::string FormatDollars(double dollars) {
  return dollars > 0 && dollars < 0.0001 ? "less than $0.0001"
                                         : absl::StrFormat("$%.4f", dollars);
}

}  // namespace copse
