// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/lexical/posting_list.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "xxhash.h"

#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"

namespace copse {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kChecksumSizeBytes = sizeof(uint32_t);

void AppendVarint(uint64_t value, std::string& bytes) {
  for (; value >= 0x80; value >>= 7) {
    bytes.push_back(static_cast<char>(value | 0x80));
  }
  bytes.push_back(static_cast<char>(value));
}

uint32_t Checksum(absl::string_view bytes) {
  return static_cast<uint32_t>(XXH3_64bits(bytes.data(), bytes.size()));
}

// Reads varints. What is missing or too large is noted, and read as 0.
class VarintReader {
 public:
  explicit VarintReader(absl::string_view bytes) : rest_(bytes) {}

  uint64_t Next() {
    uint64_t value = 0;
    for (int shift = 0; shift < 42 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    ok_ = false;
    return 0;
  }

  bool ok() const { return ok_; }
  absl::string_view rest() const { return rest_; }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

absl::Status DamagedError(absl::string_view problem, size_t offset) {
  return absl::DataLossError(absl::StrFormat(
      "%s in the block at offset %d of its postings", problem, offset));
}

// Reads the positions of `list`. Returns what is wrong with them, or nothing.
absl::string_view ReadPositions(VarintReader& reader, PostingList& list) {
  for (const Posting& posting : list.postings) {
    uint64_t position = 0;
    for (uint32_t i = 0; i < posting.position_count(); ++i) {
      const uint64_t step = reader.Next();
      position += step;
      if (!reader.ok() || (i > 0 && step == 0) || position > UINT32_MAX) {
        return "a position is missing or out of order";
      }
      list.positions.push_back(static_cast<uint32_t>(position));
    }
  }
  return "";
}

// Reads a payload. Returns what is wrong with it, or nothing.
absl::string_view ReadPayload(absl::string_view payload, PostingParts parts,
                              PostingList& list) {
  VarintReader reader(payload);
  const uint64_t header = reader.Next();
  const bool has_positions = header % 2 != 0;
  const uint64_t count = header / 2;
  if (!reader.ok() || count > kPostingBucketSize) {
    return "the number of postings is missing or too large";
  }
  list.postings.reserve(static_cast<size_t>(count));
  uint64_t offset = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t row = reader.Next();
    const uint64_t occurrences = row % 2 != 0 ? 1 : reader.Next();
    offset += row / 2;
    if (!reader.ok() || (i > 0 && row / 2 == 0) ||
        offset >= kPostingBucketSize ||
        (row % 2 == 0 && (occurrences < 2 || occurrences > UINT32_MAX))) {
      return "a posting is missing or out of order";
    }
    list.postings.push_back({.offset = static_cast<uint32_t>(offset),
                             .count = static_cast<uint32_t>(occurrences)});
  }
  if (has_positions && parts == PostingParts::kCounts) {
    return "";
  }
  list.has_positions = has_positions;
  if (has_positions) {
    const absl::string_view problem = ReadPositions(reader, list);
    if (!problem.empty()) {
      return problem;
    }
  }
  return reader.rest().empty() ? "" : "bytes are left";
}

// Takes one block off the front of `rest`.
absl::StatusOr<PostingList> ReadBlock(absl::string_view& rest, size_t offset,
                                      PostingParts parts) {
  const auto version = static_cast<uint8_t>(rest.front());
  VarintReader sizes(rest.substr(1));
  const uint64_t size = sizes.Next();
  const absl::string_view tail = sizes.rest();
  if (!sizes.ok() || tail.size() < kChecksumSizeBytes ||
      size > tail.size() - kChecksumSizeBytes) {
    return DamagedError("the end is missing", offset);
  }
  const size_t checked_size =
      rest.size() - tail.size() + static_cast<size_t>(size);
  const auto stored = LoadLittleEndian<uint32_t>(
      std::as_bytes(std::span(rest.data(), rest.size())), checked_size);
  const uint32_t computed = Checksum(rest.substr(0, checked_size));
  if (stored != computed) {
    return DamagedError(
        absl::StrFormat("checksum is %08x, expected %08x", stored, computed),
        offset);
  }
  if (version != kVersion) {
    return absl::UnimplementedError(absl::StrFormat(
        "postings of version %d, expected at most %d", version, kVersion));
  }
  PostingList list;
  const absl::string_view problem =
      ReadPayload(tail.substr(0, static_cast<size_t>(size)), parts, list);
  if (!problem.empty()) {
    return DamagedError(problem, offset);
  }
  rest.remove_prefix(checked_size + kChecksumSizeBytes);
  return list;
}

// Returns the postings of all lists in one, of a row that several have the
// last.
PostingList Join(const std::vector<PostingList>& lists) {
  struct Part {
    Posting posting;
    std::span<const uint32_t> positions;
  };
  std::vector<Part> all;
  for (const PostingList& list : lists) {
    ForEachPosting(list, [&all](const Posting& posting,
                                std::span<const uint32_t> positions) {
      all.push_back({posting, positions});
    });
  }
  std::ranges::stable_sort(
      all, {}, [](const Part& part) { return part.posting.offset; });
  PostingList joined = {.has_positions = lists.front().has_positions};
  for (size_t i = 0; i < all.size(); ++i) {
    if (i + 1 == all.size() ||
        all[i].posting.offset != all[i + 1].posting.offset) {
      joined.Add(all[i].posting, all[i].positions);
    }
  }
  return joined;
}

}  // namespace

std::string EncodePostings(const PostingList& list) {
  COPSE_DCHECK(list.postings.size() <= kPostingBucketSize);
  std::string payload;
  AppendVarint(list.postings.size() * 2 + (list.has_positions ? 1 : 0),
               payload);
  uint32_t offset = 0;
  for (const Posting& posting : list.postings) {
    const bool stands_once = posting.count == 1;
    AppendVarint(uint64_t{posting.offset - offset} * 2 + (stands_once ? 1 : 0),
                 payload);
    if (!stands_once) {
      AppendVarint(posting.count, payload);
    }
    offset = posting.offset;
  }
  ForEachPosting(
      list, [&payload](const Posting&, std::span<const uint32_t> positions) {
        uint32_t last = 0;
        for (const uint32_t position : positions) {
          AppendVarint(position - last, payload);
          last = position;
        }
      });
  std::string block;
  block.push_back(static_cast<char>(kVersion));
  AppendVarint(payload.size(), block);
  block.append(payload);
  std::array<std::byte, kChecksumSizeBytes> checksum;
  StoreLittleEndian<uint32_t>(checksum, 0, Checksum(block));
  block.append(reinterpret_cast<const char*>(checksum.data()), checksum.size());
  return block;
}

absl::StatusOr<PostingList> ParsePostings(absl::string_view value,
                                          PostingParts parts) {
  std::vector<PostingList> lists;
  absl::string_view rest = value;
  while (!rest.empty()) {
    const size_t offset = value.size() - rest.size();
    COPSE_ASSIGN_OR_RETURN(PostingList list, ReadBlock(rest, offset, parts));
    if (!lists.empty() && lists.back().has_positions != list.has_positions) {
      return DamagedError("positions are in some blocks only", offset);
    }
    lists.push_back(std::move(list));
  }
  if (lists.empty()) {
    return PostingList();
  }
  return lists.size() == 1 ? std::move(lists.front()) : Join(lists);
}

}  // namespace copse
