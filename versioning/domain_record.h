// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What the store remembers of a domain, and of which domain a name means.
//
// Fields (see record_codec.h for the envelope and the types), version 1:
//
//   state                u8      1 live, 2 deleted, 3 being filled
//   domain number        u32
//   name                 text    at most kNameSizeBytesMax
//   metric               u8      see Metric
//   dimension            u32     in [1, kDimensionMax]
//   embedding profile    text    at most kNameSizeBytesMax
//   profile hash         32 bytes
//   probe vector         floats  empty, or `dimension` of them
//   description          text    at most kDescriptionSizeBytesMax
//   create time          time
//
// Version 2, which is written if and only if there is a retention rule, goes
// on:
//
//   keep last            u32     commits; 0: no rule
//   keep younger than    u64     seconds, below 2^33; 0: no rule
//   branch count         u32     at most kRetainedBranchCountMax
//     branch             text    at most kNameSizeBytesMax
//
// Version 3, which is written if and only if documents are not whole, has all
// of that, whether there is a rule or not, and goes on:
//
//   chunking mode        u8      2 or 3, see Chunking
//   chunk token count    u32     at least 1
//   overlap token count  u32     less than that
//   tokenizer            text    1 to kNameSizeBytesMax
//
// Version 4, which is written if and only if words are indexed, has all of
// that, whether there is a rule or not, and goes on; its chunking mode may be
// 1, and then the other fields of the chunking are not there:
//
//   language             text    at most kLanguageSizeBytesMax; empty: none
//   fold accents         u8      0 or 1
//
// A domain of an earlier version has no words indexed.
//
// Version 5, which is written if and only if there are templates, has all of
// that, whether there is a rule or not, and its chunking mode may be 1, too;
// then it says whether words are indexed, which language and accents follow
// only where they are, and goes on:
//
//   words indexed        u8      0 or 1, before the language
//   ...
//   template count       u32     1 to kTemplateCountMax
//     type               text    at most kTypeSizeBytesMax, ascending by bytes
//     template           text    all of them, with their types, have at most
//                                kTemplatesSizeBytesMax
//
// Version 6, which is written if and only if the name had other numbers before,
// has all of that, with a template count that may be 0, and goes on:
//
//   former count         u32     1 to kFormerNumberCountMax
//     domain number      u32     the oldest first
//   owner                text    at most kReplacementOwnerSizeBytesMax; not
//                                empty if and only if the state is 3
//
// Version 7, which is written if attributes are indexed, and version 8 is not,
// has all of that, with a former count that may be 0, and goes on:
//
//   attributes indexed   u8      1; in version 8 it may be 0
//
// The attributes of a domain where it is 0, or of an earlier version, are in its
// rows only: those of its first documents were never indexed.
//
// Version 8, which is written if and only if clustering vectors are stored, has
// all of that, and goes on:
//
//   clustering stored    u8      1
//
// A domain that is deleted keeps its record until everything of it is gone, so
// that a start after a crash goes on with the deletion. One that is being
// filled has no name yet: it is to replace the last of the former numbers
// (domain_replacement.h).

#ifndef COPSE_VERSIONING_DOMAIN_RECORD_H_
#define COPSE_VERSIONING_DOMAIN_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "versioning/commit.h"

namespace copse {

inline constexpr size_t kDescriptionSizeBytesMax = 4096;
inline constexpr size_t kReplacementOwnerSizeBytesMax = 64;

// Of more, the oldest are forgotten.
inline constexpr uint32_t kFormerNumberCountMax = 1024;

// The values are stored.
enum class DomainState : uint8_t {
  kLive = 1,
  kDeleted = 2,
  kFilling = 3,
};

struct DomainRecord {
  DomainState state = DomainState::kLive;
  uint32_t domain_number = 0;
  DomainOptions options;
  absl::Time create_time;

  // The numbers that the name had before, the oldest first.
  std::vector<uint32_t> former_numbers = {};

  // Who fills the domain; empty if nobody does.
  std::string owner = {};

  // Whether the postings have the attributes of all documents.
  bool has_attribute_index = false;

  std::string Encode() const;
  static absl::StatusOr<DomainRecord> Parse(absl::string_view bytes);
};

// The value under DomainNameKey(): the number of the domain.
std::string EncodeDomainName(uint32_t domain_number);
absl::StatusOr<uint32_t> ParseDomainName(absl::string_view bytes);

}  // namespace copse

#endif  // COPSE_VERSIONING_DOMAIN_RECORD_H_
