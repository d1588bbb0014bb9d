// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/segment_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
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
#include "index/util/mutex.h"
#include "index/util/status_macros.h"
#include "versioning/files.h"
#include "versioning/sigbus_guard.h"
#include "versioning/sparse_copy.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr uint32_t kMagic = 0x47535043;  // "CPSG" in the order of its bytes.
constexpr uint16_t kFormatVersion = 1;
constexpr uint16_t kFormatVersionBits = 2;

constexpr size_t kMagicOffset = 0;
constexpr size_t kVersionOffset = kMagicOffset + sizeof(uint32_t);
constexpr size_t kKindOffset = kVersionOffset + sizeof(uint16_t);
constexpr size_t kDomainOffset = kKindOffset + sizeof(uint16_t);
constexpr size_t kSegmentOffset = kDomainOffset + sizeof(uint32_t);
constexpr size_t kDimensionOffset = kSegmentOffset + sizeof(uint32_t);
constexpr size_t kPlaceSizeOffset = kDimensionOffset + sizeof(uint32_t);
constexpr size_t kPlaceCountOffset = kPlaceSizeOffset + sizeof(uint32_t);
constexpr size_t kEncodingOffset = kPlaceCountOffset + sizeof(uint32_t);
constexpr size_t kChecksumOffset = kEncodingOffset + sizeof(uint32_t);
constexpr size_t kFieldsEnd = kChecksumOffset + sizeof(uint64_t);
static_assert(kChecksumOffset == 32 && kFieldsEnd == 40);

std::string Show(const SegmentHeader& header) {
  return absl::StrFormat(
      "kind %d, domain %d, segment %d, dimension %d and %d places of %d "
      "bytes%s",
      static_cast<int>(header.kind), header.domain_number,
      header.segment_number, header.dimension, header.place_count,
      header.place_size_bytes,
      header.encoding == RowEncoding::kBits ? " of bits" : "");
}

std::string NameOf(const std::string& path) {
  return absl::StrFormat("segment '%s'", path);
}

absl::StatusOr<size_t> FileSizeBytes(int file, const std::string& path) {
  struct stat found = {};
  if (::fstat(file, &found) != 0) {
    return FileError("read", path, errno);
  }
  return static_cast<size_t>(found.st_size);
}

absl::StatusOr<SegmentHeader> ReadHeader(int file, const std::string& path) {
  std::string page(kSegmentHeaderSizeBytes, '\0');
  size_t size = 0;
  while (size < page.size()) {
    const ssize_t count = ::pread(file, page.data() + size, page.size() - size,
                                  static_cast<off_t>(size));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return FileError("read", path, errno);
    }
    if (count == 0) {
      break;
    }
    size += static_cast<size_t>(count);
  }
  return ParseSegmentHeader(
      std::as_bytes(std::span<const char>(page.data(), size)));
}

}  // namespace

ssize_t SegmentCalls::PWrite(int descriptor, const void* data, size_t size,
                             off_t offset) {
  return ::pwrite(descriptor, data, size, offset);
}

int SegmentCalls::FDataSync(int descriptor) { return ::fdatasync(descriptor); }

int SegmentCalls::FSync(int descriptor) { return ::fsync(descriptor); }

int SegmentCalls::FTruncate(int descriptor, off_t size) {
  return ::ftruncate(descriptor, size);
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string page(kSegmentHeaderSizeBytes, '\0');
  const auto bytes =
      std::as_writable_bytes(std::span<char>(page.data(), page.size()));
  StoreLittleEndian<uint32_t>(bytes, kMagicOffset, kMagic);
  // One encoding for each content: floats are version 1 for ever.
  StoreLittleEndian<uint16_t>(bytes, kVersionOffset,
                              header.encoding == RowEncoding::kBits
                                  ? kFormatVersionBits
                                  : kFormatVersion);
  StoreLittleEndian<uint16_t>(bytes, kKindOffset,
                              static_cast<uint16_t>(header.kind));
  StoreLittleEndian<uint32_t>(bytes, kDomainOffset, header.domain_number);
  StoreLittleEndian<uint32_t>(bytes, kSegmentOffset, header.segment_number);
  StoreLittleEndian<uint32_t>(bytes, kDimensionOffset, header.dimension);
  StoreLittleEndian<uint32_t>(bytes, kPlaceSizeOffset, header.place_size_bytes);
  StoreLittleEndian<uint32_t>(bytes, kPlaceCountOffset, header.place_count);
  StoreLittleEndian<uint32_t>(bytes, kEncodingOffset,
                              static_cast<uint32_t>(header.encoding));
  StoreLittleEndian<uint64_t>(bytes, kChecksumOffset,
                              XXH3_64bits(page.data(), kChecksumOffset));
  return page;
}

absl::StatusOr<SegmentHeader> ParseSegmentHeader(
    std::span<const std::byte> bytes) {
  if (bytes.size() != kSegmentHeaderSizeBytes) {
    return absl::DataLossError(
        absl::StrFormat("header has %d bytes, expected %d", bytes.size(),
                        kSegmentHeaderSizeBytes));
  }
  const auto magic = LoadLittleEndian<uint32_t>(bytes, kMagicOffset);
  if (magic != kMagic) {
    return absl::DataLossError(
        absl::StrFormat("magic at offset %d is 0x%08x, expected 0x%08x",
                        kMagicOffset, magic, kMagic));
  }
  const uint64_t computed = XXH3_64bits(bytes.data(), kChecksumOffset);
  const auto stored = LoadLittleEndian<uint64_t>(bytes, kChecksumOffset);
  if (computed != stored) {
    return absl::DataLossError(
        absl::StrFormat("header checksum is %016x, expected %016x as at offset "
                        "%d",
                        computed, stored, kChecksumOffset));
  }
  const auto version = LoadLittleEndian<uint16_t>(bytes, kVersionOffset);
  if (version != kFormatVersion && version != kFormatVersionBits) {
    return absl::UnimplementedError(absl::StrFormat(
        "format version at offset %d is %d, expected %d or %d: upgrade copse "
        "to read it",
        kVersionOffset, version, kFormatVersion, kFormatVersionBits));
  }
  const auto rest = bytes.subspan(kFieldsEnd);
  if (!std::ranges::all_of(rest,
                           [](std::byte b) { return b == std::byte{0}; })) {
    return absl::DataLossError(
        absl::StrFormat("header is not zero from offset %d on", kFieldsEnd));
  }
  const auto kind = LoadLittleEndian<uint16_t>(bytes, kKindOffset);
  if (kind != static_cast<uint16_t>(SegmentKind::kVectors) &&
      kind != static_cast<uint16_t>(SegmentKind::kChecks)) {
    return absl::DataLossError(absl::StrFormat(
        "kind at offset %d is %d, expected 1 or 2", kKindOffset, kind));
  }
  const auto encoding = LoadLittleEndian<uint32_t>(bytes, kEncodingOffset);
  const uint32_t expected = version == kFormatVersionBits ? 1 : 0;
  if (encoding != expected) {
    return absl::DataLossError(absl::StrFormat(
        "encoding at offset %d is %d, expected %d in version %d",
        kEncodingOffset, encoding, expected, version));
  }
  return SegmentHeader{
      .kind = static_cast<SegmentKind>(kind),
      .domain_number = LoadLittleEndian<uint32_t>(bytes, kDomainOffset),
      .segment_number = LoadLittleEndian<uint32_t>(bytes, kSegmentOffset),
      .dimension = LoadLittleEndian<uint32_t>(bytes, kDimensionOffset),
      .place_size_bytes = LoadLittleEndian<uint32_t>(bytes, kPlaceSizeOffset),
      .place_count = LoadLittleEndian<uint32_t>(bytes, kPlaceCountOffset),
      .encoding = static_cast<RowEncoding>(encoding)};
}

absl::StatusOr<SegmentHeader> ReadSegmentHeader(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const FileDescriptor file, OpenFile(path, O_RDONLY));
  return ReadHeader(file.get(), path);
}

absl::StatusOr<std::unique_ptr<SegmentFile>> SegmentFile::Create(
    const std::string& path, const SegmentHeader& header,
    const SegmentFileOptions& options) {
  const std::string temporary_path = path + ".tmp";
  COPSE_ASSIGN_OR_RETURN(FileDescriptor file,
                         OpenFile(temporary_path, O_RDWR | O_CREAT | O_TRUNC));
  const std::string page = EncodeSegmentHeader(header);
  COPSE_RETURN_IF_ERROR(WriteAt(*options.calls, file.get(), temporary_path,
                                std::as_bytes(std::span(page)), 0));
  if (options.calls->FDataSync(file.get()) != 0) {
    return FileError("sync", temporary_path, errno);
  }
  if (::rename(temporary_path.c_str(), path.c_str()) != 0) {
    return FileError("rename", temporary_path, errno);
  }
  COPSE_RETURN_IF_ERROR(SyncFolder(path.substr(0, path.find_last_of('/'))));
  std::unique_ptr<SegmentFile> segment(new SegmentFile(path, header, options));
  segment->file_ = std::move(file);
  COPSE_RETURN_IF_ERROR(segment->Map(page.size()));
  return segment;
}

absl::StatusOr<std::unique_ptr<SegmentFile>> SegmentFile::Open(
    const std::string& path, const SegmentHeader& header, uint32_t place_end,
    const SegmentFileOptions& options) {
  absl::StatusOr<FileDescriptor> file = OpenFile(path, O_RDWR);
  if (absl::IsNotFound(file.status())) {
    return DataDamagedError(NameOf(path), "the file is missing");
  }
  COPSE_RETURN_IF_ERROR(file.status());
  const absl::StatusOr<SegmentHeader> found = ReadHeader(file->get(), path);
  if (!found.ok()) {
    return AnnotateStored(found.status(), NameOf(path));
  }
  if (*found != header) {
    return DataDamagedError(NameOf(path),
                            absl::StrFormat("header has %s, expected %s",
                                            Show(*found), Show(header)));
  }
  COPSE_ASSIGN_OR_RETURN(const size_t size_bytes,
                         FileSizeBytes(file->get(), path));
  const size_t size_bytes_min =
      kSegmentHeaderSizeBytes + size_t{place_end} * header.place_size_bytes;
  if (size_bytes < size_bytes_min) {
    return DataDamagedError(
        NameOf(path), absl::StrFormat("size is %d bytes, expected at least %d",
                                      size_bytes, size_bytes_min));
  }
  std::unique_ptr<SegmentFile> segment(new SegmentFile(path, header, options));
  segment->file_ = *std::move(file);
  COPSE_RETURN_IF_ERROR(segment->Map(size_bytes));
  return segment;
}

SegmentFile::~SegmentFile() {
  // First out of the guard's table, then out of memory.
  watched_ = SigbusGuard::Range();
  if (map_ != nullptr) {
    ::munmap(map_, map_size_bytes_);
  }
}

absl::Status SegmentFile::Map(size_t file_size_bytes) {
  map_size_bytes_ = full_size_bytes();
  void* address = ::mmap(nullptr, map_size_bytes_, PROT_READ,
                         MAP_SHARED | MAP_NORESERVE, file_.get(), 0);
  if (address == MAP_FAILED) {
    return FileError("map", path_, errno);
  }
  map_ = static_cast<std::byte*>(address);
  COPSE_ASSIGN_OR_RETURN(watched_,
                         SigbusGuard::Watch(map_, map_size_bytes_, &damaged_,
                                            options_.any_damaged));
  size_bytes_.store(std::min(file_size_bytes, map_size_bytes_),
                    std::memory_order_release);
  return absl::OkStatus();
}

absl::Status SegmentFile::GrowTo(size_t size_bytes) {
  const size_t old_size_bytes = size_bytes_.load(std::memory_order_acquire);
  if (size_bytes <= old_size_bytes) {
    return absl::OkStatus();
  }
  // By whole steps, so that most writes change no size and a sync of them
  // writes no metadata.
  const size_t steps =
      (size_bytes + options_.step_size_bytes - 1) / options_.step_size_bytes;
  const size_t new_size_bytes =
      std::min(steps * options_.step_size_bytes, full_size_bytes());
  if (options_.calls->FTruncate(file_.get(),
                                static_cast<off_t>(new_size_bytes)) != 0) {
    return FileError("grow", path_, errno);
  }
  size_bytes_.store(new_size_bytes, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status SegmentFile::Write(uint32_t first,
                                std::span<const std::byte> bytes) {
  COPSE_CHECK(bytes.size() % header_.place_size_bytes == 0);
  const size_t place_count = bytes.size() / header_.place_size_bytes;
  COPSE_CHECK(first + place_count <= header_.place_count);
  const size_t offset =
      kSegmentHeaderSizeBytes + size_t{first} * header_.place_size_bytes;
  MutexLock lock(write_mutex_);
  COPSE_RETURN_IF_ERROR(GrowTo(offset + bytes.size()));
  return WriteAt(*options_.calls, file_.get(), path_, bytes, offset);
}

absl::Status SegmentFile::Sync() {
  if (options_.calls->FDataSync(file_.get()) != 0) {
    return FileError("sync", path_, errno);
  }
  MutexLock lock(write_mutex_);
  return name_status_;
}

absl::Status SegmentFile::Fill() {
  if (size_bytes_.load(std::memory_order_acquire) == full_size_bytes()) {
    return absl::OkStatus();
  }
  MutexLock lock(write_mutex_);
  COPSE_RETURN_IF_ERROR(GrowTo(full_size_bytes()));
  // Not fdatasync, which owes nothing for a size without data.
  if (options_.calls->FSync(file_.get()) != 0) {
    return FileError("sync", path_, errno);
  }
  return absl::OkStatus();
}

absl::Status SegmentFile::CopyData(int copy, const std::string& copy_path,
                                   size_t first, size_t end) {
  if (first >= end) {
    return absl::OkStatus();
  }
  return CopySparse(*options_.calls, {.source = file_.get(),
                                      .source_path = path_,
                                      .source_offset = first,
                                      .target = copy,
                                      .target_path = copy_path,
                                      .target_offset = first,
                                      .size = end - first})
      .status();
}

absl::Status SegmentFile::Rewrite(std::span<const PlaceRange> kept,
                                  uint32_t open_end) {
  const std::string copy_path = path_ + ".tmp";
  COPSE_ASSIGN_OR_RETURN(FileDescriptor copy,
                         OpenFile(copy_path, O_RDWR | O_CREAT | O_TRUNC));
  const auto write_copy = [&]() -> absl::Status {
    const std::string page = EncodeSegmentHeader(header_);
    COPSE_RETURN_IF_ERROR(WriteAt(*options_.calls, copy.get(), copy_path,
                                  std::as_bytes(std::span(page)), 0));
    for (const PlaceRange& range : kept) {
      COPSE_CHECK(range.first + range.count <= open_end);
      const size_t first = OffsetOf(range.first);
      const size_t end = std::min(OffsetOf(range.first + range.count),
                                  size_bytes_.load(std::memory_order_acquire));
      COPSE_RETURN_IF_ERROR(CopyData(copy.get(), copy_path, first, end));
    }
    // So that little is left to sync while writers wait.
    return options_.calls->FDataSync(copy.get()) == 0
               ? absl::OkStatus()
               : FileError("sync", copy_path, errno);
  };
  absl::Status status = write_copy();
  if (status.ok()) {
    status = Replace(std::move(copy), copy_path, open_end);
  }
  if (!status.ok()) {
    ::unlink(copy_path.c_str());  // Without effect once it is renamed.
  }
  return status;
}

absl::Status SegmentFile::Replace(FileDescriptor copy,
                                  const std::string& copy_path,
                                  uint32_t open_end) {
  MutexLock lock(write_mutex_);
  const size_t size_bytes = size_bytes_.load(std::memory_order_acquire);
  COPSE_RETURN_IF_ERROR(
      CopyData(copy.get(), copy_path, OffsetOf(open_end), size_bytes));
  if (options_.calls->FTruncate(copy.get(), static_cast<off_t>(size_bytes)) !=
      0) {
    return FileError("grow", copy_path, errno);
  }
  if (options_.calls->FSync(copy.get()) != 0) {
    return FileError("sync", copy_path, errno);
  }
  if (::rename(copy_path.c_str(), path_.c_str()) != 0) {
    return FileError("rename", copy_path, errno);
  }
  // From here on the copy is the file. In one step for whoever reads: a fault
  // waits until the new map is there, and bytes that are read are the same. If
  // the kernel has no memory for it, the old map may be gone.
  void* address = ::mmap(map_, map_size_bytes_, PROT_READ,
                         MAP_SHARED | MAP_NORESERVE | MAP_FIXED, copy.get(), 0);
  COPSE_CHECK(address == map_, path_);
  COPSE_CHECK(::dup3(copy.get(), file_.get(), O_CLOEXEC) == file_.get(), path_);
  absl::Status status = SyncFolder(path_.substr(0, path_.find_last_of('/')));
  if (!status.ok()) {
    name_status_ = status;
  }
  return status;
}

absl::StatusOr<int64_t> SegmentFile::AllocatedSizeBytes() const {
  struct stat found = {};
  if (::fstat(file_.get(), &found) != 0) {
    return FileError("read", path_, errno);
  }
  constexpr int64_t kStatBlockSizeBytes = 512;  // As stat(2) fixes it.
  return found.st_blocks * kStatBlockSizeBytes;
}

}  // namespace copse
