// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What to tell somebody who filters by a type, an attribute, an ID or the
// beginning of one that no document of the commit has: it was probably
// mistyped, and a check that finds nothing for it has checked nothing.
//
//   COPSE_ASSIGN_OR_RETURN(
//       response.warnings,
//       FindFilterWarnings(at, settings.types, settings.document_ids, filter));

#ifndef COPSE_SIDECAR_SERVICE_FILTER_WARNINGS_H_
#define COPSE_SIDECAR_SERVICE_FILTER_WARNINGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "sidecar/service/commit_resolver.h"
#include "versioning/search_filter.h"

namespace copse {

// Returns a sentence for each of `types` and `document_ids`, and of the
// attributes and beginnings of IDs in `filter`, that no document of the commit
// has, such as "no document of commit c1 has type 'Paeg'; types: Film, Page";
// of many names the first ones, and of long ones the beginning. What is not
// told is in CommitReader::FindMissingNames(). Fails with kDataLoss.
absl::StatusOr<std::vector<std::string>> FindFilterWarnings(
    const ResolvedCommit& at, const std::vector<std::string>& types,
    const std::vector<std::string>& document_ids,
    const SearchFilter& filter = {});

}  // namespace copse

#endif  // COPSE_SIDECAR_SERVICE_FILTER_WARNINGS_H_
