// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A library to be preloaded into copsed: kills the process, as kill -9 does, at
// a chosen call that changes a file. So a crash can be had at every step of a
// push or a start, and not only where a timer happens to hit.
//
//   LD_PRELOAD=libkill_at_call.so COPSE_KILL_CALL=sync
//   COPSE_KILL_PATH=vectors- COPSE_KILL_NUMBER=3 copsed ...
//
// kills at the third sync of a file whose path contains "vectors-". The
// call is one of write, pwrite, sync (fsync and fdatasync), rename, unlink and
// any; an empty path means all files. Every second number writes half of the
// bytes before the end, so that torn writes are seen, too. Without
// COPSE_KILL_NUMBER nothing is killed.
//
// The calls are counted from the moment the file COPSE_KILL_ARM exists; unset
// means from the start.

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>

namespace {

struct Settings {
  const char* call = getenv("COPSE_KILL_CALL");
  const char* path = getenv("COPSE_KILL_PATH");
  const char* arm = getenv("COPSE_KILL_ARM");
  int64_t number = getenv("COPSE_KILL_NUMBER") != nullptr
                       ? atoll(getenv("COPSE_KILL_NUMBER"))
                       : 0;
};

const Settings& GetSettings() {
  static const Settings settings;
  return settings;
}

std::atomic<int64_t> call_count{0};

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool PathMatches(int descriptor) {
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
  const ssize_t size = readlink(link, path, sizeof(path) - 1);
  if (size <= 0 || path[0] != '/') {
    return false;  // A socket, a pipe or nothing.
  }
  path[size] = '\0';
  const char* wanted = GetSettings().path;
  // Only files: /dev/null and the terminal do not count.
  return strncmp(path, "/dev/", 5) != 0 && strncmp(path, "/proc/", 6) != 0 &&
         (wanted == nullptr || strstr(path, wanted) != nullptr);
}

// Returns whether this call is the one to die in.
bool IsLast(const char* call) {
  const Settings& settings = GetSettings();
  if (settings.number <= 0 || settings.call == nullptr ||
      (strcmp(settings.call, call) != 0 && strcmp(settings.call, "any") != 0)) {
    return false;
  }
  if (settings.arm != nullptr && access(settings.arm, F_OK) != 0) {
    return false;
  }
  return call_count.fetch_add(1) + 1 == settings.number;
}

bool IsLast(const char* call, int descriptor) {
  return GetSettings().number > 0 && PathMatches(descriptor) && IsLast(call);
}

[[noreturn]] void Die() {
  kill(getpid(), SIGKILL);
  for (;;) {
    pause();
  }
}

bool WritesHalf() { return GetSettings().number % 2 == 0; }

}  // namespace

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C
// library calls them __fd and the like.
extern "C" {

ssize_t write(int descriptor, const void* data, size_t size) {
  static const auto next = Next<ssize_t (*)(int, const void*, size_t)>("write");
  if (IsLast("write", descriptor)) {
    if (WritesHalf()) {
      next(descriptor, data, size / 2);
    }
    Die();
  }
  return next(descriptor, data, size);
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t offset) {
  static const auto next =
      Next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  if (IsLast("pwrite", descriptor)) {
    if (WritesHalf()) {
      next(descriptor, data, size / 2, offset);
    }
    Die();
  }
  return next(descriptor, data, size, offset);
}

ssize_t pwrite64(int descriptor, const void* data, size_t size,
                 off64_t offset) {
  static const auto next =
      Next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  if (IsLast("pwrite", descriptor)) {
    if (WritesHalf()) {
      next(descriptor, data, size / 2, offset);
    }
    Die();
  }
  return next(descriptor, data, size, offset);
}

int fsync(int descriptor) {
  static const auto next = Next<int (*)(int)>("fsync");
  if (IsLast("sync", descriptor)) {
    Die();
  }
  return next(descriptor);
}

int fdatasync(int descriptor) {
  static const auto next = Next<int (*)(int)>("fdatasync");
  if (IsLast("sync", descriptor)) {
    Die();
  }
  return next(descriptor);
}

int rename(const char* source, const char* target) {
  static const auto next = Next<int (*)(const char*, const char*)>("rename");
  if (GetSettings().number > 0 &&
      (GetSettings().path == nullptr ||
       strstr(target, GetSettings().path) != nullptr) &&
      IsLast("rename")) {
    Die();
  }
  return next(source, target);
}

int unlink(const char* path) {
  static const auto next = Next<int (*)(const char*)>("unlink");
  if (GetSettings().number > 0 &&
      (GetSettings().path == nullptr ||
       strstr(path, GetSettings().path) != nullptr) &&
      IsLast("unlink")) {
    Die();
  }
  return next(path);
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
