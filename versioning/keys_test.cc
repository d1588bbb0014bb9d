// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/keys.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/status_matchers.h"
#include "versioning/document.h"

namespace copse {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

std::string Hex(absl::string_view key) { return absl::BytesToHexString(key); }

absl::Time Micros(int64_t micros) { return absl::FromUnixMicros(micros); }

ContentHash Counting() {
  ContentHash hash;
  for (size_t i = 0; i < hash.size(); ++i) {
    hash[i] = static_cast<std::byte>(i);
  }
  return hash;
}

constexpr absl::string_view kCountingHex =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

TEST(KeysTest, KeepTheirBytes) {
  const absl::string_view nul("a\0b", 3);
  EXPECT_EQ(Hex(DomainNameKey("oak")), "016f616b");
  EXPECT_EQ(Hex(DomainNumberKey(0x01020304)), "0201020304");
  EXPECT_EQ(Hex(CommitKey(3, "c1")), "00000003016331");
  EXPECT_EQ(Hex(CommitTimeKey(3, Micros(1), "c1")),
            "0000000302fffffffffffffffe6331");
  EXPECT_EQ(Hex(BranchKey(3, "main")), "000000036d61696e");
  EXPECT_EQ(Hex(RowKey(3, 0x11223344)), "0000000311223344");
  EXPECT_EQ(Hex(DocumentKey(3, nul, 1)), "000000036100ff620001fffffffe");
  EXPECT_EQ(Hex(DocumentPrefix(3, nul)), "000000036100ff620001");
  EXPECT_EQ(Hex(TextKey(3, Counting())),
            "00000003" + std::string(kCountingHex));
  EXPECT_EQ(Hex(PageKey(3, 0x0102)), "000000030000000000000102");
  EXPECT_EQ(Hex(LiveSetKey(3, 0x0102)), "000000030000000000000102");
  EXPECT_EQ(Hex(ForestKey(3, 0x0102)), "000000030000000000000102");
  EXPECT_EQ(Hex(EmbeddingEntryKey(Counting())),
            "01" + std::string(kCountingHex));
  EXPECT_EQ(Hex(EmbeddingOrderKey(0x0102)), "020000000000000102");
  EXPECT_EQ(Hex(EmbeddingTotalsKey()), "03");
  EXPECT_EQ(Hex(CounterKey(CounterKind::kOrdinal, 3)), "0200000003");
  EXPECT_EQ(Hex(JobKey(JobId{std::byte{0x01}, std::byte{0xff}})),
            "fe00ffffffffffffffffffffffffffff");
}

TEST(KeysTest, ParseToWhatTheyWereMadeOf) {
  const std::string name("n\0\xff", 3);
  EXPECT_THAT(ParseDomainNameKey(DomainNameKey(name)), IsOkAndHolds(Eq(name)));
  EXPECT_THAT(ParseDomainNumberKey(DomainNumberKey(7)), IsOkAndHolds(Eq(7u)));
  EXPECT_THAT(ParseCommitKey(CommitKey(3, name)), IsOkAndHolds(Eq(name)));
  EXPECT_THAT(ParseBranchKey(BranchKey(3, name)), IsOkAndHolds(Eq(name)));
  EXPECT_THAT(ParseRowKey(RowKey(3, 17)), IsOkAndHolds(Eq(17u)));
  EXPECT_THAT(ParsePageKey(PageKey(3, 17)), IsOkAndHolds(Eq(17u)));
  EXPECT_THAT(ParseForestKey(ForestKey(3, 17)), IsOkAndHolds(Eq(17u)));
  const JobId job = {std::byte{0x80}, std::byte{1}};
  EXPECT_THAT(ParseJobKey(JobKey(job)), IsOkAndHolds(Eq(job)));
  EXPECT_THAT(ParseEmbeddingOrderKey(EmbeddingOrderKey(17)),
              IsOkAndHolds(Eq(17u)));
  COPSE_ASSERT_OK_AND_ASSIGN(
      const CommitTimeKeyParts time,
      ParseCommitTimeKey(CommitTimeKey(3, Micros(12345), name)));
  EXPECT_EQ(time.domain_number, 3u);
  EXPECT_EQ(time.create_time, Micros(12345));
  EXPECT_EQ(time.commit, name);
  COPSE_ASSERT_OK_AND_ASSIGN(const DocumentKeyParts document,
                             ParseDocumentKey(DocumentKey(3, name, 17)));
  EXPECT_EQ(document.domain_number, 3u);
  EXPECT_EQ(document.document_id, name);
  EXPECT_EQ(document.ordinal, 17u);
}

TEST(KeysTest, RefuseWhatIsNoKey) {
  const std::string key = DocumentKey(3, "oak", 17);
  for (size_t size = 0; size < key.size(); ++size) {
    EXPECT_THAT(ParseDocumentKey(key.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("table documents: key")));
  }
  EXPECT_THAT(ParseDocumentKey(key + "x"),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(ParseRowKey(absl::HexStringToBytes("00000003112233")),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("table rows: key 00000003112233 of 7 bytes is not "
                          "one of the table")));
  EXPECT_THAT(ParseCommitKey(CommitTimeKey(3, Micros(1), "c")),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(ParseCommitTimeKey(CommitKey(3, "c")),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(ParsePageKey(RowKey(3, 1)),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(ParseDomainNumberKey(DomainNameKey("abcd")),
              StatusIs(absl::StatusCode::kDataLoss));
}

// Every ID of up to three of these bytes.
std::vector<std::string> AwkwardIds() {
  std::vector<std::string> ids = {""};
  for (size_t first = 0, round = 0; round < 3; ++round) {
    const size_t end = ids.size();
    for (; first < end; ++first) {
      for (const char c : {'\0', '\x01', '\x02', 'a', '\xfe', '\xff'}) {
        ids.push_back(ids[first] + c);
      }
    }
  }
  return ids;
}

TEST(KeysTest, SortDocumentsByIdThenNewestFirst) {
  std::vector<std::tuple<std::string, int64_t, std::string>> expected;
  for (const std::string& id : AwkwardIds()) {
    for (const uint32_t ordinal : {0u, 1u, 0xffffu, 0xfffffffeu}) {
      expected.emplace_back(id, -int64_t{ordinal}, DocumentKey(3, id, ordinal));
    }
  }
  std::sort(expected.begin(), expected.end());
  for (size_t i = 1; i < expected.size(); ++i) {
    ASSERT_LT(std::get<2>(expected[i - 1]), std::get<2>(expected[i]))
        << absl::CHexEscape(std::get<0>(expected[i]));
  }
}

TEST(KeysTest, NoDocumentLiesInTheRangeOfAnother) {
  const std::vector<std::string> ids = AwkwardIds();
  for (const std::string& id : ids) {
    const KeyRange range = PrefixRange(DocumentPrefix(3, id));
    for (const std::string& other : ids) {
      const std::string key = DocumentKey(3, other, 5);
      ASSERT_EQ(key >= range.lower && key < range.upper, id == other);
    }
  }
}

TEST(KeysTest, SortCommitsNewestFirst) {
  EXPECT_LT(CommitTimeKey(3, Micros(1000), "z"),
            CommitTimeKey(3, Micros(999), "a"));
  EXPECT_LT(CommitTimeKey(3, Micros(1000), "a"),
            CommitTimeKey(3, Micros(1000), "b"));
  // Times before 1970 do not sort before all others.
  EXPECT_LT(CommitTimeKey(3, Micros(1), "a"),
            CommitTimeKey(3, Micros(-5), "a"));
}

TEST(KeysTest, PrefixRangeHoldsExactlyThePrefix) {
  EXPECT_EQ(PrefixRange("ab").lower, "ab");
  EXPECT_EQ(PrefixRange("ab").upper, "ac");
  EXPECT_EQ(PrefixRange("a\xff\xff").upper, "b");
  EXPECT_EQ(PrefixRange("\xff\xff").upper, "");
  EXPECT_EQ(PrefixRange("").upper, "");
}

TEST(KeysTest, RangesOfADomainHoldNoOtherDomain) {
  const KeyRange range = PrefixRange(DomainPrefix(0x1ff));
  EXPECT_GE(RowKey(0x1ff, 0), range.lower);
  EXPECT_LT(RowKey(0x1ff, UINT32_MAX), range.upper);
  EXPECT_LT(RowKey(0x1fe, UINT32_MAX), range.lower);
  EXPECT_GE(RowKey(0x200, 0), range.upper);
}

TEST(KeysTest, EscapedTextComesBackAndRefusesDamage) {
  std::mt19937 random(20261);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 20, '\0');
    for (char& c : text) {
      c = static_cast<char>(random() % 4 == 0 ? 0 : random());
    }
    std::string key;
    AppendEscaped(text, key);
    const std::string with_rest = key + "rest";
    absl::string_view view = with_rest;
    EXPECT_EQ(ConsumeEscaped(view), text);
    EXPECT_EQ(view, "rest");
  }
  for (const absl::string_view bad :
       {absl::string_view(""), absl::string_view("abc"),
        absl::string_view("a\0", 2), absl::string_view("a\0\x02", 3),
        absl::string_view("a\0\xff", 3)}) {
    absl::string_view view = bad;
    EXPECT_EQ(ConsumeEscaped(view), std::nullopt) << absl::CHexEscape(bad);
  }
}

}  // namespace
}  // namespace copse
