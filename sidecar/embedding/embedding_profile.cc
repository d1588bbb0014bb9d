// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What HashProfile() hashes, version 1: the characters "copse embedding profile
// 1", then each field as its size in bytes (4 bytes, little-endian) and its
// bytes, in this order. Numbers are 4 bytes, little-endian.
//
//   dialect name, model, revision, dimension, document prefix, query prefix,
//   clustering prefix, classification prefix, whether vectors are normalised (0
//   or 1), chunker version, vector space
//
// What HashChunkedProfile() hashes, version 1, in the same way: the characters
// "copse chunked profile 1", then
//
//   profile hash, text chunker version, mode (2 or 3, see Chunking), chunk
//   token count, overlap token count, tokenizer

#include "sidecar/embedding/embedding_profile.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "curl/curl.h"
#include "openssl/sha.h"
#include "simdjson.h"

#include "index/metric.h"
#include "index/util/check.h"
#include "index/util/error_reason.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"
#include "sidecar/embedding/dialect_request.h"
#include "sidecar/embedding/embedding_model.h"
#include "sidecar/embedding/provider_dialect.h"

namespace copse {
namespace {

constexpr absl::string_view kHashHeader = "copse embedding profile 1";

constexpr absl::string_view kBuiltinDialectName = "builtin";

// What the builtin embedder computes. A change of any of its vectors is a new
// name, so that the vectors of two versions never mix.
constexpr absl::string_view kBuiltinModel = "lexical-hash-1";

constexpr size_t kNameSizeMax = 64;
constexpr size_t kSettingSizeMax = 2048;
constexpr int64_t kRateLimitMax = 1'000'000'000;

absl::Status Invalid(const EmbeddingProfileOptions& options,
                     absl::string_view setting, absl::string_view message) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrFormat(
          "embedding profile '%s': %s %s", options.name, setting, message)),
      "EMBEDDING_PROFILE_INVALID",
      {{"profile", options.name}, {"setting", std::string(setting)}});
}

// The parts of a URL that matter here.
struct Url {
  std::string scheme;
  std::string host;
  std::string port;
  std::string path;   // "/" if the URL has none.
  std::string query;  // Without "?"; may be empty.
  bool has_user = false;
  bool has_fragment = false;

  std::string Origin() const {
    return absl::StrCat(scheme, "://", host, ":", port);
  }
};

std::string PartOf(CURLU* handle, CURLUPart part, unsigned int flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle, part, &text, flags) != CURLUE_OK) {
    return "";
  }
  std::string result(text);
  curl_free(text);
  return result;
}

absl::StatusOr<Url> ParseUrl(absl::string_view text) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> handle(
      curl_url(), &curl_url_cleanup);
  COPSE_CHECK(handle != nullptr);
  const CURLUcode code =
      curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(),
                   CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) {
    return absl::InvalidArgumentError(
        absl::StrFormat("is not a URL (%s), expected one such as "
                        "https://api.example.com/v1",
                        absl::AsciiStrToLower(curl_url_strerror(code))));
  }
  Url url;
  url.scheme = absl::AsciiStrToLower(PartOf(handle.get(), CURLUPART_SCHEME));
  url.host = absl::AsciiStrToLower(PartOf(handle.get(), CURLUPART_HOST));
  url.port = PartOf(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  url.path = PartOf(handle.get(), CURLUPART_PATH);
  url.query = PartOf(handle.get(), CURLUPART_QUERY);
  url.has_user = !PartOf(handle.get(), CURLUPART_USER).empty() ||
                 !PartOf(handle.get(), CURLUPART_PASSWORD).empty();
  url.has_fragment = !PartOf(handle.get(), CURLUPART_FRAGMENT).empty();
  if (url.scheme != "http" && url.scheme != "https") {
    return absl::InvalidArgumentError(absl::StrFormat(
        "has the scheme '%s', expected http or https", url.scheme));
  }
  return url;
}

// Whether `host` is this machine whatever the name service says.
bool IsLoopback(const std::string& host) {
  in_addr address = {};
  if (inet_pton(AF_INET, host.c_str(), &address) == 1) {
    return (ntohl(address.s_addr) >> 24) == 127;
  }
  return host == "localhost" || host == "[::1]";
}

// Applies the rule at the head of the header.
std::string EndpointOf(const EmbeddingProfileOptions& options, const Url& url) {
  return absl::StrCat(url.Origin(),
                      EndpointPath(DialectOf(options.dialect), url.path,
                                   url.query, options.model));
}

absl::Status CheckProfileName(const EmbeddingProfileOptions& options) {
  bool is_good = !options.name.empty() && options.name.size() <= kNameSizeMax;
  for (const char c : options.name) {
    is_good = is_good && (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                          c == '_' || c == '.' || c == '-');
  }
  if (is_good) {
    return absl::OkStatus();
  }
  EmbeddingProfileOptions shown;
  shown.name = absl::Utf8SafeCEscape(options.name.substr(0, kNameSizeMax));
  return Invalid(shown, "name",
                 absl::StrFormat("is %d bytes, expected 1 to %d of letters, "
                                 "digits, '_', '.' and '-'",
                                 options.name.size(), kNameSizeMax));
}

absl::Status CheckRange(const EmbeddingProfileOptions& options,
                        absl::string_view setting, int64_t value, int64_t min,
                        int64_t max) {
  if (value >= min && value <= max) {
    return absl::OkStatus();
  }
  return Invalid(options, setting,
                 absl::StrFormat("is %d, expected %d to %d", value, min, max));
}

absl::Status CheckDuration(const EmbeddingProfileOptions& options,
                           absl::string_view setting, absl::Duration value,
                           absl::Duration min, absl::Duration max) {
  if (value >= min && value <= max) {
    return absl::OkStatus();
  }
  return Invalid(
      options, setting,
      absl::StrFormat("is %s, expected %s to %s", absl::FormatDuration(value),
                      absl::FormatDuration(min), absl::FormatDuration(max)));
}

absl::Status CheckLimits(const EmbeddingProfileOptions& options) {
  COPSE_RETURN_IF_ERROR(CheckRange(options, "batch_text_count_max",
                                   options.batch_text_count_max.value_or(1), 1,
                                   2048));
  COPSE_RETURN_IF_ERROR(CheckRange(options, "batch_token_count_max",
                                   options.batch_token_count_max.value_or(1), 1,
                                   10000000));
  COPSE_RETURN_IF_ERROR(CheckRange(options, "tokens_per_text_max",
                                   options.tokens_per_text_max.value_or(1), 1,
                                   1000000));
  const double price = options.price_per_million_tokens.value_or(0.0);
  if (!(price >= 0.0 && price <= 1000.0)) {
    return Invalid(options, "price_per_million_tokens",
                   absl::StrFormat("is %g, expected 0 to 1000", price));
  }
  COPSE_RETURN_IF_ERROR(CheckRange(options, "batch_size_bytes_max",
                                   options.batch_size_bytes_max, 1 << 10,
                                   64 << 20));
  COPSE_RETURN_IF_ERROR(
      CheckRange(options, "concurrency_max", options.concurrency_max, 1, 64));
  COPSE_RETURN_IF_ERROR(CheckRange(options, "attempt_count_max",
                                   options.attempt_count_max, 1, 20));
  COPSE_RETURN_IF_ERROR(CheckDuration(options, "backoff_base",
                                      options.backoff_base,
                                      absl::Milliseconds(1), absl::Minutes(1)));
  COPSE_RETURN_IF_ERROR(CheckDuration(options, "backoff_max",
                                      options.backoff_max, options.backoff_base,
                                      absl::Minutes(10)));
  COPSE_RETURN_IF_ERROR(CheckRange(options, "requests_per_minute",
                                   options.requests_per_minute, 0,
                                   kRateLimitMax));
  COPSE_RETURN_IF_ERROR(CheckRange(options, "tokens_per_minute",
                                   options.tokens_per_minute, 0,
                                   kRateLimitMax));
  COPSE_RETURN_IF_ERROR(CheckDuration(options, "breaker_delay",
                                      options.breaker_delay,
                                      absl::Milliseconds(1), absl::Hours(1)));
  COPSE_RETURN_IF_ERROR(CheckDuration(options, "breaker_delay_max",
                                      options.breaker_delay_max,
                                      options.breaker_delay, absl::Hours(1)));
  COPSE_RETURN_IF_ERROR(CheckDuration(options, "refusal_delay",
                                      options.refusal_delay,
                                      absl::Milliseconds(1), absl::Hours(24)));
  COPSE_RETURN_IF_ERROR(CheckDuration(options, "connect_timeout",
                                      options.connect_timeout,
                                      absl::Milliseconds(1), absl::Minutes(5)));
  if (options.request_timeout.has_value()) {
    COPSE_RETURN_IF_ERROR(CheckDuration(options, "request_timeout",
                                        *options.request_timeout,
                                        absl::Milliseconds(1), absl::Hours(1)));
  }
  return absl::OkStatus();
}

// Returns the text in `text`, which must outlive it, or "".
absl::string_view ViewOf(const std::optional<std::string>& text) {
  return text.has_value() ? absl::string_view(*text) : absl::string_view();
}

absl::Status CheckTexts(const EmbeddingProfileOptions& options) {
  const std::pair<absl::string_view, absl::string_view> texts[] = {
      {"url", options.url},
      {"model", options.model},
      {"revision", options.revision},
      {"api_key_env", options.api_key_env},
      {"api_key_file", options.api_key_file},
      {"document_prefix", ViewOf(options.document_prefix)},
      {"query_prefix", ViewOf(options.query_prefix)},
      {"clustering_prefix", ViewOf(options.clustering_prefix)},
      {"classification_prefix", ViewOf(options.classification_prefix)},
      {"tokenizer_file", options.tokenizer_file},
      {"ca_file", options.ca_file},
      {"proxy", options.proxy},
      {"vector_space", ViewOf(options.vector_space)},
  };
  for (const auto& [setting, text] : texts) {
    if (text.size() > kSettingSizeMax) {
      return Invalid(options, setting,
                     absl::StrFormat("is %d bytes, expected at most %d",
                                     text.size(), kSettingSizeMax));
    }
    if (!simdjson::validate_utf8(text.data(), text.size())) {
      return Invalid(options, setting, "is not UTF-8, expected valid UTF-8");
    }
    if (absl::StrContains(text, '\0')) {
      return Invalid(options, setting,
                     "contains a NUL character, expected none");
    }
  }
  return absl::OkStatus();
}

// A setting that the dialect would ignore is a misunderstanding, so say so.
absl::Status CheckBuiltin(const EmbeddingProfileOptions& options) {
  const std::pair<absl::string_view, bool> settings[] = {
      {"url", !options.url.empty()},
      {"model", !options.model.empty() && options.model != kBuiltinModel},
      {"revision", !options.revision.empty()},
      {"api_key_env", !options.api_key_env.empty()},
      {"api_key_file", !options.api_key_file.empty()},
      {"document_prefix", !ViewOf(options.document_prefix).empty()},
      {"query_prefix", !ViewOf(options.query_prefix).empty()},
      {"clustering_prefix", !ViewOf(options.clustering_prefix).empty()},
      {"classification_prefix", !ViewOf(options.classification_prefix).empty()},
      {"tokenizer_file", !options.tokenizer_file.empty()},
      {"ca_file", !options.ca_file.empty()},
      {"proxy", !options.proxy.empty()},
      {"send_dimensions", options.send_dimensions.value_or(false)},
  };
  for (const auto& [setting, is_set] : settings) {
    if (is_set) {
      return Invalid(options, setting,
                     "is set, but the dialect 'builtin' has no use for it; "
                     "expected the dialect of a provider, such as 'openai'");
    }
  }
  if (!options.normalize) {
    return Invalid(options, "normalize",
                   "is false, expected true for the dialect 'builtin'");
  }
  if (options.dimension != 0) {
    return CheckRange(options, "dimension", options.dimension,
                      kBuiltinDimensionMin, kDimensionMax);
  }
  return absl::OkStatus();
}

absl::StatusOr<Url> CheckUrl(const EmbeddingProfileOptions& options) {
  if (options.url.empty()) {
    return Invalid(options, "url",
                   "is empty, expected one such as https://api.example.com/v1");
  }
  absl::StatusOr<Url> url = ParseUrl(options.url);
  if (!url.ok()) {
    return Invalid(options, "url", url.status().message());
  }
  if (url->has_user) {
    return Invalid(options, "url",
                   "contains a user name or password, expected none: use "
                   "api_key_env or api_key_file");
  }
  if (url->has_fragment) {
    return Invalid(options, "url", "contains a fragment ('#'), expected none");
  }
  if (url->scheme == "http" && !IsLoopback(url->host) && !options.allow_http) {
    return Invalid(
        options, "url",
        absl::StrFormat("sends texts and key to %s without encryption, "
                        "expected https, or allow_http: true",
                        url->Origin()));
  }
  return url;
}

bool IsVariableName(absl::string_view name) {
  return !absl::ascii_isdigit(static_cast<unsigned char>(name.front())) &&
         std::ranges::all_of(name, [](char c) {
           return c == '_' ||
                  absl::ascii_isalnum(static_cast<unsigned char>(c));
         });
}

absl::Status CheckProvider(const EmbeddingProfileOptions& options) {
  if (options.model.empty()) {
    return Invalid(options, "model",
                   "is empty, expected the name of a model of the provider");
  }
  // Not repeated: many a key was written in the place of its name.
  if (!options.api_key_env.empty() && !IsVariableName(options.api_key_env)) {
    return Invalid(options, "api_key_env",
                   "is not the name of an environment variable, which has "
                   "letters, digits and '_'; it is not the key itself");
  }
  if (!options.api_key_env.empty() && !options.api_key_file.empty()) {
    return Invalid(options, "api_key_file",
                   "is set beside api_key_env, expected one of the two");
  }
  if (options.dimension == 0) {
    return Invalid(
        options, "dimension",
        absl::StrFormat("is not set, and nothing is known of the model '%s': "
                        "expected the components of its vectors, 1 to %d",
                        options.model, kDimensionMax));
  }
  return CheckRange(options, "dimension", options.dimension, 1, kDimensionMax);
}

// `model` is null if it is not known.
absl::Status CheckShortVectors(const EmbeddingProfileOptions& options,
                               const EmbeddingModel* model) {
  if (!options.send_dimensions.value_or(false)) {
    return absl::OkStatus();
  }
  const ProviderDialect& dialect = DialectOf(options.dialect);
  if (!dialect.has_dimensions) {
    return Invalid(options, "send_dimensions",
                   absl::StrFormat("is true, but the dialect '%s' cannot say "
                                   "it; expected false",
                                   dialect.name));
  }
  if (model != nullptr && !model->CanMake(options.dimension)) {
    return Invalid(
        options, "dimension",
        absl::StrFormat("is %d, which the model %s does not make, expected %s",
                        options.dimension, options.model,
                        model->DescribeDimensions()));
  }
  return absl::OkStatus();
}

template <typename T, typename U>
void SetIfUnset(std::optional<T>& setting, const U& value) {
  if (!setting.has_value()) {
    setting = T(value);
  }
}

// Returns the prefixes that the model of `options` is known to want.
RoleWords PrefixesOf(const EmbeddingProfileOptions& options,
                     const EmbeddingModel* model) {
  if (options.dialect != EmbeddingDialect::kBuiltin &&
      absl::StrContains(absl::AsciiStrToLower(options.model), "nomic-embed")) {
    return NomicPrefixes();  // Every version, in whatever file.
  }
  if (model == nullptr || options.dialect == EmbeddingDialect::kOpenAi) {
    return {};
  }
  return model->prefixes;
}

void ResolvePrefixes(EmbeddingProfileOptions& options,
                     const EmbeddingModel* model) {
  const RoleWords prefixes = PrefixesOf(options, model);
  SetIfUnset(options.document_prefix, prefixes.document);
  SetIfUnset(options.query_prefix, prefixes.query);
  SetIfUnset(options.clustering_prefix, prefixes.clustering);
  SetIfUnset(options.classification_prefix, prefixes.classification);
}

void ResolveLimits(EmbeddingProfileOptions& options,
                   const EmbeddingModel* model) {
  constexpr uint32_t kTextCountDefault = 256;
  const ProviderDialect& dialect = DialectOf(options.dialect);
  const DialectLimits& limits = dialect.limits;
  // A server that tells its limit may take more than its kind does by default.
  const bool is_limited =
      limits.text_count_max != 0 && dialect.info_path.empty();
  SetIfUnset(options.batch_text_count_max,
             is_limited ? std::min(limits.text_count_max, kTextCountDefault)
                        : kTextCountDefault);
  int64_t token_count_max = limits.token_count_max;
  if (model != nullptr) {
    SetIfUnset(options.tokens_per_text_max, model->tokens_per_text_max);
    if (model->batch_token_count_max != 0) {
      token_count_max = model->batch_token_count_max;
    }
    if (model->has_price()) {
      SetIfUnset(options.price_per_million_tokens,
                 model->price_per_million_tokens);
    }
  }
  if (token_count_max != 0) {
    SetIfUnset(options.batch_token_count_max, token_count_max);
  }
}

// Fills in what has a default in a profile of a provider.
absl::Status ResolveProvider(EmbeddingProfileOptions& options) {
  const ProviderDialect& dialect = DialectOf(options.dialect);
  if (options.url.empty()) {
    options.url = std::string(dialect.default_url);
  }
  COPSE_ASSIGN_OR_RETURN(const Url url, CheckUrl(options));
  const EmbeddingModel* const model = FindEmbeddingModel(options.model);
  if (model != nullptr && options.dimension == 0) {
    options.dimension = model->dimension;
  }
  COPSE_RETURN_IF_ERROR(CheckProvider(options));
  COPSE_RETURN_IF_ERROR(CheckShortVectors(options, model));
  SetIfUnset(options.send_dimensions,
             dialect.has_dimensions && model != nullptr &&
                 options.dimension != model->dimension &&
                 model->CanMake(options.dimension));
  ResolveLimits(options, model);
  ResolvePrefixes(options, model);
  options.url = EndpointOf(options, url);
  SetIfUnset(options.vector_space, url.Origin());
  if (!options.request_timeout.has_value()) {
    options.request_timeout =
        IsLoopback(url.host) ? absl::Minutes(10) : absl::Minutes(2);
  }
  return absl::OkStatus();
}

class Hasher {
 public:
  explicit Hasher(absl::string_view header) : input_(header) {}

  void Add(absl::string_view field) {
    std::byte size[sizeof(uint32_t)];
    StoreLittleEndian<uint32_t>(size, 0, static_cast<uint32_t>(field.size()));
    input_.append(reinterpret_cast<const char*>(size), sizeof(size));
    input_.append(field.data(), field.size());
  }
  void Add(uint32_t number) {
    std::byte bytes[sizeof(uint32_t)];
    StoreLittleEndian<uint32_t>(bytes, 0, number);
    Add(absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
  }
  ProfileHash Finish() const {
    ProfileHash hash;
    SHA256(reinterpret_cast<const unsigned char*>(input_.data()), input_.size(),
           reinterpret_cast<unsigned char*>(hash.data()));
    return hash;
  }

 private:
  std::string input_;
};

}  // namespace

absl::string_view EmbeddingDialectName(EmbeddingDialect dialect) {
  return dialect == EmbeddingDialect::kBuiltin ? kBuiltinDialectName
                                               : DialectOf(dialect).name;
}

absl::StatusOr<EmbeddingDialect> ParseEmbeddingDialect(absl::string_view name) {
  if (name == kBuiltinDialectName) {
    return EmbeddingDialect::kBuiltin;
  }
  for (const ProviderDialect* const dialect : ProviderDialects()) {
    if (name == dialect->name) {
      return dialect->id;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("dialect is '%s', expected one of %s",
                      absl::Utf8SafeCEscape(name.substr(0, kNameSizeMax)),
                      absl::StrJoin(EmbeddingDialectNames(), ", ")));
}

std::vector<std::string> EmbeddingDialectNames() {
  std::vector<std::string> names = {std::string(kBuiltinDialectName)};
  for (const ProviderDialect* const dialect : ProviderDialects()) {
    names.emplace_back(dialect->name);
  }
  return names;
}

absl::StatusOr<EmbeddingProfileOptions> ResolveProfile(
    const EmbeddingProfileOptions& options) {
  COPSE_RETURN_IF_ERROR(CheckProfileName(options));
  COPSE_RETURN_IF_ERROR(CheckTexts(options));
  COPSE_RETURN_IF_ERROR(CheckLimits(options));
  EmbeddingProfileOptions resolved = options;
  if (options.dialect == EmbeddingDialect::kBuiltin) {
    COPSE_RETURN_IF_ERROR(CheckBuiltin(options));
    resolved.model = std::string(kBuiltinModel);
    if (resolved.dimension == 0) {
      resolved.dimension = kBuiltinDimensionDefault;
    }
    SetIfUnset(resolved.vector_space, "builtin");
    ResolvePrefixes(resolved, nullptr);
  } else {
    COPSE_RETURN_IF_ERROR(ResolveProvider(resolved));
  }
  return resolved;
}

ProfileHash HashProfile(const EmbeddingProfileOptions& profile) {
  COPSE_CHECK(profile.vector_space.has_value());
  Hasher hasher(kHashHeader);
  hasher.Add(EmbeddingDialectName(profile.dialect));
  hasher.Add(profile.model);
  hasher.Add(profile.revision);
  hasher.Add(profile.dimension);
  hasher.Add(*profile.document_prefix);
  hasher.Add(*profile.query_prefix);
  hasher.Add(*profile.clustering_prefix);
  hasher.Add(*profile.classification_prefix);
  hasher.Add(uint32_t{profile.normalize});
  hasher.Add(kChunkerVersion);
  hasher.Add(*profile.vector_space);
  return hasher.Finish();
}

ProfileHash HashChunkedProfile(const ProfileHash& profile_hash,
                               const Chunking& chunking) {
  if (chunking.mode == Chunking::Mode::kWhole) {
    return profile_hash;
  }
  Hasher hasher("copse chunked profile 1");
  hasher.Add(absl::string_view(
      reinterpret_cast<const char*>(profile_hash.data()), profile_hash.size()));
  hasher.Add(kTextChunkerVersion);
  hasher.Add(static_cast<uint32_t>(chunking.mode));
  hasher.Add(chunking.chunk_token_count);
  hasher.Add(chunking.overlap_token_count);
  hasher.Add(chunking.tokenizer);
  return hasher.Finish();
}

absl::string_view PrefixOf(const EmbeddingProfileOptions& profile,
                           EmbeddingRole role) {
  switch (role) {
    case EmbeddingRole::kDocument:
      return *profile.document_prefix;
    case EmbeddingRole::kQuery:
      return *profile.query_prefix;
    case EmbeddingRole::kClustering:
      return *profile.clustering_prefix;
    case EmbeddingRole::kClassification:
      return *profile.classification_prefix;
  }
  return "";
}

std::string DescribeProfile(const EmbeddingProfileOptions& profile) {
  if (profile.dialect == EmbeddingDialect::kBuiltin) {
    return absl::StrFormat(
        "builtin lexical embedder, %d dimensions: finds shared words, not "
        "meaning",
        profile.dimension);
  }
  return absl::StrFormat("%s at %s, %d dimensions", profile.model,
                         OriginOf(profile.url).value_or("?"),
                         profile.dimension);
}

absl::StatusOr<std::string> OriginOf(absl::string_view url) {
  COPSE_ASSIGN_OR_RETURN(const Url parsed, ParseUrl(url));
  return parsed.Origin();
}

}  // namespace copse
