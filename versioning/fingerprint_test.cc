// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/fingerprint.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

#include "versioning/commit.h"
#include "versioning/document.h"

namespace copse {
namespace {

std::string Hex(const std::array<std::byte, 32>& bytes) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

ContentHash HashOf(uint8_t seed) {
  ContentHash hash;
  hash.fill(static_cast<std::byte>(seed));
  return hash;
}

// Made with Python's hashlib from the layout in the header.
TEST(FingerprintTest, KeepsItsValues) {
  EXPECT_EQ(Hex(FingerprintSum().bytes()), std::string(64, '0'));
  FingerprintSum sum;
  sum.Add("readme", 0, HashOf(1));
  EXPECT_EQ(Hex(sum.bytes()),
            "d3a9c5636e410475cb1104d7d12bdfe8b45f0c913809cee9f3db6d89c3d09f50");
  sum.Add("a/b", 7, HashOf(0xfe));
  EXPECT_EQ(Hex(sum.bytes()),
            "739fa85f90faae50a4b29123a2da09e235b3dcf4ff9a7fcd385c9246513f96a8");
  ProfileHash profile;
  profile.fill(std::byte{9});
  EXPECT_EQ(Hex(PublishFingerprint(sum, 2, profile)),
            "99ec3cca4fa9a1bc688982dd3aeb158648930f72165159b7cb86bb4331bc19c9");
  EXPECT_EQ(Hex(PublishFingerprint(FingerprintSum(), 0, ProfileHash())),
            "989e9c8e33149620e7d781a74b6386a487c3abbc501a7d9f6e07486436daa8f2");
}

struct Row {
  std::string id;
  uint32_t chunk;
  ContentHash hash;
};

TEST(FingerprintTest, IsTheSameForEveryHistoryOfASet) {
  std::mt19937 random(20262);
  std::vector<Row> rows;
  for (uint32_t i = 0; i < 200; ++i) {
    rows.push_back(
        {absl::StrCat("doc", i), i % 3, HashOf(static_cast<uint8_t>(i))});
  }
  FingerprintSum straight;
  for (const Row& row : rows) {
    straight.Add(row.id, row.chunk, row.hash);
  }
  for (int round = 0; round < 20; ++round) {
    FingerprintSum sum;
    // What comes and goes leaves no trace, whatever goes below zero meanwhile.
    for (int i = 0; i < 50; ++i) {
      sum.Remove(absl::StrCat("gone", i), 0, HashOf(3));
    }
    std::shuffle(rows.begin(), rows.end(), random);
    for (const Row& row : rows) {
      sum.Add(row.id, row.chunk, row.hash);
    }
    for (int i = 0; i < 50; ++i) {
      sum.Add(absl::StrCat("gone", i), 0, HashOf(3));
    }
    EXPECT_EQ(sum, straight);
    EXPECT_EQ(FingerprintSum(sum.bytes()), straight);
  }
}

TEST(FingerprintTest, TellsApartWhatLooksAlike) {
  const auto sum_of = [](absl::string_view id, uint32_t chunk, uint8_t hash) {
    FingerprintSum sum;
    sum.Add(id, chunk, HashOf(hash));
    return sum.bytes();
  };
  const std::array<std::byte, 32> base = sum_of("readme", 0, 1);
  EXPECT_NE(base, sum_of("readmf", 0, 1));
  EXPECT_NE(base, sum_of("readme", 1, 1));
  EXPECT_NE(base, sum_of("readme", 0, 2));
  EXPECT_NE(base, sum_of(absl::string_view("readme\0", 7), 0, 1));
  EXPECT_NE(PublishFingerprint(FingerprintSum(base), 1, ProfileHash()),
            PublishFingerprint(FingerprintSum(base), 2, ProfileHash()));
}

}  // namespace
}  // namespace copse
