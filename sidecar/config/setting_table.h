// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The one table of all settings. The YAML file, the environment, the flags,
// --help, --print-config and the sample file all follow from it: a new setting
// is a member of Config and a row here.

#ifndef COPSE_SIDECAR_CONFIG_SETTING_TABLE_H_
#define COPSE_SIDECAR_CONFIG_SETTING_TABLE_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "sidecar/config/config.h"
#include "sidecar/config/setting.h"
#include "sidecar/embedding/embedding_profile.h"

namespace copse {

inline constexpr absl::string_view kEmbeddingSection = "embedding";
inline constexpr absl::string_view kProfileListKey = "embedding_profiles";

// A setting and the member of a Target that holds its value.
template <typename Target>
struct BoundSetting {
  Setting setting;

  // REQUIRES: the value is one that ParseSettingValue() returned for `setting`.
  std::function<void(const SettingValue&, Target&)> write;

  // Returns nullopt if the member has no value.
  std::function<std::optional<SettingValue>(const Target&)> read;
};

// Settings that belong together, under a heading.
template <typename Target>
struct SettingGroup {
  std::string heading;
  std::vector<BoundSetting<Target>> settings;
};

// The settings of the daemon, in the order in which they are shown.
const std::vector<SettingGroup<Config>>& DaemonSettings();

// The settings of a profile: keys without the "embedding." before them. The
// first one, `name`, is for the profiles of the list alone.
const std::vector<BoundSetting<EmbeddingProfileOptions>>& ProfileSettings();

// Returns the row of `key`, or null.
const BoundSetting<Config>* FindDaemonSetting(absl::string_view key);
const BoundSetting<EmbeddingProfileOptions>* FindProfileSetting(
    absl::string_view key);

// Returns the keys that the environment and flags can set: those of the
// daemon, and those of `embedding`, such as "embedding.url".
const std::vector<std::string>& FlatKeys();

// Returns the setting of a flat key, or null.
const Setting* FindFlatSetting(absl::string_view key);

// "forest.fan_out" -> "COPSE_FOREST_FAN_OUT" and "--forest-fan-out".
std::string VariableOf(absl::string_view key);
std::string FlagOf(absl::string_view key);

}  // namespace copse

#endif  // COPSE_SIDECAR_CONFIG_SETTING_TABLE_H_
