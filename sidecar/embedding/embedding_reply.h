// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads the vectors of a reply, and believes nothing: count, order, dimension
// and every component are checked before one is used.

#ifndef COPSE_SIDECAR_EMBEDDING_EMBEDDING_REPLY_H_
#define COPSE_SIDECAR_EMBEDDING_EMBEDDING_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/embedder.h"

namespace copse {

// Why a whole reply cannot be used.
struct ReplyFault {
  enum class Kind {
    kNoVectors,  // Not JSON, cut, an error with status 200, no data.
    kCount,      // Fewer or more vectors than texts.
    kOrder,      // `index` is no permutation.
    kDimension,  // Some vector has another dimension: the wrong model.
  };
  Kind kind = Kind::kNoVectors;
  std::string message;   // Found and wanted.
  size_t dimension = 0;  // For kDimension: what was found.
};

struct EmbeddingReply {
  // One for each text, in the order of the request: the vector, or
  // kInvalidArgument (EMBEDDING_TEXT_REFUSED) saying what is wrong with it.
  std::vector<EmbeddingOutcome> outcomes;

  int64_t token_count = 0;
};

struct ReplyFormat {
  size_t text_count = 0;  // At least 1.
  uint32_t dimension = 0;
  bool normalize = true;
};

// Where in the JSON of a provider things are, as JSON pointers (RFC 6901).
struct ReplyShape {
  // The array with an entry for each text; "" is the whole reply.
  absl::string_view vectors = "";

  // The field of an entry that is the vector; "" if the entry is.
  absl::string_view vector = "";

  // Whether entries may say in `index` which text they are for; else they come
  // in the order of the texts.
  bool has_index = false;

  // Where the tokens are counted: the first that is there. "" for none.
  absl::string_view token_counts[2] = {};

  // The header that counts them, in lower case, or "".
  absl::string_view token_header = "";
};

// Reads `body`, the reply to a request of `format.text_count` texts.
std::variant<EmbeddingReply, ReplyFault> ReadEmbeddingReply(
    absl::string_view body, const ReplyShape& shape, const ReplyFormat& format);

// Returns the size of the longest reply that is still reasonable.
size_t ReplySizeMax(size_t text_count, uint32_t dimension);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_EMBEDDING_REPLY_H_
