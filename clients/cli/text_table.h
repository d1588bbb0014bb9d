// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Lines up columns for people.
//
//   TextTable table({{"DOMAIN"}, {"COMMITS", TextTable::Align::kRight}});
//   table.AddRow({"admin/star_wars", "12"});
//   Print(table.Format(/*width_max=*/80));
//
// Invariants: control characters are printed as escapes, so that a name cannot
// move the cursor; a wide character takes two columns; no line has spaces at
// its end.

#ifndef COPSE_CLIENTS_CLI_TEXT_TABLE_H_
#define COPSE_CLIENTS_CLI_TEXT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace copse {

// Thread safety: one thread at a time.
class TextTable {
 public:
  enum class Align { kLeft, kRight };

  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit TextTable(std::vector<Column> columns);

  // REQUIRES: as many cells as there are columns.
  void AddRow(const std::vector<std::string>& cells);

  bool empty() const { return rows_.empty(); }

  // Returns the title and the rows. The last column is cut where the line of a
  // terminal of `width_max` columns ends that it begins in; 0 cuts nothing.
  std::string Format(size_t width_max) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Returns 1234567 as "1,234,567".
std::string FormatCount(int64_t count);

// Returns "1 document" or "1,234 documents", of `noun` "document".
std::string FormatCounted(int64_t count, absl::string_view noun);

// Returns 1536 as "1.5 KiB".
std::string FormatSize(double size_bytes);

// Returns 83.4 as "1m23s", 0.532 as "0.5s".
std::string FormatSeconds(double seconds);

// "$0.0064", and "less than $0.0001" for what would round to nothing.
std::string FormatDollars(double dollars);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_TEXT_TABLE_H_
