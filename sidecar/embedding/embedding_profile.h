// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// An embedding profile says how texts become vectors: by which provider and
// model, with which prefixes, and under which limits. Its hash is the identity
// of the space that the vectors live in, and part of every cache key.
//
//   EmbeddingProfileOptions options;
//   options.name = "minilm";
//   options.dialect = EmbeddingDialect::kOpenAi;
//   options.url = "http://127.0.0.1:8080/v1";
//   options.model = "all-MiniLM-L6-v2";
//   options.api_key_env = "EMBEDDING_API_KEY";
//   COPSE_ASSIGN_OR_RETURN(EmbeddingProfileOptions profile,
//                          ResolveProfile(options));
//   ProfileHash hash = HashProfile(profile);
//
// Invariants:
//
// * The options never hold an API key, only where to find it, so they may be
//   printed and logged.
// * The hash depends on what changes a vector and on nothing else: limits,
//   time-outs and keys may change without making a vector stale.
//
// A URL may be written in three ways, which mean the same endpoint; for the
// `openai` dialect: the origin ("http://host:8080"), the base with its version
// ("http://host:8080/v1") and the endpoint ("http://host:8080/v1/embeddings").
// The rule: a path that ends in "/embeddings" is taken as it is; else an empty
// path becomes "/v1/embeddings" and any other path gets "/embeddings" added. A
// query such as "?api-version=2024-10-21" is kept. Other dialects have other
// paths in the place of these two (provider_dialect.h).

#ifndef COPSE_SIDECAR_EMBEDDING_EMBEDDING_PROFILE_H_
#define COPSE_SIDECAR_EMBEDDING_EMBEDDING_PROFILE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "versioning/commit.h"

namespace copse {

// Why a text is embedded. The values are hashed into cache keys: a value keeps
// its meaning for ever.
enum class EmbeddingRole : uint8_t {
  kDocument = 1,  // Documents, and texts that are compared with each other.
  kQuery = 2,
  kClustering = 3,
  kClassification = 4,
};

// How to talk to the provider.
enum class EmbeddingDialect : uint8_t {
  // The lexical hash embedder inside copse: no server, no key, no meaning
  // beyond shared words.
  kBuiltin = 1,

  // POST {url}/embeddings as OpenAI has it, which most servers understand.
  kOpenAi = 2,

  // The same with what is special about a provider (openai_dialect.h).
  kAzure = 3,
  kMistral = 4,
  kVllm = 5,
  kLlamaCpp = 6,
  kLmStudio = 7,
  kLocalAi = 8,
  kTeiV1 = 9,

  // APIs of their own.
  kTei = 10,
  kOllama = 11,
  kCohere = 12,
  kVoyage = 13,
  kJina = 14,
  kGemini = 15,
};

// Returns the name of `dialect` in settings, such as "builtin".
absl::string_view EmbeddingDialectName(EmbeddingDialect dialect);

// Returns all names.
std::vector<std::string> EmbeddingDialectNames();

// The inverse. Fails with kInvalidArgument naming what is known.
absl::StatusOr<EmbeddingDialect> ParseEmbeddingDialect(absl::string_view name);

// One profile as configured. The names of the members are the names of the
// settings, and errors use them.
struct EmbeddingProfileOptions {
  // 1 to 64 of [A-Za-z0-9_.-]; unique.
  std::string name;

  EmbeddingDialect dialect = EmbeddingDialect::kBuiltin;

  // Not for `builtin`. Required, except for the URL of a provider that is in
  // one place only; see the head of this file. Plain http is for loopback
  // addresses unless `allow_http` is set. Names and passwords do not belong in
  // a URL and are refused.
  std::string url;
  std::string model;

  // A revision of the model, if the provider has such; only hashed.
  std::string revision;

  // In [1, kDimensionMax], where 0 means that of the model, which must be known
  // (embedding_model.h) then; in [256, kDimensionMax] for `builtin`, where 0
  // means 384.
  uint32_t dimension = 0;

  // Whether to send `dimension` in the request. Only for models that can
  // shorten their vectors; others refuse the field. Unset, it is sent to models
  // that are known to, unless it is what they have anyway.
  std::optional<bool> send_dimensions;

  // Whether to ask for base64 vectors, a third of the bytes. A server that
  // answers arrays nevertheless is understood, too.
  bool request_base64 = true;

  // Where the API key is: an environment variable, or a file whose content
  // without surrounding white space it is. At most one; none sends no key.
  std::string api_key_env;
  std::string api_key_file;

  // Put before each text. Unset, it is what the model is known to want. The
  // dialect `openai` knows the prefixes of the nomic family only, as it did
  // before there were others: vectors of other models would go stale with a new
  // prefix. Set it to "" where the server adds a prefix itself.
  std::optional<std::string> document_prefix;
  std::optional<std::string> query_prefix;
  std::optional<std::string> clustering_prefix;
  std::optional<std::string> classification_prefix;

  // Whether vectors are scaled to length 1 before they are used.
  bool normalize = true;

  // What a request may hold at most: [1, 2048] texts, which unset is 256 or
  // what the provider takes if that is less, and [1 KiB, 64 MiB] of them. A
  // single longer text is sent alone.
  std::optional<uint32_t> batch_text_count_max;
  int64_t batch_size_bytes_max = int64_t{1} << 20;

  // The tokens that the provider takes in a request, in [1, 10,000,000], and in
  // a text, in [1, 1,000,000]. Unset, they are those of the model or provider
  // if they are known, and do not limit anything if not.
  std::optional<int64_t> batch_token_count_max;
  std::optional<uint32_t> tokens_per_text_max;

  // US dollars for a million tokens, in [0, 1000]. Unset, it is that of the
  // model if it is known.
  std::optional<double> price_per_million_tokens;

  // Requests of one profile in flight at the same time, in [1, 64], for
  // documents. Queries have a lane of their own.
  uint32_t concurrency_max = 4;

  // What the provider allows a minute, for all calls together, each in [0,
  // 1e9]; 0 if unknown. Where its headers say less, less counts.
  int64_t requests_per_minute = 0;
  int64_t tokens_per_minute = 0;

  // How long a provider that fails again and again is left alone: a random time
  // from `breaker_delay` up to twice as much, then up to four times and so on,
  // at most `breaker_delay_max`. One that refuses us, such as for a wrong key,
  // is left alone for `refusal_delay`.
  absl::Duration breaker_delay = absl::Seconds(5);
  absl::Duration breaker_delay_max = absl::Minutes(1);
  absl::Duration refusal_delay = absl::Minutes(10);

  // Attempts of one request, in [1, 20], and the range of the random delay
  // between them: uniform in [0, min(backoff_max, backoff_base * 2^k)].
  uint32_t attempt_count_max = 6;
  absl::Duration backoff_base = absl::Milliseconds(500);
  absl::Duration backoff_max = absl::Seconds(30);

  // Time for TCP and TLS, and for a whole request. Unset, a request may take
  // 10 minutes on a loopback address, where models run on slow machines, and 2
  // minutes elsewhere.
  absl::Duration connect_timeout = absl::Seconds(5);
  std::optional<absl::Duration> request_timeout;

  // The model's tokenizer.json. Empty: the tokens of texts are estimated.
  std::string tokenizer_file;

  // A file of certificates to trust instead of the system's.
  std::string ca_file;

  // Whether plain http may leave this machine.
  bool allow_http = false;

  // A proxy's URL; empty for none. Proxies of the environment are not used.
  std::string proxy;

  // The name of the space that vectors live in. Unset, it is the origin of
  // `url`, so another server is another space. Set it to keep the space while
  // the URL changes.
  std::optional<std::string> vector_space;
};

inline constexpr uint32_t kBuiltinDimensionDefault = 384;
inline constexpr uint32_t kBuiltinDimensionMin = 256;

// How documents are cut before they are embedded, as far as the profile goes.
// 1: not at all, a document is one chunk.
inline constexpr uint32_t kChunkerVersion = 1;

// The rules of text_chunker.h, by which domains cut that want it. To be raised
// when a text may become other chunks than before.
inline constexpr uint32_t kTextChunkerVersion = 2;

// Checks `options` and fills in everything that has a default: dimension,
// prefixes, limits, price, time-outs, vector space, and `url` as the whole URL
// of the endpoint. Idempotent. Fails with kInvalidArgument as
//
//   embedding profile 'minilm': concurrency_max is 0, expected 1 to 64
//
// and the reason EMBEDDING_PROFILE_INVALID, whose metadata name `profile` and
// `setting`.
absl::StatusOr<EmbeddingProfileOptions> ResolveProfile(
    const EmbeddingProfileOptions& options);

// Returns the SHA-256 of dialect, model, revision, dimension, prefixes,
// normalisation, chunker version and vector space in the canonical layout at
// the head of embedding_profile.cc. REQUIRES: ResolveProfile() returned
// `profile`.
ProfileHash HashProfile(const EmbeddingProfileOptions& profile);

// Returns the identity of the vectors of a domain: `profile_hash`, if documents
// are whole, else the SHA-256 of it, kTextChunkerVersion and `chunking` in the
// canonical layout at the head of embedding_profile.cc. Vectors of texts are
// cached under the hash of the profile alone: a chunk is a text like others.
ProfileHash HashChunkedProfile(const ProfileHash& profile_hash,
                               const Chunking& chunking);

// Returns the prefix that `profile` puts before a text of `role`.
// REQUIRES: ResolveProfile() returned `profile`.
absl::string_view PrefixOf(const EmbeddingProfileOptions& profile,
                           EmbeddingRole role);

// Returns what a person should know of `profile`, such as "builtin lexical
// embedder, 384 dimensions: finds shared words, not meaning" or
// "all-MiniLM-L6-v2 at https://api.example.com:443, 384 dimensions". REQUIRES:
// ResolveProfile() returned `profile`.
std::string DescribeProfile(const EmbeddingProfileOptions& profile);

// Returns `scheme://host:port` of a URL, the port always written, in lower
// case; what may be said of a URL in a log or an error.
absl::StatusOr<std::string> OriginOf(absl::string_view url);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_EMBEDDING_PROFILE_H_
