// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The records of the meta database: golden bytes of each, made by another
// program from the layouts in the headers, and what is refused.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "xxhash.h"

#include "index/calibration.h"
#include "index/util/error_reason.h"
#include "tests/support/status_matchers.h"
#include "versioning/backup_record.h"
#include "versioning/branch_record.h"
#include "versioning/collection_record.h"
#include "versioning/commit.h"
#include "versioning/document.h"
#include "versioning/domain_record.h"
#include "versioning/fingerprint.h"
#include "versioning/forest_record.h"
#include "versioning/job_record.h"
#include "versioning/lease_record.h"
#include "versioning/live_set_store.h"
#include "versioning/manifest.h"
#include "versioning/record_codec.h"
#include "versioning/rocks_embedding_cache.h"
#include "versioning/row_record.h"
#include "versioning/text_store.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr absl::string_view kDomain =
    "010101070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f1536500000000881300003744b00892dcbd64";

constexpr absl::string_view kDomainRetention =
    "010201070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f1536500000000881300000a000000008d270000000000020000000400"
    "00006d61696e0700000072656c65617365bbc4939a807f6406";

constexpr absl::string_view kDomainChunking =
    "010301070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f1536500000000881300000a000000008d270000000000020000000400"
    "00006d61696e0700000072656c6561736502000200003d0000000b0000006170"
    "70726f78696d617465fa3d3d79f0920deb";

constexpr absl::string_view kDomainLexical =
    "010401070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f153650000000088130000000000000000000000000000000000000107"
    "000000656e676c69736801fe4bbf485d36b3ef";

constexpr absl::string_view kDomainLexicalChunking =
    "010401070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f1536500000000881300000a000000008d270000000000020000000400"
    "00006d61696e0700000072656c6561736502000200003d0000000b0000006170"
    "70726f78696d61746507000000656e676c697368019105596bbf6dedca";

constexpr absl::string_view kDomainTemplates =
    "010501070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f153650000000088130000000000000000000000000000000000000100"
    "010000000400000046696c6d090000007b7b7469746c657d7d7c8e36db3b332f"
    "4a";

constexpr absl::string_view kDomainTemplatesAll =
    "010501070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f1536500000000881300000a000000008d270000000000020000000400"
    "00006d61696e0700000072656c6561736502000200003d0000000b0000006170"
    "70726f78696d6174650107000000656e676c6973680102000000000000000800"
    "00007b7b6e616d657d7d0400000046696c6d220000007b7b7469746c657d7d0a"
    "7b7b23636173747d7d7b7b2e7d7d207b7b2f636173747d7d153ceeb068c2cb01";

constexpr absl::string_view kDomainFilling =
    "010603070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f1536500000000881300000a000000008d270000000000020000000400"
    "00006d61696e0700000072656c6561736502000200003d0000000b0000006170"
    "70726f78696d6174650107000000656e676c6973680100000000020000000500"
    "000006000000050000006a6f62203746e1154839355983";

constexpr absl::string_view kDomainFormer =
    "010601070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f153650000000088130000000000000000000000000000000000000100"
    "00000000010000000600000000000000ea86ecc8f3b607ce";

constexpr absl::string_view kDomainAttributes =
    "010701070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f153650000000088130000000000000000000000000000000000000100"
    "00000000000000000000000001bfdbd68355f5372d";

constexpr absl::string_view kDomainAttributesAll =
    "010703070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f1536500000000881300000a000000008d270000000000020000000400"
    "00006d61696e0700000072656c6561736502000200003d0000000b0000006170"
    "70726f78696d6174650107000000656e676c6973680100000000020000000500"
    "000006000000050000006a6f622037018b625ed2d91ad70b";

constexpr absl::string_view kDomainClustering =
    "010801070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f153650000000088130000000000000000000000000000000000000100"
    "0000000000000000000000000001b455461dbdd4766f";

constexpr absl::string_view kDomainClusteringFormer =
    "010801070000000b00000061646d696e2f626f6f6b730203000000060000006d"
    "696e696c6d050505050505050505050505050505050505050505050505050505"
    "0505050505030000000000803f00000000000080bf090000004f757220626f6f"
    "6b7300f153650000000088130000000000000000000000000000000000000100"
    "0000000001000000060000000000000000016662ef0a54ad6e27";

constexpr absl::string_view kDomainName = "0c0107000000342f7960fa26b440";

constexpr absl::string_view kManifest =
    "02010102000000020000007031020000007032040000006d61696e00f1536500"
    "00000078e0010001fbffffffffffffffffc99a3b15000000416461203c616461"
    "406578616d706c652e6f72673e09000000416464206f616b730a110000000000"
    "0000020000000000000064000000000000006500000000000000030000000000"
    "0000020000000000000001000000000000000400000000000000881300000000"
    "0000701700000000000007070707070707070707070707070707070707070707"
    "0707070707070707070708080808080808080808080808080808080808080808"
    "08080808080808080808010000000600000062616400696408000000746f6f20"
    "6c6f6e679925129253aa7fff";

constexpr absl::string_view kSkeleton =
    "02010201000000020000007031040000006d61696e00f1536500000000000000"
    "00c2acf79f88790dc2";

constexpr absl::string_view kManifestParents =
    "0202010200000002000000703101060606060606060606060606060606060606"
    "060606060606060606060606060602000000703200040000006d61696e00f153"
    "650000000078e0010001fbffffffffffffffffc99a3b15000000416461203c61"
    "6461406578616d706c652e6f72673e09000000416464206f616b730a11000000"
    "0000000002000000000000006400000000000000650000000000000003000000"
    "0000000002000000000000000100000000000000040000000000000088130000"
    "0000000070170000000000000707070707070707070707070707070707070707"
    "0707070707070707070707070808080808080808080808080808080808080808"
    "080808080808080808080808010000000600000062616400696408000000746f"
    "6f206c6f6e6757f01dc9de734414";

constexpr absl::string_view kSkeletonFingerprint =
    "0202020100000002000000703101060606060606060606060606060606060606"
    "0606060606060606060606060606040000006d61696e00f15365000000000000"
    "0000010b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
    "0b0b0baf348a6ce7079aac";

constexpr absl::string_view kBranch =
    "03010800000039663331633037610c0000000000000000f15365000000000000"
    "000010aa6fff07c5147c";

constexpr absl::string_view kRow =
    "040105000000646f632f31020000000909090909090909090909090909090909"
    "0909090909090909090909090909090400000054726565040000000300000061"
    "676502d4feffffffffffff0900000065766572677265656e0401060000006865"
    "69676874030000000000404440040000006e616d650107000000517565726375"
    "730a000000140000000102ddd948d959529b";

constexpr absl::string_view kDocument =
    "0501020000000909090909090909090909090909090909090909090909090909"
    "09090909090986b2a4fafab4ddf6";

constexpr absl::string_view kRowChunks =
    "040205000000646f632f31020000000909090909090909090909090909090909"
    "0909090909090909090909090909090400000054726565000000000a00000014"
    "00000001050000000010000000080000fa068ad1bd212d5c";

constexpr absl::string_view kRowClustering =
    "040305000000646f632f31000000000909090909090909090909090909090909"
    "0909090909090909090909090909090400000054726565000000000a00000014"
    "00000001010000000000000000000000030000000000803f00000000000080bf"
    "9e824ec3f20e1fa9";

constexpr absl::string_view kRowClusteringChunks =
    "040305000000646f632f31000000000909090909090909090909090909090909"
    "0909090909090909090909090909090400000054726565000000000a00000014"
    "00000001050000000010000000080000010000000000003f2bc0ed6606f23022";

constexpr absl::string_view kDocumentChunks =
    "0502000000000909090909090909090909090909090909090909090909090909"
    "0909090909090500000030017a83194299f9";

constexpr absl::string_view kText =
    "06010003000000030000006f616b4f9176ceb5cf1262";

constexpr absl::string_view kSnapshot =
    "0701000000000000000000000000020000000000000000000000000000001400"
    "000000000000140000003a300000010000000000010010000000010005000000"
    "00000d49129102f6dedd";

constexpr absl::string_view kDifference =
    "070106000000290000000000000014000000000000002c01000000000000e803"
    "000000000000140000003a300000010000000000010010000000010005001200"
    "00003a3000000100000000000000100000000700e20457bba2ac3d15";

constexpr absl::string_view kForest =
    "080163000000000000001100000000000000b80b000000000000010000000000"
    "00000c00000000000000000001000000000000f153650000000000000000a7f7"
    "740b4d9b5217";

constexpr absl::string_view kEmbedding =
    "09010500000000000000020000000000803f000000bfe512d994421d2da7";

constexpr absl::string_view kEmbeddingTotals =
    "0a01090000000000000003000000000000000600000000000000600900000000"
    "0000c31f50201e58773a";

constexpr absl::string_view kLease =
    "0e0108000000396633316330376100f15365000000000000000010ff53650000"
    "00008813000096ac39a5d021837f";

constexpr absl::string_view kCollection =
    "0f0100f153650000000000000000016400000000000000140000000000000003"
    "00000000000000040000000000000000203768c88fdf3a";

constexpr absl::string_view kBackup =
    "10010700000000f1536500000000000000000200000002000000000000001e00"
    "00000000000020a1070000000000a00f000000000000a0860100000000000200"
    "000001000000000000008001000000060000a8aa020002000000050000000000"
    "0000640000005a000000001c0200000000008877665544332211990000000000"
    "0000070000006400000014000000140000000078000000000000bbaa00000000"
    "0000ddcc00000000000003000000010000001000000040000000c0ff3f000000"
    "0000af3f29eb386356c2";

constexpr absl::string_view kBackupBits =
    "10020700000000f1536500000000000000000200000002000000000000001e00"
    "00000000000020a1070000000000a00f000000000000a0860100000000000200"
    "000001000000000000008001000000060000a8aa020000020000000500000000"
    "000000640000005a000000001c02000000000088776655443322119900000000"
    "000000070000006400000014000000140000000078000000000000bbaa000000"
    "000000ddcc000000000000030000000100000080010000300000000000400001"
    "00000000f975672ce577ee86";
constexpr absl::string_view kJob =
    "110101030b00000061646d696e2f626f6f6b7307000000080000003966333163"
    "303761020000007031040000006d61696e00f15365000000008813000001f153"
    "6500000000000000000000000000000000000000003cf1536500000000000000"
    "0009000000656d62656464696e67020000002800000000000000640000000000"
    "00001e000000000000000c00000000000000f401000000000000030000000000"
    "0000040000000000000001000000000000000e140000007468652070726f7669"
    "64657220697320646f776e0d00000050524f56494445525f444f574e01000000"
    "0a00000072657472795f74696d65020000003630010100000003000000626164"
    "090000000000000008000000746f6f206c6f6e67030000007265710200000001"
    "020056ed82562f1ad4b3";

constexpr int64_t kSeconds = 1700000000;

std::string Bytes(absl::string_view hex) { return absl::HexStringToBytes(hex); }

std::array<std::byte, 32> HashOf(uint8_t seed) {
  std::array<std::byte, 32> hash;
  hash.fill(static_cast<std::byte>(seed));
  return hash;
}

// Makes the checksum right again, as a newer or faulty writer would.
std::string Sealed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  const uint64_t checksum = XXH3_64bits(bytes.data(), bytes.size());
  bytes.append(reinterpret_cast<const char*>(&checksum), sizeof(checksum));
  return bytes;
}

std::string Patched(absl::string_view hex, size_t offset, char value) {
  std::string bytes = Bytes(hex);
  bytes[offset] = value;
  return Sealed(std::move(bytes));
}

// A kind of record: how to read it and write it again.
struct Layout {
  const char* name;
  absl::string_view golden;  // In hexadecimal.
  std::function<absl::StatusOr<std::string>(absl::string_view)> rewrite;
};

template <typename Record>
absl::StatusOr<std::string> Rewrite(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(const Record record, Record::Parse(bytes));
  return record.Encode();
}

std::vector<Layout> Layouts() {
  return {
      {"domain", kDomain, Rewrite<DomainRecord>},
      {"domain with retention", kDomainRetention, Rewrite<DomainRecord>},
      {"domain with chunking", kDomainChunking, Rewrite<DomainRecord>},
      {"domain with words", kDomainLexical, Rewrite<DomainRecord>},
      {"domain with words and chunking", kDomainLexicalChunking,
       Rewrite<DomainRecord>},
      {"domain with templates", kDomainTemplates, Rewrite<DomainRecord>},
      {"domain with everything", kDomainTemplatesAll, Rewrite<DomainRecord>},
      {"domain that is filled", kDomainFilling, Rewrite<DomainRecord>},
      {"domain that was replaced", kDomainFormer, Rewrite<DomainRecord>},
      {"domain with attributes", kDomainAttributes, Rewrite<DomainRecord>},
      {"domain with attributes and everything", kDomainAttributesAll,
       Rewrite<DomainRecord>},
      {"domain with clustering", kDomainClustering, Rewrite<DomainRecord>},
      {"domain with clustering that was replaced", kDomainClusteringFormer,
       Rewrite<DomainRecord>},
      {"domain name", kDomainName,
       [](absl::string_view bytes) -> absl::StatusOr<std::string> {
         COPSE_ASSIGN_OR_RETURN(const uint32_t number, ParseDomainName(bytes));
         return EncodeDomainName(number);
       }},
      {"manifest", kManifest, Rewrite<Manifest>},
      {"skeleton", kSkeleton, Rewrite<Manifest>},
      {"manifest with parents", kManifestParents, Rewrite<Manifest>},
      {"skeleton with fingerprint", kSkeletonFingerprint, Rewrite<Manifest>},
      {"branch", kBranch, Rewrite<BranchRecord>},
      {"row", kRow, Rewrite<RowRecord>},
      {"row of several", kRowChunks, Rewrite<RowRecord>},
      {"row with clustering", kRowClustering, Rewrite<RowRecord>},
      {"row of several with clustering", kRowClusteringChunks,
       Rewrite<RowRecord>},
      {"document", kDocument, Rewrite<DocumentRecord>},
      {"document of several rows", kDocumentChunks, Rewrite<DocumentRecord>},
      {"text", kText,
       [](absl::string_view bytes) -> absl::StatusOr<std::string> {
         COPSE_ASSIGN_OR_RETURN(const std::string text, ParseText(bytes));
         return EncodeText(text);
       }},
      {"snapshot", kSnapshot, Rewrite<LiveSetRecord>},
      {"difference", kDifference, Rewrite<LiveSetRecord>},
      {"forest", kForest, Rewrite<ForestRecord>},
      {"embedding", kEmbedding, Rewrite<EmbeddingRecord>},
      {"embedding totals", kEmbeddingTotals, Rewrite<EmbeddingTotals>},
      {"lease", kLease, Rewrite<LeaseRecord>},
      {"collection", kCollection, Rewrite<CollectionRecord>},
      {"backup", kBackup, Rewrite<BackupRecord>},
      {"backup with bits", kBackupBits, Rewrite<BackupRecord>},
      {"job", kJob, Rewrite<JobRecord>},
  };
}

TEST(RecordsTest, AreWrittenBackByteForByte) {
  for (const Layout& layout : Layouts()) {
    EXPECT_THAT(layout.rewrite(Bytes(layout.golden)),
                IsOkAndHolds(Eq(Bytes(layout.golden))))
        << layout.name;
  }
}

TEST(RecordsTest, RefuseEveryTruncation) {
  for (const Layout& layout : Layouts()) {
    const std::string bytes = Bytes(layout.golden);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_THAT(layout.rewrite(bytes.substr(0, size)),
                  StatusIs(absl::StatusCode::kDataLoss))
          << layout.name << " cut to " << size;
      // Whose checksum is right: the fields themselves are cut.
      if (size >= 10 && size + 8 < bytes.size()) {
        EXPECT_THAT(layout.rewrite(Sealed(bytes.substr(0, size + 8))),
                    StatusIs(absl::StatusCode::kDataLoss))
            << layout.name << " with fields to " << size;
      }
    }
  }
}

TEST(RecordsTest, RefuseEveryFlippedBit) {
  for (const Layout& layout : Layouts()) {
    std::string bytes = Bytes(layout.golden);
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_THAT(layout.rewrite(bytes), StatusIs(absl::StatusCode::kDataLoss))
          << layout.name << " bit " << bit;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    }
  }
}

TEST(RecordsTest, TellANewerVersionFromDamage) {
  for (const Layout& layout : Layouts()) {
    EXPECT_THAT(layout.rewrite(Patched(layout.golden, 1, 9)),
                StatusIs(absl::StatusCode::kUnimplemented,
                         AllOf(HasSubstr("version 9, expected at most "),
                               HasSubstr(": upgrade copse to read it"))))
        << layout.name;
  }
}

TEST(RecordsTest, RefuseTheRecordOfAnotherKind) {
  const std::vector<Layout> layouts = Layouts();
  for (const Layout& layout : layouts) {
    for (const Layout& other : layouts) {
      const bool is_same = Bytes(layout.golden)[0] == Bytes(other.golden)[0];
      EXPECT_EQ(layout.rewrite(Bytes(other.golden)).ok(), is_same)
          << layout.name << " " << other.name;
    }
  }
}

TEST(DomainRecordTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainRecord record,
                             DomainRecord::Parse(Bytes(kDomain)));
  EXPECT_EQ(record.state, DomainState::kLive);
  EXPECT_EQ(record.domain_number, 7u);
  EXPECT_EQ(record.options.domain, "admin/books");
  EXPECT_EQ(record.options.metric, Metric::kEuclidean);
  EXPECT_EQ(record.options.dimension, 3u);
  EXPECT_EQ(record.options.embedding_profile, "minilm");
  EXPECT_EQ(record.options.profile_hash, HashOf(5));
  EXPECT_THAT(record.options.probe_vector, ElementsAre(1.0f, 0.0f, -1.0f));
  EXPECT_EQ(record.options.description, "Our books");
  EXPECT_EQ(record.create_time,
            absl::FromUnixSeconds(kSeconds) + absl::Microseconds(5));
  EXPECT_THAT(ParseDomainName(Bytes(kDomainName)), IsOkAndHolds(Eq(7u)));
}

TEST(DomainRecordTest, HoldsRetentionRules) {
  COPSE_ASSERT_OK_AND_ASSIGN(DomainRecord record,
                             DomainRecord::Parse(Bytes(kDomainRetention)));
  EXPECT_EQ(record.options.retention,
            (RetentionPolicy{.keep_last_count = 10,
                             .keep_younger_than = absl::Hours(720),
                             .keep_branches = {"main", "release"}}));
  // Without a rule it is a record of before there were any.
  record.options.retention = {};
  EXPECT_EQ(record.Encode(), Bytes(kDomain));
  const std::string bytes = Bytes(kDomain);
  std::string no_rule = bytes.substr(0, bytes.size() - 8);
  no_rule[1] = 2;
  no_rule += std::string(16 + 8, '\0');
  EXPECT_THAT(DomainRecord::Parse(Sealed(no_rule)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("has no rule, expected one")));
  no_rule[no_rule.size() - 8 - 8] = 1;
  no_rule[no_rule.size() - 8 - 5] = 4;
  EXPECT_THAT(DomainRecord::Parse(Sealed(no_rule)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("expected at most 8589934591")));
}

TEST(DomainRecordTest, HoldsHowTextsAreCut) {
  COPSE_ASSERT_OK_AND_ASSIGN(DomainRecord record,
                             DomainRecord::Parse(Bytes(kDomainChunking)));
  EXPECT_EQ(record.options.chunking,
            (Chunking{.mode = Chunking::Mode::kBoundary,
                      .chunk_token_count = 512,
                      .overlap_token_count = 61,
                      .tokenizer = "approximate"}));
  EXPECT_EQ(record.options.retention.keep_last_count, 10);
  // Without retention rules it is of the same version.
  record.options.retention = {};
  EXPECT_THAT(DomainRecord::Parse(record.Encode())->options.chunking,
              Eq(record.options.chunking));
  // Of whole documents it is a record of before there were chunks.
  record.options.chunking = {};
  EXPECT_EQ(record.Encode(), Bytes(kDomain));
  const size_t mode_offset = Bytes(kDomainRetention).size() - 8;
  EXPECT_THAT(DomainRecord::Parse(Patched(kDomainChunking, mode_offset, 1)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("chunking mode at offset 146 is 1, expected 2 "
                                 "or 3")));
  EXPECT_THAT(DomainRecord::Parse(Patched(kDomainChunking, mode_offset + 2, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("is 61, expected less than 0")));
}

TEST(DomainRecordTest, HoldsHowWordsAreIndexed) {
  COPSE_ASSERT_OK_AND_ASSIGN(DomainRecord record,
                             DomainRecord::Parse(Bytes(kDomainLexical)));
  EXPECT_EQ(record.options.lexical,
            (LexicalOptions{.language = "english", .fold_accents = true}));
  EXPECT_FALSE(record.options.retention.has_rules());
  // Without words it is a record of before there were any.
  record.options.lexical = {.is_enabled = false};
  EXPECT_EQ(record.Encode(), Bytes(kDomain));
  COPSE_ASSERT_OK_AND_ASSIGN(record, DomainRecord::Parse(Bytes(kDomain)));
  EXPECT_EQ(record.options.lexical, (LexicalOptions{.is_enabled = false}));
  const size_t mode_offset = Bytes(kDomain).size() - 8 + 16;
  EXPECT_THAT(DomainRecord::Parse(Patched(kDomainLexical, mode_offset, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("is 0, expected 1, 2 or 3")));
}

TEST(DomainRecordTest, HoldsHowTextsAreCutAndWordsIndexed) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainRecord record, DomainRecord::Parse(Bytes(kDomainLexicalChunking)));
  EXPECT_EQ(record.options.lexical,
            (LexicalOptions{.language = "english", .fold_accents = true}));
  EXPECT_EQ(record.options.chunking.tokenizer, "approximate");
  EXPECT_EQ(record.options.retention.keep_last_count, 10);
  record.options.lexical = {.is_enabled = false};
  EXPECT_EQ(record.Encode(), Bytes(kDomainChunking));
}

TEST(DomainRecordTest, HoldsTemplates) {
  COPSE_ASSERT_OK_AND_ASSIGN(DomainRecord record,
                             DomainRecord::Parse(Bytes(kDomainTemplates)));
  EXPECT_THAT(record.options.templates, ElementsAre(Pair("Film", "{{title}}")));
  EXPECT_TRUE(record.options.HasTemplate("Film"));
  EXPECT_FALSE(record.options.HasTemplate("Book"));
  EXPECT_EQ(record.options.lexical, (LexicalOptions{.is_enabled = false}));
  EXPECT_EQ(record.options.chunking, Chunking());
  // Without templates it is a record of before there were any.
  record.options.templates.clear();
  EXPECT_EQ(record.Encode(), Bytes(kDomain));
  const size_t count_offset = Bytes(kDomain).size() - 8 + 16 + 1 + 1;
  EXPECT_THAT(DomainRecord::Parse(Patched(kDomainTemplates, count_offset, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("is 0, expected at least 1")));
}

TEST(DomainRecordTest, HoldsTemplatesBesideAllElse) {
  COPSE_ASSERT_OK_AND_ASSIGN(DomainRecord record,
                             DomainRecord::Parse(Bytes(kDomainTemplatesAll)));
  EXPECT_THAT(record.options.templates,
              ElementsAre(Pair("", "{{name}}"),
                          Pair("Film", "{{title}}\n{{#cast}}{{.}} {{/cast}}")));
  EXPECT_TRUE(record.options.HasTemplate("Book"));
  EXPECT_EQ(record.options.lexical,
            (LexicalOptions{.language = "english", .fold_accents = true}));
  EXPECT_EQ(record.options.chunking.tokenizer, "approximate");
  EXPECT_EQ(record.options.retention.keep_last_count, 10);
  record.options.templates.clear();
  EXPECT_EQ(record.Encode(), Bytes(kDomainLexicalChunking));
}

TEST(DomainRecordTest, RefusesTemplatesThatNobodyWrites) {
  COPSE_ASSERT_OK_AND_ASSIGN(DomainRecord record,
                             DomainRecord::Parse(Bytes(kDomainTemplatesAll)));
  std::string twice = Bytes(kDomainTemplatesAll);
  twice.replace(twice.find("Film") - sizeof(uint32_t), 8, std::string(4, '\0'));
  EXPECT_THAT(DomainRecord::Parse(Sealed(twice)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("does not follow the one before it")));
  record.options.templates = {
      {"Film", std::string(kTemplatesSizeBytesMax - 4, 'x')}};
  EXPECT_THAT(DomainRecord::Parse(record.Encode()), IsOk());
  record.options.templates["Book"] = "{{title}}";
  EXPECT_THAT(
      DomainRecord::Parse(record.Encode()),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("have 262157 bytes, expected at most 262144")));
}

TEST(DomainRecordTest, HoldsWhatItReplaces) {
  COPSE_ASSERT_OK_AND_ASSIGN(DomainRecord record,
                             DomainRecord::Parse(Bytes(kDomainFilling)));
  EXPECT_EQ(record.state, DomainState::kFilling);
  EXPECT_THAT(record.former_numbers, ElementsAre(5U, 6U));
  EXPECT_EQ(record.owner, "job 7");
  EXPECT_EQ(record.options.lexical.language, "english");
  // Nobody fills one that is live, and somebody one that is not.
  EXPECT_THAT(
      DomainRecord::Parse(Patched(kDomainFilling, 2, 1)),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("owner at offset")));
  EXPECT_THAT(
      DomainRecord::Parse(Patched(kDomain, 2, 3)),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("owner at offset")));
  COPSE_ASSERT_OK_AND_ASSIGN(record, DomainRecord::Parse(Bytes(kDomainFormer)));
  EXPECT_THAT(record.former_numbers, ElementsAre(6U));
  EXPECT_EQ(record.options.lexical, (LexicalOptions{.is_enabled = false}));
  // Without them it is a record of before there were any.
  record.former_numbers.clear();
  EXPECT_EQ(record.Encode(), Bytes(kDomain));
  COPSE_ASSERT_OK_AND_ASSIGN(record,
                             DomainRecord::Parse(Bytes(kDomainClustering)));
  EXPECT_TRUE(record.options.stores_clustering);
  record.options.stores_clustering = false;
  EXPECT_EQ(record.Encode(), Bytes(kDomain));
}

TEST(DomainRecordTest, SaysWhetherAttributesAreIndexed) {
  COPSE_ASSERT_OK_AND_ASSIGN(DomainRecord record,
                             DomainRecord::Parse(Bytes(kDomainAttributes)));
  EXPECT_TRUE(record.has_attribute_index);
  EXPECT_THAT(record.former_numbers, IsEmpty());
  record.has_attribute_index = false;
  EXPECT_EQ(record.Encode(), Bytes(kDomain));
  COPSE_ASSERT_OK_AND_ASSIGN(record,
                             DomainRecord::Parse(Bytes(kDomainAttributesAll)));
  EXPECT_TRUE(record.has_attribute_index);
  record.has_attribute_index = false;
  EXPECT_EQ(record.Encode(), Bytes(kDomainFilling));
  // Without an index it is a record of before there were any.
  const size_t offset = Bytes(kDomainAttributes).size() - 8 - 1;
  EXPECT_THAT(DomainRecord::Parse(Patched(kDomainAttributes, offset, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("attributes indexed at offset 141 is 0")));
}

TEST(DomainRecordTest, RefusesValuesThatNobodyWrites) {
  EXPECT_THAT(DomainRecord::Parse(Patched(kDomain, 2, 4)),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("state at offset 3 is 4, expected 1 to 3")));
  constexpr size_t kMetricOffset = 2 + 1 + 4 + 4 + 11;
  EXPECT_THAT(DomainRecord::Parse(Patched(kDomain, kMetricOffset, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("metric at offset 23 is 0, expected 1 to "
                                 "5")));
  EXPECT_THAT(DomainRecord::Parse(Patched(kDomain, kMetricOffset + 1, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("dimension at offset 27 is 0")));
  EXPECT_THAT(DomainRecord::Parse(Patched(kDomain, kMetricOffset + 1, 4)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("has 3 components, expected 0 or 4")));
}

TEST(ManifestTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                             Manifest::Parse(Bytes(kManifest)));
  EXPECT_FALSE(manifest.is_skeleton);
  const CommitInfo info = manifest.ToInfo("admin/books", "9f31c07a");
  EXPECT_EQ(info.domain, "admin/books");
  EXPECT_EQ(info.commit, "9f31c07a");
  EXPECT_THAT(info.parent_commits, ElementsAre("p1", "p2"));
  EXPECT_EQ(info.branch, "main");
  EXPECT_EQ(info.create_time,
            absl::FromUnixSeconds(kSeconds) + absl::Microseconds(123));
  EXPECT_EQ(info.commit_time,
            absl::FromUnixSeconds(-5) + absl::Nanoseconds(999999999));
  EXPECT_EQ(info.author, "Ada <ada@example.org>");
  EXPECT_EQ(info.message, "Add oaks\n");
  EXPECT_EQ(manifest.live_set_number, 17u);
  EXPECT_EQ(manifest.preferred_forest, 2u);
  EXPECT_EQ(info.document_count, 100);
  EXPECT_EQ(info.vector_count, 101);
  EXPECT_EQ(info.inserted_count, 3);
  EXPECT_EQ(info.replaced_count, 2);
  EXPECT_EQ(info.deleted_count, 1);
  EXPECT_EQ(info.unknown_delete_count, 4);
  EXPECT_EQ(info.token_count, 5000);
  EXPECT_EQ(info.written_size_bytes, 6000);
  ASSERT_THAT(info.skipped_documents, SizeIs(1));
  EXPECT_EQ(info.skipped_documents[0].document_id,
            absl::string_view("bad\0id", 6));
  EXPECT_EQ(info.skipped_documents[0].message, "too long");
  EXPECT_EQ(manifest.fingerprint_sum, FingerprintSum(HashOf(7)));
  EXPECT_EQ(info.fingerprint,
            PublishFingerprint(FingerprintSum(HashOf(7)), 101, HashOf(8)));
}

TEST(ManifestTest, KnowsWhatItsParentsWere) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                             Manifest::Parse(Bytes(kManifestParents)));
  EXPECT_THAT(manifest.parent_commits, ElementsAre("p1", "p2"));
  EXPECT_EQ(manifest.ParentFingerprint(0), HashOf(6));
  EXPECT_EQ(manifest.ParentFingerprint(1), std::nullopt);
  EXPECT_EQ(manifest.author, "Ada <ada@example.org>");
  const Manifest skeleton = manifest.Skeleton();
  EXPECT_EQ(skeleton.ParentFingerprint(0), HashOf(6));
  EXPECT_EQ(skeleton.PublicFingerprint(),
            manifest.ToInfo("d", "c").fingerprint);
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest old,
                             Manifest::Parse(Bytes(kManifest)));
  EXPECT_EQ(old.ParentFingerprint(0), std::nullopt);
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest old_skeleton,
                             Manifest::Parse(Bytes(kSkeleton)));
  EXPECT_EQ(old_skeleton.PublicFingerprint(), std::nullopt);
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest new_skeleton,
                             Manifest::Parse(Bytes(kSkeletonFingerprint)));
  EXPECT_EQ(new_skeleton.PublicFingerprint(), HashOf(11));
}

TEST(ManifestTest, HasOneEncodingForEachContent) {
  // What follows is right, and the fingerprint is said to be unknown.
  std::string bytes = Bytes(kSkeleton);
  bytes[1] = 2;
  bytes.insert(bytes.find("p1") + 2, 1, 0);
  bytes.insert(bytes.size() - 8, 1, 0);
  EXPECT_THAT(
      Manifest::Parse(Sealed(std::move(bytes))),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("expected version 1")));
}

TEST(ManifestTest, LeavesASkeleton) {
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                             Manifest::Parse(Bytes(kManifest)));
  COPSE_ASSERT_OK_AND_ASSIGN(const std::string bytes,
                             manifest.Skeleton().Encode());
  COPSE_ASSERT_OK_AND_ASSIGN(const Manifest skeleton, Manifest::Parse(bytes));
  EXPECT_TRUE(skeleton.is_skeleton);
  EXPECT_EQ(skeleton.parent_commits, manifest.parent_commits);
  EXPECT_EQ(skeleton.branch, "main");
  EXPECT_EQ(skeleton.create_time, manifest.create_time);
  EXPECT_EQ(skeleton.live_set_number, 0u);
  EXPECT_THAT(skeleton.skipped_documents, IsEmpty());
}

TEST(ManifestTest, WritesNothingThatItWouldRefuse) {
  Manifest manifest;
  manifest.parent_commits = {"a", "b", "c"};
  EXPECT_THAT(manifest.Encode(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("parents are 3, expected at most 2")));
  manifest = Manifest();
  manifest.message = std::string(65537, 'm');
  EXPECT_THAT(manifest.Encode(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("message has 65537 bytes, expected at most 65536")));
  manifest = Manifest();
  manifest.skipped_documents.resize((size_t{1} << 20) + 1);
  EXPECT_THAT(manifest.Encode(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       Eq("skipped documents are 1048577, expected at most "
                          "1048576")));
  manifest = Manifest();
  manifest.skipped_documents.resize(
      20000, {.document_id = std::string(4000, 'i'), .message = ""});
  EXPECT_THAT(manifest.Encode(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected at most 67108864")));
}

TEST(RowRecordTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const RowRecord record,
                             RowRecord::Parse(Bytes(kRow)));
  EXPECT_EQ(record.document_id, "doc/1");
  EXPECT_EQ(record.chunk, 2u);
  EXPECT_EQ(record.content_hash, HashOf(9));
  EXPECT_EQ(record.type, "Tree");
  EXPECT_EQ(record.attributes, (Attributes{{"age", int64_t{-300}},
                                           {"evergreen", true},
                                           {"height", 40.5},
                                           {"name", std::string("Quercus")}}));
  EXPECT_EQ(record.place.first_token, 10u);
  EXPECT_EQ(record.place.token_count, 20u);
  EXPECT_TRUE(record.has_text);
  EXPECT_EQ(DocumentRecord::Parse(Bytes(kDocument)).value(),
            (DocumentRecord{.chunk = 2, .content_hash = HashOf(9)}));
}

TEST(RowRecordTest, HasItsPlaceAmongSeveralChunks) {
  COPSE_ASSERT_OK_AND_ASSIGN(const RowRecord record,
                             RowRecord::Parse(Bytes(kRowChunks)));
  EXPECT_EQ(record.chunk, 2);
  EXPECT_EQ(record.chunk_count, 5);
  EXPECT_EQ(record.place, (ChunkPlace{.first_byte = 4096,
                                      .size_bytes = 2048,
                                      .first_token = 10,
                                      .token_count = 20}));
  EXPECT_THAT(DocumentRecord::Parse(Bytes(kDocumentChunks)),
              IsOkAndHolds(
                  DocumentRecord{.content_hash = HashOf(9), .chunk_count = 5}));
  const size_t count_offset = Bytes(kRowChunks).size() - 8 - 12;
  for (const char count : {1, 2}) {
    EXPECT_THAT(RowRecord::Parse(Patched(kRowChunks, count_offset, count)),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("expected at least 2 and more than chunk "
                                   "2")));
  }
  EXPECT_THAT(RowRecord::Parse(Patched(kRowChunks, count_offset + 7, 3)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("first byte")));
  EXPECT_THAT(
      RowRecord::Parse(Patched(kRowChunks, count_offset + 11, 3)),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("size in bytes")));
}

TEST(RowRecordTest, HasTheClusteringVectorOfItsDocument) {
  COPSE_ASSERT_OK_AND_ASSIGN(RowRecord record,
                             RowRecord::Parse(Bytes(kRowClustering)));
  EXPECT_THAT(record.clustering_vector, ElementsAre(1, 0, -1));
  EXPECT_EQ(record.chunk_count, 1);
  // Without it, it is a row of before there were any.
  record.clustering_vector.clear();
  EXPECT_EQ(record.Encode()[1], 1);
  COPSE_ASSERT_OK_AND_ASSIGN(record,
                             RowRecord::Parse(Bytes(kRowClusteringChunks)));
  EXPECT_THAT(record.clustering_vector, ElementsAre(0.5F));
  EXPECT_EQ(record.place.first_byte, 4096);
  // Of the only chunk no bytes are said, and only chunk 0 has a vector.
  const size_t count_offset = Bytes(kRowClustering).size() - 8 - 16 - 12;
  EXPECT_THAT(RowRecord::Parse(Patched(kRowClustering, count_offset + 4, 1)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("is said of the only chunk")));
  constexpr size_t kChunkOffset = 2 + 4 + 5;
  EXPECT_THAT(RowRecord::Parse(Patched(kRowClusteringChunks, kChunkOffset, 1)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("expected at least 1 with chunk 0")));
}

TEST(RowRecordTest, RefusesAttributesOutOfOrderAndOfUnknownTypes) {
  const auto record = [](absl::string_view first, absl::string_view second,
                         uint8_t type) {
    RecordWriter writer(RecordKind::kRow, 1);
    writer.Text("id");
    writer.U32(0);
    writer.Fixed(HashOf(1));
    writer.Text("");
    writer.U32(2);
    for (const absl::string_view name : {first, second}) {
      writer.Text(name);
      writer.U8(type);
      writer.U8(1);
    }
    writer.U32(0);
    writer.U32(0);
    writer.U8(0);
    return std::move(writer).Finish();
  };
  EXPECT_THAT(RowRecord::Parse(record("a", "b", 4)), IsOk());
  for (const char* second : {"a", "A"}) {
    EXPECT_THAT(RowRecord::Parse(record("a", second, 4)),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("is not greater than the one before it")));
  }
  EXPECT_THAT(RowRecord::Parse(record("a", "b", 5)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("is 5, expected 1 to 4")));
}

TEST(BranchRecordTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const BranchRecord record,
                             BranchRecord::Parse(Bytes(kBranch)));
  EXPECT_EQ(record.head_commit, "9f31c07a");
  EXPECT_EQ(record.version, 12u);
  EXPECT_EQ(record.update_time, absl::FromUnixSeconds(kSeconds));
}

TEST(LeaseRecordTest, HasItsFields) {
  EXPECT_THAT(LeaseRecord::Parse(Bytes(kLease)),
              IsOkAndHolds(LeaseRecord{
                  .commit = "9f31c07a",
                  .create_time = absl::FromUnixSeconds(kSeconds),
                  .expire_time = absl::FromUnixSeconds(kSeconds + 3600) +
                                 absl::Microseconds(5)}));
  EXPECT_THAT(CollectionRecord::Parse(Bytes(kCollection)),
              IsOkAndHolds(CollectionRecord{
                  .start_time = absl::FromUnixSeconds(kSeconds),
                  .is_sweeping = true,
                  .row_count = 100,
                  .text_count = 20,
                  .page_count = 3,
                  .live_set_count = 4}));
}

TEST(BackupRecordTest, HasItsFields) {
  const BackupRecord expected = {
      .id = 7,
      .create_time = absl::FromUnixSeconds(kSeconds),
      .data_format_version = 2,
      .domain_count = 2,
      .commit_count = 30,
      .size_bytes = 500'000,
      .new_size_bytes = 4000,
      .meta_size_bytes = 100'000,
      .segments = {{.domain_number = 1,
                    .segment_number = 0,
                    .dimension = 384,
                    .place_size_bytes = 1536,
                    .place_count = 174'760,
                    .pieces = {{.backup_id = 5,
                                .first = 0,
                                .count = 100,
                                .row_count = 90,
                                .vectors_size_bytes = 138'240,
                                .vectors_checksum = 0x1122334455667788,
                                .checks_checksum = 0x99},
                               {.backup_id = 7,
                                .first = 100,
                                .count = 20,
                                .row_count = 20,
                                .vectors_size_bytes = 30'720,
                                .vectors_checksum = 0xaabb,
                                .checks_checksum = 0xccdd}}},
                   {.domain_number = 3,
                    .segment_number = 1,
                    .dimension = 16,
                    .place_size_bytes = 64,
                    .place_count = 4'194'240}}};
  EXPECT_THAT(BackupRecord::Parse(Bytes(kBackup)), IsOkAndHolds(expected));
  EXPECT_EQ(expected.FindSegment(3, 1), &expected.segments[1]);
  EXPECT_EQ(expected.FindSegment(3, 0), nullptr);
}

TEST(BackupRecordTest, SaysWhichSegmentsHoldBits) {
  COPSE_ASSERT_OK_AND_ASSIGN(const BackupRecord record,
                             BackupRecord::Parse(Bytes(kBackupBits)));
  ASSERT_EQ(record.segments.size(), 2u);
  EXPECT_EQ(record.segments[0].encoding, RowEncoding::kFloats);
  EXPECT_EQ(record.segments[0].pieces.size(), 2u);
  EXPECT_EQ(record.segments[1],
            (BackupSegment{.domain_number = 3,
                           .segment_number = 1,
                           .dimension = 384,
                           .place_size_bytes = 48,
                           .place_count = 4'194'304,
                           .encoding = RowEncoding::kBits}));
  constexpr size_t kEncodingOffset = 191;
  EXPECT_THAT(
      BackupRecord::Parse(Patched(kBackupBits, kEncodingOffset, 2)),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("encoding at offset")));
  EXPECT_THAT(BackupRecord::Parse(Patched(kBackupBits, kEncodingOffset, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("hold no bits, expected some in version 2")));
}

TEST(BackupRecordTest, RefusesPiecesOfNoSegment) {
  // Its first place, so that the last one is beyond the segment.
  constexpr size_t kFirstOffset = 94;
  EXPECT_THAT(BackupRecord::Parse(Patched(kBackup, kFirstOffset + 2, 3)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("first place")));
  constexpr size_t kCountOffset = kFirstOffset + 4;
  EXPECT_THAT(BackupRecord::Parse(Patched(kBackup, kCountOffset, 0)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("row count")));
}

TEST(LiveSetRecordTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const LiveSetRecord record,
                             LiveSetRecord::Parse(Bytes(kDifference)));
  EXPECT_EQ(record.depth, 6u);
  EXPECT_EQ(record.base, 41u);
  EXPECT_EQ(record.row_count, 20);
  EXPECT_EQ(record.chain_size_bytes, 300);
  EXPECT_EQ(record.snapshot_size_bytes, 1000);
  EXPECT_THAT(record.added.ToVector(), ElementsAre(1, 5));
  EXPECT_THAT(record.removed.ToVector(), ElementsAre(7));
  // A snapshot has no base, and a difference has one.
  EXPECT_THAT(LiveSetRecord::Parse(Patched(kSnapshot, 6, 1)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("base at offset 14 is 1 at depth 0")));
  EXPECT_THAT(LiveSetRecord::Parse(Patched(kDifference, 6, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("base at offset 14 is 0 at depth 6")));
}

TEST(ForestRecordTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const ForestRecord record,
                             ForestRecord::Parse(Bytes(kForest)));
  EXPECT_EQ(record,
            (ForestRecord{.root_page = 99,
                          .covered_live_set = 17,
                          .row_count = 3000,
                          .base_forest = 1,
                          .written_page_count = 12,
                          .written_size_bytes = 65536,
                          .create_time = absl::FromUnixSeconds(kSeconds)}));
  EXPECT_THAT(ForestRecord::Parse(Patched(kForest, 2, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("root page at offset 10 is 0")));
}

TEST(ForestRecordTest, HoldsACalibration) {
  COPSE_ASSERT_OK_AND_ASSIGN(ForestRecord record,
                             ForestRecord::Parse(Bytes(kForest)));
  record.calibration = Calibration(
      3000, 128,
      Calibration::Settings{
          {{{.recall = 0.75F, .scan_budget = 300, .rerank_count = 20}},
           {},
           {}}});
  record.changed_row_count = 5;
  record.accepted_query_count = 600;
  const std::string bytes = record.Encode();
  EXPECT_EQ(bytes[1], 2) << "the version";
  EXPECT_THAT(ForestRecord::Parse(bytes), IsOkAndHolds(record));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ForestRecord::Parse(bytes.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(JobRecordTest, HasItsFields) {
  EXPECT_THAT(
      JobRecord::Parse(Bytes(kJob)),
      IsOkAndHolds(JobRecord{
          .kind = JobKind::kPush,
          .state = JobState::kWaiting,
          .domain = "admin/books",
          .domain_number = 7,
          .commit = "9f31c07a",
          .parent_commit = "p1",
          .branch = "main",
          .create_time =
              absl::FromUnixSeconds(kSeconds) + absl::Microseconds(5),
          .start_time = absl::FromUnixSeconds(kSeconds + 1),
          .retry_time = absl::FromUnixSeconds(kSeconds + 60),
          .phase = "embedding",
          .attempt_count = 2,
          .progress = {.done_count = 40,
                       .total_count = 100,
                       .unchanged_count = 30,
                       .chunk_count = 12,
                       .token_count = 500,
                       .request_count = 3,
                       .cache_hit_count = 4,
                       .failed_count = 1},
          .error = WithReason(absl::UnavailableError("the provider is down"),
                              "PROVIDER_DOWN", {{"retry_time", "60"}}),
          .is_resumable = true,
          .failures = {{"bad", 9, "too long"}},
          .request = "req",
          .payload = "\1\2",
          .has_payload_file = false}));
}

TEST(JobRecordTest, RefusesValuesThatNobodyWrites) {
  EXPECT_THAT(JobRecord::Parse(Patched(kJob, 2, 0)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("kind")));
  EXPECT_THAT(JobRecord::Parse(Patched(kJob, 2, 8)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("kind at offset 3 is 8, expected at most 7")));
  EXPECT_THAT(JobRecord::Parse(Patched(kJob, 3, 7)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("state")));
}

TEST(JobRecordTest, KeepsTheFailuresThatFit) {
  JobRecord record;
  for (int64_t i = 0; i < 2000; ++i) {
    record.failures.push_back({"doc", i, std::string(5000, 'x')});
  }
  record.progress.failed_count = 2000;
  COPSE_ASSERT_OK_AND_ASSIGN(const JobRecord kept,
                             JobRecord::Parse(record.Encode()));
  EXPECT_EQ(kept.progress.failed_count, 2000);
  EXPECT_THAT(kept.failures, SizeIs((size_t{4} << 20) / (16 + 3 + 4096)));
  EXPECT_EQ(kept.failures.back().operation_number,
            static_cast<int64_t>(kept.failures.size()) - 1);
  EXPECT_EQ(kept.failures[0].message, std::string(4096, 'x'));
}

TEST(JobIdTest, IsThirtyTwoDigitsOutside) {
  JobId id = {};
  id[0] = std::byte{0x01};
  id[15] = std::byte{0xfe};
  EXPECT_EQ(JobIdText(id), "010000000000000000000000000000fe");
  EXPECT_EQ(ParseJobId(JobIdText(id)), id);
  for (const absl::string_view text :
       {"", "01", "010000000000000000000000000000fE",
        "010000000000000000000000000000f/", "010000000000000000000000000000fe0",
        "../../../../../../../../etc/pass"}) {
    EXPECT_EQ(ParseJobId(text), std::nullopt) << text;
  }
}

TEST(TextRecordTest, HasItsFields) {
  EXPECT_THAT(ParseText(Bytes(kText)), IsOkAndHolds(Eq("oak")));
}

}  // namespace
}  // namespace copse
