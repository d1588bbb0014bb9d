// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The fingerprint of a commit: a hash of the set of its (document, chunk,
// content hash), whatever the order in which they came and the rows that hold
// them. It is updated from the difference alone.
//
//   FingerprintSum sum = parent.fingerprint_sum;
//   sum.Remove("readme", 0, old_hash);
//   sum.Add("readme", 0, new_hash);
//   Fingerprint fingerprint = PublishFingerprint(sum, vector_count, profile);
//
// The sum is, modulo 2^256, the sum of the SHA-256 of
//
//   SIZE  FIELD, little-endian
//     16  "copse row 1" and five zero bytes
//      4  size n of the document ID in bytes
//      n  document ID
//      4  chunk
//     32  content hash
//
// each read as a little-endian number (the additive multiset hash AdHash of
// Bellare and Micciancio, 1997, section 5, over a set). It finds differences,
// and is no defence against someone who makes documents on purpose.
//
// The published fingerprint is the SHA-256 of "copse commit 1" and two zero
// bytes, the 32 bytes of the sum, the count in 8 bytes and the 32 bytes of the
// profile's hash. fingerprint_test has golden values.

#ifndef COPSE_VERSIONING_FINGERPRINT_H_
#define COPSE_VERSIONING_FINGERPRINT_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

#include "versioning/commit.h"
#include "versioning/document.h"

namespace copse {

// A sum of hashes, modulo 2^256; zero for the empty set.
class FingerprintSum {
 public:
  FingerprintSum() = default;
  explicit FingerprintSum(const std::array<std::byte, 32>& bytes);

  void Add(absl::string_view document_id, uint32_t chunk,
           const ContentHash& content_hash);
  void Remove(absl::string_view document_id, uint32_t chunk,
              const ContentHash& content_hash);

  // Little-endian, as it is stored.
  std::array<std::byte, 32> bytes() const;

  friend bool operator==(const FingerprintSum&,
                         const FingerprintSum&) = default;

 private:
  std::array<uint64_t, 4> words_ = {};  // Least significant first.
};

// Returns the fingerprint of a commit of `count` rows whose hashes add up to
// `sum`, in a domain with profile `profile_hash`.
Fingerprint PublishFingerprint(const FingerprintSum& sum, int64_t count,
                               const ProfileHash& profile_hash);

}  // namespace copse

#endif  // COPSE_VERSIONING_FINGERPRINT_H_
