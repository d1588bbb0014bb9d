// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The keys of the tables of the meta database. Integers are big-endian, so
// that keys sort as their fields do; `~` is the complement, for descending
// order. What belongs to a domain begins with its number, so that a domain is
// one range in every table.
//
//   TABLE       KEY                                              VALUE
//   domains     01, name                                         u32 number
//   domains     02, number 4                                     DomainRecord
//   domains     03, number 4                                QuerySampleRecord
//   domains     04, number 4, lease                              LeaseRecord
//   domains     05, number 4                                CollectionRecord
//   commits     domain 4, 01, commit                             Manifest
//   commits     domain 4, 02, ~create time 8, commit             (nothing)
//   branches    domain 4, branch                                 BranchRecord
//   rows        domain 4, ordinal 4                              RowRecord
//   documents   domain 4, escaped document ID, ~ordinal 4        DocumentRecord
//   texts       domain 4, content hash 32                        TextRecord
//   pages       domain 4, page number 8                          page
//   livesets    domain 4, live set number 8                      LiveSetRecord
//   forests     domain 4, forest number 8                        ForestRecord
//   embeddings  01, key 32                                  EmbeddingRecord
//   embeddings  02, sequence 8                                   key 32
//   embeddings  03                                          EmbeddingTotals
//   counters    kind 1, domain 4                               CounterRecord
//   jobs        ~job ID 16                                       JobRecord
//   postings    domain 4, kind of term 1, escaped term, bucket 4   postings
//
// A document ID may hold any byte. Where something follows it, 00 is written
// as 00 FF and the end as 00 01: byte order is kept, and no ID is the
// beginning of another one.
//
// The create time is in microseconds since 1970, kept in [0, 2^63).

#ifndef COPSE_VERSIONING_KEYS_H_
#define COPSE_VERSIONING_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "index/page_store.h"
#include "index/vector_source.h"
#include "versioning/document.h"
#include "versioning/embedding_cache.h"
#include "versioning/job_record.h"

namespace copse {

// Keys from `lower` on and before `upper`; an empty `upper` means the end of
// the table.
struct KeyRange {
  std::string lower;
  std::string upper;
};

// Returns the range of the keys that begin with `prefix`.
KeyRange PrefixRange(absl::string_view prefix);

// Numbers that are counted in the database. The values are stored.
enum class CounterKind : uint8_t {
  // Reserved by NumberAllocator: every number below it may have been used.
  kDomainNumber = 1,  // Of the whole store: domain 0.
  kOrdinal = 2,
  kPage = 3,
  kLiveSet = 4,
  kForest = 5,

  // Written with each commit.
  kCommitCount = 6,          // Commits that are complete.
  kPublishedOrdinalEnd = 7,  // Every ordinal in a live set is below it.
};

// The first four bytes of every key of a domain (not of `domains`).
std::string DomainPrefix(uint32_t domain_number);

std::string DomainNameKey(absl::string_view name);
KeyRange DomainNameRange();
absl::StatusOr<std::string> ParseDomainNameKey(absl::string_view key);
std::string DomainNumberKey(uint32_t domain_number);
KeyRange DomainNumberRange();
absl::StatusOr<uint32_t> ParseDomainNumberKey(absl::string_view key);
std::string QuerySampleKey(uint32_t domain_number);
std::string LeaseKey(uint32_t domain_number, absl::string_view lease);
// All leases of a domain, ascending by name.
KeyRange LeaseRange(uint32_t domain_number);
absl::StatusOr<std::string> ParseLeaseKey(absl::string_view key);
std::string CollectionKey(uint32_t domain_number);

std::string CommitKey(uint32_t domain_number, absl::string_view commit);
// All commits of a domain, ascending by name.
KeyRange CommitRange(uint32_t domain_number);
absl::StatusOr<std::string> ParseCommitKey(absl::string_view key);

// Sorts the commits of a domain newest first, equal times by name.
std::string CommitTimeKey(uint32_t domain_number, absl::Time create_time,
                          absl::string_view commit);
KeyRange CommitTimeRange(uint32_t domain_number);
struct CommitTimeKeyParts {
  uint32_t domain_number = 0;
  absl::Time create_time;  // In whole microseconds.
  std::string commit;
};
absl::StatusOr<CommitTimeKeyParts> ParseCommitTimeKey(absl::string_view key);

std::string BranchKey(uint32_t domain_number, absl::string_view branch);
absl::StatusOr<std::string> ParseBranchKey(absl::string_view key);

std::string RowKey(uint32_t domain_number, Ordinal ordinal);
absl::StatusOr<Ordinal> ParseRowKey(absl::string_view key);

// Sorts by the bytes of the ID, newest row of a document first.
std::string DocumentKey(uint32_t domain_number, absl::string_view document_id,
                        Ordinal ordinal);
// What the keys of all rows of a document begin with, and no others.
std::string DocumentPrefix(uint32_t domain_number,
                           absl::string_view document_id);
// All rows of the documents whose IDs begin with `id_prefix`.
KeyRange DocumentRange(uint32_t domain_number, absl::string_view id_prefix);
struct DocumentKeyParts {
  uint32_t domain_number = 0;
  std::string document_id;
  Ordinal ordinal = 0;
};
absl::StatusOr<DocumentKeyParts> ParseDocumentKey(absl::string_view key);

std::string TextKey(uint32_t domain_number, const ContentHash& content_hash);
std::string PageKey(uint32_t domain_number, PageId page_id);
absl::StatusOr<PageId> ParsePageKey(absl::string_view key);
std::string LiveSetKey(uint32_t domain_number, uint64_t live_set_number);
absl::StatusOr<uint64_t> ParseLiveSetKey(absl::string_view key);
std::string ForestKey(uint32_t domain_number, uint64_t forest_number);
absl::StatusOr<uint64_t> ParseForestKey(absl::string_view key);

// The postings of a term in the rows of a bucket (lexical/posting_list.h).
struct PostingKeyParts {
  uint8_t term_kind = 0;
  std::string term;
  uint32_t bucket = 0;
};
std::string PostingKey(uint32_t domain_number, const PostingKeyParts& parts);
absl::StatusOr<PostingKeyParts> ParsePostingKey(absl::string_view key);
// All buckets of a term, ascending.
KeyRange PostingRange(uint32_t domain_number, uint8_t term_kind,
                      absl::string_view term);
// All terms that begin with `prefix`, ascending by their bytes.
KeyRange PostingPrefixRange(uint32_t domain_number, uint8_t term_kind,
                            absl::string_view prefix);

std::string EmbeddingEntryKey(const EmbeddingKey& key);
std::string EmbeddingOrderKey(uint64_t sequence);
KeyRange EmbeddingOrderRange(uint64_t first_sequence);
absl::StatusOr<uint64_t> ParseEmbeddingOrderKey(absl::string_view key);
std::string EmbeddingTotalsKey();

std::string CounterKey(CounterKind kind, uint32_t domain_number);

// Sorts jobs newest first.
std::string JobKey(const JobId& id);
KeyRange JobRange();
absl::StatusOr<JobId> ParseJobKey(absl::string_view key);

// Order-preserving text inside a key, see above.
void AppendEscaped(absl::string_view text, std::string& key);

// Takes an escaped text off the front of `key`. Returns nullopt, and leaves
// `key` in some state, if there is none.
std::optional<std::string> ConsumeEscaped(absl::string_view& key);

}  // namespace copse

#endif  // COPSE_VERSIONING_KEYS_H_
