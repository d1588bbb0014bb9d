// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Documents as the database gives them, and their identity: an ID, a type,
// attributes, and a text or a ready vector or both. The content hash covers all
// but the ID, in a canonical layout, so that equal content is found whatever
// its history.

#ifndef COPSE_VERSIONING_DOCUMENT_H_
#define COPSE_VERSIONING_DOCUMENT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace copse {

// A value of one of four types. Filters compare by attribute_order.h, not ==.
using AttributeValue = std::variant<std::string, int64_t, double, bool>;
using Attributes = std::map<std::string, AttributeValue>;

using ContentHash = std::array<std::byte, 32>;

struct Document {
  std::string id;
  std::string type;
  Attributes attributes;

  // What is embedded, unless `vector` is set, and what is stored. At least one
  // of the two is set.
  std::optional<std::string> text;

  // A vector that the caller made, in the metric's own scale.
  std::optional<std::vector<float>> vector;
};

// Where in the text of a document a chunk is from.
struct ChunkPlace {
  uint32_t first_byte = 0;
  uint32_t size_bytes = 0;
  uint32_t first_token = 0;
  uint32_t token_count = 0;  // 0: not known.

  friend bool operator==(const ChunkPlace&, const ChunkPlace&) = default;
};

// Limits of what outsiders give.
inline constexpr size_t kDocumentIdSizeBytesMax = 4096;
inline constexpr size_t kNameSizeBytesMax = 512;
inline constexpr size_t kTypeSizeBytesMax = 512;
inline constexpr size_t kTextSizeBytesMax = size_t{48} << 20;
inline constexpr uint32_t kChunkCountMax = 65536;
inline constexpr size_t kAttributeCountMax = 1024;
inline constexpr size_t kAttributeNameSizeBytesMax = 512;
inline constexpr size_t kAttributeValueSizeBytesMax = 65536;

// Returns kInvalidArgument naming field, found and wanted unless `id` is 1 to
// 4096 bytes of valid UTF-8 (any character, NUL and line feed included).
absl::Status CheckDocumentId(absl::string_view id);

// Returns kInvalidArgument unless `name`, the `field` of a request (such as
// "domain", "commit" or "branch"), is 1 to 512 bytes of valid UTF-8 without
// control characters.
absl::Status CheckName(absl::string_view field, absl::string_view name);

// Checks everything about a document but the dimension of its vector.
absl::Status CheckDocument(const Document& document);

// Returns the SHA-256 of type, attributes, text and ready vector in the
// canonical layout at the head of document.cc, which a golden test fixes.
ContentHash HashContent(const Document& document);

}  // namespace copse

#endif  // COPSE_VERSIONING_DOCUMENT_H_
