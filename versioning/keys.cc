// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/keys.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/page_store.h"
#include "index/vector_source.h"
#include "versioning/document.h"
#include "versioning/embedding_cache.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr char kFirstSubtable = 1;   // Names of domains; commits by name.
constexpr char kSecondSubtable = 2;  // Numbers of domains; commits by time.
constexpr char kTotalsSubtable = 3;
constexpr char kQuerySampleSubtable = 3;
constexpr char kLeaseSubtable = 4;
constexpr char kCollectionSubtable = 5;

// What stands for a zero byte, and for the end, inside an escaped text.
constexpr char kEscape = 0;
constexpr char kEscapedZero = '\xff';
constexpr char kEscapedEnd = 1;

template <typename T>
void AppendBigEndian(T value, std::string& key) {
  for (size_t shift = sizeof(T) * 8; shift > 0; shift -= 8) {
    key.push_back(static_cast<char>(value >> (shift - 8)));
  }
}

// Takes a T off the front of `key`. Returns false if `key` is too short.
template <typename T>
bool ConsumeBigEndian(absl::string_view& key, T& value) {
  if (key.size() < sizeof(T)) {
    return false;
  }
  value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value << 8) | static_cast<uint8_t>(key[i]);
  }
  key.remove_prefix(sizeof(T));
  return true;
}

bool ConsumeSubtable(absl::string_view& key, char subtable) {
  if (key.empty() || key[0] != subtable) {
    return false;
  }
  key.remove_prefix(1);
  return true;
}

bool ConsumeDomain(absl::string_view& key) {
  uint32_t domain_number = 0;
  return ConsumeBigEndian(key, domain_number);
}

absl::Status KeyDamagedError(absl::string_view table, absl::string_view key) {
  constexpr size_t kShownSizeBytesMax = 64;
  return DataDamagedError(
      absl::StrFormat("table %s", table),
      absl::StrFormat("key %s of %d bytes is not one of the table",
                      absl::BytesToHexString(key.substr(0, kShownSizeBytesMax)),
                      key.size()));
}

std::string DomainSubtablePrefix(uint32_t domain_number, char subtable) {
  std::string key = DomainPrefix(domain_number);
  key.push_back(subtable);
  return key;
}

std::string PostingPrefix(uint32_t domain_number, uint8_t term_kind) {
  return DomainSubtablePrefix(domain_number, static_cast<char>(term_kind));
}

// Appends what the escaped texts that begin with `prefix` begin with.
void AppendEscapedPrefix(absl::string_view prefix, std::string& key) {
  AppendEscaped(prefix, key);
  key.resize(key.size() - 2);  // Without the end.
}

std::string NumberKey(uint32_t domain_number, uint64_t number) {
  std::string key = DomainPrefix(domain_number);
  AppendBigEndian(number, key);
  return key;
}

absl::StatusOr<uint64_t> ParseNumberKey(absl::string_view table,
                                        absl::string_view key) {
  absl::string_view rest = key;
  uint64_t number = 0;
  if (!ConsumeDomain(rest) || !ConsumeBigEndian(rest, number) ||
      !rest.empty()) {
    return KeyDamagedError(table, key);
  }
  return number;
}

void AppendHash(std::span<const std::byte> hash, std::string& key) {
  key.append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

}  // namespace

KeyRange PrefixRange(absl::string_view prefix) {
  // The first key after all that begin with `prefix`: its last byte that is
  // not the greatest, one greater, and nothing behind it.
  std::string upper(prefix);
  while (!upper.empty() && upper.back() == '\xff') {
    upper.pop_back();
  }
  if (!upper.empty()) {
    upper.back() = static_cast<char>(static_cast<uint8_t>(upper.back()) + 1);
  }
  return {.lower = std::string(prefix), .upper = std::move(upper)};
}

std::string DomainPrefix(uint32_t domain_number) {
  std::string key;
  AppendBigEndian(domain_number, key);
  return key;
}

std::string DomainNameKey(absl::string_view name) {
  std::string key(1, kFirstSubtable);
  key.append(name.data(), name.size());
  return key;
}

KeyRange DomainNameRange() {
  return PrefixRange(absl::string_view(&kFirstSubtable, 1));
}

absl::StatusOr<std::string> ParseDomainNameKey(absl::string_view key) {
  absl::string_view rest = key;
  if (!ConsumeSubtable(rest, kFirstSubtable)) {
    return KeyDamagedError("domains", key);
  }
  return std::string(rest);
}

std::string DomainNumberKey(uint32_t domain_number) {
  std::string key(1, kSecondSubtable);
  AppendBigEndian(domain_number, key);
  return key;
}

std::string QuerySampleKey(uint32_t domain_number) {
  std::string key(1, kQuerySampleSubtable);
  AppendBigEndian(domain_number, key);
  return key;
}

std::string LeaseKey(uint32_t domain_number, absl::string_view lease) {
  std::string key(1, kLeaseSubtable);
  AppendBigEndian(domain_number, key);
  key.append(lease.data(), lease.size());
  return key;
}

KeyRange LeaseRange(uint32_t domain_number) {
  return PrefixRange(LeaseKey(domain_number, ""));
}

absl::StatusOr<std::string> ParseLeaseKey(absl::string_view key) {
  absl::string_view rest = key;
  if (!ConsumeSubtable(rest, kLeaseSubtable) || !ConsumeDomain(rest)) {
    return KeyDamagedError("domains", key);
  }
  return std::string(rest);
}

std::string CollectionKey(uint32_t domain_number) {
  std::string key(1, kCollectionSubtable);
  AppendBigEndian(domain_number, key);
  return key;
}

KeyRange DomainNumberRange() {
  return PrefixRange(absl::string_view(&kSecondSubtable, 1));
}

absl::StatusOr<uint32_t> ParseDomainNumberKey(absl::string_view key) {
  absl::string_view rest = key;
  uint32_t domain_number = 0;
  if (!ConsumeSubtable(rest, kSecondSubtable) ||
      !ConsumeBigEndian(rest, domain_number) || !rest.empty()) {
    return KeyDamagedError("domains", key);
  }
  return domain_number;
}

std::string CommitKey(uint32_t domain_number, absl::string_view commit) {
  std::string key = DomainSubtablePrefix(domain_number, kFirstSubtable);
  key.append(commit.data(), commit.size());
  return key;
}

KeyRange CommitRange(uint32_t domain_number) {
  return PrefixRange(DomainSubtablePrefix(domain_number, kFirstSubtable));
}

absl::StatusOr<std::string> ParseCommitKey(absl::string_view key) {
  absl::string_view rest = key;
  if (!ConsumeDomain(rest) || !ConsumeSubtable(rest, kFirstSubtable)) {
    return KeyDamagedError("commits", key);
  }
  return std::string(rest);
}

std::string CommitTimeKey(uint32_t domain_number, absl::Time create_time,
                          absl::string_view commit) {
  const int64_t micros = std::max<int64_t>(absl::ToUnixMicros(create_time), 0);
  std::string key = DomainSubtablePrefix(domain_number, kSecondSubtable);
  AppendBigEndian(~static_cast<uint64_t>(micros), key);
  key.append(commit.data(), commit.size());
  return key;
}

KeyRange CommitTimeRange(uint32_t domain_number) {
  return PrefixRange(DomainSubtablePrefix(domain_number, kSecondSubtable));
}

absl::StatusOr<CommitTimeKeyParts> ParseCommitTimeKey(absl::string_view key) {
  absl::string_view rest = key;
  CommitTimeKeyParts parts;
  uint64_t complement = 0;
  if (!ConsumeBigEndian(rest, parts.domain_number) ||
      !ConsumeSubtable(rest, kSecondSubtable) ||
      !ConsumeBigEndian(rest, complement)) {
    return KeyDamagedError("commits", key);
  }
  parts.create_time = absl::FromUnixMicros(static_cast<int64_t>(~complement));
  parts.commit = std::string(rest);
  return parts;
}

std::string BranchKey(uint32_t domain_number, absl::string_view branch) {
  std::string key = DomainPrefix(domain_number);
  key.append(branch.data(), branch.size());
  return key;
}

absl::StatusOr<std::string> ParseBranchKey(absl::string_view key) {
  absl::string_view rest = key;
  if (!ConsumeDomain(rest)) {
    return KeyDamagedError("branches", key);
  }
  return std::string(rest);
}

std::string RowKey(uint32_t domain_number, Ordinal ordinal) {
  std::string key = DomainPrefix(domain_number);
  AppendBigEndian(ordinal, key);
  return key;
}

absl::StatusOr<Ordinal> ParseRowKey(absl::string_view key) {
  absl::string_view rest = key;
  Ordinal ordinal = 0;
  if (!ConsumeDomain(rest) || !ConsumeBigEndian(rest, ordinal) ||
      !rest.empty()) {
    return KeyDamagedError("rows", key);
  }
  return ordinal;
}

std::string DocumentPrefix(uint32_t domain_number,
                           absl::string_view document_id) {
  std::string key = DomainPrefix(domain_number);
  AppendEscaped(document_id, key);
  return key;
}

KeyRange DocumentRange(uint32_t domain_number, absl::string_view id_prefix) {
  std::string key = DomainPrefix(domain_number);
  AppendEscapedPrefix(id_prefix, key);
  return PrefixRange(key);
}

std::string DocumentKey(uint32_t domain_number, absl::string_view document_id,
                        Ordinal ordinal) {
  std::string key = DocumentPrefix(domain_number, document_id);
  AppendBigEndian(static_cast<Ordinal>(~ordinal), key);
  return key;
}

absl::StatusOr<DocumentKeyParts> ParseDocumentKey(absl::string_view key) {
  absl::string_view rest = key;
  DocumentKeyParts parts;
  if (!ConsumeBigEndian(rest, parts.domain_number)) {
    return KeyDamagedError("documents", key);
  }
  std::optional<std::string> document_id = ConsumeEscaped(rest);
  Ordinal complement = 0;
  if (!document_id.has_value() || !ConsumeBigEndian(rest, complement) ||
      !rest.empty()) {
    return KeyDamagedError("documents", key);
  }
  parts.document_id = *std::move(document_id);
  parts.ordinal = ~complement;
  return parts;
}

std::string TextKey(uint32_t domain_number, const ContentHash& content_hash) {
  std::string key = DomainPrefix(domain_number);
  AppendHash(content_hash, key);
  return key;
}

std::string PageKey(uint32_t domain_number, PageId page_id) {
  return NumberKey(domain_number, page_id);
}

absl::StatusOr<PageId> ParsePageKey(absl::string_view key) {
  return ParseNumberKey("pages", key);
}

std::string LiveSetKey(uint32_t domain_number, uint64_t live_set_number) {
  return NumberKey(domain_number, live_set_number);
}

absl::StatusOr<uint64_t> ParseLiveSetKey(absl::string_view key) {
  return ParseNumberKey("livesets", key);
}

std::string ForestKey(uint32_t domain_number, uint64_t forest_number) {
  return NumberKey(domain_number, forest_number);
}

absl::StatusOr<uint64_t> ParseForestKey(absl::string_view key) {
  return ParseNumberKey("forests", key);
}

std::string PostingKey(uint32_t domain_number, const PostingKeyParts& parts) {
  std::string key = PostingPrefix(domain_number, parts.term_kind);
  AppendEscaped(parts.term, key);
  AppendBigEndian(parts.bucket, key);
  return key;
}

absl::StatusOr<PostingKeyParts> ParsePostingKey(absl::string_view key) {
  absl::string_view rest = key;
  PostingKeyParts parts;
  if (!ConsumeDomain(rest) || !ConsumeBigEndian(rest, parts.term_kind)) {
    return KeyDamagedError("postings", key);
  }
  std::optional<std::string> term = ConsumeEscaped(rest);
  if (!term.has_value() || !ConsumeBigEndian(rest, parts.bucket) ||
      !rest.empty()) {
    return KeyDamagedError("postings", key);
  }
  parts.term = *std::move(term);
  return parts;
}

KeyRange PostingRange(uint32_t domain_number, uint8_t term_kind,
                      absl::string_view term) {
  std::string prefix = PostingPrefix(domain_number, term_kind);
  AppendEscaped(term, prefix);
  return PrefixRange(prefix);
}

KeyRange PostingPrefixRange(uint32_t domain_number, uint8_t term_kind,
                            absl::string_view prefix) {
  std::string key = PostingPrefix(domain_number, term_kind);
  AppendEscapedPrefix(prefix, key);
  return PrefixRange(key);
}

std::string EmbeddingEntryKey(const EmbeddingKey& key) {
  std::string bytes(1, kFirstSubtable);
  AppendHash(key, bytes);
  return bytes;
}

std::string EmbeddingOrderKey(uint64_t sequence) {
  std::string key(1, kSecondSubtable);
  AppendBigEndian(sequence, key);
  return key;
}

KeyRange EmbeddingOrderRange(uint64_t first_sequence) {
  KeyRange range = PrefixRange(absl::string_view(&kSecondSubtable, 1));
  range.lower = EmbeddingOrderKey(first_sequence);
  return range;
}

absl::StatusOr<uint64_t> ParseEmbeddingOrderKey(absl::string_view key) {
  absl::string_view rest = key;
  uint64_t sequence = 0;
  if (!ConsumeSubtable(rest, kSecondSubtable) ||
      !ConsumeBigEndian(rest, sequence) || !rest.empty()) {
    return KeyDamagedError("embeddings", key);
  }
  return sequence;
}

std::string EmbeddingTotalsKey() { return std::string(1, kTotalsSubtable); }

std::string CounterKey(CounterKind kind, uint32_t domain_number) {
  std::string key(1, static_cast<char>(kind));
  AppendBigEndian(domain_number, key);
  return key;
}

std::string JobKey(const JobId& id) {
  std::string key;
  for (const std::byte byte : id) {
    key.push_back(static_cast<char>(~byte));
  }
  return key;
}

KeyRange JobRange() {
  // Beyond every key: they have 16 bytes.
  return {.lower = "", .upper = std::string(sizeof(JobId) + 1, '\xff')};
}

absl::StatusOr<JobId> ParseJobKey(absl::string_view key) {
  JobId id;
  if (key.size() != id.size()) {
    return KeyDamagedError("jobs", key);
  }
  for (size_t i = 0; i < id.size(); ++i) {
    id[i] = ~static_cast<std::byte>(key[i]);
  }
  return id;
}

void AppendEscaped(absl::string_view text, std::string& key) {
  key.reserve(key.size() + text.size() + 2);
  for (const char c : text) {
    key.push_back(c);
    if (c == kEscape) {
      key.push_back(kEscapedZero);
    }
  }
  key.push_back(kEscape);
  key.push_back(kEscapedEnd);
}

std::optional<std::string> ConsumeEscaped(absl::string_view& key) {
  std::string text;
  for (;;) {
    const size_t escape = key.find(kEscape);
    if (escape == absl::string_view::npos || escape + 1 == key.size()) {
      return std::nullopt;
    }
    text.append(key.data(), escape);
    const char kind = key[escape + 1];
    key.remove_prefix(escape + 2);
    if (kind == kEscapedEnd) {
      return text;
    }
    if (kind != kEscapedZero) {
      return std::nullopt;
    }
    text.push_back(kEscape);
  }
}

}  // namespace copse
