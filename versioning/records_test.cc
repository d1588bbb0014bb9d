// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What holds of every record of the meta database, and the fields of those that
// have few; domain_record_test, manifest_test, row_record_test,
// backup_record_test and job_record_test have those of the others.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/calibration.h"
#include "index/util/status_macros.h"
#include "tests/support/status_matchers.h"
#include "versioning/backup_record.h"
#include "versioning/branch_record.h"
#include "versioning/collection_record.h"
#include "versioning/domain_record.h"
#include "versioning/forest_record.h"
#include "versioning/job_record.h"
#include "versioning/lease_record.h"
#include "versioning/live_set_store.h"
#include "versioning/manifest.h"
#include "versioning/rocks_embedding_cache.h"
#include "versioning/row_record.h"
#include "versioning/testing/golden_records.h"
#include "versioning/text_store.h"

namespace copse {
namespace {

using golden::Bytes;
using golden::kSeconds;
using golden::Patched;
using golden::Sealed;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;

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
      {"domain", golden::kDomain, Rewrite<DomainRecord>},
      {"domain with retention", golden::kDomainRetention,
       Rewrite<DomainRecord>},
      {"domain with chunking", golden::kDomainChunking, Rewrite<DomainRecord>},
      {"domain with words", golden::kDomainLexical, Rewrite<DomainRecord>},
      {"domain with words and chunking", golden::kDomainLexicalChunking,
       Rewrite<DomainRecord>},
      {"domain with templates", golden::kDomainTemplates,
       Rewrite<DomainRecord>},
      {"domain with everything", golden::kDomainTemplatesAll,
       Rewrite<DomainRecord>},
      {"domain that is filled", golden::kDomainFilling, Rewrite<DomainRecord>},
      {"domain that was replaced", golden::kDomainFormer,
       Rewrite<DomainRecord>},
      {"domain with attributes", golden::kDomainAttributes,
       Rewrite<DomainRecord>},
      {"domain with attributes and everything", golden::kDomainAttributesAll,
       Rewrite<DomainRecord>},
      {"domain with clustering", golden::kDomainClustering,
       Rewrite<DomainRecord>},
      {"domain with clustering that was replaced",
       golden::kDomainClusteringFormer, Rewrite<DomainRecord>},
      {"domain name", golden::kDomainName,
       [](absl::string_view bytes) -> absl::StatusOr<std::string> {
         COPSE_ASSIGN_OR_RETURN(const uint32_t number, ParseDomainName(bytes));
         return EncodeDomainName(number);
       }},
      {"manifest", golden::kManifest, Rewrite<Manifest>},
      {"skeleton", golden::kSkeleton, Rewrite<Manifest>},
      {"manifest with parents", golden::kManifestParents, Rewrite<Manifest>},
      {"skeleton with fingerprint", golden::kSkeletonFingerprint,
       Rewrite<Manifest>},
      {"branch", golden::kBranch, Rewrite<BranchRecord>},
      {"row", golden::kRow, Rewrite<RowRecord>},
      {"row of several", golden::kRowChunks, Rewrite<RowRecord>},
      {"row with clustering", golden::kRowClustering, Rewrite<RowRecord>},
      {"row of several with clustering", golden::kRowClusteringChunks,
       Rewrite<RowRecord>},
      {"document", golden::kDocument, Rewrite<DocumentRecord>},
      {"document of several rows", golden::kDocumentChunks,
       Rewrite<DocumentRecord>},
      {"text", golden::kText,
       [](absl::string_view bytes) -> absl::StatusOr<std::string> {
         COPSE_ASSIGN_OR_RETURN(const std::string text, ParseText(bytes));
         return EncodeText(text);
       }},
      {"snapshot", golden::kSnapshot, Rewrite<LiveSetRecord>},
      {"difference", golden::kDifference, Rewrite<LiveSetRecord>},
      {"forest", golden::kForest, Rewrite<ForestRecord>},
      {"embedding", golden::kEmbedding, Rewrite<EmbeddingRecord>},
      {"embedding totals", golden::kEmbeddingTotals, Rewrite<EmbeddingTotals>},
      {"lease", golden::kLease, Rewrite<LeaseRecord>},
      {"collection", golden::kCollection, Rewrite<CollectionRecord>},
      {"backup", golden::kBackup, Rewrite<BackupRecord>},
      {"backup with bits", golden::kBackupBits, Rewrite<BackupRecord>},
      {"job", golden::kJob, Rewrite<JobRecord>},
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

TEST(BranchRecordTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const BranchRecord record,
                             BranchRecord::Parse(Bytes(golden::kBranch)));
  EXPECT_EQ(record.head_commit, "9f31c07a");
  EXPECT_EQ(record.version, 12u);
  EXPECT_EQ(record.update_time, absl::FromUnixSeconds(kSeconds));
}

TEST(LeaseRecordTest, HasItsFields) {
  EXPECT_THAT(LeaseRecord::Parse(Bytes(golden::kLease)),
              IsOkAndHolds(LeaseRecord{
                  .commit = "9f31c07a",
                  .create_time = absl::FromUnixSeconds(kSeconds),
                  .expire_time = absl::FromUnixSeconds(kSeconds + 3600) +
                                 absl::Microseconds(5)}));
  EXPECT_THAT(CollectionRecord::Parse(Bytes(golden::kCollection)),
              IsOkAndHolds(CollectionRecord{
                  .start_time = absl::FromUnixSeconds(kSeconds),
                  .is_sweeping = true,
                  .row_count = 100,
                  .text_count = 20,
                  .page_count = 3,
                  .live_set_count = 4}));
}

TEST(LiveSetRecordTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const LiveSetRecord record,
                             LiveSetRecord::Parse(Bytes(golden::kDifference)));
  EXPECT_EQ(record.depth, 6u);
  EXPECT_EQ(record.base, 41u);
  EXPECT_EQ(record.row_count, 20);
  EXPECT_EQ(record.chain_size_bytes, 300);
  EXPECT_EQ(record.snapshot_size_bytes, 1000);
  EXPECT_THAT(record.added.ToVector(), ElementsAre(1, 5));
  EXPECT_THAT(record.removed.ToVector(), ElementsAre(7));
  // A snapshot has no base, and a difference has one.
  EXPECT_THAT(LiveSetRecord::Parse(Patched(golden::kSnapshot, 6, 1)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("base at offset 14 is 1 at depth 0")));
  EXPECT_THAT(LiveSetRecord::Parse(Patched(golden::kDifference, 6, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("base at offset 14 is 0 at depth 6")));
}

TEST(ForestRecordTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const ForestRecord record,
                             ForestRecord::Parse(Bytes(golden::kForest)));
  EXPECT_EQ(record,
            (ForestRecord{.root_page = 99,
                          .covered_live_set = 17,
                          .row_count = 3000,
                          .base_forest = 1,
                          .written_page_count = 12,
                          .written_size_bytes = 65536,
                          .create_time = absl::FromUnixSeconds(kSeconds)}));
  EXPECT_THAT(ForestRecord::Parse(Patched(golden::kForest, 2, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("root page at offset 10 is 0")));
}

TEST(ForestRecordTest, HoldsACalibration) {
  COPSE_ASSERT_OK_AND_ASSIGN(ForestRecord record,
                             ForestRecord::Parse(Bytes(golden::kForest)));
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

TEST(TextRecordTest, HasItsFields) {
  EXPECT_THAT(ParseText(Bytes(golden::kText)), IsOkAndHolds(Eq("oak")));
}

}  // namespace
}  // namespace copse
