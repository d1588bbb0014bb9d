// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Checks a domain as it lies on disk: every manifest, live set, forest, page,
// row, text and vector that a commit reaches, every count and fingerprint, and
// that branches name commits.
//
// A live set, a page and a row are read once however many commits share them.
// The fingerprint of a commit is worked out from the one before it in time, so
// a chain of commits costs its differences; the live sets themselves are read
// from the disk and compared, which costs their size.

#ifndef COPSE_VERSIONING_VERIFY_H_
#define COPSE_VERSIONING_VERIFY_H_

#include <functional>

#include "absl/status/statusor.h"

#include "versioning/domain.h"
#include "versioning/store.h"

namespace copse {

// Damage is a finding, not an error. Fails with kCancelled if `stop`, which may
// be null, returns true, and with what reading the database fails with.
absl::StatusOr<VerifyReport> VerifyCommits(Domain& domain,
                                           const std::function<bool()>& stop);

}  // namespace copse

#endif  // COPSE_VERSIONING_VERIFY_H_
