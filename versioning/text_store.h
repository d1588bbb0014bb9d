// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The texts of a domain's documents, compressed, by content hash.
//
//   TextStore texts(database, domain_number);
//   COPSE_RETURN_IF_ERROR(texts.Put(row.content_hash, *document.text, batch));
//   ...
//   COPSE_ASSIGN_OR_RETURN(std::string text, texts.Get(row.content_hash));
//
// Fields of a record (see record_codec.h for the envelope and the types),
// version 1:
//
//   codec      u8     0 plain, 1 one zstd frame
//   text size  u32    at most kTextSizeBytesMax
//   data       bytes  at most text size if plain, shorter if zstd
//
// A text is stored plain when compressing gains nothing.

#ifndef COPSE_VERSIONING_TEXT_STORE_H_
#define COPSE_VERSIONING_TEXT_STORE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "versioning/document.h"
#include "versioning/meta_database.h"

namespace copse {

// Returns the record of `text`. REQUIRES: text.size() <= kTextSizeBytesMax
std::string EncodeText(absl::string_view text);

// Returns the text of a record. Fails with kDataLoss if it is damaged, and
// kUnimplemented if it is of a newer version.
absl::StatusOr<std::string> ParseText(absl::string_view bytes);

// Thread safety: any number of threads may use one TextStore.
class TextStore {
 public:
  // `database` must outlive the store.
  TextStore(MetaDatabase& database, uint32_t domain_number)
      : database_(database), domain_number_(domain_number) {}

  // Puts `text` into `batch`. Equal hashes have equal texts, so putting one
  // again changes nothing. REQUIRES: text.size() <= kTextSizeBytesMax
  void Put(const ContentHash& content_hash, absl::string_view text,
           MetaBatch& batch) const;

  // Fails with kDataLoss, DATA_DAMAGED, naming the hash, if the text is
  // missing or damaged.
  absl::StatusOr<std::string> Get(const ContentHash& content_hash) const;

  // The same of several, in their order.
  absl::StatusOr<std::vector<std::string>> GetMany(
      std::span<const ContentHash> content_hashes) const;

 private:
  MetaDatabase& database_;
  const uint32_t domain_number_;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_TEXT_STORE_H_
