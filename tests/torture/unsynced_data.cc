// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/torture/unsynced_data.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "index/split_mix.h"
#include "index/util/check.h"
#include "versioning/testing/system_calls.h"

namespace copse {
namespace {

constexpr mode_t kFolderMode = 0700;

std::string ParentOf(const std::string& path) {
  return path.substr(0, path.find_last_of('/'));
}

}  // namespace

UnsyncedData::File* UnsyncedData::Open(int file) {
  struct stat found = {};
  if (::fstat(file, &found) != 0 || !S_ISREG(found.st_mode)) {
    return nullptr;
  }
  File& entry = files_[{found.st_dev, found.st_ino}];
  if (entry.descriptor < 0) {
    // One that can be read, too, and that stays when the caller closes its own.
    const std::string path = absl::StrCat("/proc/self/fd/", file);
    entry.descriptor = system_calls::Open(path.c_str(), O_RDWR | O_CLOEXEC, 0);
    COPSE_CHECK(entry.descriptor >= 0, path);
    entry.synced_size_bytes = found.st_size;
  }
  return &entry;
}

void UnsyncedData::WillWrite(int file, off_t offset, size_t size_bytes) {
  File* const entry = Open(file);
  if (entry == nullptr) {
    return;
  }
  struct stat found = {};
  COPSE_CHECK(::fstat(entry->descriptor, &found) == 0);
  const off_t end = offset + static_cast<off_t>(size_bytes);
  Write write = {.offset = offset,
                 .size_bytes = size_bytes,
                 .old_bytes = {},
                 .file_size_bytes = std::max(end, found.st_size)};
  if (offset < found.st_size) {
    write.old_bytes.resize(
        static_cast<size_t>(std::min(end, found.st_size) - offset));
    COPSE_CHECK(::pread(entry->descriptor, write.old_bytes.data(),
                        write.old_bytes.size(), offset) ==
                static_cast<ssize_t>(write.old_bytes.size()));
  }
  entry->writes.push_back(std::move(write));
}

void UnsyncedData::WillTruncate(int file, off_t size_bytes) {
  if (File* const entry = Open(file); entry != nullptr) {
    entry->writes.push_back({.file_size_bytes = size_bytes});
  }
}

void UnsyncedData::Synced(int file) {
  File* const entry = Open(file);
  if (entry == nullptr) {
    return;
  }
  std::erase_if(entry->writes,
                [](const Write& write) { return !write.is_lost; });
  struct stat found = {};
  COPSE_CHECK(::fstat(file, &found) == 0);
  entry->synced_size_bytes = found.st_size;
  if (entry->writes.empty()) {
    system_calls::Close(entry->descriptor);
    files_.erase({found.st_dev, found.st_ino});
  }
}

void UnsyncedData::SyncFailed(int file) {
  if (File* const entry = Open(file); entry != nullptr) {
    for (Write& write : entry->writes) {
      write.is_lost = true;
    }
  }
}

// ---- Names -----------------------------------------------------------------

void UnsyncedData::Created(const std::string& path) {
  changes_.push_back({.kind = NameChange::Kind::kCreate, .path = path});
}

void UnsyncedData::FolderMade(const std::string& path) {
  changes_.push_back({.kind = NameChange::Kind::kMakeFolder, .path = path});
}

void UnsyncedData::FolderRemoved(const std::string& path) {
  changes_.push_back({.kind = NameChange::Kind::kRemoveFolder, .path = path});
}

void UnsyncedData::FolderSynced(const std::string& path) {
  std::vector<std::string> removed;
  for (const NameChange& change : changes_) {
    if (change.kind == NameChange::Kind::kRemoveFolder &&
        ParentOf(change.path) == path) {
      removed.push_back(change.path);
    }
  }
  std::erase_if(changes_, [&](const NameChange& change) {
    const std::string parent = ParentOf(change.path);
    // What was in a folder that is gone for good is gone, too.
    const bool is_synced =
        parent == path || std::ranges::find(removed, parent) != removed.end();
    if (is_synced && !change.grave.empty()) {
      system_calls::Unlink(change.grave.c_str());
    }
    return is_synced;
  });
}

std::string UnsyncedData::NewGrave() {
  return absl::StrCat(graves_, "/", grave_count_++);
}

int UnsyncedData::Unlink(const std::string& path) {
  const std::string grave = NewGrave();
  const int result = system_calls::Rename(path.c_str(), grave.c_str());
  if (result == 0) {
    changes_.push_back({.kind = NameChange::Kind::kUnlink,
                        .path = path,
                        .source = {},
                        .grave = grave});
  }
  return result;
}

int UnsyncedData::Rename(const std::string& source, const std::string& target) {
  NameChange change = {.kind = NameChange::Kind::kRename,
                       .path = target,
                       .source = source,
                       .grave = NewGrave()};
  if (system_calls::Link(target.c_str(), change.grave.c_str()) != 0) {
    COPSE_CHECK(errno == ENOENT, target);
    change.grave.clear();
  }
  const int result = system_calls::Rename(source.c_str(), target.c_str());
  if (result == 0) {
    changes_.push_back(std::move(change));
  }
  return result;
}

// ---- The loss --------------------------------------------------------------

void UnsyncedData::Lose(uint64_t seed) {
  internal::SplitMix random(seed);
  for (auto& [key, file] : files_) {
    LoseWrites(file, random);
  }
  // A journal keeps the first changes, up to some moment.
  const size_t kept_count =
      random.Below(2) == 0 ? 0 : random.Below(changes_.size() + 1);
  while (changes_.size() > kept_count) {
    Undo(changes_.back());
    changes_.pop_back();
  }
}

void UnsyncedData::LoseWrites(File& file, internal::SplitMix& random) {
  std::vector<Write>& writes = file.writes;
  const uint64_t policy = random.Below(3);
  const size_t kept_count = policy == 0 ? 0 : random.Below(writes.size() + 1);
  off_t size_bytes = file.synced_size_bytes;
  for (size_t i = 0; i < writes.size(); ++i) {
    const bool is_kept = policy == 2 ? random.Below(2) == 0 : i < kept_count;
    Write& write = writes[i];
    if (is_kept && !write.is_lost) {
      size_bytes = std::max(size_bytes, write.file_size_bytes);
      write.size_bytes = 0;
    } else if (policy == 1 && i == kept_count && !write.is_lost) {
      const size_t torn = write.size_bytes / 2;
      size_bytes =
          std::max(size_bytes, write.offset + static_cast<off_t>(torn));
      write.old_bytes.erase(0, torn);
      write.offset += static_cast<off_t>(torn);
      write.size_bytes -= torn;
    }
  }
  for (auto write = writes.rbegin(); write != writes.rend(); ++write) {
    // What was no part of the file becomes zeros, if it is one now.
    write->old_bytes.resize(write->size_bytes);
    COPSE_CHECK(system_calls::PWrite(file.descriptor, write->old_bytes.data(),
                                     write->size_bytes, write->offset) ==
                static_cast<ssize_t>(write->size_bytes));
  }
  COPSE_CHECK(system_calls::Truncate(file.descriptor, size_bytes) == 0);
  writes.clear();
}

void UnsyncedData::Undo(const NameChange& change) {
  using Kind = NameChange::Kind;
  const char* const path = change.path.c_str();
  int result = 0;
  switch (change.kind) {
    case Kind::kCreate:
      result = system_calls::Unlink(path);
      break;
    case Kind::kMakeFolder:
      result = system_calls::RemoveFolder(path);
      break;
    case Kind::kRemoveFolder:
      result = system_calls::MakeFolder(path, kFolderMode);
      break;
    case Kind::kRename:
      result = system_calls::Rename(path, change.source.c_str());
      break;
    case Kind::kUnlink:
      break;
  }
  // A file that was made in another way may lie in a folder that goes.
  COPSE_CHECK(result == 0 || change.kind == Kind::kMakeFolder, change.path);
  if (!change.grave.empty()) {
    COPSE_CHECK(system_calls::Rename(change.grave.c_str(), path) == 0, path);
  }
}

}  // namespace copse
