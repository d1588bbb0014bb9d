// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/store_context.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/commit_reader_impl.h"

namespace copse {

StoreContext::StoreContext(const StoreOptions& store_options)
    : options(store_options),
      page_cache(/*budget_size_bytes=*/0),
      pool(options.pool_size_bytes, [this] { return loaded_size_bytes(); }),
      folds(options) {}

absl::Status StoreContext::CheckFreeSpace() const {
  COPSE_ASSIGN_OR_RETURN(const int64_t found, folder->FreeSizeBytes());
  const int64_t wanted = options.free_space_min_bytes;
  if (found >= wanted) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::ResourceExhaustedError(absl::StrFormat(
          "disk of '%s' has %d bytes free, expected at least %d as "
          "free_space_min_bytes says",
          folder->path(), found, wanted)),
      "DISK_FULL",
      {{"setting", "free_space_min_bytes"},
       {"found", absl::StrCat(found)},
       {"wanted", absl::StrCat(wanted)}});
}

}  // namespace copse
