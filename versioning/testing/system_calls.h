// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Calls of the operating system that no replacement in the program sees.

#ifndef COPSE_VERSIONING_TESTING_SYSTEM_CALLS_H_
#define COPSE_VERSIONING_TESTING_SYSTEM_CALLS_H_

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>

namespace copse::system_calls {

inline ssize_t Write(int file, const void* data, size_t size_bytes) {
  return ::syscall(SYS_write, file, data, size_bytes);
}

inline ssize_t PWrite(int file, const void* data, size_t size_bytes,
                      off_t offset) {
  return ::syscall(SYS_pwrite64, file, data, size_bytes, offset);
}

inline int Open(const char* path, int flags, mode_t mode) {
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

inline int Close(int file) {
  return static_cast<int>(::syscall(SYS_close, file));
}

inline int Truncate(int file, off_t size_bytes) {
  return static_cast<int>(::syscall(SYS_ftruncate, file, size_bytes));
}

inline int Allocate(int file, int mode, off_t offset, off_t size_bytes) {
  return static_cast<int>(
      ::syscall(SYS_fallocate, file, mode, offset, size_bytes));
}

inline int FSync(int file) {
  return static_cast<int>(::syscall(SYS_fsync, file));
}

inline int FDataSync(int file) {
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

inline int Rename(const char* source, const char* target) {
  return static_cast<int>(
      ::syscall(SYS_renameat2, AT_FDCWD, source, AT_FDCWD, target, 0));
}

inline int Link(const char* source, const char* target) {
  return static_cast<int>(
      ::syscall(SYS_linkat, AT_FDCWD, source, AT_FDCWD, target, 0));
}

inline int Unlink(const char* path) {
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

inline int MakeFolder(const char* path, mode_t mode) {
  return static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

inline int RemoveFolder(const char* path) {
  return static_cast<int>(
      ::syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
}

[[noreturn]] inline void ExitNow(int code) {
  for (;;) {
    ::syscall(SYS_exit_group, code);
  }
}

}  // namespace copse::system_calls

#endif  // COPSE_VERSIONING_TESTING_SYSTEM_CALLS_H_
