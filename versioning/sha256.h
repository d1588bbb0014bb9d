// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// SHA-256, piece by piece.
//
//   Sha256 hash;
//   hash.Update("copse");
//   std::array<std::byte, 32> digest = hash.Finish();

#ifndef COPSE_VERSIONING_SHA256_H_
#define COPSE_VERSIONING_SHA256_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"

namespace copse {

// Thread safety: one thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::span<const std::byte> bytes);
  void Update(absl::string_view text);
  // Little-endian.
  void UpdateU8(uint8_t value);
  void UpdateU32(uint32_t value);
  void UpdateU64(uint64_t value);

  // Returns the hash of everything since construction or the last Finish(),
  // and begins anew.
  std::array<std::byte, 32> Finish();

 private:
  void Begin();

  void* context_;  // An EVP_MD_CTX.
};

}  // namespace copse

#endif  // COPSE_VERSIONING_SHA256_H_
