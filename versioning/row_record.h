// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What is stored of a row beside its vector, and of a document under its ID.
//
// The rows of one version of a document have consecutive ordinals, in the order
// of its chunks, and all of them are live at a commit or none is. So what is
// known of the first one tells of all.
//
// RowRecord, fields (see record_codec.h for the envelope and the types),
// version 1:
//
//   document ID      text      1 to kDocumentIdSizeBytesMax
//   chunk            u32
//   content hash     32 bytes
//   type             text      at most kTypeSizeBytesMax
//   attribute count  u32       at most kAttributeCountMax
//     name           text      at most kAttributeNameSizeBytesMax, ascending
//     value type     u8        1 string, 2 int64, 3 double, 4 bool
//     value          text, u64, 8 bytes of IEEE 754 or u8
//   first token      u32       of the document's text, for this chunk
//   token count      u32       0: not known
//   has text         u8        0 or 1: whether the text store has its text
//
// Version 2, which is written if and only if the document has several chunks,
// goes on:
//
//   chunk count      u32       2 to kChunkCountMax, more than chunk
//   first byte       u32       of the document's text, for this chunk
//   size in bytes    u32       first byte and size are at most
//                              kTextSizeBytesMax
//
// and has the attributes with chunk 0 only.
//
// Version 3, which is written if and only if there is a clustering vector, is
// of chunk 0 and has all of that, where a chunk count of 1 means that the other
// two are 0; and goes on:
//
//   clustering       floats    1 to kDimensionMax
//
// DocumentRecord, version 1:
//
//   chunk            u32       0
//   content hash     32 bytes
//
// Version 2, which is written if and only if the document has several chunks,
// goes on:
//
//   chunk count      u32       2 to kChunkCountMax

#ifndef COPSE_VERSIONING_ROW_RECORD_H_
#define COPSE_VERSIONING_ROW_RECORD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/document.h"

namespace copse {

// The value under RowKey().
struct RowRecord {
  std::string document_id;
  uint32_t chunk = 0;
  ContentHash content_hash = {};
  std::string type;
  Attributes attributes;
  bool has_text = false;
  uint32_t chunk_count = 1;

  // If there is one chunk, it is the whole text, and its bytes are not said.
  ChunkPlace place = {};

  // REQUIRES: CheckDocument() accepts what the record was made from.
  // Of the document in the role of clustering, with chunk 0; empty: none. It
  // stands here and not in a table of its own, so that it goes, is checked and
  // is copied with its row.
  std::vector<float> clustering_vector = {};

  std::string Encode() const;
  static absl::StatusOr<RowRecord> Parse(absl::string_view bytes);

  friend bool operator==(const RowRecord&, const RowRecord&) = default;
};

// Returns the part of the text of its document that a row is of. REQUIRES: the
// place of the row is in `text`.
inline absl::string_view TextOfRow(absl::string_view text,
                                   const RowRecord& row) {
  return row.chunk_count == 1
             ? text
             : text.substr(row.place.first_byte, row.place.size_bytes);
}

// The value under DocumentKey() of the first row of a version: enough to tell
// whether a document changed, and what its rows are, without reading one.
struct DocumentRecord {
  uint32_t chunk = 0;
  ContentHash content_hash = {};
  uint32_t chunk_count = 1;

  std::string Encode() const;
  static absl::StatusOr<DocumentRecord> Parse(absl::string_view bytes);

  friend bool operator==(const DocumentRecord&,
                         const DocumentRecord&) = default;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_ROW_RECORD_H_
