// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/domain_record.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/metric.h"
#include "index/util/status_macros.h"
#include "versioning/commit.h"
#include "versioning/document.h"
#include "versioning/record_codec.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kVersionRetention = 2;
constexpr uint8_t kVersionChunking = 3;
constexpr uint8_t kVersionLexical = 4;
constexpr uint8_t kVersionTemplates = 5;
constexpr uint8_t kVersionFormer = 6;
constexpr uint8_t kVersionAttributes = 7;
constexpr uint8_t kVersionClustering = 8;

uint8_t VersionFor(const DomainRecord& record) {
  const DomainOptions& options = record.options;
  if (options.stores_clustering) {
    return kVersionClustering;
  }
  if (record.has_attribute_index) {
    return kVersionAttributes;
  }
  if (!record.former_numbers.empty()) {
    return kVersionFormer;
  }
  if (!options.templates.empty()) {
    return kVersionTemplates;
  }
  if (options.lexical.is_enabled) {
    return kVersionLexical;
  }
  if (options.chunking.mode != Chunking::Mode::kWhole) {
    return kVersionChunking;
  }
  return options.retention.has_rules() ? kVersionRetention : kVersion;
}

void WriteRetention(const RetentionPolicy& retention, RecordWriter& writer) {
  writer.U32(retention.keep_last_count);
  writer.I64(absl::ToInt64Seconds(retention.keep_younger_than));
  writer.U32(static_cast<uint32_t>(retention.keep_branches.size()));
  for (const std::string& branch : retention.keep_branches) {
    writer.Text(branch);
  }
}

void ReadRetention(RecordReader& reader, RetentionPolicy& retention) {
  retention.keep_last_count = reader.U32("keep last");
  const uint64_t seconds = reader.U64("keep younger than");
  if (seconds > uint64_t{kRetentionSecondsMax}) {
    reader.Fail("keep younger than",
                absl::StrFormat("is %d seconds, expected at most %d", seconds,
                                kRetentionSecondsMax));
  }
  retention.keep_younger_than = absl::Seconds(seconds);
  const uint32_t branch_count = reader.ItemCount(
      "branch count", sizeof(uint32_t), kRetainedBranchCountMax);
  for (uint32_t i = 0; i < branch_count && reader.ok(); ++i) {
    retention.keep_branches.push_back(reader.Text("branch", kNameSizeBytesMax));
  }
  // One encoding for each content: without a rule it is version 1.
  if (reader.ok() && reader.version() == kVersionRetention &&
      !retention.has_rules()) {
    reader.Fail("retention", "has no rule, expected one");
  }
}

void WriteChunking(const Chunking& chunking, RecordWriter& writer) {
  writer.U8(static_cast<uint8_t>(chunking.mode));
  if (chunking.mode == Chunking::Mode::kWhole) {
    return;
  }
  writer.U32(chunking.chunk_token_count);
  writer.U32(chunking.overlap_token_count);
  writer.Text(chunking.tokenizer);
}

void ReadChunking(RecordReader& reader, Chunking& chunking) {
  const uint8_t mode = reader.U8("chunking mode");
  if (reader.version() >= kVersionLexical &&
      mode == static_cast<uint8_t>(Chunking::Mode::kWhole)) {
    return;
  }
  if (reader.ok() && mode != static_cast<uint8_t>(Chunking::Mode::kBoundary) &&
      mode != static_cast<uint8_t>(Chunking::Mode::kWindow)) {
    reader.Fail(
        "chunking mode",
        absl::StrFormat("is %d, expected %s2 or 3", mode,
                        reader.version() >= kVersionLexical ? "1, " : ""));
  }
  chunking.mode = static_cast<Chunking::Mode>(mode);
  chunking.chunk_token_count = reader.U32("chunk token count");
  chunking.overlap_token_count = reader.U32("overlap token count");
  if (reader.ok() &&
      chunking.overlap_token_count >= chunking.chunk_token_count) {
    reader.Fail("overlap token count",
                absl::StrFormat("is %d, expected less than %d",
                                chunking.overlap_token_count,
                                chunking.chunk_token_count));
  }
  chunking.tokenizer = reader.Text("tokenizer", kNameSizeBytesMax);
  if (reader.ok() && chunking.tokenizer.empty()) {
    reader.Fail("tokenizer", "is empty");
  }
}

void WriteLexical(const LexicalOptions& lexical, RecordWriter& writer) {
  writer.Text(lexical.language);
  writer.Bool(lexical.fold_accents);
}

void ReadLexical(RecordReader& reader, LexicalOptions& lexical) {
  lexical.is_enabled = reader.version() >= kVersionTemplates
                           ? reader.Bool("words indexed")
                           : reader.version() >= kVersionLexical;
  if (lexical.is_enabled) {
    lexical.language = reader.Text("language", kLanguageSizeBytesMax);
    lexical.fold_accents = reader.Bool("fold accents");
  }
}

void WriteTemplates(const std::map<std::string, std::string>& templates,
                    RecordWriter& writer) {
  writer.U32(static_cast<uint32_t>(templates.size()));
  for (const auto& [type, text] : templates) {
    writer.Text(type);
    writer.Text(text);
  }
}

void ReadTemplates(RecordReader& reader,
                   std::map<std::string, std::string>& templates) {
  const uint32_t count =
      reader.ItemCount("template count", 2 * sizeof(uint32_t),
                       static_cast<uint32_t>(kTemplateCountMax));
  // One encoding for each content: without a template and a former number it is
  // version 4 or less.
  if (reader.ok() && count == 0 && reader.version() == kVersionTemplates) {
    reader.Fail("template count", "is 0, expected at least 1");
  }
  size_t size_bytes = 0;
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    std::string type = reader.Text("template type", kTypeSizeBytesMax);
    std::string text = reader.Text("template", kTemplatesSizeBytesMax);
    if (reader.ok() && !templates.empty() &&
        templates.rbegin()->first >= type) {
      reader.Fail("template type", "does not follow the one before it");
    }
    size_bytes += type.size() + text.size();
    templates.emplace_hint(templates.end(), std::move(type), std::move(text));
  }
  if (reader.ok() && size_bytes > kTemplatesSizeBytesMax) {
    reader.Fail("templates",
                absl::StrFormat("have %d bytes, expected at most %d",
                                size_bytes, kTemplatesSizeBytesMax));
  }
}

void WriteFormer(const DomainRecord& record, RecordWriter& writer) {
  writer.U32(static_cast<uint32_t>(record.former_numbers.size()));
  for (const uint32_t number : record.former_numbers) {
    writer.U32(number);
  }
  writer.Text(record.owner);
}

void ReadFormer(RecordReader& reader, DomainRecord& record) {
  const uint32_t count =
      reader.ItemCount("former count", sizeof(uint32_t), kFormerNumberCountMax);
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    record.former_numbers.push_back(reader.U32("former number"));
  }
  if (reader.ok() && count == 0 && reader.version() == kVersionFormer) {
    reader.Fail("former count", "is 0, expected at least 1");
  }
  record.owner = reader.Text("owner", kReplacementOwnerSizeBytesMax);
}

void ReadAttributeIndex(RecordReader& reader, DomainRecord& record) {
  record.has_attribute_index = reader.Bool("attributes indexed");
  // One encoding for each content: without it is an earlier version.
  if (reader.ok() && reader.version() == kVersionAttributes &&
      !record.has_attribute_index) {
    reader.Fail("attributes indexed", "is 0, expected 1");
  }
}

void ReadClustering(RecordReader& reader, DomainOptions& options) {
  options.stores_clustering = reader.Bool("clustering stored");
  // One encoding for each content: without it is an earlier version.
  if (reader.ok() && !options.stores_clustering) {
    reader.Fail("clustering stored", "is 0, expected 1");
  }
}

void CheckOwner(RecordReader& reader, const DomainRecord& record) {
  if (reader.ok() &&
      record.owner.empty() == (record.state == DomainState::kFilling)) {
    reader.Fail("owner", absl::StrFormat("is '%s' in state %d", record.owner,
                                         static_cast<uint8_t>(record.state)));
  }
}

}  // namespace

std::string DomainRecord::Encode() const {
  const uint8_t version = VersionFor(*this);
  RecordWriter writer(RecordKind::kDomain, version);
  writer.U8(static_cast<uint8_t>(state));
  writer.U32(domain_number);
  writer.Text(options.domain);
  writer.U8(static_cast<uint8_t>(options.metric));
  writer.U32(options.dimension);
  writer.Text(options.embedding_profile);
  writer.Fixed(options.profile_hash);
  writer.Floats(options.probe_vector);
  writer.Text(options.description);
  writer.Time(create_time);
  if (version >= kVersionRetention) {
    WriteRetention(options.retention, writer);
  }
  if (version >= kVersionChunking) {
    WriteChunking(options.chunking, writer);
  }
  if (version >= kVersionTemplates) {
    writer.Bool(options.lexical.is_enabled);
  }
  if (version >= kVersionLexical && options.lexical.is_enabled) {
    WriteLexical(options.lexical, writer);
  }
  if (version >= kVersionTemplates) {
    WriteTemplates(options.templates, writer);
  }
  if (version >= kVersionFormer) {
    WriteFormer(*this, writer);
  }
  if (version >= kVersionAttributes) {
    writer.Bool(has_attribute_index);
  }
  if (version >= kVersionClustering) {
    writer.Bool(options.stores_clustering);
  }
  return std::move(writer).Finish();
}

absl::StatusOr<DomainRecord> DomainRecord::Parse(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kDomain, kVersionClustering));
  DomainRecord record;
  record.state = static_cast<DomainState>(reader.U8("state"));
  if (reader.ok() && (record.state < DomainState::kLive ||
                      record.state > DomainState::kFilling)) {
    reader.Fail("state", absl::StrFormat("is %d, expected 1 to 3",
                                         static_cast<uint8_t>(record.state)));
  }
  record.domain_number = reader.U32("domain number");
  record.options.domain = reader.Text("name", kNameSizeBytesMax);
  const uint8_t metric = reader.U8("metric");
  if (reader.ok() && (metric < static_cast<uint8_t>(Metric::kCosine) ||
                      metric > static_cast<uint8_t>(Metric::kHamming))) {
    reader.Fail("metric", absl::StrFormat("is %d, expected 1 to 5", metric));
  }
  record.options.metric = static_cast<Metric>(metric);
  record.options.dimension = reader.U32("dimension", kDimensionMax);
  if (reader.ok() && record.options.dimension == 0) {
    reader.Fail("dimension", "is 0, expected at least 1");
  }
  record.options.embedding_profile =
      reader.Text("embedding profile", kNameSizeBytesMax);
  record.options.profile_hash = reader.Hash("profile hash");
  record.options.probe_vector =
      reader.Floats("probe vector", record.options.dimension);
  const size_t probe_size = record.options.probe_vector.size();
  if (probe_size != 0 && probe_size != record.options.dimension) {
    reader.Fail("probe vector",
                absl::StrFormat("has %d components, expected 0 or %d",
                                probe_size, record.options.dimension));
  }
  record.options.description =
      reader.Text("description", kDescriptionSizeBytesMax);
  record.create_time = reader.Time("create time");
  if (reader.version() >= kVersionRetention) {
    ReadRetention(reader, record.options.retention);
  }
  if (reader.version() >= kVersionChunking) {
    ReadChunking(reader, record.options.chunking);
  }
  ReadLexical(reader, record.options.lexical);
  if (reader.version() >= kVersionTemplates) {
    ReadTemplates(reader, record.options.templates);
  }
  if (reader.version() >= kVersionFormer) {
    ReadFormer(reader, record);
  }
  if (reader.version() >= kVersionAttributes) {
    ReadAttributeIndex(reader, record);
  }
  if (reader.version() >= kVersionClustering) {
    ReadClustering(reader, record.options);
  }
  CheckOwner(reader, record);
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

std::string EncodeDomainName(uint32_t domain_number) {
  RecordWriter writer(RecordKind::kDomainName, kVersion);
  writer.U32(domain_number);
  return std::move(writer).Finish();
}

absl::StatusOr<uint32_t> ParseDomainName(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kDomainName, kVersion));
  const uint32_t domain_number = reader.U32("domain number");
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return domain_number;
}

}  // namespace copse
