// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/grpc/convert_document.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "google/protobuf/map.h"

#include "copse/v1/types.pb.h"
#include "sidecar/grpc/convert_common.h"
#include "sidecar/service/document_reader.h"
#include "versioning/commit_reader.h"
#include "versioning/document.h"

namespace copse {
namespace {

void FillAttributes(
    Attributes& attributes,
    google::protobuf::Map<std::string, v1::AttributeValue>& message) {
  for (auto& [name, value] : attributes) {
    v1::AttributeValue& target = message[name];
    if (auto* text = std::get_if<std::string>(&value)) {
      target.set_string_value(std::move(*text));
    } else if (const auto* number = std::get_if<int64_t>(&value)) {
      target.set_int64_value(*number);
    } else if (const auto* real = std::get_if<double>(&value)) {
      target.set_double_value(*real);
    } else {
      target.set_bool_value(std::get<bool>(value));
    }
  }
}

}  // namespace

DocumentMask ToDocumentMask(const v1::DocumentMask& message) {
  return {.text = message.text(),
          .attributes = message.attributes(),
          .vector = message.vector(),
          .chunks = message.chunks()};
}

void Fill(uint32_t number, const ChunkPlace& place, v1::Chunk& message) {
  message.set_number(static_cast<int32_t>(number));
  message.set_first_byte(place.first_byte);
  message.set_size_bytes(place.size_bytes);
  message.set_first_token(place.first_token);
  message.set_token_count(place.token_count);
}

void Fill(StoredDocument&& document, const DocumentMask& mask,
          v1::StoredDocument& message) {
  message.set_document_id(std::move(document.id));
  message.set_type(std::move(document.type));
  message.set_chunk_count(static_cast<int32_t>(document.chunk_count));
  message.set_content_hash(FromHash(document.content_hash));
  if (mask.attributes) {
    FillAttributes(document.attributes, *message.mutable_attributes());
  }
  if (mask.text && document.text.has_value()) {
    message.set_text(*std::move(document.text));
    message.set_text_is_rendered(document.text_is_rendered);
  }
  if (document.chunk_count == 1) {
    if (mask.vector) {
      Fill(document.chunks[0].vector, *message.mutable_vector());
    }
    return;
  }
  for (size_t i = 0; i < document.chunks.size(); ++i) {
    v1::Chunk& chunk = *message.add_chunks();
    Fill(static_cast<uint32_t>(i), document.chunks[i].place, chunk);
    if (mask.vector) {
      Fill(document.chunks[i].vector, *chunk.mutable_vector());
    }
  }
}

}  // namespace copse
