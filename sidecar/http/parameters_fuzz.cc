// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as the query of a request and, after a line feed, its JSON body:
//
// * what is read is UTF-8, and within the range that was asked for;
// * an error is kInvalidArgument and names the parameter;
// * conditions that are understood can be searched with;
// * the same bytes as a domain and as an ID do no harm.

#include "sidecar/http/parameters.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

#include "index/util/check.h"
#include "sidecar/http/domain_path.h"
#include "sidecar/http/query_string.h"
#include "sidecar/http/where_filter.h"
#include "sidecar/service/push_line.h"
#include "versioning/search_filter.h"

namespace copse {
namespace {

void CheckError(const absl::Status& status, absl::string_view name) {
  COPSE_CHECK(status.ok() || (absl::IsInvalidArgument(status) &&
                              absl::StartsWith(status.message(), name)));
}

void CheckParameters(const Parameters& parameters) {
  for (const absl::string_view name : {"q", "domain", "doc_type"}) {
    const auto text = parameters.FindText(name);
    CheckError(text.status(), name);
    COPSE_CHECK(!text.ok() || !text->has_value() ||
                (!(*text)->empty() && IsUtf8(**text)));
    const auto list = parameters.List({name});
    CheckError(list.status(), name);
    COPSE_CHECK(!list.ok() || std::ranges::all_of(*list, IsUtf8));
  }
  const auto count = parameters.Integer("count", {1, 1000}, 10);
  CheckError(count.status(), "count");
  COPSE_CHECK(!count.ok() || (*count >= 1 && *count <= 1000));
  const auto number = parameters.FindNumber(
      "threshold", std::numeric_limits<double>::infinity());
  CheckError(number.status(), "threshold");
  COPSE_CHECK(!number.ok() || !number->has_value() || **number >= 0);
  CheckError(parameters.Flag("snippet", false).status(), "snippet");
  const absl::StatusOr<SearchFilter> filter = SearchFilterOf(parameters);
  CheckError(filter.status(),
             absl::StartsWith(filter.status().message(), "id_prefix")
                 ? "id_prefix"
                 : "where");
  COPSE_CHECK(!filter.ok() || CheckSearchFilter(*filter, "").ok());
}

}  // namespace
}  // namespace copse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\n');
  copse::Parameters parameters(input.substr(0, end));
  copse::CheckParameters(parameters);
  if (end != absl::string_view::npos &&
      parameters.AddBody(input.substr(end + 1)).ok()) {
    copse::CheckParameters(parameters);
  }
  copse::ParseDomainPath(input).status().IgnoreError();
  COPSE_CHECK(copse::DocumentTypeOf(input).size() <=
              std::max(size, absl::string_view("unknown").size()));
  return 0;
}
