// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/row_record.h"

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/metric.h"
#include "index/util/status_macros.h"
#include "versioning/document.h"
#include "versioning/record_codec.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kVersionChunks = 2;
constexpr uint8_t kVersionClustering = 3;

uint8_t VersionFor(uint32_t chunk_count) {
  return chunk_count > 1 ? kVersionChunks : kVersion;
}

// The stored type of a value: its place in AttributeValue, from 1.
constexpr uint8_t kString = 1;
constexpr uint8_t kInt64 = 2;
constexpr uint8_t kDouble = 3;
constexpr uint8_t kBool = 4;

void WriteValue(const AttributeValue& value, RecordWriter& writer) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    writer.U8(kString);
    writer.Text(*text);
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    writer.U8(kInt64);
    writer.I64(*integer);
  } else if (const auto* number = std::get_if<double>(&value)) {
    writer.U8(kDouble);
    writer.Double(*number);
  } else {
    writer.U8(kBool);
    writer.Bool(std::get<bool>(value));
  }
}

AttributeValue ReadValue(RecordReader& reader) {
  const uint8_t type = reader.U8("value type");
  switch (type) {
    case kString:
      return reader.Text("attribute value", kAttributeValueSizeBytesMax);
    case kInt64:
      return reader.I64("attribute value");
    case kDouble:
      return reader.Double("attribute value");
    case kBool:
      return reader.Bool("attribute value");
    default:
      reader.Fail("value type",
                  absl::StrFormat("is %d, expected 1 to 4", type));
      return false;
  }
}

Attributes ReadAttributes(RecordReader& reader) {
  Attributes attributes;
  constexpr size_t kSizeBytesMin = sizeof(uint32_t) + 2 * sizeof(uint8_t);
  const uint32_t count =
      reader.ItemCount("attribute count", kSizeBytesMin, kAttributeCountMax);
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    std::string name =
        reader.Text("attribute name", kAttributeNameSizeBytesMax);
    AttributeValue value = ReadValue(reader);
    if (reader.ok() && !attributes.empty() &&
        name <= attributes.rbegin()->first) {
      reader.Fail("attribute name", "is not greater than the one before it");
    }
    attributes.emplace_hint(attributes.end(), std::move(name),
                            std::move(value));
  }
  return attributes;
}

// Returns the chunk count of a record of version 2, of chunk `chunk`. One
// encoding for each content: of one chunk it is version 1.
uint32_t ReadChunkCount(uint32_t chunk, RecordReader& reader) {
  const uint32_t count = reader.U32("chunk count", kChunkCountMax);
  const uint32_t count_min = reader.version() >= kVersionClustering ? 1 : 2;
  if (reader.ok() && (count < count_min || count <= chunk)) {
    reader.Fail("chunk count",
                absl::StrFormat("is %d, expected at least %d and more than "
                                "chunk %d",
                                count, count_min, chunk));
  }
  return count;
}

void ReadPlace(RecordReader& reader, RowRecord& record) {
  constexpr auto kSizeMax = static_cast<uint32_t>(kTextSizeBytesMax);
  record.chunk_count = ReadChunkCount(record.chunk, reader);
  record.place.first_byte = reader.U32("first byte", kSizeMax);
  record.place.size_bytes =
      reader.U32("size in bytes", kSizeMax - record.place.first_byte);
  if (reader.ok() && record.chunk_count == 1 &&
      (record.place.first_byte != 0 || record.place.size_bytes != 0)) {
    reader.Fail("size in bytes", "is said of the only chunk");
  }
}

void ReadClustering(RecordReader& reader, RowRecord& record) {
  record.clustering_vector = reader.Floats("clustering", kDimensionMax);
  if (reader.ok() && (record.clustering_vector.empty() || record.chunk != 0)) {
    reader.Fail("clustering",
                absl::StrFormat("has %d components with chunk %d, expected at "
                                "least 1 with chunk 0",
                                record.clustering_vector.size(), record.chunk));
  }
}

}  // namespace

std::string RowRecord::Encode() const {
  const uint8_t version =
      clustering_vector.empty() ? VersionFor(chunk_count) : kVersionClustering;
  RecordWriter writer(RecordKind::kRow, version);
  writer.Text(document_id);
  writer.U32(chunk);
  writer.Fixed(content_hash);
  writer.Text(type);
  writer.U32(static_cast<uint32_t>(attributes.size()));
  for (const auto& [name, value] : attributes) {
    writer.Text(name);
    WriteValue(value, writer);
  }
  writer.U32(place.first_token);
  writer.U32(place.token_count);
  writer.Bool(has_text);
  if (version >= kVersionChunks) {
    writer.U32(chunk_count);
    writer.U32(chunk_count > 1 ? place.first_byte : 0);
    writer.U32(chunk_count > 1 ? place.size_bytes : 0);
  }
  if (version >= kVersionClustering) {
    writer.Floats(clustering_vector);
  }
  return std::move(writer).Finish();
}

absl::StatusOr<RowRecord> RowRecord::Parse(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kRow, kVersionClustering));
  RowRecord record;
  record.document_id = reader.Text("document ID", kDocumentIdSizeBytesMax);
  if (reader.ok() && record.document_id.empty()) {
    reader.Fail("document ID", "is empty");
  }
  record.chunk = reader.U32("chunk");
  record.content_hash = reader.Hash("content hash");
  record.type = reader.Text("type", kTypeSizeBytesMax);
  record.attributes = ReadAttributes(reader);
  record.place.first_token = reader.U32("first token");
  record.place.token_count = reader.U32("token count");
  record.has_text = reader.Bool("has text");
  if (reader.version() >= kVersionChunks) {
    ReadPlace(reader, record);
  }
  if (reader.version() >= kVersionClustering) {
    ReadClustering(reader, record);
  }
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

std::string DocumentRecord::Encode() const {
  RecordWriter writer(RecordKind::kDocument, VersionFor(chunk_count));
  writer.U32(chunk);
  writer.Fixed(content_hash);
  if (chunk_count > 1) {
    writer.U32(chunk_count);
  }
  return std::move(writer).Finish();
}

absl::StatusOr<DocumentRecord> DocumentRecord::Parse(absl::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(
      RecordReader reader,
      RecordReader::Open(bytes, RecordKind::kDocument, kVersionChunks));
  DocumentRecord record;
  record.chunk = reader.U32("chunk");
  record.content_hash = reader.Hash("content hash");
  if (reader.version() == kVersionChunks) {
    record.chunk_count = ReadChunkCount(record.chunk, reader);
  }
  COPSE_RETURN_IF_ERROR(reader.Finish());
  return record;
}

}  // namespace copse
