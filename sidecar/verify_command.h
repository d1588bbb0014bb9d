// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// `copsed verify`: checks a data folder that no daemon has open.

#ifndef COPSE_SIDECAR_VERIFY_COMMAND_H_
#define COPSE_SIDECAR_VERIFY_COMMAND_H_

#include <ostream>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sidecar/config/config.h"

namespace copse {

// What was found, over all domains.
struct VerifySummary {
  bool damaged = false;
};

// Walks all domains of the folder config.data and writes what it found to
// `output`: a table, or one JSON object. Fails if the folder is not there or
// cannot be opened for another reason than damage, saying what to do.
absl::StatusOr<VerifySummary> VerifyDataFolder(const Config& config, bool json,
                                               std::ostream& output);

}  // namespace copse

#endif  // COPSE_SIDECAR_VERIFY_COMMAND_H_
