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
#include "sidecar/text/code_points.h"
#include "versioning/commit_reader.h"
#include "versioning/search_filter.h"

namespace copse {
namespace {

// A request may name thousands, each as long as the request.
constexpr size_t kToldNameCountMax = 10;
constexpr size_t kShownSizeBytesMax = 256;

// What names are, behind "has", and many of them.
struct NameKind {
  absl::string_view one;
  absl::string_view many;
};

std::string Shown(absl::string_view name) {
  return name.size() <= kShownSizeBytesMax
             ? std::string(name)
             : absl::StrCat(
                   name.substr(0, CodePointStart(name, kShownSizeBytesMax)),
                   "...");
}

void AddWarnings(absl::string_view commit, const NameKind& kind,
                 const std::vector<std::string>& missing,
                 const std::vector<std::string>& known,
                 std::vector<std::string>& warnings) {
  std::string hint;
  if (!known.empty()) {
    const auto format = [](std::string* out, const std::string& name) {
      absl::StrAppend(out, name.empty() ? "''" : name);
    };
    hint = absl::StrFormat("; %s: %s%s", kind.many,
                           absl::StrJoin(known, ", ", format),
                           known.size() < kKnownNameCountMax ? "" : ", ...");
  }
  const size_t count = std::min(missing.size(), kToldNameCountMax);
  for (size_t i = 0; i < count; ++i) {
    warnings.push_back(absl::StrFormat("no document of commit %s has %s '%s'%s",
                                       commit, kind.one, Shown(missing[i]),
                                       hint));
  }
  if (missing.size() > count) {
    warnings.push_back(
        absl::StrFormat("and none has one of %d more %s of the filter",
                        missing.size() - count, kind.many));
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindFilterWarnings(
    const ResolvedCommit& at, const std::vector<std::string>& types,
    const std::vector<std::string>& document_ids, const SearchFilter& filter) {
  COPSE_ASSIGN_OR_RETURN(
      const MissingNames missing,
      at.reader->FindMissingNames(types, document_ids, filter));
  std::vector<std::string> warnings;
  AddWarnings(at.commit, {"type", "types"}, missing.types, missing.known_types,
              warnings);
  AddWarnings(at.commit, {"attribute", "attributes"}, missing.attributes,
              missing.known_attributes, warnings);
  AddWarnings(at.commit, {"ID", "IDs"}, missing.document_ids, {}, warnings);
  AddWarnings(at.commit, {"an ID that begins with", "beginnings of IDs"},
              missing.id_prefixes, {}, warnings);
  return warnings;
}

}  // namespace copse
