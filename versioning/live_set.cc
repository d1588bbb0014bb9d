// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/live_set.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "roaring/roaring.hh"

#include "index/util/check.h"
#include "index/util/little_endian.h"
#include "index/util/status_macros.h"
#include "index/vector_source.h"

namespace copse {
namespace {

// The portable format of Roaring bitmaps (RoaringBitmap/RoaringFormatSpec).
constexpr uint32_t kCookieWithoutRuns = 12346;
constexpr uint32_t kCookieWithRuns = 12347;
constexpr uint32_t kContainerCountMax = 65536;
constexpr uint32_t kOffsetsFromContainerCount = 4;
constexpr uint32_t kArrayCardinalityMax = 4096;
constexpr size_t kBitmapSizeBytes = 8192;

// Checks a stored set before CRoaring sees it. CRoaring 0.2.66 checks that it
// reads within the bytes, and believes the rest: an array out of order or a
// wrong cardinality would corrupt memory in a later operation.
class PortableChecker {
 public:
  explicit PortableChecker(absl::string_view bytes)
      : bytes_(std::as_bytes(std::span(bytes.data(), bytes.size()))) {}

  absl::Status Check() {
    COPSE_RETURN_IF_ERROR(ReadHeader());
    int64_t last_key = -1;
    for (uint32_t i = 0; i < container_count_; ++i) {
      const auto key = LoadLittleEndian<uint16_t>(headers_, size_t{i} * 4);
      if (key <= last_key) {
        return Damaged("containers are not in order");
      }
      last_key = key;
      COPSE_RETURN_IF_ERROR(CheckContainer(i));
    }
    if (offset_ != bytes_.size()) {
      return Damaged("there are bytes after the last container");
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Damaged(absl::string_view problem) const {
    return absl::DataLossError(
        absl::StrFormat("live set of %d bytes, at offset %d: %s", bytes_.size(),
                        offset_, problem));
  }

  absl::StatusOr<std::span<const std::byte>> Take(size_t size) {
    if (size > bytes_.size() - offset_) {
      return Damaged(absl::StrFormat("needs %d bytes more", size));
    }
    const std::span<const std::byte> taken = bytes_.subspan(offset_, size);
    offset_ += size;
    return taken;
  }

  absl::Status ReadHeader() {
    COPSE_ASSIGN_OR_RETURN(auto word, Take(sizeof(uint32_t)));
    const auto cookie = LoadLittleEndian<uint32_t>(word, 0);
    if ((cookie & 0xffff) == kCookieWithRuns) {
      container_count_ = (cookie >> 16) + 1;
      COPSE_ASSIGN_OR_RETURN(run_flags_, Take((container_count_ + 7) / 8));
    } else if (cookie == kCookieWithoutRuns) {
      COPSE_ASSIGN_OR_RETURN(word, Take(sizeof(uint32_t)));
      container_count_ = LoadLittleEndian<uint32_t>(word, 0);
    } else {
      return Damaged(absl::StrFormat("cookie is %d, expected %d or %d", cookie,
                                     kCookieWithoutRuns, kCookieWithRuns));
    }
    if (container_count_ > kContainerCountMax) {
      return Damaged(absl::StrFormat("%d containers, expected at most %d",
                                     container_count_, kContainerCountMax));
    }
    COPSE_ASSIGN_OR_RETURN(headers_, Take(size_t{container_count_} * 4));
    if (run_flags_.empty() || container_count_ >= kOffsetsFromContainerCount) {
      COPSE_ASSIGN_OR_RETURN(offsets_, Take(size_t{container_count_} * 4));
    }
    return absl::OkStatus();
  }

  absl::Status CheckContainer(uint32_t i) {
    if (!offsets_.empty() &&
        LoadLittleEndian<uint32_t>(offsets_, size_t{i} * 4) != offset_) {
      return Damaged("the container is not where its offset says");
    }
    const uint32_t cardinality =
        uint32_t{LoadLittleEndian<uint16_t>(headers_, size_t{i} * 4 + 2)} + 1;
    const bool is_run =
        !run_flags_.empty() &&
        ((std::to_integer<uint8_t>(run_flags_[i / 8]) >> (i % 8)) & 1) != 0;
    if (is_run) {
      return CheckRuns(cardinality);
    }
    return cardinality <= kArrayCardinalityMax ? CheckArray(cardinality)
                                               : CheckBitmap(cardinality);
  }

  absl::Status CheckArray(uint32_t cardinality) {
    COPSE_ASSIGN_OR_RETURN(const auto values,
                           Take(cardinality * sizeof(uint16_t)));
    int32_t last = -1;
    for (uint32_t i = 0; i < cardinality; ++i) {
      const auto value =
          LoadLittleEndian<uint16_t>(values, i * sizeof(uint16_t));
      if (value <= last) {
        return Damaged("an array is not in order");
      }
      last = value;
    }
    return absl::OkStatus();
  }

  absl::Status CheckBitmap(uint32_t cardinality) {
    COPSE_ASSIGN_OR_RETURN(const auto words, Take(kBitmapSizeBytes));
    uint32_t count = 0;
    for (size_t i = 0; i < kBitmapSizeBytes; i += sizeof(uint64_t)) {
      count += static_cast<uint32_t>(
          std::popcount(LoadLittleEndian<uint64_t>(words, i)));
    }
    return count == cardinality
               ? absl::OkStatus()
               : Damaged(absl::StrFormat("a bitmap has %d bits, expected %d",
                                         count, cardinality));
  }

  absl::Status CheckRuns(uint32_t cardinality) {
    COPSE_ASSIGN_OR_RETURN(const auto size, Take(sizeof(uint16_t)));
    const auto run_count = LoadLittleEndian<uint16_t>(size, 0);
    COPSE_ASSIGN_OR_RETURN(const auto runs, Take(size_t{run_count} * 4));
    uint32_t count = 0;
    uint32_t end = 0;  // One more than the last value of the run before.
    for (size_t i = 0; i < run_count; ++i) {
      const uint32_t first = LoadLittleEndian<uint16_t>(runs, i * 4);
      const uint32_t length =
          uint32_t{LoadLittleEndian<uint16_t>(runs, i * 4 + 2)} + 1;
      // Runs that touch would be one run.
      if ((i > 0 && first <= end) || first + length > kContainerCountMax) {
        return Damaged("runs are not in order");
      }
      end = first + length;
      count += length;
    }
    return count == cardinality
               ? absl::OkStatus()
               : Damaged(absl::StrFormat("runs have %d values, expected %d",
                                         count, cardinality));
  }

  const std::span<const std::byte> bytes_;
  size_t offset_ = 0;
  uint32_t container_count_ = 0;
  std::span<const std::byte> run_flags_;
  std::span<const std::byte> headers_;
  std::span<const std::byte> offsets_;
};

}  // namespace

// CRoaring 0.2.66 puts its class into the global namespace. Only this file
// knows it.
struct LiveSet::Bitmap {
  ::Roaring set;
};

LiveSet::LiveSet() : bitmap_(std::make_unique<Bitmap>()) {}
LiveSet::LiveSet(const LiveSet& other)
    : bitmap_(std::make_unique<Bitmap>(*other.bitmap_)) {}
LiveSet::LiveSet(LiveSet&& other) noexcept = default;
LiveSet& LiveSet::operator=(const LiveSet& other) {
  if (this != &other) {
    bitmap_ = std::make_unique<Bitmap>(*other.bitmap_);
  }
  return *this;
}
LiveSet& LiveSet::operator=(LiveSet&& other) noexcept = default;
LiveSet::~LiveSet() = default;

LiveSet LiveSet::Of(std::span<const Ordinal> ordinals) {
  LiveSet set;
  set.bitmap_->set.addMany(ordinals.size(), ordinals.data());
  return set;
}

void LiveSet::Add(Ordinal ordinal) { bitmap_->set.add(ordinal); }

void LiveSet::AddRange(Ordinal first, uint64_t count) {
  constexpr uint64_t kEnd = uint64_t{1} << 32;
  COPSE_CHECK(count <= kEnd - first);
  if (count > 0) {
    bitmap_->set.addRange(first, uint64_t{first} + count);
  }
}

void LiveSet::Remove(Ordinal ordinal) { bitmap_->set.remove(ordinal); }

void LiveSet::AddAll(const LiveSet& other) {
  bitmap_->set |= other.bitmap_->set;
}

void LiveSet::RemoveAll(const LiveSet& other) {
  if (this == &other) {
    *this = LiveSet();
    return;
  }
  bitmap_->set -= other.bitmap_->set;
}

bool LiveSet::Contains(Ordinal ordinal) const {
  return bitmap_->set.contains(ordinal);
}

bool LiveSet::ContainsAll(const LiveSet& other) const {
  return other.bitmap_->set.isSubset(bitmap_->set);
}

bool LiveSet::Intersects(const LiveSet& other) const {
  return bitmap_->set.intersect(other.bitmap_->set);
}

int64_t LiveSet::row_count() const {
  return static_cast<int64_t>(bitmap_->set.cardinality());
}

bool LiveSet::empty() const { return bitmap_->set.isEmpty(); }

uint64_t LiveSet::ordinal_end() const {
  return empty() ? 0 : uint64_t{bitmap_->set.maximum()} + 1;
}

void LiveSet::ForEach(const std::function<void(Ordinal)>& visit) const {
  bitmap_->set.iterate(
      [](uint32_t ordinal, void* context) {
        (*static_cast<const std::function<void(Ordinal)>*>(context))(ordinal);
        return true;
      },
      const_cast<std::function<void(Ordinal)>*>(&visit));
}

absl::Status LiveSet::ForEachOrFail(
    const std::function<absl::Status(Ordinal)>& visit) const {
  struct Context {
    const std::function<absl::Status(Ordinal)>& visit;
    absl::Status status;
  };
  Context context{.visit = visit, .status = absl::OkStatus()};
  bitmap_->set.iterate(
      [](uint32_t ordinal, void* opaque) {
        auto& state = *static_cast<Context*>(opaque);
        state.status = state.visit(ordinal);
        return state.status.ok();
      },
      &context);
  return context.status;
}

std::vector<Ordinal> LiveSet::ToVector() const {
  std::vector<Ordinal> ordinals(bitmap_->set.cardinality());
  bitmap_->set.toUint32Array(ordinals.data());
  return ordinals;
}

LiveSet LiveSet::Difference(const LiveSet& left, const LiveSet& right) {
  LiveSet result;
  result.bitmap_->set = left.bitmap_->set - right.bitmap_->set;
  return result;
}

LiveSet LiveSet::SymmetricDifference(const LiveSet& left,
                                     const LiveSet& right) {
  LiveSet result;
  result.bitmap_->set = left.bitmap_->set ^ right.bitmap_->set;
  return result;
}

LiveSet LiveSet::Intersection(const LiveSet& left, const LiveSet& right) {
  LiveSet result;
  result.bitmap_->set = left.bitmap_->set & right.bitmap_->set;
  return result;
}

int64_t LiveSet::SymmetricDifferenceCount(const LiveSet& left,
                                          const LiveSet& right) {
  return static_cast<int64_t>(
      left.bitmap_->set.xor_cardinality(right.bitmap_->set));
}

std::string LiveSet::Encode() const {
  ::Roaring optimised = bitmap_->set;
  optimised.runOptimize();
  std::string bytes(optimised.getSizeInBytes(), '\0');
  const size_t written = optimised.write(bytes.data());
  COPSE_CHECK(written == bytes.size());
  return bytes;
}

absl::StatusOr<LiveSet> LiveSet::Parse(absl::string_view bytes) {
  COPSE_RETURN_IF_ERROR(PortableChecker(bytes).Check());
  LiveSet result;
  try {
    result.bitmap_->set = ::Roaring::readSafe(bytes.data(), bytes.size());
  } catch (const std::exception& exception) {
    return absl::DataLossError(absl::StrFormat("live set of %d bytes: %s",
                                               bytes.size(), exception.what()));
  }
  return result;
}

size_t LiveSet::memory_size_bytes() const {
  // What Roaring would write in its own format is what its containers hold.
  return sizeof(LiveSet) + sizeof(Bitmap) +
         bitmap_->set.getSizeInBytes(/*portable=*/false);
}

bool LiveSet::Equals(const LiveSet& other) const {
  return bitmap_->set == other.bitmap_->set;
}

}  // namespace copse
