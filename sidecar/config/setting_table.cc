// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/setting_table.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/metric.h"
#include "index/util/check.h"
#include "sidecar/config/config.h"
#include "sidecar/config/setting.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/network_address.h"

namespace copse {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kPiB = int64_t{1} << 50;

// ---- Between a member and a SettingValue -----------------------------------

// In the order of the enumerators.
constexpr absl::string_view kLogLevels[] = {"debug", "info", "warning",
                                            "error"};
constexpr absl::string_view kLogFormats[] = {"text", "json"};
constexpr absl::string_view kVectorLinkDialects[] = {"auto", "v1", "v2"};

template <typename Enum, size_t kSize>
Enum FindEnum(const absl::string_view (&names)[kSize],
              const std::string& name) {
  for (size_t i = 0; i < kSize; ++i) {
    if (names[i] == name) {
      return static_cast<Enum>(i);
    }
  }
  COPSE_CHECK(false, name);
  return Enum();
}

void Write(const SettingValue& value, std::string& member) {
  member = std::get<std::string>(value);
}
void Write(const SettingValue& value, bool& member) {
  member = std::get<bool>(value);
}
void Write(const SettingValue& value, int64_t& member) {
  member = std::get<int64_t>(value);
}
void Write(const SettingValue& value, uint32_t& member) {
  const int64_t number = std::get<int64_t>(value);
  COPSE_CHECK(number >= 0 && number <= std::numeric_limits<uint32_t>::max());
  member = static_cast<uint32_t>(number);
}
void Write(const SettingValue& value, double& member) {
  member = std::get<double>(value);
}
void Write(const SettingValue& value, absl::Duration& member) {
  member = absl::Seconds(std::get<double>(value));
}
void Write(const SettingValue& value, NetworkAddress& member) {
  member = *NetworkAddress::Parse(std::get<std::string>(value));
}
void Write(const SettingValue& value, LogLevel& member) {
  member = FindEnum<LogLevel>(kLogLevels, std::get<std::string>(value));
}
void Write(const SettingValue& value, VectorLinkDialect& member) {
  member = FindEnum<VectorLinkDialect>(kVectorLinkDialects,
                                       std::get<std::string>(value));
}

void Write(const SettingValue& value, LogFormat& member) {
  member = FindEnum<LogFormat>(kLogFormats, std::get<std::string>(value));
}
void Write(const SettingValue& value, EmbeddingDialect& member) {
  member = *ParseEmbeddingDialect(std::get<std::string>(value));
}
void Write(const SettingValue& value, std::optional<NetworkAddress>& member) {
  if (std::get<std::string>(value).empty()) {
    member.reset();
  } else {
    Write(value, member.emplace());
  }
}
template <typename T>
void Write(const SettingValue& value, std::optional<T>& member) {
  Write(value, member.emplace());
}

std::optional<SettingValue> Read(const std::string& member) { return member; }
std::optional<SettingValue> Read(bool member) { return member; }
std::optional<SettingValue> Read(int64_t member) { return member; }
std::optional<SettingValue> Read(uint32_t member) { return int64_t{member}; }
std::optional<SettingValue> Read(double member) { return member; }
std::optional<SettingValue> Read(absl::Duration member) {
  return absl::ToDoubleSeconds(member);
}
std::optional<SettingValue> Read(const NetworkAddress& member) {
  return member.ToString();
}
std::optional<SettingValue> Read(LogLevel member) {
  return std::string(kLogLevels[static_cast<size_t>(member)]);
}
std::optional<SettingValue> Read(VectorLinkDialect member) {
  return std::string(kVectorLinkDialects[static_cast<size_t>(member)]);
}

std::optional<SettingValue> Read(LogFormat member) {
  return std::string(kLogFormats[static_cast<size_t>(member)]);
}
std::optional<SettingValue> Read(EmbeddingDialect member) {
  return std::string(EmbeddingDialectName(member));
}
std::optional<SettingValue> Read(const std::optional<NetworkAddress>& member) {
  return member.has_value() ? member->ToString() : std::string();
}
template <typename T>
std::optional<SettingValue> Read(const std::optional<T>& member) {
  return member.has_value() ? Read(*member) : std::nullopt;
}

template <typename Target, typename Member>
BoundSetting<Target> Bind(Member Target::*member, const Setting& setting) {
  return {
      .setting = setting,
      .write = [member](const SettingValue& value,
                        Target& target) { Write(value, target.*member); },
      .read = [member](const Target& target) { return Read(target.*member); }};
}

// ---- The daemon ------------------------------------------------------------

SettingGroup<Config> FolderAndAddresses() {
  return {
      "Folder and addresses",
      {Bind(&Config::data,
            {.key = "data",
             .kind = SettingKind::kPath,
             .help = "The data folder. It is created if it does not exist; one "
                     "daemon at a time can have it open. Required.",
             .may_be_empty = true,
             .sample = "/var/lib/copse"}),
       Bind(&Config::backup_folder,
            {.key = "backup_folder",
             .kind = SettingKind::kPath,
             .help = "Where 'copse backup create' makes backups, and 'copsed "
                     "restore' finds them: not in the data folder, and better "
                     "on another disk. Empty for no backups.",
             .may_be_empty = true,
             .sample = "/var/backups/copse"}),
       Bind(&Config::grpc_address,
            {.key = "grpc_address",
             .kind = SettingKind::kAddress,
             .help = "Where gRPC is served. Port 0 takes any free port, which "
                     "the log and --ready-file name."}),
       Bind(&Config::grpc_allow_unauthenticated,
            {.key = "grpc_allow_unauthenticated",
             .kind = SettingKind::kFlag,
             .help = "gRPC has no authentication yet, so an address that other "
                     "machines can reach is refused unless this is true. Set "
                     "it only behind a firewall or a proxy that "
                     "authenticates."}),
       Bind(&Config::metrics_address,
            {.key = "metrics_address",
             .kind = SettingKind::kAddress,
             .help = "Where Prometheus finds /metrics, and supervisors "
                     "/health/live and /health/ready, over HTTP. Empty for "
                     "none.",
             .may_be_empty = true}),
       Bind(&Config::shutdown_timeout,
            {.key = "shutdown_timeout_seconds",
             .kind = SettingKind::kSeconds,
             .help = "How long SIGTERM waits for searches that run. Pushes "
                     "that run end at once with UNAVAILABLE; a second signal "
                     "ends everything at once.",
             .min = 0,
             .max = 3600}),
       Bind(&Config::core_dumps,
            {.key = "core_dumps",
             .kind = SettingKind::kFlag,
             .help = "Whether a crash may leave a core dump, as far as the "
                     "system allows one. It holds API keys and texts."})}};
}

SettingGroup<Config> HttpPortGroup() {
  return {
      "HTTP port, as VectorLink has it",
      {Bind(&Config::http_address,
            {.key = "http_address",
             .kind = SettingKind::kAddress,
             .help = "Where VectorLink's HTTP dialect is served; `localhost` "
                     "is 127.0.0.1 and ::1. Empty for none.",
             .may_be_empty = true}),
       Bind(&Config::http_admin_user,
            {.key = "http_admin_user",
             .kind = SettingKind::kText,
             .help = "The user of HTTP Basic authentication."}),
       Bind(&Config::http_admin_secret_env,
            {.key = "http_admin_secret_env",
             .kind = SettingKind::kText,
             .help = "The environment variable that holds the secret of that "
                     "user. The secret itself is never part of the "
                     "configuration. Without it and the file the secret is "
                     "`root`.",
             .may_be_empty = true,
             .sample = "HTTP_ADMIN_SECRET"}),
       Bind(&Config::http_admin_secret_file,
            {.key = "http_admin_secret_file",
             .kind = SettingKind::kPath,
             .help = "The file that holds the secret; at most one of the two.",
             .may_be_empty = true}),
       Bind(&Config::allow_default_secret,
            {.key = "allow_default_secret",
             .kind = SettingKind::kFlag,
             .help = "Whether the secret `root` may guard an address that "
                     "other machines can reach."}),
       Bind(&Config::http_cors_origins,
            {.key = "http_cors_origins",
             .kind = SettingKind::kText,
             .help = "The origins of web pages that may call the port from a "
                     "browser, separated by commas. Empty for none.",
             .may_be_empty = true,
             .sample = "https://app.example,http://localhost:3000"}),
       Bind(&Config::http_tls_certificate_file,
            {.key = "http_tls_certificate_file",
             .kind = SettingKind::kPath,
             .help = "The certificate chain as PEM, if the port is to speak "
                     "TLS; then the key must be set, too.",
             .may_be_empty = true}),
       Bind(&Config::http_tls_key_file,
            {.key = "http_tls_key_file",
             .kind = SettingKind::kPath,
             .help = "The key of the certificate as PEM.",
             .may_be_empty = true}),
       Bind(&Config::http_json_body_size_bytes_max,
            {.key = "http_json_body_size_bytes_max",
             .kind = SettingKind::kSize,
             .help = "The largest JSON body; a push has no limit.",
             .min = 2 * kMiB,
             .max = 1024 * kMiB}),
       Bind(&Config::push_line_size_bytes_max,
            {.key = "push_line_max_bytes",
             .kind = SettingKind::kSize,
             .help = "The longest line of a push.",
             .min = kMiB,
             .max = 256 * kMiB}),
       Bind(&Config::http_connection_count_max,
            {.key = "http_connection_count_max",
             .kind = SettingKind::kCount,
             .help = "The most connections at the same time; others are "
                     "answered with 503.",
             .min = 1,
             .max = 65536}),
       Bind(&Config::http_compression,
            {.key = "http_compression",
             .kind = SettingKind::kFlag,
             .help = "Whether answers are compressed for clients that ask for "
                     "it by Accept-Encoding: gzip, deflate or zstd."}),
       Bind(&Config::search_ready,
            {.key = "search_ready",
             .kind = SettingKind::kFlag,
             .help = "Whether the port answers searches. `false` has it say "
                     "that it is not ready for them."})}};
}

SettingGroup<Config> PullGroup() {
  return {
      "Pulls: commits whose documents copse fetches from the database",
      {Bind(&Config::content_endpoint,
            {.key = "content_endpoint",
             .kind = SettingKind::kUrl,
             .help = "Where 'copse pull' asks for the documents of a commit, "
                     "as TerminusDB up to 12.0 serves them. Empty for no "
                     "pulls.",
             .may_be_empty = true,
             .sample = "http://localhost:6363/api/index"}),
       Bind(&Config::user_forward_header,
            {.key = "user_forward_header",
             .kind = SettingKind::kText,
             .help = "The header by which that database, which has the same "
                     "setting, lets copse be its user admin. Empty for none.",
             .may_be_empty = true,
             .sample = "X-User-Forward"}),
       Bind(&Config::content_authorization_env,
            {.key = "content_authorization_env",
             .kind = SettingKind::kText,
             .help = "The environment variable that holds the Authorization "
                     "for that database of pulls that bring none, such as "
                     "`Basic YWRtaW46cm9vdA==`.",
             .may_be_empty = true,
             .sample = "CONTENT_AUTHORIZATION"}),
       Bind(&Config::content_ca_file,
            {.key = "content_ca_file",
             .kind = SettingKind::kPath,
             .help = "Certificates to trust of that database instead of those "
                     "of the system.",
             .may_be_empty = true,
             .sample = "/etc/copse/database-ca.pem"})}};
}

SettingGroup<Config> FirstDialectGroup() {
  return {
      "VectorLink's first dialect, by which clients of old have copse pull",
      {Bind(&Config::vectorlink_dialect,
            {.key = "vectorlink_dialect",
             .kind = SettingKind::kChoice,
             .help = "What the HTTP port speaks: `v2`; `auto`, which is both, "
                     "told apart by the request; or `v1`, where the paths that "
                     "both have are those of the first. Without "
                     "content_endpoint all are v2.",
             .choices = {std::begin(kVectorLinkDialects),
                         std::end(kVectorLinkDialects)}}),
       Bind(&Config::vectorlink_v1_anonymous,
            {.key = "vectorlink_v1_anonymous",
             .kind = SettingKind::kFlag,
             .help = "Whether the paths of the first dialect need no "
                     "credentials of ours. Then the Authorization of a request "
                     "is passed on to the database."}),
       Bind(&Config::v1_assign_wait,
            {.key = "v1_assign_wait",
             .kind = SettingKind::kSeconds,
             .help = "How many seconds GET /assign waits for the index of its "
                     "source.",
             .min = 0,
             .max = 86400}),
       Bind(&Config::api_key_from_request,
            {.key = "api_key_from_request",
             .kind = SettingKind::kFlag,
             .help = "Whether the header VECTORLINK_EMBEDDING_API_KEY of a "
                     "request is shown to the embedding provider in place of "
                     "the configured key."}),
       Bind(&Config::embedding_urls_from_request,
            {.key = "embedding_urls_from_request",
             .kind = SettingKind::kText,
             .help = "The URLs, separated by commas, by which the headers "
                     "VECTORLINK_OLLAMA_URL, _MODEL and _DIMENSIONS of a "
                     "request may choose an embedding profile for a new "
                     "domain: that profile has to be configured. Others are "
                     "ignored.",
             .may_be_empty = true,
             .sample = "http://localhost:11434"})}};
}

SettingGroup<Config> MemoryAndDisk() {
  return {
      "Memory, disk and processors",
      {Bind(&Config::pool_size_bytes,
            {.key = "pool_size_bytes",
             .kind = SettingKind::kSize,
             .help = "The memory for loaded indexes. The least recently used "
                     "commits are unloaded to stay below it. Vectors are "
                     "mapped from files and not counted.",
             .min = kMiB,
             .max = kPiB}),
       Bind(&Config::embedding_cache_size_bytes,
            {.key = "embedding_cache_size_bytes",
             .kind = SettingKind::kSize,
             .help = "The disk space for vectors of texts that were embedded "
                     "before, so that no text is paid for twice. 0 is without "
                     "limit.",
             .min = 0,
             .max = kPiB}),
       Bind(&Config::free_space_min_bytes,
            {.key = "free_space_min_bytes",
             .kind = SettingKind::kSize,
             .help = "Pushes are refused while the disk of the data folder has "
                     "less free space; reading goes on.",
             .min = 0,
             .max = kPiB}),
       Bind(&Config::thread_count,
            {.key = "thread_count",
             .kind = SettingKind::kCount,
             .help = "The threads that building one index may use. 0 is one "
                     "for each processor.",
             .min = 0,
             .max = 256})}};
}

SettingGroup<Config> Logging() {
  return {"Log",
          {Bind(&Config::log_level,
                {.key = "log_level",
                 .kind = SettingKind::kChoice,
                 .help = "The least important events that are logged.",
                 .choices = {"debug", "info", "warning", "error"}}),
           Bind(&Config::log_format,
                {.key = "log_format",
                 .kind = SettingKind::kChoice,
                 .help = "One line for each event on standard error, as text "
                         "for people or as JSON for machines.",
                 .choices = {"text", "json"}})}};
}

SettingGroup<Config> ForestGroup() {
  return {"Indexes built from now on",
          {Bind(&Config::forest_leaf_row_count,
                {.key = "forest.leaf_row_count",
                 .kind = SettingKind::kCount,
                 .help = "The rows that a leaf aims to hold. Smaller leaves "
                         "give more recall at equal work, and larger indexes.",
                 .min = 8,
                 .max = 1024}),
           Bind(&Config::forest_fan_out,
                {.key = "forest.fan_out",
                 .kind = SettingKind::kCount,
                 .help = "The most children of an inner page.",
                 .min = 4,
                 .max = 1024}),
           Bind(&Config::forest_tree_count,
                {.key = "forest.tree_count",
                 .kind = SettingKind::kCount,
                 .help = "The trees of an index. More trees give more recall "
                         "at equal work for as many times the space.",
                 .min = 1,
                 .max = 8}),
           Bind(&Config::forest_row_count_min,
                {.key = "forest.row_count_min",
                 .kind = SettingKind::kCount,
                 .help = "Up to as many rows a domain has no index: every "
                         "search is exact.",
                 .min = 0,
                 .max = 1'000'000}),
           Bind(&Config::fold_in_background,
                {.key = "forest.fold_in_background",
                 .kind = SettingKind::kFlag,
                 .help = "Whether an index that has fallen behind its commits "
                         "is brought up to date beside the pushes. If not, the "
                         "push that makes it fall behind waits."})}};
}

SettingGroup<Config> DuplicateGroup() {
  return {"Searches for duplicates",
          {Bind(&Config::duplicates_concurrency_max,
                {.key = "duplicates.concurrency_max",
                 .kind = SettingKind::kCount,
                 .help = "The most searches for duplicates that run at the "
                         "same time. Others are refused.",
                 .min = 1,
                 .max = 64}),
           Bind(&Config::duplicates_spill_size_bytes_max,
                {.key = "duplicates.spill_max_bytes",
                 .kind = SettingKind::kSize,
                 .help = "The disk of the data folder that one search for "
                         "duplicates may take to sort what it finds, 20 bytes "
                         "for each pair of chunks. A search that finds more "
                         "fails; none leaves pairs out.",
                 .min = 0,
                 .max = kPiB})}};
}

SettingGroup<Config> JobGroup() {
  return {"Jobs: pushes that were accepted, collections of garbage, backups",
          {Bind(&Config::jobs_concurrency_max,
                {.key = "jobs.concurrency_max",
                 .kind = SettingKind::kCount,
                 .help = "The most pushes that are completed at the same time. "
                         "Others wait, and domains take turns.",
                 .min = 1,
                 .max = 256}),
           Bind(&Config::jobs_retention_days,
                {.key = "jobs.retention_days",
                 .kind = SettingKind::kCount,
                 .help = "How many days a job is kept after its end. Of a push "
                         "that failed and may be resumed, its operations are "
                         "kept as long.",
                 .min = 0,
                 .max = 3650}),
           Bind(&Config::jobs_retention_count,
                {.key = "jobs.retention_count",
                 .kind = SettingKind::kCount,
                 .help = "The most jobs that are kept after their end.",
                 .min = 0,
                 .max = 1'000'000})}};
}

SettingGroup<Config> EmbeddingChoice() {
  return {"Embedding",
          {Bind(&Config::default_embedding_profile,
                {.key = "default_embedding_profile",
                 .kind = SettingKind::kText,
                 .help = "The profile of domains that are created without "
                         "naming one: `default`, which is the one of the "
                         "section `embedding`, one of `embedding_profiles`, or "
                         "`builtin`, the lexical embedder that finds shared "
                         "words, not meaning, and needs no server. Empty is "
                         "the first of these that exists.",
                 .may_be_empty = true})}};
}

// ---- Embedding profiles ----------------------------------------------------

using Profile = EmbeddingProfileOptions;
using ProfileRows = std::vector<BoundSetting<Profile>>;

void AppendModelRows(ProfileRows& rows) {
  rows.push_back(
      Bind(&Profile::name,
           {.key = "name",
            .kind = SettingKind::kText,
            .help = "How domains name the profile: letters, digits, '_', '.' "
                    "and '-'.",
            .sample = "small"}));
  rows.push_back(Bind(
      &Profile::dialect,
      {.key = "dialect",
       .kind = SettingKind::kChoice,
       .help = "How to talk to the provider. `openai` is what most "
               "servers understand: OpenAI, Ollama, vLLM, llama.cpp, "
               "text-embeddings-inference, LM Studio; the name of a server "
               "or provider uses what is special about it. `builtin` "
               "needs no server and finds shared words, not meaning. "
               "Unset, it is `openai` if `url` is set.",
       .choices = EmbeddingDialectNames(),
       .sample = "openai"}));
  rows.push_back(
      Bind(&Profile::url,
           {.key = "url",
            .kind = SettingKind::kUrl,
            .help = "The provider: its origin, its base with the version, or "
                    "the whole address, such as one that ends in /embeddings. "
                    "Unset, it is the public one of mistral, cohere, voyage, "
                    "jina or gemini, and for ollama and lmstudio the usual one "
                    "on this machine.",
            .may_be_empty = true,
            .sample = "https://api.openai.com/v1"}));
  rows.push_back(
      Bind(&Profile::model, {.key = "model",
                             .kind = SettingKind::kText,
                             .help = "The model, by the provider's name.",
                             .may_be_empty = true,
                             .sample = "text-embedding-3-small"}));
  rows.push_back(Bind(
      &Profile::revision,
      {.key = "revision",
       .kind = SettingKind::kText,
       .help = "A revision of the model. It is not sent; a change of it makes "
               "vectors of before unusable, as a change of the model does.",
       .may_be_empty = true}));
  rows.push_back(Bind(
      &Profile::dimension,
      {.key = "dimension",
       .kind = SettingKind::kCount,
       .help = "The components of a vector, as the model makes them. 0 means "
               "384 for `builtin` and what is known of the model for others; "
               "required where nothing is known of it.",
       .min = 0,
       .max = kDimensionMax,
       .sample = "1536"}));
  rows.push_back(
      Bind(&Profile::send_dimensions,
           {.key = "send_dimensions",
            .kind = SettingKind::kFlag,
            .help = "Whether to send the dimension with each request: only for "
                    "models that can shorten their vectors. Unset, it is sent "
                    "to models that are known to, for a dimension that is not "
                    "theirs.",
            .sample = "false"}));
  rows.push_back(
      Bind(&Profile::request_base64,
           {.key = "request_base64",
            .kind = SettingKind::kFlag,
            .help = "Whether to ask for vectors as base64, a third of the "
                    "bytes. A server that ignores it is understood, too."}));
  rows.push_back(Bind(
      &Profile::normalize,
      {.key = "normalize",
       .kind = SettingKind::kFlag,
       .help =
           "Whether vectors are scaled to length 1 before they are used."}));
  rows.push_back(
      Bind(&Profile::vector_space,
           {.key = "vector_space",
            .kind = SettingKind::kText,
            .help = "The name of the space that the vectors live in. Unset, it "
                    "is the origin of `url`; set it to keep vectors when the "
                    "same model moves to another server.",
            .may_be_empty = true,
            .sample = "https://api.openai.com:443"}));
}

void AppendKeyRows(ProfileRows& rows) {
  rows.push_back(
      Bind(&Profile::api_key_env,
           {.key = "api_key_env",
            .kind = SettingKind::kText,
            .help = "The environment variable that holds the API key. A key "
                    "itself is never part of the configuration.",
            .may_be_empty = true,
            .sample = "OPENAI_API_KEY"}));
  rows.push_back(
      Bind(&Profile::api_key_file,
           {.key = "api_key_file",
            .kind = SettingKind::kPath,
            .help = "The file that holds the API key; at most one of the two.",
            .may_be_empty = true}));
  rows.push_back(
      Bind(&Profile::tokenizer_file,
           {.key = "tokenizer_file",
            .kind = SettingKind::kPath,
            .help = "The model's tokenizer.json, by which texts are cut into "
                    "chunks; empty for an estimate. Domains that were made "
                    "with one need it.",
            .may_be_empty = true}));
  rows.push_back(
      Bind(&Profile::ca_file,
           {.key = "ca_file",
            .kind = SettingKind::kPath,
            .help = "A file of certificates to trust instead of the system's.",
            .may_be_empty = true}));
  rows.push_back(
      Bind(&Profile::allow_http,
           {.key = "allow_http",
            .kind = SettingKind::kFlag,
            .help = "Whether texts and key may go to another machine without "
                    "encryption."}));
  rows.push_back(
      Bind(&Profile::proxy,
           {.key = "proxy",
            .kind = SettingKind::kUrl,
            .help = "The URL of a proxy; empty for none. Proxies that the "
                    "environment names are not used.",
            .may_be_empty = true}));
}

void AppendPrefixRows(ProfileRows& rows) {
  constexpr absl::string_view kRule =
      " Unset, it is what the model is known to want; the dialect `openai` "
      "knows only the prefixes of the nomic family.";
  rows.push_back(Bind(&Profile::document_prefix,
                      {.key = "document_prefix",
                       .kind = SettingKind::kText,
                       .help = absl::StrCat("Put before each document.", kRule),
                       .may_be_empty = true}));
  rows.push_back(Bind(&Profile::query_prefix,
                      {.key = "query_prefix",
                       .kind = SettingKind::kText,
                       .help = absl::StrCat("Put before each query.", kRule),
                       .may_be_empty = true}));
  rows.push_back(Bind(&Profile::clustering_prefix,
                      {.key = "clustering_prefix",
                       .kind = SettingKind::kText,
                       .help = "Put before texts that are grouped.",
                       .may_be_empty = true}));
  rows.push_back(Bind(&Profile::classification_prefix,
                      {.key = "classification_prefix",
                       .kind = SettingKind::kText,
                       .help = "Put before texts that are classified.",
                       .may_be_empty = true}));
}

void AppendLimitRows(ProfileRows& rows) {
  rows.push_back(Bind(&Profile::batch_text_count_max,
                      {.key = "batch_text_count_max",
                       .kind = SettingKind::kCount,
                       .help = "The most texts of one request. Unset, it is "
                               "256, or what the provider takes if that is "
                               "less.",
                       .min = 1,
                       .max = 2048,
                       .sample = "256"}));
  rows.push_back(Bind(&Profile::batch_size_bytes_max,
                      {.key = "batch_size_bytes_max",
                       .kind = SettingKind::kSize,
                       .help = "The most bytes of text of one request. A "
                               "longer text is sent alone.",
                       .min = 1024,
                       .max = 64 * kMiB}));
  rows.push_back(Bind(
      &Profile::batch_token_count_max,
      {.key = "batch_token_count_max",
       .kind = SettingKind::kCount,
       .help = "The most tokens that the provider takes in one request; "
               "requests are filled to 80 % of it, since tokens are estimated. "
               "Unset, it is what is known of model and provider, if anything.",
       .min = 1,
       .max = 10000000,
       .sample = "300000"}));
  rows.push_back(
      Bind(&Profile::tokens_per_text_max,
           {.key = "tokens_per_text_max",
            .kind = SettingKind::kCount,
            .help = "The most tokens of one text. A text that may have more is "
                    "sent alone, so that others do not share its fate. Unset, "
                    "it is what is known of the model, if anything.",
            .min = 1,
            .max = 1000000,
            .sample = "8191"}));
  rows.push_back(
      Bind(&Profile::price_per_million_tokens,
           {.key = "price_per_million_tokens",
            .kind = SettingKind::kDecimal,
            .help = "US dollars for a million tokens. Unset, it is what is "
                    "known of the model, if anything.",
            .min = 0,
            .max = 1000,
            .sample = "0.02"}));
  rows.push_back(
      Bind(&Profile::concurrency_max,
           {.key = "concurrency_max",
            .kind = SettingKind::kCount,
            .help = "The most requests for documents at the same time. Queries "
                    "do not wait for them.",
            .min = 1,
            .max = 64}));
  rows.push_back(Bind(
      &Profile::requests_per_minute,
      {.key = "requests_per_minute",
       .kind = SettingKind::kCount,
       .help = "What the provider allows, for all pushes and searches "
               "together; 95 % of it are used. 0 if unknown; then only what "
               "its headers say counts, and where they say less, less does.",
       .min = 0,
       .max = 1'000'000'000}));
  rows.push_back(Bind(&Profile::tokens_per_minute,
                      {.key = "tokens_per_minute",
                       .kind = SettingKind::kCount,
                       .help = "The same for tokens. Requests are made small "
                               "enough for two seconds of it.",
                       .min = 0,
                       .max = 1'000'000'000}));
  rows.push_back(
      Bind(&Profile::breaker_delay,
           {.key = "breaker_delay_seconds",
            .kind = SettingKind::kSeconds,
            .help = "A provider that failed five times in a row, or more often "
                    "than not, is left alone for a random time from as much up "
                    "to twice as much, and longer if it fails then, too. "
                    "Meanwhile calls fail at once and say when it is asked "
                    "again.",
            .min = 0,
            .max = 3600}));
  rows.push_back(
      Bind(&Profile::breaker_delay_max, {.key = "breaker_delay_max_seconds",
                                         .kind = SettingKind::kSeconds,
                                         .help = "The longest such time.",
                                         .min = 0,
                                         .max = 3600}));
  rows.push_back(
      Bind(&Profile::refusal_delay,
           {.key = "refusal_delay_seconds",
            .kind = SettingKind::kSeconds,
            .help = "How long a provider is left alone that refuses the key or "
                    "the account. A new key in api_key_file ends it, and so "
                    "does a restart.",
            .min = 0,
            .max = 86400}));
  rows.push_back(Bind(
      &Profile::attempt_count_max,
      {.key = "attempt_count_max",
       .kind = SettingKind::kCount,
       .help = "How often a request is tried that the provider cannot answer "
               "for the moment (429, 5xx, no connection).",
       .min = 1,
       .max = 20}));
  rows.push_back(
      Bind(&Profile::backoff_base,
           {.key = "backoff_base_seconds",
            .kind = SettingKind::kSeconds,
            .help = "The wait before the first repetition is random, up to as "
                    "much, and up to twice as much with each further one. A "
                    "Retry-After of the provider is honoured.",
            .min = 0,
            .max = 60}));
  rows.push_back(
      Bind(&Profile::backoff_max, {.key = "backoff_max_seconds",
                                   .kind = SettingKind::kSeconds,
                                   .help = "The longest random wait.",
                                   .min = 0,
                                   .max = 600}));
  rows.push_back(
      Bind(&Profile::connect_timeout, {.key = "connect_timeout_seconds",
                                       .kind = SettingKind::kSeconds,
                                       .help = "The time for TCP and TLS.",
                                       .min = 0,
                                       .max = 300}));
  rows.push_back(
      Bind(&Profile::request_timeout,
           {.key = "request_timeout_seconds",
            .kind = SettingKind::kSeconds,
            .help = "The time for a whole request. Unset, it is 600 on a "
                    "loopback address, where models run on slow machines, and "
                    "120 elsewhere.",
            .min = 0,
            .max = 3600,
            .sample = "120"}));
}

}  // namespace

const std::vector<SettingGroup<Config>>& DaemonSettings() {
  static const auto& groups = *new std::vector<SettingGroup<Config>>{
      FolderAndAddresses(), HttpPortGroup(),  PullGroup(),
      FirstDialectGroup(),  MemoryAndDisk(),  Logging(),
      ForestGroup(),        DuplicateGroup(), JobGroup(),
      EmbeddingChoice()};
  return groups;
}

const std::vector<BoundSetting<EmbeddingProfileOptions>>& ProfileSettings() {
  static const auto& rows = *[] {
    auto* result = new ProfileRows;
    AppendModelRows(*result);
    AppendKeyRows(*result);
    AppendPrefixRows(*result);
    AppendLimitRows(*result);
    return result;
  }();
  return rows;
}

const BoundSetting<Config>* FindDaemonSetting(absl::string_view key) {
  for (const SettingGroup<Config>& group : DaemonSettings()) {
    for (const BoundSetting<Config>& row : group.settings) {
      if (row.setting.key == key) {
        return &row;
      }
    }
  }
  return nullptr;
}

const BoundSetting<EmbeddingProfileOptions>* FindProfileSetting(
    absl::string_view key) {
  for (const BoundSetting<EmbeddingProfileOptions>& row : ProfileSettings()) {
    if (row.setting.key == key) {
      return &row;
    }
  }
  return nullptr;
}

const std::vector<std::string>& FlatKeys() {
  static const auto& keys = *[] {
    auto* result = new std::vector<std::string>;
    for (const SettingGroup<Config>& group : DaemonSettings()) {
      for (const BoundSetting<Config>& row : group.settings) {
        result->push_back(row.setting.key);
      }
    }
    for (const BoundSetting<Profile>& row : ProfileSettings()) {
      if (row.setting.key != "name") {
        result->push_back(
            absl::StrCat(kEmbeddingSection, ".", row.setting.key));
      }
    }
    return result;
  }();
  return keys;
}

const Setting* FindFlatSetting(absl::string_view key) {
  if (const BoundSetting<Config>* row = FindDaemonSetting(key)) {
    return &row->setting;
  }
  const std::string prefix = absl::StrCat(kEmbeddingSection, ".");
  if (!absl::StartsWith(key, prefix)) {
    return nullptr;
  }
  const BoundSetting<Profile>* row =
      FindProfileSetting(key.substr(prefix.size()));
  return row == nullptr || row->setting.key == "name" ? nullptr : &row->setting;
}

std::string VariableOf(absl::string_view key) {
  return absl::StrCat(
      "COPSE_", absl::AsciiStrToUpper(absl::StrReplaceAll(key, {{".", "_"}})));
}

std::string FlagOf(absl::string_view key) {
  return absl::StrCat("--", absl::StrReplaceAll(key, {{".", "-"}, {"_", "-"}}));
}

}  // namespace copse
