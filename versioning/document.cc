// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

//
// The content hash is the SHA-256 of this canonical layout, integers
// little-endian, without padding:
//
//   SIZE  FIELD
//     16  "copse content 1" and a zero byte
//      4  size of the type in bytes, and the type
//      4  number of attributes; for each, ascending by the bytes of its name:
//      4    size of the name in bytes, and the name
//      1    1 string, 2 int64, 3 double, 4 bool
//      n    string: size in 4 bytes and the bytes; int64 and double: 8 bytes,
//           minus zero as zero; bool: 1 byte, 0 or 1
//      1  1 if there is a text, else 0
//    8+n  its size in bytes, and the text; absent if there is none
//      1  1 if there is a ready vector, else 0
//    4+n  its number of components, and their bits as IEEE 754 binary32;
//         absent if there is none
//
// It is for ever: a changed layout would make every document differ from
// itself. doc/content_hash.golden fixes it.
#include "versioning/document.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/metric.h"
#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/sha256.h"
#include "versioning/utf8.h"

namespace copse {
namespace {

constexpr absl::string_view kContentTag("copse content 1\0", 16);

// As much of an outsider's text as a message shows.
std::string Shown(absl::string_view text) {
  constexpr size_t kShownSizeBytesMax = 64;
  return text.size() <= kShownSizeBytesMax
             ? absl::CHexEscape(text)
             : absl::StrCat(
                   absl::CHexEscape(text.substr(0, kShownSizeBytesMax)), "...");
}

absl::Status RefusedError(absl::string_view reason, absl::string_view field,
                          absl::string_view problem) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(field, " ", problem)), reason,
      {{"field", std::string(field)}});
}

absl::Status CheckSize(absl::string_view reason, absl::string_view field,
                       size_t size, size_t size_min, size_t size_max) {
  if (size < size_min || size > size_max) {
    return RefusedError(
        reason, field,
        size_min > 0 ? absl::StrFormat("has %d bytes, expected %d to %d", size,
                                       size_min, size_max)
                     : absl::StrFormat("has %d bytes, expected at most %d",
                                       size, size_max));
  }
  return absl::OkStatus();
}

absl::Status CheckUtf8(absl::string_view reason, absl::string_view field,
                       absl::string_view text) {
  const size_t valid_size = ValidUtf8Size(text);
  if (valid_size != text.size()) {
    return RefusedError(
        reason, field,
        absl::StrFormat("is not valid UTF-8 at byte %d, 0x%02x", valid_size,
                        static_cast<uint8_t>(text[valid_size])));
  }
  return absl::OkStatus();
}

absl::Status CheckText(absl::string_view reason, absl::string_view field,
                       absl::string_view text, size_t size_min,
                       size_t size_max) {
  COPSE_RETURN_IF_ERROR(
      CheckSize(reason, field, text.size(), size_min, size_max));
  return CheckUtf8(reason, field, text);
}

// Returns the offset of the first control character of `text`, which is valid
// UTF-8, or text.size(). C1 controls (U+0080 to U+009F) are C2 80 to C2 9F.
size_t FindControlCharacter(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7f ||
        (byte == 0xc2 && static_cast<uint8_t>(text[i + 1]) < 0xa0)) {
      return i;
    }
  }
  return text.size();
}

constexpr absl::string_view kDocumentReason = "DOCUMENT_INVALID";

absl::Status CheckAttribute(absl::string_view name,
                            const AttributeValue& value) {
  COPSE_RETURN_IF_ERROR(CheckText(kDocumentReason, "attribute name", name, 1,
                                  kAttributeNameSizeBytesMax));
  const std::string field = absl::StrCat("attribute '", Shown(name), "'");
  if (const auto* text = std::get_if<std::string>(&value)) {
    return CheckText(kDocumentReason, field, *text, 0,
                     kAttributeValueSizeBytesMax);
  }
  const auto* number = std::get_if<double>(&value);
  if (number != nullptr && !std::isfinite(*number)) {
    return RefusedError(
        kDocumentReason, field,
        absl::StrFormat("is %g, expected a finite number", *number));
  }
  return absl::OkStatus();
}

absl::Status CheckVectorComponents(std::span<const float> vector) {
  if (vector.empty() || vector.size() > kDimensionMax) {
    return RefusedError("DIMENSION_MISMATCH", "vector",
                        absl::StrFormat("has %d components, expected 1 to %d",
                                        vector.size(), kDimensionMax));
  }
  for (size_t i = 0; i < vector.size(); ++i) {
    if (!std::isfinite(vector[i])) {
      return RefusedError(
          "VECTOR_NOT_FINITE", "vector",
          absl::StrFormat("component %d is %g, expected a finite number", i,
                          vector[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckContent(const Document& document) {
  COPSE_RETURN_IF_ERROR(
      CheckText(kDocumentReason, "type", document.type, 0, kTypeSizeBytesMax));
  if (document.attributes.size() > kAttributeCountMax) {
    return RefusedError(
        kDocumentReason, "attributes",
        absl::StrFormat("are %d, expected at most %d",
                        document.attributes.size(), kAttributeCountMax));
  }
  for (const auto& [name, value] : document.attributes) {
    COPSE_RETURN_IF_ERROR(CheckAttribute(name, value));
  }
  if (!document.text.has_value() && !document.vector.has_value()) {
    return RefusedError(kDocumentReason, "text",
                        "is missing, expected a text, a vector or both");
  }
  if (document.text.has_value()) {
    COPSE_RETURN_IF_ERROR(CheckText(kDocumentReason, "text", *document.text, 0,
                                    kTextSizeBytesMax));
  }
  if (document.vector.has_value()) {
    COPSE_RETURN_IF_ERROR(CheckVectorComponents(*document.vector));
  }
  return absl::OkStatus();
}

void HashText32(absl::string_view text, Sha256& hash) {
  hash.UpdateU32(static_cast<uint32_t>(text.size()));
  hash.Update(text);
}

void HashAttribute(const AttributeValue& value, Sha256& hash) {
  hash.UpdateU8(static_cast<uint8_t>(value.index() + 1));
  if (const auto* text = std::get_if<std::string>(&value)) {
    HashText32(*text, hash);
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    hash.UpdateU64(static_cast<uint64_t>(*integer));
  } else if (const auto* number = std::get_if<double>(&value)) {
    // Equal values hash alike, and minus zero equals zero.
    hash.UpdateU64(std::bit_cast<uint64_t>(*number == 0 ? 0.0 : *number));
  } else {
    hash.UpdateU8(std::get<bool>(value) ? 1 : 0);
  }
}

static_assert(std::is_same_v<AttributeValue,
                             std::variant<std::string, int64_t, double, bool>>);

}  // namespace

absl::Status CheckDocumentId(absl::string_view id) {
  return CheckText("DOCUMENT_ID_INVALID", "document ID", id, 1,
                   kDocumentIdSizeBytesMax);
}

absl::Status CheckName(absl::string_view field, absl::string_view name) {
  constexpr absl::string_view kReason = "NAME_INVALID";
  COPSE_RETURN_IF_ERROR(CheckText(kReason, field, name, 1, kNameSizeBytesMax));
  const size_t control = FindControlCharacter(name);
  if (control != name.size()) {
    return RefusedError(
        kReason, field,
        absl::StrFormat("'%s' has a control character at byte %d, expected "
                        "none",
                        Shown(name), control));
  }
  return absl::OkStatus();
}

absl::Status CheckDocument(const Document& document) {
  COPSE_RETURN_IF_ERROR(CheckDocumentId(document.id));
  const absl::Status status = CheckContent(document);
  if (!status.ok()) {
    return AnnotateStatus(status,
                          absl::StrCat("document '", Shown(document.id), "'"));
  }
  return absl::OkStatus();
}

ContentHash HashContent(const Document& document) {
  Sha256 hash;
  hash.Update(kContentTag);
  HashText32(document.type, hash);
  hash.UpdateU32(static_cast<uint32_t>(document.attributes.size()));
  for (const auto& [name, value] : document.attributes) {
    HashText32(name, hash);
    HashAttribute(value, hash);
  }
  hash.UpdateU8(document.text.has_value() ? 1 : 0);
  if (document.text.has_value()) {
    hash.UpdateU64(document.text->size());
    hash.Update(*document.text);
  }
  hash.UpdateU8(document.vector.has_value() ? 1 : 0);
  if (document.vector.has_value()) {
    hash.UpdateU32(static_cast<uint32_t>(document.vector->size()));
    hash.Update(std::as_bytes(std::span(*document.vector)));
  }
  return hash.Finish();
}

}  // namespace copse
