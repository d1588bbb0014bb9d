// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// "Did you mean ...?"

#ifndef COPSE_SIDECAR_CONFIG_SUGGESTION_H_
#define COPSE_SIDECAR_CONFIG_SUGGESTION_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace copse {

// Returns how many characters must be put in, taken out, replaced or swapped
// with their neighbour to make `target` of `source` (optimal string alignment).
// Time goes with the product of the lengths.
size_t EditDistance(absl::string_view source, absl::string_view target);

// Returns ", did you mean 'NAME'?" for the candidate nearest to `name`, or ""
// if none is near. Case and the difference of '-' and '_' do not count, and a
// candidate that begins with `name` is near.
std::string DidYouMean(absl::string_view name,
                       const std::vector<std::string>& candidates);

}  // namespace copse

#endif  // COPSE_SIDECAR_CONFIG_SUGGESTION_H_
