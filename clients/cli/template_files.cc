// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/template_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "clients/cli/context.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/domain_service.pb.h"

namespace copse {
namespace {

// Reads `fd` to its end, or one byte more than `size_bytes_max`.
absl::StatusOr<std::string> ReadToEnd(int fd, const std::string& path,
                                      size_t size_bytes_max) {
  constexpr size_t kPieceSizeBytes = size_t{64} << 10;
  std::string text;
  while (text.size() <= size_bytes_max) {
    const size_t size = text.size();
    const size_t wanted = std::min(kPieceSizeBytes, size_bytes_max + 1 - size);
    text.resize(size + wanted);
    const ssize_t count = read(fd, text.data() + size, wanted);
    const int error = errno;
    text.resize(size + (count > 0 ? static_cast<size_t>(count) : 0));
    if (count == 0) {
      break;
    }
    if (count < 0 && error != EINTR) {
      return absl::NotFoundError(absl::StrFormat(
          "cannot read '%s': %s", Printable(path), std::strerror(error)));
    }
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         size_t size_bytes_max) {
  const bool is_standard = path == "-";
  const int fd =
      is_standard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return absl::NotFoundError(absl::StrFormat(
        "cannot open '%s': %s", Printable(path), std::strerror(errno)));
  }
  absl::StatusOr<std::string> text = ReadToEnd(fd, path, size_bytes_max);
  if (!is_standard) {
    close(fd);
  }
  COPSE_CLIENT_RETURN_IF_ERROR(text.status());
  if (text->size() > size_bytes_max) {
    return absl::InvalidArgumentError(
        absl::StrFormat("'%s' is too long, wanted at most %d bytes",
                        Printable(path), size_bytes_max));
  }
  if (!IsValidUtf8(*text)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'%s' is not UTF-8, wanted a text in UTF-8", Printable(path)));
  }
  return text;
}

absl::Status ReadTemplates(const std::vector<std::string>& options,
                           v1::DomainSettings& settings) {
  for (const std::string& option : options) {
    const size_t sign = option.find('=');
    const bool has_type = sign != std::string::npos;
    const std::string type = has_type ? option.substr(0, sign) : "";
    if (!IsValidUtf8(type)) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "--template: type '%s' is not UTF-8", Printable(ToValidUtf8(type))));
    }
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        std::string text,
        ReadTextFile(has_type ? option.substr(sign + 1) : option,
                     kTemplateFileSizeBytesMax));
    if (!settings.mutable_templates()->insert({type, std::move(text)}).second) {
      return UsageError(
          absl::StrFormat("--template: type '%s' has two templates, wanted one",
                          Printable(type)));
    }
  }
  return absl::OkStatus();
}

}  // namespace copse
