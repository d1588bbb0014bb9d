// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What differs between two commits: the rows that only one of them has, less
// the pairs with equal (document, chunk, content hash), which pushes to two
// branches make of one change.

#ifndef COPSE_VERSIONING_DIFF_H_
#define COPSE_VERSIONING_DIFF_H_

#include <functional>

#include "absl/status/status.h"

#include "versioning/domain.h"
#include "versioning/row_set.h"
#include "versioning/store.h"

namespace copse {

// Calls `visit` with each document in which the rows `target` differ from the
// rows `base`, ascending by the bytes of the ID; stops at the first status that
// is not OK. Takes time and memory that go with the difference.
absl::Status DiffRows(
    const Domain& domain, const RowSet& base, const RowSet& target,
    const std::function<absl::Status(const DocumentChange&)>& visit);

}  // namespace copse

#endif  // COPSE_VERSIONING_DIFF_H_
