// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads a component of a tokenizer.json that may be a Sequence of others.

#ifndef COPSE_SIDECAR_TEXT_COMPONENT_LIST_H_
#define COPSE_SIDECAR_TEXT_COMPONENT_LIST_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/text/json_fields.h"

namespace copse {

// Returns what `read_part(type, json)` makes of `json`, or of each part of the
// Sequence that it is, whose parts are in the field `parts_field`. Errors of a
// part begin with its type.
template <typename Part, typename ReadPart>
absl::StatusOr<std::vector<Part>> ReadComponents(const JsonElement& json,
                                                 absl::string_view parts_field,
                                                 ReadPart read_part) {
  constexpr int kDepthMax = 8;
  constexpr size_t kPartCountMax = 64;
  std::vector<Part> result;
  std::vector<std::pair<JsonElement, int>> pending = {{json, 0}};
  while (!pending.empty()) {
    const auto [component, depth] = pending.back();
    pending.pop_back();
    COPSE_ASSIGN_OR_RETURN(const std::string type,
                           StringField(component, "type"));
    if (type != "Sequence") {
      absl::StatusOr<Part> part = read_part(type, component);
      if (!part.ok()) {
        return AnnotateStatus(part.status(), type);
      }
      result.push_back(*std::move(part));
      continue;
    }
    COPSE_ASSIGN_OR_RETURN(const simdjson::dom::array parts,
                           ArrayField(component, parts_field));
    std::vector<JsonElement> part_list(parts.begin(), parts.end());
    if (depth >= kDepthMax ||
        result.size() + pending.size() + part_list.size() > kPartCountMax) {
      return absl::InvalidArgumentError(
          absl::StrFormat("'%s' has more than %d parts or %d levels",
                          parts_field, kPartCountMax, kDepthMax));
    }
    // The first is taken up first.
    for (auto part = part_list.rbegin(); part != part_list.rend(); ++part) {
      pending.emplace_back(*part, depth + 1);
    }
  }
  return result;
}

}  // namespace copse

#endif  // COPSE_SIDECAR_TEXT_COMPONENT_LIST_H_
