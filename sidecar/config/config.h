// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The configuration of copsed: from a YAML file, the environment and flags, in
// rising precedence.
//
//   ConfigSources sources;
//   sources.file = "/etc/copse/copsed.yaml";
//   sources.environment = ReadEnvironment();
//   sources.flags = command_line.settings;
//   COPSE_ASSIGN_OR_RETURN(Config config, LoadConfig(sources));
//
// A key of the file is the words of a setting, with sections for what has a
// dot; a variable is COPSE_ and the key in capitals, a dot being an underscore;
// a flag is -- and the key, dots and underscores being dashes:
//
//   forest:              COPSE_FOREST_FAN_OUT=64      --forest-fan-out 64
//     fan_out: 64
//
// Existing deployments of VectorLink set VECTORLINK_EMBED_PROVIDER,
// VECTORLINK_EMBED_URL, VECTORLINK_MODEL, VECTORLINK_DIM,
// VECTORLINK_EMBED_BATCH_SIZE and VECTORLINK_TOKENIZER_PATH. Each is an alias of a setting of `embedding`,
// below its own variable; when one of them is set, the others have VectorLink's
// defaults instead of ours. VECTORLINK_PORT, VECTORLINK_DATA_DIR,
// VECTORLINK_ADMIN_USER, VECTORLINK_ADMIN_SECRET, VECTORLINK_SEARCH_READY,
// TERMINUSDB_CONTENT_ENDPOINT and TERMINUSDB_USER_FORWARD_HEADER are aliases,
// too, and bring no defaults.
//
// Invariants:
//
// * What is not understood is an error, never ignored: each names the place
//   (FILE:LINE, the variable or the flag), the key, what was found and what
//   was expected. All errors are reported at once, one on a line.
// * A Config holds no secret: API keys and the secret of the HTTP port are
//   named by variable or file.

#ifndef COPSE_SIDECAR_CONFIG_CONFIG_H_
#define COPSE_SIDECAR_CONFIG_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/util/logger.h"
#include "sidecar/util/network_address.h"

namespace copse {

// Which dialects of VectorLink the HTTP port speaks.
enum class VectorLinkDialect { kAuto, kV1, kV2 };

// The members have the defaults and the names of the settings; setting_table.cc
// says what each is for and what it may be.
struct Config {
  std::string data;
  std::string backup_folder;  // Empty for none.
  NetworkAddress grpc_address = {"127.0.0.1", 7373};
  bool grpc_allow_unauthenticated = false;
  std::optional<NetworkAddress> metrics_address =
      NetworkAddress{"127.0.0.1", 7374};  // Unset for none.
  // Unset for none. "localhost" is 127.0.0.1 and ::1.
  std::optional<NetworkAddress> http_address =
      NetworkAddress{"localhost", 7372};
  std::string http_admin_user = "admin";
  std::string http_admin_secret_env;  // Both empty for the secret "root".
  std::string http_admin_secret_file;
  bool allow_default_secret = false;
  std::string http_cors_origins;          // Separated by commas.
  std::string http_tls_certificate_file;  // Both empty for no TLS.
  std::string http_tls_key_file;
  int64_t http_json_body_size_bytes_max = int64_t{16} << 20;
  int64_t push_line_size_bytes_max = int64_t{64} << 20;
  uint32_t http_connection_count_max = 1024;
  bool http_compression = true;
  bool search_ready = true;
  absl::Duration shutdown_timeout = absl::Seconds(30);
  bool core_dumps = false;

  std::string content_endpoint;           // Empty for none.
  std::string user_forward_header;        // Empty for none.
  std::string content_authorization_env;  // Empty for none.
  std::string content_ca_file;  // Empty for the system's certificates.

  VectorLinkDialect vectorlink_dialect = VectorLinkDialect::kAuto;
  bool vectorlink_v1_anonymous = false;
  absl::Duration v1_assign_wait = absl::Minutes(10);
  bool api_key_from_request = false;
  std::string embedding_urls_from_request;  // Separated by commas.

  int64_t pool_size_bytes = int64_t{1} << 30;
  int64_t embedding_cache_size_bytes = int64_t{4} << 30;
  int64_t free_space_min_bytes = int64_t{1} << 30;
  uint32_t thread_count = 0;  // 0 for one for each processor.

  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;

  uint32_t forest_leaf_row_count = 64;
  uint32_t forest_fan_out = 128;
  uint32_t forest_tree_count = 1;
  uint32_t forest_row_count_min = 2048;
  bool fold_in_background = true;

  uint32_t duplicates_concurrency_max = 8;
  int64_t duplicates_spill_size_bytes_max = int64_t{4} << 30;

  uint32_t jobs_concurrency_max = 8;
  uint32_t jobs_retention_days = 7;
  uint32_t jobs_retention_count = 10'000;

  // As ResolveProfile() returned them: that of `embedding`, if any of its
  // settings is set, then those of `embedding_profiles`.
  std::vector<EmbeddingProfileOptions> embedding_profiles;

  // The name of one of them, or "builtin".
  std::string default_embedding_profile;

  // Of each profile, where its settings are: "embedding" or, for those of the
  // list, "embedding_profiles[0]".
  std::vector<std::string> profile_keys;

  // Where each value that is not a default comes from, by its key, such as
  // {"embedding.url", "copsed.yaml:3"}.
  std::map<std::string, std::string> sources;
};

// The value of a setting as text, before it is parsed, and where it stands.
struct RawSetting {
  std::string key;     // Such as "forest.fan_out".
  std::string text;    // Such as "64".
  std::string source;  // Such as "copsed.yaml:3" or "flag --forest-fan-out".
};

struct ConfigSources {
  std::string file = {};  // Empty for none.

  // Names and values of all variables; those that are not ours are passed over.
  std::vector<std::pair<std::string, std::string>> environment = {};

  // In the order given; the last one of a key wins.
  std::vector<RawSetting> flags = {};
};

// Returns the variables of this process.
std::vector<std::pair<std::string, std::string>> ReadEnvironment();

// Reads all sources. Fails with kInvalidArgument as said at the head of this
// file, and with what ReadTextFile() fails with if there is no such file.
absl::StatusOr<Config> LoadConfig(const ConfigSources& sources);

// Returns OK if a daemon can serve with `config`: `data` is set, neither gRPC
// nor HTTP with the default secret is open to other machines unless that was
// asked for, and what belongs together is set together.
absl::Status CheckServable(const Config& config);

// Returns `config` as a YAML file that gives the same configuration, with the
// source of each value in a comment. Only a secret in a URL, where it should
// not be, is left out.
std::string PrintConfig(const Config& config);

// Returns a YAML file that explains every setting and sets none but `data`.
std::string SampleConfig();

// Returns the settings for --help: flag, what it takes, default, explanation.
std::string SettingsHelp();

}  // namespace copse

#endif  // COPSE_SIDECAR_CONFIG_CONFIG_H_
