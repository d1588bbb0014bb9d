// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What all reads of a commit have in common: which commit answers, which
// documents are looked at, and how a hit is written.
//
//   COPSE_ASSIGN_OR_RETURN(const ReadTarget target,
//                          ReadTargetOf(request.parameters));
//   ... the other parameters, because a bad one wins over an unknown commit ...
//   COPSE_ASSIGN_OR_RETURN(const ResolvedCommit at,
//                          OpenRead(services, target));

#ifndef COPSE_SIDECAR_HTTP_COMMIT_READ_H_
#define COPSE_SIDECAR_HTTP_COMMIT_READ_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "sidecar/http/http_exchange.h"
#include "sidecar/http/http_services.h"
#include "sidecar/service/call_context.h"
#include "sidecar/service/commit_resolver.h"
#include "sidecar/service/document_reader.h"
#include "versioning/commit_reader.h"
#include "versioning/document.h"
#include "versioning/search_filter.h"

namespace copse {

inline constexpr int64_t kStartMax = 1'000'000;
inline constexpr int64_t kCountMax = 1000;

// Fails with kInvalidArgument if `head` has a data-version header that is
// malformed. What it says is not used.
absl::Status CheckDataVersion(const RequestHead& head);

// What ChunkTextOf() needs of a document.
inline constexpr DocumentMask kTextAndChunks = {.text = true, .chunks = true};

struct ReadTarget {
  std::string domain;
  CommitSelector at;
};

// Reads domain, commit, branch and ancestors.
absl::StatusOr<ReadTarget> ReadTargetOf(const Parameters& parameters);

// Opens the commit that answers. Fails with kNotFound, and kInvalidArgument for
// a domain whose metric is not cosine: distances of others are not in [0, 1].
absl::StatusOr<ResolvedCommit> OpenRead(HttpServices& services,
                                        const ReadTarget& target);

// Fails with kUnavailable, SEARCH_NOT_READY, while searches are switched off.
absl::Status CheckSearchReady(const HttpServices& services);

// The field that says which commit has answered.
HttpFields ServedBy(const ResolvedCommit& at);

// Documents of one of the types, if there are any, with one of the IDs, if
// there are any, that pass.
struct DocumentFilter {
  absl::flat_hash_set<std::string> types;
  absl::flat_hash_set<std::string> ids;
  SearchFilter passing = {};

  bool IsEmpty() const {
    return types.empty() && ids.empty() && passing.empty();
  }

  // REQUIRES: `document` was read with its attributes.
  bool Takes(const StoredDocument& document) const;
};

// Reads the parameter `types` and the parameter `ids`; all may pass.
absl::StatusOr<DocumentFilter> FilterOf(const Parameters& parameters,
                                        absl::string_view types,
                                        absl::string_view ids);

struct HitWindow {
  int64_t start = 0;
  int64_t count = 0;
};

absl::StatusOr<HitWindow> HitWindowOf(const Parameters& parameters,
                                      int64_t count_otherwise);

// A document and how far its nearest chunk is away.
struct Hit {
  std::string id;
  float distance = 0;  // In [0, 1].
  uint32_t chunk = 0;
  uint32_t chunk_count = 1;
  ChunkPlace place = {};  // Of the only chunk it is not said.
  ContentHash content_hash = {};
  bool has_text = false;
};

// Returns the hits of `window` in the order of distance and ID, so that windows
// of the same question fit together. `excluded_id` is not among them.
absl::StatusOr<std::vector<Hit>> SearchWindow(const ResolvedCommit& at,
                                              std::span<const float> query,
                                              const DocumentFilter& filter,
                                              HitWindow window,
                                              absl::string_view excluded_id,
                                              const CallContext& context);

// Rounding of a dot product in fp32: what is nearer is the same vector.
inline constexpr float kDistanceEpsilon = 1e-6F;

// Returns the distance of the port: half of 1 - cosine, 0 for equal vectors.
float ToHttpDistance(float cosine_distance);

// Returns the text of a chunk of `document`, which was read with its text and
// chunks.
std::string ChunkTextOf(const StoredDocument& document, uint32_t chunk);

// Returns the answer with `hits` and their chunks.
absl::StatusOr<HttpAnswer> HitsAnswer(const ResolvedCommit& at,
                                      const std::vector<Hit>& hits,
                                      bool with_snippets);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_COMMIT_READ_H_
