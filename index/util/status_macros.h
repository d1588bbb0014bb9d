// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Passes errors up without hiding the way they take.
//
//   absl::StatusOr<Leaf> ReadLeaf(PageStore& store, PageId page_id) {
//     COPSE_ASSIGN_OR_RETURN(std::vector<std::byte> bytes,
//                            store.Get(page_id));
//     COPSE_ASSIGN_OR_RETURN(ChecksumPage page, ChecksumPage::Parse(bytes));
//     COPSE_RETURN_IF_ERROR(CheckKind(page, PageKind::kLeaf));
//     return Leaf::Parse(page.payload());
//   }
//
// Both macros evaluate their expression once and return from the enclosing
// function, whose result is absl::Status or absl::StatusOr. To say where an
// error happened, see AnnotateStatus().

#ifndef COPSE_INDEX_UTIL_STATUS_MACROS_H_
#define COPSE_INDEX_UTIL_STATUS_MACROS_H_

#include <utility>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// Returns the status that `expression`, an absl::Status, has unless it is OK.
#define COPSE_RETURN_IF_ERROR(...)                 \
  do {                                             \
    absl::Status copse_status_ = (__VA_ARGS__);    \
    if (ABSL_PREDICT_FALSE(!copse_status_.ok())) { \
      return copse_status_;                        \
    }                                              \
  } while (false)

// Assigns the value of an absl::StatusOr to `target`, or returns its status.
// `target` is a declaration or something that can be assigned to. It expands
// to several statements, so it stands in a block and never alone under an if.
#define COPSE_ASSIGN_OR_RETURN(target, ...)                                  \
  COPSE_ASSIGN_OR_RETURN_(COPSE_CONCAT_(copse_status_or_, __LINE__), target, \
                          (__VA_ARGS__))

// NOLINTBEGIN(bugprone-macro-parentheses): names and declarations take none.
#define COPSE_ASSIGN_OR_RETURN_(status_or, target, expression) \
  auto status_or = expression;                                 \
  if (ABSL_PREDICT_FALSE(!status_or.ok())) {                   \
    return std::move(status_or).status();                      \
  }                                                            \
  target = *std::move(status_or)
// NOLINTEND(bugprone-macro-parentheses)

#define COPSE_CONCAT_(left, right) COPSE_CONCAT_TOKENS_(left, right)
#define COPSE_CONCAT_TOKENS_(left, right) left##right

namespace copse {

// Returns `status` with "`place`: " before its message. Code and payloads stay
// as they are, and an OK status is returned unchanged. The layer that knows a
// name for the place adds it; the layer below could only guess:
//
//   page 000000000000002a: checksum at offset 19 is 1f..., expected 8c...
//
// `place` costs a string even when all is well, so on a hot path test ok()
// first, as PageVerifier::Verify() does.
inline absl::Status AnnotateStatus(const absl::Status& status,
                                   absl::string_view place) {
  if (status.ok()) {
    return status;
  }
  absl::Status annotated(status.code(),
                         absl::StrCat(place, ": ", status.message()));
  status.ForEachPayload(
      [&annotated](absl::string_view type_url, const absl::Cord& payload) {
        annotated.SetPayload(type_url, payload);
      });
  return annotated;
}

}  // namespace copse

#endif  // COPSE_INDEX_UTIL_STATUS_MACROS_H_
