// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a commit of git:
//
//   tree 40 hexadecimal digits
//   parent 40 hexadecimal digits           none, one or more
//   author NAME <MAIL> SECONDS ZONE
//   committer NAME <MAIL> SECONDS ZONE
//   encoding NAME                          and others, in any order; a line
//    that begins with a space goes on      that begins so belongs to the last
//
//   message
//
// Old tools and converters wrote authors and committers of every kind; git
// walks over such commits, and libgit2 refuses them whole. Here only the tree
// and the parents have to be right.

#ifndef COPSE_CLIENTS_CLI_COMMIT_OBJECT_H_
#define COPSE_CLIENTS_CLI_COMMIT_OBJECT_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "clients/cli/git_repository.h"

namespace copse {

// Views are of the bytes that were parsed.
struct CommitObject {
  GitId tree = {};
  std::optional<GitId> first_parent;

  // "NAME <MAIL>", or nullopt if the line is missing or has no such form.
  std::optional<absl::string_view> author;

  // The seconds since 1970 of the committer, or nullopt as above.
  std::optional<int64_t> time_seconds;

  absl::string_view encoding;  // Empty if none is named.
  absl::string_view message;
};

// Fails with kDataLoss if `bytes` have no valid tree or a malformed parent.
absl::StatusOr<CommitObject> ParseCommitObject(absl::string_view bytes);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_COMMIT_OBJECT_H_
