// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What a provider wants to be sent, and what its answers mean. A dialect is a
// table of facts and one function that writes a request; everything that
// happens between the two, and when, is the same for all (provider_call.h,
// flow_control.h).
//
//   const ProviderDialect& dialect = DialectOf(profile.dialect);
//   request.body = dialect.write_body({profile, role, texts, true});
//   request.headers = KeyHeaders(dialect, key);
//   ...
//   ReadReply(dialect, reply, format);           // 2xx
//   JudgeError(dialect.errors, reply, error);    // anything else
//
// Facts come from the providers' documents and sources; limits of a server that
// somebody runs are its defaults, and what it refuses is learned.

#ifndef COPSE_SIDECAR_EMBEDDING_PROVIDER_DIALECT_H_
#define COPSE_SIDECAR_EMBEDDING_PROVIDER_DIALECT_H_

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

#include "sidecar/embedding/dialect_request.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/embedding/embedding_reply.h"
#include "sidecar/embedding/http_session.h"
#include "sidecar/embedding/provider_error.h"

namespace copse {

// What a request may hold at most by the provider's word; 0 where it sets no
// limit or does not say.
struct DialectLimits {
  uint32_t text_count_max = 0;
  int64_t token_count_max = 0;
  int64_t size_bytes_max = 0;
};

// What a server says of itself; 0 where it does not.
struct ServerLimits {
  uint32_t text_count_max = 0;  // Of a request.
  uint32_t tokens_per_text_max = 0;

  // Texts of all requests in flight together.
  uint32_t texts_in_flight_max = 0;
};

struct ProviderDialect {
  EmbeddingDialect id = EmbeddingDialect::kOpenAi;

  // As in the setting `dialect`. Hashed into profiles: it stays for ever.
  absl::string_view name = "";

  // Where the provider is, if it is in one place; else `url` is required.
  absl::string_view default_url = "";

  // The rule of embedding_profile.h: a path that ends in `endpoint_path` is
  // taken as it is; else one that is empty, or where `base_path` begins,
  // becomes `base_path`, and `endpoint_path` is added. "{model}" stands for
  // the model.
  absl::string_view base_path = "";
  absl::string_view endpoint_path = "";

  // The query for URLs of a deployment that have none.
  absl::string_view deployment_query = "";

  // The header that carries the key, and what stands before the key in it.
  absl::string_view key_header = "Authorization";
  absl::string_view key_prefix = "Bearer ";

  // Whether a request can ask for base64 instead of numbers, or for shorter
  // vectors.
  bool has_base64 = false;
  bool has_dimensions = false;

  DialectLimits limits = {};

  // What a text costs in the body beside itself.
  int64_t text_overhead_bytes = 0;

  ReplyShape reply = {};
  ErrorSignatures errors = {};

  // Where a server tells its limits, in the place of `endpoint_path`, and how
  // to read them; "" and null if it does not. Until it has, `limits` hold.
  absl::string_view info_path = "";
  ServerLimits (*read_info)(absl::string_view body) = nullptr;

  // Returns the body that asks for the vectors of the texts.
  std::string (*write_body)(const DialectRequest& request) = nullptr;
};

// Every dialect but `builtin`.
std::span<const ProviderDialect* const> ProviderDialects();

// REQUIRES: `id` is not kBuiltin.
const ProviderDialect& DialectOf(EmbeddingDialect id);

// Returns path and query of the endpoint for those of a configured URL: `path`
// begins with "/", `query` has no "?".
std::string EndpointPath(const ProviderDialect& dialect, absl::string_view path,
                         absl::string_view query, absl::string_view model);

// Returns the URL where the server tells its limits, for the resolved URL of
// the endpoint. REQUIRES: the dialect has an `info_path`.
std::string InfoUrl(const ProviderDialect& dialect,
                    absl::string_view endpoint_url);

// Returns the headers that show `key` to the provider: none if it is empty.
std::vector<HttpHeader> KeyHeaders(const ProviderDialect& dialect,
                                   absl::string_view key);

// Reads a reply whose status is 2xx.
std::variant<EmbeddingReply, ReplyFault> ReadReply(
    const ProviderDialect& dialect, const HttpReply& reply,
    const ReplyFormat& format);

}  // namespace copse

#endif  // COPSE_SIDECAR_EMBEDDING_PROVIDER_DIALECT_H_
