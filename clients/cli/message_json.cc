// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/message_json.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"

#include "clients/cli/json_writer.h"
#include "copse/v1/commit_service.pb.h"
#include "copse/v1/search_service.pb.h"
#include "copse/v1/types.pb.h"

namespace copse {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void WriteAttribute(const v1::AttributeValue& value, JsonWriter& json) {
  switch (value.value_case()) {
    case v1::AttributeValue::kStringValue:
      json.String(value.string_value());
      break;
    case v1::AttributeValue::kInt64Value:
      json.Integer(value.int64_value());
      break;
    case v1::AttributeValue::kDoubleValue:
      json.Double(value.double_value());
      break;
    case v1::AttributeValue::kBoolValue:
      json.Bool(value.bool_value());
      break;
    case v1::AttributeValue::VALUE_NOT_SET:
      json.Null();
      break;
  }
}

void WriteVector(const v1::Vector& vector, JsonWriter& json) {
  json.BeginArray();
  for (const float component : vector.components()) {
    json.Float(component);
  }
  json.EndArray();
}

void WriteChunk(const v1::Chunk& chunk, JsonWriter& json) {
  json.BeginObject();
  json.Key("number").Integer(chunk.number());
  json.Key("first_byte").Integer(chunk.first_byte());
  json.Key("size_bytes").Integer(chunk.size_bytes());
  json.Key("first_token").Integer(chunk.first_token());
  json.Key("token_count").Integer(chunk.token_count());
  if (chunk.has_vector()) {
    json.Key("vector");
    WriteVector(chunk.vector(), json);
  }
  json.EndObject();
}

void WriteDocumentFields(const v1::StoredDocument& document,
                         const DocumentFields& fields, JsonWriter& json) {
  json.Key("id").String(document.document_id());
  json.Key("type").String(document.type());
  json.Key("chunk_count").Integer(document.chunk_count());
  json.Key("content_hash")
      .String(absl::BytesToHexString(document.content_hash()));
  if (fields.attributes) {
    json.Key("attributes");
    WriteAttributes(document.attributes(), json);
  }
  if (document.has_text()) {
    json.Key("text").String(document.text());
  }
  if (document.text_is_rendered()) {
    json.Key("text_is_rendered").Bool(true);
  }
  if (document.has_vector()) {
    json.Key("vector");
    WriteVector(document.vector(), json);
  }
  if (document.chunks().empty()) {
    return;
  }
  json.Key("chunks").BeginArray();
  for (const v1::Chunk& chunk : document.chunks()) {
    WriteChunk(chunk, json);
  }
  json.EndArray();
}

void WriteSnippet(const v1::Snippet& snippet, JsonWriter& json) {
  json.BeginObject();
  json.Key("text").String(snippet.text());
  json.Key("first_byte").Integer(snippet.first_byte());
  json.Key("matches").BeginArray();
  for (const v1::Snippet::Match& match : snippet.matches()) {
    json.BeginObject();
    json.Key("first_byte").Integer(match.first_byte());
    json.Key("size_bytes").Integer(match.size_bytes());
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

void WriteNeighbor(const v1::Neighbor& neighbor, const DocumentFields& fields,
                   JsonWriter& json) {
  json.BeginObject();
  json.Key("distance").Double(neighbor.distance());
  if (neighbor.has_similarity()) {
    json.Key("similarity").Double(neighbor.similarity());
  }
  if (neighbor.has_score()) {
    json.Key("score").Double(neighbor.score());
  }
  WriteDocumentFields(neighbor.document(), fields, json);
  if (neighbor.has_chunk()) {
    json.Key("chunk");
    WriteChunk(neighbor.chunk(), json);
  }
  if (neighbor.has_snippet()) {
    json.Key("snippet");
    WriteSnippet(neighbor.snippet(), json);
  }
  if (neighbor.has_explanation()) {
    json.Key("explanation");
    WriteMessage(neighbor.explanation(), json);
  }
  json.EndObject();
}

void WriteChange(const v1::DocumentChange& change, JsonWriter& json) {
  json.BeginObject();
  const EnumValueDescriptor* kind =
      v1::DocumentChange::Kind_descriptor()->FindValueByNumber(change.kind());
  json.Key("kind").String(kind == nullptr ? "unknown" : EnumValueName(*kind));
  json.Key("id").String(change.document_id());
  json.Key("type").String(change.type());
  if (change.has_distance()) {
    json.Key("distance").Double(change.distance());
  }
  json.EndObject();
}

void WriteDuplicate(const v1::DuplicateDocument& document, JsonWriter& json) {
  json.BeginObject();
  json.Key("id").String(document.document_id());
  json.Key("type").String(document.type());
  json.Key("chunk_count").Integer(document.chunk_count());
  if (document.has_chunk()) {
    json.Key("chunk");
    WriteChunk(document.chunk(), json);
  }
  json.EndObject();
}

void WriteMember(const v1::DuplicateCluster::Member& member, JsonWriter& json) {
  json.BeginObject();
  json.Key("id").String(member.document_id());
  json.Key("type").String(member.type());
  json.EndObject();
}

// Writes `message` if it is of a type that has a form of its own.
bool WriteSpecial(const Message& message, const DocumentFields& fields,
                  JsonWriter& json) {
  const google::protobuf::Descriptor* type = message.GetDescriptor();
  if (type == google::protobuf::Timestamp::descriptor()) {
    json.String(FormatTimestamp(
        static_cast<const google::protobuf::Timestamp&>(message)));
  } else if (type == v1::AttributeValue::descriptor()) {
    WriteAttribute(static_cast<const v1::AttributeValue&>(message), json);
  } else if (type == v1::Vector::descriptor()) {
    WriteVector(static_cast<const v1::Vector&>(message), json);
  } else if (type == v1::StoredDocument::descriptor()) {
    WriteDocument(static_cast<const v1::StoredDocument&>(message), json);
  } else if (type == v1::Neighbor::descriptor()) {
    WriteNeighbor(static_cast<const v1::Neighbor&>(message), fields, json);
  } else if (type == v1::DocumentChange::descriptor()) {
    WriteChange(static_cast<const v1::DocumentChange&>(message), json);
  } else if (type == v1::DuplicateDocument::descriptor()) {
    WriteDuplicate(static_cast<const v1::DuplicateDocument&>(message), json);
  } else if (type == v1::DuplicateCluster::Member::descriptor()) {
    WriteMember(static_cast<const v1::DuplicateCluster::Member&>(message),
                json);
  } else {
    return false;
  }
  return true;
}

// Reads the values of one field, which is repeated or not.
class FieldReader {
 public:
  // `fields` is not owned.
  FieldReader(const Message& message, const FieldDescriptor& field,
              const DocumentFields& fields)
      : fields_(fields),
        message_(message),
        reflection_(*message.GetReflection()),
        field_(field) {}

  int size() const { return reflection_.FieldSize(message_, &field_); }

  // Writes the field if it is not repeated, or its element `index`.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as the messages of copse.v1 are.
  void Write(int index, JsonWriter& json) const {
    const bool is_repeated = field_.is_repeated();
    const auto* f = &field_;
    const auto& r = reflection_;
    const auto& m = message_;
    switch (field_.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        json.Integer(is_repeated ? r.GetRepeatedInt32(m, f, index)
                                 : r.GetInt32(m, f));
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        json.Integer(is_repeated ? r.GetRepeatedInt64(m, f, index)
                                 : r.GetInt64(m, f));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        json.Unsigned(is_repeated ? r.GetRepeatedUInt32(m, f, index)
                                  : r.GetUInt32(m, f));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        json.Unsigned(is_repeated ? r.GetRepeatedUInt64(m, f, index)
                                  : r.GetUInt64(m, f));
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        json.Double(is_repeated ? r.GetRepeatedDouble(m, f, index)
                                : r.GetDouble(m, f));
        break;
      case FieldDescriptor::CPPTYPE_FLOAT:
        json.Float(is_repeated ? r.GetRepeatedFloat(m, f, index)
                               : r.GetFloat(m, f));
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        json.Bool(is_repeated ? r.GetRepeatedBool(m, f, index)
                              : r.GetBool(m, f));
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        json.String(EnumValueName(
            *(is_repeated ? r.GetRepeatedEnum(m, f, index) : r.GetEnum(m, f))));
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        WriteText(
            is_repeated ? r.GetRepeatedString(m, f, index) : r.GetString(m, f),
            json);
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        WriteMessage(is_repeated ? r.GetRepeatedMessage(m, f, index)
                                 : r.GetMessage(m, f),
                     json, fields_);
        break;
    }
  }

 private:
  void WriteText(const std::string& text, JsonWriter& json) const {
    json.String(field_.type() == FieldDescriptor::TYPE_BYTES
                    ? absl::BytesToHexString(text)
                    : text);
  }

  const DocumentFields& fields_;
  const Message& message_;
  const Reflection& reflection_;
  const FieldDescriptor& field_;
};

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion): as deep as the messages of copse.v1 are.
void WriteMessage(const Message& message, JsonWriter& json,
                  const DocumentFields& fields) {
  if (WriteSpecial(message, fields, json)) {
    return;
  }
  json.BeginObject();
  WriteFields(message, json, fields);
  json.EndObject();
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the messages of copse.v1 are.
void WriteFields(const Message& message, JsonWriter& json,
                 const DocumentFields& fields) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.has_presence() &&
        !message.GetReflection()->HasField(message, &field)) {
      continue;
    }
    json.Key(field.name());
    const FieldReader reader(message, field, fields);
    if (field.is_map()) {
      // The maps of copse.v1 have texts as keys, by which they are sorted.
      json.BeginObject();
      std::map<std::string, const Message*> entries;
      for (int entry = 0; entry < reader.size(); ++entry) {
        const Message& pair =
            message.GetReflection()->GetRepeatedMessage(message, &field, entry);
        entries[pair.GetReflection()->GetString(
            pair, field.message_type()->map_key())] = &pair;
      }
      for (const auto& [name, pair] : entries) {
        json.Key(name);
        FieldReader(*pair, *field.message_type()->map_value(), fields)
            .Write(0, json);
      }
      json.EndObject();
    } else if (field.is_repeated()) {
      json.BeginArray();
      for (int index = 0; index < reader.size(); ++index) {
        reader.Write(index, json);
      }
      json.EndArray();
    } else {
      reader.Write(0, json);
    }
  }
}

void WriteAttributes(
    const google::protobuf::Map<std::string, v1::AttributeValue>& attributes,
    JsonWriter& json) {
  std::map<absl::string_view, const v1::AttributeValue*> sorted;
  for (const auto& [name, value] : attributes) {
    sorted.emplace(name, &value);
  }
  json.BeginObject();
  for (const auto& [name, value] : sorted) {
    json.Key(name);
    WriteAttribute(*value, json);
  }
  json.EndObject();
}

void WriteDocument(const v1::StoredDocument& document, JsonWriter& json) {
  json.BeginObject();
  WriteDocumentFields(document, {}, json);
  json.EndObject();
}

std::string MessageToJson(const Message& message,
                          const DocumentFields& fields) {
  JsonWriter json;
  WriteMessage(message, json, fields);
  return json.Take();
}

std::string FormatTimestamp(const google::protobuf::Timestamp& timestamp) {
  const absl::Time time = absl::FromUnixSeconds(timestamp.seconds()) +
                          absl::Nanoseconds(timestamp.nanos());
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

std::string FormatTimestampShort(const google::protobuf::Timestamp& timestamp) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ",
                          absl::FromUnixSeconds(timestamp.seconds()),
                          absl::UTCTimeZone());
}

std::string EnumValueName(const EnumValueDescriptor& value) {
  std::string prefix;  // "Metric" makes "metric_".
  for (const char character : value.type()->name()) {
    if (absl::ascii_isupper(character) && !prefix.empty()) {
      prefix += '_';
    }
    prefix += absl::ascii_tolower(character);
  }
  prefix += '_';
  const std::string name = absl::AsciiStrToLower(value.name());
  return std::string(absl::StripPrefix(name, prefix));
}

}  // namespace copse
