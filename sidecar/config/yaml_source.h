// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Takes a YAML file apart into settings: the only file that knows yaml-cpp
// stands beside this one.

#ifndef COPSE_SIDECAR_CONFIG_YAML_SOURCE_H_
#define COPSE_SIDECAR_CONFIG_YAML_SOURCE_H_

#include <cstddef>
#include <vector>

#include "absl/strings/string_view.h"

#include "sidecar/config/config.h"
#include "sidecar/config/config_errors.h"

namespace copse {

inline constexpr size_t kConfigFileSizeBytesMax = size_t{1} << 20;
inline constexpr size_t kEmbeddingProfileCountMax = 64;

struct YamlSettings {
  // In the order of the file. Keys of the list of profiles are such as
  // "embedding_profiles[0].url".
  std::vector<RawSetting> settings;

  // The entries of `embedding_profiles`, and the line each begins on.
  std::vector<int> profile_lines;
};

// Returns the settings of the YAML document `content`, which the file `path`
// holds; adds what is not as it should be to `errors`: syntax, unknown and
// repeated keys, lists and sections where a value belongs, and the reverse.
YamlSettings ParseYamlSettings(absl::string_view path,
                               absl::string_view content, ConfigErrors& errors);

}  // namespace copse

#endif  // COPSE_SIDECAR_CONFIG_YAML_SOURCE_H_
