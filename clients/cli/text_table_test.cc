// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/text_table.h"

#include <string>

#include "gtest/gtest.h"

#include "clients/cli/utf8.h"

namespace copse {
namespace {

TEST(TextTableTest, LinesUpColumnsWithoutSpacesAtTheEnd) {
  TextTable table({{"NAME"}, {"COUNT", TextTable::Align::kRight}, {"NOTE"}});
  table.AddRow({"a", "1,000", "first"});
  table.AddRow({"long name", "7", ""});
  EXPECT_EQ(table.Format(0),
            "NAME       COUNT  NOTE\n"
            "a          1,000  first\n"
            "long name      7\n");
}

TEST(TextTableTest, CutsTheLastColumnAtTheWidth) {
  TextTable table({{"ID"}, {"TEXT"}});
  table.AddRow({"a", "0123456789"});
  EXPECT_EQ(table.Format(10), "ID  TEXT\na   01234\xe2\x80\xa6\n");
}

TEST(TextTableTest, CutsTheLastColumnAtTheEndOfAFurtherLine) {
  TextTable table({{"COMMIT"}, {"MESSAGE"}});
  table.AddRow({std::string(22, 'c'), std::string(50, 'm')});
  // 24 columns are before it: 4 in its line, and 16 more are left.
  EXPECT_EQ(table.Format(20), "COMMIT                  MESSAGE\n" +
                                  std::string(22, 'c') + "  " +
                                  std::string(15, 'm') + "\xe2\x80\xa6\n");
  // 8 are left of the second line, too few: to the end of the third.
  EXPECT_EQ(table.Format(16), "COMMIT                  MESSAGE\n" +
                                  std::string(22, 'c') + "  " +
                                  std::string(23, 'm') + "\xe2\x80\xa6\n");
}

TEST(TextTableTest, CountsColumnsOfWideCharactersAndMarks) {
  TextTable table({{"ID"}, {"X"}});
  table.AddRow({"\xe4\xb8\xad\xe6\x96\x87", "1"});
  table.AddRow({"e\xcc\x81", "2"});
  EXPECT_EQ(table.Format(0),
            "ID    X\n"
            "\xe4\xb8\xad\xe6\x96\x87  1\n"
            "e\xcc\x81     2\n");
}

TEST(TextTableTest, PrintsControlCharactersAsEscapes) {
  TextTable table({{"ID"}});
  table.AddRow({"a\x1b[31m\nb\xc2\x9b"});
  EXPECT_EQ(table.Format(0), "ID\na\\x1b[31m\\nb\\u009b\n");
}

TEST(TextTableTest, FormatsNumbersForPeople) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatCount(-123456), "-123,456");
  EXPECT_EQ(FormatCounted(1, "document"), "1 document");
  EXPECT_EQ(FormatCounted(0, "commit"), "0 commits");
  EXPECT_EQ(FormatCounted(1234, "commit"), "1,234 commits");
  EXPECT_EQ(FormatSize(512), "512 B");
  EXPECT_EQ(FormatSize(1536), "1.5 KiB");
  EXPECT_EQ(FormatSize(5.0 * 1024 * 1024 * 1024), "5.0 GiB");
  EXPECT_EQ(FormatSeconds(0.53), "0.5s");
  EXPECT_EQ(FormatSeconds(83.4), "1m23s");
  EXPECT_EQ(FormatSeconds(7300), "2h01m");
  EXPECT_EQ(FormatSeconds(1e30), "240000h00m");
  EXPECT_EQ(FormatDollars(0), "$0.0000");
  EXPECT_EQ(FormatDollars(0.00002), "less than $0.0001");
  EXPECT_EQ(FormatDollars(1.23456), "$1.2346");
}

TEST(Utf8Test, MakesAnyBytesValid) {
  EXPECT_EQ(ToValidUtf8("plain"), "plain");
  EXPECT_EQ(ToValidUtf8("a\xff"
                        "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(ToValidUtf8("J\xf6rg", "ISO-8859-1"), "J\xc3\xb6rg");
  EXPECT_EQ(ToValidUtf8("J\xf6rg", "no-such-encoding"), "J\xef\xbf\xbdrg");
}

TEST(Utf8Test, TruncatesAtACharacter) {
  EXPECT_EQ(TruncateUtf8("a\xe4\xb8\xad", 3), "a");
  EXPECT_EQ(TruncateUtf8("a\xe4\xb8\xad", 4), "a\xe4\xb8\xad");
  EXPECT_EQ(TruncateUtf8("\xe4\xb8\xad", 0), "");
}

}  // namespace
}  // namespace copse
