// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The manifest is the commit: a small immutable record that names everything
// else. It is written in the one synced batch that makes a commit exist.
//
// Fields (see record_codec.h for the envelope and the types), version 1
// or 2:
//
//   state                  u8    1 complete, 2 skeleton
//   parent count           u32   at most 2
//     parent commit        text  at most kNameSizeBytesMax
//     is parent known      u8    version 2 only: 0 or 1
//     parent fingerprint   32 bytes, only if 1
//   branch                 text  at most kNameSizeBytesMax, may be empty
//   create time            time
//   a skeleton of version 2:
//     has fingerprint      u8    0 or 1
//     fingerprint          32 bytes, only if 1
//   the rest is absent from a skeleton:
//   has commit time        u8    0 or 1
//   commit time            time  only if 1
//   author                 text  at most kCommitTextSizeBytesMax
//   message                text  at most kCommitTextSizeBytesMax
//   live set number        u64   0: no rows
//   preferred forest       u64   0: none
//   document count         u64   this and the next seven are below 2^63
//   vector count           u64
//   inserted count         u64
//   replaced count         u64
//   deleted count          u64
//   unknown delete count   u64
//   token count            u64
//   written size in bytes  u64
//   fingerprint sum        32 bytes
//   profile hash           32 bytes
//   skipped count          u32   at most kSkippedDocumentCountMax
//     document ID          text  at most kDocumentIdSizeBytesMax
//     message              text  at most kSkippedMessageSizeBytesMax
//
// A deleted commit leaves its skeleton, so that merge bases survive. Version 2
// is written if one of the fingerprints is known. A name is not enough: the
// commit may be deleted, and another one made under its name.

#ifndef COPSE_VERSIONING_MANIFEST_H_
#define COPSE_VERSIONING_MANIFEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "versioning/commit.h"
#include "versioning/fingerprint.h"

namespace copse {

inline constexpr size_t kCommitTextSizeBytesMax = 65536;
inline constexpr uint32_t kSkippedDocumentCountMax = uint32_t{1} << 20;
inline constexpr size_t kSkippedMessageSizeBytesMax = 4096;

struct Manifest {
  // Deleted: only what is above commit_time is left.
  bool is_skeleton = false;

  std::vector<std::string> parent_commits;  // At most two.

  // What each parent was when the commit was built from it; nullopt, or absent
  // at the end: not known.
  std::vector<std::optional<Fingerprint>> parent_fingerprints;

  // What a deleted commit was, if that is known.
  std::optional<Fingerprint> skeleton_fingerprint;

  std::string branch;
  absl::Time create_time;
  std::optional<absl::Time> commit_time;
  std::string author;
  std::string message;

  uint64_t live_set_number = 0;   // 0: no rows.
  uint64_t preferred_forest = 0;  // A forest number; 0: none.

  int64_t document_count = 0;
  int64_t vector_count = 0;
  int64_t inserted_count = 0;
  int64_t replaced_count = 0;
  int64_t deleted_count = 0;
  int64_t unknown_delete_count = 0;
  int64_t token_count = 0;
  int64_t written_size_bytes = 0;

  FingerprintSum fingerprint_sum;
  ProfileHash profile_hash = {};
  std::vector<SkippedDocument> skipped_documents;

  // Returns the record. Fails with kInvalidArgument naming the field if one is
  // beyond its bound, so that nothing is written that Parse() would refuse.
  absl::StatusOr<std::string> Encode() const;

  static absl::StatusOr<Manifest> Parse(absl::string_view bytes);

  // Adds a parent, as it is now.
  void AddParent(absl::string_view commit, const Fingerprint& fingerprint);

  // Returns what parent `i` was, or nullopt.
  std::optional<Fingerprint> ParentFingerprint(size_t i) const;

  // Returns what the commit is, or was: nullopt for the skeleton of one that
  // was deleted before fingerprints were kept.
  std::optional<Fingerprint> PublicFingerprint() const;

  // Returns what is left of the commit when it is deleted.
  Manifest Skeleton() const;

  // Returns the manifest as callers see it.
  CommitInfo ToInfo(absl::string_view domain, absl::string_view commit) const;
};

}  // namespace copse

#endif  // COPSE_VERSIONING_MANIFEST_H_
