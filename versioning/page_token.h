// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Page tokens of listings: where the next page begins, in a form that callers
// cannot read and that fits no other listing.
//
//   std::string token = MakePageToken(PageTokenKind::kBranches, 7, "main");
//   COPSE_ASSIGN_OR_RETURN(std::string last_key,
//                          ParsePageToken(PageTokenKind::kBranches, 7, token));
//
// A token holds the last key of its page, so entries that come and go between
// two pages make no other entry appear twice or not at all.

#ifndef COPSE_VERSIONING_PAGE_TOKEN_H_
#define COPSE_VERSIONING_PAGE_TOKEN_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

enum class PageTokenKind : uint8_t {
  kDomains = 1,
  kCommits = 2,
  kBranches = 3,
  kLeases = 4,
  kJobs = 5,
};

// Returns the token of the page after the entry with `last_key`.
// `domain_number` is 0 for listings that are not of one domain.
std::string MakePageToken(PageTokenKind kind, uint32_t domain_number,
                          absl::string_view last_key);

// Returns the key that `token` was made of. Fails with kInvalidArgument,
// PAGE_TOKEN_INVALID, if it was not made for this kind and domain.
absl::StatusOr<std::string> ParsePageToken(PageTokenKind kind,
                                           uint32_t domain_number,
                                           absl::string_view token);

// Returns how many entries a page may have: `page_size`, at most
// kPageSizeMax, or the default for 0. Fails with kInvalidArgument,
// PAGE_SIZE_INVALID, for a negative size.
inline constexpr int32_t kPageSizeDefault = 50;
inline constexpr int32_t kPageSizeMax = 1000;
absl::StatusOr<size_t> EffectivePageSize(int32_t page_size);

}  // namespace copse

#endif  // COPSE_VERSIONING_PAGE_TOKEN_H_
