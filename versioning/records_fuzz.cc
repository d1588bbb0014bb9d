// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Properties of everything that is parsed from the disk, for any bytes:
//
// * It ends, reads nothing outside the bytes, and allocates no more than they
//   justify.
// * It is refused with kDataLoss or kUnimplemented, or it is accepted; and what
//   is accepted is written back such that it is accepted again as the same.
//
// The first byte of a record is its kind, so one input reaches every parser;
// each input is also tried with its checksum made right.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "xxhash.h"

#include "index/util/check.h"
#include "index/util/status_macros.h"
#include "versioning/backup_record.h"
#include "versioning/branch_record.h"
#include "versioning/collection_record.h"
#include "versioning/domain_record.h"
#include "versioning/forest_record.h"
#include "versioning/job_record.h"
#include "versioning/keys.h"
#include "versioning/lease_record.h"
#include "versioning/live_set.h"
#include "versioning/live_set_store.h"
#include "versioning/manifest.h"
#include "versioning/query_sample.h"
#include "versioning/rocks_embedding_cache.h"
#include "versioning/row_record.h"
#include "versioning/segment_file.h"
#include "versioning/text_store.h"

namespace copse {
namespace {

void CheckRefused(const absl::Status& status) {
  COPSE_CHECK(absl::IsDataLoss(status) || absl::IsUnimplemented(status),
              status.ToString());
}

absl::StatusOr<std::string> ToBytes(std::string bytes) { return bytes; }
absl::StatusOr<std::string> ToBytes(absl::StatusOr<std::string> bytes) {
  return bytes;
}

// `parse` makes a value of bytes, and `encode` bytes of a value.
template <typename Parse, typename Encode>
void CheckRoundTrip(absl::string_view input, Parse parse, Encode encode) {
  const auto value = parse(input);
  if (!value.ok()) {
    CheckRefused(value.status());
    return;
  }
  const absl::StatusOr<std::string> bytes = ToBytes(encode(*value));
  COPSE_CHECK(bytes.ok(), bytes.status().ToString());
  const auto again = parse(*bytes);
  COPSE_CHECK(again.ok(), again.status().ToString());
  COPSE_CHECK(*ToBytes(encode(*again)) == *bytes);
}

template <typename Record>
void CheckRecord(absl::string_view input) {
  CheckRoundTrip(input, Record::Parse,
                 [](const Record& record) { return record.Encode(); });
}

void CheckRecords(absl::string_view input) {
  CheckRecord<DomainRecord>(input);
  CheckRecord<Manifest>(input);
  CheckRecord<BranchRecord>(input);
  CheckRecord<RowRecord>(input);
  CheckRecord<DocumentRecord>(input);
  CheckRecord<LiveSetRecord>(input);
  CheckRecord<ForestRecord>(input);
  CheckRecord<EmbeddingRecord>(input);
  CheckRecord<EmbeddingTotals>(input);
  CheckRecord<QuerySampleRecord>(input);
  CheckRecord<LeaseRecord>(input);
  CheckRecord<CollectionRecord>(input);
  CheckRecord<BackupRecord>(input);
  CheckRecord<JobRecord>(input);
  CheckRoundTrip(input, ParseDomainName, EncodeDomainName);
  CheckRoundTrip(input, ParseText, EncodeText);
}

// What is used afterwards must not break, either.
void CheckLiveSet(absl::string_view input) {
  absl::StatusOr<LiveSet> set = LiveSet::Parse(input);
  if (!set.ok()) {
    CheckRefused(set.status());
    return;
  }
  COPSE_CHECK(*LiveSet::Parse(set->Encode()) == *set);
  LiveSet changed = *set;
  changed.Add(70000);
  changed.Remove(3);
  changed.AddRange(100, 5000);
  changed.RemoveAll(*set);
  changed.AddAll(*set);
  COPSE_CHECK(changed.ContainsAll(*set));
  COPSE_CHECK(set->empty() ||
              set->Contains(static_cast<Ordinal>(set->ordinal_end() - 1)));
}

template <typename T>
void CheckKey(const absl::StatusOr<T>& parts) {
  if (!parts.ok()) {
    CheckRefused(parts.status());
  }
}

void CheckKeys(absl::string_view input) {
  CheckKey(ParseDomainNameKey(input));
  CheckKey(ParseDomainNumberKey(input));
  CheckKey(ParseCommitKey(input));
  CheckKey(ParseBranchKey(input));
  CheckKey(ParseRowKey(input));
  CheckKey(ParsePageKey(input));
  CheckKey(ParseForestKey(input));
  CheckKey(ParseLiveSetKey(input));
  CheckKey(ParseLeaseKey(input));
  CheckKey(ParseJobKey(input));
  CheckKey(ParseEmbeddingOrderKey(input));
  const absl::StatusOr<CommitTimeKeyParts> time = ParseCommitTimeKey(input);
  CheckKey(time);
  const absl::StatusOr<DocumentKeyParts> document = ParseDocumentKey(input);
  CheckKey(document);
  if (document.ok()) {
    COPSE_CHECK(DocumentKey(document->domain_number, document->document_id,
                            document->ordinal) == input);
  }
}

void CheckSegmentHeader(absl::string_view input) {
  const absl::StatusOr<SegmentHeader> header =
      ParseSegmentHeader(std::as_bytes(std::span(input.data(), input.size())));
  if (!header.ok()) {
    CheckRefused(header.status());
    return;
  }
  COPSE_CHECK(EncodeSegmentHeader(*header) == input);
}

std::string SealedAt(absl::string_view input, size_t offset) {
  std::string sealed(input);
  const uint64_t checksum = XXH3_64bits(sealed.data(), offset);
  std::memcpy(sealed.data() + offset, &checksum, sizeof(checksum));
  return sealed;
}

void CheckInput(absl::string_view input) {
  CheckRecords(input);
  CheckLiveSet(input);
  CheckKeys(input);
  CheckSegmentHeader(input);
  constexpr size_t kChecksumSizeBytes = sizeof(uint64_t);
  if (input.size() >= kChecksumSizeBytes) {
    CheckRecords(SealedAt(input, input.size() - kChecksumSizeBytes));
  }
  if (input.size() == kSegmentHeaderSizeBytes) {
    CheckSegmentHeader(SealedAt(input, 32));
  }
}

}  // namespace
}  // namespace copse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  copse::CheckInput({reinterpret_cast<const char*>(data), size});
  return 0;
}
