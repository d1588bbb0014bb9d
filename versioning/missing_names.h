// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Which types, attributes, IDs and beginnings of IDs that a filter names no
// document of a commit has: a name that was mistyped finds nothing, and nobody
// would notice.
//
//   COPSE_ASSIGN_OR_RETURN(
//       const MissingNames missing,
//       FindMissingNames(reader, types, document_ids, filter, cache));
//
// Types are looked up in the numbers of the rows (type_index.h). An attribute
// is there as soon as one of its postings is of a live row, which is mostly the
// first one; of one that other commits have a bounded number of keys is read,
// and then it counts as there. So it is with the beginnings of a filter, which
// share that number. An ID is one look-up.

#ifndef COPSE_VERSIONING_MISSING_NAMES_H_
#define COPSE_VERSIONING_MISSING_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "versioning/commit_reader.h"
#include "versioning/search_filter.h"

namespace copse {

class CommitReaderImpl;

// What has been asked of one commit, which never changes.
//
// Thread safety: any number of threads may use one NameCache.
class NameCache {
 public:
  // Ascending numbers of the types of the commit; null if not known yet.
  std::shared_ptr<const std::vector<uint32_t>> type_numbers() const
      ABSL_LOCKS_EXCLUDED(mutex_);
  void SetTypeNumbers(std::shared_ptr<const std::vector<uint32_t>> numbers)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether a document has the attribute, if that is known.
  std::optional<bool> HasAttribute(absl::string_view name) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  void SetHasAttribute(absl::string_view name, bool has)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Applications ask for few; a name may have 512 bytes.
  static constexpr size_t kAttributeCountMax = 256;

  mutable Mutex mutex_;
  std::shared_ptr<const std::vector<uint32_t>> type_numbers_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, bool> attributes_ ABSL_GUARDED_BY(mutex_);
};

// See CommitReader::FindMissingNames().
absl::StatusOr<MissingNames> FindMissingNames(
    const CommitReaderImpl& reader, const std::vector<std::string>& types,
    const std::vector<std::string>& document_ids, const SearchFilter& filter,
    NameCache& cache);

}  // namespace copse

#endif  // COPSE_VERSIONING_MISSING_NAMES_H_
