// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Where calls of RocksDB end: it reports nearly everything by status, but
// memory and threads that cannot be had are thrown.
//
//   return Fenced([&]() -> absl::Status {
//     return FromRocksStatus(db->Put(...));
//   });

#ifndef COPSE_VERSIONING_ROCKS_FENCE_H_
#define COPSE_VERSIONING_ROCKS_FENCE_H_

#include <exception>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace copse {

// Runs `work`, which calls RocksDB, and returns its status.
template <typename Work>
absl::Status Fenced(Work work) {
  try {
    return work();
  } catch (const std::exception& exception) {
    return absl::ResourceExhaustedError(
        absl::StrCat("database: ", exception.what()));
  }
}

}  // namespace copse

#endif  // COPSE_VERSIONING_ROCKS_FENCE_H_
