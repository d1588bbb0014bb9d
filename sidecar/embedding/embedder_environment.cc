// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/embedding/embedder_environment.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace copse {
namespace {

// How soon a sleeper notices that it was cancelled.
constexpr absl::Duration kSleepSlice = absl::Milliseconds(50);

void SleepUnlessCancelled(absl::Duration duration,
                          const std::function<bool()>& cancelled) {
  const absl::Time end = absl::Now() + duration;
  while (!(cancelled && cancelled())) {
    const absl::Duration rest = end - absl::Now();
    if (rest <= absl::ZeroDuration()) {
      return;
    }
    absl::SleepFor(std::min(rest, kSleepSlice));
  }
}

// Delays of many daemons must not agree, so each thread has its own seed from
// the operating system.
double UniformRandom() {
  thread_local std::mt19937_64 engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0.0, 1.0)(engine);
}

std::optional<std::string> ProcessVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    return std::nullopt;
  }
  return std::string(value);
}

}  // namespace

EmbedderEnvironment WithDefaults(EmbedderEnvironment environment) {
  if (!environment.clock) {
    environment.clock = [] { return absl::Now(); };
  }
  if (!environment.sleep) {
    environment.sleep = SleepUnlessCancelled;
  }
  if (!environment.random) {
    environment.random = UniformRandom;
  }
  if (!environment.environment_variable) {
    environment.environment_variable = ProcessVariable;
  }
  return environment;
}

}  // namespace copse
