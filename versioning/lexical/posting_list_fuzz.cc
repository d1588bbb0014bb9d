// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Postings of any bytes. Properties:
//
// * Reading ends, reads nothing outside the bytes, and allocates no more than
//   they justify.
// * They are refused with kDataLoss or kUnimplemented, or they are accepted;
//   and what is accepted keeps the invariants, and is read as the same when it
//   is written in one block.
//
// Each input is also tried with the checksum of its first block made right.

#include "versioning/lexical/posting_list.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "xxhash.h"

#include "index/util/check.h"

namespace copse {
namespace {

void CheckValue(absl::string_view value) {
  const absl::StatusOr<PostingList> list =
      ParsePostings(value, PostingParts::kCountsAndPositions);
  if (!list.ok()) {
    COPSE_CHECK(
        absl::IsDataLoss(list.status()) || absl::IsUnimplemented(list.status()),
        list.status().ToString());
    return;
  }
  size_t position_count = 0;
  for (size_t i = 0; i < list->postings.size(); ++i) {
    const Posting& posting = list->postings[i];
    COPSE_CHECK(posting.offset < kPostingBucketSize && posting.count > 0);
    COPSE_CHECK(i == 0 || list->postings[i - 1].offset < posting.offset);
    position_count += list->has_positions ? posting.position_count() : 0;
  }
  COPSE_CHECK(list->positions.size() == position_count);
  const absl::StatusOr<PostingList> again =
      ParsePostings(EncodePostings(*list), PostingParts::kCountsAndPositions);
  COPSE_CHECK(again.ok() && *again == *list, again.status().ToString());
}

}  // namespace
}  // namespace copse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string value(reinterpret_cast<const char*>(data), size);
  copse::CheckValue(value);
  constexpr size_t kChecksumSizeBytes = 4;
  if (size < 2 + kChecksumSizeBytes || data[1] >= 0x80 ||
      size < size_t{2} + data[1] + kChecksumSizeBytes) {
    return 0;
  }
  const size_t checked_size = size_t{2} + data[1];
  const uint64_t hash = XXH3_64bits(value.data(), checked_size);
  for (size_t i = 0; i < kChecksumSizeBytes; ++i) {
    value[checked_size + i] = static_cast<char>(hash >> (8 * i));
  }
  copse::CheckValue(value);
  return 0;
}
