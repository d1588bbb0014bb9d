// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/fingerprint.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

#include "index/util/little_endian.h"
#include "versioning/commit.h"
#include "versioning/document.h"
#include "versioning/sha256.h"

namespace copse {
namespace {

using Words = std::array<uint64_t, 4>;

// Tags keep the two hashes apart from each other and from all others.
constexpr absl::string_view kRowTag("copse row 1\0\0\0\0\0", 16);
constexpr absl::string_view kCommitTag("copse commit 1\0\0", 16);

Words ToWords(const std::array<std::byte, 32>& bytes) {
  Words words;
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = LoadLittleEndian<uint64_t>(bytes, i * sizeof(uint64_t));
  }
  return words;
}

Words HashRow(absl::string_view document_id, uint32_t chunk,
              const ContentHash& content_hash) {
  Sha256 hash;
  hash.Update(kRowTag);
  hash.UpdateU32(static_cast<uint32_t>(document_id.size()));
  hash.Update(document_id);
  hash.UpdateU32(chunk);
  hash.Update(content_hash);
  return ToWords(hash.Finish());
}

}  // namespace

FingerprintSum::FingerprintSum(const std::array<std::byte, 32>& bytes)
    : words_(ToWords(bytes)) {}

void FingerprintSum::Add(absl::string_view document_id, uint32_t chunk,
                         const ContentHash& content_hash) {
  const Words hash = HashRow(document_id, chunk, content_hash);
  uint64_t carry = 0;
  for (size_t i = 0; i < words_.size(); ++i) {
    const uint64_t partial = words_[i] + carry;
    carry = partial < carry ? 1 : 0;
    words_[i] = partial + hash[i];
    carry += words_[i] < partial ? 1 : 0;
  }
}

void FingerprintSum::Remove(absl::string_view document_id, uint32_t chunk,
                            const ContentHash& content_hash) {
  const Words hash = HashRow(document_id, chunk, content_hash);
  uint64_t borrow = 0;
  for (size_t i = 0; i < words_.size(); ++i) {
    const uint64_t partial = words_[i] - borrow;
    borrow = partial > words_[i] ? 1 : 0;
    words_[i] = partial - hash[i];
    borrow += words_[i] > partial ? 1 : 0;
  }
}

std::array<std::byte, 32> FingerprintSum::bytes() const {
  std::array<std::byte, 32> bytes;
  for (size_t i = 0; i < words_.size(); ++i) {
    StoreLittleEndian<uint64_t>(bytes, i * sizeof(uint64_t), words_[i]);
  }
  return bytes;
}

Fingerprint PublishFingerprint(const FingerprintSum& sum, int64_t count,
                               const ProfileHash& profile_hash) {
  Sha256 hash;
  hash.Update(kCommitTag);
  hash.Update(sum.bytes());
  hash.UpdateU64(static_cast<uint64_t>(count));
  hash.Update(profile_hash);
  return hash.Finish();
}

}  // namespace copse
