// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0

#include "versioning/testing/file_calls.h"

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"

#include "versioning/testing/system_calls.h"

namespace copse {
namespace {

constexpr size_t kPathSizeMax = 4096;

std::atomic<FileCallHook> active_hook = nullptr;

// Returns whether the call fails, with errno set.
bool Fails(const FileCall& call) {
  const FileCallHook hook = active_hook.load();
  const int error = hook == nullptr ? 0 : hook(call);
  if (error != 0) {
    errno = error;
  }
  return error != 0;
}

}  // namespace

void SetFileCallHook(FileCallHook hook) { active_hook.store(hook); }

std::string PathOf(const FileCall& call) {
  if (call.path != nullptr) {
    return call.path;
  }
  const std::string link = absl::StrCat("/proc/self/fd/", call.file);
  char path[kPathSizeMax];
  const ssize_t size = ::readlink(link.c_str(), path, sizeof(path));
  return size <= 0 ? "" : std::string(path, static_cast<size_t>(size));
}

}  // namespace copse

// In the place of those of libc, for RocksDB, too.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C
// library calls them __fd and the like.
extern "C" {

using copse::Fails;
using copse::FileCall;
namespace system_calls = copse::system_calls;

ssize_t write(int file, const void* data, size_t size) {
  return Fails({.kind = FileCall::Kind::kWrite, .file = file})
             ? -1
             : system_calls::Write(file, data, size);
}

ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  return Fails({.kind = FileCall::Kind::kWrite, .file = file})
             ? -1
             : system_calls::PWrite(file, data, size, offset);
}

ssize_t pwrite64(int file, const void* data, size_t size, off_t offset) {
  return pwrite(file, data, size, offset);
}

int ftruncate(int file, off_t size) noexcept {
  return Fails({.kind = FileCall::Kind::kResize, .file = file})
             ? -1
             : system_calls::Truncate(file, size);
}

int fdatasync(int file) {
  return Fails({.kind = FileCall::Kind::kSync, .file = file})
             ? -1
             : system_calls::FDataSync(file);
}

int fsync(int file) {
  return Fails({.kind = FileCall::Kind::kSync, .file = file})
             ? -1
             : system_calls::FSync(file);
}

int rename(const char* source, const char* target) noexcept {
  return Fails({.kind = FileCall::Kind::kName, .path = target})
             ? -1
             : system_calls::Rename(source, target);
}

int unlink(const char* path) noexcept {
  return Fails({.kind = FileCall::Kind::kName, .path = path})
             ? -1
             : system_calls::Unlink(path);
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
