// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/data_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "xxhash.h"

#include "index/util/error_reason.h"
#include "index/util/status_macros.h"
#include "versioning/files.h"
#include "versioning/folder_lock.h"
#include "versioning/spill_file.h"
#include "versioning/storage_errors.h"

namespace copse {
namespace {

constexpr absl::string_view kMagicLine = "copse data folder";
constexpr absl::string_view kStateNew = "new";
constexpr absl::string_view kStateReady = "ready";
constexpr absl::string_view kStateRestoring = "restoring";
constexpr size_t kFormatFileSizeBytesMax = 4096;

// What FORMAT says.
struct FolderFormat {
  uint32_t version = 0;
  bool is_ready = false;
};

std::string EncodeFormat(absl::string_view state) {
  const std::string lines = absl::StrFormat(
      "%s\nformat %d\nstate %s\n", kMagicLine, kDataFormatVersion, state);
  return absl::StrFormat("%schecksum %016x\n", lines,
                         XXH3_64bits(lines.data(), lines.size()));
}

absl::Status FormatDamagedError(const std::string& path,
                                absl::string_view problem) {
  return DataDamagedError(
      absl::StrFormat("file '%s'", path),
      absl::StrCat(problem, ": restore the data folder from a backup"));
}

// The checksum is tested before the version, so that damage is told from a
// newer version; so every version keeps the first two lines and the last.
absl::StatusOr<FolderFormat> ParseFormat(const std::string& path,
                                         absl::string_view text) {
  const size_t checksum_begin = text.rfind("checksum ");
  if (!absl::StartsWith(text, absl::StrCat(kMagicLine, "\nformat ")) ||
      checksum_begin == absl::string_view::npos) {
    return FormatDamagedError(
        path, absl::StrFormat("expected the lines '%s', 'format ...' and "
                              "'checksum ...'",
                              kMagicLine));
  }
  const std::string expected = absl::StrFormat(
      "checksum %016x\n", XXH3_64bits(text.data(), checksum_begin));
  if (text.substr(checksum_begin) != expected) {
    return FormatDamagedError(
        path, absl::StrFormat("the last line does not match the ones before "
                              "it, expected '%s'",
                              absl::StripSuffix(expected, "\n")));
  }
  const std::vector<absl::string_view> lines =
      absl::StrSplit(text.substr(0, checksum_begin), '\n');
  FolderFormat format;
  if (!absl::SimpleAtoi(absl::StripPrefix(lines[1], "format "),
                        &format.version) ||
      format.version == 0) {
    return FormatDamagedError(path, "the second line has no version");
  }
  if (format.version > kDataFormatVersion) {
    return WithReason(
        absl::UnimplementedError(absl::StrFormat(
            "file '%s': format is %d, expected at most %d: a newer copse wrote "
            "the data folder, upgrade copse to open it",
            path, format.version, kDataFormatVersion)),
        "DATA_FORMAT_NEWER",
        {{"path", path},
         {"format", absl::StrCat(format.version)},
         {"format_max", absl::StrCat(kDataFormatVersion)}});
  }
  if (format.version < kDataFormatVersion) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrFormat(
            "file '%s': format is %d, expected %d: a copse from before the "
            "first release wrote the data folder, choose an empty folder and "
            "push the commits again",
            path, format.version, kDataFormatVersion)),
        "DATA_FORMAT_OLDER",
        {{"path", path},
         {"format", absl::StrCat(format.version)},
         {"format_min", absl::StrCat(kDataFormatVersion)}});
  }
  const absl::string_view state =
      lines.size() > 2 ? absl::StripPrefix(lines[2], "state ") : "";
  if (state == kStateRestoring) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrFormat(
            "file '%s': a restore into the data folder did not come to its "
            "end: remove what is in the folder, and restore again",
            path)),
        "DATA_FOLDER_RESTORING", {{"path", path}});
  }
  if (state != kStateNew && state != kStateReady) {
    return FormatDamagedError(path, "the third line has no state");
  }
  format.is_ready = state == kStateReady;
  return format;
}

// Refuses to settle where somebody else's files are. `lost+found` is what a
// fresh disk holds.
absl::Status CheckUnused(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         ListFolder(path));
  if (std::binary_search(names.begin(), names.end(), "FORMAT")) {
    return absl::OkStatus();  // Another process has just settled here.
  }
  for (const std::string& name : names) {
    if (name != "LOCK" && name != "FORMAT.tmp" && name != "lost+found") {
      return WithReason(
          absl::FailedPreconditionError(absl::StrFormat(
              "data folder '%s' holds '%s' but no file FORMAT: choose an empty "
              "folder, or restore FORMAT if this is a data folder of copse",
              path, name)),
          "DATA_FOLDER_FOREIGN", {{"folder", path}, {"file", name}});
    }
  }
  return absl::OkStatus();
}

// Returns an error unless `path` holds nothing but what belongs to nobody.
absl::Status CheckEmpty(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         ListFolder(path));
  for (const std::string& name : names) {
    if (name != "LOCK" && name != "FORMAT.tmp" && name != "lost+found") {
      return WithReason(
          absl::FailedPreconditionError(absl::StrFormat(
              "data folder '%s' holds '%s': a backup is restored into an empty "
              "folder, so choose one, or one that does not exist",
              path, name)),
          "DATA_FOLDER_NOT_EMPTY", {{"folder", path}, {"file", name}});
    }
  }
  return absl::OkStatus();
}

absl::Status WriteFormat(const std::string& path, absl::string_view state) {
  const std::string text = EncodeFormat(state);
  return WriteFileAtomically(path, std::as_bytes(std::span(text)));
}

bool Exists(const std::string& path) {
  struct stat found = {};
  return ::lstat(path.c_str(), &found) == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataFolder>> DataFolder::Open(
    const std::string& path) {
  if (path.empty()) {
    return absl::InvalidArgumentError("the data folder has no name");
  }
  COPSE_RETURN_IF_ERROR(CreateFolder(path));
  const std::string format_path = path + "/FORMAT";
  // Before the lock, whose file would be the first one there.
  if (!Exists(format_path)) {
    COPSE_RETURN_IF_ERROR(CheckUnused(path));
  }
  COPSE_ASSIGN_OR_RETURN(FileDescriptor lock,
                         LockFolder(path, {.what = "data folder",
                                           .reason = "DATA_FOLDER_LOCKED"}));
  std::unique_ptr<DataFolder> folder(new DataFolder(path, std::move(lock)));

  const absl::StatusOr<std::string> text =
      ReadSmallFile(format_path, kFormatFileSizeBytesMax);
  if (absl::IsNotFound(text.status())) {
    // Again under the lock: another start may have been at work.
    COPSE_RETURN_IF_ERROR(CheckUnused(path));
    COPSE_RETURN_IF_ERROR(WriteFormat(format_path, kStateNew));
  } else {
    COPSE_RETURN_IF_ERROR(text.status());
    COPSE_ASSIGN_OR_RETURN(const FolderFormat format,
                           ParseFormat(format_path, *text));
    folder->is_ready_ = format.is_ready;
  }
  const std::string current_path = folder->meta_path() + "/CURRENT";
  if (!folder->is_ready_) {
    // A first start that was cut short: nothing was promised yet.
    COPSE_RETURN_IF_ERROR(RemoveTree(folder->meta_path()));
  } else if (!Exists(current_path)) {
    return DataDamagedError(
        absl::StrFormat("file '%s'", current_path),
        "it is missing: restore the data folder from a backup");
  }
  COPSE_RETURN_IF_ERROR(CreateFolder(folder->meta_path()));
  COPSE_RETURN_IF_ERROR(CreateFolder(path + "/domains"));
  COPSE_RETURN_IF_ERROR(CreateFolder(folder->spool_path()));
  COPSE_RETURN_IF_ERROR(RemoveTree(SpillPath(path)));
  return folder;
}

absl::StatusOr<std::unique_ptr<DataFolder>> DataFolder::BeginRestore(
    const std::string& path) {
  if (path.empty()) {
    return absl::InvalidArgumentError("the data folder has no name");
  }
  const bool exists = Exists(path);
  COPSE_RETURN_IF_ERROR(CreateFolder(path));
  COPSE_RETURN_IF_ERROR(CheckEmpty(path));
  COPSE_ASSIGN_OR_RETURN(FileDescriptor lock,
                         LockFolder(path, {.what = "data folder",
                                           .reason = "DATA_FOLDER_LOCKED"}));
  // Again under the lock: a start may have been at work.
  COPSE_RETURN_IF_ERROR(CheckEmpty(path));
  std::unique_ptr<DataFolder> folder(new DataFolder(path, std::move(lock)));
  folder->is_made_to_restore_ = !exists;
  COPSE_RETURN_IF_ERROR(WriteFormat(path + "/FORMAT", kStateRestoring));
  COPSE_RETURN_IF_ERROR(CreateFolder(folder->meta_path()));
  COPSE_RETURN_IF_ERROR(CreateFolder(path + "/domains"));
  COPSE_RETURN_IF_ERROR(CreateFolder(folder->spool_path()));
  return folder;
}

absl::Status DataFolder::AbandonRestore() {
  // FORMAT after the rest: until then nobody takes it for a data folder.
  for (const char* name : {"/domains", "/meta", "/spool", "/FORMAT", "/LOCK"}) {
    COPSE_RETURN_IF_ERROR(RemoveTree(path_ + name));
  }
  return is_made_to_restore_ ? RemoveTree(path_) : absl::OkStatus();
}

absl::Status DataFolder::MarkReady() {
  if (is_ready_) {
    return absl::OkStatus();
  }
  COPSE_RETURN_IF_ERROR(SyncFolder(meta_path()));
  COPSE_RETURN_IF_ERROR(WriteFormat(path_ + "/FORMAT", kStateReady));
  is_ready_ = true;
  return absl::OkStatus();
}

std::string DataFolder::DomainPath(uint32_t domain_number) const {
  return absl::StrCat(path_, "/domains/", domain_number);
}

absl::Status DataFolder::CreateDomainFolder(uint32_t domain_number) const {
  return CreateFolder(DomainPath(domain_number));
}

absl::Status DataFolder::RemoveDomainFolder(uint32_t domain_number) const {
  COPSE_RETURN_IF_ERROR(RemoveTree(DomainPath(domain_number)));
  return SyncFolder(path_ + "/domains");
}

absl::StatusOr<std::vector<uint32_t>> DataFolder::ListDomainFolders() const {
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         ListFolder(path_ + "/domains"));
  std::vector<uint32_t> numbers;
  for (const std::string& name : names) {
    uint32_t number = 0;
    // Only what DomainPath() would write: not "07", not " 7".
    if (absl::SimpleAtoi(name, &number) && absl::StrCat(number) == name) {
      numbers.push_back(number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

absl::StatusOr<int64_t> DataFolder::FreeSizeBytes() const {
  return copse::FreeSizeBytes(path_);
}

}  // namespace copse
