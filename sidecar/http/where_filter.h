// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Filters by attributes and the beginnings of IDs, as parameters say them:
//
//   where=year>=1980&where=lang in (en, de)&id_prefix=Film/

#ifndef COPSE_SIDECAR_HTTP_WHERE_FILTER_H_
#define COPSE_SIDECAR_HTTP_WHERE_FILTER_H_

#include "absl/status/statusor.h"

#include "sidecar/http/parameters.h"
#include "versioning/search_filter.h"

namespace copse {

// Returns what the parameters `where`, which are conditions in the grammar of
// condition_text.h, and `id_prefix` let pass; both may be repeated. Fails with
// kInvalidArgument, naming the parameter and the condition.
absl::StatusOr<SearchFilter> SearchFilterOf(const Parameters& parameters);

}  // namespace copse

#endif  // COPSE_SIDECAR_HTTP_WHERE_FILTER_H_
