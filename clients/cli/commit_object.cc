// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/commit_object.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "clients/cli/git_repository.h"
#include "clients/cpp/status_macros.h"

namespace copse {
namespace {

constexpr size_t kShownSizeBytesMax = 60;

// Takes the first line, and its line feed, away from `bytes`.
absl::string_view TakeLine(absl::string_view& bytes) {
  const absl::string_view line = bytes.substr(0, bytes.find('\n'));
  bytes.remove_prefix(line.size());
  absl::ConsumePrefix(&bytes, "\n");
  return line;
}

absl::StatusOr<GitId> ParseId(absl::string_view name, absl::string_view line) {
  absl::string_view hex = line;
  if (absl::ConsumePrefix(&hex, name) && absl::ConsumePrefix(&hex, " ")) {
    if (const auto id = GitIdFromHex(hex); id.has_value()) {
      return *id;
    }
  }
  return absl::DataLossError(absl::StrFormat(
      "found '%s', wanted '%s' and 40 hexadecimal digits",
      absl::CHexEscape(line.substr(0, kShownSizeBytesMax)), name));
}

// Who and when, as an author and a committer are written.
struct Signature {
  std::optional<absl::string_view> person;
  std::optional<int64_t> time_seconds;
};

Signature ParseSignature(absl::string_view text) {
  const size_t open = text.find('<');
  const size_t close = text.rfind('>');
  if (open == absl::string_view::npos || close == absl::string_view::npos ||
      close < open) {
    return {};
  }
  Signature signature;
  signature.person = absl::StripAsciiWhitespace(text.substr(0, close + 1));
  const absl::string_view time =
      absl::StripLeadingAsciiWhitespace(text.substr(close + 1));
  int64_t seconds = 0;
  if (absl::SimpleAtoi(time.substr(0, time.find(' ')), &seconds)) {
    signature.time_seconds = seconds;
  }
  return signature;
}

}  // namespace

absl::StatusOr<CommitObject> ParseCommitObject(absl::string_view bytes) {
  CommitObject commit;
  COPSE_CLIENT_ASSIGN_OR_RETURN(commit.tree, ParseId("tree", TakeLine(bytes)));
  while (absl::StartsWith(bytes, "parent ")) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(const GitId parent,
                                  ParseId("parent", TakeLine(bytes)));
    if (!commit.first_parent.has_value()) {
      commit.first_parent = parent;
    }
  }
  while (!bytes.empty()) {
    absl::string_view line = TakeLine(bytes);
    if (line.empty()) {
      break;
    }
    if (absl::ConsumePrefix(&line, "author ")) {
      commit.author = ParseSignature(line).person;
    } else if (absl::ConsumePrefix(&line, "committer ")) {
      commit.time_seconds = ParseSignature(line).time_seconds;
    } else if (absl::ConsumePrefix(&line, "encoding ")) {
      commit.encoding = line;
    }
  }
  commit.message =
      bytes.substr(std::min(bytes.find_first_not_of('\n'), bytes.size()));
  return commit;
}

}  // namespace copse
