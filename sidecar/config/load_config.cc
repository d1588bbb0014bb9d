// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "sidecar/config/config.h"
#include "sidecar/config/config_errors.h"
#include "sidecar/config/environment_source.h"
#include "sidecar/config/http_secret.h"
#include "sidecar/config/setting.h"
#include "sidecar/config/setting_table.h"
#include "sidecar/config/yaml_source.h"
#include "sidecar/embedding/embedder_registry.h"
#include "sidecar/embedding/embedding_profile.h"
#include "sidecar/util/file_util.h"

namespace copse {
namespace {

constexpr absl::string_view kDefaultProfileName = "default";

// Applies settings in rising precedence and checks the outcome.
class ConfigLoader {
 public:
  explicit ConfigLoader(ConfigErrors& errors) : errors_(errors) {}

  void AddYaml(const std::string& path, const YamlSettings& yaml) {
    for (const RawSetting& setting : yaml.settings) {
      Put(setting);
    }
    for (const int line : yaml.profile_lines) {
      profile_places_.push_back(absl::StrCat(path, ":", line));
    }
  }

  void Put(const RawSetting& setting) { settings_[setting.key] = setting; }

  // Takes `setting` unless its key is set.
  void PutDefault(const RawSetting& setting) {
    settings_.emplace(setting.key, setting);
  }

  bool IsSet(const std::string& key) const { return settings_.contains(key); }

  Config Finish() {
    for (const auto& [key, setting] : settings_) {
      if (const BoundSetting<Config>* row = FindDaemonSetting(key)) {
        Write(*row, setting, config_);
      }
    }
    AddProfile(std::string(kEmbeddingSection), kDefaultProfileName, "");
    for (size_t i = 0; i < profile_places_.size(); ++i) {
      AddProfile(absl::StrCat(kProfileListKey, "[", i, "]"), "",
                 profile_places_[i]);
    }
    ChooseDefaultProfile();
    return std::move(config_);
  }

 private:
  template <typename Target>
  void Write(const BoundSetting<Target>& row, const RawSetting& raw,
             Target& target) {
    const absl::StatusOr<SettingValue> value =
        ParseSettingValue(row.setting, raw.text);
    if (!value.ok()) {
      errors_.Add(raw.source,
                  absl::StrCat(raw.key, " ", value.status().message()));
      return;
    }
    row.write(*value, target);
    config_.sources[raw.key] = raw.source;
  }

  // Adds the profile whose settings stand under `section`, if there are any.
  // `place` is where it begins, or empty.
  void AddProfile(const std::string& section, absl::string_view name,
                  const std::string& place) {
    const std::string prefix = absl::StrCat(section, ".");
    EmbeddingProfileOptions profile;
    profile.name = std::string(name);
    bool is_set = !place.empty();
    if (IsSet(absl::StrCat(prefix, "url")) &&
        !settings_[absl::StrCat(prefix, "url")].text.empty()) {
      profile.dialect = EmbeddingDialect::kOpenAi;
    }
    const ConfigErrors::Mark before = errors_.mark();
    std::string first_source = place;
    for (const auto& row : ProfileSettings()) {
      const auto found = settings_.find(absl::StrCat(prefix, row.setting.key));
      if (found != settings_.end()) {
        is_set = true;
        if (first_source.empty()) {
          first_source = found->second.source;
        }
        Write(row, found->second, profile);
      }
    }
    if (!is_set || errors_.mark() != before) {
      return;
    }
    const absl::StatusOr<EmbeddingProfileOptions> resolved =
        ResolveProfile(profile);
    if (!resolved.ok()) {
      errors_.Add(SourceOfError(resolved.status(), prefix, first_source),
                  resolved.status().message());
      return;
    }
    if (ProfileNames().contains(resolved->name)) {
      errors_.Add(SourceOf(absl::StrCat(prefix, "name"), first_source),
                  absl::StrCat(prefix, "name is '", resolved->name,
                               "', which another profile has, expected a name "
                               "of its own"));
      return;
    }
    config_.embedding_profiles.push_back(*resolved);
    config_.profile_keys.push_back(section);
  }

  std::string SourceOf(const std::string& key, const std::string& fallback) {
    const auto found = settings_.find(key);
    return found == settings_.end() ? fallback : found->second.source;
  }

  // The embedding library names the setting without its unit.
  std::string SourceOfError(const absl::Status& status,
                            const std::string& prefix,
                            const std::string& fallback) {
    const std::optional<ErrorReason> reason = ReasonOf(status);
    if (!reason.has_value()) {
      return fallback;
    }
    for (const auto& [name, value] : reason->metadata) {
      if (name == "setting") {
        const std::string key = absl::StrCat(prefix, value);
        return SourceOf(key, SourceOf(absl::StrCat(key, "_seconds"), fallback));
      }
    }
    return fallback;
  }

  std::set<std::string> ProfileNames() const {
    std::set<std::string> names;
    for (const EmbeddingProfileOptions& profile : config_.embedding_profiles) {
      names.insert(profile.name);
    }
    return names;
  }

  // The profile of `embedding` comes first in the list, so the first one is
  // the right one unless the setting says else.
  void ChooseDefaultProfile() {
    std::string& name = config_.default_embedding_profile;
    if (name.empty()) {
      name = config_.embedding_profiles.empty()
                 ? std::string(kBuiltinProfileName)
                 : config_.embedding_profiles.front().name;
      return;
    }
    std::set<std::string> names = ProfileNames();
    names.insert(std::string(kBuiltinProfileName));
    // A profile that is wrong is not among the names, and reported already.
    if (!names.contains(name) && errors_.mark() == ConfigErrors::Mark()) {
      errors_.Add(
          SourceOf("default_embedding_profile", "default"),
          absl::StrCat("default_embedding_profile is '", name,
                       "', expected one of ", absl::StrJoin(names, ", ")));
    }
  }

  ConfigErrors& errors_;
  std::map<std::string, RawSetting> settings_;
  std::vector<std::string> profile_places_;  // Of the list, in its order.
  Config config_;
};

}  // namespace

absl::StatusOr<Config> LoadConfig(const ConfigSources& sources) {
  ConfigErrors errors;
  ConfigLoader loader(errors);
  if (!sources.file.empty()) {
    COPSE_ASSIGN_OR_RETURN(const std::string content,
                           ReadTextFile(sources.file, kConfigFileSizeBytesMax));
    loader.AddYaml(sources.file,
                   ParseYamlSettings(sources.file, content, errors));
  }
  const EnvironmentSettings environment =
      ParseEnvironment(sources.environment, errors);
  for (const RawSetting& setting : environment.settings) {
    loader.Put(setting);
  }
  for (const RawSetting& setting : sources.flags) {
    loader.Put(setting);
  }
  for (const RawSetting& setting : environment.defaults) {
    loader.PutDefault(setting);
  }
  Config config = loader.Finish();
  COPSE_RETURN_IF_ERROR(errors.ToStatus());
  return config;
}

namespace {

std::string SourceOf(const Config& config, const std::string& key) {
  const auto found = config.sources.find(key);
  return found == config.sources.end() ? "default" : found->second;
}

absl::Status CheckHttpPort(const Config& config) {
  if (!config.http_address.has_value()) {
    return absl::OkStatus();
  }
  if (!config.http_admin_secret_env.empty() &&
      !config.http_admin_secret_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        SourceOf(config, "http_admin_secret_file"),
        ": http_admin_secret_file is set as well as http_admin_secret_env, "
        "expected one of the two"));
  }
  if (config.http_tls_certificate_file.empty() !=
      config.http_tls_key_file.empty()) {
    return absl::InvalidArgumentError(
        "one of http_tls_certificate_file and http_tls_key_file is set, "
        "expected both or none");
  }
  const bool is_unset = config.http_admin_secret_env.empty() &&
                        config.http_admin_secret_file.empty();
  return is_unset ? CheckHttpSecret(config, kDefaultHttpSecret)
                  : absl::OkStatus();
}

}  // namespace

absl::Status CheckServable(const Config& config) {
  if (config.data.empty()) {
    return absl::InvalidArgumentError(
        "data is not set, expected the data folder: --data PATH, COPSE_DATA or "
        "'data:' in the configuration file");
  }
  if (!config.grpc_address.IsLoopback() && !config.grpc_allow_unauthenticated) {
    return absl::InvalidArgumentError(absl::StrCat(
        SourceOf(config, "grpc_address"), ": grpc_address is ",
        config.grpc_address.ToString(),
        ", which other machines can reach, and gRPC has no authentication yet; "
        "expected a loopback address such as 127.0.0.1:",
        config.grpc_address.port, ", or grpc_allow_unauthenticated: true"));
  }
  return CheckHttpPort(config);
}

}  // namespace copse
