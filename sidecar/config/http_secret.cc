// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sidecar/config/http_secret.h"

#include <cstddef>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "index/util/status_macros.h"
#include "sidecar/config/config.h"
#include "sidecar/util/file_util.h"
#include "sidecar/util/network_address.h"

namespace copse {
namespace {

constexpr size_t kHttpSecretSizeBytesMax = 4096;

}  // namespace

absl::StatusOr<std::string> ReadHttpSecret(const Config& config) {
  std::string secret = std::string(kDefaultHttpSecret);
  std::string place;
  if (!config.http_admin_secret_env.empty()) {
    place = absl::StrCat("variable ", config.http_admin_secret_env);
    const char* value = std::getenv(config.http_admin_secret_env.c_str());
    secret = value == nullptr ? "" : value;
  } else if (!config.http_admin_secret_file.empty()) {
    place = absl::StrCat("file '", config.http_admin_secret_file, "'");
    COPSE_ASSIGN_OR_RETURN(secret, ReadTextFile(config.http_admin_secret_file,
                                                kHttpSecretSizeBytesMax));
    absl::StripTrailingAsciiWhitespace(&secret);  // Editors add a line feed.
  }
  if (secret.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        place,
        " is empty, expected the secret of the HTTP port; the settings "
        "are 'http_admin_secret_env' and 'http_admin_secret_file'"));
  }
  COPSE_RETURN_IF_ERROR(CheckHttpSecret(config, secret));
  return secret;
}

absl::Status CheckHttpSecret(const Config& config, absl::string_view secret) {
  if (secret != kDefaultHttpSecret || !config.http_address.has_value() ||
      config.http_address->IsLoopback() || config.allow_default_secret) {
    return absl::OkStatus();
  }
  const auto source = config.sources.find("http_address");
  return absl::InvalidArgumentError(absl::StrCat(
      source == config.sources.end() ? "default" : source->second,
      ": http_address is ", config.http_address->ToString(),
      ", which other machines can reach, and the secret is the default one; "
      "expected a loopback address such as localhost:",
      config.http_address->port,
      ", another secret by http_admin_secret_env or http_admin_secret_file, "
      "or allow_default_secret: true"));
}

}  // namespace copse
