// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/missing_names.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/attribute_term.h"
#include "versioning/commit_reader_impl.h"
#include "versioning/document.h"
#include "versioning/domain.h"
#include "versioning/keys.h"
#include "versioning/lexical/lexical_analyzer.h"
#include "versioning/lexical/lexical_index.h"
#include "versioning/lexical/posting_list.h"
#include "versioning/meta_database.h"
#include "versioning/row_reader.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr auto kKind = static_cast<uint8_t>(TermKind::kAttribute);

// Keys of postings that are read to find one of a live row, and keys of
// documents of a filter.
constexpr int kKeyCountMax = 1024;

// Attributes of the domain that are looked at to name some of the commit.
constexpr int kListedAttributeCountMax = 64;

class NameSearch {
 public:
  NameSearch(const CommitReaderImpl& reader, NameCache& cache)
      : reader_(reader), domain_(reader.domain()), cache_(cache) {}

  absl::Status CheckTypes(const std::vector<std::string>& types,
                          MissingNames& missing) {
    COPSE_ASSIGN_OR_RETURN(const auto present, TypeNumbers());
    absl::flat_hash_set<absl::string_view> seen;
    for (const std::string& type : types) {
      const std::optional<uint32_t> number = domain_.types().Find(type);
      if ((!number.has_value() ||
           !std::binary_search(present->begin(), present->end(), *number)) &&
          seen.insert(type).second) {
        missing.types.push_back(type);
      }
    }
    if (!missing.types.empty()) {
      missing.known_types = domain_.types().NamesOf(*present);
      Shorten(missing.known_types);
    }
    return absl::OkStatus();
  }

  absl::Status CheckAttributes(const SearchFilter& filter,
                               MissingNames& missing) {
    absl::flat_hash_set<absl::string_view> seen;
    for (const AttributeCondition& condition : filter.conditions) {
      if (!seen.insert(condition.name).second) {
        continue;
      }
      COPSE_ASSIGN_OR_RETURN(const bool has, HasAttribute(condition.name));
      if (!has) {
        missing.attributes.push_back(condition.name);
      }
    }
    if (!missing.attributes.empty()) {
      COPSE_ASSIGN_OR_RETURN(missing.known_attributes, ListAttributes());
    }
    return absl::OkStatus();
  }

  absl::Status CheckIds(const std::vector<std::string>& document_ids,
                        MissingNames& missing) const {
    DocumentFinder finder(domain_.database(), domain_.number());
    absl::flat_hash_set<absl::string_view> seen;
    for (const std::string& id : document_ids) {
      if (!seen.insert(id).second) {
        continue;
      }
      const bool can_be = !id.empty() && id.size() <= kDocumentIdSizeBytesMax;
      std::optional<LiveDocument> found;
      if (can_be) {
        COPSE_ASSIGN_OR_RETURN(found, finder.Find(id, reader_.live()));
      }
      if (!found.has_value()) {
        missing.document_ids.push_back(id);
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckIdPrefixes(const std::vector<std::string>& prefixes,
                               MissingNames& missing) const {
    int key_count = 0;
    absl::flat_hash_set<absl::string_view> seen;
    for (const std::string& prefix : prefixes) {
      if (!seen.insert(prefix).second) {
        continue;
      }
      COPSE_ASSIGN_OR_RETURN(const bool has,
                             FindLiveDocument(prefix, key_count));
      if (!has) {
        missing.id_prefixes.push_back(prefix);
      }
    }
    return absl::OkStatus();
  }

 private:
  static void Shorten(std::vector<std::string>& names) {
    std::sort(names.begin(), names.end());
    names.resize(std::min(names.size(), kKnownNameCountMax));
  }

  absl::StatusOr<std::shared_ptr<const std::vector<uint32_t>>> TypeNumbers() {
    std::shared_ptr<const std::vector<uint32_t>> known = cache_.type_numbers();
    if (known != nullptr) {
      return known;
    }
    COPSE_RETURN_IF_ERROR(reader_.LoadTypes());
    absl::flat_hash_set<uint32_t> numbers;
    reader_.live().ForEach([&](Ordinal ordinal) {
      numbers.insert(domain_.types().TypeOf(ordinal));
    });
    auto sorted =
        std::make_shared<std::vector<uint32_t>>(numbers.begin(), numbers.end());
    std::sort(sorted->begin(), sorted->end());
    cache_.SetTypeNumbers(sorted);
    return std::shared_ptr<const std::vector<uint32_t>>(std::move(sorted));
  }

  absl::StatusOr<bool> HasAttribute(const std::string& name) {
    const std::optional<bool> known = cache_.HasAttribute(name);
    if (known.has_value()) {
      return *known;
    }
    COPSE_ASSIGN_OR_RETURN(const bool has, FindLivePosting(name));
    cache_.SetHasAttribute(name, has);
    return has;
  }

  // Returns whether a live row has the attribute, or may have it.
  absl::StatusOr<bool> FindLivePosting(const std::string& name) {
    MetaCursor cursor = domain_.database().NewCursor(
        MetaTable::kPostings,
        PostingPrefixRange(domain_.number(), kKind, AttributeNamePrefix(name)));
    cursor.SeekToFirst();
    for (int i = 0; cursor.Valid(); cursor.Next()) {
      if (++i > kKeyCountMax) {
        return true;
      }
      COPSE_ASSIGN_OR_RETURN(const PostingKeyParts parts,
                             ParsePostingKey(cursor.key()));
      COPSE_ASSIGN_OR_RETURN(
          const PostingList list,
          ReadPostings(parts, cursor.value(), PostingParts::kCounts));
      const Ordinal first = parts.bucket << kPostingBucketBits;
      for (const Posting& posting : list.postings) {
        if (reader_.live().Contains(first + posting.offset)) {
          return true;
        }
      }
    }
    COPSE_RETURN_IF_ERROR(cursor.status());
    return false;
  }

  // Returns whether the ID of a live row begins with `prefix`, or may do so.
  // Adds the keys that were read to `key_count`.
  absl::StatusOr<bool> FindLiveDocument(const std::string& prefix,
                                        int& key_count) const {
    MetaCursor cursor = domain_.database().NewCursor(
        MetaTable::kDocuments, DocumentRange(domain_.number(), prefix));
    for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
      if (++key_count > kKeyCountMax) {
        return true;
      }
      COPSE_ASSIGN_OR_RETURN(const DocumentKeyParts parts,
                             ParseDocumentKey(cursor.key()));
      if (reader_.live().Contains(parts.ordinal)) {
        return true;
      }
    }
    COPSE_RETURN_IF_ERROR(cursor.status());
    return false;
  }

  // Returns some attributes of the commit, ascending.
  absl::StatusOr<std::vector<std::string>> ListAttributes() {
    std::vector<std::string> names;
    const KeyRange all = PostingPrefixRange(domain_.number(), kKind, "");
    MetaCursor cursor = domain_.database().NewCursor(MetaTable::kPostings, all);
    cursor.SeekToFirst();
    for (int i = 0; cursor.Valid() && i < kListedAttributeCountMax &&
                    names.size() < kKnownNameCountMax;
         ++i) {
      COPSE_ASSIGN_OR_RETURN(const PostingKeyParts parts,
                             ParsePostingKey(cursor.key()));
      absl::string_view term = parts.term;
      std::optional<std::string> name = ConsumeEscaped(term);
      if (!name.has_value()) {
        return DataDamagedError("the postings of an attribute",
                                "the name in their key has no end");
      }
      cursor.Seek(PostingPrefixRange(domain_.number(), kKind,
                                     AttributeNamePrefix(*name))
                      .upper);
      COPSE_ASSIGN_OR_RETURN(const bool has, HasAttribute(*name));
      if (has) {
        names.push_back(*std::move(name));
      }
    }
    COPSE_RETURN_IF_ERROR(cursor.status());
    return names;
  }

  const CommitReaderImpl& reader_;
  Domain& domain_;
  NameCache& cache_;
};

}  // namespace

std::shared_ptr<const std::vector<uint32_t>> NameCache::type_numbers() const {
  MutexLock lock(mutex_);
  return type_numbers_;
}

void NameCache::SetTypeNumbers(
    std::shared_ptr<const std::vector<uint32_t>> numbers) {
  MutexLock lock(mutex_);
  type_numbers_ = std::move(numbers);
}

std::optional<bool> NameCache::HasAttribute(absl::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = attributes_.find(name);
  return found == attributes_.end() ? std::nullopt
                                    : std::optional<bool>(found->second);
}

void NameCache::SetHasAttribute(absl::string_view name, bool has) {
  MutexLock lock(mutex_);
  if (attributes_.size() >= kAttributeCountMax) {
    attributes_.clear();
  }
  attributes_[name] = has;
}

absl::StatusOr<MissingNames> FindMissingNames(
    const CommitReaderImpl& reader, const std::vector<std::string>& types,
    const std::vector<std::string>& document_ids, const SearchFilter& filter,
    NameCache& cache) {
  MissingNames missing;
  NameSearch search(reader, cache);
  if (!types.empty()) {
    COPSE_RETURN_IF_ERROR(search.CheckTypes(types, missing));
  }
  if (!filter.conditions.empty() && reader.domain().has_attribute_index()) {
    COPSE_RETURN_IF_ERROR(search.CheckAttributes(filter, missing));
  }
  COPSE_RETURN_IF_ERROR(search.CheckIds(document_ids, missing));
  COPSE_RETURN_IF_ERROR(search.CheckIdPrefixes(filter.id_prefixes, missing));
  return missing;
}

}  // namespace copse
