// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What differs between two commits.
//
//   COPSE_RETURN_IF_ERROR(DiffRows(domain, base_rows, target_rows,
//                                  {.with_distances = true}, visit));

#ifndef COPSE_VERSIONING_DIFF_H_
#define COPSE_VERSIONING_DIFF_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "versioning/domain.h"
#include "versioning/row_set.h"
#include "versioning/store.h"

namespace copse {

// Calls `visit` with each document in which the rows `target` differ from the
// rows `base`, as `options` say, but for its names; stops at the first status
// that is not OK. Takes time and memory that go with the difference.
absl::Status DiffRows(
    const Domain& domain, const RowSet& base, const RowSet& target,
    const DiffOptions& options,
    const std::function<absl::Status(const DocumentChange&)>& visit);

}  // namespace copse

#endif  // COPSE_VERSIONING_DIFF_H_
