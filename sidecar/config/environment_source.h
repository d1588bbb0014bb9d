// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds settings among the variables of the environment.

#ifndef COPSE_SIDECAR_CONFIG_ENVIRONMENT_SOURCE_H_
#define COPSE_SIDECAR_CONFIG_ENVIRONMENT_SOURCE_H_

#include <string>
#include <utility>
#include <vector>

#include "sidecar/config/config.h"
#include "sidecar/config/config_errors.h"

namespace copse {

struct EnvironmentSettings {
  // In rising precedence.
  std::vector<RawSetting> settings;

  // For keys that nothing else sets: VectorLink's own defaults, if one of its
  // embedding variables is set.
  std::vector<RawSetting> defaults;
};

// Returns the settings that `variables`, names and values, hold; adds to
// `errors` each COPSE_ variable that is none of ours. Passed over are names
// that other programs of copse use (COPSE_SERVER and others), and those that
// Kubernetes makes for a service named copse (COPSE_PORT_7373_TCP and others).
EnvironmentSettings ParseEnvironment(
    const std::vector<std::pair<std::string, std::string>>& variables,
    ConfigErrors& errors);

}  // namespace copse

#endif  // COPSE_SIDECAR_CONFIG_ENVIRONMENT_SOURCE_H_
