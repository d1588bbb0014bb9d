// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/http/basic_auth.h"

#include <array>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "openssl/crypto.h"

#include "sidecar/http/http_exchange.h"
#include "versioning/sha256.h"

namespace copse {
namespace {

constexpr absl::string_view kScheme = "basic ";

std::array<std::byte, 32> HashOf(absl::string_view text) {
  Sha256 hash;
  hash.Update(text);
  return hash.Finish();
}

// Returns "user:secret" as `head` has it, or "".
std::string CredentialsOf(const RequestHead& head) {
  const std::string* field = head.Find("authorization");
  if (field == nullptr || !absl::StartsWithIgnoreCase(*field, kScheme)) {
    return "";
  }
  std::string credentials;
  const absl::string_view encoded = absl::StripAsciiWhitespace(
      absl::string_view(*field).substr(kScheme.size()));
  return absl::Base64Unescape(encoded, &credentials) ? credentials : "";
}

}  // namespace

BasicAuth::BasicAuth(absl::string_view user, absl::string_view secret)
    : expected_(HashOf(absl::StrCat(user, ":", secret))) {}

absl::Status BasicAuth::Check(const RequestHead& head) const {
  const std::array<std::byte, 32> found = HashOf(CredentialsOf(head));
  if (::CRYPTO_memcmp(found.data(), expected_.data(), found.size()) != 0) {
    return absl::UnauthenticatedError(
        "credentials are missing or wrong, expected HTTP Basic");
  }
  return absl::OkStatus();
}

}  // namespace copse
