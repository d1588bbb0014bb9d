// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/sha256.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"
#include "openssl/evp.h"

#include "index/util/check.h"
#include "index/util/little_endian.h"

namespace copse {
namespace {

// Fetched once: looking an algorithm up by name costs more than hashing a
// short text. It is a constant, kept until the process ends.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm =
      EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

EVP_MD_CTX* Context(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  // Without memory or without SHA-256 nothing can go on.
  COPSE_CHECK(context_ != nullptr && Algorithm() != nullptr);
  Begin();
}

Sha256::~Sha256() { EVP_MD_CTX_free(Context(context_)); }

void Sha256::Begin() {
  COPSE_CHECK(EVP_DigestInit_ex2(Context(context_), Algorithm(), nullptr) == 1);
}

void Sha256::Update(std::span<const std::byte> bytes) {
  COPSE_CHECK(EVP_DigestUpdate(Context(context_), bytes.data(), bytes.size()) ==
              1);
}

void Sha256::Update(absl::string_view text) {
  Update(std::as_bytes(std::span(text.data(), text.size())));
}

void Sha256::UpdateU8(uint8_t value) {
  Update(std::as_bytes(std::span(&value, 1)));
}

void Sha256::UpdateU32(uint32_t value) {
  std::array<std::byte, sizeof(value)> bytes;
  StoreLittleEndian<uint32_t>(bytes, 0, value);
  Update(bytes);
}

void Sha256::UpdateU64(uint64_t value) {
  std::array<std::byte, sizeof(value)> bytes;
  StoreLittleEndian<uint64_t>(bytes, 0, value);
  Update(bytes);
}

std::array<std::byte, 32> Sha256::Finish() {
  std::array<std::byte, 32> digest;
  unsigned int size = 0;
  COPSE_CHECK(
      EVP_DigestFinal_ex(Context(context_),
                         reinterpret_cast<unsigned char*>(digest.data()),
                         &size) == 1 &&
      size == digest.size());
  Begin();
  return digest;
}

}  // namespace copse
