// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A lease: a name that keeps a commit until a time.
//
// LeaseRecord, fields (see record_codec.h for the envelope and the types),
// version 1:
//
//   commit       text  at most kNameSizeBytesMax
//   create time  time
//   expire time  time

#ifndef COPSE_VERSIONING_LEASE_RECORD_H_
#define COPSE_VERSIONING_LEASE_RECORD_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace copse {

// The value under LeaseKey().
struct LeaseRecord {
  std::string commit;
  absl::Time create_time;
  absl::Time expire_time;

  std::string Encode() const;
  static absl::StatusOr<LeaseRecord> Parse(absl::string_view bytes);

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_LEASE_RECORD_H_
