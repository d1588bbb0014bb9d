// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Chooses files by patterns of their paths, as .gitignore writes them:
//
//   *        any characters but '/'           ?      one character but '/'
//   **       any number of folders            [a-z]  one of a set, [!a] none
//   {md,txt} either of the two                \*     the character itself
//
// A pattern without '/' (other than at its end) matches a name in any folder,
// one with '/' starts at the root of the repository. A pattern that matches a
// folder matches everything in it.
//
//   COPSE_CLIENT_ASSIGN_OR_RETURN(
//       PathFilter filter, PathFilter::Create({"docs/**", "*.md"},
//       {"vendor"}));
//   filter.Matches("docs/guide/start.txt");   // true
//   filter.Matches("vendor/README.md");       // false
//
// Invariants: what is excluded is never included; without patterns to include,
// every path is. Matching takes time in proportion to at most the product of
// the lengths of path and pattern.

#ifndef COPSE_CLIENTS_CLI_PATH_FILTER_H_
#define COPSE_CLIENTS_CLI_PATH_FILTER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace copse {

// One pattern without alternatives in braces. Thread safety: immutable.
class PathPattern {
 public:
  // Fails with kInvalidArgument naming the pattern and what is wrong with it.
  static absl::StatusOr<PathPattern> Parse(absl::string_view pattern);

  // Whether the pattern matches `path`, of which the parts are separated by
  // '/', or one of the folders it is in.
  bool Matches(absl::string_view path) const;

 private:
  // Between slashes; a segment `**` matches any number of parts of a path.
  std::vector<std::string> segments_;
  bool matches_folders_only_ = false;
};

// Thread safety: immutable.
class PathFilter {
 public:
  // A filter that every path passes.
  PathFilter() = default;

  // Fails with kInvalidArgument naming the pattern and what is wrong with it.
  static absl::StatusOr<PathFilter> Create(
      const std::vector<std::string>& included,
      const std::vector<std::string>& excluded);

  bool Matches(absl::string_view path) const;

 private:
  std::vector<PathPattern> included_;
  std::vector<PathPattern> excluded_;
};

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_PATH_FILTER_H_
