// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/service/filter_warnings.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/service/commit_resolver.h"
#include "versioning/commit_reader.h"
#include "versioning/search_filter.h"

namespace copse {
namespace {

// A request may name thousands.
constexpr size_t kToldNameCountMax = 10;

// Adds warnings of names of one kind, such as "type".
void AddWarnings(absl::string_view commit, absl::string_view kind,
                 const std::vector<std::string>& missing,
                 const std::vector<std::string>& known,
                 std::vector<std::string>& warnings) {
  std::string hint;
  if (!known.empty()) {
    const auto format = [](std::string* out, const std::string& name) {
      absl::StrAppend(out, name.empty() ? "''" : name);
    };
    hint =
        absl::StrFormat("; %ss: %s%s", kind, absl::StrJoin(known, ", ", format),
                        known.size() < kKnownNameCountMax ? "" : ", ...");
  }
  const size_t count = std::min(missing.size(), kToldNameCountMax);
  for (size_t i = 0; i < count; ++i) {
    warnings.push_back(absl::StrFormat("no document of commit %s has %s '%s'%s",
                                       commit, kind, missing[i], hint));
  }
  if (missing.size() > count) {
    warnings.push_back(
        absl::StrFormat("and none has one of %d more %ss of the filter",
                        missing.size() - count, kind));
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindFilterWarnings(
    const ResolvedCommit& at, const std::vector<std::string>& types,
    const SearchFilter& filter) {
  COPSE_ASSIGN_OR_RETURN(const MissingNames missing,
                         at.reader->FindMissingNames(types, filter));
  std::vector<std::string> warnings;
  AddWarnings(at.commit, "type", missing.types, missing.known_types, warnings);
  AddWarnings(at.commit, "attribute", missing.attributes,
              missing.known_attributes, warnings);
  return warnings;
}

}  // namespace copse
