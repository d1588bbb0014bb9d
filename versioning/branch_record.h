// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A branch: a movable name for a commit.
//
// Fields (see record_codec.h for the envelope and the types), version 1:
//
//   head commit  text  at most kNameSizeBytesMax
//   version      u64   from 1, one more with every move
//   update time  time

#ifndef COPSE_VERSIONING_BRANCH_RECORD_H_
#define COPSE_VERSIONING_BRANCH_RECORD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace copse {

struct BranchRecord {
  std::string head_commit;
  uint64_t version = 1;
  absl::Time update_time;

  std::string Encode() const;
  static absl::StatusOr<BranchRecord> Parse(absl::string_view bytes);
};

}  // namespace copse

#endif  // COPSE_VERSIONING_BRANCH_RECORD_H_
