// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Writes messages of copse.v1 as JSON that people and scripts read easily. It
// is not the JSON of protocol buffers:
//
//   field names        as in the .proto
//   64-bit integers    numbers
//   bytes              hexadecimal digits
//   enums              lower case without the prefix: "dot_product"
//   timestamps         "2026-03-01T12:00:00Z"
//   AttributeValue     the value itself; a double always has '.' or 'e'
//   Vector             an array of numbers
//   documents          with the names of `export`: id, type, chunk,
//                      content_hash, attributes, text, vector
//   Neighbor           distance and similarity, and then its document's fields
//   DuplicateDocument  id, type, chunk_count, and chunk if it is set
//   DocumentChange     kind, id and type, and distance if it is set
//   unset messages and optional fields are left out, all else is there

#ifndef COPSE_CLIENTS_CLI_MESSAGE_JSON_H_
#define COPSE_CLIENTS_CLI_MESSAGE_JSON_H_

#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"

#include "clients/cli/json_writer.h"
#include "copse/v1/types.pb.h"

namespace copse {

// What documents have besides what is always there: the wire does not tell no
// attributes from attributes that nobody has asked for.
struct DocumentFields {
  bool attributes = true;
};

// Writes `message` as one value; `fields` is of neighbors.
void WriteMessage(const google::protobuf::Message& message, JsonWriter& json,
                  const DocumentFields& fields = {});

// Writes the fields of `message` into the object that is open.
void WriteFields(const google::protobuf::Message& message, JsonWriter& json,
                 const DocumentFields& fields = {});

// Writes the attributes of a document as an object, ascending by name.
void WriteAttributes(
    const google::protobuf::Map<std::string, v1::AttributeValue>& attributes,
    JsonWriter& json);

// Writes a document as `export` promises: `text` and `vector` only if they are
// set.
void WriteDocument(const v1::StoredDocument& document, JsonWriter& json);

// Returns the message as a text of one line.
std::string MessageToJson(const google::protobuf::Message& message,
                          const DocumentFields& fields = {});

// Returns RFC 3339 text in UTC, with all digits that are not 0.
std::string FormatTimestamp(const google::protobuf::Timestamp& timestamp);

// Returns RFC 3339 text in UTC, in whole seconds.
std::string FormatTimestampShort(const google::protobuf::Timestamp& timestamp);

// Returns the name of an enum value as JSON has it, such as "dot_product" for
// METRIC_DOT_PRODUCT of Metric.
std::string EnumValueName(const google::protobuf::EnumValueDescriptor& value);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_MESSAGE_JSON_H_
