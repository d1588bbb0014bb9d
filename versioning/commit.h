// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What callers say and learn about domains, commits and branches: plain values.

#ifndef COPSE_VERSIONING_COMMIT_H_
#define COPSE_VERSIONING_COMMIT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "index/metric.h"
#include "versioning/lexical/lexical_options.h"

namespace copse {

using Fingerprint = std::array<std::byte, 32>;
using ProfileHash = std::array<std::byte, 32>;

// Which commits of a domain garbage collection may delete: those that no rule
// keeps. Whatever the rules say, it keeps the newest commit, the head of every
// branch, every commit under a lease and the parents of pushes in flight.
struct RetentionPolicy {
  // The commits with the latest create time that are kept. 0: no rule.
  uint32_t keep_last_count = 0;

  // How long after its create time a commit is kept, in whole seconds. 0: no
  // rule.
  absl::Duration keep_younger_than = absl::ZeroDuration();

  // Branches whose heads are kept with everything they descend from; at most
  // kRetainedBranchCountMax. Those that do not exist keep nothing.
  std::vector<std::string> keep_branches = {};

  // Without a rule every commit is kept.
  bool has_rules() const {
    return keep_last_count != 0 || keep_younger_than != absl::ZeroDuration() ||
           !keep_branches.empty();
  }

  friend bool operator==(const RetentionPolicy&,
                         const RetentionPolicy&) = default;
};

inline constexpr uint32_t kRetainedBranchCountMax = 64;

// 272 years: what is added to a time of copse stays one.
inline constexpr int64_t kRetentionSecondsMax = (int64_t{1} << 33) - 1;

// How the texts of a domain become chunks. The store keeps it and does not know
// what a token is.
struct Chunking {
  // The values are stored.
  enum class Mode : uint8_t {
    kWhole = 1,     // A document is one chunk.
    kBoundary = 2,  // Cut where paragraphs, sentences or words end.
    kWindow = 3,    // Windows of so many tokens, cut anywhere.
  };

  Mode mode = Mode::kWhole;

  // The tokens of a chunk at most, and those that it shares with the one before
  // it, which are fewer. Zero, and `tokenizer` empty, if documents are whole.
  uint32_t chunk_token_count = 0;
  uint32_t overlap_token_count = 0;

  // What counts the tokens; at most kNameSizeBytesMax.
  std::string tokenizer = {};

  friend bool operator==(const Chunking&, const Chunking&) = default;
};

// Limits of the templates of a domain: how many there are, and the bytes of all
// with their types.
inline constexpr size_t kTemplateCountMax = 64;
inline constexpr size_t kTemplatesSizeBytesMax = size_t{256} << 10;

// What a domain fixes when it is created.
struct DomainOptions {
  std::string domain = {};
  Metric metric = Metric::kCosine;

  // In [1, kDimensionMax].
  uint32_t dimension = 0;

  // The embedding profile that makes vectors of texts, and its hash. Empty and
  // zero for a domain that takes ready vectors only.
  std::string embedding_profile = {};
  ProfileHash profile_hash = {};

  // The vector of a fixed probe text when the domain was created, so that a
  // changed URL can be told from a changed model. Empty without a profile.
  std::vector<float> probe_vector = {};

  Chunking chunking = {};

  // Free text of the user, at most 4096 bytes.
  std::string description = {};

  // How texts become words.
  LexicalOptions lexical = {};

  // What garbage collection keeps.
  RetentionPolicy retention = {};

  // What makes the texts of documents, by their type; "" is for those of all
  // other types. The store keeps them and does not know what they say: it is
  // given what they made.
  std::map<std::string, std::string> templates = {};

  // Whether documents that are written from now on have a second vector, of the
  // role of clustering, beside that of their first chunk.
  bool stores_clustering = false;

  // Whether the texts of documents of `type` are what a template made.
  bool HasTemplate(const std::string& type) const {
    return templates.contains(type) || templates.contains("");
  }
};

struct DomainInfo {
  DomainOptions options = {};
  uint32_t domain_number = 0;
  absl::Time create_time = {};
  int64_t commit_count = 0;

  // The numbers that the domain had before it was replaced by what was built
  // anew of it; the oldest first.
  std::vector<uint32_t> former_numbers = {};
};

struct SkippedDocument {
  std::string document_id = {};
  std::string message = {};
};

// What a push says about the commit it makes.
struct CommitOptions {
  std::string domain = {};
  std::string commit = {};

  // Empty to build from nothing. It must be complete.
  std::string parent_commit = {};

  // The branch to move to the commit; empty to move none.
  std::string branch = {};

  // If set, the commit is refused (kAborted, BRANCH_MOVED) unless the branch is
  // at this commit when the push completes; an empty string means that the
  // branch must not exist.
  std::optional<std::string> expected_branch_commit = {};

  // The database's own record, kept as given; each string at most 64 KiB.
  std::optional<absl::Time> commit_time = {};
  std::string author = {};
  std::string message = {};
};

struct CommitInfo {
  std::string domain = {};
  std::string commit = {};
  std::vector<std::string> parent_commits = {};
  std::string branch = {};  // On which it was indexed; may be empty.
  absl::Time create_time = {};
  std::optional<absl::Time> commit_time = {};
  std::string author = {};
  std::string message = {};
  int64_t document_count = 0;
  int64_t vector_count = 0;
  int64_t inserted_count = 0;  // Against the parent.
  int64_t replaced_count = 0;
  int64_t deleted_count = 0;
  int64_t unknown_delete_count = 0;  // Deletes of IDs that were not there.
  int64_t token_count = 0;           // Paid to the embedding provider.
  int64_t written_size_bytes = 0;
  std::vector<SkippedDocument> skipped_documents = {};
  Fingerprint fingerprint = {};
};

struct BranchInfo {
  std::string domain = {};
  std::string branch = {};
  std::string head_commit = {};
  uint64_t version = 0;  // Grows by one with every move, from 1.
  absl::Time update_time = {};
};

// A name that keeps a commit from being deleted until it expires.
struct LeaseInfo {
  std::string domain = {};
  std::string lease = {};
  std::string commit = {};
  absl::Time create_time = {};
  absl::Time expire_time = {};
};

}  // namespace copse

#endif  // COPSE_VERSIONING_COMMIT_H_
