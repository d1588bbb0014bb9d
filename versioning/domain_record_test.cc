// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/domain_record.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "index/metric.h"
#include "tests/support/status_matchers.h"
#include "versioning/commit.h"
#include "versioning/lexical/lexical_options.h"
#include "versioning/testing/golden_records.h"

namespace copse {
namespace {

using golden::Bytes;
using golden::HashOf;
using golden::kSeconds;
using golden::Patched;
using golden::Sealed;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(DomainRecordTest, HasItsFields) {
  COPSE_ASSERT_OK_AND_ASSIGN(const DomainRecord record,
                             DomainRecord::Parse(Bytes(golden::kDomain)));
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
  EXPECT_THAT(ParseDomainName(Bytes(golden::kDomainName)),
              IsOkAndHolds(Eq(7u)));
}

TEST(DomainRecordTest, HoldsRetentionRules) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainRecord record,
      DomainRecord::Parse(Bytes(golden::kDomainRetention)));
  EXPECT_EQ(record.options.retention,
            (RetentionPolicy{.keep_last_count = 10,
                             .keep_younger_than = absl::Hours(720),
                             .keep_branches = {"main", "release"}}));
  // Without a rule it is a record of before there were any.
  record.options.retention = {};
  EXPECT_EQ(record.Encode(), Bytes(golden::kDomain));
  const std::string bytes = Bytes(golden::kDomain);
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
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainRecord record, DomainRecord::Parse(Bytes(golden::kDomainChunking)));
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
  EXPECT_EQ(record.Encode(), Bytes(golden::kDomain));
  const size_t mode_offset = Bytes(golden::kDomainRetention).size() - 8;
  EXPECT_THAT(
      DomainRecord::Parse(Patched(golden::kDomainChunking, mode_offset, 1)),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("chunking mode at offset 146 is 1, expected 2 "
                         "or 3")));
  EXPECT_THAT(
      DomainRecord::Parse(Patched(golden::kDomainChunking, mode_offset + 2, 0)),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("is 61, expected less than 0")));
}

TEST(DomainRecordTest, HoldsHowWordsAreIndexed) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainRecord record, DomainRecord::Parse(Bytes(golden::kDomainLexical)));
  EXPECT_EQ(record.options.lexical,
            (LexicalOptions{.language = "english", .fold_accents = true}));
  EXPECT_FALSE(record.options.retention.has_rules());
  // Without words it is a record of before there were any.
  record.options.lexical = {.is_enabled = false};
  EXPECT_EQ(record.Encode(), Bytes(golden::kDomain));
  COPSE_ASSERT_OK_AND_ASSIGN(record,
                             DomainRecord::Parse(Bytes(golden::kDomain)));
  EXPECT_EQ(record.options.lexical, (LexicalOptions{.is_enabled = false}));
  const size_t mode_offset = Bytes(golden::kDomain).size() - 8 + 16;
  EXPECT_THAT(
      DomainRecord::Parse(Patched(golden::kDomainLexical, mode_offset, 0)),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("is 0, expected 1, 2 or 3")));
}

TEST(DomainRecordTest, HoldsHowTextsAreCutAndWordsIndexed) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainRecord record,
      DomainRecord::Parse(Bytes(golden::kDomainLexicalChunking)));
  EXPECT_EQ(record.options.lexical,
            (LexicalOptions{.language = "english", .fold_accents = true}));
  EXPECT_EQ(record.options.chunking.tokenizer, "approximate");
  EXPECT_EQ(record.options.retention.keep_last_count, 10);
  record.options.lexical = {.is_enabled = false};
  EXPECT_EQ(record.Encode(), Bytes(golden::kDomainChunking));
}

TEST(DomainRecordTest, HoldsTemplates) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainRecord record,
      DomainRecord::Parse(Bytes(golden::kDomainTemplates)));
  EXPECT_THAT(record.options.templates, ElementsAre(Pair("Film", "{{title}}")));
  EXPECT_TRUE(record.options.HasTemplate("Film"));
  EXPECT_FALSE(record.options.HasTemplate("Book"));
  EXPECT_EQ(record.options.lexical, (LexicalOptions{.is_enabled = false}));
  EXPECT_EQ(record.options.chunking, Chunking());
  // Without templates it is a record of before there were any.
  record.options.templates.clear();
  EXPECT_EQ(record.Encode(), Bytes(golden::kDomain));
  const size_t count_offset = Bytes(golden::kDomain).size() - 8 + 16 + 1 + 1;
  EXPECT_THAT(
      DomainRecord::Parse(Patched(golden::kDomainTemplates, count_offset, 0)),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("is 0, expected at least 1")));
}

TEST(DomainRecordTest, HoldsTemplatesBesideAllElse) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainRecord record,
      DomainRecord::Parse(Bytes(golden::kDomainTemplatesAll)));
  EXPECT_THAT(record.options.templates,
              ElementsAre(Pair("", "{{name}}"),
                          Pair("Film", "{{title}}\n{{#cast}}{{.}} {{/cast}}")));
  EXPECT_TRUE(record.options.HasTemplate("Book"));
  EXPECT_EQ(record.options.lexical,
            (LexicalOptions{.language = "english", .fold_accents = true}));
  EXPECT_EQ(record.options.chunking.tokenizer, "approximate");
  EXPECT_EQ(record.options.retention.keep_last_count, 10);
  record.options.templates.clear();
  EXPECT_EQ(record.Encode(), Bytes(golden::kDomainLexicalChunking));
}

TEST(DomainRecordTest, RefusesTemplatesThatNobodyWrites) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainRecord record,
      DomainRecord::Parse(Bytes(golden::kDomainTemplatesAll)));
  std::string twice = Bytes(golden::kDomainTemplatesAll);
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
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainRecord record, DomainRecord::Parse(Bytes(golden::kDomainFilling)));
  EXPECT_EQ(record.state, DomainState::kFilling);
  EXPECT_THAT(record.former_numbers, ElementsAre(5U, 6U));
  EXPECT_EQ(record.owner, "job 7");
  EXPECT_EQ(record.options.lexical.language, "english");
  // Nobody fills one that is live, and somebody one that is not.
  EXPECT_THAT(
      DomainRecord::Parse(Patched(golden::kDomainFilling, 2, 1)),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("owner at offset")));
  EXPECT_THAT(
      DomainRecord::Parse(Patched(golden::kDomain, 2, 3)),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("owner at offset")));
  COPSE_ASSERT_OK_AND_ASSIGN(record,
                             DomainRecord::Parse(Bytes(golden::kDomainFormer)));
  EXPECT_THAT(record.former_numbers, ElementsAre(6U));
  EXPECT_EQ(record.options.lexical, (LexicalOptions{.is_enabled = false}));
  // Without them it is a record of before there were any.
  record.former_numbers.clear();
  EXPECT_EQ(record.Encode(), Bytes(golden::kDomain));
  COPSE_ASSERT_OK_AND_ASSIGN(
      record, DomainRecord::Parse(Bytes(golden::kDomainClustering)));
  EXPECT_TRUE(record.options.stores_clustering);
  record.options.stores_clustering = false;
  EXPECT_EQ(record.Encode(), Bytes(golden::kDomain));
}

TEST(DomainRecordTest, SaysWhetherAttributesAreIndexed) {
  COPSE_ASSERT_OK_AND_ASSIGN(
      DomainRecord record,
      DomainRecord::Parse(Bytes(golden::kDomainAttributes)));
  EXPECT_TRUE(record.has_attribute_index);
  EXPECT_THAT(record.former_numbers, IsEmpty());
  record.has_attribute_index = false;
  EXPECT_EQ(record.Encode(), Bytes(golden::kDomain));
  COPSE_ASSERT_OK_AND_ASSIGN(
      record, DomainRecord::Parse(Bytes(golden::kDomainAttributesAll)));
  EXPECT_TRUE(record.has_attribute_index);
  record.has_attribute_index = false;
  EXPECT_EQ(record.Encode(), Bytes(golden::kDomainFilling));
  // Without an index it is a record of before there were any.
  const size_t offset = Bytes(golden::kDomainAttributes).size() - 8 - 1;
  EXPECT_THAT(
      DomainRecord::Parse(Patched(golden::kDomainAttributes, offset, 0)),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("attributes indexed at offset 141 is 0")));
}

TEST(DomainRecordTest, RefusesValuesThatNobodyWrites) {
  EXPECT_THAT(DomainRecord::Parse(Patched(golden::kDomain, 2, 4)),
              StatusIs(absl::StatusCode::kDataLoss,
                       Eq("state at offset 3 is 4, expected 1 to 3")));
  constexpr size_t kMetricOffset = 2 + 1 + 4 + 4 + 11;
  EXPECT_THAT(DomainRecord::Parse(Patched(golden::kDomain, kMetricOffset, 0)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("metric at offset 23 is 0, expected 1 to "
                                 "5")));
  EXPECT_THAT(
      DomainRecord::Parse(Patched(golden::kDomain, kMetricOffset + 1, 0)),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("dimension at offset 27 is 0")));
  EXPECT_THAT(
      DomainRecord::Parse(Patched(golden::kDomain, kMetricOffset + 1, 4)),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("has 3 components, expected 0 or 4")));
}

}  // namespace
}  // namespace copse
