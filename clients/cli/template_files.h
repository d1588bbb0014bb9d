// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Templates, and the documents that go into them, in files.

#ifndef COPSE_CLIENTS_CLI_TEMPLATE_FILES_H_
#define COPSE_CLIENTS_CLI_TEMPLATE_FILES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "copse/v1/domain_service.pb.h"

namespace copse {

// What a server takes at most as one template.
inline constexpr size_t kTemplateFileSizeBytesMax = size_t{64} << 10;

// Returns the whole file at `path`; "-" is standard input. Fails with kNotFound
// if it cannot be read, and kInvalidArgument if it has more than
// `size_bytes_max` bytes or is not UTF-8.
absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         size_t size_bytes_max);

// Reads the templates that options `--template [TYPE=]FILE` name into
// `settings`; without a type it is for all other types. Two for one type are
// wrong usage.
absl::Status ReadTemplates(const std::vector<std::string>& options,
                           v1::DomainSettings& settings);

}  // namespace copse

#endif  // COPSE_CLIENTS_CLI_TEMPLATE_FILES_H_
